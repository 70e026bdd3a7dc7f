//===- Scale.h - how much of a large family of tests runs, and which part of it ---------------===//
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace gnc::test {

/// test/full asks for everything, test/run for a sample.
inline bool fullScale() {
  const char *scale = std::getenv("GNC_TEST_SCALE");
  return scale && std::string(scale) == "full";
}

/// Cases of a family.
inline unsigned caseCount(unsigned sample, unsigned full) { return fullScale() ? full : sample; }

/// Seed of case `i` of a family: other ones for every commit.
inline uint64_t caseSeed(unsigned i) {
  const char *seed = std::getenv("GNC_TEST_SEED");
  return (seed ? std::strtoull(seed, nullptr, 10) : 1) * 1000003 + i;
}

/// Numbers of one case, both bounds among them.
struct Random {
  std::mt19937_64 engine;
  explicit Random(uint64_t seed) : engine(seed) {}
  int64_t operator()(int64_t low, int64_t high) { return low + engine() % (high - low + 1); }
};

} // namespace gnc::test
