//===- Dataset.h - samples in memory, and how they are divided
//----------------------------------===//
//
// A source yields two parts, training and test; a part is a set of members ("image", "label"), each
// a dense array with one entry a sample, or one image file a sample. A split is a list of samples
// of a part. Nothing here knows layouts: Feed carries samples into a program.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Image.h"
#include "runtime/Memory.h"

namespace gnc::runtime {

/// One named field of every sample of a part.
struct Member {
  std::string name;
  ElementType type = ElementType::U8;
  std::vector<int64_t> shape = {};     ///< of one sample; empty for image files, which vary
  Bytes data = {};                     ///< dense, sample after sample; empty for the two below
  std::vector<std::string> files = {}; ///< one image file a sample, decoded when it is needed
  bool mask = false;                   ///< an image whose pixels are numbers, not colours
  /// In a coupled part: the member of the base that this is, of the sample or of its partner; -1
  /// for "equal", which lies nowhere.
  int of = -1;
  bool partner = false;

  int64_t elements() const;
  int64_t sampleBytes() const { return elements() * byteWidth(type); }
};

class Couples;

struct Part {
  std::string name; ///< "training" or "test", for messages
  int64_t count = 0;
  std::vector<Member> members;
  /// Coupled samples: a sample is one of the base and a partner. Null for samples that stand alone.
  std::shared_ptr<const Part> base = nullptr;
  std::shared_ptr<const Couples> couples = nullptr;
  /// For image files and host transforms: who decodes, what randomness starts from, how many
  /// threads do it (-1: as many as seem useful, 0: none but the caller's).
  const ImageDecoder *decoder = nullptr;
  uint64_t seed = 0;
  int64_t workers = -1;

  const Member *find(const std::string &member) const;

  /// Where a member of a sample lies: as it stands, or in the base. "equal" has no place.
  struct Place {
    const Member *member;
    int64_t sample;
    /// The sample's bytes, of a member in memory.
    const uint8_t *data() const { return member->data.data() + sample * member->sampleBytes(); }
  };
  Place place(const Member &member, int64_t sample, uint64_t epoch) const;
};

/// Some samples of a part, in the order of their numbers.
struct Split {
  std::string name; ///< "train", "validation" or "test"
  std::shared_ptr<const Part> part;
  std::vector<uint32_t> samples;
  /// The position of samples[0], in the whole split if this is a piece of it: what a program draws
  /// for a sample depends on it.
  int64_t first = 0;

  int64_t size() const { return int64_t(samples.size()); }
};

struct Dataset {
  Split train, validation, test; ///< validation is empty unless a fraction was carved off
};

struct DataOptions {
  double validate = 0; ///< fraction of the training part to carve off
  uint64_t seed = 0;   ///< of the recipe: decides which samples are carved, and host transforms
  const ImageDecoder *decoder = nullptr; ///< none: image files cannot be read
  int64_t workers = -1;                  ///< threads that decode; see Part::workers
};

/// The distinct inputs of a net's programs (train, eval and infer may take different ones), by
/// name.
std::vector<Tensor> inputsOf(const CompiledNet &net);

/// Reads or makes the data and checks that they fit the inputs. Errors: input, at the place of the
/// source or of the input: those of the readers (Sources.h), "unknown-source", "empty-data", and
/// those of checkInputs.
Result<Dataset> openDataset(const DataSource &source, std::span<const Tensor> inputs,
                            const DataOptions &options);

/// A dataset of parts made elsewhere (a host program, a test).
Result<Dataset> makeDataset(std::shared_ptr<const Part> train, std::shared_ptr<const Part> test,
                            std::span<const Tensor> inputs, const DataOptions &options);

/// Whether every input finds a member of its shape, of a type that it can hold, and with values
/// below its number of classes. Of image files the first is tried. Errors: input; "data-member",
/// "data-shape", "data-type", "class-range", those of ImageDecoder and HostPipeline.
Status checkInputs(const Part &part, std::span<const Tensor> inputs);

/// Seeded samples of the types that the inputs declare: bytes, uniform numbers, classes. If an
/// input has classes, the others depend on it, so that a net can learn; each element by itself is
/// still uniform.
Result<std::shared_ptr<Part>> makeSyntheticPart(std::string name, int64_t count, uint64_t seed,
                                                std::span<const Tensor> inputs);

/// Fills `order` with the samples of a split as epoch `epoch` (from 0) visits them: a pure function
/// of seed and epoch.
void shuffle(const Split &split, uint64_t seed, int64_t epoch, std::vector<uint32_t> &order);

} // namespace gnc::runtime
