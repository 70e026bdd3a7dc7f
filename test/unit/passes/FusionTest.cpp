//===- FusionTest.cpp - fusing passes keep the meaning of graphs ------------------------------===//
#include "FusionCheck.h"
#include "RandomGraph.h"
#include "passes/Passes.h"
#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;

static const PassMaker simplifyPass = [] { return createSimplify(); };
static const PassMaker splitIndicesPass = [] { return createSplitIndices(); };
static const PassMaker fusePass = [] { return createFuseElementwise(); };
static const PassMaker mergePass = [] { return createMergeDomains(); };
/// With limits that small graphs reach.
static const PassMaker splitReductionPass = [] { return createSplitReduction({.fewResults = 64, .longReduction = 16}); };

/// Checks graphs of `seeds` seeds; the last pass must do something to a good part of them.
static void checkSeeds(const std::vector<PassMaker> &passes, uint64_t seeds, Promise promise = Promise::SameBits) {
  uint64_t changed = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    std::string source = randomGraph(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + source);
    checkPasses(source, passes, promise, /*batch=*/2 + seed % 2, seed);
    if (testing::Test::HasFailure())
      return;
    std::vector<PassMaker> others(passes.begin(), passes.end() - 1);
    changed += after(source, passes) != after(source, others);
  }
  EXPECT_GE(changed * 10, seeds) << changed << " of " << seeds << " graphs changed";
  printf("changed %d of %d\n", (int)changed, (int)seeds);
}

TEST(RandomFusion, SplitIndices) { checkSeeds({splitIndicesPass}, 3000); }
TEST(RandomFusion, FuseElementwise) { checkSeeds({fusePass}, 3000); }
TEST(RandomFusion, MergeDomains) { checkSeeds({mergePass}, 3000); }
TEST(RandomFusion, SplitReduction) { checkSeeds({splitReductionPass}, 3000, Promise::Rounding); }
TEST(RandomFusion, AllButSplitReduction) {
  checkSeeds({simplifyPass, splitIndicesPass, fusePass, mergePass}, 3000);
}
TEST(RandomFusion, All) {
  checkSeeds({simplifyPass, splitIndicesPass, fusePass, mergePass, splitReductionPass}, 3000, Promise::Rounding);
}
