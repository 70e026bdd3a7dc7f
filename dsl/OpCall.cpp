// Calls inside an equation: functions of numbers, and ops on numbers, which are inlined.
#include "dsl/Evaluator.h"
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using llvm::ArrayRef;
using llvm::StringRef;
using llvm::Twine;

/// The declaration that is called; none for a function of the table (which the library's op of the
/// same name stands for), then only `written` tells.
Found OpElaborator::calleeOf(const ast::Call &expr, std::string &written) const {
  written = expr.callee->span.text().str();
  if (auto *member = llvm::dyn_cast<ast::Member>(expr.callee)) {
    auto *base = llvm::dyn_cast<ast::Name>(member->base);
    const Module *module = base ? scope.module()->alias(base->name) : nullptr;
    return module ? module->findExported(member->member.text) : Found();
  }
  auto *name = llvm::dyn_cast<ast::Name>(expr.callee);
  if (!name)
    return {};
  Found found = scope.module()->find(name->name);
  if (found && found.module->isStandard() && ScalarMath::arity(name->name))
    return {};
  return found;
}

FailureOr<mlir::Value> OpElaborator::callFunction(const ast::Call &expr, StringRef function,
                                                  EquationBuilder &eq) {
  const std::vector<ast::Arg> &args = expr.args.list;
  bool variadic = function == "max" || function == "min";
  unsigned arity = ScalarMath::arity(function);
  if (variadic && args.size() == 1)
    return elab.error("arguments", expr.span, function + " of one number is that number")
        .help("over an index: " + function + "[i] ..");
  if (variadic ? args.size() < 2 : args.size() != arity)
    return elab.error("arguments", expr.args.span,
                      function + " takes " + Twine(arity) + (arity == 1 ? " number" : " numbers") +
                          ", got " + Twine(args.size()));
  llvm::SmallVector<mlir::Value, 2> operands;
  for (const ast::Arg &arg : args) {
    if (arg.name)
      return elab.error("arguments", arg.span,
                        function + " has no setting '" + arg.name.text + "'");
    auto value = scalar(*arg.value, eq);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  return eq.scalars().function(function, operands);
}

/// `index(e, K)`: back from a number to a class, its whole part brought inside; in a read with `??`
/// all that is no class is K.
FailureOr<mlir::Value> OpElaborator::toIndex(const ast::Call &expr, EquationBuilder &eq) {
  if (expr.args.list.size() != 2)
    return elab.error("arguments", expr.args.span, "index takes a number and the number of classes")
        .help("write index(e, K)");
  auto classes = elab.evaluateInt(*expr.args.list[1].value, scope, "the number of classes");
  auto value = scalar(*expr.args.list[0].value, eq);
  if (failed(classes) || failed(value))
    return failure();
  if (*classes < 1)
    return elab.error("class-count", expr.args.list[1].span,
                      "index(.., K) needs at least one class");
  if (*classes > ScalarMath::maxClasses)
    return elab.error("class-count", expr.args.list[1].span,
                      "index(.., K) has " + Twine(*classes) +
                          " classes; numbers count exactly up to " + Twine(ScalarMath::maxClasses));
  ScalarMath &math = eq.scalars();
  if (&expr != guardedIndex)
    return eq.wholePart(math.withinClasses(*value, *classes));
  mlir::Value outside = math.constant(double(*classes)), below = math.constant(-1);
  mlir::Value kept =
      math.select(math.compare(ast::CompareOp::Gt, *value, below), math.number(*value), outside);
  return eq.wholePart(math.withinClasses(kept, *classes + 1));
}

/// Positional arguments are inputs, named ones settings (or inputs by their names).
LogicalResult OpElaborator::splitArguments(const ast::Call &expr, const ast::OpDecl &callee,
                                           llvm::SmallVectorImpl<const ast::Expr *> &inputs,
                                           std::vector<Recipe::Given> &settings) {
  const std::vector<ast::Param> &declared = callee.params.inputs;
  StringRef name = callee.name.text;
  inputs.assign(declared.size(), nullptr);
  size_t position = 0;
  for (const ast::Arg &arg : expr.args.list) {
    size_t input = declared.size();
    if (!arg.name)
      input = position++;
    else
      input = llvm::find_if(declared,
                            [&](const ast::Param &p) { return p.name.text == arg.name.text; }) -
              declared.begin();
    if (!arg.name && input >= declared.size())
      return elab
          .error("arguments", arg.span,
                 name + " takes " + Twine(declared.size()) +
                     (declared.size() == 1 ? " number" : " numbers"))
          .help("settings are given by name");
    if (input < declared.size()) {
      if (inputs[input])
        return elab.error("arguments", arg.span,
                          "input '" + declared[input].name.text + "' of " + name +
                              " is given twice");
      inputs[input] = arg.value;
      continue;
    }
    if (!isConstant(*arg.value))
      return elab.error("runtime-setting", arg.span,
                        "setting '" + arg.name.text + "' of " + name +
                            " must be known at compile time");
    auto value = elab.evaluate(*arg.value, scope);
    if (failed(value))
      return failure();
    settings.push_back({arg.name, std::make_shared<const Value>(*value), arg.span});
  }
  for (auto [input, param] : llvm::zip(inputs, declared))
    if (!input)
      return elab.error("arguments", expr.span, name + " needs '" + param.name.text + "'");
  return success();
}

/// Does the op, or one that it calls, give its own gradient? Then it cannot be inlined.
bool OpElaborator::hasOwnGradient(Found callee, unsigned depth) const {
  auto *decl = llvm::dyn_cast_or_null<ast::OpDecl>(callee.decl);
  if (!decl || depth > 32)
    return false;
  if (decl->grad)
    return true;
  bool found = false;
  auto visit = [&](auto &self, const ast::Expr &expr) -> void {
    if (auto *call = llvm::dyn_cast<ast::Call>(&expr))
      if (auto *name = llvm::dyn_cast<ast::Name>(call->callee))
        found = found || hasOwnGradient(callee.module->find(name->name), depth + 1);
    forEachPart(expr, [&](const ast::Expr &part) {
      if (!found)
        self(self, part);
    });
  };
  if (decl->value)
    visit(visit, *decl->value);
  for (const ast::Stmt *stmt : decl->equations)
    if (auto *equation = llvm::dyn_cast<ast::EquationStmt>(stmt))
      visit(visit, *equation->value);
  return found;
}

namespace {
/// A use that is closed at the end of its scope.
struct OpenUse {
  Elaborator &elab;
  bool open;
  OpenUse(Elaborator &elab, Use use) : elab(elab), open(succeeded(elab.pushUse(std::move(use)))) {}
  ~OpenUse() {
    if (open)
      elab.popUse();
  }
};
} // namespace

/// An op with its own gradient: its inputs become tensors over the indices they use, its result is
/// read back.
FailureOr<mlir::Value> OpElaborator::callHoisted(const ast::Call &expr, Found callee,
                                                 ArrayRef<const ast::Expr *> inputs,
                                                 std::vector<Recipe::Given> settings,
                                                 EquationBuilder &eq) {
  auto used = usedVars(expr, eq.vars());
  bool mapped = readsMapped(expr);
  llvm::SmallVector<Tensor, 2> tensors;
  for (const ast::Expr *input : inputs) {
    auto tensor = emit(*input, used, TensorType(), mapped);
    if (failed(tensor))
      return failure();
    tensors.push_back(*tensor);
  }
  auto *decl = llvm::cast<ast::OpDecl>(callee.decl);
  OpenUse open(elab, {decl, callee.module, expr.span, ""});
  Scope &inner = elab.newScope(elab.rootOf(callee.module));
  if (!open.open ||
      failed(elab.bindSettings(decl->params.settings, settings, inner, decl->name.text, expr.span)))
    return failure();
  auto results = applyOp(elab, *decl, tensors, inner, expr.span);
  if (failed(results))
    return failure();
  return readBack(results->front(), used, eq);
}

FailureOr<mlir::Value> OpElaborator::callOp(const ast::Call &expr, Found callee, StringRef written,
                                            EquationBuilder &eq) {
  auto *decl = llvm::cast<ast::OpDecl>(callee.decl);
  if (decl->hasErrors)
    return failure();
  if (!isPointwise(*decl)) {
    Report report =
        elab.error("not-pointwise", expr.span,
                   written + " computes with tensors; an equation calls functions of numbers");
    if (!callee.module->isStandard()) // the library may not have been used yet
      report.note(decl->name.span, "declared with shapes here");
    return report.help("call it in a block, and pass its result as an input");
  }
  llvm::SmallVector<const ast::Expr *, 2> inputs;
  std::vector<Recipe::Given> settings;
  if (failed(splitArguments(expr, *decl, inputs, settings)))
    return failure();
  if (elab.mode == ast::Mode::Train && hasOwnGradient(callee))
    return callHoisted(expr, callee, inputs, std::move(settings), eq);
  llvm::SmallVector<mlir::Value, 2> values;
  for (const ast::Expr *input : inputs) {
    auto value = scalar(*input, eq);
    if (failed(value))
      return failure();
    values.push_back(*value);
  }
  OpenUse open(elab, {decl, callee.module, expr.span, ""});
  Scope &inner = elab.newScope(elab.rootOf(callee.module));
  if (!open.open ||
      failed(elab.bindSettings(decl->params.settings, settings, inner, written, expr.span)))
    return failure();
  OpElaborator inlined(elab, *decl, elab.newScope(inner), expr.span);
  inlined.isolated = isolated;
  return inlined.inlineOn(values, eq);
}

FailureOr<mlir::Value> OpElaborator::call(const ast::Call &expr, EquationBuilder &eq) {
  std::string written;
  Found callee = calleeOf(expr, written);
  if (callee && llvm::isa<ast::OpDecl>(callee.decl))
    return callOp(expr, callee, written, eq);
  if (callee && llvm::isa<ast::DefDecl>(callee.decl))
    return elab
        .error("runtime-setting", expr.span,
               written + " is a function of numbers known at compile time; here are tensors")
        .note(callee.decl->name.span, "declared here")
        .help("declare it as an op: op " + written + "(x) = ..");
  if (callee)
    return elab.error("not-pointwise", expr.span,
                      written + " is " + describe(callee.decl->kind).str() +
                          "; an equation calls functions of numbers");
  if (written == "index")
    return toIndex(expr, eq);
  if (ScalarMath::arity(written))
    return callFunction(expr, written, eq);
  if (ast::reducerNamed(written))
    return elab.error("arguments", expr.span, written + "(..) reduces a whole tensor")
        .help("in an equation write " + written + "[i] ..");
  if (written == "clamp" || written == "wrap" || written == "mirror")
    return elab.error("not-a-number", expr.span, written + "(..) is about an index of an access")
        .help("write x[" + written + "(..)]");
  if (isDrawing(written))
    return elab.error("unknown-function", expr.callee->span, "an op draws no random numbers")
        .help("draw them in a block, r = " + written + "(x), and make r an input of the op");
  std::vector<StringRef> candidates = scope.module()->visibleNames();
  llvm::append_range(candidates, ScalarMath::functionNames());
  return elab
      .error("unknown-function", expr.callee->span, "there is no function named '" + written + "'")
      .didYouMean(written, candidates);
}
