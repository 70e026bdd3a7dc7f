//===- HasDerivativeTest.cpp - which equations have a gradient that is not zero everywhere ----===//
#include "ir/ComputeGradient.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

/// hasDerivative of an equation that reads x[n, i] and gives f(x), or reduces f(x) over i.
static bool derivable(const std::string &reduction, const std::string &result,
                      const std::string &body, bool throughStop = false) {
  MLIRContext context;
  context.loadDialect<gnc::GncDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
  std::string indices = reduction.empty() ? "[n = ?, i = 4]" : "[n = ?] " + reduction + " [i = 4]";
  std::string text = "func.func @f(%x: tensor<?x4xf32>) -> " + result + " {\n  %y = gnc.compute " +
                     indices + " (%a = %x[n, i] : tensor<?x4xf32>) -> " + result + " {\n" + body +
                     "  }\n  return %y : " + result + "\n}";
  auto module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  bool found = false;
  if (module)
    module->walk([&](gnc::ComputeOp op) { found = gnc::hasDerivative(op, 0, throughStop); });
  return found;
}

TEST(HasDerivative, ThroughReductions) {
  const std::string same = "    gnc.yield %a : f32\n";
  for (const char *reduction : {"sum", "prod", "max", "min"})
    EXPECT_TRUE(derivable(reduction, "tensor<?xf32>", same)) << reduction;
  for (const char *position : {"argmax", "argmin"})
    EXPECT_FALSE(derivable(position, "tensor<?xi32>", same)) << position;
}

TEST(HasDerivative, ThroughScalars) {
  auto unary = [](const std::string &name) {
    return "    %0 = " + name + " %a : f32\n    gnc.yield %0 : f32\n";
  };
  EXPECT_TRUE(derivable("", "tensor<?x4xf32>", unary("math.exp")));
  EXPECT_TRUE(derivable("", "tensor<?x4xf32>", unary("math.absf")));
  EXPECT_FALSE(derivable("", "tensor<?x4xf32>", unary("math.floor")));
  EXPECT_FALSE(derivable("", "tensor<?x4xf32>", unary("gnc.stop")));
  EXPECT_TRUE(derivable("", "tensor<?x4xf32>", unary("gnc.stop"), /*throughStop=*/true));
}
