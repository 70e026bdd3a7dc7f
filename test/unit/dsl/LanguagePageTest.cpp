// dsl/LANGUAGE.md: its programs compile, give the messages that it says, and have its values.
//
// A block ```net name=N [error=slug,..] [warning=slug,..] [file=F] [-s NAME=VALUE]..` is a program;
// with file=F later blocks may use it by that name. A comment line `# f(1, [2, 3]) = [4; 5]` in it
// is a value: `[a; b]` is a batch of two samples, and the result is compared in the digits shown.
#include "OpHarness.h"

#include "dsl/DataSource.h"
#include "dsl/Format.h"
#include "dsl/Frontend.h"
#include "dsl/TrainKeys.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

using namespace gnc;
using llvm::StringRef;
using Names = std::set<std::string>;

//===- the page -----------------------------------------------------------------------------===//

namespace {
struct Block {
  std::string name, file, text;
  Names slugs;
  std::vector<std::pair<std::string, std::string>> settings;
  unsigned line = 0;
};

std::string pageText() {
  std::ifstream file(GNC_SOURCE_DIR "/dsl/LANGUAGE.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The options behind ```net.
Block blockOf(StringRef options, unsigned line) {
  Block block;
  block.line = line;
  llvm::SmallVector<StringRef> words;
  options.split(words, ' ', -1, /*KeepEmpty=*/false);
  for (size_t i = 0; i < words.size(); ++i) {
    bool setting = words[i] == "-s" && i + 1 < words.size();
    auto [key, value] = words[setting ? ++i : i].split('=');
    if (setting)
      block.settings.push_back({key.str(), value.str()});
    else if (key == "name")
      block.name = value.str();
    else if (key == "file")
      block.file = value.str();
    else if (key == "error" || key == "warning")
      for (StringRef slug : llvm::split(value, ','))
        block.slugs.insert(slug.str());
    else
      ADD_FAILURE() << "line " << line << ": what is '" << key.str() << "'?";
  }
  EXPECT_FALSE(block.name.empty()) << "line " << line << ": a program needs a name";
  return block;
}

const std::vector<Block> &blocks() {
  static const std::vector<Block> list = [] {
    std::vector<Block> found;
    std::stringstream page(pageText());
    std::string line;
    bool inside = false;
    for (unsigned number = 1; std::getline(page, line); ++number) {
      StringRef text = line;
      if (inside && text == "```")
        inside = false;
      else if (inside)
        found.back().text += line + "\n";
      else if ((inside = text.consume_front("```net")))
        found.push_back(blockOf(text, number));
    }
    return found;
  }();
  return list;
}

/// Where the page's files lie for those blocks that use them.
std::string folderOfFiles() {
  namespace fs = std::filesystem;
  fs::path folder = fs::path(testing::TempDir()) / "gnc-language-page";
  fs::create_directories(folder);
  for (const Block &block : blocks())
    if (!block.file.empty())
      std::ofstream(folder / block.file) << block.text;
  return folder.string();
}
} // namespace

TEST(LanguagePage, ProgramsGiveWhatIsSaid) {
  std::string folder = folderOfFiles();
  Names names;
  for (const Block &block : blocks()) {
    EXPECT_TRUE(names.insert(block.name).second) << block.name << " stands twice";
    mlir::MLIRContext context;
    dsl::SourceManager sources;
    dsl::Diagnostics diags;
    dsl::FrontendOptions options;
    options.checkAll = true;
    options.settings = block.settings;
    dsl::elaborateText(folder + "/page.net", block.text, options, context, sources, diags);
    Names slugs;
    for (const dsl::Diagnostic *item : diags.sorted())
      slugs.insert(item->slug);
    EXPECT_EQ(slugs, block.slugs) << "LANGUAGE.md:" << block.line << ": " << block.name << "\n"
                                  << diags.str();
  }
  EXPECT_GE(blocks().size(), 50u);
}

TEST(LanguagePage, ProgramsAreCanonical) {
  for (const Block &block : blocks()) {
    dsl::SourceManager sources;
    dsl::Diagnostics diags;
    EXPECT_EQ(dsl::format(block.name, block.text, sources, diags), block.text)
        << "LANGUAGE.md:" << block.line;
  }
}

//===- values -------------------------------------------------------------------------------===//

namespace {
/// A number, a list of such, or samples: `3`, `[[1, 2], [3, 4]]`, `[1; 2]`.
struct Literal {
  std::vector<int64_t> shape;
  bool batched = false;
  std::vector<double> data;
  std::vector<double> halfDigits; // half of the last digit shown

  static Literal parse(StringRef &text);
};
} // namespace

static double halfDigit(StringRef number) {
  size_t digits = number.contains('.') ? number.size() - number.find('.') - 1 : 0;
  return digits ? 0.5 * std::pow(10.0, -double(digits)) : 0;
}

Literal Literal::parse(StringRef &text) {
  text = text.ltrim();
  Literal result;
  if (!text.consume_front("[")) {
    StringRef number =
        text.take_while([](char c) { return StringRef("+-.e0123456789").contains(c); });
    double value = 0;
    EXPECT_FALSE(number.getAsDouble(value)) << text.str();
    text = text.drop_front(number.size());
    return {{}, false, {value}, {halfDigit(number)}};
  }
  int64_t count = 0;
  while (!text.consume_front("]") && !text.empty()) {
    Literal part = parse(text);
    text = text.ltrim();
    result.batched |= text.starts_with(";");
    (void)(text.consume_front(",") || text.consume_front(";"));
    text = text.ltrim();
    result.data.insert(result.data.end(), part.data.begin(), part.data.end());
    result.halfDigits.insert(result.halfDigits.end(), part.halfDigits.begin(),
                             part.halfDigits.end());
    result.shape = part.shape;
    ++count;
  }
  result.shape.insert(result.shape.begin(), count);
  return result;
}

/// Lists that are inputs (not settings) become operands: `pick([1, 2], index([1], 2), n = 3)` is
/// `pick(a0, index(a1, 2), n = 3)`.
static std::string takeOperands(StringRef call, std::vector<test::Operand> &operands) {
  std::string text;
  while (!call.empty()) {
    bool setting = StringRef(text).rtrim().ends_with("=");
    if (call.front() != '[' || setting) {
      text += call.front();
      call = call.drop_front();
      continue;
    }
    Literal literal = Literal::parse(call);
    std::string name = "a" + std::to_string(operands.size());
    llvm::ArrayRef<int64_t> shape(literal.shape);
    test::Operand operand = literal.batched ? test::samples(name, shape.front(), shape.drop_front())
                                            : test::numbers(name, shape);
    operands.push_back(test::with(std::move(operand), literal.data));
    text += name;
  }
  return text;
}

static void checkValue(const Block &block, StringRef line) {
  SCOPED_TRACE("LANGUAGE.md, block " + block.name + ": " + line.str());
  auto [call, value] = line.rsplit(" = ");
  std::vector<test::Operand> operands;
  std::string expression = takeOperands(call, operands);
  test::Program program(block.text, expression, operands);
  ASSERT_TRUE(program.good()) << program.messages();
  TensorValue found = program.value();
  Literal expected = Literal::parse(value);
  EXPECT_EQ(std::vector<int64_t>(found.shape.begin(), found.shape.end()), expected.shape);
  ASSERT_EQ(found.data.size(), expected.data.size());
  for (size_t i = 0; i < found.data.size(); ++i) // in f64: what is shown whole or in full is exact
    EXPECT_NEAR(found.data[i], expected.data[i], expected.halfDigits[i]) << "element " << i;
}

TEST(LanguagePage, ValuesAreTheOnesShown) {
  unsigned values = 0;
  for (const Block &block : blocks())
    for (StringRef line : llvm::split(block.text, '\n')) {
      if (!line.consume_front("# ") || !line.contains(") = "))
        continue;
      ++values;
      checkValue(block, line);
    }
  EXPECT_GE(values, 25u);
}

//===- lists --------------------------------------------------------------------------------===//

TEST(LanguagePage, ListsTheReservedWords) {
  std::string page = pageText();
  StringRef list = StringRef(page).split("<!-- reserved --> `").second.split('`').first;
  Names listed, reserved;
  for (StringRef word : llvm::split(list, ' '))
    listed.insert(word.str());
#define KEYWORD(kind, spelling, continues) reserved.insert(spelling);
#define SIGN(kind, spelling, continues)
#include "dsl/Tokens.def"
  EXPECT_EQ(listed, reserved);
}

/// What the rows of a table begin with.
static Names rowsOf(const std::string &table) {
  std::string page = pageText();
  StringRef rest = StringRef(page).split("<!-- " + table + " -->").second;
  Names rows;
  for (StringRef line : llvm::split(rest.split("<!-- end -->").first, '\n'))
    if (line.consume_front("| `"))
      rows.insert(line.split('`').first.str());
  return rows;
}

TEST(LanguagePage, ListsTheKeysOfTrainSections) {
  Names keys;
  for (const dsl::TrainKey &key : dsl::trainKeys())
    keys.insert(key.name.str());
  EXPECT_EQ(rowsOf("keys"), keys);
}

TEST(LanguagePage, ListsTheSourcesOfData) {
  Names uses;
  for (const dsl::SourceUse &source : dsl::sourceUses())
    uses.insert(source.use.str());
  EXPECT_EQ(rowsOf("sources"), uses);
}

//===- rules that have no better place ------------------------------------------------------===//

/// `check` elaborates a net in both modes: `-s` holds in both.
TEST(LanguagePage, SettingsReachEveryCheck) {
  std::string text = "net Net(x: [4]; k = 3, act: layer = relu, size = 2, name = \"a\") -> [k] {\n"
                     "  require k == 5 and size == 5x7 and name == \"b\"\n"
                     "  x -> linear(k) -> act\n"
                     "}\n";
  mlir::MLIRContext context;
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  dsl::FrontendOptions options;
  options.checkAll = true;
  options.settings = {{"k", "5"}, {"act", "tanh"}, {"size", "5x7"}, {"name", "\"b\""}};
  dsl::elaborateText("t.net", text, options, context, sources, diags);
  EXPECT_FALSE(diags.hasErrors()) << diags.str();
}
