//===- Feed.h - carries samples into a program's inputs
//-----------------------------------------===//
#pragma once

#include "runtime/Dataset.h"
#include "runtime/Executor.h"

namespace gnc::runtime {

/// Which member of a dataset fills which input of a program. A plan: gathering allocates nothing.
class Feed {
public:
  /// Binds every input of the executor's program to its member of `part` and of all parts like it;
  /// checkInputs must have passed. The executor must outlive the feed. An input without a member is
  /// an internal error.
  static Result<Feed> bind(const Part &part, Executor &executor);

  /// Writes sample `samples[s]` of the part into row s of every input; samples.size() <= maxBatch.
  void gather(const Part &part, std::span<const uint32_t> samples) const;

private:
  struct Binding {
    const Tensor *input;
    size_t member;
    bool sameBytes; ///< dense and of one type: a sample is one copy
  };
  Executor *executor = nullptr;
  std::vector<Binding> bindings;
};

} // namespace gnc::runtime
