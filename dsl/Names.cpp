// Paths of weights: "ResNet18.basic.3.conv.w".
#include "dsl/LayerBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

PathScope::PathScope(Elaborator &elab, std::string name) : elab(elab) {
  elab.pathLevels.push_back({std::move(name), {}});
}

PathScope::~PathScope() { elab.pathLevels.pop_back(); }

std::string PathScope::label(Elaborator &elab, llvm::StringRef name) {
  if (elab.pathLevels.empty())
    return name.str();
  unsigned count = ++elab.pathLevels.back().labels[name];
  return count == 1 ? name.str() : name.str() + "." + std::to_string(count);
}

void PathScope::skip(Elaborator &elab, llvm::StringRef name, unsigned count) {
  if (!elab.pathLevels.empty())
    elab.pathLevels.back().labels[name] += count;
}

//===- what is not elaborated ---------------------------------------------------------------===//

namespace {
/// Bumps the labels that code would have taken, had its branch been elaborated.
struct LabelSkipper {
  Elaborator &elab;
  const Scope &scope;

  void name(llvm::StringRef name, unsigned count);
  void recipe(const Recipe &recipe, unsigned count);
  void expr(const ast::Expr &expr);
  void arguments(const std::optional<ast::Args> &args);
  void unit(const ast::Unit &unit, unsigned count);
  void stages(llvm::ArrayRef<ast::Stage> stages, unsigned count);
  void statement(const ast::Stmt &stmt);
  void body(const ast::Body &body);
  unsigned repeat(const ast::Stage &stage) const;
};
} // namespace

void LabelSkipper::recipe(const Recipe &recipe, unsigned count) {
  if (recipe.decl)
    PathScope::skip(elab, recipe.decl->name.text, count);
  if (recipe.first)
    this->recipe(*recipe.first, count);
  if (recipe.stages)
    stages(*recipe.stages, count);
}

void LabelSkipper::name(llvm::StringRef name, unsigned count) {
  if (const Value *value = scope.value(name)) {
    if (value->recipe())
      recipe(*value->recipe(), count);
    return;
  }
  Found found = scope.module()->find(name);
  if (found && (llvm::isa<ast::BlockDecl>(found.decl) || llvm::isa<ast::NetDecl>(found.decl)))
    PathScope::skip(elab, found.decl->name.text, count);
}

/// A count that is written as a number or is a number already; else it counts as one.
unsigned LabelSkipper::repeat(const ast::Stage &stage) const {
  std::optional<int64_t> count = 1;
  if (auto *number = llvm::dyn_cast_or_null<ast::Number>(stage.count))
    count = number->value.asInt();
  else if (auto *name = llvm::dyn_cast_or_null<ast::Name>(stage.count))
    if (const Value *value = scope.value(name->name))
      count = value->asInt();
  return unsigned(std::clamp<int64_t>(count.value_or(1), 0, 1 << 20));
}

void LabelSkipper::arguments(const std::optional<ast::Args> &args) {
  if (args)
    for (const ast::Arg &arg : args->list)
      expr(*arg.value);
}

void LabelSkipper::unit(const ast::Unit &node, unsigned count) {
  if (auto *ref = llvm::dyn_cast<ast::LayerRef>(&node)) {
    name(ref->path.back().text, count);
    arguments(ref->args);
  } else if (auto *chain = llvm::dyn_cast<ast::Chain>(&node)) {
    stages(chain->stages, count);
  } else {
    auto &choice = llvm::cast<ast::IfUnit>(node);
    unit(*choice.thenUnit, count);
    unit(*choice.elseUnit, count);
  }
}

void LabelSkipper::stages(llvm::ArrayRef<ast::Stage> stages, unsigned count) {
  for (const ast::Stage &stage : stages)
    unit(*stage.unit, count * repeat(stage));
}

void LabelSkipper::expr(const ast::Expr &node) {
  using namespace ast;
  if (auto *call = llvm::dyn_cast<Call>(&node)) {
    if (auto *callee = llvm::dyn_cast<Name>(call->callee))
      name(callee->name, 1);
    arguments(call->args);
  } else if (auto *flow = llvm::dyn_cast<Flow>(&node)) {
    expr(*flow->source);
    stages(flow->stages, 1);
  } else if (auto *binary = llvm::dyn_cast<Binary>(&node)) {
    expr(*binary->lhs);
    expr(*binary->rhs);
  } else if (auto *neg = llvm::dyn_cast<Neg>(&node)) {
    expr(*neg->operand);
  } else if (auto *choice = llvm::dyn_cast<If>(&node)) {
    expr(*choice->thenValue);
    expr(*choice->elseValue);
  } else if (auto *tuple = llvm::dyn_cast<ast::Tuple>(&node)) {
    for (const Expr *element : tuple->elements)
      expr(*element);
  } else if (auto *list = llvm::dyn_cast<ast::List>(&node)) {
    for (const Expr *element : list->elements)
      expr(*element);
  }
}

void LabelSkipper::statement(const ast::Stmt &stmt) {
  using namespace ast;
  if (auto *layer = llvm::dyn_cast<LayerStmt>(&stmt)) {
    PathScope::skip(elab, layer->name.text, 1);
  } else if (auto *let = llvm::dyn_cast<LetStmt>(&stmt)) {
    expr(*let->value);
  } else if (llvm::isa<ForStmt>(stmt)) {
    PathScope::skip(elab, "for", 1);
  } else if (auto *assign = llvm::dyn_cast<AssignStmt>(&stmt)) {
    expr(*assign->value);
  } else if (auto *update = llvm::dyn_cast<UpdateStmt>(&stmt)) {
    expr(*update->value);
  } else if (auto *value = llvm::dyn_cast<ValueStmt>(&stmt)) {
    expr(*value->value);
  } else if (auto *choice = llvm::dyn_cast<IfStmt>(&stmt)) {
    body(choice->thenBody);
    if (choice->elseBody)
      body(*choice->elseBody);
  } else if (auto *when = llvm::dyn_cast<WhenStmt>(&stmt)) {
    body(when->thenBody);
    if (when->elseBody)
      body(*when->elseBody);
  }
}

void LabelSkipper::body(const ast::Body &body) {
  for (const ast::Stmt *stmt : body.stmts)
    statement(*stmt);
}

void LayerBuilder::countSkipped(const ast::Expr &expr) { LabelSkipper{elab, scope}.expr(expr); }
void LayerBuilder::countSkipped(const ast::Unit &unit) { LabelSkipper{elab, scope}.unit(unit, 1); }
void LayerBuilder::countSkipped(const ast::Body &body) { LabelSkipper{elab, scope}.body(body); }
