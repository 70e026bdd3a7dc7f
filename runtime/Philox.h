//===- Philox.h - counter-based random numbers
//--------------------------------------------------===//
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
// A random number is a pure function of what it is for: the seed, the purpose, the site (a path's
// hash), the step or epoch, and the element. There is no generator state to save or to share.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace gnc::runtime {

using PhiloxBlock = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

/// Ten rounds: 128 random bits for a counter and a key.
constexpr PhiloxBlock philox(PhiloxBlock counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t left = uint64_t(0xD2511F53) * counter[0];
    uint64_t right = uint64_t(0xCD9E8D57) * counter[2];
    counter = {uint32_t(right >> 32) ^ counter[1] ^ key[0], uint32_t(right),
               uint32_t(left >> 32) ^ counter[3] ^ key[1], uint32_t(left)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

/// FNV-1a, 64 bits: the site number of a path.
constexpr uint64_t siteHash(std::string_view path) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : path)
    hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
  return hash;
}

/// Part of the key, so that no two uses of one seed share numbers. Values are part of what a seed
/// means: never renumber.
enum class Purpose : uint32_t {
  Initial = 1,
  Shuffle = 2,
  Validate = 3,
  SyntheticClass = 4,
  SyntheticData = 5,
  Split = 6,         ///< which samples of a source are for testing
  HostTransform = 7, ///< random transforms of the host stage
  Couple = 8,        ///< who is coupled with whom
  Draw = 9           ///< numbers that a program draws, see Executor::setStream
};

/// The numbers of one (seed, purpose, site), addressed by (major, element); `major` is a step or an
/// epoch.
class RandomStream {
public:
  constexpr RandomStream(uint64_t seed, Purpose purpose, uint64_t site) {
    // 160 bits into the 64 of the key: Philox itself is the mixer.
    PhiloxBlock mixed =
        philox({uint32_t(seed), uint32_t(seed >> 32), uint32_t(site), uint32_t(site >> 32)},
               {uint32_t(purpose), 0x676e6300u});
    key = {mixed[0], mixed[1]};
  }

  constexpr PhiloxBlock block(uint64_t major, uint64_t element) const {
    return philox(
        {uint32_t(element), uint32_t(element >> 32), uint32_t(major), uint32_t(major >> 32)}, key);
  }

  /// In [0, 1), 24 bits: exact in f32.
  constexpr double uniform(uint64_t major, uint64_t element) const {
    return toUniform(block(major, element)[0]);
  }

  /// Mean 0, standard deviation 1 (Box and Muller, in f64).
  double normal(uint64_t major, uint64_t element) const {
    PhiloxBlock bits = block(major, element);
    double radius =
        std::sqrt(-2 * std::log((bits[0] + 1.0) * 0x1p-32)); // the argument is in (0, 1]
    return radius * std::cos(2 * std::numbers::pi * (bits[1] * 0x1p-32));
  }

  /// In [0, bound), bound >= 1; 64 random bits make the bias at most bound * 2^-64.
  constexpr uint64_t below(uint64_t bound, uint64_t major, uint64_t element) const {
    PhiloxBlock bits = block(major, element);
    unsigned __int128 product =
        (uint64_t(bits[1]) << 32 | bits[0]) * static_cast<unsigned __int128>(bound);
    return uint64_t(product >> 64);
  }

  static constexpr double toUniform(uint32_t bits) { return (bits >> 8) * 0x1p-24; }

private:
  PhiloxKey key{};
};

} // namespace gnc::runtime
