//===- Idx.cpp - the file format of MNIST
//-------------------------------------------------------===//
#include "runtime/Idx.h"

#include "runtime/ByteSource.h"
#include "runtime/Text.h"

#include <cstdio>

namespace gnc::runtime {

namespace {
/// "60000 x 28 x 28".
std::string productText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

/// "16 for the header and 60000 x 28 x 28".
std::string sizeText(const std::vector<int64_t> &shape) {
  return std::to_string(4 + 4 * shape.size()) + " for the header and " + productText(shape);
}

Error truncatedError(const std::string &path, uint64_t found, uint64_t needed,
                     const std::string &why) {
  return inputError("truncated-data", "'" + path + "' ends after " + std::to_string(found) +
                                          " bytes, but needs " + std::to_string(needed) + ": " +
                                          why)
      .withHelp("the file is cut off or damaged; fetch it again");
}

/// Magic: two zeros, the element type, the rank.
Status checkMagic(const std::string &path, const uint8_t magic[4], size_t rank) {
  char found[16];
  snprintf(found, sizeof found, "%02x %02x %02x %02x", magic[0], magic[1], magic[2], magic[3]);
  if (magic[0] != 0 || magic[1] != 0)
    return inputError("not-idx", "'" + path + "' is not an IDX file: it starts with " + found +
                                     ", not 00 00 08 0" + std::to_string(rank));
  if (magic[2] != 8)
    return inputError("not-idx", "'" + path +
                                     "' has an element type that is not read here: its magic is " +
                                     found + ", but only unsigned bytes (08) are images or labels");
  if (magic[3] != rank)
    return inputError("not-idx", "'" + path + "' has " + std::to_string(magic[3]) +
                                     " dimensions, not " + std::to_string(rank))
        .withHelp("images have 3 dimensions, labels 1; are the two files swapped?");
  return {};
}

/// Reads magic and extents. Returns the bytes that the elements need, checked against what the file
/// can hold.
Result<uint64_t> readHeader(ByteSource &source, IdxArray &array, size_t rank) {
  uint8_t header[4 + 4 * 4] = {};
  uint64_t headerBytes = 4 + 4 * rank;
  Result<uint64_t> got = source.read(header, headerBytes);
  if (!got.ok())
    return got;
  if (*got == 0 && !source.cutShort())
    return inputError("empty-data", "'" + array.file + "' is empty").withHelp("fetch it again");
  if (*got >= 4)
    if (Status status = checkMagic(array.file, header, rank); !status.ok())
      return std::move(status).error();
  if (*got < headerBytes)
    return truncatedError(array.file, *got, headerBytes,
                          "an IDX header of rank " + std::to_string(rank));
  uint64_t needed = 1;
  bool overflow = false;
  for (size_t d = 0; d < rank; ++d) {
    const uint8_t *b = header + 4 + 4 * d;
    uint64_t extent = uint64_t(b[0]) << 24 | b[1] << 16 | b[2] << 8 | b[3];
    array.shape.push_back(int64_t(extent));
    overflow |= __builtin_mul_overflow(needed, extent, &needed);
  }
  if (array.shape[0] == 0 || (!overflow && needed == 0))
    return inputError("empty-data", "'" + array.file + "' holds no samples: its shape is " +
                                        shapeText(array.shape));
  if (!overflow && !source.packed() && needed > source.fileBytes() - headerBytes)
    return truncatedError(array.file, source.fileBytes(), headerBytes + needed,
                          sizeText(array.shape));
  if (overflow || needed > source.most()) {
    Error error =
        inputError("truncated-data", "'" + array.file + "' declares " + productText(array.shape) +
                                         " bytes, more than a file of " +
                                         std::to_string(source.fileBytes()) + " bytes can hold");
    return std::move(error).withHelp("the file is cut off or damaged; fetch it again");
  }
  return needed;
}

Status readElements(ByteSource &source, IdxArray &array, uint64_t needed) {
  Result<Bytes> bytes = Bytes::allocate(needed, "the file '" + array.file + "'");
  if (!bytes.ok())
    return std::move(bytes).error();
  uint64_t headerBytes = 4 + 4 * array.shape.size();
  Result<uint64_t> got = source.read(bytes->data(), needed);
  if (!got.ok())
    return std::move(got).error();
  if (*got < needed)
    return truncatedError(array.file, headerBytes + *got, headerBytes + needed,
                          sizeText(array.shape));
  // One byte more, which must not come; asking also lets zlib compare its check sum.
  uint8_t extra;
  got = source.read(&extra, 1);
  if (!got.ok())
    return std::move(got).error();
  if (*got != 0)
    return inputError("trailing-data",
                      "'" + array.file + "' goes on after the " +
                          std::to_string(headerBytes + needed) +
                          " bytes that its header declares: " + sizeText(array.shape))
        .withHelp("the file is damaged or the wrong one; fetch it again");
  if (source.cutShort())
    return inputError("truncated-data",
                      "the gzip stream of '" + array.file + "' is cut off at its end")
        .withHelp("fetch it again");
  array.bytes = std::move(*bytes);
  return {};
}
} // namespace

Result<IdxArray> readIdx(const std::string &path, size_t rank) {
  if (rank < 1 || rank > 4)
    return internalError("IDX files of rank " + std::to_string(rank) + " are not read");
  IdxArray array;
  array.file = path;
  ByteSource source;
  if (Status status = source.open(path); !status.ok())
    return std::move(status).error();
  Result<uint64_t> needed = readHeader(source, array, rank);
  if (!needed.ok())
    return std::move(needed).error();
  if (Status status = readElements(source, array, *needed); !status.ok())
    return std::move(status).error();
  return array;
}

namespace {
/// Reads `name` or `name.gz`; `what` is "images" or "labels", `part` is "training" or "test".
Result<IdxArray> readMember(const std::string &folder, const std::string &name, size_t rank,
                            const char *what, const char *part) {
  for (const char *ending : {"", ".gz"})
    if (std::string path = joinPath(folder, name + ending); fileExists(path))
      return readIdx(path, rank);
  return inputError("missing-data",
                    "the folder '" + folder + "' has no " + what + " of the " + part + " part")
      .withNote("looked for " + name + " and " + name + ".gz")
      .withHelp(
          "copy the file into the folder, or point `source` at a folder that has all four files");
}

Status checkCounts(const IdxArray &images, const IdxArray &labels, const char *part) {
  if (images.shape[0] == labels.shape[0])
    return {};
  return inputError("data-count", std::string("the ") + part + " part has " +
                                      std::to_string(images.shape[0]) + " images, but " +
                                      std::to_string(labels.shape[0]) + " labels")
      .withNote("images: " + images.file)
      .withNote("labels: " + labels.file)
      .withHelp("the two files do not belong together; fetch both again");
}

Status readPart(const std::string &folder, const char *prefix, const char *part, IdxArray &images,
                IdxArray &labels) {
  Result<IdxArray> found =
      readMember(folder, std::string(prefix) + "-images-idx3-ubyte", 3, "images", part);
  if (!found.ok())
    return std::move(found).error();
  images = std::move(*found);
  found = readMember(folder, std::string(prefix) + "-labels-idx1-ubyte", 1, "labels", part);
  if (!found.ok())
    return std::move(found).error();
  labels = std::move(*found);
  return checkCounts(images, labels, part);
}
} // namespace

Result<IdxFolder> readIdxFolder(const std::string &folder, const SourceLocation &location) {
  if (!folderExists(folder))
    return inputError("missing-data", "there is no folder '" + folder + "'")
        .withNote("idx(..) needs train-images-idx3-ubyte, train-labels-idx1-ubyte, "
                  "t10k-images-idx3-ubyte and "
                  "t10k-labels-idx1-ubyte in it, each plain or with .gz")
        .withHelp("for Fashion-MNIST: apt-get install dataset-fashion-mnist puts it into "
                  "/usr/share/datasets/fashion-mnist; --data synthetic:1000 trains without data")
        .at(location);
  IdxFolder data;
  Status status = readPart(folder, "train", "training", data.trainImages, data.trainLabels);
  if (status.ok())
    status = readPart(folder, "t10k", "test", data.testImages, data.testLabels);
  if (!status.ok())
    return std::move(status).error().at(location);
  return data;
}

} // namespace gnc::runtime
