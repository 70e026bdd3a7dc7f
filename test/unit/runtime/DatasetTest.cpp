#include "FakeNet.h"
#include "TestFiles.h"
#include "test/Tolerance.h"

#include <algorithm>
#include <cstring>
#include <set>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
Tensor input(std::string name, ElementType type, std::vector<int64_t> shape, int64_t classes = 0) {
  Tensor tensor;
  tensor.name = name;
  tensor.member = name;
  tensor.type = type;
  tensor.batched = true;
  tensor.shape = std::move(shape);
  tensor.classes = classes;
  tensor.location = {"a.net", 5, 3};
  return tensor;
}

std::vector<Tensor> imageInputs(std::vector<int64_t> shape, int64_t classes) {
  return {input("image", ElementType::F32, std::move(shape)),
          input("label", ElementType::I32, {}, classes)};
}

DataSource idxSource(const TemporaryFolder &folder) {
  writeText(folder / "train-images-idx3-ubyte", idxText({6, 2, 2}, std::string(24, 'x')));
  writeText(folder / "train-labels-idx1-ubyte", idxText({6}, std::string("\0\1\2\3\4\x0b", 6)));
  writeText(folder / "t10k-images-idx3-ubyte", idxText({1, 2, 2}, "wxyz"));
  writeText(folder / "t10k-labels-idx1-ubyte", idxText({1}, std::string(1, '\0')));
  DataSource source;
  source.kind = "idx";
  source.path = folder.path;
  source.location = {"a.net", 2, 3};
  return source;
}

Error openError(const DataSource &source, const std::vector<Tensor> &inputs) {
  Result<Dataset> data = openDataset(source, inputs, {});
  EXPECT_FALSE(data.ok());
  return data.ok() ? Error() : data.error();
}

std::string bytesOf(const Part &part, const char *member) {
  auto span = part.find(member)->data.span();
  return {span.begin(), span.end()};
}
} // namespace

TEST(Dataset, IdxBecomesTwoParts) {
  TemporaryFolder folder;
  Result<Dataset> data = openDataset(idxSource(folder), imageInputs({1, 2, 2}, 12), {});
  ASSERT_TRUE(data.ok()) << format(data.error());
  EXPECT_EQ(data->train.size(), 6);
  EXPECT_EQ(data->test.size(), 1);
  EXPECT_EQ(data->validation.size(), 0);
  EXPECT_EQ(bytesOf(*data->test.part, "image"), "wxyz");
}

TEST(Dataset, WhatDoesNotFitIsExplained) {
  TemporaryFolder folder;
  DataSource source = idxSource(folder);
  Error shape = openError(source, imageInputs({1, 32, 32}, 12));
  EXPECT_EQ(shape.slug, "data-shape");
  EXPECT_NE(shape.message.find("[1, 32, 32]"), std::string::npos);
  EXPECT_NE(shape.message.find("[1, 2, 2]"), std::string::npos);
  EXPECT_EQ(shape.location->line, 5);
  Error label = openError(source, imageInputs({1, 2, 2}, 10));
  EXPECT_EQ(label.slug, "class-range");
  EXPECT_NE(label.message.find("label 11 in sample 5"), std::string::npos) << label.message;
  EXPECT_EQ(label.help, "give the network 12 classes, or correct the data");
  Error member = openError(source, {input("lable", ElementType::I32, {}, 10)});
  EXPECT_EQ(member.slug, "data-member");
  EXPECT_EQ(member.help, "did you mean 'label'?");
  EXPECT_EQ(openError(source, {input("image", ElementType::Bool, {1, 2, 2})}).slug, "data-type");
  source.kind = "tar";
  EXPECT_EQ(openError(source, {}).slug, "unknown-source");
  source.kind = "synthetic";
  source.count = 0;
  EXPECT_EQ(openError(source, {}).slug, "empty-data");
}

TEST(Dataset, AbsurdSyntheticDataAreRefused) {
  DataSource source;
  source.kind = "synthetic";
  source.count = int64_t(1) << 62;
  Error error = openError(source, imageInputs({1, 28, 28}, 10));
  EXPECT_EQ(error.slug, "out-of-memory");
  EXPECT_EQ(error.code, ErrorCode::Environment);
}

TEST(Dataset, SyntheticIsSeededAndTyped) {
  auto inputs = imageInputs({1, 8, 8}, 10);
  auto a = makeSyntheticPart("training", 500, 1, inputs),
       b = makeSyntheticPart("training", 500, 1, inputs);
  auto c = makeSyntheticPart("training", 500, 2, inputs),
       d = makeSyntheticPart("test", 500, 1, inputs);
  EXPECT_EQ(bytesOf(**a, "image"), bytesOf(**b, "image"));
  EXPECT_EQ(bytesOf(**a, "label"), bytesOf(**b, "label"));
  EXPECT_NE(bytesOf(**a, "image"), bytesOf(**c, "image"));
  EXPECT_NE(bytesOf(**a, "label"), bytesOf(**d, "label"));
  EXPECT_TRUE(checkInputs(**a, inputs).ok());
  std::string images = bytesOf(**a, "image");
  double sum = 0;
  for (size_t i = 0; i < images.size(); i += 4) {
    float value;
    memcpy(&value, &images[i], 4);
    ASSERT_TRUE(value >= 0 && value < 1);
    sum += value;
  }
  // 64 elements of 10 classes come from one draw each, a quarter of all elements.
  EXPECT_NEAR(sum / 32000, 0.5, gnc::test::meanOf(640, std::sqrt(1 / 12.0)));
}

TEST(Dataset, SyntheticImagesTellTheirClass) {
  std::vector<Tensor> inputs{input("image", ElementType::U8, {64}),
                             input("label", ElementType::U8, {}, 4)};
  auto part = *makeSyntheticPart("training", 200, 1, inputs);
  std::string images = bytesOf(*part, "image"), labels = bytesOf(*part, "label");
  auto agreement = [&](size_t a, size_t b) {
    int same = 0;
    for (size_t i = 0; i < 64; ++i)
      same += images[64 * a + i] == images[64 * b + i];
    return same;
  };
  for (size_t s = 1; s < 200; ++s) // by chance a quarter of the elements agree within a class
    EXPECT_EQ(agreement(0, s) >= 5, labels[0] == labels[s]) << s << " " << agreement(0, s);
}

TEST(Dataset, ValidationIsCarvedByTheSampleNumber) {
  CompiledNet net = fakeNet();
  Dataset small = fakeData(net, 1000, 0.2), large = fakeData(net, 2000, 0.2);
  EXPECT_NEAR(double(small.validation.size()), 200, gnc::test::countOf(1000, 0.2));
  EXPECT_EQ(small.validation.size() + small.train.size(), 1000);
  std::vector<uint32_t> prefix;
  for (uint32_t s : large.validation.samples)
    if (s < 1000)
      prefix.push_back(s);
  EXPECT_EQ(prefix, small.validation.samples);
  DataSource source;
  source.kind = "synthetic";
  source.count = 3;
  EXPECT_EQ(openDataset(source, inputsOf(net), {1e-9, 1}).error().slug, "empty-data");
}

TEST(Dataset, ShuffleIsAPermutationOfSeedAndEpoch) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net, 100);
  std::vector<uint32_t> a, b, c, d;
  shuffle(data.train, 1, 0, a);
  shuffle(data.train, 1, 0, b);
  shuffle(data.train, 1, 1, c);
  shuffle(data.train, 2, 0, d);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(a, d);
  EXPECT_NE(a, data.train.samples);
  EXPECT_EQ(std::set<uint32_t>(a.begin(), a.end()).size(), 100u);
}
