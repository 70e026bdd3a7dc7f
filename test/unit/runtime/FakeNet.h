//===- FakeNet.h - a network without a compiler
//-------------------------------------------------===//
//
// A linear softmax classifier whose programs are written by hand: what codegen would fill in. The
// train program keeps its weight transposed, the eval program padded, so that nothing in the
// runtime can get away with one layout for all.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Dataset.h"

namespace gnc::runtime::test {

constexpr int64_t fakePixels = 16, fakeClasses = 3;

/// Inputs image: u8 [1, 4, 4] and label: index(3); weight Fake.w [3, 16]; state Fake.mean [];
/// optimizer state Fake.w.v; schedule lr. Metric: accuracy. Output: probability [3].
CompiledNet fakeNet(int64_t batch = 5, std::string rate = "0.5 epoch epochs / 0.25 * -",
                    int64_t epochs = 3);

/// Data that the net can learn; 23 samples make the last batch smaller.
Dataset fakeData(const CompiledNet &net, int64_t samples = 23, double validate = 0);

} // namespace gnc::runtime::test
