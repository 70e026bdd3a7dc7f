#include "SourceHelpers.h"

#include <set>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

//===- Folders --------------------------------------------------------------------------------===//

namespace {
const std::vector<Tensor> folderInputs = {
    input("image -> rgb -> resize(4, 4)", {3, 4, 4}, ElementType::U8),
    input("label", {}, ElementType::I32, 3)};

void writeClass(const std::string &path, int count) {
  folder(path);
  for (int i = 0; i < count; ++i)
    writeText(path + "/" + std::to_string(i) + (i % 2 ? ".PNG" : ".jpg"),
              i % 2 ? pngPattern(uint32_t(5 + i), 3, Rgb) : jpegText(6, 5 + i, false, 40));
}
} // namespace

TEST(Folder, ClassesAreSubfoldersAndEveryOneIsSplit) {
  TemporaryFolder dir;
  for (const char *name : {"dog", "cat", "ant"})
    writeClass(dir / name, 10);
  writeText(dir / "dog/notes.txt", "no picture");
  folder(dir / ".hidden");
  DataSource source = sourceOf("folder", dir.path);
  source.split = 0.7;
  Result<Dataset> data = open(source, folderInputs);
  ASSERT_TRUE(data.ok()) << format(data.error());
  std::set<std::string> seen;
  for (const auto &[split, each] : {std::pair(&data->train, 7), {&data->test, 3}}) {
    ASSERT_EQ(split->size(), 3 * each);
    std::vector<int32_t> labels = wholes(*split->part->find("label"));
    const std::vector<std::string> &files = split->part->find("image")->files;
    for (size_t i = 0; i < files.size(); ++i) {
      EXPECT_TRUE(seen.insert(files[i]).second);
      const char *names[] = {"ant", "cat", "dog"};
      EXPECT_NE(files[i].find(std::string("/") + names[labels[i]] + "/"), std::string::npos);
    }
    for (int32_t k = 0; k < 3; ++k)
      EXPECT_EQ(std::count(labels.begin(), labels.end(), k), each);
  }
  // What a file is called decides where it goes, wherever the folder lies.
  TemporaryFolder other;
  for (const char *name : {"dog", "cat", "ant"})
    writeClass(other / name, 10);
  DataSource moved = source;
  moved.path = other.path;
  Result<Dataset> again = open(moved, folderInputs);
  ASSERT_TRUE(again.ok());
  for (size_t i = 0; i < 21; ++i)
    EXPECT_EQ(again->train.part->members[0].files[i].substr(other.path.size()),
              data->train.part->members[0].files[i].substr(dir.path.size()));
  // .. and however its path is written.
  source.path += '/';
  Result<Dataset> slash = open(source, folderInputs);
  ASSERT_TRUE(slash.ok());
  EXPECT_EQ(slash->train.part->members[0].files, data->train.part->members[0].files);
  source.seed = 2;
  EXPECT_NE(open(source, folderInputs)->train.part->members[0].files,
            data->train.part->members[0].files);
}

TEST(Folder, TrainAndTestOrValAreTheParts) {
  for (const char *name : {"test", "val"}) {
    TemporaryFolder dir;
    for (const char *kind : {"a", "b"}) {
      writeClass(dir / (std::string("train/") + kind), 2);
      writeClass(dir / (std::string(name) + "/" + kind), 1);
    }
    Result<Dataset> data = open(sourceOf("folder", dir.path), folderInputs);
    ASSERT_TRUE(data.ok()) << format(data.error());
    EXPECT_EQ(data->train.size(), 4);
    EXPECT_EQ(data->test.size(), 2);
    writeClass(dir / (std::string(name) + "/c"), 1);
    Error error = errorOf(sourceOf("folder", dir.path), folderInputs);
    EXPECT_EQ(error.slug, "unknown-class");
    EXPECT_NE(error.message.find("'c'"), std::string::npos);
  }
}

TEST(Folder, Errors) {
  TemporaryFolder dir;
  DataSource source = sourceOf("folder", dir / "f");
  EXPECT_EQ(errorOf(source, folderInputs).slug, "missing-data");
  folder(dir / "f");
  Error error = errorOf(source, folderInputs);
  EXPECT_EQ(error.slug, "empty-data");
  EXPECT_NE(error.message.find("no subfolders, so no classes"), std::string::npos);
  writeClass(dir / "f/a", 0);
  error = errorOf(source, folderInputs);
  EXPECT_EQ(error.slug, "empty-data");
  EXPECT_NE(error.message.find("the class folder '" + (dir / "f/a") + "' has no pictures"),
            std::string::npos);
  writeClass(dir / "f/a", 1);
  EXPECT_EQ(errorOf(source, folderInputs).slug, "empty-data"); // nothing is left for testing
  writeClass(dir / "f/a", 4);
  for (const char *kind : {"b", "c", "d"})
    writeClass(dir / (std::string("f/") + kind), 2);
  error = errorOf(source, folderInputs);
  EXPECT_EQ(error.slug, "class-range");
  // Image files are looked at when they are needed; the first one at once.
  std::filesystem::remove_all(dir / "f/d");
  writeText(dir / "f/a/0.jpg", "no picture");
  writeText(dir / "f/a/1.PNG", "no picture");
  writeText(dir / "f/a/2.jpg", "no picture");
  writeText(dir / "f/a/3.PNG", "no picture");
  EXPECT_EQ(errorOf(source, folderInputs).slug, "not-an-image");
}

//===- Pairs ----------------------------------------------------------------------------------===//

namespace {
DataSource pairsIn(const TemporaryFolder &dir) {
  DataSource source = sourceOf("pairs", "");
  source.files = {{"image", dir / "images/*.png"}, {"mask", dir / "masks/*_mask.png"}};
  source.split = 0.75;
  return source;
}
const std::vector<Tensor> pairInputs = {input("image -> gray", {1, 3, 5}, ElementType::U8),
                                        input("mask", {3, 5}, ElementType::U8)};

void writePairs(const TemporaryFolder &dir, int count) {
  folder(dir / "images");
  folder(dir / "masks");
  for (int i = 0; i < count; ++i) {
    std::string name = "cell" + std::to_string(i);
    writeText(dir / ("images/" + name + ".png"), pngPattern(5, 3, Rgb));
    writeText(dir / ("masks/" + name + "_mask.png"), pngPattern(5, 3, Grey));
  }
}
} // namespace

TEST(Pairs, FilesCorrespondByWhatTheStarStandsFor) {
  TemporaryFolder dir;
  writePairs(dir, 8);
  writeText(dir / "images/readme.txt", "");
  Result<Dataset> data = open(pairsIn(dir), pairInputs);
  ASSERT_TRUE(data.ok()) << format(data.error());
  EXPECT_EQ(data->train.size(), 6);
  EXPECT_EQ(data->test.size(), 2);
  for (const Split *split : {&data->train, &data->test})
    for (size_t i = 0; i < size_t(split->size()); ++i) {
      std::string image = split->part->find("image")->files[i];
      std::string mask = split->part->find("mask")->files[i];
      size_t at = image.rfind("cell");
      EXPECT_NE(mask.find(image.substr(at, 5)), std::string::npos) << image << " " << mask;
    }
}

TEST(Pairs, Errors) {
  TemporaryFolder dir;
  EXPECT_EQ(errorOf(pairsIn(dir), pairInputs).slug, "missing-data");
  writePairs(dir, 0);
  EXPECT_EQ(errorOf(pairsIn(dir), pairInputs).slug, "empty-data");
  writePairs(dir, 1);
  EXPECT_EQ(errorOf(pairsIn(dir), pairInputs).slug, "empty-data");
  writePairs(dir, 4);
  std::filesystem::remove(dir / "masks/cell2_mask.png");
  Error error = errorOf(pairsIn(dir), pairInputs);
  EXPECT_EQ(error.slug, "data-count");
  EXPECT_EQ(error.message, "there are 4 pictures, but 3 masks");
  EXPECT_NE(error.notes.at(0).find("cell2.png' has no mask"), std::string::npos) << error.notes[0];
  std::filesystem::remove(dir / "images/cell1.png");
  EXPECT_EQ(errorOf(pairsIn(dir), pairInputs).slug, "unpaired-file");
  std::filesystem::remove(dir / "images/cell2.png");
  error = errorOf(pairsIn(dir), pairInputs);
  EXPECT_NE(error.notes.at(0).find("cell1_mask.png' has no picture"), std::string::npos);
}
