#include "runtime/Npy.h"
#include "TestFiles.h"
#include "runtime/Sources.h"

#include <cstring>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
/// A file of one version with this header and these elements.
std::string npyText(const std::string &header, const std::string &elements, char version = 1) {
  std::string text = "\x93NUMPY" + std::string{version, 0};
  text += char(header.size() & 0xff);
  text += char(header.size() >> 8);
  if (version > 1)
    text += std::string(2, '\0');
  return text + header + elements;
}

std::string headerOf(const std::string &descriptor, const std::string &shape,
                     const std::string &order = "False") {
  return "{'descr': '" + descriptor + "', 'fortran_order': " + order + ", 'shape': " + shape +
         ", }      \n";
}

template <typename T> std::string bytesOf(std::initializer_list<T> values) {
  std::string text;
  for (T value : values)
    text.append(reinterpret_cast<const char *>(&value), sizeof value);
  return text;
}

template <typename T> std::vector<T> valuesOf(const Bytes &bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::string slugOf(const std::string &text) {
  TemporaryFolder folder;
  writeText(folder / "a.npy", text);
  Result<NpyArray> array = readNpy(folder / "a.npy");
  if (array.ok())
    return "ok";
  EXPECT_EQ(array.error().code, ErrorCode::Input);
  EXPECT_NE(array.error().message.find(folder / "a.npy"), std::string::npos);
  return array.error().slug;
}

NpyArray read(const std::string &text) {
  TemporaryFolder folder;
  writeText(folder / "a.npy", text);
  Result<NpyArray> array = readNpy(folder / "a.npy");
  EXPECT_TRUE(array.ok()) << format(array.error());
  return std::move(*array);
}
const std::string floats = npyText(headerOf("<f4", "(3, 2)"), bytesOf<float>({1, 2, 3, 4, 5, 6}));
} // namespace

TEST(Npy, ReadsAllTypesAndVersions) {
  for (char version : {1, 2, 3}) {
    NpyArray array =
        read(npyText(headerOf("<f4", "(3, 2)"), bytesOf<float>({1, 2, 3, 4, 5, 6}), version));
    EXPECT_EQ(array.shape, (std::vector<int64_t>{3, 2}));
    EXPECT_EQ(array.type, ElementType::F32);
    EXPECT_EQ(valuesOf<float>(array.data), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  }
  NpyArray doubles = read(npyText(headerOf("<f8", "(2,)"), bytesOf<double>({0.1, -3})));
  EXPECT_EQ(doubles.type, ElementType::F32);
  EXPECT_EQ(valuesOf<float>(doubles.data), (std::vector<float>{0.1f, -3}));
  NpyArray longs = read(npyText(headerOf("<i8", "(2,)"), bytesOf<int64_t>({-7, 1 << 30})));
  EXPECT_EQ(longs.type, ElementType::I32);
  EXPECT_EQ(valuesOf<int32_t>(longs.data), (std::vector<int32_t>{-7, 1 << 30}));
  NpyArray ints = read(npyText(headerOf("<i4", "(1, 1)"), bytesOf<int32_t>({9})));
  EXPECT_EQ(valuesOf<int32_t>(ints.data), (std::vector<int32_t>{9}));
  NpyArray bytes = read(npyText(headerOf("|u1", "(1, 3)"), "abc"));
  EXPECT_EQ(bytes.type, ElementType::U8);
  EXPECT_EQ(valuesOf<char>(bytes.data), (std::vector<char>{'a', 'b', 'c'}));
  NpyArray truths = read(npyText(headerOf("|b1", "(2,)"), std::string("\0\7", 2)));
  EXPECT_EQ(truths.type, ElementType::Bool);
  EXPECT_EQ(valuesOf<char>(truths.data), (std::vector<char>{0, 1}));
  // Of one dimension, both orders are the same.
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(3,)", "True"), "abc")), "ok");
  EXPECT_EQ(slugOf(npyText("{\"shape\":(3,),\"descr\":\"|u1\",\"fortran_order\":False}", "abc")),
            "ok");
}

TEST(Npy, CutOffAtEveryByte) {
  for (size_t length = 0; length < floats.size(); ++length) {
    std::string slug = slugOf(floats.substr(0, length));
    EXPECT_EQ(slug, length < floats.size() - 24 ? "not-npy" : "truncated-data") << length;
  }
}

TEST(Npy, Errors) {
  EXPECT_EQ(slugOf(npyText(headerOf(">f4", "(1,)"), "abcd")), "npy-type");
  EXPECT_EQ(slugOf(npyText(headerOf("<c8", "(1,)"), "abcdefgh")), "npy-type");
  EXPECT_EQ(slugOf(npyText(headerOf("|O", "(1,)"), "abcd")), "npy-type");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(2, 2)", "True"), "abcd")), "npy-order");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "()"), "a")), "empty-data");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(0, 3)"), "")), "empty-data");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(2,)"), "abc")), "trailing-data");
  EXPECT_EQ(slugOf(npyText(headerOf("<i8", "(1,)"), bytesOf<int64_t>({int64_t(1) << 31}))),
            "npy-value");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(99999999999, 99999999999)"), "abc")),
            "truncated-data");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(9999999999999999999,)"), "abc")), "not-npy");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(-1,)"), "abc")), "not-npy");
  EXPECT_EQ(slugOf(npyText("{'descr': '|u1', 'shape': (3,)}", "abc")), "not-npy");
  EXPECT_EQ(slugOf(npyText("{'descr': '|u1', 'descr': '|u1', 'shape': (3,), 'fortran_order': "
                           "False}",
                           "abc")),
            "not-npy");
  EXPECT_EQ(slugOf(npyText(headerOf("|u1", "(3,)"), "abc", 4)), "not-npy");
  EXPECT_EQ(slugOf("no array"), "not-npy");
}

TEST(Npy, MutationsNeverCrash) {
  TemporaryFolder folder;
  Dice dice(11);
  int good = 0;
  for (int i = 0; i < 4000; ++i) {
    writeText(folder / "m", mutate(floats, dice));
    Result<NpyArray> array = readNpy(folder / "m");
    if (!array.ok())
      continue;
    ++good;
    int64_t elements = byteWidth(array->type);
    for (int64_t extent : array->shape)
      elements *= extent;
    EXPECT_EQ(int64_t(array->data.size()), elements);
  }
  EXPECT_GT(good, 100);
}

TEST(NpySource, MembersSplitAlike) {
  TemporaryFolder folder;
  writeText(folder / "x.npy",
            npyText(headerOf("<i4", "(4, 1)"), bytesOf<int32_t>({10, 11, 12, 13})));
  writeText(folder / "y.npy", npyText(headerOf("<i8", "(4,)"), bytesOf<int64_t>({0, 1, 2, 3})));
  DataSource source;
  source.kind = "npy";
  source.split = 0.5;
  source.files = {{"label", folder / "y.npy"}, {"x", folder / "x.npy"}};
  Tensor x, label;
  x.name = x.member = "x";
  x.shape = {1};
  x.batched = label.batched = true;
  label.name = label.member = "label";
  label.type = ElementType::I32;
  label.classes = 4;
  std::vector<Tensor> inputs{x, label};
  Result<Dataset> data = openDataset(source, inputs, {});
  ASSERT_TRUE(data.ok()) << format(data.error());
  for (const Split *split : {&data->train, &data->test}) {
    ASSERT_EQ(split->size(), 2);
    // Whole numbers that the net takes as numbers become numbers.
    std::vector<float> xs = valuesOf<float>(split->part->find("x")->data);
    std::vector<int32_t> labels = valuesOf<int32_t>(split->part->find("label")->data);
    for (size_t i = 0; i < 2; ++i)
      EXPECT_EQ(xs[i], float(10 + labels[i]));
  }
  inputs[1].classes = 3;
  EXPECT_EQ(openDataset(source, inputs, {}).error().slug, "class-range");
  writeText(folder / "y.npy", npyText(headerOf("<i8", "(3,)"), bytesOf<int64_t>({0, 1, 2})));
  EXPECT_EQ(openDataset(source, inputs, {}).error().slug, "data-count");
  writeText(folder / "y.npy", npyText(headerOf("<f4", "(4,)"), bytesOf<float>({0, 1, 2, 3})));
  EXPECT_EQ(openDataset(source, inputs, {}).error().slug, "data-type");
}
