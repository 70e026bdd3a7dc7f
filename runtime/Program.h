//===- Program.h - a compiled program, as data ------------------------------------------------===//
//
// The boundary between the compiler and the runtime: what `codegen` fills in and the executor and
// trainer read. Plain data; no compiler header, no behaviour beyond a few index computations.
//
// A program is a list of launches over one arena. Every tensor, host-visible or temporary, is a
// region of the arena fixed at compile time, so running a program allocates nothing. The batch is
// the one extent known only at run time: a program planned for `maxBatch` runs any 1 <= n <=
// maxBatch.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gnc::runtime {

class Bytes; // Memory.h

/// Element types as they lie in memory. `U8` is an unsigned byte; `I32` also carries `index(K)`;
/// `Bool` is one byte, 0 or 1.
enum class ElementType : uint8_t { F32, I32, U8, Bool };

inline int64_t byteWidth(ElementType type) {
  return type == ElementType::F32 || type == ElementType::I32 ? 4 : 1;
}

/// What a tensor means to the host.
enum class Role : uint8_t {
  Input,     ///< a field of the sample; written by the host before each run
  Weight,    ///< trained parameter; persists between runs; keyed by path in checkpoints
  State,     ///< `state` of a block; persists, changed by the program itself
  Optimizer, ///< `state` of the optimizer, one per weight; persists, changed by the program itself
  Average,   ///< running average of the weight of the same name; persists, changed by the program
  Schedule,  ///< a scalar computed by the host before each step (see Tensor::schedule)
  Stream,    ///< I32[4], what random numbers come from: see Executor::setStream; at most one
  Result,    ///< written by the program; read by the host after each run
  Halt,      ///< Target Cuda: I32, named "halt"; the commit writes nothing unless it is 0
};

/// Lives from run to run, and in checkpoints.
inline bool isPersistent(Role role) {
  return role == Role::Weight || role == Role::State || role == Role::Optimizer ||
         role == Role::Average;
}

/// Initial value of a weight or state, drawn per logical element (row-major index), keyed by the
/// tensor's path and the seed, so layout and declaration order never change it.
struct Initializer {
  enum class Kind : uint8_t {
    Constant,        ///< a
    Normal,          ///< mean a, standard deviation b
    Uniform,         ///< a to b, b exclusive
    TruncatedNormal, ///< normal, drawn again where it is more than two deviations off
    Orthogonal,      ///< rows, or columns if they are fewer, that are orthogonal and of length a
  } kind = Kind::Constant;
  double a = 0, b = 0;
};

/// Where something was written: position in the user's file (1-based; line 0: unknown).
struct SourceLocation {
  std::string file;
  int line = 0, column = 0;
};

/// A host-visible tensor. The element with logical index (s; i...) (sample s, if batched) lies at
///   arena + offset + width * (s * batchStride + sum_d i[d] * strides[d]).
struct Tensor {
  std::string
      name; ///< path ("LeNet.conv.w"), field ("image") or result ("loss"); unique within its role
  Role role = Role::Input;
  ElementType type = ElementType::F32;
  bool batched = false; ///< has a leading batch axis, which is not part of `shape`
  std::vector<int64_t>
      shape; ///< logical shape of one sample, or of the whole tensor if not batched
  /// The shape that files and people know it by, if the compiler refined it: the same elements in
  /// row-major order.
  std::vector<int64_t> declared;
  /// Weight, State: paths that it had before (`@was`), nearest first.
  std::vector<std::string> was;
  std::vector<int64_t> strides; ///< in elements, one per entry of `shape`: the physical layout
  int64_t batchStride = 0;      ///< in elements; 0 if not batched
  uint64_t offset = 0;          ///< bytes from the start of the arena; a multiple of 64
  uint64_t bytes = 0;           ///< size at maxBatch
  Initializer initial;          ///< Weight, State, Optimizer
  /// Schedule: the value as a postfix program over `step`, `epoch`, `epochs`, evaluated in f64 and
  /// rounded once to f32. Tokens are separated by one blank: a number (as strtod reads it, hex
  /// floats included), a variable, or an operator
  /// `+ - * / ^ // % neg min max floor ceil round abs sqrt exp log sin cos < <= > >= == != and or
  /// not` or `if` (operands: condition, then, else). Truth is any non-zero number.
  std::string schedule;
  /// Inputs of type index(K): K, else 0. The host checks 0 <= value < classes when data enter.
  int64_t classes = 0;
  /// Inputs: which member of the data source fills this tensor ("image", "label"), and what the
  /// host does to it on the way ("image -> rgb -> resize(256) -> center_crop(224, 224)"): see
  /// HostPipeline.h.
  std::string member;
  SourceLocation location;

  const std::vector<int64_t> &declaredShape() const { return declared.empty() ? shape : declared; }

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t extent : shape)
      n *= extent;
    return n;
  }
};

/// One native function. Runs tiles lo <= t < hi of a launch for a batch of n samples;
/// `arguments[i]` is the address of the i-th argument of the launch. Tiles are independent: they
/// may run in any order and on any thread.
using KernelEntry = void (*)(int64_t lo, int64_t hi, int64_t n, void *const *arguments);

/// The functions of the C library that kernels may call.
constexpr std::string_view nativeImports[] = {
    "acosf",      "asinf",   "atan2f", "atanf",   "ceilf",  "cosf",  "coshf",  "erff",
    "exp2f",      "expf",    "expm1f", "floorf",  "fmaf",   "fmodf", "log10f", "log1pf",
    "log2f",      "logf",    "memcpy", "memmove", "memset", "powf",  "rintf",  "roundf",
    "roundevenf", "sincosf", "sinf",   "sinhf",   "sqrtf",  "tanf",  "tanhf",  "truncf"};

/// Machine code of the kernels, as data: position independent, every reference resolved but those
/// to functions of the C library. `codegen` makes it, `loadCode` (CodeLoader.h) maps it.
struct NativeCode {
  struct Entry {
    std::string key;     ///< Kernel::key
    uint64_t offset = 0; ///< of its KernelEntry, into the instructions
  };
  uint32_t level = 0; ///< of x86-64 that the processor must have: 2, 3 or 4
  /// [0, textBytes) are instructions, the rest is constants, and at the end eight zero bytes for
  /// the address of each import. Both parts are whole pages.
  std::vector<uint8_t> bytes;
  uint64_t textBytes = 0;
  std::vector<Entry> entries; ///< sorted by key, each key once
  /// For linkers: where instructions hold the distance (4 bytes) to a constant.
  std::vector<uint64_t> references;
  /// At the end of the instructions: stubBytes for each import, `jmp *slot(%rip)`.
  uint64_t stubs = 0;
  static constexpr uint64_t stubBytes = 8;
  std::vector<std::string> imports; ///< sorted: "expf", ..
  static constexpr uint64_t pageBytes = 4096;
};

/// What a program's kernels are made for.
enum class Target : uint8_t {
  Cpu,  ///< native functions (Kernel::entry), an arena in host memory
  Cuda, ///< functions of Program::module, an arena in the memory of a card
};

/// Target Cuda: the function `symbol` of the module, launched with a one-dimensional grid of
/// tiles.at(n) blocks (none if that is 0) of `threads` threads and `sharedBytes` of dynamic shared
/// memory. Its parameters, in order: one 64-bit address per argument of the launch, then the batch
/// n as a 32-bit integer. Blocks are independent, as tiles are.
struct Kernel {
  std::string key;             ///< canonical form and extents; equal keys are one kernel
  KernelEntry entry = nullptr; ///< Target Cpu; not serialised: it is an address of this process
  std::string symbol = {};     ///< Target Cuda: name in the module
  uint32_t threads = 0;        ///< Target Cuda: 1 .. 1024
  uint32_t sharedBytes = 0;    ///< Target Cuda
};

/// Target Cuda: a piece of work of cuDNN, planned where the program was compiled, for maxBatch
/// samples. The arguments of its launch are the tensors called `ids`, in order, then the workspace,
/// if it needs one.
struct LibraryPlan {
  std::string key;  ///< a hash of all the rest; equal keys are one plan
  std::string text; ///< cuDNN's own: its run-time part makes of it what it executes
  std::vector<int64_t> ids;
  uint64_t workspaceBytes = 0;
};

/// A count that may grow with the batch: ceil((perSample * n + fixed) / divisor) * times.
struct TileCount {
  int64_t perSample = 0, fixed = 1, divisor = 1, times = 1;
  int64_t at(int64_t n) const { return (perSample * n + fixed + divisor - 1) / divisor * times; }
};

/// Operations or bytes, which may grow with the batch.
struct Work {
  double perSample = 0, fixed = 0;
  double at(int64_t n) const { return perSample * double(n) + fixed; }
};

struct Launch {
  uint32_t kernel = 0;             ///< index into Program::kernels; of a plan, into Program::plans
  uint32_t site = 0;               ///< index into Program::sites
  std::vector<uint64_t> arguments; ///< byte offsets into the arena
  TileCount tiles;
  Work flops = {}; ///< additions and multiplications; 0: not counted
  Work bytes = {}; ///< of all tensors that it reads or writes, each once; for profiles
  /// Where it writes, to be looked at when something went wrong: place, type and layout only.
  std::vector<Tensor> written;
  /// A plan sums over all samples: those of these tensors that are beyond the batch are made zero
  /// first.
  struct Samples {
    uint64_t offset = 0, bytes = 0; ///< of the tensor; of a sample
  };
  std::vector<Samples> summed = {};
  bool library = false; ///< runs a plan: once, for maxBatch samples
};

/// What a launch came from, for errors and profiles.
struct Site {
  std::string name; ///< e.g. "LeNet.conv: backward"
  SourceLocation location;
};

struct Program {
  std::string name; ///< "train", "eval", "infer"
  Target target = Target::Cpu;
  /// Target Cuda: PTX text without NUL, with every kernel's function. Whoever serialises programs
  /// keeps `target`, `module` and the Cuda fields of the kernels.
  std::string module;
  int64_t maxBatch = 0;
  uint64_t arenaBytes = 0;
  /// The arena starts with everything that persists between runs: [0, persistentBytes).
  uint64_t persistentBytes = 0;
  std::vector<Tensor> tensors;
  std::vector<Kernel> kernels;
  std::vector<LibraryPlan> plans;
  std::vector<Site> sites;
  /// Launches in order. [0, commit) compute; [commit, end) write weights and state. These are not
  /// to happen where one of the `Result` tensors named "loss" and "grad_norm" (if present) is not
  /// finite. Target Cpu: the host reads them in between and skips the commit. Target Cuda: kernels
  /// of the commit look at them, and at the `Halt` tensor, and write nothing.
  std::vector<Launch> launches;
  size_t commit = 0;
  /// Launches [0, prologue) depend on weights and states alone: while these stay as they are, what
  /// the launches write does too. 0 in programs that commit something.
  size_t prologue = 0;
  /// Constants: bytes that the executor copies into the arena once, when it is created.
  struct Constant {
    uint64_t offset;
    std::vector<uint8_t> bytes;
  };
  std::vector<Constant> constants;
  /// Keeps the machine code alive.
  std::shared_ptr<void> code;

  /// What a launch runs, by its key.
  const std::string &keyOf(const Launch &launch) const {
    return launch.library ? plans[launch.kernel].key : kernels[launch.kernel].key;
  }

  const Tensor *find(Role role, const std::string &name) const {
    for (const Tensor &tensor : tensors)
      if (tensor.role == role && tensor.name == name)
        return &tensor;
    return nullptr;
  }
};

/// Where data come from, as the `data` section says.
struct DataSource {
  std::string kind;        ///< "idx", "cifar10", "cifar100", "folder", "pairs", "csv", "npy",
                           ///< "synthetic"
  std::string path;        ///< the folder or file, resolved against the .net file
  int64_t count = 0;       ///< synthetic: number of samples
  uint64_t seed = 1;       ///< of synthetic samples, or of the split
  SourceLocation location; ///< of `source = ..`
  /// Further files, resolved, by what they are: npy: member and file; pairs: "image" and "mask",
  /// each a path with one `*`; csv: "test".
  std::vector<std::pair<std::string, std::string>> files;
  double split = 0.9;  ///< share of the samples that train, where the source has no test part
  std::string label;   ///< csv: the column of class names or numbers; empty: the one called label
  double couples = -1; ///< `-> couples(equal = p)`: p; below 0: samples stand alone
};

/// What a `train` section says, besides what is compiled into the program.
struct Recipe {
  std::string net;
  DataSource source;
  int64_t batch = 32;
  int64_t epochs = 0; ///< 0: given by steps
  int64_t steps = 0;  ///< 0: given by epochs
  uint64_t seed = 0;
  double validate = 0; ///< fraction of the training part carved off for validation
  /// Names of the numbers that `metrics` gives, in order ("accuracy"): per-sample results of the
  /// eval program, or results of the score program.
  std::vector<std::string> metrics;
  std::vector<std::string> tables;  ///< results of the score program that are no single number
  std::vector<std::string> outputs; ///< names of the infer program's results, in order
  std::string best;                 ///< metric that picks best.safetensors; empty: none declared
  std::string init;            ///< file of weights to start from, resolved against the .net file
  SourceLocation initLocation; ///< of `init = ..`
  int64_t workers = -1;        ///< threads that read data; -1: not said
  SourceLocation location;
};

/// Everything the runtime needs to train, evaluate and infer one network. Programs that were not
/// asked for are empty.
///   train: inputs, weights, states, optimizer states, schedules -> "loss" (f32[], mean over the
///   batch), "grad_norm" (f32[])
///   eval: inputs, weights, states -> "loss" (per sample, batched f32), one batched f32 result per
///   metric that is a mean, and for metrics that accumulate the sums of the batch (not batched)
///   score: inputs named like these sums, over a whole split -> one f32 result per metric that
///   accumulates; empty if there is none
///   infer: inputs, weights, states -> one result per output of the `infer` section
struct CompiledNet {
  Recipe recipe;
  Program train, eval, score, infer;
  /// Target Cpu: the kernels of all programs. A compiler fills it in and leaves Kernel::entry null.
  std::shared_ptr<const NativeCode> native;
  /// Weights that came along, a safetensors file; null: none.
  std::shared_ptr<const Bytes> weights;
};

} // namespace gnc::runtime
