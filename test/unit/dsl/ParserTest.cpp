#include "Programs.h"

#include <gtest/gtest.h>

using namespace gnc::dsl;
using namespace gnc::dsl::ast;
using namespace gnc::dsl::test;

namespace {

/// The tree of an expression, or its messages.
std::string tree(const std::string &text) {
  Parsed parsed("let e = " + text);
  if (parsed.diags.hasErrors())
    return parsed.diags.str();
  std::string shown;
  llvm::raw_string_ostream os(shown);
  dump(os, *llvm::cast<LetDecl>(parsed.file->decls.at(0))->value);
  return shown;
}

/// The slugs of all mistakes, in order.
std::string slugs(const std::string &text) {
  Parsed parsed(text);
  std::string list;
  for (const Diagnostic *item : parsed.diags.sorted())
    list += (list.empty() ? "" : " ") + item->slug;
  return list;
}

std::string bodySlugs(const std::string &text) { return slugs("net A(x: [3]) {\n" + text + "\n}"); }

} // namespace

TEST(Parser, ProgramsHaveNoMistakes) {
  auto list = programs();
  ASSERT_FALSE(list.empty());
  for (const Program &program : list) {
    Parsed one(program.text), again(program.text);
    EXPECT_EQ(one.diags.str(), "") << program.name;
    EXPECT_EQ(one.dump(), again.dump());
    for (const Decl *decl : one.file->decls)
      EXPECT_FALSE(decl->hasErrors);
  }
}

TEST(Parser, Precedence) {
  EXPECT_EQ(tree("-x^2"), "(neg (^ x 2))");
  EXPECT_EQ(tree("2^-1^y"), "(^ 2 (neg (^ 1 y)))");
  EXPECT_EQ(tree("a - b - c * d / e"), "(- (- a b) (/ (* c d) e))");
  EXPECT_EQ(tree("not a == b and c or d"), "(or (and (not (cmp a == b)) c) d)");
  EXPECT_EQ(tree("0 <= i < H"), "(cmp 0 <= i < H)");
  EXPECT_EQ(tree("f + x -> relu"), "(flow (+ f x) -> (relu))");
  EXPECT_EQ(tree("sum[k] a[k] * b[k] + c"), "(+ (sum [k] (* (at a [k]) (at b [k]))) c)");
  EXPECT_EQ(tree("max[r] x[r] ?\? -inf"), "(max [r] (at x [r] ?\? (neg inf)))");
  EXPECT_EQ(tree("max(sum, 2)"), "(call max sum 2)");
  EXPECT_EQ(tree("if a then b else c -> f"), "(flow (if a b c) -> (f))");
  EXPECT_EQ(tree("x -> f * 2 * (n)").substr(0, 5), "t.net");
  EXPECT_EQ(tree("x -> f * (n - 1) -> g"), "(flow x -> (f) * (- n 1) -> (g))");
  EXPECT_EQ(tree("(x -> f) + g"), "(+ (flow x -> (f)) g)");
  EXPECT_EQ(tree("a.b(c)[0].d"), "(. (at (call (. a b) c) [0]) d)");
  EXPECT_EQ(tree("f(a, k = (b, c), [d,],)"), "(call f a k=(tuple b c) (list d))");
}

TEST(Parser, NewLines) {
  EXPECT_EQ(tree("a\n  + b\n  -> f\n  : [3]\n  as c"), "(flow (+ a b) -> (f) : [3] as c)");
  EXPECT_EQ(tree("a +\n  b"), "(+ a b)");
  EXPECT_EQ(tree("f(a,\n  b\n)"), "(call f a b)");
  EXPECT_EQ(tree("[\n a\n , b\n]"), "(list a b)");
  // A bracket first on its line never continues.
  Parsed calls("net A(x: [3]) {\n  y = x\n  (y)\n  z = y\n  [y]\n}");
  EXPECT_EQ(calls.diags.str(), "");
  EXPECT_EQ(llvm::cast<NetDecl>(calls.file->decls[0])->body.stmts.size(), 4u);
  // Declaration words are names inside of bodies.
  EXPECT_EQ(bodySlugs("data = x\n net = data\n op = net\n on = op\n grad = on\n metric = on"), "");
}

TEST(Parser, Spans) {
  Parsed parsed("let e = (a + b) * f(c)[i] -> g(2) * 3 as h");
  auto *flow = llvm::cast<Flow>(llvm::cast<LetDecl>(parsed.file->decls[0])->value);
  EXPECT_EQ(flow->span.text(), "(a + b) * f(c)[i] -> g(2) * 3 as h");
  auto *product = llvm::cast<Binary>(flow->source);
  EXPECT_EQ(product->span.text(), "(a + b) * f(c)[i]");
  EXPECT_EQ(product->opSpan.text(), "*");
  EXPECT_EQ(product->lhs->span.text(), "a + b");
  EXPECT_EQ(product->rhs->span.text(), "f(c)[i]");
  EXPECT_EQ(llvm::cast<Access>(product->rhs)->brackets.text(), "[i]");
  EXPECT_EQ(flow->stages[0].span.text(), "g(2) * 3 as h");
  EXPECT_EQ(flow->stages[0].unit->span.text(), "g(2)");
  EXPECT_EQ(flow->stages[0].name.text, "h");
}

TEST(Parser, Documents) {
  Parsed parsed("## One.\n##Two.\nop f(x) = x\n## far\n\nop g(x) = x ## behind\nop h(x) = x\n# no\n"
                "## Mine.\nop i(x) = x");
  ASSERT_EQ(parsed.file->decls.size(), 4u);
  EXPECT_EQ(parsed.file->decls[0]->doc, "One.\nTwo.");
  EXPECT_EQ(parsed.file->decls[1]->doc, "");
  EXPECT_EQ(parsed.file->decls[2]->doc, "");
  EXPECT_EQ(parsed.file->decls[3]->doc, "Mine.");
}

TEST(Parser, AttributesBelongToTheStatement) {
  Parsed parsed(
      "block f(x: [C]) {\n  layer a = g -> h @was(\"o\")\n  param w: [C] = x -> i @frozen\n"
      "  layer b = g @was(\"p\") -> h\n}");
  EXPECT_EQ(parsed.diags.str(), "");
  const auto &stmts = llvm::cast<BlockDecl>(parsed.file->decls[0])->body.stmts;
  EXPECT_EQ(llvm::cast<LayerStmt>(stmts[0])->attributes.size(), 1u);
  EXPECT_EQ(llvm::cast<ParamStmt>(stmts[1])->attributes.size(), 1u);
  EXPECT_EQ(llvm::cast<LayerStmt>(stmts[2])->attributes.size(), 0u);
  EXPECT_EQ(llvm::cast<LayerStmt>(stmts[2])->chain->stages[0].attributes.size(), 1u);
}

TEST(Parser, IndependentMistakesAreAllReported) {
  EXPECT_EQ(bodySlugs("x = 3 3\n y = *\n z = f(1,\n w + )\n if x = 3 { v = ( }\n t = [1"),
            "expected-newline expected-expression expected-expression assign-in-condition "
            "expected-token");
  EXPECT_EQ(slugs("net A(x: 3) { y = = }\nop f(x) = )\nblok b()\n}\n}\ndef g(x) = +"),
            "expected-type expected-expression expected-expression expected-declaration "
            "expected-expression");
  EXPECT_EQ(slugs("}\ndef g(x) = x"), "stray-brace");
}

TEST(Parser, BrokenDeclarationsAreMarked) {
  Parsed parsed("op f(x) = x\nop g(x) = +\nop h(x) = x");
  ASSERT_EQ(parsed.file->decls.size(), 3u);
  EXPECT_FALSE(parsed.file->decls[0]->hasErrors);
  EXPECT_TRUE(parsed.file->decls[1]->hasErrors);
  EXPECT_FALSE(parsed.file->decls[2]->hasErrors);
}

TEST(Parser, MissingBraceDoesNotSwallowTheNextDeclaration) {
  Parsed parsed("net A(x: [3]) {\n  for i in [1] {\n    x\n}\nop f(x) = x\n");
  ASSERT_EQ(parsed.file->decls.size(), 2u);
  EXPECT_EQ(parsed.diags.errorCount(), 1u);
  EXPECT_NE(parsed.diags.str().find("but is indented differently"), std::string::npos);
}

TEST(Parser, DepthIsLimited) {
  auto nested = [](const char *open, const char *core, const char *close, size_t n) {
    std::string text;
    for (size_t i = 0; i < n; ++i)
      text += open;
    text += core;
    for (size_t i = 0; i < n; ++i)
      text += close;
    return text;
  };
  EXPECT_EQ(tree(nested("(", "x", ")", 150)), "x");
  for (size_t n : {1000, 100000}) {
    for (auto [open, core, close] :
         std::initializer_list<std::array<const char *, 3>>{{"(", "x", ")"},
                                                            {"[", "x", "]"},
                                                            {"f(", "x", ")"},
                                                            {"-", "x", ""},
                                                            {"not ", "x", ""},
                                                            {"x^", "x", ""},
                                                            {"x + ", "x", ""},
                                                            {"x[", "x", "]"},
                                                            {"x[i] ?\? ", "x", ""},
                                                            {"if a then b else ", "x", ""},
                                                            {"(x + x", "", ") + x"},
                                                            {"sum[i] ", "x", ""},
                                                            {"x -> f(", "x", ")"},
                                                            {"(x : [", "x", "])"},
                                                            {"(", "x", "(x)[0].a + x)"}})
      EXPECT_EQ(slugs("let e = " + nested(open, core, close, n)).substr(0, 8), "too-deep") << open;
    EXPECT_EQ(slugs("let e = x" + nested("", "", ".a", n)), "too-deep");
    EXPECT_EQ(slugs("let e = x" + nested("", "", "(x)", n)), "too-deep");
    EXPECT_EQ(slugs("block e(x) = " + nested("(", "f", ")", n)), "too-deep");
    EXPECT_EQ(slugs("block e(x) = " + nested("if a then f else ", "f", "", n)), "too-deep");
    EXPECT_EQ(bodySlugs(nested("if a {", "x", "}", n)).substr(0, 8), "too-deep");
    EXPECT_EQ(bodySlugs(nested("if a { x } else ", "{ x }", "", n)).substr(0, 8), "too-deep");
    EXPECT_EQ(bodySlugs("x" + nested(" -> f", "", "", n)), ""); // a flow is flat
  }
}

TEST(Parser, TooLarge) {
  EXPECT_EQ(slugs(std::string(SourceManager::maxFileSize + 1, ' ')), "too-large");
  EXPECT_EQ(slugs(std::string(SourceManager::maxFileSize, '\n')), "");
}
