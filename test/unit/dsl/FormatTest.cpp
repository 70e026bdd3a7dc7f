// The canonical form: a fixed point, and nothing but white space changes on the way to it.
#include "Programs.h"

#include "dsl/Format.h"
#include "test/Scale.h"

#include <gtest/gtest.h>

using namespace gnc::dsl;
using namespace gnc::dsl::test;

namespace {

std::optional<std::string> formatted(const std::string &text) {
  SourceManager sources;
  Diagnostics diags;
  auto result = format("t.net", text, sources, diags);
  EXPECT_EQ(result.has_value(), !diags.hasErrors()) << text;
  for (const Diagnostic *item : diags.sorted())
    EXPECT_NE(item->slug, "internal") << item->text << "\n" << text;
  return result;
}

/// Tokens, each on a line, then comments.
std::string contents(const std::string &text) {
  Parsed parsed(text);
  std::string tokens, comments;
  for (const Token &token : parsed.file->tokens) {
    tokens += parsed.source.text().slice(token.begin, token.end).str() + "\n";
    llvm::SmallVector<llvm::StringRef> lines;
    parsed.source.text().slice(token.triviaBegin, token.begin).split(lines, '\n');
    for (llvm::StringRef line : lines)
      if (line.contains('#'))
        comments += line.substr(line.find('#')).rtrim().str() + "\n";
  }
  return tokens + comments + parsed.dump();
}

/// Formats what parses; counts it.
void check(const std::string &text, size_t &parsed) {
  auto once = formatted(text);
  if (!once)
    return;
  ++parsed;
  ASSERT_EQ(contents(*once), contents(text));
  auto twice = formatted(*once);
  ASSERT_TRUE(twice) << *once;
  ASSERT_EQ(*twice, *once) << text;
}

std::string join(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += part;
  return text;
}

std::vector<std::string> parts(const std::string &text) {
  Parsed parsed(text);
  std::vector<std::string> list;
  for (const Token &token : parsed.file->tokens)
    list.push_back(parsed.source.text().slice(token.triviaBegin, token.end).str());
  return list;
}

/// Every program of the tests too, also those with mistakes that are found after parsing.
std::vector<Program> allPrograms() {
  std::vector<Program> list = programs();
  namespace fs = std::filesystem;
  for (const auto &entry : fs::recursive_directory_iterator(GNC_SOURCE_DIR "/test/dsl")) {
    if (entry.path().extension() != ".net")
      continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    list.push_back({entry.path().string(), text.str()});
  }
  return list;
}

} // namespace

TEST(Format, ExamplesAndLibraryAreFixedPoints) {
  size_t count = 0;
  for (const Program &program : programs())
    if (program.name.find("/test/") == std::string::npos) {
      EXPECT_EQ(formatted(program.text).value_or(""), program.text) << program.name;
      ++count;
    }
  EXPECT_GE(count, 11u);
}

TEST(Format, EveryProgramSettles) {
  size_t parsed = 0;
  for (const Program &program : allPrograms()) {
    check(program.text, parsed);
    if (HasFatalFailure())
      FAIL() << program.name;
  }
  EXPECT_GT(parsed, 100u);
}

// Line ends and blanks where they may stand, and tokens that are missing, doubled or others.
TEST(Format, MutantsSettle) {
  static const char *const others[] = {" x",    " + y",           "\n",   "\n\n\n", "  # comment\n",
                                       " 3x3 ", "\n# own line\n", "     "};
  size_t parsed = 0, mutants = 0;
  for (const Program &program : programs()) {
    std::vector<std::string> list = parts(program.text);
    size_t stride = std::max<size_t>(1, list.size() / gnc::test::caseCount(120, 1000000));
    for (size_t i = mutants++ % stride; i + 1 < list.size(); i += stride) {
      std::vector<std::string> mutant = list;
      mutant[i].clear();
      check(join(mutant), parsed);
      mutant[i] = others[mutants++ % std::size(others)] + list[i];
      check(join(mutant), parsed);
      mutant[i] = list[i + 1];
      mutant[i + 1] = list[i];
      check(join(mutant), parsed);
      if (HasFatalFailure())
        FAIL() << program.name << ", token " << i;
    }
  }
  EXPECT_GT(parsed, 300u);
}

// All on one line as far as new lines mean nothing, and a new line wherever one means nothing.
TEST(Format, WhiteSpaceIsForgotten) {
  EXPECT_EQ(formatted("net  N( x:[3] ){x->relu}").value_or(""), "net N(x: [3]) { x -> relu }\n");
  EXPECT_EQ(formatted("net N(x: [3]) {\n\n\n\n x   ->\n relu\n\n\n  }\n\n\n").value_or(""),
            "net N(x: [3]) {\n  x\n    -> relu\n}\n");
  EXPECT_EQ(formatted("\xEF\xBB\xBFlet a=1\r\nlet bc=-2*3\r\n").value_or(""),
            "let a  = 1\nlet bc = -2*3\n");
  EXPECT_EQ(formatted("").value_or("x"), "");
  EXPECT_EQ(formatted("# only this").value_or("x"), "# only this\n");
}

TEST(Format, LongLinesBreak) {
  std::string text = "net N(x: [3]) {\n  x";
  for (int i = 0; i < 40; ++i)
    text += " -> conv(8, 3x3, pad = half)";
  auto result = formatted(text + "\n}\n");
  ASSERT_TRUE(result);
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(*result).split(lines, '\n');
  for (llvm::StringRef line : lines)
    EXPECT_LE(line.size(), 100u);
  EXPECT_GT(lines.size(), 10u);
}

TEST(Format, SyntaxErrorsAreRefused) {
  SourceManager sources;
  Diagnostics diags;
  EXPECT_FALSE(format("t.net", "net N(x: [3]) { x ->", sources, diags));
  EXPECT_TRUE(diags.hasErrors());
}
