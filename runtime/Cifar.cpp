//===- Cifar.cpp - the binary versions of CIFAR-10 and CIFAR-100 ------------------------------===//
//
// A record is one label (CIFAR-100: a coarse and a fine one) and 3 x 32 x 32 bytes; a file is
// records and nothing else.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/File.h"
#include "runtime/Sources.h"

#include <cstring>

namespace gnc::runtime {

namespace {
constexpr int64_t kPixels = 3 * 32 * 32;

/// What one of the two data sets looks like.
struct Form {
  const char *kind, *unpacked;
  std::vector<std::string> trainFiles, testFiles;
  int64_t labels; ///< before the pixels
  int classes;

  int64_t record() const { return labels + kPixels; }
};

Form formOf(int classes) {
  if (classes == 10)
    return {"cifar10",
            "cifar-10-batches-bin",
            {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
             "data_batch_5.bin"},
            {"test_batch.bin"},
            1,
            10};
  return {"cifar100", "cifar-100-binary", {"train.bin"}, {"test.bin"}, 2, 100};
}

/// Whether a file has whole records, and every label is one of the classes.
Status checkRecords(const Form &form, const std::string &path, const Bytes &bytes) {
  int64_t record = form.record();
  if (bytes.size() == 0)
    return inputError("empty-data", "'" + path + "' is empty").withHelp("fetch it again");
  if (int64_t(bytes.size()) % record != 0)
    return inputError("truncated-data", "'" + path + "' has " + std::to_string(bytes.size()) +
                                            " bytes, not a multiple of " + std::to_string(record) +
                                            ": " + std::to_string(form.labels) +
                                            " + 3 x 32 x 32 a "
                                            "picture")
        .withHelp(std::string("the file is cut off or no ") + form.kind +
                  " in its binary version; fetch it again");
  for (int64_t r = 0; r < int64_t(bytes.size()) / record; ++r) {
    int label = bytes.data()[r * record + form.labels - 1];
    int coarse = form.labels > 1 ? bytes.data()[r * record] : 0;
    if (label >= form.classes || coarse >= 20)
      return inputError("class-range",
                        "record " + std::to_string(r) + " of '" + path + "' has " +
                            (label >= form.classes ? "label " + std::to_string(label) +
                                                         ", but there are the classes "
                                                         "0 to " +
                                                         std::to_string(form.classes - 1)
                                                   : "coarse label " + std::to_string(coarse) +
                                                         ", but there are the classes 0 to 19"))
          .withHelp(std::string("the file is damaged or no ") + form.kind +
                    " in its binary version; fetch it again");
  }
  return {};
}

/// Sizes are added up before memory is asked for.
Result<std::shared_ptr<Part>> readPart(const Form &form, const std::string &folder,
                                       const char *name, const std::vector<std::string> &files) {
  std::vector<Bytes> contents;
  int64_t count = 0;
  for (const std::string &file : files) {
    std::string path = joinPath(folder, file);
    Result<Bytes> bytes = readFile(path);
    if (!bytes.ok())
      return std::move(bytes).error();
    if (Status status = checkRecords(form, path, *bytes); !status.ok())
      return std::move(status).error();
    count += int64_t(bytes->size()) / form.record();
    contents.push_back(std::move(*bytes));
  }
  auto part = std::make_shared<Part>();
  part->name = name;
  part->count = count;
  std::vector<std::string> labels{"label"};
  if (form.labels > 1)
    labels = {"coarse", "label"};
  part->members.push_back({"image", ElementType::U8, {3, 32, 32}});
  for (const std::string &label : labels)
    part->members.push_back({label, ElementType::U8});
  for (Member &member : part->members) {
    uint64_t size = uint64_t(count * member.sampleBytes());
    Result<Bytes> data = Bytes::allocate(size, "the pictures in '" + folder + "'");
    if (!data.ok())
      return std::move(data).error();
    member.data = std::move(*data);
  }
  int64_t sample = 0;
  for (const Bytes &bytes : contents)
    for (int64_t at = 0; at < int64_t(bytes.size()); at += form.record(), ++sample) {
      for (int64_t l = 0; l < form.labels; ++l)
        part->members[size_t(1 + l)].data.data()[sample] = bytes.data()[at + l];
      memcpy(part->members[0].data.data() + sample * kPixels, bytes.data() + at + form.labels,
             size_t(kPixels));
    }
  return part;
}
} // namespace

Result<SourceParts> readCifar(const DataSource &source, int classes) {
  Form form = formOf(classes);
  std::string folder = source.path;
  if (std::string inner = joinPath(folder, form.unpacked);
      !fileExists(joinPath(folder, form.trainFiles[0])) && folderExists(inner))
    folder = inner;
  for (const auto *files : {&form.trainFiles, &form.testFiles})
    for (const std::string &file : *files)
      if (!fileExists(joinPath(folder, file)))
        return inputError("missing-data", folderExists(folder)
                                              ? "the folder '" + folder + "' has no " + file
                                              : "there is no folder '" + folder + "'")
            .withNote(std::string(form.kind) +
                      "(..) reads the binary version: " + form.trainFiles.front() +
                      (form.trainFiles.size() > 1 ? " to " + form.trainFiles.back() : "") +
                      " and " + form.testFiles.front())
            .withHelp("unpack the archive of the binary version there; --data synthetic:1000 "
                      "trains without data");
  auto train = readPart(form, folder, "training", form.trainFiles);
  if (!train.ok())
    return std::move(train).error();
  auto test = readPart(form, folder, "test", form.testFiles);
  if (!test.ok())
    return std::move(test).error();
  return SourceParts{std::move(*train), std::move(*test)};
}

} // namespace gnc::runtime
