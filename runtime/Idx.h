//===- Idx.h - the file format of MNIST
//---------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"

namespace gnc::runtime {

/// An IDX file of unsigned bytes, whole: shape[0] samples, row-major.
struct IdxArray {
  std::string file;
  std::vector<int64_t> shape;
  Bytes bytes;
};

/// Reads a file, through gzip if it is compressed, and checks it byte for byte against its header.
/// A size that the file cannot hold is refused before memory is asked for. Errors: input;
/// "missing-data", "not-idx", "empty-data", "truncated-data", "trailing-data", "bad-gzip".
Result<IdxArray> readIdx(const std::string &path, size_t rank);

/// Both parts of an `idx(folder)`, images [n, h, w] and labels [n].
struct IdxFolder {
  IdxArray trainImages, trainLabels, testImages, testLabels;
};

/// Finds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,
/// t10k-labels-idx1-ubyte, each plain or with .gz. Errors as above, and "data-count" when a part
/// has not as many labels as images; all at `location`.
Result<IdxFolder> readIdxFolder(const std::string &folder, const SourceLocation &location);

} // namespace gnc::runtime
