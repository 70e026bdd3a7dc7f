// Statements: assignments, branches, loops, requirements.
#include "dsl/BodyRunner.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"

using namespace gnc::dsl;
using OptionalValue = std::optional<Value>;

FailureOr<OptionalValue> Elaborator::runBody(const ast::Body &body, Scope &scope) {
  return BodyRunner(*this, scope).run(body);
}

FailureOr<OptionalValue> BodyRunner::run(const ast::Body &body) {
  OptionalValue last;
  bool good = true;
  for (const ast::Stmt *stmt : body.stmts) {
    FailureOr<OptionalValue> value = statement(*stmt);
    if (failed(value)) {
      // What follows a requirement relies on it.
      if (llvm::isa<ast::RequireStmt>(stmt))
        return failure();
      poison(*stmt);
      good = false;
      last.reset();
      continue;
    }
    last = *value;
  }
  if (!good)
    return failure();
  return last;
}

static FailureOr<OptionalValue> none(LogicalResult result) {
  if (failed(result))
    return failure();
  return OptionalValue();
}

FailureOr<OptionalValue> BodyRunner::statement(const ast::Stmt &stmt) {
  using Kind = ast::Stmt::Kind;
  if (!elab.spend(1, stmt.span))
    return failure();
  switch (stmt.kind) {
  case Kind::Param: return none(declareParameter(elab, scope, llvm::cast<ast::ParamStmt>(stmt)));
  case Kind::State: return none(declareState(elab, scope, llvm::cast<ast::StateStmt>(stmt)));
  case Kind::Layer: return none(layer(llvm::cast<ast::LayerStmt>(stmt)));
  case Kind::Let: return none(let(llvm::cast<ast::LetStmt>(stmt)));
  case Kind::For: return none(loop(llvm::cast<ast::ForStmt>(stmt)));
  case Kind::If: return branch(llvm::cast<ast::IfStmt>(stmt));
  case Kind::When: return branch(llvm::cast<ast::WhenStmt>(stmt));
  case Kind::Require: return none(require(llvm::cast<ast::RequireStmt>(stmt)));
  case Kind::Assign: return none(assign(llvm::cast<ast::AssignStmt>(stmt)));
  case Kind::Update: return none(update(llvm::cast<ast::UpdateStmt>(stmt)));
  case Kind::Value: {
    FailureOr<Value> value = elab.evaluate(*llvm::cast<ast::ValueStmt>(stmt).value, scope);
    if (failed(value))
      return failure();
    return OptionalValue(*value);
  }
  case Kind::Equation: break;
  }
  return elab.error("equation-outside-op", stmt.span, "an equation can only stand in an op");
}

//===- names --------------------------------------------------------------------------------===//

LogicalResult gnc::dsl::assignName(Elaborator &elab, Scope &scope, const ast::Ident &name,
                                   Value value) {
  Scope *holder = scope.holder(name.text);
  if (holder && holder->find(name.text)->constant)
    return elab
        .error("constant", name.span, "'" + name.text + "' is a constant and keeps its value")
        .note(holder->find(name.text)->span, "it is made by 'let' here")
        .help("use another name, or make it without 'let'");
  elab.tell(name.span, value);
  (holder ? *holder : scope).define(name.text, std::move(value), name.span);
  return success();
}

FailureOr<std::vector<Value>> gnc::dsl::destructure(Elaborator &elab, const Value &value,
                                                    llvm::ArrayRef<ast::Ident> names, Span at) {
  if (names.size() == 1)
    return std::vector<Value>{value};
  std::vector<Value> values;
  std::string fields;
  if (const Record *record = value.record()) {
    for (const auto &[name, field] : record->fields) {
      fields += (fields.empty() ? "" : ", ") + name;
      values.push_back(field);
    }
  } else if (const std::vector<Value> *elements = value.elements()) {
    values = *elements;
  } else {
    return elab.error("value-count", at,
                      llvm::Twine(names.size()) + " names need as many values, but this is " +
                          value.kindName());
  }
  if (values.size() == names.size())
    return values;
  Report report = elab.error("value-count", at,
                             llvm::Twine(names.size()) + " names for " +
                                 llvm::Twine(values.size()) + " values");
  if (!fields.empty())
    report.note("the values are " + fields);
  return report;
}

LogicalResult BodyRunner::assign(const ast::AssignStmt &stmt) {
  // A picture may be given further transforms under its name.
  Evaluator evaluator(elab, scope);
  FailureOr<Value> value =
      stmt.type ? evaluator.evaluate(*stmt.value) : evaluator.evaluateOnHost(*stmt.value);
  if (failed(value))
    return failure();
  if (stmt.type && failed(LayerBuilder(elab, scope).ascribe(*stmt.type, *value)))
    return failure();
  auto values = destructure(elab, *value, stmt.names, stmt.value->span);
  if (failed(values))
    return failure();
  for (const auto &[name, one] : llvm::zip(stmt.names, *values))
    if (failed(assignName(elab, scope, name, one)))
      return failure();
  return success();
}

LogicalResult BodyRunner::let(const ast::LetStmt &stmt) {
  FailureOr<Value> value = Evaluator(elab, scope).evaluateOnHost(*stmt.value);
  if (failed(value))
    return failure();
  if (const Binding *known = scope.findHere(stmt.name.text); known && known->constant)
    return elab.error("constant", stmt.name.span, "'" + stmt.name.text + "' is a constant already")
        .note(known->span, "it is made here");
  elab.tell(stmt.name.span, *value);
  scope.define(stmt.name.text, *value, stmt.name.span, /*constant=*/true);
  return success();
}

LogicalResult BodyRunner::layer(const ast::LayerStmt &stmt) {
  FailureOr<Value> recipe = LayerBuilder(elab, scope).unitValue(*stmt.chain);
  if (failed(recipe))
    return failure();
  auto instance = std::make_shared<LayerInstance>();
  if (recipe->layer()) { // another name for the same layer
    scope.define(stmt.name.text, *recipe, stmt.name.span);
    return success();
  }
  std::string around = elab.path();
  instance->recipe = recipe->recipeRef();
  instance->name = stmt.name.text.str();
  instance->path = (around.empty() ? "" : around + ".") + PathScope::label(elab, stmt.name.text);
  instance->span = stmt.name.span;
  instance->scope = &scope;
  instance->attributes = &stmt.attributes;
  scope.define(stmt.name.text, Value(std::move(instance)), stmt.name.span);
  return success();
}

//===- requirements -------------------------------------------------------------------------===//

LogicalResult BodyRunner::require(const ast::RequireStmt &stmt) {
  FailureOr<bool> holds = elab.evaluateCondition(*stmt.condition, scope);
  if (failed(holds))
    return failure();
  if (*holds)
    return success();
  std::string text = stmt.message ? elab.fillPlaces(*stmt.message, scope)
                                  : "required: " + oneLine(stmt.condition->span.text(), 80);
  Span at = elab.uses().empty() ? Span() : elab.uses().back().at;
  Report report = elab.error("require", at ? at : stmt.condition->span, text);
  explainRequirement(elab, scope, stmt, report);
  return report;
}

//===- loops --------------------------------------------------------------------------------===//

LogicalResult BodyRunner::bindRow(const ast::ForStmt &stmt, const Value &row, size_t index,
                                  Scope &inner) {
  if (!stmt.tuple) {
    elab.tell(stmt.names[0].span, row);
    inner.define(stmt.names[0].text, row, stmt.names[0].span);
    return success();
  }
  const std::vector<Value> *entries = row.elements();
  if (entries && entries->size() == stmt.names.size()) {
    for (const auto &[name, entry] : llvm::zip(stmt.names, *entries)) {
      elab.tell(name.span, entry);
      inner.define(name.text, entry, name.span);
    }
    return success();
  }
  Span at = stmt.range->span;
  auto *list = llvm::dyn_cast<ast::List>(stmt.range);
  if (list && index < list->elements.size())
    at = list->elements[index]->span;
  std::string found = entries ? "has " + std::to_string(entries->size()) +
                                    (entries->size() == 1 ? " entry" : " entries")
                              : "is " + row.kindName().str();
  return elab.error("row-entries", at,
                    "row " + llvm::Twine(index + 1) + " " + found + ", the loop names " +
                        llvm::Twine(stmt.names.size()) + ": " + stmt.header.text());
}

LogicalResult BodyRunner::loop(const ast::ForStmt &stmt) {
  FailureOr<Value> range = elab.evaluate(*stmt.range, scope);
  if (failed(range))
    return failure();
  const std::vector<Value> *rows = range->elements();
  if (!rows)
    return elab
        .error("loop-range", stmt.range->span,
               "'for' runs over a list or a range, but this is " + range->kindName())
        .help("write for i in 0 .. n");
  std::string label = PathScope::label(elab, "for");
  bool good = true;
  for (const auto &[i, row] : llvm::enumerate(*rows)) {
    if (!elab.spend(Elaborator::scopeCost, stmt.range->span))
      return failure();
    Scope &inner = elab.newScope(scope);
    PathScope level(elab, label + "." + std::to_string(i));
    if (failed(bindRow(stmt, row, i, inner))) {
      good = false;
      continue;
    }
    if (failed(BodyRunner(elab, inner).run(stmt.body)))
      return failure(); // the other rows would say the same again
  }
  return success(good);
}

//===- branches -----------------------------------------------------------------------------===//

FailureOr<OptionalValue> BodyRunner::branch(const ast::IfStmt &stmt) {
  FailureOr<bool> condition = elab.evaluateCondition(*stmt.condition, scope);
  if (failed(condition))
    return failure();
  const ast::Body *other = stmt.elseBody ? &*stmt.elseBody : nullptr;
  return *condition ? branches(&stmt.thenBody, other, true)
                    : branches(other, &stmt.thenBody, false);
}

FailureOr<OptionalValue> BodyRunner::branch(const ast::WhenStmt &stmt) {
  const ast::Body *other = stmt.elseBody ? &*stmt.elseBody : nullptr;
  bool taken = stmt.mode == elab.mode;
  bool training = (taken ? stmt.mode == ast::Mode::Train : stmt.mode != ast::Mode::Train);
  elab.updatesAllowed += training;
  auto leave = llvm::scope_exit([&] { elab.updatesAllowed -= training; });
  return taken ? branches(&stmt.thenBody, other, true) : branches(other, &stmt.thenBody, false);
}

FailureOr<OptionalValue> BodyRunner::branches(const ast::Body *taken, const ast::Body *skipped,
                                              bool takenFirst) {
  llvm::SmallVector<ast::Ident> made;
  for (const ast::Body *body : {taken, skipped})
    for (const ast::Stmt *stmt : body ? llvm::ArrayRef(body->stmts) : llvm::ArrayRef<ast::Stmt *>())
      assignedNames(*stmt, made);
  llvm::SmallVector<llvm::StringRef> boundBefore;
  for (const ast::Ident &name : made)
    if (scope.holder(name.text))
      boundBefore.push_back(name.text);
  LayerBuilder layers(elab, scope);
  if (!takenFirst && skipped)
    layers.countSkipped(*skipped);
  FailureOr<OptionalValue> value = taken ? run(*taken) : FailureOr<OptionalValue>(OptionalValue());
  if (takenFirst && skipped)
    layers.countSkipped(*skipped);
  markOneBranch(taken, skipped, boundBefore);
  return value;
}

static llvm::SmallVector<ast::Ident> namesIn(const ast::Body *body) {
  llvm::SmallVector<ast::Ident> names;
  if (body)
    for (const ast::Stmt *stmt : body->stmts)
      assignedNames(*stmt, names);
  return names;
}

/// A name that one branch makes and the other does not has a value by chance only.
void BodyRunner::markOneBranch(const ast::Body *taken, const ast::Body *skipped,
                               llvm::ArrayRef<llvm::StringRef> boundBefore) {
  auto a = namesIn(taken), b = namesIn(skipped);
  auto has = [](llvm::ArrayRef<ast::Ident> list, llvm::StringRef name) {
    return llvm::any_of(list, [&](const ast::Ident &one) { return one.text == name; });
  };
  auto mark = [&](llvm::ArrayRef<ast::Ident> from, llvm::ArrayRef<ast::Ident> other) {
    for (const ast::Ident &name : from) {
      if (has(other, name.text) || llvm::is_contained(boundBefore, name.text))
        continue;
      const Binding *known = scope.findHere(name.text);
      if (known && known->status == Binding::Status::Failed)
        continue; // reported already
      Binding &binding = scope.defineFailed(name.text, name.span);
      binding.status = Binding::Status::OneBranch;
    }
  };
  mark(a, b);
  mark(b, a);
}

void gnc::dsl::assignedNames(const ast::Stmt &stmt, llvm::SmallVectorImpl<ast::Ident> &out) {
  auto flow = [&](const ast::Expr *expr) {
    if (auto *flow = llvm::dyn_cast_or_null<ast::Flow>(expr)) {
      if (flow->name)
        out.push_back(flow->name);
      for (const ast::Stage &stage : flow->stages)
        if (stage.name)
          out.push_back(stage.name);
    }
  };
  auto body = [&](const ast::Body &body) {
    for (const ast::Stmt *inner : body.stmts)
      assignedNames(*inner, out);
  };
  if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(&stmt)) {
    llvm::append_range(out, assign->names);
    flow(assign->value);
  } else if (auto *let = llvm::dyn_cast<ast::LetStmt>(&stmt)) {
    out.push_back(let->name);
  } else if (auto *param = llvm::dyn_cast<ast::ParamStmt>(&stmt)) {
    out.push_back(param->name);
  } else if (auto *state = llvm::dyn_cast<ast::StateStmt>(&stmt)) {
    out.push_back(state->name);
  } else if (auto *layer = llvm::dyn_cast<ast::LayerStmt>(&stmt)) {
    out.push_back(layer->name);
  } else if (auto *value = llvm::dyn_cast<ast::ValueStmt>(&stmt)) {
    flow(value->value);
  } else if (auto *choice = llvm::dyn_cast<ast::IfStmt>(&stmt)) {
    body(choice->thenBody);
    if (choice->elseBody)
      body(*choice->elseBody);
  } else if (auto *when = llvm::dyn_cast<ast::WhenStmt>(&stmt)) {
    body(when->thenBody);
    if (when->elseBody)
      body(*when->elseBody);
  }
}

void BodyRunner::poison(const ast::Stmt &stmt) {
  llvm::SmallVector<ast::Ident> names;
  if (auto *loop = llvm::dyn_cast<ast::ForStmt>(&stmt)) {
    // What the loop would have rebound is as unknown.
    for (const ast::Stmt *inner : loop->body.stmts)
      assignedNames(*inner, names);
    llvm::erase_if(names, [&](const ast::Ident &name) { return !scope.holder(name.text); });
  } else {
    assignedNames(stmt, names);
  }
  for (const ast::Ident &name : names) {
    Scope *holder = scope.holder(name.text);
    if (!holder || !holder->find(name.text)->constant)
      (holder ? *holder : scope).defineFailed(name.text, name.span);
  }
}
