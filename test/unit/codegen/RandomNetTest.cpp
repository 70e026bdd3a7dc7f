//===- RandomNetTest.cpp - random nets as machine code: every pass on, and each one off -------===//
//
// A net is compiled for each optimisation level and vector width with all passes, and once without
// each of the passes that can be left out. Its loss, the gradients of all weights and new states,
// and what its infer program answers, are compared with the evaluator. A net that fails is shrunk.
//
//===------------------------------------------------------------------------------------------===//
#include "NetJudge.h"

#include "test/Scale.h"
#include "test/unit/dsl/Worker.h"

#include <algorithm>
#include <set>
#include <sys/mman.h>

using namespace gnc;
using namespace gnc::test;

namespace {

const WorkerLimits kLimits{.seconds = 60};

/// What a child process counts.
struct Tally {
  unsigned nets, compared, exact, layers, notFinite;
  double worst;
};

Tally *sharedTally() {
  void *memory =
      mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return new (memory) Tally{};
}

/// What is wrong with a net, in a process of its own: it may crash.
std::string askAbout(const RandomNet &net, const std::vector<Plan> &plans) {
  auto failures = runInWorker(1, kLimits, [&](unsigned) { return judge(net, plans).wrong; });
  return failures.empty() ? "" : failures.front().text;
}

/// "result", "is refused", "ended by": what is shrunk goes on to fail like this.
std::string kindOf(const std::string &wrong) {
  return wrong.substr(0, wrong.find_first_of(" :\n", 4));
}

/// The smallest net that fails alike in one of the ways, and how to repeat it by the test `name`.
std::string explain(uint64_t seed, const std::string &wrong, std::vector<Plan> plans,
                    const std::string &name) {
  auto fails = [&](const RandomNet &net, const std::vector<Plan> &ways) {
    return kindOf(askAbout(net, ways)) == kindOf(wrong);
  };
  RandomNet net = randomNet(seed);
  auto way = std::find_if(plans.begin(), plans.end(),
                          [&](const Plan &plan) { return fails(net, {plan}); });
  if (way != plans.end())
    plans = {*way};
  RandomNet small = shrink(net, [&](const RandomNet &simpler) { return fails(simpler, plans); });
  return "seed " + std::to_string(seed) + ": " + wrong +
         "\nto repeat it: GNC_TEST_CASE=" + std::to_string(seed) +
         " build/bin/unit-codegen --gtest_filter='" + name +
         "'\nthe smallest net that is wrong, for " + std::to_string(small.samples) + " of " +
         std::to_string(small.planned) + " samples:\n" + small.text() + askAbout(small, plans);
}

std::string check(uint64_t seed, const std::vector<Plan> &plans, Tally &tally) {
  RandomNet net = randomNet(seed);
  NetVerdict verdict = judge(net, plans);
  ++tally.nets;
  tally.layers += net.layers();
  tally.compared += verdict.compared;
  tally.exact += verdict.exact;
  tally.notFinite += !verdict.finite;
  tally.worst = std::max(tally.worst, verdict.worst);
  return verdict.wrong;
}

/// Judges nets in a process of their own, each in at least `least` programs x configurations, and
/// prints what was counted.
void judgeAll(unsigned count, unsigned least, const std::function<uint64_t(unsigned)> &seedOf,
              const std::function<std::vector<Plan>(unsigned)> &plansOf, const std::string &name,
              const std::string &where) {
  Tally &tally = *sharedTally();
  auto failures =
      runInWorker(count, kLimits, [&](unsigned i) { return check(seedOf(i), plansOf(i), tally); });
  for (const WorkerFailure &failure : failures)
    ADD_FAILURE() << explain(seedOf(failure.index), failure.text, plansOf(failure.index), name);
  std::set<unsigned> layers;
  for (unsigned i = 0; i < count; ++i)
    for (const NetValue &value : randomNet(seedOf(i)).values)
      layers.insert(value.layer);
  printf(
      "  measured: %u random nets%s of %u layers: %u programs x configurations (%u exact), worst "
      "error %.2g of its bound; %u nets left out, as they overflow; %zu of %zu kinds of layers\n",
      tally.nets, where.c_str(), tally.layers, tally.compared, tally.exact, tally.worst,
      tally.notFinite, layers.size(), netLayers().size());
  EXPECT_GE(tally.compared, least * (tally.nets - tally.notFinite));
  EXPECT_LE(tally.notFinite, 2 + tally.nets / 10);
  EXPECT_TRUE(tally.nets < 50 || tally.exact > tally.compared / 10);
}

/// The nets in parts, which may run at the same time (test/run runs tests in shards).
constexpr unsigned kParts = 4;
class RandomNets : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Parts, RandomNets, testing::Range(0u, kParts));

TEST_P(RandomNets, compiled) {
  const char *only = std::getenv("GNC_TEST_CASE");
  auto seedOf = [&](unsigned i) {
    return only ? std::strtoull(only, nullptr, 10) : caseSeed(i * kParts + GetParam());
  };
  // In a sample, each net is compiled in some of the ways; all ways occur.
  auto plansOf = [&](unsigned i) {
    std::vector<Plan> all = netPlans(seedOf(i)), some;
    unsigned share = only || fullScale() ? 1 : 6;
    for (unsigned p = i % share; p < all.size(); p += share)
      some.push_back(all[p]);
    return some;
  };
  judgeAll(only ? 1 : caseCount(12, 300) / kParts, 3, seedOf, plansOf, "*RandomNets.compiled/0",
           "");
}

/// The same on the software device, which reports every hazard.
class RandomNetsOnACard : public OnACard {};
INSTANTIATE_TEST_SUITE_P(By, RandomNetsOnACard, bothCodegens(), codegenOf);

TEST_P(RandomNetsOnACard, compiled) {
  if (!haveToolkit())
    GTEST_SKIP() << "no CUDA toolkit";
  const char *only = std::getenv("GNC_TEST_CASE");
  auto seedOf = [&](unsigned i) { return only ? std::strtoull(only, nullptr, 10) : caseSeed(i); };
  auto plansOf = [&](unsigned i) {
    std::vector<Plan> plans = cardPlans(seedOf(i), GetParam());
    if (!fullScale() && !only)
      plans.resize(1);
    return plans;
  };
  judgeAll(only ? 1 : caseCount(2, 150), 2, seedOf, plansOf,
           std::string("By/RandomNetsOnACard.compiled/") + codegenName(),
           std::string(" on the software device by ") + codegenName());
}

//===- The generator --------------------------------------------------------------------------===//

/// No layer is forgotten, and the text is that of a valid net (which `compiled` finds out).
TEST(RandomNetGenerator, everyLayerIsDrawn) {
  std::vector<unsigned> uses(netLayers().size(), 0);
  unsigned several = 0, shared = 0, exact = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    RandomNet net = randomNet(seed);
    std::vector<unsigned> readers(net.values.size(), 0);
    exact += net.exact;
    for (const NetValue &value : net.values) {
      ++uses[value.layer];
      shared += value.sharedWith >= 0;
      for (unsigned input : value.inputs)
        ++readers[input];
    }
    several += std::any_of(readers.begin(), readers.end(), [](unsigned n) { return n > 2; });
  }
  for (unsigned i = 0; i < uses.size(); ++i)
    EXPECT_GT(uses[i], 0u) << netLayers()[i].name;
  EXPECT_GT(several, 200u);
  EXPECT_GT(shared, 50u);
  EXPECT_GT(exact, 500u);
}

/// The same seed gives the same net.
TEST(RandomNetGenerator, repeats) {
  EXPECT_EQ(randomNet(7).text(), randomNet(7).text());
  EXPECT_NE(randomNet(7).text(), randomNet(8).text());
}

//===- The shrinker ---------------------------------------------------------------------------===//

/// Layers beside losses.
unsigned opsOf(const RandomNet &net) {
  return unsigned(std::count_if(net.values.begin(), net.values.end(), [](const NetValue &value) {
    const NetLayer &layer = netLayers()[value.layer];
    return layer.feed == Feed::None && !layer.loss;
  }));
}

const NetValue *firstOf(const RandomNet &net, const std::string &layer) {
  for (const NetValue &value : net.values)
    if (netLayers()[value.layer].name == layer)
      return &value;
  return nullptr;
}

/// What is wrong with a pair of layers leaves this pair, with plain settings where they do not
/// matter, and one sample.
TEST(RandomNet, shrinksToThePair) {
  auto fails = [](const RandomNet &net) {
    const NetValue *convolution = firstOf(net, "conv");
    return convolution && convolution->settings[3] > 1 && firstOf(net, "+");
  };
  unsigned found = 0;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    RandomNet net = randomNet(seed);
    if (!fails(net))
      continue;
    ++found;
    RandomNet small = shrink(net, fails);
    SCOPED_TRACE(small.text());
    ASSERT_EQ(opsOf(small), 2u);
    ASSERT_LE(small.layers(), 4u); // and a loss for each, if they do not meet
    ASSERT_TRUE(fails(small));
    ASSERT_EQ(small.planned, 1);
    const NetValue &convolution = *firstOf(small, "conv");
    for (size_t s = 0; s < convolution.settings.size(); ++s)
      ASSERT_EQ(convolution.settings[s],
                netLayers()[convolution.layer].range[s].first + (s == 3 ? 1 : 0));
  }
  EXPECT_GT(found, 5u);
}

/// A compiler that takes every maximum for a minimum is found out, and by a net of one such layer.
TEST(RandomNet, findsAPlantedFault) {
  Plan plan;
  plan.fault = [](mlir::ModuleOp module) {
    module.walk([](mlir::arith::MaximumFOp maximum) {
      mlir::OpBuilder builder(maximum);
      auto minimum = mlir::arith::MinimumFOp::create(builder, maximum.getLoc(), maximum.getLhs(),
                                                     maximum.getRhs());
      maximum.replaceAllUsesWith(minimum.getResult());
      maximum.erase();
    });
  };
  auto fails = [&](const RandomNet &net) { return kindOf(judge(net, {plan}).wrong) == "result"; };
  for (uint64_t seed = caseSeed(0);; ++seed) {
    ASSERT_LT(seed, caseSeed(40)) << "not found";
    if (!fails(randomNet(seed)))
      continue;
    RandomNet small = shrink(randomNet(seed), fails);
    SCOPED_TRACE(small.text());
    EXPECT_LE(opsOf(small), 2u);
    EXPECT_EQ(judge(small, {Plan()}).wrong, "");
    return;
  }
}

} // namespace
