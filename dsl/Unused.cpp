#include "dsl/Unused.h"

#include "dsl/Walk.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace gnc::dsl;
using llvm::StringRef;

namespace {

/// The names that a part of a declaration reads, or changes by `<-`.
class Reads : public Visitor {
public:
  bool contains(StringRef name) const { return name.starts_with("_") || names.contains(name); }
  const llvm::StringSet<> &all() const { return names; }
  void add(StringRef name) { names.insert(name); }
  void read(const ast::Expr *expr) {
    if (expr)
      walk(*expr, *this);
  }
  void read(const ast::Type *type) {
    if (type)
      walk(*type, *this);
  }

private:
  void visit(const ast::Expr &expr) override {
    if (const auto *name = llvm::dyn_cast<ast::Name>(&expr))
      names.insert(name->name);
    else if (const auto *string = llvm::dyn_cast<ast::String>(&expr))
      readPlaces(string->value);
  }
  void visit(const ast::LayerRef &layer) override { names.insert(layer.path.front().text); }
  void visit(const ast::Stmt &stmt) override {
    if (const auto *update = llvm::dyn_cast<ast::UpdateStmt>(&stmt))
      for (const ast::Ident &name : update->names)
        names.insert(name.text);
  }
  /// "{C} channels": the name in braces.
  void readPlaces(StringRef text) {
    while (!text.empty()) {
      StringRef place;
      std::tie(std::ignore, text) = text.split('{');
      std::tie(place, text) = text.split('}');
      names.insert(place.split('.').first.trim());
    }
  }

  llvm::StringSet<> names;
};

/// Looks at one declaration.
class UnusedCheck {
public:
  UnusedCheck(const ast::File &file, Diagnostics &diags) : file(file), diags(diags) {}

  void check(const ast::Decl &decl);

private:
  void readHead(const ast::Params &params, llvm::ArrayRef<ast::Result> results);
  void checkHead(const ast::Decl &decl, const ast::Params &params);
  void checkInput(const ast::Decl &decl, const ast::Param &input);
  void checkBody(const ast::Body &body, bool valueIsUsed, bool onlyLets);
  void checkStatement(const ast::Stmt &stmt, bool valueIsUsed, bool onlyLets);
  void checkNames(llvm::ArrayRef<ast::Ident> names);
  void checkStages(const ast::Expr *expr);
  void checkValue(const ast::Expr &value);
  void checkBlock(const ast::Decl &decl, const ast::Params &params,
                  llvm::ArrayRef<ast::Result> results, const ast::Body &body);
  void checkOp(const ast::OpDecl &op);
  void readKernel(const ast::CudaText &kernel);
  void checkSection(const ast::Body &body);
  void checkAugment(const ast::WhenStmt &stmt);
  bool mayBeRandom(StringRef layer) const;

  const ast::File &file;
  Diagnostics &diags;
  Reads reads;
};

} // namespace

//===- names --------------------------------------------------------------------------------===//

void UnusedCheck::checkNames(llvm::ArrayRef<ast::Ident> names) {
  if (llvm::any_of(names, [&](const ast::Ident &name) { return reads.contains(name.text); }))
    return;
  const ast::Ident &first = names.front();
  diags.warning("unused-value", first.span, "'" + first.text + "' is never used")
      .help("use it, leave it out, or call it _" + first.text + " if it is meant");
}

/// `as name` inside a flow.
void UnusedCheck::checkStages(const ast::Expr *expr) {
  const auto *flow = llvm::dyn_cast_or_null<ast::Flow>(expr);
  if (!flow)
    return;
  if (flow->name)
    checkNames(flow->name);
  for (const ast::Stage &stage : flow->stages)
    if (stage.name)
      checkNames(stage.name);
}

/// An expression whose value nothing takes.
void UnusedCheck::checkValue(const ast::Expr &value) {
  const auto *flow = llvm::dyn_cast<ast::Flow>(&value);
  bool named = flow && (flow->name || llvm::any_of(flow->stages, [](const ast::Stage &stage) {
                          return bool(stage.name);
                        }));
  if (named)
    return; // its names are looked at
  diags.warning("unused-value", value.span, "this value is never used")
      .help("name it: y = .., and use y; only the last statement of a body is its value");
}

//===- bodies -------------------------------------------------------------------------------===//

void UnusedCheck::checkBody(const ast::Body &body, bool valueIsUsed, bool onlyLets) {
  for (const ast::Stmt *stmt : body.stmts)
    checkStatement(*stmt, valueIsUsed && stmt == body.stmts.back(), onlyLets);
}

void UnusedCheck::checkStatement(const ast::Stmt &stmt, bool valueIsUsed, bool onlyLets) {
  auto both = [&](const ast::Body &body, const std::optional<ast::Body> &other) {
    checkBody(body, valueIsUsed, onlyLets);
    if (other)
      checkBody(*other, valueIsUsed, onlyLets);
  };
  if (const auto *let = llvm::dyn_cast<ast::LetStmt>(&stmt)) {
    checkNames(let->name);
    checkStages(let->value);
  } else if (const auto *choice = llvm::dyn_cast<ast::IfStmt>(&stmt)) {
    both(choice->thenBody, choice->elseBody);
  } else if (const auto *when = llvm::dyn_cast<ast::WhenStmt>(&stmt)) {
    if (when->augment)
      checkAugment(*when);
    both(when->thenBody, when->elseBody);
  } else if (const auto *loop = llvm::dyn_cast<ast::ForStmt>(&stmt)) {
    checkBody(loop->body, /*valueIsUsed=*/false, onlyLets);
  } else if (onlyLets) {
    return; // fields, keys and outputs are for others
  } else if (const auto *layer = llvm::dyn_cast<ast::LayerStmt>(&stmt)) {
    checkNames(layer->name);
  } else if (const auto *assign = llvm::dyn_cast<ast::AssignStmt>(&stmt)) {
    checkNames(assign->names);
    checkStages(assign->value);
  } else if (const auto *value = llvm::dyn_cast<ast::ValueStmt>(&stmt)) {
    checkStages(value->value);
    if (!valueIsUsed)
      checkValue(*value->value);
  }
}

//===- declarations -------------------------------------------------------------------------===//

/// What settings and results read; the types of inputs are for checkHead.
void UnusedCheck::readHead(const ast::Params &params, llvm::ArrayRef<ast::Result> results) {
  for (const ast::Param &setting : params.settings) {
    reads.read(setting.type);
    reads.read(setting.value);
  }
  for (const ast::Result &result : results) {
    reads.add(result.name.text);
    reads.read(result.type);
  }
}

/// An input may be there for its dimensions alone.
void UnusedCheck::checkInput(const ast::Decl &decl, const ast::Param &input) {
  bool used = reads.contains(input.name.text);
  if (input.type && input.type->classes)
    if (const auto *name = llvm::dyn_cast<ast::Name>(input.type->classes))
      used |= reads.contains(name->name);
  for (const ast::Dim &dim : input.type ? input.type->dims : std::vector<ast::Dim>())
    if (const auto *name = llvm::dyn_cast<ast::Name>(dim.expr))
      used |= reads.contains(name->name);
  if (!used)
    diags
        .warning("unused-value", input.name.span,
                 "input '" + input.name.text + "' of " + decl.name.text + " is never used")
        .help("leave it out, or call it _" + input.name.text + " if it is meant");
}

/// After everything else of the declaration was read.
void UnusedCheck::checkHead(const ast::Decl &decl, const ast::Params &params) {
  for (const ast::Param &input : params.inputs)
    checkInput(decl, input);
  for (const ast::Param &input : params.inputs)
    reads.read(input.type);
  for (const ast::Param &setting : params.settings)
    if (!reads.contains(setting.name.text))
      diags
          .warning("unused-setting", setting.name.span,
                   "setting '" + setting.name.text + "' of " + decl.name.text + " is never used")
          .help("use it, or leave it out: who gives it a value expects an effect");
}

/// Nets, blocks, metrics, optimizers.
void UnusedCheck::checkBlock(const ast::Decl &decl, const ast::Params &params,
                             llvm::ArrayRef<ast::Result> results, const ast::Body &body) {
  readHead(params, results);
  walk(body, reads);
  checkHead(decl, params);
  checkBody(body, /*valueIsUsed=*/true, /*onlyLets=*/false);
}

/// Every word of the text may be a name of the head.
void UnusedCheck::readKernel(const ast::CudaText &kernel) {
  for (const ast::Arg &argument : kernel.launch ? kernel.launch->list : std::vector<ast::Arg>())
    reads.read(argument.value);
  auto inWord = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  for (StringRef rest = kernel.source(); !rest.empty();) {
    rest = rest.drop_until(inWord);
    StringRef word = rest.take_while(inWord);
    reads.add(word);
    rest = rest.drop_front(word.size());
  }
}

void UnusedCheck::checkOp(const ast::OpDecl &op) {
  readHead(op.params, op.results);
  reads.read(op.value);
  if (op.cuda)
    readKernel(*op.cuda);
  for (const ast::Stmt *stmt : op.equations)
    walk(*stmt, reads);
  if (op.grad)
    for (const ast::Stmt *stmt : op.grad->equations)
      walk(*stmt, reads);
  checkHead(op, op.params);
  for (const ast::Stmt *stmt : op.equations) {
    bool isResult = op.results.empty() && stmt == op.equations.back();
    const auto *equation = llvm::dyn_cast<ast::EquationStmt>(stmt);
    if (equation && !isResult)
      checkNames(equation->name);
  }
}

/// A declaration of this file, or of one that it uses, may do anything.
bool UnusedCheck::mayBeRandom(StringRef name) const {
  static constexpr StringRef drawing[] = {"elastic",   "color_jitter", "cutout", "mixup",
                                          "bernoulli", "uniform",      "normal"};
  auto declares = [&](const ast::Decl *decl) {
    const auto *use = llvm::dyn_cast<ast::UseDecl>(decl);
    return decl->name.text == name ||
           (use && llvm::any_of(use->imports, [&](auto &import) { return import.text == name; }));
  };
  return name.starts_with("random") || llvm::is_contained(drawing, name) ||
         llvm::any_of(file.decls, declares);
}

/// `augment` that does the same to a sample every time.
void UnusedCheck::checkAugment(const ast::WhenStmt &stmt) {
  Reads inside;
  walk(stmt.thenBody, inside);
  if (llvm::any_of(inside.all(), [&](auto &name) { return mayBeRandom(name.first()); }))
    return;
  diags
      .warning("augment-not-random", stmt.span,
               "nothing random happens here: every epoch sees the same")
      .help("add a transform such as random_flip; what holds for training only belongs into when "
            "train { .. }");
}

/// Fields, keys and outputs are for others: only `let` makes names for the section itself.
void UnusedCheck::checkSection(const ast::Body &body) {
  walk(body, reads);
  checkBody(body, /*valueIsUsed=*/true, /*onlyLets=*/true);
}

void UnusedCheck::check(const ast::Decl &decl) {
  reads = {};
  if (const auto *net = llvm::dyn_cast<ast::NetDecl>(&decl)) {
    checkBlock(decl, net->params, net->results, net->body);
  } else if (const auto *block = llvm::dyn_cast<ast::BlockDecl>(&decl)) {
    if (block->chain)
      walk(*block->chain, reads);
    checkBlock(decl, block->params, block->results, block->body);
  } else if (const auto *metric = llvm::dyn_cast<ast::MetricDecl>(&decl)) {
    checkBlock(decl, metric->params, metric->results, metric->body);
  } else if (const auto *optimizer = llvm::dyn_cast<ast::OptimizerDecl>(&decl)) {
    checkBlock(decl, optimizer->params, {}, optimizer->body);
  } else if (const auto *op = llvm::dyn_cast<ast::OpDecl>(&decl)) {
    checkOp(*op);
  } else if (const auto *def = llvm::dyn_cast<ast::DefDecl>(&decl)) {
    readHead(def->params, {});
    reads.read(def->value);
    checkHead(decl, def->params);
  } else if (const auto *data = llvm::dyn_cast<ast::DataDecl>(&decl)) {
    checkSection(data->body);
  } else if (const auto *train = llvm::dyn_cast<ast::TrainDecl>(&decl)) {
    checkSection(train->body);
  } else if (const auto *infer = llvm::dyn_cast<ast::InferDecl>(&decl)) {
    checkSection(infer->body);
  }
}

void gnc::dsl::warnAboutUnused(const ast::File &file, Diagnostics &diags) {
  UnusedCheck check(file, diags);
  for (const ast::Decl *decl : file.decls)
    check.check(*decl);
}
