//===- RandomGradientTest.cpp - gradients of equations of random form -------------------------===//
#include "GradientCheck.h"
#include "RandomEquation.h"

using namespace gnc::test;

static void checkSeeds(std::string (*source)(uint64_t), uint64_t count, const char *what) {
  for (uint64_t seed = 1; seed <= count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + source(seed));
    checkGradient(source(seed), {.seed = seed});
    if (testing::Test::HasFatalFailure())
      return;
  }
  printf("  measured: gradients: %u random %s beside central differences\n", unsigned(count), what);
}

TEST(RandomGradient, Convolutions) { checkSeeds(randomConvolution, 30, "convolutions"); }
TEST(RandomGradient, TransposedConvolutions) {
  checkSeeds(randomTransposedConvolution, 30, "transposed convolutions");
}
TEST(RandomGradient, Accesses) { checkSeeds(randomAccesses, 300, "accesses"); }
