#include "runtime/Idx.h"
#include "TestFiles.h"

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
const std::string pixels = "abcdefghijkl"; // 3 images of 2 x 2

std::string slugOf(const std::string &path, size_t rank = 3) {
  Result<IdxArray> array = readIdx(path, rank);
  if (array.ok())
    return "ok";
  EXPECT_EQ(array.error().code, ErrorCode::Input);
  EXPECT_NE(array.error().message.find(path), std::string::npos) << array.error().message;
  return array.error().slug;
}

void writeFolder(const TemporaryFolder &folder) {
  writeGzip(folder / "train-images-idx3-ubyte.gz", idxText({3, 2, 2}, pixels));
  writeText(folder / "train-labels-idx1-ubyte", idxText({3}, "012"));
  writeText(folder / "t10k-images-idx3-ubyte", idxText({1, 2, 2}, "wxyz"));
  writeGzip(folder / "t10k-labels-idx1-ubyte.gz", idxText({1}, "0"));
}
} // namespace

TEST(Idx, ReadsPlainAndGzip) {
  TemporaryFolder folder;
  writeText(folder / "plain", idxText({3, 2, 2}, pixels));
  writeGzip(folder / "packed.gz", idxText({3, 2, 2}, pixels));
  for (const char *name : {"plain", "packed.gz"}) {
    Result<IdxArray> array = readIdx(folder / name, 3);
    ASSERT_TRUE(array.ok()) << format(array.error());
    EXPECT_EQ(array->shape, (std::vector<int64_t>{3, 2, 2}));
    EXPECT_EQ(std::string(array->bytes.span().begin(), array->bytes.span().end()), pixels);
  }
}

TEST(Idx, TruncatedAtEveryByte) {
  TemporaryFolder folder;
  std::string whole = idxText({3, 2, 2}, pixels);
  for (size_t length = 0; length < whole.size(); ++length) {
    writeText(folder / "plain", whole.substr(0, length));
    EXPECT_EQ(slugOf(folder / "plain"), length ? "truncated-data" : "empty-data") << length;
  }
  writeGzip(folder / "a.gz", whole);
  std::string packed = readText(folder / "a.gz");
  for (size_t length = 0; length < packed.size(); ++length) {
    writeText(folder / "a.gz", packed.substr(0, length));
    std::string slug = slugOf(folder / "a.gz");
    EXPECT_TRUE(slug == "truncated-data" || slug == "empty-data" || slug == "bad-gzip")
        << length << slug;
  }
}

TEST(Idx, MessagesCountBytes) {
  TemporaryFolder folder;
  writeText(folder / "a", idxText({3, 2, 2}, "abc"));
  EXPECT_NE(readIdx(folder / "a", 3).error().message.find("ends after 19 bytes, but needs 28"),
            std::string::npos);
  writeGzip(folder / "a.gz", idxText({3, 2, 2}, "abc"));
  EXPECT_NE(readIdx(folder / "a.gz", 3).error().message.find("ends after 19 bytes, but needs 28"),
            std::string::npos);
}

TEST(Idx, RefusesWhatIsNotIdx) {
  TemporaryFolder folder;
  writeText(folder / "html", "<html>this is an error page, not data</html>");
  EXPECT_EQ(slugOf(folder / "html"), "not-idx");
  writeText(folder / "text.gz", "this is not gzip");
  EXPECT_EQ(slugOf(folder / "text.gz"), "bad-gzip");
  writeText(folder / "labels", idxText({3}, "012"));
  EXPECT_EQ(slugOf(folder / "labels", 3), "not-idx");
  std::string floats = idxText({3}, "012");
  floats[2] = 0x0d;
  writeText(folder / "floats", floats);
  EXPECT_EQ(slugOf(folder / "floats", 1), "not-idx");
  writeText(folder / "none", idxText({0, 2, 2}, ""));
  EXPECT_EQ(slugOf(folder / "none"), "empty-data");
  writeText(folder / "flat", idxText({3, 0, 2}, ""));
  EXPECT_EQ(slugOf(folder / "flat"), "empty-data");
  EXPECT_EQ(slugOf(folder / "absent"), "unreadable-file");
  EXPECT_EQ(slugOf(folder.path), "unreadable-file");
}

TEST(Idx, TrailingBytesAreAnError) {
  TemporaryFolder folder;
  writeText(folder / "a", idxText({3, 2, 2}, pixels + "x"));
  EXPECT_EQ(slugOf(folder / "a"), "trailing-data");
  writeGzip(folder / "a.gz", idxText({3, 2, 2}, pixels + "x"));
  EXPECT_EQ(slugOf(folder / "a.gz"), "trailing-data");
}

TEST(Idx, AbsurdSizesAreRefusedBeforeAllocating) {
  TemporaryFolder folder;
  uint32_t most = 0xffffffff;
  writeText(folder / "a", idxText({most, most, most}, pixels));
  EXPECT_EQ(slugOf(folder / "a"), "truncated-data");
  writeGzip(folder / "a.gz", idxText({most, 65535, 1}, pixels));
  EXPECT_EQ(slugOf(folder / "a.gz"), "truncated-data");
}

TEST(Idx, DamagedGzipIsNoticed) {
  TemporaryFolder folder;
  writeGzip(folder / "a.gz", idxText({3, 2, 2}, pixels));
  std::string packed = readText(folder / "a.gz");
  packed[packed.size() - 6] ^= 1; // the check sum
  writeText(folder / "a.gz", packed);
  EXPECT_EQ(slugOf(folder / "a.gz"), "bad-gzip");
}

TEST(Idx, MutationsNeverCrash) {
  TemporaryFolder folder;
  Dice dice(3);
  std::string plain = idxText({3, 2, 2}, pixels);
  writeGzip(folder / "a.gz", plain);
  std::string packed = readText(folder / "a.gz");
  for (int i = 0; i < 2000; ++i) {
    writeText(folder / "m", mutate(i % 2 ? plain : packed, dice));
    Result<IdxArray> array = readIdx(folder / "m", 3);
    if (array.ok()) {
      EXPECT_EQ(int64_t(array->bytes.size()), array->shape[0] * array->shape[1] * array->shape[2]);
    }
  }
}

TEST(IdxFolder, ReadsAllFour) {
  TemporaryFolder folder;
  writeFolder(folder);
  Result<IdxFolder> data = readIdxFolder(folder.path, {});
  ASSERT_TRUE(data.ok()) << format(data.error());
  EXPECT_EQ(data->trainLabels.shape, (std::vector<int64_t>{3}));
  EXPECT_EQ(data->testImages.shape, (std::vector<int64_t>{1, 2, 2}));
}

TEST(IdxFolder, EveryMissingPieceHasItsMessage) {
  SourceLocation where{"a.net", 2, 3};
  Error absent = readIdxFolder("/nonexistent/folder", where).error();
  EXPECT_EQ(absent.slug, "missing-data");
  EXPECT_NE(absent.help.find("dataset-fashion-mnist"), std::string::npos);
  EXPECT_EQ(absent.location->line, 2);
  struct Case {
    const char *file, *text;
  } cases[] = {{"train-images-idx3-ubyte.gz", "no images of the training part"},
               {"train-labels-idx1-ubyte", "no labels of the training part"},
               {"t10k-images-idx3-ubyte", "no images of the test part"},
               {"t10k-labels-idx1-ubyte.gz", "no labels of the test part"}};
  for (const Case &c : cases) {
    TemporaryFolder folder;
    writeFolder(folder);
    std::filesystem::remove(folder / c.file);
    Error error = readIdxFolder(folder.path, where).error();
    EXPECT_EQ(error.slug, "missing-data");
    EXPECT_NE(error.message.find(c.text), std::string::npos) << error.message;
    EXPECT_EQ(error.notes.size(), 1u);
    EXPECT_EQ(error.location->file, "a.net");
  }
}

TEST(IdxFolder, CountsMustAgree) {
  TemporaryFolder folder;
  writeFolder(folder);
  writeText(folder / "train-labels-idx1-ubyte", idxText({2}, "01"));
  Error error = readIdxFolder(folder.path, {}).error();
  EXPECT_EQ(error.slug, "data-count");
  EXPECT_NE(error.message.find("3 images, but 2 labels"), std::string::npos);
}
