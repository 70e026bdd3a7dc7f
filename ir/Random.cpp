//===- Random.cpp - random numbers: verification, value, gradient, cost -----------------------===//
//
// The value is Philox4x32-10 as its paper writes it (Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", 2011, section 3.3 and figure 4): the oracle of what is compiled.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/Evaluator.h"
#include "ir/Gnc.h"

#include <array>

using namespace mlir;
using namespace gnc;

LogicalResult RandomOp::verify() {
  double elements = 1;
  for (int64_t extent : getType().getShape())
    elements *= ShapedType::isDynamic(extent) ? 1 : double(extent);
  if (elements > 4294967296.0)
    return emitOpError("numbers the elements of a sample with 32 bits");
  return success();
}

//===------------------------------------------------------------------------------------------===//
// Value
//===------------------------------------------------------------------------------------------===//

using Words = std::array<uint32_t, 4>;

/// Both halves of the product a * b.
static std::pair<uint32_t, uint32_t> multiply(uint32_t a, uint32_t b) {
  uint64_t product = uint64_t(a) * b;
  return {uint32_t(product >> 32), uint32_t(product)};
}

static Words philox10(Words x, std::array<uint32_t, 2> key) {
  constexpr uint32_t multipliers[] = {0xD2511F53, 0xCD9E8D57}; // for words 0 and 2
  constexpr uint32_t weyl[] = {0x9E3779B9, 0xBB67AE85};        // golden ratio, sqrt(3) - 1
  for (unsigned round = 0; round < 10; ++round) {
    auto [high0, low0] = multiply(multipliers[0], x[0]);
    auto [high1, low1] = multiply(multipliers[1], x[2]);
    x = {high1 ^ key[0] ^ x[1], low1, high0 ^ key[1] ^ x[3], low0};
    for (unsigned i = 0; i < 2; ++i)
      key[i] += weyl[i];
  }
  return x;
}

LogicalResult RandomOp::evaluate(EvaluationState &state) {
  Words stream;
  for (auto [word, value] : llvm::zip_equal(stream, state.get(getStream()).data))
    word = static_cast<uint32_t>(static_cast<int64_t>(value));
  constexpr uint32_t purpose = 9, salt = 0x676e6300;
  uint64_t site = getSite();
  Words mixed =
      philox10({stream[0], stream[1], uint32_t(site), uint32_t(site >> 32)}, {purpose, salt});
  TensorValue result(llvm::map_to_vector(getType().getShape(),
                                         [&](int64_t extent) { return state.extent(extent); }));
  int64_t samples = isBatched(getType()) ? state.batch : 1;
  int64_t elements = result.size() / samples;
  for (int64_t i = 0; i < result.size(); ++i) {
    uint32_t element = i % elements, sample = isBatched(getType()) ? stream[3] + i / elements : 0;
    uint32_t group = element / 64, word = element % 64 / 16, block = 16 * group + element % 16;
    Words words = philox10({block, sample, stream[2], 0}, {mixed[0], mixed[1]});
    result.data[i] = (words[word] >> 8) / 16777216.0;
  }
  result.magnitude = result.data;
  state.set(getResult(), std::move(result));
  return success();
}

//===------------------------------------------------------------------------------------------===//
// Gradient and cost
//===------------------------------------------------------------------------------------------===//

/// Random numbers depend on nothing that is trained.
LogicalResult RandomOp::buildGradient(OpBuilder &, ValueRange, ArrayRef<bool>,
                                      SmallVectorImpl<SmallVector<Value>> &) {
  return success();
}

/// No floating-point work and no memory: it is virtual.
Cost RandomOp::cost(int64_t) { return {}; }
