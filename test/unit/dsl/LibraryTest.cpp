// Every op and block of the standard library: its values against plain loops, its gradient against
// central differences, its numbers at the extremes, and a use in a document.
#include "LibraryCase.h"

#include "dsl/Module.h"
#include "test/Scale.h"
#include "test/Tolerance.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"

#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace gnc;
using namespace gnc::test;
namespace ast = gnc::dsl::ast;

//===- values and gradients -----------------------------------------------------------------===//

static void expectNear(const TensorValue &found, const TensorValue &expected) {
  ASSERT_EQ(found.shape, expected.shape);
  for (size_t i = 0; i < expected.data.size(); ++i)
    ASSERT_NEAR(found.data[i], expected.data[i], kConstants32 * (1 + std::fabs(expected.data[i])))
        << "element " << i;
}

TEST(Library, Values) {
  for (const LibraryCase &one : libraryCases()) {
    SCOPED_TRACE(one.expression);
    Program program("", one.expression, one.operands, one.mode);
    ASSERT_TRUE(program.good()) << program.messages();
    std::vector<TensorValue> found = program.run(), expected;
    if (one.accepts) {
      EXPECT_EQ(one.accepts(Arguments(program.arguments()), found.front()), "");
      continue;
    }
    expected = one.expected(Arguments(program.arguments()));
    ASSERT_EQ(found.size(), expected.size());
    for (auto [f, e] : llvm::zip_equal(found, expected))
      expectNear(f, e);
  }
}

TEST(Library, Gradients) {
  size_t most = fullScale() ? size_t(-1) : 8, count = 0;
  std::set<std::string> names;
  for (auto [i, one] : llvm::enumerate(libraryCases())) {
    SCOPED_TRACE(one.expression);
    if (!one.noGradient.empty() || one.extreme)
      continue;
    Program program("", one.expression, one.operands, one.mode);
    EXPECT_EQ(program.checkGradient(most, caseSeed(i)), "");
    ++count;
    names.insert(one.name);
  }
  printf("  measured: gradients: %zu cases of %zu ops and blocks beside central differences\n",
         count, names.size());
}

TEST(Library, Extremes) {
  for (const LibraryCase &one : libraryCases()) {
    SCOPED_TRACE(one.expression);
    if (one.extreme)
      EXPECT_EQ(Program("", one.expression, one.operands, one.mode).checkFinite(), "");
  }
}

//===- documents ----------------------------------------------------------------------------===//

static std::string readFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(GNC_SOURCE_DIR + ("/" + path).str());
  if (!buffer)
    ADD_FAILURE() << "cannot read " << path.str();
  return buffer ? (*buffer)->getBuffer().str() : "";
}

namespace {
/// | `conv(32, 5x5)` | `[1, 28, 28]` | `[32, 24, 24]` | of dsl/std/README.md.
struct DocumentedUse {
  std::string use, inputs, result;
};
} // namespace

static std::vector<DocumentedUse> documentedUses() {
  std::vector<DocumentedUse> uses;
  std::string text = readFile("dsl/std/README.md");
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n');
  for (llvm::StringRef line : lines) {
    llvm::SmallVector<llvm::StringRef> parts;
    line.split(parts, '`');
    if (line.starts_with("| `") && parts.size() >= 7)
      uses.push_back({parts[1].str(), parts[3].str(), parts[5].str()});
  }
  return uses;
}

static std::vector<int64_t> shapeOf(llvm::StringRef text) {
  std::vector<int64_t> shape;
  llvm::SmallVector<llvm::StringRef> extents;
  text.trim("[] ").split(extents, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef extent : extents)
    shape.push_back(std::stoll(extent.trim().str()));
  return shape;
}

/// `[3, 8, 8]`, which comes along an arrow, or `z: [5], t: index(5)[]`.
static std::vector<Operand> operandsOf(llvm::StringRef inputs) {
  if (inputs.starts_with("["))
    return {samples("x", 2, shapeOf(inputs))};
  std::vector<Operand> operands;
  llvm::Regex declaration("^[ ,]*([a-z]+): (index\\(([0-9]+)\\))?(\\[[0-9, ]*\\])");
  llvm::SmallVector<llvm::StringRef> found;
  for (; declaration.match(inputs, &found); inputs = inputs.drop_front(found[0].size()))
    operands.push_back(found[3].empty() ? samples(found[1].str(), 2, shapeOf(found[4]))
                                        : classes(found[1].str(), 2, shapeOf(found[4]),
                                                  std::stoll(found[3].str())));
  EXPECT_TRUE(inputs.empty()) << "not understood: " << inputs.str();
  return operands;
}

TEST(Library, DocumentedUses) {
  auto uses = documentedUses();
  EXPECT_GT(uses.size(), 50u);
  for (const DocumentedUse &use : uses) {
    bool arrow = llvm::StringRef(use.inputs).starts_with("[");
    Program program("", (arrow ? "(x -> " : "(") + use.use + ")", operandsOf(use.inputs));
    SCOPED_TRACE(use.use + " of " + use.inputs);
    ASSERT_TRUE(program.good()) << program.messages();
    EXPECT_EQ(program.shape(), shapeOf(use.result));
  }
}

//===- completeness -------------------------------------------------------------------------===//

/// Is `name` a word of the text?
static bool mentions(llvm::StringRef text, llvm::StringRef name) {
  auto word = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  for (size_t at = text.find(name); at != llvm::StringRef::npos; at = text.find(name, at + 1)) {
    size_t end = at + name.size();
    if ((at == 0 || !word(text[at - 1])) && (end == text.size() || !word(text[end])))
      return true;
  }
  return false;
}

static std::string documents() {
  std::string text = readFile("dsl/std/README.md");
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(GNC_SOURCE_DIR "/examples", error), end;
       it != end && !error; it.increment(error))
    if (llvm::StringRef(it->path()).ends_with(".net"))
      text += readFile(("examples/" + llvm::sys::path::filename(it->path())).str());
  return text;
}

static std::string gradientOf(const std::vector<const LibraryCase *> &cases) {
  for (const LibraryCase *one : cases)
    if (one->noGradient.empty() && !one->extreme)
      return "compared";
  return cases.empty() ? "" : cases.front()->noGradient;
}

/// The table of all public ops and blocks.
TEST(Library, EveryOpIsTestedAndShown) {
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  dsl::ModuleLoader loader(sources, diags);
  ASSERT_EQ(diags.str(), "");
  llvm::SmallVector<llvm::StringRef> names;
  for (const ast::OpDecl *op : loader.libraryModule().all<ast::OpDecl>())
    names.push_back(op->name.text);
  for (const ast::BlockDecl *block : loader.libraryModule().all<ast::BlockDecl>())
    names.push_back(block->name.text);
  names.append({"sum", "prod", "max", "min", "mean", "argmax", "argmin", "concat", "flatten",
                "reshape", "id"}); // of the language itself
  std::string text = documents();
  llvm::outs() << llvm::formatv("{0,-24} {1,-6} {2,-34} {3}\n", "op", "values", "gradient", "use");
  for (llvm::StringRef name : names) {
    if (name.starts_with("_"))
      continue;
    std::vector<const LibraryCase *> cases;
    for (const LibraryCase &one : libraryCases())
      if (one.name == name)
        cases.push_back(&one);
    std::string gradient = gradientOf(cases);
    bool shown = mentions(text, name);
    llvm::outs() << llvm::formatv("{0,-24} {1,-6} {2,-34} {3}\n", name, cases.size(), gradient,
                                  shown ? "yes" : "no");
    EXPECT_FALSE(cases.empty()) << name.str() << " has no value test";
    EXPECT_FALSE(gradient.empty()) << name.str() << " has no gradient test and no reason";
    EXPECT_TRUE(shown) << name.str() << " is used neither in dsl/std/README.md nor in an example";
  }
}

/// What else the library declares is used in a document too.
TEST(Library, OthersAreShown) {
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  dsl::ModuleLoader loader(sources, diags);
  std::string text = documents();
  for (const ast::DefDecl *def : loader.libraryModule().all<ast::DefDecl>())
    if (!def->name.text.starts_with("_"))
      EXPECT_TRUE(mentions(text, def->name.text)) << def->name.text.str();
  for (const ast::MetricDecl *metric : loader.libraryModule().all<ast::MetricDecl>())
    EXPECT_TRUE(mentions(text, metric->name.text)) << metric->name.text.str();
  for (const ast::OptimizerDecl *optimizer : loader.libraryModule().all<ast::OptimizerDecl>())
    EXPECT_TRUE(mentions(text, optimizer->name.text)) << optimizer->name.text.str();
}
