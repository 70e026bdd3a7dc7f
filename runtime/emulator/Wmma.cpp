// wmma of 16 x 16 x 16 (PTX ISA 9.7.14.4). How fragments hold a matrix is left open: here lane l
// holds elements 8 (l % 2) .. + 7 of row l / 2, and factors, whose fragments have room for twice as
// much, hold them twice.
#include "runtime/emulator/Handlers.h"

#include "runtime/emulator/Access.h"
#include "runtime/emulator/Number.h"

namespace gnc::emulator {

static const uint32_t *extraOf(const Warp &w, const Instruction &i) {
  return w.block->launch->program->extra.data() + i.extra;
}

/// Element e of a lane: f32 in register e, f16 in register e / 2 (and in e / 2 + 4 again).
template <class E> static uint32_t element(Warp &w, const uint32_t *r, unsigned lane, unsigned e) {
  if constexpr (sizeof(E) == 4)
    return w.slot<uint32_t>(r[e])[lane];
  else
    return w.slot<uint32_t>(r[e / 2])[lane] >> 16 * (e % 2) & 0xffff;
}
template <class E>
static void setElement(Warp &w, const uint32_t *r, unsigned lane, unsigned e, uint32_t value) {
  uint32_t &bits = w.slot<uint32_t>(r[sizeof(E) == 4 ? e : e / 2])[lane];
  if constexpr (sizeof(E) == 4)
    bits = value;
  else
    bits = e % 2 ? (bits & 0xffff) | value << 16 : (bits & 0xffff0000) | value;
}

template <class E, bool ColumnMajor, bool Shared, bool Load, bool Checked>
static void access(Warp &w, const Instruction &i, uint32_t mask) {
  constexpr Access kind = Load ? Access::Read : Access::Write;
  const uint32_t *r = extraOf(w, i), *stride = w.slot<uint32_t>(i.op[2]);
  uint64_t flat[32] = {};
  uint32_t offset[32] = {};
  if constexpr (Shared)
    address32(w, i, i.op[1], offset);
  else
    address64(w, i, i.op[1], flat);
  for (unsigned e = 0; e < 8; ++e) {
    uint64_t at[32];
    uint32_t in[32];
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      unsigned row = lane / 2, column = 8 * (lane % 2) + e;
      uint64_t place = ColumnMajor ? uint64_t{column} * stride[lane] + row
                                   : uint64_t{row} * stride[lane] + column;
      at[lane] = flat[lane] + place * sizeof(E);
      in[lane] = offset[lane] + static_cast<uint32_t>(place * sizeof(E));
    }
    if constexpr (Shared)
      enterShared<Checked>(w, i, mask, in, sizeof(E), kind);
    else
      enterGlobal<Checked>(w, i, mask, at, sizeof(E), kind);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      unsigned lane = firstLane(rest);
      std::byte *p =
          Shared ? w.block->shared.data() + in[lane] : reinterpret_cast<std::byte *>(at[lane]);
      E value;
      if (Load) {
        std::memcpy(&value, p, sizeof value);
        setElement<E>(w, r, lane, e, value);
        if (i.count == 8 && sizeof(E) == 2)
          setElement<E>(w, r + 4, lane, e, value);
      } else {
        value = static_cast<E>(element<E>(w, r, lane, e));
        std::memcpy(p, &value, sizeof value);
      }
    }
  }
}

template <class E, bool ColumnMajor, bool Shared> static HandlerPair accessOf(bool load) {
  return load ? HandlerPair(access<E, ColumnMajor, Shared, true, false>,
                            access<E, ColumnMajor, Shared, true, true>)
              : HandlerPair(access<E, ColumnMajor, Shared, false, false>,
                            access<E, ColumnMajor, Shared, false, true>);
}
template <class E> static HandlerPair accessOf(bool columnMajor, Space space, bool load) {
  if (space == Space::Shared)
    return columnMajor ? accessOf<E, true, true>(load) : accessOf<E, false, true>(load);
  if (space != Space::Global)
    return {};
  return columnMajor ? accessOf<E, true, false>(load) : accessOf<E, false, false>(load);
}

HandlerPair wmmaAccessHandler(char operand, Type type, bool columnMajor, Space space, bool load) {
  if (type == Type::F16)
    return accessOf<uint16_t>(columnMajor, space, load);
  if (type == Type::F32 && (operand == 'c' || operand == 'd'))
    return accessOf<uint32_t>(columnMajor, space, load);
  return {};
}

template <class D, class C> static void multiply(Warp &w, const Instruction &i, uint32_t) {
  constexpr unsigned countD = sizeof(D) == 4 ? 8 : 4;
  const uint32_t *d = extraOf(w, i), *a = d + countD, *b = a + 8, *c = b + 8;
  alignas(32) float left[16][16], right[16][16], sum[16][16];
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned e = 0; e < 8; ++e) {
      unsigned row = lane / 2, column = 8 * (lane % 2) + e;
      left[row][column] = toFloat(Half{static_cast<uint16_t>(element<uint16_t>(w, a, lane, e))});
      right[row][column] = toFloat(Half{static_cast<uint16_t>(element<uint16_t>(w, b, lane, e))});
      uint32_t bits = element<C>(w, c, lane, e);
      sum[row][column] =
          sizeof(C) == 4 ? std::bit_cast<float>(bits) : toFloat(Half{static_cast<uint16_t>(bits)});
    }
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < 16; ++k)
      for (unsigned column = 0; column < 16; ++column)
        sum[row][column] = __builtin_fmaf(left[row][k], right[k][column], sum[row][column]);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned e = 0; e < 8; ++e) {
      float value = sum[lane / 2][8 * (lane % 2) + e];
      uint32_t bits =
          sizeof(D) == 4 ? std::bit_cast<uint32_t>(canonical(value)) : roundTo16<Half>(value).bits;
      setElement<D>(w, d, lane, e, bits);
    }
}

MatrixForm wmmaForm(Type d, Type c) {
  MatrixForm f;
  f.m = f.n = f.k = 16;
  f.d = d, f.c = c;
  f.countA = f.countB = 8;
  f.countD = d == Type::F32 ? 8 : 4;
  f.countC = c == Type::F32 ? 8 : 4;
  if (d == Type::F32 && c == Type::F32)
    f.handler = multiply<uint32_t, uint32_t>;
  else if (d == Type::F16 && c == Type::F16)
    f.handler = multiply<uint16_t, uint16_t>;
  else if (d == Type::F32 && c == Type::F16)
    f.handler = multiply<uint32_t, uint16_t>;
  else if (d == Type::F16 && c == Type::F32)
    f.handler = multiply<uint16_t, uint32_t>;
  return f;
}

} // namespace gnc::emulator
