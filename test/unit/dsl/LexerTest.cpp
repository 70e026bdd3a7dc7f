#include "Programs.h"

#include <gtest/gtest.h>

using namespace gnc::dsl;
using namespace gnc::dsl::test;

namespace {

std::string kinds(const std::string &text) {
  SourceManager sources;
  Diagnostics diags;
  std::string shown;
  for (const Token &token : lex(sources.add("t.net", text), diags))
    shown += (shown.empty() ? "" : " ") + describe(token.kind).str();
  return shown;
}

/// Blanks, comments and tokens follow each other without a gap.
void expectLossless(const Source &source, const std::vector<Token> &tokens) {
  std::string text;
  for (const Token &token : tokens) {
    ASSERT_LE(token.triviaBegin, token.begin);
    ASSERT_EQ(token.triviaBegin, text.size());
    text += source.text().slice(token.triviaBegin, token.end);
  }
  EXPECT_EQ(text, source.text());
}

} // namespace

TEST(Lexer, Tokens) {
  EXPECT_EQ(kinds("10 60_000 0.5 1e-3 3x3 1x2x3"),
            "a number a number a number a number a size a size the end of the file");
  EXPECT_EQ(kinds("0..n"), "a number '..' a name the end of the file");
  EXPECT_EQ(kinds("1.h"), "a number '.' a name the end of the file");
  EXPECT_EQ(kinds("a<-b->c??d//e"),
            "a name '<-' a name '->' a name '?\?' a name '//' a name the end of the file");
  EXPECT_EQ(kinds("iff if net layers layer"),
            "a name 'if' a name a name 'layer' the end of the file");
  EXPECT_EQ(kinds("\xEF\xBB\xBF"
                  "a\r\n"),
            "a name the end of the file");
  EXPECT_EQ(kinds("\"a\\\"b\" \"\""), "a string a string the end of the file");
}

TEST(Lexer, Mistakes) {
  for (const char *text :
       {"2x", "3x3x", "3x3a", "2k", "1_", "1__0", "\"a", "\"\\q\"", "'a'", "a & b", "!", "→",
        "a \xC2\xA0", "\x01", "1e99", "\"a\\", "\xC3", "\xff\xfe"}) {
    SourceManager sources;
    Diagnostics diags;
    auto tokens = lex(sources.add("t.net", text), diags);
    EXPECT_TRUE(diags.hasErrors()) << text;
    expectLossless(sources.add("t.net", text), tokens);
  }
  std::string nul("a\0b", 3);
  EXPECT_EQ(kinds(nul), "a name an error a name the end of the file");
}

TEST(Lexer, FirstOnLine) {
  SourceManager sources;
  Diagnostics diags;
  auto tokens = lex(sources.add("t.net", "a b # c\n  # d\n  e"), diags);
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_TRUE(tokens[0].firstOnLine);
  EXPECT_FALSE(tokens[1].firstOnLine);
  EXPECT_TRUE(tokens[2].firstOnLine);
}

TEST(Lexer, KeepsEveryByteOfThePrograms) {
  auto list = programs();
  ASSERT_FALSE(list.empty());
  for (const Program &program : list) {
    Parsed parsed(program.text);
    expectLossless(parsed.source, parsed.file->tokens);
  }
}
