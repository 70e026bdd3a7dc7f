//===- SimplifyTest.cpp - simplification keeps every bit --------------------------------------===//
#include "GradientCheck.h"
#include "RandomEquation.h"

using namespace gnc::test;

TEST(Simplify, KeepsEveryBit) {
  for (auto *source : {randomConvolution, randomTransposedConvolution, randomAccesses})
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      SCOPED_TRACE(source(seed));
      checkSimplify(source(seed), {.seed = seed});
      if (HasFatalFailure())
        return;
    }
}
