//===- ApiObjects.h - what the handles of the C API stand for
//----------------------------------===//
#pragma once

#include "runtime/Device.h"
#include "runtime/Scorer.h"
#include "runtime/Stepper.h"
#include "runtime/api/Api.h"

#include <atomic>

namespace gnc::runtime::api {

/// The program of a mode.
inline const Program &programOf(const CompiledNet &net, gnc_mode mode) {
  return mode == GNC_MODE_TRAIN ? net.train : mode == GNC_MODE_EVAL ? net.eval : net.infer;
}

/// Immutable once it has a handle.
struct ProgramObject {
  CompiledNet net; ///< for the processor, if there is one for it
  /// A .gnc file that has programs for cards too; else empty.
  std::vector<uint8_t> cards;
};

/// A device, and the net that runs on it.
struct Placed {
  std::unique_ptr<Device> device;
  std::shared_ptr<const CompiledNet> net;
};

/// Opens "cpu", "cuda", "cuda:1" or "emulator"; "": a card if the program has one for it and it is
/// there, else the processor. Errors: "api-device", those of the devices, "no-target".
Result<Placed> place(const std::shared_ptr<const ProgramObject> &program, const std::string &device,
                     int threads);

/// Gives a net to the caller.
gnc_program *programHandle(CompiledNet net, std::vector<uint8_t> cards = {});
Result<std::shared_ptr<ProgramObject>> findProgram(const gnc_program *program);

/// "inference", "evaluation", "training"; null if there is no such mode.
const char *nameOf(gnc_mode mode);
Status checkMode(gnc_mode mode);

/// The tensor of a role that the caller may name. Errors: "api-argument", "api-name".
Result<const Tensor *> findTensor(const Program &program, gnc_role role, const char *name);

/// An input or a result, and where it is read from or written to.
struct Port {
  enum class Place { Nowhere, Bound, Mapped } place = Place::Nowhere;
  const Tensor *tensor = nullptr;
  // Bound: the caller's array.
  uint8_t *data = nullptr;
  int64_t samples = 0;          ///< that it has room for; not batched: 1
  int64_t sampleStride = 0;     ///< in elements
  std::vector<int64_t> strides; ///< of a sample, in elements; empty: dense
  std::vector<uint8_t> dense;   ///< room for a batch on its way; empty: not needed
  // Mapped: what the caller borrows.
  std::vector<int64_t> mappedShape, mappedStrides;
};

struct ContextObject {
  std::shared_ptr<const ProgramObject> program;
  gnc_mode mode = GNC_MODE_INFER;
  gnc_log log = nullptr;
  void *logUser = nullptr;
  std::atomic<bool> busy{false};

  // Later members use earlier ones, and go first.
  std::shared_ptr<const CompiledNet> net;
  std::unique_ptr<Device> device;
  std::unique_ptr<Executor> runner; ///< of inference and training
  std::unique_ptr<Scorer> scorer;   ///< of evaluation
  std::vector<Port> inputs, results;
  std::vector<const Tensor *> missing; ///< persistent tensors that nobody has written yet
  bool prepared = false;               ///< Program::prologue has run with these weights

  Stepper stepper;
  std::optional<TrainingState> state; ///< once a training has begun
  TrainingLength length;
  bool skipNotFinite = false;
  std::vector<uint32_t> numbers; ///< 0, 1, ..: what samples are called

  int64_t evaluated = -1; ///< samples so far; -1: no evaluation has begun
  std::optional<Scores> scores;

  Executor &executor() const { return scorer ? scorer->executor() : *runner; }
  const Program &compiled() const { return programOf(*net, mode); }
  /// Weights have been written, all or (one) some: everything that was computed from them is void.
  void wrote(const Tensor *one = nullptr);
  /// Before weights are used or leave the context.
  Status weightsThere() const;
};

/// One call on a context: nobody else's meanwhile. Errors: "api-handle", "context-busy".
class Use {
public:
  static Result<Use> begin(gnc_context *context);
  Use(Use &&) = default;
  ~Use() {
    if (object)
      object->busy.store(false, std::memory_order_release);
  }
  ContextObject *operator->() const { return object.get(); }
  ContextObject &operator*() const { return *object; }

private:
  Use() = default;
  std::shared_ptr<ContextObject> object;
};

/// Inputs `first` .. `first + n - 1` of all bound arrays into the program. Error: "class-range".
Status takeInputs(ContextObject &context, int64_t first, int64_t n);
/// The results of n samples to the bound arrays, from sample `first` on.
void giveResults(ContextObject &context, int64_t first, int64_t n);
/// Whether n samples fit what is bound. Errors: "api-batch", "api-order".
Status checkRun(const ContextObject &context, int64_t n);

} // namespace gnc::runtime::api
