//===- ImageFolders.cpp - image files in folders: classes, and pictures with masks
//--------------===//
//
// Only names are read here; pictures are decoded when a sample is needed.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/File.h"
#include "runtime/Philox.h"
#include "runtime/Sources.h"
#include "runtime/Text.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

namespace gnc::runtime {

namespace {
/// The names in a folder in the order of their bytes, those that begin with a dot left out.
Result<std::vector<std::string>> namesIn(const std::string &folder, bool folders) {
  std::vector<std::string> names;
  std::error_code failure;
  std::filesystem::directory_iterator entry(folder, failure), end;
  for (; !failure && entry != end; entry.increment(failure)) {
    std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (name.front() != '.' && entry->is_directory(ignored) == folders)
      names.push_back(std::move(name));
  }
  if (failure)
    return inputError("unreadable-file",
                      "cannot read the folder '" + folder + "': " + failure.message());
  std::sort(names.begin(), names.end());
  return names;
}

/// Files and classes of a part, or of what becomes two parts.
struct Labelled {
  std::vector<std::string> files;
  std::vector<int32_t> classes;
};

Result<Part> partOf(const char *name, Labelled list) {
  Part part;
  part.name = name;
  part.count = int64_t(list.files.size());
  Member image{"image", ElementType::U8};
  image.files = std::move(list.files);
  Member label{"label", ElementType::I32};
  Result<Bytes> data = Bytes::allocate(4 * list.classes.size(), "the labels");
  if (!data.ok())
    return std::move(data).error();
  label.data = std::move(*data);
  memcpy(label.data.data(), list.classes.data(), 4 * list.classes.size());
  part.members.push_back(std::move(image));
  part.members.push_back(std::move(label));
  return part;
}

Error noClasses(const std::string &folder) {
  return inputError("empty-data", "the folder '" + folder + "' has no subfolders, so no classes")
      .withHelp("put the pictures of every class into a subfolder of its name");
}

/// Appends the pictures of one class, whose folder is `folder`.
Status addClass(const std::string &folder, int32_t number, Labelled &list) {
  Result<std::vector<std::string>> names = namesIn(folder, false);
  if (!names.ok())
    return std::move(names).error();
  size_t before = list.files.size();
  for (const std::string &name : *names)
    if (isImageName(name))
      list.files.push_back(joinPath(folder, name));
  list.classes.resize(list.files.size(), number);
  if (list.files.size() > before)
    return {};
  return inputError("empty-data", "the class folder '" + folder + "' has no pictures")
      .withNote("pictures are files that end in .png, .jpg or .jpeg")
      .withHelp("remove the folder, or put pictures into it");
}

Result<Labelled> readClasses(const std::string &folder, const std::vector<std::string> &classes) {
  Result<std::vector<std::string>> found = namesIn(folder, true);
  if (!found.ok())
    return std::move(found).error();
  if (found->empty())
    return noClasses(folder);
  Labelled list;
  for (const std::string &name : *found) {
    auto known = std::lower_bound(classes.begin(), classes.end(), name);
    if (known == classes.end() || *known != name)
      return inputError("unknown-class", "the folder '" + folder + "' has the class '" + name +
                                             "', which the training part does not have")
          .withNote("classes: " + listText(classes))
          .withHelp("remove it, or give the training part pictures of it");
    Status status = addClass(joinPath(folder, name), int32_t(known - classes.begin()), list);
    if (!status.ok())
      return std::move(status).error();
  }
  return list;
}

Result<SourceParts> partsOf(Labelled train, Labelled test) {
  Result<Part> first = partOf("training", std::move(train));
  if (!first.ok())
    return std::move(first).error();
  Result<Part> second = partOf("test", std::move(test));
  if (!second.ok())
    return std::move(second).error();
  return SourceParts{std::make_shared<Part>(std::move(*first)),
                     std::make_shared<Part>(std::move(*second))};
}

/// Every class is split by the names of its files, so that adding pictures moves few.
Result<SourceParts> splitClasses(const DataSource &source,
                                 const std::vector<std::string> &classes) {
  Labelled train, test;
  for (size_t k = 0; k < classes.size(); ++k) {
    Labelled list;
    Status status = addClass(joinPath(source.path, classes[k]), int32_t(k), list);
    if (!status.ok())
      return std::move(status).error();
    std::vector<uint64_t> keys;
    for (const std::string &file : list.files) // not the path, which can be spelled in many ways
      keys.push_back(siteHash(classes[k] + file.substr(file.rfind('/'))));
    std::vector<bool> training = chooseTraining(keys, source.split, source.seed);
    for (size_t i = 0; i < keys.size(); ++i) {
      Labelled &side = training[i] ? train : test;
      side.files.push_back(std::move(list.files[i]));
      side.classes.push_back(int32_t(k));
    }
  }
  if (test.files.empty())
    return inputError("empty-data", "every class of '" + source.path +
                                        "' has one picture, so nothing is left for testing")
        .withHelp("add pictures, or make the parts by hand: subfolders train and test");
  return partsOf(std::move(train), std::move(test));
}
} // namespace

Result<SourceParts> readFolder(const DataSource &source) {
  if (!folderExists(source.path))
    return inputError("missing-data", "there is no folder '" + source.path + "'")
        .withNote("folder(..) takes a class per subfolder, or train/ and test/ with a class per "
                  "subfolder each")
        .withHelp("correct the path; --data synthetic:1000 trains without data");
  Result<std::vector<std::string>> names = namesIn(source.path, true);
  if (!names.ok())
    return std::move(names).error();
  auto has = [&](const char *name) {
    return std::binary_search(names->begin(), names->end(), std::string(name));
  };
  const char *testName = has("test") ? "test" : has("val") ? "val" : nullptr;
  if (!has("train") || !testName) {
    if (names->empty())
      return noClasses(source.path);
    return splitClasses(source, *names);
  }
  std::string trainFolder = joinPath(source.path, "train");
  Result<std::vector<std::string>> classes = namesIn(trainFolder, true);
  if (!classes.ok())
    return std::move(classes).error();
  Result<Labelled> train = readClasses(trainFolder, *classes);
  if (!train.ok())
    return std::move(train).error();
  Result<Labelled> test = readClasses(joinPath(source.path, testName), *classes);
  if (!test.ok())
    return std::move(test).error();
  return partsOf(std::move(*train), std::move(*test));
}

//===- Pairs ----------------------------------------------------------------------------------===//

namespace {
/// Files of a pattern with one `*` in its last part, by what the star stands for.
using Matches = std::map<std::string, std::string>;

Result<Matches> matchesOf(const std::string &pattern) {
  size_t slash = pattern.rfind('/');
  std::string folder = slash == std::string::npos ? "." : pattern.substr(0, slash);
  std::string name = slash == std::string::npos ? pattern : pattern.substr(slash + 1);
  size_t star = name.find('*');
  if (star == std::string::npos)
    return internalError("the pattern '" + pattern + "' has no star in its last part");
  std::string before = name.substr(0, star), after = name.substr(star + 1);
  if (!folderExists(folder))
    return inputError("missing-data", "there is no folder '" + folder + "'")
        .withHelp("correct the path; --data synthetic:1000 trains without data");
  Result<std::vector<std::string>> names = namesIn(folder, false);
  if (!names.ok())
    return std::move(names).error();
  Matches matches;
  for (const std::string &found : *names)
    if (found.size() > before.size() + after.size() && found.starts_with(before) &&
        found.ends_with(after))
      matches[found.substr(before.size(), found.size() - before.size() - after.size())] =
          joinPath(folder, found);
  if (matches.empty())
    return inputError("empty-data", "no file matches '" + pattern + "'")
        .withHelp("the star stands for any letters of a name; correct the path or the ending");
  return matches;
}

Status checkPaired(const Matches &images, const Matches &masks, const std::string &maskPattern,
                   const std::string &imagePattern) {
  std::string problem;
  for (const auto &[key, file] : images)
    if (problem.empty() && !masks.contains(key))
      problem = "'" + file + "' has no mask: no file of '" + maskPattern + "' has " + key +
                " for the star";
  for (const auto &[key, file] : masks)
    if (problem.empty() && !images.contains(key))
      problem = "the mask '" + file + "' has no picture: no file of '" + imagePattern + "' has " +
                key + " for the star";
  if (problem.empty())
    return {};
  Error error = images.size() == masks.size()
                    ? inputError("unpaired-file", problem)
                    : inputError("data-count", "there are " + std::to_string(images.size()) +
                                                   " pictures, but " +
                                                   std::to_string(masks.size()) + " masks")
                          .withNote(problem);
  return std::move(error).withHelp("add what is missing, or remove the other");
}

std::string pathOf(const DataSource &source, const char *what) {
  for (const auto &[name, path] : source.files)
    if (name == what)
      return path;
  return "";
}
} // namespace

Result<SourceParts> readPairs(const DataSource &source) {
  std::string imagePattern = pathOf(source, "image"), maskPattern = pathOf(source, "mask");
  Result<Matches> images = matchesOf(imagePattern);
  if (!images.ok())
    return std::move(images).error();
  Result<Matches> masks = matchesOf(maskPattern);
  if (!masks.ok())
    return std::move(masks).error();
  if (Status status = checkPaired(*images, *masks, maskPattern, imagePattern); !status.ok())
    return std::move(status).error();
  if (images->size() < 2)
    return inputError("empty-data",
                      "one pair of files is too few: some have to train, some to test")
        .withHelp("add more pairs");
  std::vector<uint64_t> keys;
  for (const auto &[key, file] : *images)
    keys.push_back(siteHash(key));
  std::vector<bool> training = chooseTraining(keys, source.split, source.seed);
  SourceParts parts{std::make_shared<Part>(), std::make_shared<Part>()};
  parts.train->name = "training";
  parts.test->name = "test";
  for (Part *part : {parts.train.get(), parts.test.get()}) {
    part->members.push_back({"image", ElementType::U8});
    part->members.push_back({"mask", ElementType::U8});
    part->members[1].mask = true;
  }
  size_t i = 0;
  for (const auto &[key, file] : *images) {
    Part &part = training[i++] ? *parts.train : *parts.test;
    part.members[0].files.push_back(file);
    part.members[1].files.push_back(masks->at(key));
    ++part.count;
  }
  return parts;
}

} // namespace gnc::runtime
