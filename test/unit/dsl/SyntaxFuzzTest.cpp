// Mutated programs: the parser neither crashes nor hangs, every mistake has a place, and what it
// calls correct has a tree.
#include "Programs.h"

#include <gtest/gtest.h>

#include <random>

using namespace gnc::dsl;
using namespace gnc::dsl::test;

namespace {

void check(const std::string &text) {
  Parsed parsed(text);
  auto list = parsed.diags.sorted();
  bool broken = false;
  for (const ast::Decl *decl : parsed.file->decls)
    broken |= decl->hasErrors;
  if (broken)
    ASSERT_TRUE(parsed.diags.hasErrors()) << text;
  for (const Diagnostic *item : list) {
    ASSERT_TRUE(item->span) << item->text;
    ASSERT_LE(item->span.begin, item->span.end);
    ASSERT_LE(item->span.end, text.size());
    ASSERT_FALSE(item->slug.empty());
  }
  // A mistake of one place must not be told over and over.
  ASSERT_LE(list.size(), 40u) << text << parsed.diags.str();
  parsed.diags.str();
  parsed.dump();
}

std::vector<std::string> tokenTexts(const std::string &text) {
  Parsed parsed(text);
  std::vector<std::string> list; // each with its blanks before it
  for (const Token &token : parsed.file->tokens)
    list.push_back(parsed.source.text().slice(token.triviaBegin, token.end).str());
  return list;
}

std::string join(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += part;
  return text;
}

} // namespace

TEST(SyntaxFuzz, EveryTokenDeletedDoubledSwappedReplaced) {
  static const char *const others[] = {"(",    ")",   "[",   "]", "{",  "}",   ",",
                                       ";",    "->",  "<-",  "=", "..", "?\?", "if",
                                       "else", "net", "3x3", "x", "-",  "@"};
  size_t mutants = 0;
  for (const Program &program : programs()) {
    std::vector<std::string> parts = tokenTexts(program.text);
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      std::vector<std::string> mutant = parts;
      mutant[i].clear();
      check(join(mutant));
      mutant[i] = parts[i] + " " + parts[i];
      check(join(mutant));
      mutant[i] = parts[i + 1];
      mutant[i + 1] = parts[i];
      check(join(mutant));
      mutant[i + 1] = parts[i + 1];
      mutant[i] = std::string(" ") + others[mutants++ % std::size(others)];
      check(join(mutant));
      if (HasFatalFailure())
        FAIL() << program.name << ", token " << i;
    }
  }
  EXPECT_GT(mutants, 300u);
}

TEST(SyntaxFuzz, RandomBytes) {
  std::mt19937 random(20240607);
  auto list = programs();
  for (int round = 0; round < 4000 && !HasFatalFailure(); ++round) {
    std::string text = list[random() % list.size()].text;
    for (unsigned n = 1 + random() % 6; n-- > 0 && !text.empty();) {
      size_t at = random() % text.size();
      switch (random() % 4) {
      case 0: text[at] = char(random()); break;
      case 1: text.erase(at, 1 + random() % 20); break;
      case 2: text.insert(at, text.substr(random() % text.size(), random() % 30)); break;
      default: text.resize(at); // an unfinished file
      }
    }
    check(text);
  }
}

TEST(SyntaxFuzz, Noise) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % 2000, ' ');
    static constexpr llvm::StringLiteral signs = "()[]{};,.=<>-+*/?\?^@#\n \"x3if";
    for (char &c : text)
      c = round % 2 ? char(random()) : signs[random() % signs.size()];
    Parsed parsed(text);
    parsed.diags.str();
    parsed.dump();
  }
}

// Each takes no time now; what is quadratic in the text would take minutes.
TEST(SyntaxFuzz, LongRepetitions) {
  for (const char *head : {"", "net A() {\n", "let a = x"})
    for (const char *part :
         {"a;", "(",        ")",      "{", "}\n",    "f(\n",    "x 3 ",           "2x",
          "1+", " -> f",    "//",     "[", "## x\n", "let 3\n", "use \"a\": a\n", "\"",
          "@",  "\xC3\xA4", "if x {", "-", "1",      "_"}) {
      std::string text = head;
      while (text.size() < 1000000)
        text += part;
      Parsed parsed(text);
      EXPECT_LT(parsed.diags.str().size(), 20000u) << head << part;
    }
}
