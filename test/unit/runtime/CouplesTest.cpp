#include "runtime/Couples.h"
#include "TestFiles.h"

#include <cmath>
#include <numeric>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
Tensor input(const std::string &member, std::vector<int64_t> shape, ElementType type) {
  Tensor tensor;
  tensor.name = tensor.member = member;
  tensor.batched = true;
  tensor.shape = std::move(shape);
  tensor.type = type;
  return tensor;
}

std::vector<Tensor> coupleInputs() {
  return {input("a.image", {1, 2, 2}, ElementType::U8),
          input("b.image", {1, 2, 2}, ElementType::U8), input("equal", {}, ElementType::Bool)};
}

DataSource synthetic(int64_t count, double equal) {
  DataSource source;
  source.kind = "synthetic";
  source.count = count;
  source.couples = equal;
  return source;
}
} // namespace

TEST(Couples, ShareIsKeptAndPartnersAreRight) {
  std::vector<uint32_t> samples(1000);
  std::iota(samples.begin(), samples.end(), 0);
  std::vector<int32_t> classes;
  for (int i = 0; i < 1000; ++i)
    classes.push_back(i * i % 7); // of unequal sizes, some empty
  for (double share : {0.0, 0.3, 1.0}) {
    Couples couples(samples, classes, share, 4);
    int equal = 0;
    for (int64_t s = 0; s < 1000; ++s) {
      int64_t partner = couples.partner(s, 2);
      ASSERT_TRUE(partner >= 0 && partner < 1000 && partner != s);
      EXPECT_EQ(partner, couples.partner(s, 2));
      equal += couples.equal(s, partner);
    }
    EXPECT_NEAR(equal, 1000 * share, 5 * std::sqrt(1000 * share * (1 - share)));
  }
}

TEST(Couples, EveryEpochHasItsOwnAndAllAreReached) {
  std::vector<uint32_t> samples(6);
  std::iota(samples.begin(), samples.end(), 0);
  Couples couples(samples, {0, 0, 0, 1, 1, 2}, 0.5, 1);
  std::vector<int> met(6);
  for (uint64_t epoch = 0; epoch < 3000; ++epoch)
    ++met[size_t(couples.partner(1, epoch))];
  // Itself never; each of two others with 1/2 * 1/2, of three others with 1/2 * 1/3.
  EXPECT_EQ(met[1], 0);
  for (size_t s : {0, 2})
    EXPECT_NEAR(met[s], 750, 5 * std::sqrt(3000 * 0.25 * 0.75));
  for (size_t s : {3, 4, 5})
    EXPECT_NEAR(met[s], 500, 5 * std::sqrt(3000 * (1. / 6) * (5. / 6)));
  // The only one of its class is its own equal.
  for (uint64_t epoch = 0; epoch < 100; ++epoch)
    if (int64_t partner = couples.partner(5, epoch); couples.equal(5, partner)) {
      EXPECT_EQ(partner, 5);
    }
}

TEST(Couples, PartnersStayInTheirSplit) {
  DataOptions options;
  options.validate = 0.3;
  Result<Dataset> data = openDataset(synthetic(200, 0.5), coupleInputs(), options);
  ASSERT_TRUE(data.ok()) << format(data.error());
  for (const Split *split : {&data->train, &data->validation, &data->test}) {
    ASSERT_GT(split->size(), 10);
    std::vector<bool> in(size_t(split->part->count));
    for (uint32_t s : split->samples)
      in[s] = true;
    for (uint32_t s : split->samples)
      for (uint64_t epoch : {0, 1, 2})
        EXPECT_TRUE(in[size_t(split->part->couples->partner(s, epoch))]);
  }
}

TEST(Couples, MembersLieInTheBase) {
  Result<Dataset> data = openDataset(synthetic(50, 0.5), coupleInputs(), {});
  ASSERT_TRUE(data.ok());
  const Part &part = *data->train.part;
  for (int64_t s = 0; s < 50; ++s) {
    Part::Place a = part.place(*part.find("a.image"), s, 3),
                b = part.place(*part.find("b.image"), s, 3);
    EXPECT_EQ(a.member, b.member);
    EXPECT_EQ(a.member->name, "image");
    EXPECT_EQ(a.sample, s);
    EXPECT_EQ(b.sample, part.couples->partner(s, 3));
    EXPECT_EQ(b.data(), a.member->data.data() + 4 * b.sample);
  }
}

TEST(Couples, Errors) {
  TemporaryFolder folder;
  DataSource source;
  source.kind = "idx";
  source.path = folder.path;
  source.couples = 0.5;
  for (const char *name : {"train", "t10k"}) {
    std::string prefix = folder / name;
    writeText(prefix + "-images-idx3-ubyte", idxText({3, 2, 2}, "abcdefghijkl"));
    writeText(prefix + "-labels-idx1-ubyte", idxText({3}, std::string("\1\1\1", 3)));
  }
  EXPECT_EQ(openDataset(source, coupleInputs(), {}).error().slug, "couples");
  source.couples = 1; // then one class is enough
  EXPECT_TRUE(openDataset(source, coupleInputs(), {}).ok());
  EXPECT_EQ(openDataset(source, std::vector{input("a.picture", {1, 2, 2}, ElementType::U8)}, {})
                .error()
                .slug,
            "data-member");
}
