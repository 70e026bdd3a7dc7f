//===- RandomTest.cpp - what gnc.random means -------------------------------------------------===//
#include "StreamFor.h"
#include "ir/Evaluator.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Philox.h"
#include "test/Tolerance.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace gnc;
using namespace gnc::test;

namespace {

/// The four words as the host writes them: i32.
TensorValue stream(uint64_t seed, uint32_t step, uint32_t first) {
  TensorValue value({4});
  auto word = [](uint64_t bits) { return static_cast<double>(static_cast<int32_t>(bits)); };
  value.data = {word(seed), word(seed >> 32), word(step), word(first)};
  return value;
}

/// The numbers drawn at `site` for a tensor of `shape` ("?x3"), with a batch of n.
std::vector<double> draw(uint64_t site, const std::string &shape, const TensorValue &stream,
                         int64_t n = 1) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<GncDialect, func::FuncDialect>();
  std::string type = "tensor<" + shape + (shape.empty() ? "f32>" : "xf32>");
  std::string source = "func.func @f(%x: tensor<?xf32>, %s: tensor<4xi32>) -> " + type +
                       " {\n  %u = gnc.random %s site " + std::to_string(site) + " : " + type +
                       "\n  return %u : " + type + "\n}\n";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  EXPECT_TRUE(module) << source;
  if (!module)
    return {};
  auto values =
      evaluate(*module->getOps<func::FuncOp>().begin(), {TensorValue({n}), stream}, Precision::F32);
  EXPECT_TRUE(succeeded(values));
  return succeeded(values) ? values->front().data : std::vector<double>();
}

/// The known answer of key and counter zero that is published with the algorithm.
TEST(RandomTest, publishedVector) {
  auto [seed, site] = streamFor(0, 0);
  EXPECT_EQ(draw(site, "", stream(seed, 0, 0)).at(0), (0x6627e8d5 >> 8) * 0x1p-24);
}

/// The host computes the same numbers: element, sample and step are counted as gnc.random says.
double number(const runtime::RandomStream &host, uint64_t step, uint64_t sample, uint64_t element) {
  uint64_t group = element / 64, word = element / 16 % 4, block = 16 * group + element % 16;
  return runtime::RandomStream::toUniform(host.block(step, sample << 32 | block)[word]);
}

TEST(RandomTest, asTheHostCounts) {
  const uint64_t seed = 0x8000000180000002, site = 0x7123456789abcdef;
  const uint32_t step = 4000000000, first = 3000000000;
  runtime::RandomStream host(seed, runtime::Purpose::Draw, site);
  std::vector<double> batched = draw(site, "?x3x50", stream(seed, step, first), 4);
  ASSERT_EQ(batched.size(), 600u);
  for (uint64_t n = 0; n < 4; ++n)
    for (uint64_t e = 0; e < 150; ++e)
      ASSERT_EQ(batched[n * 150 + e], number(host, step, first + n, e));
  std::vector<double> whole = draw(site, "3x50", stream(seed, step, first), 4);
  ASSERT_EQ(whole.size(), 150u);
  for (uint64_t e = 0; e < 150; ++e)
    ASSERT_EQ(whole[e], number(host, step, 0, e));
}

/// The shape of a sample does not matter, only the position in it.
TEST(RandomTest, countsElementsInAnyShape) {
  EXPECT_EQ(draw(5, "?x12", stream(1, 1, 0), 3), draw(5, "?x3x2x2", stream(1, 1, 0), 3));
}

TEST(RandomTest, uniformMean) {
  std::vector<double> values = draw(5, "?x1000", stream(1, 1, 0), 100);
  double sum = 0;
  for (double value : values) {
    ASSERT_TRUE(value >= 0 && value < 1);
    sum += value;
  }
  EXPECT_NEAR(sum / double(values.size()), 0.5, meanOf(double(values.size()), std::sqrt(1 / 12.0)));
}

} // namespace
