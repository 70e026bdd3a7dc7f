//===- Loader.h - samples that the host has to make, ahead of the step
//--------------------------===//
//
// Decoding and host transforms take longer than a copy, so threads work ahead of the program: they
// take the samples of an announced order one by one and put them into a ring of slots, from which
// the program's thread takes them in that order. What a sample becomes depends on nothing but the
// file and (seed, epoch, sample), so the number of threads changes no byte.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Dataset.h"
#include "runtime/HostPipeline.h"

#include <condition_variable>
#include <mutex>
#include <pthread.h>

namespace gnc::runtime {

/// An input of a program that is made by the host.
struct HostField {
  std::string input; ///< its name, for messages
  size_t member = 0; ///< index in Part::members
  HostPipeline pipeline = {};
  std::vector<int64_t> shape = {}; ///< [channels, height, width], or [height, width]
  size_t offset = 0;               ///< of its bytes in a slot
  SourceLocation location = {};

  size_t bytes() const;
};

/// Writes the fields of one sample, one after the other at their offsets. Errors: input; those of
/// ImageDecoder and HostPipeline, "data-shape" for a picture that has another shape than its input,
/// "mask-size" for a mask of another size than its picture. Environment; "out-of-memory".
Status makeSample(const Part &part, std::span<const HostField> fields, int64_t sample,
                  uint64_t epoch, uint8_t *to);

class Loader {
public:
  /// Offsets are set here. `batch` is how many samples are taken at a time. Errors: environment;
  /// "no-threads", "out-of-memory".
  static Result<std::unique_ptr<Loader>> create(std::vector<HostField> fields, int64_t workers,
                                                int64_t batch);
  ~Loader();
  Loader(const Loader &) = delete;
  Loader &operator=(const Loader &) = delete;

  std::span<const HostField> fields() const { return hostFields; }

  /// From now on, these samples of `part` in this order; what was announced before is forgotten.
  /// The part must live until the next call.
  void begin(const Part &part, std::span<const uint32_t> samples, uint64_t epoch);

  /// The next sample is this one?
  bool nextIs(const Part &part, std::span<const uint32_t> samples) const;

  /// Waits for the next sample; its bytes are valid until the next call. An error is that of the
  /// first sample in the order that has one.
  Result<const uint8_t *> take();

private:
  Loader() = default;
  static void *threadMain(void *loader);
  void work();
  bool mayStart() const { return next < order.size() && next < released + slots.size(); }

  struct Slot {
    std::vector<uint8_t> bytes;
    Status status;
    bool ready = false;
  };
  std::vector<HostField> hostFields;
  std::vector<pthread_t> threads;
  std::vector<Slot> slots;

  std::mutex mutex;
  std::condition_variable changed; ///< anything below
  const Part *part = nullptr;
  std::vector<uint32_t> order;
  uint64_t epoch = 0;
  size_t next = 0;     ///< position in `order` that nobody has begun
  size_t taken = 0;    ///< positions that the program's thread has had
  size_t released = 0; ///< positions whose slots are free again
  size_t busy = 0;     ///< threads that are at a sample
  bool stopping = false;
};

} // namespace gnc::runtime
