//===- RandomGraph.h - functions of random equations ------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>

namespace gnc::test {

/// A function of random pointwise equations, windows, reductions, contractions, reshapes and random
/// masks over a few small tensors, as text: with boundaries, clamps, conditions, data-dependent
/// indices, several results and `finish` regions, and with weights that are updated. The same for
/// the same seed.
std::string randomGraph(uint64_t seed);

} // namespace gnc::test
