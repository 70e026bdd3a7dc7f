// Writes the tree as s-expressions; the interface is dump() in AST.h.
#ifndef GNC_DSL_DUMPER_H
#define GNC_DSL_DUMPER_H

#include "dsl/AST.h"

namespace gnc::dsl::ast {

class Dumper {
public:
  explicit Dumper(llvm::raw_ostream &os) : os(os) {}
  void decl(const Decl &d);
  void expr(const Expr *e);
  void type(const Type &t);

private:
  // expressions and flows (Dump.cpp)
  template <typename List> void all(const List &list);
  void write(const Size &e);
  void write(const Compare &e);
  void write(const Call &e);
  void write(const Access &e);
  void write(const Reduce &e);
  void write(const Flow &e);
  void stages(const std::vector<Stage> &list);
  void stage(const Stage &s);
  void unit(const Unit *u);
  void args(const std::optional<Args> &a);
  void arg(const Arg &a);
  void bind(const Bind &b);
  void attributes(const std::vector<Attribute> &list);
  void quoted(llvm::StringRef text);

  // statements and declarations (DumpDecl.cpp)
  void stmt(const Stmt &s);
  void write(const ParamStmt &s);
  void write(const StateStmt &s);
  void write(const LayerStmt &s);
  void write(const LetStmt &s);
  void write(const ForStmt &s);
  void write(const IfStmt &s);
  void write(const WhenStmt &s);
  void write(const RequireStmt &s);
  void write(const AssignStmt &s);
  void write(const UpdateStmt &s);
  void write(const ValueStmt &s);
  void write(const EquationStmt &s);
  void write(const UseDecl &d);
  void write(const LetDecl &d);
  void write(const BlockDecl &d);
  void write(const OpDecl &d);
  void write(const DefDecl &d);
  void write(const OptimizerDecl &d);
  void write(const DataDecl &d);
  template <typename Callable> void callable(const Callable &d);
  template <typename Section> void section(const Section &d);
  void head(const Params &params, const std::vector<Result> &results);
  void param(const Param &p);
  void value(llvm::StringRef sign, const Expr *e);
  void typed(const Type *t);
  void names(const std::vector<Ident> &list);
  void body(llvm::StringRef label, const std::vector<Stmt *> &list);
  void branches(const Body &yes, const std::optional<Body> &no);

  void line() { os << '\n' << std::string(2 * indent, ' '); }
  template <typename T, typename F> void separated(const T &list, F one, llvm::StringRef sign) {
    for (size_t i = 0; i != list.size(); ++i) {
      os << (i ? sign : llvm::StringRef());
      one(list[i]);
    }
  }

  llvm::raw_ostream &os;
  unsigned indent = 0;
};

} // namespace gnc::dsl::ast

#endif // GNC_DSL_DUMPER_H
