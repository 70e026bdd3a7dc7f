// Ops whose kernel is CUDA C++: what of their declaration goes into the graph.
#include "OpHarness.h"

#include <gtest/gtest.h>

using namespace gnc::test;

static std::string graphOf(std::string text, std::string expression,
                           std::vector<Operand> operands) {
  Program program(std::move(text), std::move(expression), std::move(operands));
  EXPECT_TRUE(program.good()) << program.messages();
  return program.good() ? program.graph() : "";
}

static void expectPart(const std::string &graph, const std::string &part) {
  EXPECT_NE(graph.find(part), std::string::npos) << part << " is not in\n" << graph;
}

TEST(OpKernel, Constants) {
  std::string graph =
      graphOf("op f(x: [C, S..], w: [2*C]; k: int = 3, eps = 1, deep: bool = true, act = 1/2)\n"
              "  -> (y: [C, k], z: i32[C]) cuda(blocks = 2*C, threads = 32 * k) \"\"\" y[0] = "
              "\"a\"; \"\"\"\n",
              "f(x, w)", {samples("x", 2, {4, 5, 6}), numbers("w", {8})});
  expectPart(graph, "constants = {C = 4 : i64, act = 5.000000e-01 : f32, deep = true, eps = "
                    "1.000000e+00 : f32, k = 3 : i64}");
  expectPart(graph, "blocks = 8 : i64");
  expectPart(graph, "threads = 96 : i64");
  expectPart(graph, "names = [\"x\", \"w\", \"y\", \"z\"]");
  expectPart(graph, "source = \" y[0] = \\22a\\22; \"");
  expectPart(graph, "-> (tensor<?x4x3xf32>, tensor<?x4xi32>)");
}

// One that sees the batch has results with it where they say so.
TEST(OpKernel, Batch) {
  std::string text = "op f(x: [N; C]) -> (y: [N; C], z: [C]) cuda \"\"\"\"\"\"\n";
  std::string graph = graphOf(text, "f(x)", {samples("x", 2, {4})});
  expectPart(graph, "batch = \"N\"");
  expectPart(graph, "-> (tensor<?x4xf32>, tensor<4xf32>)");
  Program none(text, "f(x)", {numbers("x", {4})});
  EXPECT_FALSE(none.good());
  expectPart(none.messages(), "[no-batch]");
}
