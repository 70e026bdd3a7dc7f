// The tree as compact s-expressions (`--emit=ast`, tests): expressions, flows, types.
#include "dsl/Dumper.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

void Dumper::quoted(llvm::StringRef text) {
  os << '"';
  for (char c : text) {
    if (c == '"' || c == '\\')
      os << '\\';
    if (c == '\n')
      os << "\\n";
    else if (c == '\t')
      os << "\\t";
    else
      os << c;
  }
  os << '"';
}

//===- expressions --------------------------------------------------------------------------===//

/// The operands and the end of a list that has been opened.
template <typename List> void Dumper::all(const List &list) {
  for (const Expr *one : list) {
    os << ' ';
    expr(one);
  }
  os << ')';
}

void Dumper::expr(const Expr *e) {
  using Operands = std::initializer_list<const Expr *>;
  llvm::TypeSwitch<const Expr *>(e)
      .Case([&](const Number *n) { os << n->value.str(); })
      .Case([&](const String *n) { quoted(n->value); })
      .Case([&](const Bool *n) { os << (n->value ? "true" : "false"); })
      .Case([&](const Inf *) { os << "inf"; })
      .Case([&](const Name *n) { os << n->name; })
      .Case([&](const Member *n) {
        os << "(. ";
        expr(n->base);
        os << ' ' << n->member.text << ')';
      })
      .Case([&](const Neg *n) { os << "(neg", all(Operands{n->operand}); })
      .Case([&](const Not *n) { os << "(not", all(Operands{n->operand}); })
      .Case([&](const Binary *n) { os << '(' << spelling(n->op), all(Operands{n->lhs, n->rhs}); })
      .Case([&](const If *n) {
        os << "(if", all(Operands{n->condition, n->thenValue, n->elseValue});
      })
      .Case([&](const Tuple *n) { os << "(tuple", all(n->elements); })
      .Case([&](const List *n) { os << "(list", all(n->elements); })
      .Case([&](const Range *n) { os << "(..", all(Operands{n->from, n->to}); })
      .Case<ast::Size, Compare, Call, Access, Reduce, Flow>([&](const auto *n) { write(*n); });
}

void Dumper::write(const ast::Size &e) {
  separated(e.extents, [&](int64_t extent) { os << extent; }, "x");
}

void Dumper::write(const Compare &e) {
  os << "(cmp ";
  expr(e.operands[0]);
  for (size_t i = 0; i != e.ops.size(); ++i) {
    os << ' ' << spelling(e.ops[i]) << ' ';
    expr(e.operands[i + 1]);
  }
  os << ')';
}

void Dumper::write(const Call &e) {
  os << "(call ";
  expr(e.callee);
  args(e.args);
  os << ')';
}

void Dumper::write(const Reduce &e) {
  os << '(' << spelling(e.reducer) << " [";
  separated(e.binds, [&](const Bind &b) { bind(b); }, ", ");
  os << "] ";
  expr(e.body);
  os << ')';
}

void Dumper::write(const Access &a) {
  auto index = [&](const Index &i) {
    expr(i.expr);
    os << (i.pack ? ".." : "");
  };
  os << "(at ";
  expr(a.tensor);
  os << " [";
  if (a.batch) {
    index(*a.batch);
    os << "; ";
  }
  separated(a.indices, index, ", ");
  os << ']';
  if (a.outside) {
    os << " ?? ";
    expr(a.outside);
  }
  os << ')';
}

void Dumper::bind(const Bind &b) {
  os << b.name.text << (b.pack ? ".." : "");
  if (b.bound) {
    os << " < ";
    expr(b.bound);
  }
}

void Dumper::write(const Flow &f) {
  os << "(flow ";
  expr(f.source);
  if (f.type) {
    os << " : ";
    type(*f.type);
  }
  if (f.name)
    os << " as " << f.name.text;
  stages(f.stages);
  os << ')';
}

void Dumper::stages(const std::vector<Stage> &list) {
  for (const Stage &one : list) {
    os << " -> ";
    stage(one);
  }
}

void Dumper::stage(const Stage &s) {
  unit(s.unit);
  if (s.count) {
    os << " * ";
    expr(s.count);
  }
  if (s.type) {
    os << " : ";
    type(*s.type);
  }
  if (s.name)
    os << " as " << s.name.text;
  attributes(s.attributes);
}

void Dumper::unit(const Unit *u) {
  if (const auto *layer = llvm::dyn_cast<LayerRef>(u)) {
    os << '(';
    separated(layer->path, [&](const Ident &part) { os << part.text; }, ".");
    args(layer->args);
    os << ')';
  } else if (const auto *inner = llvm::dyn_cast<Chain>(u)) {
    os << "(chain";
    stages(inner->stages);
    os << ')';
  } else {
    const auto *choice = llvm::cast<IfUnit>(u);
    os << "(if ";
    expr(choice->condition);
    os << ' ';
    unit(choice->thenUnit);
    os << ' ';
    unit(choice->elseUnit);
    os << ')';
  }
}

void Dumper::arg(const Arg &a) {
  if (a.name)
    os << a.name.text << '=';
  expr(a.value);
}

void Dumper::args(const std::optional<Args> &a) {
  if (!a)
    return;
  // Empty parentheses are shown: `relu()` is not `relu`.
  os << (a->list.empty() ? " ()" : "");
  for (const Arg &one : a->list) {
    os << ' ';
    arg(one);
  }
}

void Dumper::attributes(const std::vector<Attribute> &list) {
  for (const Attribute &one : list) {
    os << " @" << one.name.text;
    if (one.args) {
      os << '(';
      separated(one.args->list, [&](const Arg &a) { arg(a); }, ", ");
      os << ')';
    }
  }
}

void Dumper::type(const Type &t) {
  auto dim = [&](const Dim &d) {
    expr(d.expr);
    os << (d.pack ? ".." : "");
  };
  if (t.elemWritten)
    os << spelling(t.elem);
  if (t.classes) {
    os << '(';
    expr(t.classes);
    os << ')';
  }
  if (!t.hasShape)
    return;
  os << '[';
  if (t.batch) {
    dim(*t.batch);
    os << "; ";
  }
  separated(t.dims, dim, ", ");
  os << ']';
}
