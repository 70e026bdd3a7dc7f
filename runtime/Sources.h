//===- Sources.h - the readers behind openDataset
//-----------------------------------------------===//
//
// A reader turns a DataSource into two parts with the same members. Errors are input errors: which
// file, what was found, what was needed.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Dataset.h"

namespace gnc::runtime {

struct SourceParts {
  std::shared_ptr<Part> train, test;
};

/// image u8 [1, h, w], label u8. Errors: those of readIdxFolder.
Result<SourceParts> readIdxSource(const DataSource &source);

/// The binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in the folder or in the one
/// that the archive unpacks to: image u8 [3, 32, 32], label u8 (of CIFAR-100 the fine one), and of
/// CIFAR-100 coarse u8. Errors: "missing-data", "truncated-data", "empty-data", "class-range".
Result<SourceParts> readCifar(const DataSource &source, int classes);

/// A class per subfolder, in the order of their names (bytes): image files, label i32. Subfolders
/// train and test (else val) are the parts; without them every class is split. Errors:
/// "missing-data", "empty-data", "unknown-class".
Result<SourceParts> readFolder(const DataSource &source);

/// image and mask: the files of two patterns with one `*` each, which correspond where the stars
/// stand for the same. Errors: "missing-data", "empty-data", "data-count", "unpaired-file".
Result<SourceParts> readPairs(const DataSource &source);

/// One line a sample, a header with names. Members are those of the inputs: "label" (i32, the
/// column Source::label; names become classes in their order), "features" (f32 [n], all other
/// columns), a column by its name (f32 []). Errors: "missing-data", "csv-header", "csv-column",
/// "csv-row", "csv-value", "empty-data", "unknown-class".
Result<SourceParts> readCsvSource(const DataSource &source, std::span<const Tensor> inputs);

/// Arrays whose first dimension counts the samples. Errors: those of readNpy, "data-count".
Result<SourceParts> readNpySource(const DataSource &source, std::span<const Tensor> inputs);

/// Which samples train: the `share` of them (at least one, and not all of several) whose keys have
/// the lowest hashes. A pure function of the keys and the seed.
std::vector<bool> chooseTraining(std::span<const uint64_t> keys, double share, uint64_t seed);

} // namespace gnc::runtime
