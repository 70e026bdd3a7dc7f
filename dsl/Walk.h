// Visits every expression and every layer of a part of a tree, outer ones first.
#ifndef GNC_DSL_WALK_H
#define GNC_DSL_WALK_H

#include "dsl/AST.h"

namespace gnc::dsl {

/// Override what is of interest.
class Visitor {
public:
  virtual ~Visitor() = default;
  virtual void visit(const ast::Expr &) {}
  virtual void visit(const ast::LayerRef &) {}
};

void walk(const ast::Expr &expr, Visitor &visitor);
void walk(const ast::Unit &unit, Visitor &visitor);
void walk(const ast::Stmt &stmt, Visitor &visitor);
void walk(const ast::Body &body, Visitor &visitor);

} // namespace gnc::dsl

#endif // GNC_DSL_WALK_H
