#include "codegen/PhiloxEmitter.h"
#include <array>

using namespace mlir;

namespace gnc {

using Words = std::array<Value, 4>;

static Value wordConstant(KernelBuilder &k, uint64_t value, unsigned lanes) {
  IntegerAttr number = k.b.getI64IntegerAttr(static_cast<int64_t>(value));
  if (lanes == 1)
    return arith::ConstantOp::create(k.b, k.loc, number);
  auto type = cast<ShapedType>(k.typeFor(k.b.getI64Type(), lanes));
  return arith::ConstantOp::create(k.b, k.loc, DenseElementsAttr::get(type, number));
}

static Value lowWord(KernelBuilder &k, Value x, unsigned lanes) {
  return arith::AndIOp::create(k.b, k.loc, x, wordConstant(k, 0xFFFFFFFF, lanes));
}

static Value exclusiveOr(KernelBuilder &k, Value x, Value y) {
  return arith::XOrIOp::create(k.b, k.loc, x, y);
}

/// Ten rounds. The key grows by a constant each round: it is computed outside of loops.
static Words emitPhilox(KernelBuilder &k, Words x, Value low, Value high, unsigned lanes) {
  auto product = [&](Value word, uint32_t factor) -> Value {
    return arith::MulIOp::create(k.b, k.loc, lowWord(k, word, lanes),
                                 wordConstant(k, factor, lanes));
  };
  auto upper = [&](Value word) -> Value {
    return arith::ShRUIOp::create(k.b, k.loc, word, wordConstant(k, 32, lanes));
  };
  auto keyOf = [&](Value key, uint32_t weyl, uint32_t round) {
    Value grown = arith::AddIOp::create(k.b, k.loc, key, wordConstant(k, weyl * round, 1));
    return k.splat(grown, lanes);
  };
  for (uint32_t round = 0; round < 10; ++round) {
    Value left = product(x[0], 0xD2511F53), right = product(x[2], 0xCD9E8D57);
    Value first = exclusiveOr(k, upper(right), x[1]), second = exclusiveOr(k, upper(left), x[3]);
    x = {exclusiveOr(k, first, keyOf(low, 0x9E3779B9, round)), right,
         exclusiveOr(k, second, keyOf(high, 0xBB67AE85, round)), left};
  }
  return x;
}

RandomKey emitRandomKey(KernelBuilder &k, unsigned stream, unsigned site) {
  auto word = [&](unsigned buffer, int64_t at) -> Value {
    Value bits = k.load(buffer, k.constant(at), k.b.getI32Type(), 1);
    return arith::ExtUIOp::create(k.b, k.loc, k.b.getI64Type(), bits);
  };
  constexpr uint64_t purpose = 9, salt = 0x676e6300;
  Words mixed = emitPhilox(k, {word(stream, 0), word(stream, 1), word(site, 0), word(site, 1)},
                           wordConstant(k, purpose, 1), wordConstant(k, salt, 1), 1);
  return {mixed[0], mixed[1], word(stream, 2), word(stream, 3)};
}

/// 24 bits of a word as a number in [0, 1).
static Value toUniform(KernelBuilder &k, Value word, unsigned lanes) {
  Value bits =
      arith::ShRUIOp::create(k.b, k.loc, lowWord(k, word, lanes), wordConstant(k, 8, lanes));
  bits = arith::TruncIOp::create(k.b, k.loc, k.typeFor(k.b.getI32Type(), lanes), bits);
  Value number = arith::SIToFPOp::create(k.b, k.loc, k.typeFor(k.b.getF32Type(), lanes), bits);
  return arith::MulFOp::create(k.b, k.loc, number, k.floatConstant(0x1p-24, lanes));
}

static Words blockOf(KernelBuilder &k, const RandomKey &key, Value block, Value sample,
                     unsigned lanes) {
  return emitPhilox(k, {block, sample, k.splat(key.step, lanes), wordConstant(k, 0, lanes)},
                    key.low, key.high, lanes);
}

Value emitUniform(KernelBuilder &k, const RandomKey &key, Value element, Value sample,
                  unsigned lanes) {
  OpBuilder &b = k.b;
  auto constant = [&](uint64_t value) { return wordConstant(k, value, lanes); };
  // Element 64 g + 16 w + b is word w of block 16 g + b.
  Value groups = arith::AndIOp::create(b, k.loc, element, constant(~uint64_t(63)));
  Value block =
      arith::OrIOp::create(b, k.loc, arith::ShRUIOp::create(b, k.loc, groups, constant(2)),
                           arith::AndIOp::create(b, k.loc, element, constant(15)));
  Words words = blockOf(k, key, block, sample, lanes);
  auto choose = [&](uint64_t bit, Value set, Value clear) -> Value {
    Value masked = arith::AndIOp::create(b, k.loc, element, constant(bit));
    Value isSet = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::ne, masked, constant(0));
    return arith::SelectOp::create(b, k.loc, isSet, set, clear);
  };
  Value word = choose(32, choose(16, words[3], words[2]), choose(16, words[1], words[0]));
  return toUniform(k, word, lanes);
}

Value emitUniformGroup(KernelBuilder &k, const RandomKey &key, Value element, Value sample) {
  constexpr unsigned blocks = kRandomGroup / 4;
  OpBuilder &b = k.b;
  SmallVector<int64_t> count = llvm::to_vector(llvm::seq<int64_t>(0, blocks));
  auto type = cast<ShapedType>(k.typeFor(b.getI64Type(), blocks));
  Value first = arith::ShRUIOp::create(b, k.loc, element, wordConstant(k, 2, 1));
  Value block = arith::AddIOp::create(
      b, k.loc, k.splat(first, blocks),
      arith::ConstantOp::create(b, k.loc, DenseElementsAttr::get(type, ArrayRef(count))));
  SmallVector<Value> parts;
  for (Value word : blockOf(k, key, block, k.splat(sample, blocks), blocks))
    parts.push_back(toUniform(k, word, blocks));
  auto join = [&](Value low, Value high) -> Value {
    int64_t lanes = 2 * cast<VectorType>(low.getType()).getNumElements();
    return vector::ShuffleOp::create(b, k.loc, low, high,
                                     llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
  };
  return join(join(parts[0], parts[1]), join(parts[2], parts[3]));
}

} // namespace gnc
