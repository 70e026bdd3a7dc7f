//===- StreamFor.h - a seed and a site with a wanted key --------------------------------------===//
//
// gnc.random makes its key from seed and site by Philox, which is a bijection of its counter. Run
// backwards, it gives the seed and the site that lead to the key of a published vector.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cstdint>

namespace gnc::test {

struct SeedAndSite {
  uint64_t seed, site;
};

/// The factor that undoes an odd one, modulo 2^32 (Newton's iteration doubles the correct bits).
constexpr uint32_t inverse(uint32_t odd) {
  uint32_t x = odd; // correct in the lowest three bits
  for (int i = 0; i < 4; ++i)
    x *= 2 - odd * x;
  return x;
}

/// The counter that Philox4x32-10 takes to `x` under `key`.
constexpr std::array<uint32_t, 4> philoxBackwards(std::array<uint32_t, 4> x,
                                                  std::array<uint32_t, 2> key) {
  constexpr uint32_t m0 = 0xD2511F53, m1 = 0xCD9E8D57, w0 = 0x9E3779B9, w1 = 0xBB67AE85;
  auto high = [](uint32_t a, uint32_t b) { return static_cast<uint32_t>((uint64_t(a) * b) >> 32); };
  for (uint32_t round = 10; round-- > 0;) {
    uint32_t a = x[3] * inverse(m0), b = x[1] * inverse(m1);
    x = {a, x[0] ^ high(m1, b) ^ (key[0] + round * w0), b,
         x[2] ^ high(m0, a) ^ (key[1] + round * w1)};
  }
  return x;
}

/// A seed and a site, not negative, for which gnc.random has the key (low, high).
constexpr SeedAndSite streamFor(uint32_t low, uint32_t high) {
  for (uint32_t rest = 0;; ++rest) {
    auto counter = philoxBackwards({low, high, rest, 0}, {9, 0x676e6300});
    if (counter[3] >> 31 == 0)
      return {uint64_t(counter[1]) << 32 | counter[0], uint64_t(counter[3]) << 32 | counter[2]};
  }
}

} // namespace gnc::test
