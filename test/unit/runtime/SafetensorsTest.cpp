#include "runtime/Safetensors.h"
#include "TestFiles.h"

#include <cstring>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
std::vector<TensorToWrite> sample() {
  return {{"b.w", ElementType::F32, {2, 1}, {0, 0, 128, 63, 0, 0, 0, 64}},
          {"a.flag", ElementType::Bool, {3}, {1, 0, 1}},
          {"a \"quoted\" \\ \n name", ElementType::I32, {}, {1, 2, 3, 4}},
          {"empty", ElementType::U8, {0, 7}, {}}};
}

std::string withHeader(std::string json, const std::string &data) {
  std::string text;
  for (int i = 0; i < 8; ++i)
    text += char(json.size() >> (8 * i) & 0xff);
  return text + json + data;
}

Result<SafetensorsFile> parse(const std::string &text) {
  Result<Bytes> bytes = Bytes::allocate(text.size(), "a test");
  memcpy(bytes->data(), text.data(), text.size());
  return parseSafetensors(std::move(*bytes), "test");
}

std::string problem(const std::string &json, const std::string &data = "abcd") {
  Result<SafetensorsFile> file = parse(withHeader(json, data));
  if (file.ok())
    return "ok";
  EXPECT_EQ(file.error().slug, "bad-safetensors");
  return file.error().message;
}
bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}
} // namespace

TEST(Safetensors, RoundTrip) {
  TemporaryFolder folder;
  ASSERT_TRUE(
      writeSafetensors(folder / "a", sample(), {{"net", "LeNet"}, {"line", "1\n\"2\""}}).ok());
  Result<SafetensorsFile> file = readSafetensors(folder / "a");
  ASSERT_TRUE(file.ok()) << format(file.error());
  EXPECT_EQ(file->metadata, (Metadata{{"net", "LeNet"}, {"line", "1\n\"2\""}}));
  ASSERT_EQ(file->tensors.size(), 4u);
  for (const TensorToWrite &tensor : sample()) {
    const StoredTensor &stored = file->tensors.at(tensor.name);
    EXPECT_EQ(stored.type, safetensorsType(tensor.type));
    EXPECT_EQ(stored.shape, tensor.shape);
    EXPECT_EQ(std::vector<uint8_t>(stored.bytes.begin(), stored.bytes.end()), tensor.bytes);
  }
}

TEST(Safetensors, BytesDependOnContentOnly) {
  TemporaryFolder folder;
  auto tensors = sample();
  ASSERT_TRUE(writeSafetensors(folder / "a", tensors, {{"k", "v"}}).ok());
  std::swap(tensors[0], tensors[3]);
  ASSERT_TRUE(writeSafetensors(folder / "b", tensors, {{"k", "v"}}).ok());
  std::string bytes = readText(folder / "a");
  EXPECT_EQ(bytes, readText(folder / "b"));
  EXPECT_EQ(uint8_t(bytes[0]) % 8, 0); // padded header
}

TEST(Safetensors, BytesAreMadeOneTensorAfterAnother) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeSafetensors(folder / "there", sample(), {}).ok());
  auto made = sample();
  std::vector<std::vector<uint8_t> *> alive;
  size_t most = 0;
  for (TensorToWrite &tensor : made) {
    tensor.make = [&alive, &most, content = std::exchange(tensor.bytes, {})](auto &bytes) {
      bytes = content;
      alive.push_back(&bytes);
      size_t count = 0;
      for (auto *other : alive)
        count += !other->empty();
      most = std::max(most, count);
      return Status();
    };
  }
  ASSERT_TRUE(writeSafetensors(folder / "made", std::move(made), {}).ok());
  EXPECT_EQ(readText(folder / "made"), readText(folder / "there"));
  EXPECT_EQ(alive.size(), 3u); // one is empty
  EXPECT_EQ(most, 1u);
}

TEST(Safetensors, BytesThatCannotBeMadeKeepTheOldFile) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeSafetensors(folder / "a", sample(), {}).ok());
  std::string before = readText(folder / "a");
  auto made = sample();
  made[1].make = [](auto &) -> Status { return environmentError("card-failed", "gone"); };
  EXPECT_EQ(writeSafetensors(folder / "a", made, {}).error().slug, "card-failed");
  made[1].make = [](auto &bytes) {
    bytes.resize(2); // of 3
    return Status();
  };
  EXPECT_EQ(writeSafetensors(folder / "a", made, {}).error().code, ErrorCode::Internal);
  EXPECT_EQ(readText(folder / "a"), before);
}

TEST(Safetensors, OneNameTwiceIsOurBug) {
  TemporaryFolder folder;
  auto tensors = sample();
  tensors.push_back(tensors[0]);
  EXPECT_EQ(writeSafetensors(folder / "a", tensors, {}).error().code, ErrorCode::Internal);
}

TEST(Safetensors, AcceptsGoodHeaders) {
  EXPECT_EQ(problem(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"), "ok");
  EXPECT_EQ(problem(R"({"a":{"shape":[2],"dtype":"BF16","data_offsets":[0,4]}}   )"), "ok");
  EXPECT_EQ(problem("{}", ""), "ok");
}

TEST(Safetensors, SaysWhatIsWrong) {
  auto entry = [](const std::string &type, const std::string &shape, const std::string &offsets) {
    return "{\"a\":{\"dtype\":" + type + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
           "}}";
  };
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[2]", "[0,4]")), "need 8"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[1]", "[0,8]")), "lies at bytes 0 to 8 of 4"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[1]", "[4,0]")), "lies at bytes"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[1]", "[0]")), "data_offsets of 1"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[1]", "[0,4,4]")), "a number"));
  EXPECT_TRUE(contains(problem(entry("\"Q7\"", "[1]", "[0,4]")), "unknown type 'Q7'"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[-1]", "[0,4]")), "negative"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[1.5]", "[0,4]")), "not whole"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[1e400]", "[0,4]")), "header"));
  EXPECT_TRUE(
      contains(problem(entry("\"F32\"", "[4294967296,4294967296]", "[0,4]")), "beyond all memory"));
  EXPECT_TRUE(
      contains(problem(entry("\"F32\"", "[18446744073709551615]", "[0,4]")), "beyond all memory"));
  EXPECT_TRUE(contains(problem(entry("\"F32\"", "[[1]]", "[0,4]")), "a list"));
  EXPECT_TRUE(contains(problem(entry("3", "[1]", "[0,4]")), "a number"));
  EXPECT_TRUE(contains(problem(R"({"a":{"dtype":"F32","shape":[1]}})"), "without"));
  EXPECT_TRUE(
      contains(problem(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
               "the key"));
  EXPECT_TRUE(contains(problem(R"({"a":{"x":1}})"), "the key 'x'"));
  EXPECT_TRUE(contains(problem(R"({"__metadata__":{"a":1}})"), "a number"));
  EXPECT_TRUE(contains(problem(R"({"__metadata__":{"a":"1","a":"2"}})"), "second entry"));
  EXPECT_TRUE(contains(problem(R"({"__metadata__":{},"__metadata__":{}})"), "second entry"));
  EXPECT_TRUE(contains(problem("[]"), "a list"));
  EXPECT_TRUE(contains(problem("{\"a\""), "not JSON"));
  EXPECT_TRUE(contains(problem("{} x"), "not JSON"));
  EXPECT_TRUE(contains(problem("{}"), "end at byte 0"));
  EXPECT_TRUE(contains(problem(std::string(100000, '[')), "a list"));
  EXPECT_TRUE(contains(problem("{\"a\":" + std::string(100000, '{')), "not JSON"));
}

TEST(Safetensors, TensorsMayNotOverlapOrLeaveGaps) {
  auto two = [](const std::string &a, const std::string &b) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}";
  };
  EXPECT_EQ(problem(two("[2,4]", "[0,2]")), "ok");
  EXPECT_TRUE(contains(problem(two("[0,2]", "[1,3]"), "abc"), "overlap"));
  EXPECT_TRUE(contains(problem(two("[0,2]", "[3,5]"), "abcde"), "overlap or leave a gap"));
  EXPECT_TRUE(contains(problem(two("[0,2]", "[0,2]"), "ab"), "overlap"));
  std::string one = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)";
  EXPECT_TRUE(contains(problem(one + one.substr(1, one.size() - 2) + "}", "ab"), "second entry"));
}

TEST(Safetensors, LengthsAreCheckedFirst) {
  EXPECT_TRUE(contains(parse("").error().message, "0 bytes"));
  EXPECT_TRUE(contains(parse("1234567").error().message, "7 bytes"));
  EXPECT_TRUE(contains(parse(std::string(8, '\xff')).error().message, "at most"));
  EXPECT_TRUE(
      contains(parse(std::string("\x10\0\0\0\0\0\0\0{}", 10)).error().message, "only 2 follow"));
}

TEST(Safetensors, MutationsAreErrorsOrValid) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeSafetensors(folder / "a", sample(), {{"net", "LeNet"}}).ok());
  std::string good = readText(folder / "a");
  Dice dice(11);
  int valid = 0;
  for (int i = 0; i < 20000; ++i) {
    Result<SafetensorsFile> file = parse(mutate(good, dice));
    if (!file.ok()) {
      ASSERT_EQ(file.error().slug, "bad-safetensors");
      continue;
    }
    ++valid;
    for (const auto &[name, tensor] : file->tensors)
      for (uint8_t byte : tensor.bytes) // the sanitizer sees a span that leaves the file
        valid += byte & 0;
  }
  EXPECT_GT(valid, 0);
  EXPECT_LT(valid, 15000);
}

TEST(Safetensors, TruncationIsAlwaysNoticed) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeSafetensors(folder / "a", sample(), {{"net", "LeNet"}}).ok());
  std::string good = readText(folder / "a");
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(parse(good.substr(0, length)).ok()) << length;
}
