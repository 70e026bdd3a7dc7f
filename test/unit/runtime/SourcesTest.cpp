//===- SourcesTest.cpp - CIFAR, tables, splits
//-----------------------------------------===//
#include "SourceHelpers.h"

#include <numeric>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
//===- CIFAR ----------------------------------------------------------------------------------===//

/// `count` records; the first pixel of each is its number.
std::string cifarText(int count, const std::string &labels) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += labels;
    text.back() = char(labels.back() + i);
    text += char(i) + std::string(3071, char(200));
  }
  return text;
}

void writeCifar10(const std::string &path) {
  folder(path);
  for (int i = 1; i <= 5; ++i)
    writeText(path + "/data_batch_" + std::to_string(i) + ".bin",
              cifarText(2, std::string(1, '\2')));
  writeText(path + "/test_batch.bin", cifarText(1, std::string(1, '\11')));
}
const std::vector<Tensor> cifarInputs = {input("image", {3, 32, 32}, ElementType::U8),
                                         input("label", {}, ElementType::I32, 10)};
} // namespace

TEST(Cifar, ReadsTheBinaryVersion) {
  for (const char *inner : {"", "/cifar-10-batches-bin"}) {
    TemporaryFolder dir;
    writeCifar10(dir.path + inner);
    // A label that a byte holds widens into the class index.
    Result<Dataset> data = open(sourceOf("cifar10", dir.path), cifarInputs);
    ASSERT_TRUE(data.ok()) << format(data.error());
    EXPECT_EQ(data->train.size(), 10);
    EXPECT_EQ(data->test.size(), 1);
    const Part &train = *data->train.part;
    EXPECT_EQ(train.find("label")->data.data()[3], 3);
    EXPECT_EQ(train.find("image")->data.data()[3 * 3072], 1);
    EXPECT_EQ(train.find("image")->data.data()[3 * 3072 + 3071], 200);
  }
}

TEST(Cifar, OfAHundredTheLabelIsTheFineOne) {
  TemporaryFolder dir;
  writeText(dir / "train.bin", cifarText(3, "\4\x50"));
  writeText(dir / "test.bin", cifarText(1, "\4\x50"));
  Result<SourceParts> parts = readCifar(sourceOf("cifar100", dir.path), 100);
  ASSERT_TRUE(parts.ok()) << format(parts.error());
  EXPECT_EQ(parts->train->count, 3);
  EXPECT_EQ(parts->train->find("coarse")->data.data()[2], 4);
  EXPECT_EQ(parts->train->find("label")->data.data()[2], 0x52);
}

TEST(Cifar, Errors) {
  TemporaryFolder dir;
  DataSource source = sourceOf("cifar10", dir / "c");
  EXPECT_EQ(errorOf(source, cifarInputs).slug, "missing-data");
  writeCifar10(dir / "c");
  std::filesystem::remove(dir / "c/data_batch_4.bin");
  EXPECT_NE(errorOf(source, cifarInputs).message.find("has no data_batch_4.bin"),
            std::string::npos);
  std::string whole = cifarText(1, std::string(1, '\2'));
  for (size_t length : {size_t(1), size_t(3072), whole.size() - 1}) {
    writeText(dir / "c/data_batch_4.bin", whole.substr(0, length));
    Error error = errorOf(source, cifarInputs);
    EXPECT_EQ(error.slug, "truncated-data");
    EXPECT_NE(error.message.find(std::to_string(length) + " bytes, not a multiple of 3073"),
              std::string::npos)
        << error.message;
  }
  writeText(dir / "c/data_batch_4.bin", "");
  EXPECT_EQ(errorOf(source, cifarInputs).slug, "empty-data");
  writeText(dir / "c/data_batch_4.bin", cifarText(2, std::string(1, '\11')));
  Error error = errorOf(source, cifarInputs);
  EXPECT_EQ(error.slug, "class-range");
  EXPECT_NE(error.message.find("record 1 of "), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("label 10"), std::string::npos) << error.message;
}

TEST(Cifar, BothLabelsOfAHundredAreChecked) {
  TemporaryFolder dir;
  DataSource source = sourceOf("cifar100", dir.path);
  writeText(dir / "test.bin", cifarText(1, "\4\x50"));
  for (auto [labels, message] :
       {std::pair("\4\x64", "has label 100, but there are the classes 0 to 99"),
        {"\x14\x50", "has coarse label 20, but there are the classes 0 to 19"}}) {
    writeText(dir / "train.bin", cifarText(1, labels));
    Error error = readCifar(source, 100).error();
    EXPECT_EQ(error.slug, "class-range");
    EXPECT_NE(error.message.find(message), std::string::npos) << error.message;
  }
}

TEST(Cifar, MutationsNeverCrash) {
  TemporaryFolder dir;
  Dice dice(5);
  std::string whole = cifarText(2, "\4\x50");
  writeText(dir / "test.bin", whole);
  for (int i = 0; i < 2000; ++i) {
    writeText(dir / "train.bin", mutate(whole, dice));
    Result<SourceParts> parts = readCifar(sourceOf("cifar100", dir.path), 100);
    if (parts.ok()) {
      EXPECT_EQ(int64_t(parts->train->find("image")->data.size()), parts->train->count * 3072);
    }
  }
}

//===- CSV ------------------------------------------------------------------------------------===//

namespace {
const std::string table =
    "length,width,kind\n1,2,rose\n3.5,-4e0,\"aster\"\r\n5,6,rose\n7,8,tulip\n";
const std::vector<Tensor> tableInputs = {input("features", {2}, ElementType::F32),
                                         input("width", {}, ElementType::F32),
                                         input("label", {}, ElementType::I32, 3)};

DataSource csvOf(const std::string &path) {
  DataSource source = sourceOf("csv", path);
  source.label = "kind";
  source.split = 0.5;
  return source;
}
} // namespace

TEST(Csv, ColumnsFeaturesAndLabels) {
  TemporaryFolder dir;
  writeText(dir / "a.csv", table);
  DataSource source = csvOf(dir / "a.csv");
  source.files = {{"test", dir / "a.csv"}};
  Result<Dataset> data = open(source, tableInputs);
  ASSERT_TRUE(data.ok()) << format(data.error());
  const Part &part = *data->test.part;
  EXPECT_EQ(numbers(*part.find("features")), (std::vector<float>{1, 2, 3.5, -4, 5, 6, 7, 8}));
  EXPECT_EQ(numbers(*part.find("width")), (std::vector<float>{2, -4, 6, 8}));
  EXPECT_EQ(wholes(*part.find("label")), (std::vector<int32_t>{1, 0, 1, 2})); // aster, rose, tulip
  source.files.clear();
  data = open(source, tableInputs);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->train.size(), 2);
  EXPECT_EQ(data->test.size(), 2);
}

TEST(Csv, WholeNumbersAreClassesAsTheyAre) {
  TemporaryFolder dir;
  writeText(dir / "a.csv", "x,label\n1,2\n2,0\n3,2\n");
  DataSource source = sourceOf("csv", dir / "a.csv");
  source.files = {{"test", dir / "a.csv"}};
  Result<Dataset> data =
      open(source, {input("x", {}, ElementType::F32), input("label", {}, ElementType::I32, 3)});
  ASSERT_TRUE(data.ok()) << format(data.error());
  EXPECT_EQ(wholes(*data->train.part->find("label")), (std::vector<int32_t>{2, 0, 2}));
}

TEST(Csv, QuotesHoldCommasLinesAndQuotes) {
  TemporaryFolder dir;
  writeText(dir / "a.csv", "\xef\xbb\xbf\"a,b\",kind\n1,\"x\n\"\"y\"\"\"\n\n2,z");
  Result<SourceParts> parts =
      readCsvSource(csvOf(dir / "a.csv"), std::vector{input("a,b", {}, ElementType::F32),
                                                      input("label", {}, ElementType::I32, 2)});
  ASSERT_TRUE(parts.ok()) << format(parts.error());
  EXPECT_EQ(parts->train->count + parts->test->count, 2);
}

// A carriage return belongs to the end of a line, and to nothing else.
TEST(Csv, CarriageReturnsBehindQuotes) {
  TemporaryFolder dir;
  for (const char *text : {"length,width,kind\r\n1,2,\"a\"\r\n3,4,\"b\"\r\n",
                           "length,width,kind\r\n1,2,\"a\"\r\n3,4,\"b\"\r"}) {
    writeText(dir / "a.csv", text);
    EXPECT_TRUE(open(csvOf(dir / "a.csv"), tableInputs).ok()) << text;
  }
  writeText(dir / "a.csv", "length,width,kind\n1,2,\"a\"\rX3,4,b\n");
  Error error = errorOf(csvOf(dir / "a.csv"), tableInputs);
  EXPECT_EQ(error.slug, "csv-row");
  EXPECT_NE(error.message.find("line 2"), std::string::npos);
}

// Numbers of names and duplicates of columns are looked up: 50000 of either are no work.
TEST(Csv, ManyClassesAndColumns) {
  TemporaryFolder dir;
  std::string rows = "x,kind\n", header = "a";
  for (int i = 100000; i < 150000; ++i) {
    rows += "1,k" + std::to_string(i) + "\n";
    header += ",c" + std::to_string(i);
  }
  writeText(dir / "a.csv", rows);
  DataSource source = csvOf(dir / "a.csv");
  source.files = {{"test", dir / "a.csv"}};
  auto data = open(source, {input("label", {}, ElementType::I32, 50000)});
  ASSERT_TRUE(data.ok()) << format(data.error());
  std::vector<int32_t> labels = wholes(*data->test.part->find("label"));
  for (int32_t i = 0; i < 50000; ++i)
    ASSERT_EQ(labels[size_t(i)], i);
  writeText(dir / "b.csv", header + ",a\n");
  EXPECT_EQ(errorOf(csvOf(dir / "b.csv"), tableInputs).message,
            "two columns of '" + (dir / "b.csv") + "' are called 'a'");
}

TEST(Csv, Errors) {
  TemporaryFolder dir;
  DataSource source = csvOf(dir / "a.csv");
  EXPECT_EQ(errorOf(source, tableInputs).slug, "missing-data");
  struct Case {
    const char *text, *slug, *message;
  } cases[] = {
      {"length,width,kind\n1,2\n", "csv-row",
       "line 2 of 'FILE' has 2 fields, but the header names 3"},
      {"length,width,kind\n1,2,a,b\n", "csv-row",
       "line 2 of 'FILE' has 4 fields, but the header "
       "names 3"},
      {"length,width,kind\n1,2,\"a\n", "csv-row", "line 2 of 'FILE' has a quote that does not end"},
      {"length,width,kind\n1,2,\"a\"b\n", "csv-row",
       "line 2 of 'FILE' has text behind the end of a "
       "quote"},
      {"length,width,sort\n1,2,a\n2,3,b\n", "csv-column", "'FILE' has no column 'kind'"},
      {"length,breadth,kind\n1,2,a\n2,3,b\n", "csv-column", "'FILE' has no column 'width'"},
      {"length,width,kind\n1,wide,a\n2,3,b\n", "csv-value",
       "'wide' in line 2, column 'width' of "
       "'FILE' is not a number"},
      {"length,width,kind\n1,,a\n2,3,b\n", "csv-value",
       "'' in line 2, column 'width' of 'FILE' is "
       "not a number"},
      {"length,width,kind\n1,nan,a\n2,3,b\n", "csv-value",
       "'nan' in line 2, column 'width' of "
       "'FILE' is not a number"},
      {"length,length,kind\n1,2,a\n", "csv-header", "two columns of 'FILE' are called 'length'"},
      {"length,,kind\n1,2,a\n", "csv-header", "column 2 of 'FILE' has no name"},
      {"length,width,kind\n", "empty-data", "'FILE' has no lines of data"},
      {"length,width,kind\n1,2,a\n", "empty-data",
       "'FILE' has one line: some have to train, some to "
       "test"},
      {"", "csv-column", "'FILE' has no column 'kind'"},
  };
  for (const Case &c : cases) {
    writeText(dir / "a.csv", c.text);
    Error error = errorOf(source, tableInputs);
    if (*c.text == 0) { // nothing at all
      EXPECT_EQ(error.slug, "empty-data");
      continue;
    }
    EXPECT_EQ(error.slug, c.slug) << c.text;
    std::string message = c.message;
    message.replace(message.find("FILE"), 4, dir / "a.csv");
    EXPECT_EQ(error.message, message);
  }
}

TEST(Csv, TestFilesHaveTheColumnsAndClassesOfTheTrainingOnes) {
  TemporaryFolder dir;
  writeText(dir / "a.csv", table);
  DataSource source = csvOf(dir / "a.csv");
  source.files = {{"test", dir / "b.csv"}};
  writeText(dir / "b.csv", "length,kind\n1,rose\n");
  EXPECT_EQ(errorOf(source, tableInputs).slug, "csv-header");
  writeText(dir / "b.csv", "length,width,kind\n1,2,lily\n");
  Error error = errorOf(source, tableInputs);
  EXPECT_EQ(error.slug, "unknown-class");
  EXPECT_NE(error.message.find("'lily'"), std::string::npos);
}

TEST(Csv, MutationsNeverCrash) {
  TemporaryFolder dir;
  Dice dice(9);
  DataSource source = csvOf(dir / "m.csv");
  int good = 0;
  for (int i = 0; i < 4000; ++i) {
    writeText(dir / "m.csv", mutate(table, dice));
    Result<SourceParts> parts = readCsvSource(source, tableInputs);
    good += parts.ok();
  }
  EXPECT_GT(good, 100);
}

//===- The split ------------------------------------------------------------------------------===//

TEST(ChooseTraining, TakesTheShareAndLeavesSome) {
  std::vector<uint64_t> keys(100);
  std::iota(keys.begin(), keys.end(), 1000);
  std::vector<bool> training = chooseTraining(keys, 0.9, 1);
  EXPECT_EQ(std::count(training.begin(), training.end(), true), 90);
  // One sample more moves at most one of the others.
  std::vector<uint64_t> more = keys;
  more.push_back(5);
  std::vector<bool> then = chooseTraining(more, 0.9, 1);
  int moved = 0;
  for (size_t i = 0; i < keys.size(); ++i)
    moved += training[i] != then[i];
  EXPECT_LE(moved, 1);
  EXPECT_EQ(chooseTraining(std::span(keys).first(2), 0.99, 1),
            std::vector<bool>(chooseTraining(std::span(keys).first(2), 0.5, 1)));
  EXPECT_EQ(chooseTraining(std::span(keys).first(1), 0.9, 1), std::vector<bool>{true});
}
