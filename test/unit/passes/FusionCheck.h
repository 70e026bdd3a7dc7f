//===- FusionCheck.h - a pass must not change what a function computes ------------------------===//
#pragma once

#include "mlir/Pass/Pass.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gnc::test {

using PassMaker = std::function<std::unique_ptr<mlir::Pass>()>;

/// How much results may change: nothing, or what another order of summation does.
enum class Promise { SameBits, Rounding };

/// Runs the passes on the one function in `source`, which must stay valid, and compares its results
/// on random arguments before and after, in f32 and f64. Then runs each again: that must change
/// nothing.
void checkPasses(const std::string &source, const std::vector<PassMaker> &passes,
                 Promise promise = Promise::SameBits, int64_t batch = 3, uint64_t seed = 1);

/// The function after the passes, as text.
std::string after(const std::string &source, const std::vector<PassMaker> &passes);

/// How often `what` occurs in `text`.
unsigned count(const std::string &text, const std::string &what);

} // namespace gnc::test
