#include "dsl/Walk.h"

#include "llvm/ADT/ArrayRef.h"

using namespace gnc::dsl;
using llvm::cast;

static void walkAll(llvm::ArrayRef<ast::Expr *> list, Visitor &visitor) {
  for (const ast::Expr *expr : list)
    if (expr)
      walk(*expr, visitor);
}

static void walkArgs(const ast::Args &args, Visitor &visitor) {
  for (const ast::Arg &arg : args.list)
    walkAll(arg.value, visitor);
}

static void walkAttributes(const std::vector<ast::Attribute> &attributes, Visitor &visitor) {
  for (const ast::Attribute &attribute : attributes)
    if (attribute.args)
      walkArgs(*attribute.args, visitor);
}

static void walkType(const ast::Type *type, Visitor &visitor) {
  if (type)
    walk(*type, visitor);
}

static void walkStage(const ast::Stage &stage, Visitor &visitor) {
  walk(*stage.unit, visitor);
  walkAll(stage.count, visitor);
  walkType(stage.type, visitor);
  walkAttributes(stage.attributes, visitor);
}

static void walkAccess(const ast::Access &access, Visitor &visitor) {
  walkAll({access.tensor, access.batch ? access.batch->expr : nullptr, access.outside}, visitor);
  for (const ast::Index &index : access.indices)
    walkAll(index.expr, visitor);
}

void gnc::dsl::walk(const ast::Expr &expr, Visitor &visitor) {
  visitor.visit(expr);
  using Kind = ast::Expr::Kind;
  switch (expr.kind) {
  case Kind::Member: return walk(*cast<ast::Member>(expr).base, visitor);
  case Kind::Neg: return walk(*cast<ast::Neg>(expr).operand, visitor);
  case Kind::Not: return walk(*cast<ast::Not>(expr).operand, visitor);
  case Kind::Binary:
    return walkAll({cast<ast::Binary>(expr).lhs, cast<ast::Binary>(expr).rhs}, visitor);
  case Kind::Compare: return walkAll(cast<ast::Compare>(expr).operands, visitor);
  case Kind::If: {
    const auto &choice = cast<ast::If>(expr);
    return walkAll({choice.condition, choice.thenValue, choice.elseValue}, visitor);
  }
  case Kind::Call:
    walk(*cast<ast::Call>(expr).callee, visitor);
    return walkArgs(cast<ast::Call>(expr).args, visitor);
  case Kind::Access: return walkAccess(cast<ast::Access>(expr), visitor);
  case Kind::Reduce:
    for (const ast::Bind &bind : cast<ast::Reduce>(expr).binds)
      walkAll(bind.bound, visitor);
    return walk(*cast<ast::Reduce>(expr).body, visitor);
  case Kind::Tuple: return walkAll(cast<ast::Tuple>(expr).elements, visitor);
  case Kind::List: return walkAll(cast<ast::List>(expr).elements, visitor);
  case Kind::Flow:
    walk(*cast<ast::Flow>(expr).source, visitor);
    walkType(cast<ast::Flow>(expr).type, visitor);
    for (const ast::Stage &stage : cast<ast::Flow>(expr).stages)
      walkStage(stage, visitor);
    return;
  case Kind::Range:
    return walkAll({cast<ast::Range>(expr).from, cast<ast::Range>(expr).to}, visitor);
  default: return;
  }
}

void gnc::dsl::walk(const ast::Unit &unit, Visitor &visitor) {
  if (const auto *layer = llvm::dyn_cast<ast::LayerRef>(&unit)) {
    visitor.visit(*layer);
    if (layer->args)
      walkArgs(*layer->args, visitor);
  } else if (const auto *chain = llvm::dyn_cast<ast::Chain>(&unit)) {
    for (const ast::Stage &stage : chain->stages)
      walkStage(stage, visitor);
  } else if (const auto *choice = llvm::dyn_cast<ast::IfUnit>(&unit)) {
    walkAll(choice->condition, visitor);
    walk(*choice->thenUnit, visitor);
    walk(*choice->elseUnit, visitor);
  }
}

void gnc::dsl::walk(const ast::Stmt &stmt, Visitor &visitor) {
  auto walkElse = [&](const std::optional<ast::Body> &body) {
    if (body)
      walk(*body, visitor);
  };
  visitor.visit(stmt);
  using Kind = ast::Stmt::Kind;
  switch (stmt.kind) {
  case Kind::Param:
    walkType(cast<ast::ParamStmt>(stmt).type, visitor);
    walkAttributes(cast<ast::ParamStmt>(stmt).attributes, visitor);
    return walkAll(cast<ast::ParamStmt>(stmt).init, visitor);
  case Kind::State:
    walkType(cast<ast::StateStmt>(stmt).type, visitor);
    return walkAll(cast<ast::StateStmt>(stmt).init, visitor);
  case Kind::Layer:
    walkAttributes(cast<ast::LayerStmt>(stmt).attributes, visitor);
    return walk(*cast<ast::LayerStmt>(stmt).chain, visitor);
  case Kind::Let: return walkAll(cast<ast::LetStmt>(stmt).value, visitor);
  case Kind::For:
    walkAll(cast<ast::ForStmt>(stmt).range, visitor);
    return walk(cast<ast::ForStmt>(stmt).body, visitor);
  case Kind::If:
    walkAll(cast<ast::IfStmt>(stmt).condition, visitor);
    walk(cast<ast::IfStmt>(stmt).thenBody, visitor);
    return walkElse(cast<ast::IfStmt>(stmt).elseBody);
  case Kind::When:
    walk(cast<ast::WhenStmt>(stmt).thenBody, visitor);
    return walkElse(cast<ast::WhenStmt>(stmt).elseBody);
  case Kind::Require:
    return walkAll({cast<ast::RequireStmt>(stmt).condition, cast<ast::RequireStmt>(stmt).message},
                   visitor);
  case Kind::Assign:
    walkType(cast<ast::AssignStmt>(stmt).type, visitor);
    return walkAll(cast<ast::AssignStmt>(stmt).value, visitor);
  case Kind::Update: return walkAll(cast<ast::UpdateStmt>(stmt).value, visitor);
  case Kind::Value: return walkAll(cast<ast::ValueStmt>(stmt).value, visitor);
  case Kind::Equation:
    for (const ast::Bind &index : cast<ast::EquationStmt>(stmt).indices)
      walkAll(index.bound, visitor);
    return walkAll(cast<ast::EquationStmt>(stmt).value, visitor);
  }
}

void gnc::dsl::walk(const ast::Body &body, Visitor &visitor) {
  for (const ast::Stmt *stmt : body.stmts)
    walk(*stmt, visitor);
}

void gnc::dsl::walk(const ast::Type &type, Visitor &visitor) {
  walkAll({type.classes, type.batch ? type.batch->expr : nullptr}, visitor);
  for (const ast::Dim &dim : type.dims)
    walkAll(dim.expr, visitor);
}
