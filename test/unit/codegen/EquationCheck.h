//===- EquationCheck.h - one equation, compiled and in the reference evaluator ----------------===//
#pragma once

#include "Compiled.h"
#include "test/Scale.h"
#include "llvm/Support/FormatVariadic.h"

namespace gnc::test {

/// The same on the software device, by both ways to PTX. Its sums take another order, so on whole
/// numbers. In a sample one equation in eight.
inline void checkOnACard(const std::string &text, int classes,
                         const std::function<void(Tensors &)> &change) {
  static unsigned calls = 0;
  if (!fullScale() && (calls++ + caseSeed(0)) % 8 != 0)
    return;
  for (GpuCodegen codegen : {GpuCodegen::Nvptx, GpuCodegen::Nvrtc}) {
    if (codegen == GpuCodegen::Nvrtc && !haveToolkit())
      continue; // nvptx needs none; the families of OnACard say that nvrtc is not there
    SCOPED_TRACE(nameOf(codegen));
    SCOPED_TRACE(text);
    Compiled compiled(text, {.batch = 5, .card = "sm_90", .codegen = codegen});
    ASSERT_TRUE(compiled.ok);
    std::mt19937_64 random(7);
    Tensors arguments = compiled.arguments(3, [&](bool isFloat) {
      return isFloat ? double(random() % 5) - 2 : double(random() % uint64_t(classes));
    });
    change(arguments);
    expectEqual(compiled.run(arguments, 3, 1), compiled.expected(arguments, Precision::F32));
  }
}

/// Planned for 5 samples, run for 3; integers are below `classes`.
inline void checkOnProcessors(const std::string &text, int classes,
                              const std::function<void(Tensors &)> &change) {
  for (unsigned bits : {128u, 256u, 512u}) {
    SCOPED_TRACE(bits);
    auto draw = [&](Compiled &compiled) {
      Tensors arguments = compiled.realNumbers(3, classes, 7);
      change(arguments);
      return arguments;
    };
    expectSameBits(text, {.batch = 5, .vectorBits = bits}, 3, 7, draw);
    if (testing::Test::HasFatalFailure())
      return;
  }
}

/// There and on a card.
inline void check(
    const std::string &text, int classes = 4,
    const std::function<void(Tensors &)> &change = [](Tensors &) {}) {
  checkOnProcessors(text, classes, change);
  if (!testing::Test::HasFatalFailure())
    checkOnACard(text, classes, change);
}

/// One equation `indices (reads) -> result { body }` of the arguments.
inline std::string equation(const std::string &arguments, const std::string &indices,
                            const std::string &reads, const std::string &result,
                            const std::string &body = "gnc.yield %a : f32",
                            const std::string &finish = "") {
  return llvm::formatv(
      "func.func @f({0}) -> {3} {{\n  %y = gnc.compute {1}\n      ({2}) -> {3} {{\n    "
      "{4}\n  } {5}\n"
      "  return %y : {3}\n}\n",
      arguments, indices, reads, result, body, finish);
}

inline const char *const kIJ = "[i = 5, j = 19]";
inline const char *const kY = "tensor<5x19xf32>";

} // namespace gnc::test
