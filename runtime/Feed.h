//===- Feed.h - carries samples into a program's inputs
//-----------------------------------------===//
#pragma once

#include "runtime/Dataset.h"
#include "runtime/Executor.h"
#include "runtime/Loader.h"

namespace gnc::runtime {

/// Which member of a dataset fills which input of a program. A plan: gathering members in memory
/// allocates nothing; image files and host transforms are the Loader's.
class Feed {
public:
  /// Binds every input of the executor's program to its member of `part` and of all parts like it;
  /// checkInputs must have passed. The executor must outlive the feed. An input without a member is
  /// an internal error; those of Loader::create.
  static Result<Feed> bind(const Part &part, Executor &executor);

  /// Announces that these samples of the part will be gathered next, in this order, in this epoch:
  /// what takes time begins now. Without it, randomness is that of the epoch before, and nothing is
  /// done ahead. The part must outlive the feed.
  void expect(const Part &part, std::span<const uint32_t> samples, uint64_t epoch);

  /// Writes sample `samples[s]` of the part into row s of every input; samples.size() <= maxBatch.
  /// Errors: those of makeSample; never without image files and host transforms.
  Status gather(const Part &part, std::span<const uint32_t> samples);

private:
  struct Binding {
    const Tensor *input;
    size_t member;
    bool sameBytes; ///< dense and of one type: a sample is one copy
    int hostField;  ///< index in the loader's fields; -1: the member lies in memory as it is
  };
  void write(const Binding &binding, ElementType type, const uint8_t *from, int64_t row) const;
  Status stage(const Part &part, std::span<const uint32_t> samples);
  void gatherMember(const Part &part, const Binding &binding,
                    std::span<const uint32_t> samples) const;

  Executor *executor = nullptr;
  std::vector<Binding> bindings;
  std::unique_ptr<Loader> loader; ///< null if nothing has to be made
  uint64_t epoch = 0;
};

} // namespace gnc::runtime
