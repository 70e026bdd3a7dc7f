// Visits every statement, expression and layer of a part of a tree, outer ones first; expressions
// in types, attributes and messages too.
#ifndef GNC_DSL_WALK_H
#define GNC_DSL_WALK_H

#include "dsl/AST.h"

#include "llvm/ADT/StringSet.h"

namespace gnc::dsl {

/// Override what is of interest.
class Visitor {
public:
  virtual ~Visitor() = default;
  virtual void visit(const ast::Expr &) {}
  virtual void visit(const ast::LayerRef &) {}
  virtual void visit(const ast::Stmt &) {}
};

/// The names that occur in expressions.
struct NameSearch : Visitor {
  using Visitor::visit;
  void visit(const ast::Expr &expr) override {
    if (const auto *name = llvm::dyn_cast<ast::Name>(&expr))
      names.insert(name->name);
  }
  llvm::StringSet<> names;
};

void walk(const ast::Expr &expr, Visitor &visitor);
void walk(const ast::Unit &unit, Visitor &visitor);
void walk(const ast::Stmt &stmt, Visitor &visitor);
void walk(const ast::Body &body, Visitor &visitor);
void walk(const ast::Type &type, Visitor &visitor);

} // namespace gnc::dsl

#endif // GNC_DSL_WALK_H
