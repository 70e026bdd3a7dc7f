//===- RandomEquation.h - equations of random form, as functions in text ----------------------===//
#pragma once

#include <cstdint>
#include <string>

namespace gnc::test {

/// A convolution with random extents, stride, padding, dilation and groups.
std::string randomConvolution(uint64_t seed);
/// A transposed convolution: an index that is not whole lies outside.
std::string randomTransposedConvolution(uint64_t seed);
/// A reduction of any kind over accesses with floordiv and mod in two coordinates.
std::string randomAccesses(uint64_t seed);

} // namespace gnc::test
