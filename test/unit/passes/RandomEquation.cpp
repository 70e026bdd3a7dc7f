//===- RandomEquation.cpp - equations of random form, as functions in text --------------------===//
#include "RandomEquation.h"
#include "llvm/Support/FormatVariadic.h"
#include <random>

using llvm::formatv;

namespace gnc::test {

namespace {

/// A seeded generator of small whole numbers.
class Draw {
public:
  explicit Draw(uint64_t seed) : random(seed) {}
  int operator()(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  }
  std::string oneOf(std::string_view letters) {
    return std::string(1, letters[(*this)(0, static_cast<int>(letters.size()) - 1)]);
  }

private:
  std::mt19937_64 random;
};

std::string tensor(std::initializer_list<int> extents, bool batched) {
  std::string text = batched ? "tensor<?x" : "tensor<";
  for (int extent : extents)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}

const char *const kProduct = "%0 = arith.mulf %a, %b : f32";

/// A function of %x and %w with one equation, whose reads are %a and %b.
std::string function(const std::string &x, const std::string &w, const std::string &y,
                     const std::string &indices, const std::string &reads,
                     const std::string &body) {
  return formatv("func.func @f(%x: {0}, %w: {1}) -> {2} {{\n  %y = gnc.compute {3}\n      ({4}) -> "
                 "{2} {{\n    {5}\n    gnc.yield %0 : f32\n  }\n  return %y : {2}\n}\n",
                 x, w, y, indices, reads, body)
      .str();
}

} // namespace

std::string randomConvolution(uint64_t seed) {
  Draw draw(seed);
  int groups = draw(1, 3), width = draw(1, 2), perGroup = draw(1, 2);
  int r = draw(1, 4), s = draw(1, 3), stride = draw(1, 3), dilate = draw(1, 2), pad = draw(0, 2);
  int h = std::max(draw(4, 7), dilate * (r - 1) + 1),
      w = std::max(draw(3, 6), dilate * (s - 1) + 1);
  int outputs = groups * perGroup;
  int oh = (h + 2 * pad - dilate * (r - 1) - 1) / stride + 1;
  int ow = (w + 2 * pad - dilate * (s - 1) - 1) / stride + 1;
  std::string x = tensor({groups * width, h, w}, true), f = tensor({outputs, width, r, s}, false);
  std::string indices =
      formatv("[n = ?, k = {0}, i = {1}, j = {2}] sum [c = {3}, r = {4}, s = {5}]", outputs, oh, ow,
              width, r, s);
  std::string reads = formatv(
      "%a = %x[n, k floordiv {0} * {1} + c, i * {2} + r * {3} - {4}, j * {2} + s * {3} - {4}] "
      "?? 0.0 : {5}, %b = %w[k, c, r, s] : {6}",
      perGroup, width, stride, dilate, pad, x, f);
  return function(x, f, tensor({outputs, oh, ow}, true), indices, reads, kProduct);
}

std::string randomTransposedConvolution(uint64_t seed) {
  Draw draw(seed);
  int channels = draw(1, 3), outputs = draw(1, 3), r = draw(1, 4), stride = draw(2, 3);
  int pad = draw(0, std::min(1, r - 1)), h = draw(2, 5);
  int oh = std::max(1, (h - 1) * stride + r - 2 * pad + draw(0, 1));
  std::string x = tensor({channels, h}, true), f = tensor({channels, outputs, r}, false);
  std::string indices =
      formatv("[n = ?, k = {0}, i = {1}] sum [c = {2}, r = {3}]", outputs, oh, channels, r);
  std::string reads =
      formatv("%a = %x[n, c, (i + {0} - r) floordiv {1}] where ((i + {0} - r) mod {1} "
              "< 1) ?? 0.0 : {2}, %b = %w[c, k, r] : {3}",
              pad, stride, x, f);
  return function(x, f, tensor({outputs, oh}, true), indices, reads, kProduct);
}

/// A sum of up to three atoms over the indices i, j, r, s.
static std::string randomCoordinate(Draw &draw) {
  auto atom = [&]() -> std::string {
    std::string index = draw.oneOf("ijrs"), other = draw.oneOf("ijrs");
    int divisor = draw(2, 4);
    switch (draw(0, 7)) {
    case 0: return formatv("({0} floordiv {1})", index, divisor);
    case 1: return formatv("({0} mod {1})", index, divisor);
    case 2: return formatv("(({0} + {1}) floordiv {2})", index, other, divisor);
    case 3: return formatv("(({0} + {1} * 2) mod {2})", index, other, divisor);
    default: return index;
    }
  };
  std::string text = atom();
  for (int count = draw(0, 2); count > 0; --count)
    text += formatv("{0}{1} * {2}", draw(0, 4) ? " + " : " - ", atom(), draw(1, 3)).str();
  return text + " - " + std::to_string(draw(0, 2));
}

std::string randomAccesses(uint64_t seed) {
  Draw draw(seed);
  int i = draw(1, 6), j = draw(1, 4), r = draw(1, 4), s = draw(1, 3);
  std::string x = tensor({draw(2, 7), draw(2, 7)}, false), w = tensor({r, s}, false);
  std::string first = randomCoordinate(draw), second = randomCoordinate(draw), condition;
  if (draw(0, 3) == 0) { // an exact division
    condition = formatv(" where (({0}) mod 2 < 1)", first);
    first = formatv("({0}) floordiv 2", first);
  }
  const char *kinds[] = {"sum", "sum", "max", "min", "prod"};
  const char *bodies[] = {kProduct, kProduct,
                          "%1 = math.exp %a : f32  %0 = arith.mulf %1, %b : f32",
                          "%1 = arith.addf %a, %b : f32  %0 = arith.mulf %1, %a : f32"};
  std::string indices =
      formatv("[i = {0}, j = {1}] {2} [r = {3}, s = {4}]", i, j, kinds[draw(0, 4)], r, s);
  std::string body = bodies[draw(0, 3)];
  std::string reads = formatv("%a = %x[{0}, {1}]{2} ?? 0.0 : {3}, %b = %w[r, s] : {4}", first,
                              second, condition, x, w);
  return function(x, w, tensor({i, j}, false), indices, reads, body);
}

} // namespace gnc::test
