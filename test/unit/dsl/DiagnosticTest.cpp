#include "dsl/Diagnostic.h"

#include <gtest/gtest.h>

using namespace gnc::dsl;

namespace {

struct Engine : testing::Test {
  SourceManager sources;
  Diagnostics diags;
  const Source &add(const char *text) { return sources.add("f.net", text); }
};

TEST_F(Engine, FormOfTheLanguagePage) {
  const Source &s = add("net A {\n  x -> conv(strid = 2)\n}\n");
  diags.error("unknown-setting", {&s, 20, 25}, "conv has no setting 'strid'")
      .note("settings of conv: k, size")
      .help("did you mean 'stride'?")
      .note(Span{&s, 4, 5}, "in this net");
  EXPECT_EQ(diags.str(), "f.net:2:13: error: conv has no setting 'strid' [unknown-setting]\n"
                         "    2 |   x -> conv(strid = 2)\n"
                         "      |             ^~~~~\n"
                         "note: settings of conv: k, size\n"
                         "help: did you mean 'stride'?\n"
                         "f.net:1:5: note: in this net\n"
                         "    1 | net A {\n"
                         "      |     ^\n");
}

TEST_F(Engine, CaretsStandBelowTabsAndWideLetters) {
  const Source &s = add("\tä漢x = y");
  diags.error("e", {&s, 6, 7}, "here");
  EXPECT_EQ(diags.str(), "f.net:1:7: error: here [e]\n"
                         "    1 | \tä漢x = y\n"
                         "      | \t   ^\n");
}

TEST_F(Engine, NothingReachesTheTerminalRaw) {
  const Source &s = add("a\x1b[31m \xff b");
  diags.error("e", {&s, 9, 10}, "byte \x1b");
  EXPECT_EQ(diags.str(), "f.net:1:10: error: byte <1b> [e]\n"
                         "    1 | a<1b>[31m <ff> b\n"
                         "      |                ^\n");
}

TEST_F(Engine, SpansOfManyLinesAndOfNothing) {
  const Source &s = add("ab\ncd");
  diags.error("e", {&s, 1, 5}, "many");
  diags.error("e", {&s, 5, 5}, "the end");
  diags.error("e", {}, "nowhere");
  EXPECT_EQ(diags.str(), "gnc: error: nowhere [e]\n"
                         "f.net:1:2: error: many [e]\n    1 | ab\n      |  ^\n"
                         "f.net:2:3: error: the end [e]\n    2 | cd\n      |   ^\n");
}

TEST_F(Engine, LongLinesAreCut) {
  std::string text(100000, 'x');
  const Source &s = add(text.c_str());
  diags.error("e", {&s, 50000, 50003}, "here");
  std::string shown = diags.str();
  EXPECT_LT(shown.size(), 600u);
  size_t caret = shown.rfind("^~~\n"), line = shown.rfind("..xxx");
  EXPECT_NE(caret, std::string::npos);
  EXPECT_NE(line, std::string::npos);
}

TEST_F(Engine, SortsCountsAndStops) {
  const Source &s = add(std::string(100, '\n').c_str());
  for (unsigned i = 30; i-- > 0;)
    diags.error("e", {&s, i, i}, "number " + llvm::Twine(i));
  diags.error("e", {&s, 3, 3}, "number 3"); // the same again
  diags.warning("w", {&s, 50, 50}, "a warning");
  EXPECT_EQ(diags.errorCount(), 31u);
  std::string text = diags.str();
  EXPECT_LT(text.find("number 0"), text.find("number 1 "));
  EXPECT_EQ(text.find("number 3 "), text.rfind("number 3 "));
  EXPECT_EQ(text.find("number 20"), std::string::npos);
  EXPECT_NE(text.find("a warning"), std::string::npos);
  EXPECT_NE(text.find("gnc: 10 more errors are not shown\n"), std::string::npos);
}

TEST_F(Engine, KeepsOnlySoMany) {
  const Source &s = add("x");
  for (unsigned i = 0; i < 100000; ++i)
    diags.error("e", {&s, 0, 1}, "number " + llvm::Twine(i)).note("a note").help("a help");
  EXPECT_LE(diags.sorted().size(), 2000u);
  EXPECT_NE(diags.str().find("gnc: 99980 more errors"), std::string::npos);
}

TEST(Nearest, FindsWhatWasMeant) {
  std::vector<llvm::StringRef> layers = {"conv", "relu", "maxpool", "momentum", "stride", "linear"};
  EXPECT_EQ(nearest("rellu", layers), "relu");
  EXPECT_EQ(nearest("maxpol", layers), "maxpool");
  EXPECT_EQ(nearest("strid", layers), "stride");
  EXPECT_EQ(nearest("ReLU", layers), "relu");
  EXPECT_EQ(nearest("mom", layers), "momentum");
  EXPECT_EQ(nearest("xyzzy", layers), "");
  EXPECT_EQ(nearest("x", layers), "");
  EXPECT_EQ(nearest("", layers), "");
  EXPECT_EQ(nearest("relu", {}), "");
}

} // namespace
