//===- gnc.hpp - compiled networks in a C++ program
//----------------------------------------------===//
//
// The C API (gnc_runtime.h, whose comments hold here too) with objects that clean up, vectors and
// exceptions. Header only, C++20.
//
//     gnc::Program program = gnc::Program::load("net.gnc");
//     gnc::Context context(program, {.mode = gnc::Mode::Infer, .threads = 1});
//     context.loadWeights("best.safetensors");
//     context.bindInput("image", pixels.data(), {n, 1, 28, 28});
//     context.bindResult("digit", digits.data(), {n});
//     context.infer(n);
//
// Errors are thrown as gnc::Error. Programs may be copied freely and used by all threads; a context
// is used by one thread at a time and only moved.
//
//===------------------------------------------------------------------------------------------===//
#ifndef GNC_HPP
#define GNC_HPP

#include "gnc_runtime.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gnc {

//===- Errors ---------------------------------------------------------------------------------===//

/// What a status says; `what()` is the message.
class Error : public std::runtime_error {
public:
  explicit Error(const gnc_status *status)
      : std::runtime_error(gnc_status_message(status)), code(gnc_status_code(status)),
        slug(gnc_status_slug(status)), help(gnc_status_help(status)), text(gnc_status_text(status)),
        file(gnc_status_file(status)), line(gnc_status_line(status)),
        column(gnc_status_column(status)) {
    for (size_t i = 0; i < gnc_status_note_count(status); ++i)
      notes.emplace_back(gnc_status_note(status, i));
  }
  gnc_code code;
  std::string slug, help, text;
  std::vector<std::string> notes;
  std::string file; ///< the network's text; "" if the error is about no place
  int32_t line, column;
};

/// Throws what is no success.
inline void check(gnc_status *status) {
  if (!status)
    return;
  std::unique_ptr<gnc_status, decltype(&gnc_status_free)> owner(status, gnc_status_free);
  throw Error(status);
}

//===- Programs -------------------------------------------------------------------------------===//

enum class Mode : gnc_mode { Infer = GNC_MODE_INFER, Eval = GNC_MODE_EVAL, Train = GNC_MODE_TRAIN };

enum class Type : gnc_type { F32 = GNC_F32, I32 = GNC_I32, U8 = GNC_U8, Bool = GNC_BOOL };

enum class Role : gnc_role {
  Input = GNC_ROLE_INPUT,
  Weight = GNC_ROLE_WEIGHT,
  State = GNC_ROLE_STATE,
  Optimizer = GNC_ROLE_OPTIMIZER,
  Average = GNC_ROLE_AVERAGE,
  Schedule = GNC_ROLE_SCHEDULE,
  Result = GNC_ROLE_RESULT
};

/// The element type of arrays of T.
template <typename T> constexpr Type typeOf() {
  using Plain = std::remove_const_t<T>;
  static_assert(std::is_same_v<Plain, float> || std::is_same_v<Plain, int32_t> ||
                    std::is_same_v<Plain, uint8_t> || std::is_same_v<Plain, bool>,
                "arrays hold float, int32_t, uint8_t or bool");
  return std::is_same_v<Plain, float>     ? Type::F32
         : std::is_same_v<Plain, int32_t> ? Type::I32
         : std::is_same_v<Plain, uint8_t> ? Type::U8
                                          : Type::Bool;
}

/// See gnc_tensor_info.
struct TensorInfo {
  std::string name;
  Role role = Role::Input;
  Type type = Type::F32;
  bool batched = false;
  std::vector<int64_t> shape; ///< of one sample, if batched
  int64_t classes = 0;
  uint64_t bytes = 0; ///< of one sample, if batched
  std::string member;

  explicit TensorInfo(const gnc_tensor_info &info)
      : name(info.name), role(Role(info.role)), type(Type(info.type)), batched(info.batched != 0),
        shape(info.shape, info.shape + info.rank), classes(info.classes), bytes(info.bytes),
        member(info.member) {}
};

/// A compiled network; copies share it.
class Program {
public:
  /// Takes over a handle.
  explicit Program(gnc_program *program)
      : handle(program, [](gnc_program *freed) { gnc_status_free(gnc_program_free(freed)); }) {}

  static Program load(const std::string &path) {
    gnc_program *program = nullptr;
    check(gnc_program_load_file(path.c_str(), &program));
    return Program(program);
  }
  /// A .gnc file in memory, which is not needed afterwards.
  static Program load(std::span<const uint8_t> file, const std::string &name) {
    gnc_program *program = nullptr;
    check(gnc_program_load_memory(file.data(), file.size(), name.c_str(), &program));
    return Program(program);
  }
  /// What `gnc compile -o net.o` made; it has to outlive the program and its contexts.
  static Program load(const gnc_image &image) {
    gnc_program *program = nullptr;
    check(gnc_program_load_image(&image, &program));
    return Program(program);
  }

  gnc_program_info info() const {
    auto info = sized<gnc_program_info>();
    check(gnc_program_describe(get(), &info));
    return info;
  }
  std::vector<std::string> metrics() const {
    std::vector<std::string> names(size_t(info().metric_count));
    for (size_t i = 0; i < names.size(); ++i) {
      const char *name = nullptr;
      check(gnc_program_metric(get(), int32_t(i), &name));
      names[i] = name;
    }
    return names;
  }
  gnc_mode_info mode(Mode mode) const {
    auto info = sized<gnc_mode_info>();
    check(gnc_program_mode(get(), gnc_mode(mode), &info));
    return info;
  }
  bool has(Mode which) const { return mode(which).available != 0; }
  std::vector<TensorInfo> tensors(Mode which) const {
    std::vector<TensorInfo> all;
    for (int32_t i = 0; i < mode(which).tensor_count; ++i) {
      auto info = sized<gnc_tensor_info>();
      check(gnc_program_tensor(get(), gnc_mode(which), i, &info));
      all.emplace_back(info);
    }
    return all;
  }
  TensorInfo tensor(Mode mode, Role role, const std::string &name) const {
    auto info = sized<gnc_tensor_info>();
    check(gnc_program_find_tensor(get(), gnc_mode(mode), gnc_role(role), name.c_str(), &info));
    return TensorInfo(info);
  }

  gnc_program *get() const { return handle.get(); }

  /// A struct of the C API with its size.
  template <typename T> static T sized() {
    T value{};
    value.size = sizeof(T);
    return value;
  }

private:
  std::shared_ptr<gnc_program> handle;
};

//===- Contexts -------------------------------------------------------------------------------===//

struct ContextOptions {
  Mode mode = Mode::Infer;
  int threads = 0;         ///< 0: all processors
  std::string device = {}; ///< "": where the program was compiled for
  /// Hears what is not worth an error, on the thread of the call; must not throw.
  std::function<void(const std::string &)> log = {};
};

/// See gnc_training_options.
struct TrainingOptions {
  int64_t samples = 0; ///< in an epoch
  int64_t epochs = 0, steps = 0;
  std::optional<uint64_t> seed = {};
  std::optional<std::string> init = {};
  bool skipNotFinite = false;
};

/// A context's own array: nothing is copied.
template <typename T> struct Mapped {
  T *data;
  std::vector<int64_t> shape, strides; ///< strides in elements
};

struct Scores {
  int64_t samples = 0;
  double loss = 0;
  std::vector<double> metrics; ///< in the order of Program::metrics
};

class Context {
public:
  explicit Context(const Program &program, ContextOptions options = {})
      : log(std::make_unique<ContextOptions>(std::move(options))), handle(nullptr, release) {
    auto passed = Program::sized<gnc_context_options>();
    passed.mode = gnc_mode(log->mode);
    passed.threads = log->threads;
    passed.device = log->device.empty() ? nullptr : log->device.c_str();
    if (log->log) {
      passed.log = [](void *user, const char *text) {
        static_cast<ContextOptions *>(user)->log(text);
      };
      passed.log_user = log.get();
    }
    gnc_context *context = nullptr;
    check(gnc_context_create(program.get(), &passed, &context));
    handle.reset(context);
  }

  /// The array has to live until another one is bound or the context is gone.
  template <typename T>
  void bindInput(const std::string &name, const T *data, const std::vector<int64_t> &shape,
                 const std::vector<int64_t> &strides = {}) {
    gnc_buffer buffer = bufferOf(const_cast<T *>(data), shape, strides);
    check(gnc_bind_input(get(), name.c_str(), &buffer));
  }
  template <typename T>
  void bindResult(const std::string &name, T *data, const std::vector<int64_t> &shape,
                  const std::vector<int64_t> &strides = {}) {
    gnc_buffer buffer = bufferOf(data, shape, strides);
    check(gnc_bind_result(get(), name.c_str(), &buffer));
  }
  /// std::invalid_argument if the tensor does not hold T.
  template <typename T> Mapped<T> mapInput(const std::string &name) {
    auto buffer = Program::sized<gnc_buffer>();
    check(gnc_map_input(get(), name.c_str(), &buffer));
    return mapped<T>(buffer, name);
  }
  template <typename T> Mapped<const T> mapResult(const std::string &name) {
    auto buffer = Program::sized<gnc_buffer>();
    check(gnc_map_result(get(), name.c_str(), &buffer));
    return mapped<const T>(buffer, name);
  }

  void initialize(uint64_t seed) { check(gnc_initialize(get(), seed)); }
  void loadWeights(const std::string &path) { check(gnc_load_weights(get(), path.c_str())); }
  void loadWeights(std::span<const uint8_t> file, const std::string &name) {
    check(gnc_load_weights_memory(get(), file.data(), file.size(), name.c_str()));
  }
  void saveWeights(const std::string &path) { check(gnc_save_weights(get(), path.c_str())); }
  /// `to` has room for the whole tensor.
  template <typename T> void readTensor(Role role, const std::string &path, std::span<T> to) {
    check(gnc_read_tensor(get(), gnc_role(role), path.c_str(), to.data(), to.size_bytes()));
  }
  template <typename T>
  void writeTensor(Role role, const std::string &path, std::span<const T> from) {
    check(gnc_write_tensor(get(), gnc_role(role), path.c_str(), from.data(), from.size_bytes()));
  }
  /// From a training to inference or evaluation of the same program.
  void copyWeightsTo(Context &to) const { check(gnc_copy_weights(get(), to.get())); }

  void infer(int64_t samples) { check(gnc_infer(get(), samples)); }

  void beginTraining(const TrainingOptions &options) {
    gnc_training_options passed = trainingOptions(options);
    check(gnc_train_begin(get(), &passed));
  }
  gnc_step_info trainStep(int64_t samples) {
    auto info = Program::sized<gnc_step_info>();
    check(gnc_train_step(get(), samples, &info));
    return info;
  }
  void saveCheckpoint(const std::string &path) { check(gnc_save_checkpoint(get(), path.c_str())); }
  void loadCheckpoint(const TrainingOptions &options, const std::string &path) {
    gnc_training_options passed = trainingOptions(options);
    check(gnc_load_checkpoint(get(), &passed, path.c_str()));
  }

  void beginEvaluation() { check(gnc_eval_begin(get())); }
  void evaluate(int64_t samples) { check(gnc_eval_batch(get(), samples)); }
  Scores endEvaluation() {
    auto scores = Program::sized<gnc_scores>();
    check(gnc_eval_end(get(), &scores));
    return {scores.samples, scores.loss, {scores.metrics, scores.metrics + scores.metric_count}};
  }

  gnc_context *get() const { return handle.get(); }

private:
  static void release(gnc_context *context) { gnc_status_free(gnc_context_free(context)); }

  template <typename T>
  static gnc_buffer bufferOf(T *data, const std::vector<int64_t> &shape,
                             const std::vector<int64_t> &strides) {
    if (!strides.empty() && strides.size() != shape.size())
      throw std::invalid_argument("there are as many strides as extents, or none");
    auto buffer = Program::sized<gnc_buffer>();
    buffer.data = data;
    buffer.type = gnc_type(typeOf<T>());
    buffer.rank = int32_t(shape.size());
    buffer.shape = shape.data();
    buffer.strides = strides.empty() ? nullptr : strides.data();
    return buffer;
  }

  template <typename T> static Mapped<T> mapped(const gnc_buffer &buffer, const std::string &name) {
    if (buffer.type != gnc_type(typeOf<T>()))
      throw std::invalid_argument("'" + name + "' has elements of another type");
    return {static_cast<T *>(buffer.data),
            {buffer.shape, buffer.shape + buffer.rank},
            {buffer.strides, buffer.strides + buffer.rank}};
  }

  static gnc_training_options trainingOptions(const TrainingOptions &options) {
    auto passed = Program::sized<gnc_training_options>();
    passed.samples = options.samples;
    passed.epochs = options.epochs;
    passed.steps = options.steps;
    passed.set_seed = options.seed.has_value();
    passed.seed = options.seed.value_or(0);
    passed.init = options.init ? options.init->c_str() : nullptr;
    passed.skip_not_finite = options.skipNotFinite;
    return passed;
  }

  std::unique_ptr<ContextOptions> log; ///< where the library finds it, though the context moves
  std::unique_ptr<gnc_context, decltype(&release)> handle;
};

/// See gnc_train_options.
struct TrainRun {
  std::string out;         ///< folder of the results
  std::string device = {}; ///< "": where the program was compiled for
  int threads = 0;
  bool resume = false;
  int64_t epochs = 0, steps = 0;
  std::optional<uint64_t> seed = {};
  bool skipNotFinite = false;
  /// Sees every step and epoch; false stops the training. Neither may throw.
  std::function<bool(const gnc_progress &)> progress = {};
  std::function<void(const std::string &)> log = {};
};

/// Trains as `gnc train` does; true if it went on to its end.
inline bool train(const Program &program, const TrainRun &run) {
  auto passed = Program::sized<gnc_train_options>();
  passed.out = run.out.c_str();
  passed.device = run.device.empty() ? nullptr : run.device.c_str();
  passed.threads = run.threads;
  passed.resume = run.resume;
  passed.epochs = run.epochs;
  passed.steps = run.steps;
  passed.set_seed = run.seed.has_value();
  passed.seed = run.seed.value_or(0);
  passed.skip_not_finite = run.skipNotFinite;
  passed.user = const_cast<TrainRun *>(&run);
  passed.progress = [](void *user, const gnc_progress *progress) -> int32_t {
    const auto &hear = static_cast<const TrainRun *>(user)->progress;
    return hear && !hear(*progress);
  };
  passed.log = [](void *user, const char *text) {
    if (const auto &hear = static_cast<const TrainRun *>(user)->log)
      hear(text);
  };
  int32_t stopped = 0;
  check(gnc_train(program.get(), &passed, &stopped));
  return stopped == 0;
}

/// The order in which `gnc train` visits samples 0 .. count-1 in an epoch, from 0.
inline std::vector<uint32_t> shuffle(uint32_t count, uint64_t seed, int64_t epoch) {
  std::vector<uint32_t> order(count);
  check(gnc_shuffle(count, seed, epoch, order.data()));
  return order;
}

} // namespace gnc

#endif
