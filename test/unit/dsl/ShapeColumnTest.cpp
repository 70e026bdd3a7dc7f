// `gnc fmt --shapes`: columns that elaborating confirms, and none where there is no one shape.
#include "Programs.h"

#include "dsl/Format.h"
#include "dsl/Frontend.h"

#include "test/Scale.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <random>

using namespace gnc::dsl;
using namespace gnc::dsl::test;

namespace {

struct Written {
  explicit Written(const std::string &text, const std::string &name = "t.net") {
    result = formatWithShapes(name, text, sources, diags).value_or("");
  }
  SourceManager sources;
  Diagnostics diags;
  std::string result;
};

/// Writes the columns, and expects that doing it again changes nothing.
std::string write(const std::string &text) {
  Written once(text);
  EXPECT_EQ(once.diags.str(), "");
  EXPECT_EQ(Written(once.result).result, once.result);
  return once.result;
}

} // namespace

TEST(ShapeColumn, StandsBehindEveryLineThatAnArrowLeads) {
  EXPECT_EQ(write(R"(net N(x: [1, 28, 28]) -> y: [10] {
  h = x -> id
    -> conv(32, 5x5) -> relu
    -> (maxpool(2)
      -> id) as skip
    -> conv(8, 3x3,
      pad = half) * (1 + 1) @nodecay  # twice
  h -> flatten -> linear(10)
}
)"),
            R"(net N(x: [1, 28, 28]) -> y: [10] {
  h = x -> id
    -> conv(32, 5x5) -> relu    : [32, 24, 24]
    -> (maxpool(2)
        -> id : [32, 12, 12]) : [32, 12, 12] as skip
    -> conv(8, 3x3,
            pad = half) * (1 + 1) : [8, 12, 12] @nodecay  # twice
  h -> flatten -> linear(10)
}
)");
}

TEST(ShapeColumn, IsBroughtUpToDate) {
  EXPECT_EQ(write("net N(x: [1, 28, 28]) {\n  x\n    -> conv(3, 5x5) : [1, 2]\n"
                  "    -> relu    : [3, 24, 24]\n}\n"),
            "net N(x: [1, 28, 28]) {\n  x\n    -> conv(3, 5x5)    : [3, 24, 24]\n"
            "    -> relu            : [3, 24, 24]\n}\n");
}

/// One place, several shapes: blocks used differently, rounds of a loop.
TEST(ShapeColumn, IsWrittenInBlocksWhereAllUsesAgree) {
  std::string block = "block b(x: [C, H, W]; k) {\n  x\n    -> conv(k, pad = half)\n}\n";
  std::string same = write(block + "net N(x: [3, 8, 8]) { x -> b(4) -> b(4) }\n");
  EXPECT_NE(same.find("-> conv(k, pad = half)    : [4, 8, 8]\n"), std::string::npos) << same;
  std::string other = write(block + "net N(x: [3, 8, 8]) { x -> b(4) -> b(5) }\n");
  EXPECT_EQ(other.find("    : ["), std::string::npos) << other;
  EXPECT_EQ(write(block), block) << "nothing uses it";
}

/// `-s classes=100` must go on working.
TEST(ShapeColumn, IsNotWrittenWhereASettingOrAFreeDimensionDecides) {
  std::string text = R"(net N(x: [3, 8, 8]; classes = 10, depth = 2) {
  x
    -> conv(4) * depth    : [4, 4, 4]
    -> flatten            : [64]
    -> linear(classes)
    -> relu               : [classes]
}
net Free(x: [3, H, W]) {
  x
    -> conv(4)
}
let K = 4
net Named(x: [3, 8, 8]) {
  x
    -> conv(4)    : [K, 6, 6]
}
)";
  EXPECT_EQ(write(text), text); // what is there and right is the author's
}

TEST(ShapeColumn, IsRefusedWithTheErrorsOfTheText) {
  Written wrong("net N(x: [3, 8, 8]) {\n  x\n    -> conv(4)    : [9]\n    -> linear(7)\n}\n");
  EXPECT_EQ(wrong.result, "");
  ASSERT_EQ(wrong.diags.errorCount(), 1u) << wrong.diags.str();
  EXPECT_EQ(wrong.diags.sorted()[0]->slug, "rank-mismatch");
  EXPECT_NE(wrong.diags.str().find("t.net:4:8: error"), std::string::npos) << wrong.diags.str();
  EXPECT_EQ(Written("net N(x: [3]) { x -> }\n").diags.sorted()[0]->slug, "expected-layer");
  // A column that is not written anew is checked like everywhere.
  Written block("block b(k) =\n  conv(k)\n    -> relu    : [4, 6, 6]\n"
                "net N(x: [3, 8, 8]) { x -> b(4) -> b(5) }\n");
  EXPECT_EQ(block.result, "");
  EXPECT_EQ(block.diags.sorted()[0]->slug, "shape-assertion");
}

/// Programs with a piece missing: columns that come to rest, or a refusal with a reason.
TEST(ShapeColumn, NoTextIsTooStrange) {
  std::vector<Program> list = programs();
  for (unsigned i = 0; i != gnc::test::caseCount(20, 600); ++i) {
    std::mt19937_64 random(gnc::test::caseSeed(i));
    const Program &program = list[random() % list.size()];
    std::string text = program.text;
    text.erase(random() % text.size(), 1 + random() % 12);
    SCOPED_TRACE(text);
    Written written(text, program.name);
    EXPECT_EQ(written.result.empty(), written.diags.hasErrors());
    EXPECT_EQ(written.diags.str().find("[internal]"), std::string::npos) << written.diags.str();
    if (!written.result.empty())
      EXPECT_EQ(Written(written.result, program.name).result, written.result);
  }
}

/// With the columns, every program says what it said before.
TEST(ShapeColumn, ProgramsStayWhatTheyAre) {
  size_t count = 0;
  for (const Program &program : programs()) {
    Written once(program.text, program.name);
    if (once.result.empty()) {
      EXPECT_TRUE(once.diags.hasErrors()) << program.name;
      continue;
    }
    EXPECT_EQ(Written(once.result, program.name).result, once.result) << program.name;
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    SourceManager sources;
    Diagnostics diags;
    FrontendOptions options;
    options.checkAll = true;
    (void)elaborateText(program.name, once.result, options, context, sources, diags);
    EXPECT_FALSE(diags.hasErrors()) << program.name << diags.str();
    ++count;
  }
  EXPECT_GE(count, 11u);
}
