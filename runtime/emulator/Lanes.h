//===- Lanes.h - one function of numbers over the lanes of a warp -----------------------------===//
#pragma once

#include "runtime/emulator/Warp.h"

#include <immintrin.h>
#include <utility>

namespace gnc::emulator {

/// Numbers of 16 bits, by their bits.
struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};
/// Two of them in 32 bits, or two floats in 64.
template <class T> struct Two {
  T low, high;
};

/// How a lane of a register holds a T: 32 bits for all narrow types (upper bits zero), 64 for wide
/// ones.
template <class T> struct Lane {
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  static T get(Bits bits) {
    if constexpr (sizeof(T) == sizeof(Bits))
      return std::bit_cast<T>(bits);
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(bits);
    else
      return T{static_cast<uint16_t>(bits)};
  }
  static Bits put(T value) {
    if constexpr (sizeof(T) == sizeof(Bits))
      return std::bit_cast<Bits>(value);
    else if constexpr (std::is_integral_v<T>)
      return static_cast<std::make_unsigned_t<T>>(value);
    else
      return value.bits;
  }
};

inline const uint32_t kLaneBit[32] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
    1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
    1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
    1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31};

/// Bit l is set where `flags[l]` is not 0 but all ones.
inline uint32_t packLanes(const uint32_t (&flags)[32]) {
  uint32_t bits = 0;
  for (unsigned l = 0; l < 32; l += 8)
    bits |= static_cast<uint32_t>(
                _mm256_movemask_ps(_mm256_loadu_ps(reinterpret_cast<const float *>(flags + l))))
            << l;
  return bits;
}

/// Elements of one register: a predicate's bits spread, or a slot.
template <class T> struct Source {
  const typename Lane<T>::Bits *p;
  Source(Warp &w, uint32_t offset) : p(w.slot<typename Lane<T>::Bits>(offset)) {}
  T operator[](unsigned l) const { return Lane<T>::get(p[l]); }
};
template <> struct Source<bool> {
  uint32_t bits;
  Source(Warp &w, uint32_t offset) : bits(w.predicate(offset)) {}
  bool operator[](unsigned l) const { return (bits & kLaneBit[l]) != 0; }
};

// Slots of operands are the same or apart (those of 32 and 64 bits never overlap), so lanes are
// independent.
// Unrolled in full before it is vectorised, such a loop would be scalar.
#if defined(__clang__)
#define GNC_INDEPENDENT                                                                            \
  _Pragma("clang loop vectorize(assume_safety) interleave(disable) unroll(disable)")
#else
#define GNC_INDEPENDENT _Pragma("GCC ivdep")
#endif
#define GNC_LANES GNC_INDEPENDENT for (unsigned l = 0; l < kLanes; ++l)

/// `Map<f>::run` is a handler: op[0] = f(op[1], op[2], ..) in the lanes of the mask. `f` is pure,
/// so it is computed for all lanes.
template <auto F> struct Map;
template <class D, class... A, D (*F)(A...)> struct Map<F> {
  static void run(Warp &w, const Instruction &i, uint32_t mask) {
    apply(w, i, mask, std::index_sequence_for<A...>());
  }

private:
  template <size_t... K>
  static void apply(Warp &w, const Instruction &i, uint32_t mask, std::index_sequence<K...>) {
    std::tuple<Source<A>...> sources{Source<A>(w, i.op[K + 1])...};
    if constexpr (std::is_same_v<D, bool>) {
      alignas(32) uint32_t flags[32];
      GNC_LANES flags[l] = F(std::get<K>(sources)[l]...) ? ~0u : 0u;
      w.setPredicate(i.op[0], packLanes(flags), mask);
    } else {
      auto *to = w.slot<typename Lane<D>::Bits>(i.op[0]);
      if (mask == kAllLanes) {
        GNC_LANES to[l] = Lane<D>::put(F(std::get<K>(sources)[l]...));
      } else {
        GNC_LANES {
          auto value = Lane<D>::put(F(std::get<K>(sources)[l]...));
          to[l] = mask & kLaneBit[l] ? value : to[l];
        }
      }
    }
  }
};

} // namespace gnc::emulator
