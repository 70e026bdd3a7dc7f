#include "dsl/Metric.h"

#include "dsl/PointwiseBody.h"
#include "dsl/SectionMath.h"
#include "dsl/TensorArithmetic.h"
#include "dsl/Walk.h"

#include "llvm/ADT/ScopeExit.h"

using namespace gnc::dsl;
using llvm::StringRef;

std::optional<std::pair<Found, const ast::Call *>> MetricUse::find(const Module &module,
                                                                   const ast::Expr &expr) {
  if (const auto *flow = llvm::dyn_cast<ast::Flow>(&expr))
    return flow->stages.empty() ? find(module, *flow->source) : std::nullopt;
  const auto *call = llvm::dyn_cast<ast::Call>(&expr);
  Found found = call ? findCallee(module, *call->callee) : Found{};
  if (!llvm::isa_and_nonnull<ast::MetricDecl>(found.decl))
    return std::nullopt;
  return std::pair(found, call);
}

FailureOr<MetricUse> MetricUse::make(Elaborator &elab, Found found, const ast::Call &call,
                                     Scope &scope) {
  MetricUse use;
  use.decl = llvm::cast<ast::MetricDecl>(found.decl);
  use.module = found.module;
  use.call = &call;
  if (use.decl->hasErrors || failed(elab.pushUse({found.decl, found.module, call.span, ""})))
    return failure();
  auto leave = llvm::scope_exit([&] { elab.popUse(); });
  use.sample = &elab.newScope(elab.rootOf(found.module));
  size_t before = elab.parameters().size();
  if (failed(use.bindArguments(elab, scope)) || failed(use.splitBody(elab)) ||
      failed(use.run(elab, llvm::ArrayRef(use.decl->body.stmts).take_front(use.split))))
    return failure();
  if (elab.parameters().size() != before)
    return elab.error("metric-weights", call.span, "a metric cannot have weights")
        .help("compute what needs weights in the net");
  for (const Sum &sum : use.sums)
    if (!sum.term)
      return elab
          .error("metric-no-update", sum.name.span,
                 "nothing is ever added to '" + sum.name.text + "'")
          .help("add to it: " + sum.name.text + " <- " + sum.name.text + " + ..");
  return use;
}

//===- signature ----------------------------------------------------------------------------===//

/// Positional arguments are inputs; named ones inputs or settings.
LogicalResult MetricUse::bindArguments(Elaborator &elab, Scope &caller) {
  const auto &inputs = decl->params.inputs;
  StringRef name = decl->name.text;
  FailureOr<std::vector<Recipe::Given>> given = elab.evaluateArgs(call->args, caller);
  if (failed(given))
    return failure();
  std::vector<std::optional<Tensor>> tensors(inputs.size());
  std::vector<Recipe::Given> settings;
  size_t next = 0;
  for (const Recipe::Given &one : *given) {
    auto match = [&](const ast::Param &param) { return param.name.text == one.name.text; };
    size_t i = one.name ? llvm::find_if(inputs, match) - inputs.begin() : next++;
    if (one.name && i == inputs.size()) {
      settings.push_back(one);
      continue;
    }
    if (i >= inputs.size() || tensors[i])
      return elab
          .error("input-count", one.span,
                 name + " takes " + llvm::Twine(inputs.size()) +
                     (inputs.size() == 1 ? " input" : " inputs"))
          .help("settings are named: " + name + "(.., class = 1)");
    if (!one.value->tensor())
      return elab.error("needs-tensor", one.span,
                        "input " + inputs[i].name.text + " of " + name +
                            " must be a tensor, but this is " + one.value->kindName());
    tensors[i] = *one.value->tensor();
  }
  std::vector<Tensor> values;
  for (auto [param, tensor] : llvm::zip(inputs, tensors)) {
    if (!tensor)
      return elab.error("missing-input", call->callee->span,
                        name + " needs input '" + param.name.text + "'");
    values.push_back(*tensor);
  }
  if (failed(elab.bindInputs(inputs, values, *sample, name, call->span)) ||
      failed(elab.bindSettings(decl->params.settings, settings, *sample, name, call->span)))
    return failure();
  return success();
}

static bool hasUpdate(const ast::Stmt &stmt) {
  if (const auto *branch = llvm::dyn_cast<ast::IfStmt>(&stmt)) {
    auto inside = [](const ast::Body &body) {
      return llvm::any_of(body.stmts, [](const ast::Stmt *stmt) { return hasUpdate(*stmt); });
    };
    return inside(branch->thenBody) || (branch->elseBody && inside(*branch->elseBody));
  }
  return llvm::isa<ast::UpdateStmt>(stmt);
}

/// What is behind the last `<-` is of the split; it ends in the value.
LogicalResult MetricUse::splitBody(Elaborator &elab) {
  llvm::ArrayRef<ast::Stmt *> stmts = decl->body.stmts;
  for (split = stmts.size(); split > 0 && !hasUpdate(*stmts[split - 1]);)
    --split;
  if (split == 0)
    return elab
        .error("metric-no-update", decl->name.span,
               "metric '" + decl->name.text + "' accumulates nothing")
        .help("write state n = 0 and n <- n + ..; what is a mean over samples is an op");
  if (split == stmts.size() || !llvm::isa<ast::ValueStmt>(stmts.back()))
    return elab
        .error("no-value", decl->name.span,
               "'" + decl->name.text + "' has no value: its last statement must be one")
        .help("end it with an expression of its states");
  return success();
}

//===- of a sample --------------------------------------------------------------------------===//

MetricUse::Sum *MetricUse::sum(StringRef name) {
  auto found = llvm::find_if(sums, [&](const Sum &sum) { return sum.name.text == name; });
  return found == sums.end() ? nullptr : &*found;
}

LogicalResult MetricUse::run(Elaborator &elab, llvm::ArrayRef<ast::Stmt *> stmts) {
  for (const ast::Stmt *stmt : stmts)
    if (!elab.spend(1, stmt->span) || failed(runStatement(elab, *stmt)))
      return failure();
  return success();
}

LogicalResult MetricUse::runStatement(Elaborator &elab, const ast::Stmt &stmt) {
  using Kind = ast::Stmt::Kind;
  switch (stmt.kind) {
  case Kind::State: return state(elab, llvm::cast<ast::StateStmt>(stmt));
  case Kind::Update: return update(elab, llvm::cast<ast::UpdateStmt>(stmt));
  case Kind::If: {
    const auto &branch = llvm::cast<ast::IfStmt>(stmt);
    FailureOr<bool> holds = elab.evaluateCondition(*branch.condition, *sample);
    if (failed(holds))
      return failure();
    if (*holds)
      return run(elab, branch.thenBody.stmts);
    return branch.elseBody ? run(elab, branch.elseBody->stmts) : success();
  }
  case Kind::Let: {
    if (failed(checkNoState(elab, *llvm::cast<ast::LetStmt>(stmt).value)))
      return failure();
    break;
  }
  case Kind::Assign: {
    if (failed(checkNoState(elab, *llvm::cast<ast::AssignStmt>(stmt).value)))
      return failure();
    break;
  }
  case Kind::Require: break;
  default:
    return elab.error("metric-statement", stmt.span, "this cannot stand in a metric")
        .help("a metric holds state, name = .., name <- name + .., if and require, and ends in an "
              "expression of its states");
  }
  ast::Body one{stmt.span, {const_cast<ast::Stmt *>(&stmt)}}; // the runner takes bodies only
  return LogicalResult::success(succeeded(elab.runBody(one, *sample)));
}

LogicalResult MetricUse::state(Elaborator &elab, const ast::StateStmt &stmt) {
  Sum made;
  made.name = stmt.name;
  if (sum(stmt.name.text) || sample->findHere(stmt.name.text))
    return elab.error("declared-twice", stmt.name.span,
                      "'" + stmt.name.text + "' is declared twice");
  if (stmt.type) {
    auto shape = elab.evaluateShape(*stmt.type, *sample);
    if (failed(shape))
      return failure();
    made.type.shape = *shape;
  }
  if (stmt.init) {
    FailureOr<double> start =
        elab.evaluateReal(*stmt.init, *sample, "the start of '" + stmt.name.text + "'");
    if (failed(start))
      return failure();
    made.start = *start;
  }
  sums.push_back(std::move(made));
  return success();
}

static unsigned countName(const ast::Expr &expr, StringRef name) {
  struct Counter : Visitor {
    explicit Counter(StringRef name) : name(name) {}
    void visit(const ast::Expr &expr) override {
      const auto *read = llvm::dyn_cast<ast::Name>(&expr);
      count += read && read->name == name;
    }
    using Visitor::visit;
    StringRef name;
    unsigned count = 0;
  } counter(name);
  walk(expr, counter);
  return counter.count;
}

/// `name + ..`, `.. + name`, `name + a - b`: the name once, added.
static bool isSumWith(const ast::Expr &expr, StringRef name) {
  const ast::Expr *at = &expr;
  while (const auto *binary = llvm::dyn_cast<ast::Binary>(at)) {
    bool right = binary->op == ast::BinaryOp::Add && countName(*binary->rhs, name);
    if (binary->op != ast::BinaryOp::Add && binary->op != ast::BinaryOp::Sub)
      return false;
    at = right ? binary->rhs : binary->lhs;
  }
  const auto *read = llvm::dyn_cast<ast::Name>(at);
  return read && read->name == name && at != &expr && countName(expr, name) == 1;
}

LogicalResult MetricUse::update(Elaborator &elab, const ast::UpdateStmt &stmt) {
  const ast::Ident &name = stmt.names.front();
  Sum *target = stmt.names.size() == 1 ? sum(name.text) : nullptr;
  if (!target)
    return elab
        .error("update-not-state", name.span,
               "'<-' adds to a state of the metric, '" + name.text + "' is none")
        .help("declare it: state " + name.text + " = 0");
  if (!isSumWith(*stmt.value, name.text))
    return elab
        .error("metric-not-a-sum", stmt.value->span,
               "a metric adds up over the samples: '" + name.text + "' can only grow by a term")
        .help("write " + name.text + " <- " + name.text + " + ..");
  return addTerm(elab, *target, *stmt.value);
}

/// The term is what the sum is where the state is 0.
LogicalResult MetricUse::addTerm(Elaborator &elab, Sum &sum, const ast::Expr &expr) {
  if (failed(checkNoState(elab, expr, sum.name.text)))
    return failure();
  Scope &scope = elab.newScope(*sample);
  scope.define(sum.name.text, Value::number(0), sum.name.span);
  FailureOr<Value> value = elab.evaluate(expr, scope);
  if (failed(value))
    return failure();
  if (!value->tensor() && !value->isNumber() && !value->boolean())
    return elab.error("needs-tensor", expr.span,
                      "'" + sum.name.text + "' holds numbers, but this is " + value->kindName());
  FailureOr<Tensor> term = toTensor(elab, *value, expr.span);
  if (failed(term))
    return failure();
  if (term->rank() != 0 && term->shape != sum.type.shape)
    return elab
        .error("shape-mismatch", expr.span,
               "'" + sum.name.text + "' is " + sum.type.str() + ", but this is " + term->str())
        .trail(*term)
        .help("declare its shape: state " + sum.name.text + ": " + TensorType::str(term->shape) +
              " = 0");
  if (sum.term) {
    Span at = expr.span;
    auto add = [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
      return math.binary(ast::BinaryOp::Add, x[0], x[1]);
    };
    term = pointwise(elab, {Value(*sum.term), Value(*term)}, {at, at}, ElementKind::F32, at, "add",
                     add);
    if (failed(term))
      return failure();
  }
  sum.term = *term;
  return success();
}

namespace {
/// The first name in a part of the tree that `wanted` says yes to.
struct FirstName : Visitor {
  explicit FirstName(llvm::function_ref<bool(StringRef)> wanted) : wanted(wanted) {}
  void visit(const ast::Expr &expr) override {
    const auto *name = llvm::dyn_cast<ast::Name>(&expr);
    if (name && !found && wanted(name->name))
      found = name;
  }
  using Visitor::visit;
  llvm::function_ref<bool(StringRef)> wanted;
  const ast::Name *found = nullptr;
};
} // namespace

LogicalResult MetricUse::checkNoState(Elaborator &elab, const ast::Expr &expr,
                                      StringRef but) const {
  auto isState = [&](StringRef name) {
    return name != but && llvm::any_of(sums, [&](const Sum &sum) { return sum.name.text == name; });
  };
  FirstName search(isState);
  walk(expr, search);
  if (!search.found)
    return success();
  return elab
      .error("metric-state-read", search.found->span,
             "'" + search.found->name + "' is known after the last sample only")
      .help("read it behind the last '<-'");
}

void MetricUse::addSums(Elaborator &elab, ProgramFunction &function, StringRef name) const {
  for (const Sum &sum : sums)
    function.addResult(
        (name + "." + sum.name.text).str(),
        batchSum(elab.builder, elab.location(sum.name.span), *sum.term, sum.type.shape));
}

//===- of the split -------------------------------------------------------------------------===//

/// Numbers, sizes and the like: what may leave the function that it was made in.
static bool isPlain(const Value &value) {
  if (const std::vector<Value> *elements = value.elements())
    return llvm::all_of(*elements, isPlain);
  return value.isNumber() || value.boolean() || value.string() || value.size() || value.symbol();
}

/// Settings and dimensions, as they were for a sample.
Scope &MetricUse::scoreScope(Elaborator &elab) const {
  Scope &scope = elab.newScope(elab.rootOf(module));
  llvm::SmallVector<StringRef> names;
  sample->collectNames(names);
  for (StringRef name : names)
    if (const Binding *binding = sample->findHere(name);
        binding && binding->value && isPlain(*binding->value))
      scope.define(name, *binding->value, binding->span, binding->constant);
  return scope;
}

LogicalResult MetricUse::checkNoSample(Elaborator &elab) const {
  auto isOfSample = [&](StringRef name) {
    const Binding *binding = sample->findHere(name);
    return binding && binding->value && binding->value->tensor();
  };
  FirstName search(isOfSample);
  for (const ast::Stmt *stmt : llvm::ArrayRef(decl->body.stmts).drop_front(split))
    walk(*stmt, search);
  if (!search.found)
    return success();
  return elab
      .error("metric-sample-read", search.found->span,
             "'" + search.found->name + "' is of one sample, but this is said of all of them")
      .note("what stands behind the last '<-' of a metric is computed once, from the states")
      .help("add it up in a state: state total = 0, total <- total + " + search.found->name);
}

FailureOr<Tensor> MetricUse::score(Elaborator &elab, ProgramFunction &function,
                                   StringRef name) const {
  if (failed(elab.pushUse({decl, module, call->span, ""})))
    return failure();
  auto leave = llvm::scope_exit([&] { elab.popUse(); });
  if (failed(checkNoSample(elab)))
    return failure();
  Scope &scope = scoreScope(elab);
  for (const Sum &sum : sums) {
    mlir::Location at = elab.location(sum.name.span);
    Tensor total(function.addInput((name + "." + sum.name.text).str(), "", sum.type, at), sum.type);
    if (sum.start != 0) {
      auto start = [&](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
        return math.binary(ast::BinaryOp::Add, x[0], math.constant(sum.start));
      };
      FailureOr<Tensor> shifted = pointwise(elab, {Value(total)}, {sum.name.span}, ElementKind::F32,
                                            sum.name.span, "add", start);
      if (failed(shifted))
        return failure();
      total = *shifted;
    }
    scope.define(sum.name.text, total, sum.name.span);
  }
  ast::Body rest{decl->body.span, {decl->body.stmts.begin() + split, decl->body.stmts.end()}};
  FailureOr<std::optional<Value>> value = elab.runBody(rest, scope);
  if (failed(value))
    return failure();
  const Tensor *tensor = *value ? (*value)->tensor() : nullptr;
  if (tensor && decl->results.size() == 1 &&
      failed(elab.bindType(*decl->results[0].type, *tensor, scope,
                           "the value of " + decl->name.text, decl->results[0].span)))
    return failure();
  if (!tensor || !elab.parameters().empty())
    return elab
        .error("metric-not-scalar", decl->body.stmts.back()->span,
               "the value of a metric must be computed from its states" +
                   llvm::Twine(tensor ? ", without weights" : ""))
        .help("end it with an expression such as hits / total");
  return *tensor;
}
