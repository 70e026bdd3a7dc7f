#include "tools/Peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#pragma clang fp contract(fast) // a multiply-add is one operation of the machine

namespace gnc::tools {

namespace {

/// Chains that do not wait for each other: latency times throughput of an FMA unit is 8 to 10.
constexpr int kChains = 12;
constexpr int64_t kRounds = 1000000;

/// kRounds times kChains multiply-adds of vectors of `Lanes` numbers. Values stay near 1. The
/// compiler must not know them: a chain that starts at 1 stays there, and was folded away.
template <int Lanes> [[gnu::always_inline]] inline float spin() {
  using Vector [[gnu::vector_size(Lanes * 4)]] = float;
  volatile float one = 1, step = 1e-6f;
  Vector sums[kChains], factor = Vector{} + (one - step), term = Vector{} + step;
  for (int chain = 0; chain < kChains; ++chain)
    sums[chain] = Vector{} + one / float(chain + 1);
  for (int64_t round = 0; round < kRounds; ++round) {
#pragma clang loop unroll(full)
    for (int chain = 0; chain < kChains; ++chain)
      sums[chain] = sums[chain] * factor + term;
    asm volatile("" ::: "memory"); // one round after the other
  }
  float total = 0;
  for (const Vector &sum : sums)
    total += sum[0];
  return total;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) float spin512() { return spin<16>(); }
__attribute__((target("avx2,fma"))) float spin256() { return spin<8>(); }
#endif
float spin128() { return spin<4>(); }

struct Unit {
  float (*spin)();
  int lanes;
};

Unit widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {spin512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {spin256, 8};
#endif
  return {spin128, 4};
}

} // namespace

double measurePeak(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr int kTries = 25;
  Unit unit = widest();
  double best = 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    volatile float sink = 0;
    Clock::time_point start = Clock::now();
    {
      std::vector<std::jthread> others;
      for (int thread = 1; thread < threads; ++thread)
        others.emplace_back([&] { sink = unit.spin(); });
      sink = unit.spin();
    }
    double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2.0 * kRounds * kChains * unit.lanes * threads / seconds);
  }
  return best;
}

} // namespace gnc::tools
