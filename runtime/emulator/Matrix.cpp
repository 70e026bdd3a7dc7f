// ldmatrix, stmatrix, movmatrix and mma (PTX ISA 9.7.14.5). In the comments g = lane / 4 and
// t = lane % 4, as in the ISA.
#include "runtime/emulator/Handlers.h"

#include "runtime/emulator/Access.h"
#include "runtime/emulator/Number.h"

namespace gnc::emulator {

static const uint32_t *extraOf(const Warp &w, const Instruction &i) {
  return w.block->launch->program->extra.data() + i.extra;
}

//===- 8 x 8 matrices of 16 bits --------------------------------------------------------------===//

/// Lane l holds elements 2t and 2t + 1 of row g; transposed: of column g.
static unsigned rowOf(unsigned lane, unsigned element, bool transposed) {
  return transposed ? 2 * (lane % 4) + element : lane / 4;
}
static unsigned columnOf(unsigned lane, unsigned element, bool transposed) {
  return transposed ? lane / 4 : 2 * (lane % 4) + element;
}

template <bool Load, bool Checked>
static void matrixAccess(Warp &w, const Instruction &i, uint32_t mask) {
  uint32_t address[32];
  address32(w, i, i.op[1], address);
  const uint32_t rows = i.count == 4 ? kAllLanes : (1u << 8 * i.count) - 1;
  if ((mask & rows) != rows)
    w.fault(FaultKind::Barrier, firstLane(rows & ~mask),
            "a lane that gives a row's address is gone");
  enterShared<Checked>(w, i, rows, address, 16, Load ? Access::Read : Access::Write);
  const uint32_t *registers = extraOf(w, i);
  const bool transposed = i.flags & kTransposed;
  std::byte *base = w.block->shared.data();
  for (unsigned matrix = 0; matrix < i.count; ++matrix) {
    uint32_t *values = w.slot<uint32_t>(registers[matrix]);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      for (unsigned element = 0; element < 2; ++element) {
        std::byte *at = base + address[8 * matrix + rowOf(lane, element, transposed)] +
                        2 * columnOf(lane, element, transposed);
        uint16_t value = static_cast<uint16_t>(values[lane] >> 16 * element);
        if (Load) {
          std::memcpy(&value, at, 2);
          values[lane] = element ? values[lane] | uint32_t{value} << 16 : value;
        } else
          std::memcpy(at, &value, 2);
      }
  }
}
HandlerPair loadMatrixHandler() { return {matrixAccess<true, false>, matrixAccess<true, true>}; }
HandlerPair storeMatrixHandler() { return {matrixAccess<false, false>, matrixAccess<false, true>}; }

static void moveMatrix(Warp &w, const Instruction &i, uint32_t) {
  uint16_t matrix[8][8];
  const uint32_t *from = w.slot<uint32_t>(i.op[1]);
  uint32_t *to = w.slot<uint32_t>(i.op[0]);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned e = 0; e < 2; ++e)
      matrix[lane / 4][2 * (lane % 4) + e] = static_cast<uint16_t>(from[lane] >> 16 * e);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    to[lane] = matrix[2 * (lane % 4)][lane / 4] | uint32_t{matrix[2 * (lane % 4) + 1][lane / 4]}
                                                      << 16;
}
HandlerPair moveMatrixHandler() { return moveMatrix; }

//===- Products -------------------------------------------------------------------------------===//

// A register of a factor holds N = 4 / size neighbouring elements along k, which begin at k = N t.
// Registers of A go through rows g and g + 8 first, then through k in steps of 4 N; those of B,
// whose column is g, through k alone. All shapes of the ISA with 16 rows follow this.
template <class E> struct Elements {
  static constexpr unsigned kCount = 4 / sizeof(E);
  using Sum = std::conditional_t<std::is_integral_v<E>, int32_t, float>;
  static Sum get(uint32_t bits, unsigned k) {
    if constexpr (sizeof(E) == 4)
      return fromTf32(bits);
    else if constexpr (sizeof(E) == 2)
      return toFloat(E{static_cast<uint16_t>(bits >> 16 * k)});
    else
      return static_cast<E>(bits >> 8 * k);
  }
};

/// Accumulators: c0, c1: row g, columns 2t, 2t + 1; c2, c3: row g + 8.
template <class T, class S>
static S accumulator(Warp &w, const uint32_t *r, unsigned lane, unsigned k) {
  if constexpr (std::is_same_v<T, Half>)
    return toFloat(Half{static_cast<uint16_t>(w.slot<uint32_t>(r[k / 2])[lane] >> 16 * (k % 2))});
  else
    return w.slot<T>(r[k])[lane];
}
template <class T, class S>
static void setAccumulator(Warp &w, const uint32_t *r, unsigned lane, const S (&c)[4]) {
  if constexpr (std::is_same_v<T, Half>) {
    for (unsigned k = 0; k < 4; k += 2)
      w.slot<uint32_t>(r[k / 2])[lane] =
          roundTo16<Half>(c[k]).bits | uint32_t{roundTo16<Half>(c[k + 1]).bits} << 16;
  } else
    for (unsigned k = 0; k < 4; ++k)
      if constexpr (std::is_same_v<T, float>)
        w.slot<T>(r[k])[lane] = canonical(c[k]);
      else
        w.slot<T>(r[k])[lane] = c[k];
}

/// Products of 16 bits are exact in f32; they are added in the order of k (PTX leaves order and
/// rounding open).
template <class A, class B, class C, unsigned K>
static void multiply(Warp &w, const Instruction &i, uint32_t) {
  using Sum = typename Elements<A>::Sum;
  constexpr unsigned n = Elements<A>::kCount, perRow = K / (4 * n);
  constexpr unsigned results = std::is_same_v<C, Half> ? 2 : 4;
  const uint32_t *d = extraOf(w, i), *a = d + results, *b = a + 2 * perRow, *c = b + perRow;
  alignas(32) Sum left[16][K], right[K][8], sum[16][8];
  for (unsigned r = 0; r < 2 * perRow; ++r) {
    const uint32_t *bits = w.slot<uint32_t>(a[r]);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      for (unsigned e = 0; e < n; ++e)
        left[lane / 4 + 8 * (r % 2)][4 * n * (r / 2) + n * (lane % 4) + e] =
            Elements<A>::get(bits[lane], e);
  }
  for (unsigned r = 0; r < perRow; ++r) {
    const uint32_t *bits = w.slot<uint32_t>(b[r]);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      for (unsigned e = 0; e < n; ++e)
        right[4 * n * r + n * (lane % 4) + e][lane / 4] = Elements<B>::get(bits[lane], e);
  }
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned k = 0; k < 4; ++k)
      sum[lane / 4 + 8 * (k / 2)][2 * (lane % 4) + k % 2] = accumulator<C, Sum>(w, c, lane, k);
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < K; ++k)
      for (unsigned column = 0; column < 8; ++column)
        if constexpr (std::is_integral_v<Sum>)
          sum[row][column] += left[row][k] * right[k][column];
        else
          sum[row][column] = __builtin_fmaf(left[row][k], right[k][column], sum[row][column]);
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    Sum values[4];
    for (unsigned k = 0; k < 4; ++k)
      values[k] = sum[lane / 4 + 8 * (k / 2)][2 * (lane % 4) + k % 2];
    setAccumulator<C>(w, d, lane, values);
  }
}

template <class A, class B, class C, unsigned K> static MatrixForm form(Type d) {
  MatrixForm f;
  f.m = 16, f.n = 8, f.k = K;
  f.d = f.c = d;
  f.countD = f.countC = std::is_same_v<C, Half> ? 2 : 4;
  f.countB = K / (4 * Elements<A>::kCount);
  f.countA = 2 * f.countB;
  f.handler = multiply<A, B, C, K>;
  return f;
}

MatrixForm matrixForm(std::string_view shape, Type d, Type a, Type b, Type c) {
  using enum Type;
  bool k4 = shape == "m16n8k4", k8 = shape == "m16n8k8", k16 = shape == "m16n8k16",
       k32 = shape == "m16n8k32";
  if (d != c)
    return {};
  if (a == F16 && b == F16 && k16)
    return d == F32   ? form<Half, Half, float, 16>(d)
           : d == F16 ? form<Half, Half, Half, 16>(d)
                      : MatrixForm();
  if (a == F16 && b == F16 && k8)
    return d == F32   ? form<Half, Half, float, 8>(d)
           : d == F16 ? form<Half, Half, Half, 8>(d)
                      : MatrixForm();
  if (a == BF16 && b == BF16 && d == F32)
    return k16  ? form<BFloat, BFloat, float, 16>(d)
           : k8 ? form<BFloat, BFloat, float, 8>(d)
                : MatrixForm();
  if (a == TF32 && b == TF32 && d == F32)
    return k8   ? form<float, float, float, 8>(d)
           : k4 ? form<float, float, float, 4>(d)
                : MatrixForm();
  if (d != S32 || (!k16 && !k32))
    return {};
  if (a == S8 && b == S8)
    return k16 ? form<int8_t, int8_t, int32_t, 16>(d) : form<int8_t, int8_t, int32_t, 32>(d);
  if (a == U8 && b == S8)
    return k16 ? form<uint8_t, int8_t, int32_t, 16>(d) : form<uint8_t, int8_t, int32_t, 32>(d);
  if (a == S8 && b == U8)
    return k16 ? form<int8_t, uint8_t, int32_t, 16>(d) : form<int8_t, uint8_t, int32_t, 32>(d);
  if (a == U8 && b == U8)
    return k16 ? form<uint8_t, uint8_t, int32_t, 16>(d) : form<uint8_t, uint8_t, int32_t, 32>(d);
  return {};
}

} // namespace gnc::emulator
