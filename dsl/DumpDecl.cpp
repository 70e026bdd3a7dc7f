// The tree as compact s-expressions: statements, declarations, files.
#include "dsl/Dumper.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

//===- statements ---------------------------------------------------------------------------===//

void Dumper::value(llvm::StringRef sign, const Expr *e) {
  if (!e)
    return;
  os << sign;
  expr(e);
}

void Dumper::typed(const Type *t) {
  if (!t)
    return;
  os << " : ";
  type(*t);
}

void Dumper::names(const std::vector<Ident> &list) {
  separated(list, [&](const Ident &name) { os << name.text; }, ", ");
}

void Dumper::body(llvm::StringRef label, const std::vector<Stmt *> &list) {
  ++indent;
  line();
  os << '(' << label;
  ++indent;
  for (const Stmt *one : list) {
    line();
    stmt(*one);
  }
  os << ')';
  indent -= 2;
}

void Dumper::branches(const Body &yes, const std::optional<Body> &no) {
  body("then", yes.stmts);
  if (no)
    body("else", no->stmts);
}

void Dumper::stmt(const Stmt &s) {
  os << '(';
  llvm::TypeSwitch<const Stmt *>(&s)
      .Case<ParamStmt, StateStmt, LayerStmt, LetStmt, ForStmt, IfStmt, WhenStmt, RequireStmt,
            AssignStmt, UpdateStmt, ValueStmt, EquationStmt>([&](const auto *n) { write(*n); });
  os << ')';
}

void Dumper::write(const ParamStmt &s) {
  os << "param " << s.name.text;
  typed(s.type);
  value(" = ", s.init);
  attributes(s.attributes);
}

void Dumper::write(const StateStmt &s) {
  os << "state " << s.name.text;
  typed(s.type);
  value(" = ", s.init);
}

void Dumper::write(const LayerStmt &s) {
  os << "layer " << s.name.text;
  stages(s.chain->stages);
  attributes(s.attributes);
}

void Dumper::write(const LetStmt &s) {
  os << "let " << s.name.text;
  value(" = ", s.value);
}

void Dumper::write(const ForStmt &s) {
  os << (s.tuple ? "for (" : "for ");
  names(s.names);
  value(s.tuple ? ") in " : " in ", s.range);
  body("do", s.body.stmts);
}

void Dumper::write(const IfStmt &s) {
  value("if ", s.condition);
  branches(s.thenBody, s.elseBody);
}

void Dumper::write(const WhenStmt &s) {
  os << (s.augment ? "augment" : s.mode == Mode::Train ? "when train" : "when infer");
  branches(s.thenBody, s.elseBody);
}

void Dumper::write(const RequireStmt &s) {
  value("require ", s.condition);
  value(" ", s.message);
}

void Dumper::write(const AssignStmt &s) {
  os << "= ";
  names(s.names);
  typed(s.type);
  value(" ", s.value);
}

void Dumper::write(const UpdateStmt &s) {
  os << "<- ";
  names(s.names);
  value(" ", s.value);
}

void Dumper::write(const ValueStmt &s) { value("value ", s.value); }

void Dumper::write(const EquationStmt &s) {
  os << "eq " << (s.adjoint ? "d." : "") << s.name.text;
  if (s.hasIndices) {
    os << '[';
    if (s.batch) {
      bind(*s.batch);
      os << "; ";
    }
    separated(s.indices, [&](const Bind &b) { bind(b); }, ", ");
    os << ']';
  }
  value(" ", s.value);
}

//===- declarations -------------------------------------------------------------------------===//

void Dumper::param(const Param &p) {
  os << p.name.text;
  if (p.type) {
    os << ": ";
    type(*p.type);
  }
  value(" = ", p.value);
}

void Dumper::head(const Params &params, const std::vector<Result> &results) {
  auto one = [&](const Param &p) { param(p); };
  os << " (";
  separated(params.inputs, one, ", ");
  os << (params.semicolon ? "; " : "");
  separated(params.settings, one, ", ");
  os << ')';
  if (results.empty())
    return;
  auto result = [&](const Result &r) {
    os << r.name.text << (r.name ? ": " : "");
    type(*r.type);
  };
  os << " -> ";
  separated(results, result, ", ");
}

template <typename Callable> void Dumper::callable(const Callable &d) {
  head(d.params, d.results);
  body("body", d.body.stmts);
}

template <typename Section> void Dumper::section(const Section &d) {
  args(d.args);
  if (d.data)
    os << " on " << d.data.text;
  body("body", d.body.stmts);
}

void Dumper::write(const UseDecl &d) {
  os << ' ';
  expr(d.path);
  os << (d.imports.empty() ? "" : " ");
  names(d.imports);
}

void Dumper::write(const LetDecl &d) { value(" ", d.value); }

void Dumper::write(const BlockDecl &d) {
  if (!d.chain)
    return callable(d);
  head(d.params, d.results);
  stages(d.chain->stages);
}

void Dumper::write(const OpDecl &d) {
  head(d.params, d.results);
  if (d.cuda) {
    os << " cuda";
    args(d.cuda->launch);
    os.write_escaped(d.cuda->source());
  } else if (d.value) {
    value(" = ", d.value);
  } else {
    body("equations", d.equations);
  }
  if (d.grad) {
    body("grad", d.grad->equations);
    attributes(d.grad->attributes);
  }
}

void Dumper::write(const DefDecl &d) {
  head(d.params, {});
  value(" = ", d.value);
}

void Dumper::write(const OptimizerDecl &d) {
  head(d.params, {});
  body("body", d.body.stmts);
}

void Dumper::write(const DataDecl &d) { body("body", d.body.stmts); }

void Dumper::decl(const Decl &d) {
  os << '(' << d.keyword.text();
  if (d.name)
    os << ' ' << d.name.text;
  if (d.hasErrors) { // parts of it may be missing
    os << " errors)\n";
    return;
  }
  llvm::TypeSwitch<const Decl *>(&d)
      .Case<UseDecl, LetDecl, BlockDecl, OpDecl, DefDecl, OptimizerDecl, DataDecl>(
          [&](const auto *n) { write(*n); })
      .Case<NetDecl, MetricDecl>([&](const auto *n) { callable(*n); })
      .Case<TrainDecl, InferDecl>([&](const auto *n) { section(*n); });
  if (!d.doc.empty()) {
    ++indent;
    line();
    os << "(doc ";
    quoted(d.doc);
    os << ')';
    --indent;
  }
  os << ")\n";
}

void ast::dump(llvm::raw_ostream &os, const Decl &decl) { Dumper(os).decl(decl); }
void ast::dump(llvm::raw_ostream &os, const Expr &expr) { Dumper(os).expr(&expr); }
void ast::dump(llvm::raw_ostream &os, const Type &type) { Dumper(os).type(type); }

void ast::dump(llvm::raw_ostream &os, const File &file) {
  for (const Decl *decl : file.decls)
    dump(os, *decl);
}
