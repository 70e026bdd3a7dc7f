#include "tools/CommandEmulate.h"

#include "runtime/File.h"
#include "runtime/Npy.h"
#include "runtime/emulator/Launch.h"
#include "tools/Command.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace gnc::tools {

namespace {
using namespace emulator;
using runtime::Error;
using runtime::inputError;
using runtime::Result;
using runtime::Status;
using runtime::usageError;

/// An argument of the kernel: a number, or a buffer on the device.
struct KernelArgument {
  std::string type; ///< "f32"
  uint64_t bits = 0;
  uint64_t count = 0; ///< elements of a buffer, 0 for a number
};

unsigned bytesOf(const std::string &type) {
  for (const char *known : {"u8", "s8", "u16", "s16", "u32", "s32", "f32", "u64", "s64", "f64"})
    if (type == known)
      return static_cast<unsigned>(std::stoul(type.substr(1)) / 8);
  return 0;
}

template <class T> bool parseAs(const std::string &text, uint64_t &bits) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return false;
  bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return true;
}
/// The bits of a number of a type; false where the text is none.
bool parseNumber(const std::string &type, const std::string &text, uint64_t &bits) {
  if (type == "f32")
    return parseAs<float>(text, bits);
  if (type == "f64")
    return parseAs<double>(text, bits);
  if (!(type[0] == 's' ? parseAs<int64_t>(text, bits) : parseAs<uint64_t>(text, bits)))
    return false;
  unsigned width = 8 * bytesOf(type);
  if (width == 64)
    return true;
  auto value = static_cast<int64_t>(bits);
  int64_t least = type[0] == 's' ? -(int64_t{1} << (width - 1)) : 0;
  return value >= least && value < (int64_t{1} << (type[0] == 's' ? width - 1 : width));
}

Error badArgument(const std::string &text) {
  return usageError("emulate-argument", "--arg " + text + " is no argument of a kernel")
      .withHelp("write a number (u32=5, f32=0.5), a buffer (f32[1024]=random, zero, ramp, unset or "
                "a number), or a file x.npy");
}

//===- Buffers --------------------------------------------------------------------------------===//

uint64_t randomBits(uint64_t &state) { // splitmix64
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// Element `i` of a buffer: floats in [-1, 1) or whole numbers from 0 to 99.
uint64_t element(const std::string &type, bool ramp, uint64_t i, uint64_t &state) {
  uint64_t whole = ramp ? i : randomBits(state) % 100;
  double real =
      ramp ? static_cast<double>(i) : static_cast<double>(randomBits(state) >> 40) * 0x1p-23 - 1;
  uint64_t bits = 0;
  if (type == "f32") {
    auto narrow = static_cast<float>(real);
    std::memcpy(&bits, &narrow, 4);
  } else if (type == "f64")
    std::memcpy(&bits, &real, 8);
  else
    bits = whole;
  return bits;
}

Result<KernelArgument> reserve(DeviceMemory &memory, KernelArgument argument) {
  argument.bits = memory.allocate(argument.count * bytesOf(argument.type));
  if (!argument.bits)
    return runtime::environmentError("out-of-memory", "the software device has no memory for " +
                                                          std::to_string(argument.count) +
                                                          " numbers of type " + argument.type);
  return argument;
}

/// "f32[1024]=random"
Result<KernelArgument> makeBuffer(const std::string &text, size_t equals, DeviceMemory &memory,
                                  uint64_t seed) {
  size_t open = text.find('[');
  std::string type = text.substr(0, open), fill = text.substr(equals + 1);
  uint64_t count = 0, bits = 0;
  bool named = fill == "random" || fill == "zero" || fill == "ramp" || fill == "unset";
  if (text[equals - 1] != ']' || !bytesOf(type) ||
      !parseAs<uint64_t>(text.substr(open + 1, equals - open - 2), count) || count == 0 ||
      count > uint64_t{1} << 32 || (!named && !parseNumber(type, fill, bits)))
    return badArgument(text);
  auto buffer = reserve(memory, {type, 0, count});
  if (!buffer.ok() || fill == "unset")
    return buffer;
  unsigned bytes = bytesOf(type);
  auto *to = reinterpret_cast<std::byte *>(buffer->bits);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t value =
        fill == "random" || fill == "ramp" ? element(type, fill == "ramp", i, seed) : bits;
    std::memcpy(to + i * bytes, &value, bytes);
  }
  memory.markInitialised(buffer->bits, count * bytes);
  return buffer;
}

Result<KernelArgument> loadBuffer(const std::string &file, DeviceMemory &memory) {
  auto array = runtime::readNpy(file);
  if (!array.ok())
    return std::move(array).error();
  uint64_t count = 1;
  for (int64_t n : array->shape)
    count *= static_cast<uint64_t>(n);
  std::string type = array->type == runtime::ElementType::F32   ? "f32"
                     : array->type == runtime::ElementType::I32 ? "s32"
                                                                : "u8";
  auto buffer = reserve(memory, {type, 0, count});
  if (!buffer.ok())
    return buffer;
  std::memcpy(reinterpret_cast<void *>(buffer->bits), array->data.data(), count * bytesOf(type));
  memory.markInitialised(buffer->bits, count * bytesOf(type));
  return buffer;
}

Result<KernelArgument> makeArgument(const std::string &text, DeviceMemory &memory, uint64_t seed) {
  size_t equals = text.find('=');
  if (equals == std::string::npos)
    return text.ends_with(".npy") ? loadBuffer(text, memory) : badArgument(text);
  if (text.find('[') < equals)
    return makeBuffer(text, equals, memory, seed);
  KernelArgument number{text.substr(0, equals), 0, 0};
  if (!bytesOf(number.type) || !parseNumber(number.type, text.substr(equals + 1), number.bits))
    return badArgument(text);
  return number;
}

//===- Results --------------------------------------------------------------------------------===//

void printElement(const std::string &type, const std::byte *at) {
  uint64_t bits = 0;
  std::memcpy(&bits, at, bytesOf(type));
  if (type == "f32") {
    float value;
    std::memcpy(&value, at, 4);
    printf("%.9g", static_cast<double>(value));
  } else if (type == "f64") {
    double value;
    std::memcpy(&value, at, 8);
    printf("%.17g", value);
  } else if (type[0] == 's') {
    unsigned unused = 64 - 8 * bytesOf(type);
    printf("%lld", static_cast<long long>(static_cast<int64_t>(bits << unused) >> unused));
  } else
    printf("%llu", static_cast<unsigned long long>(bits));
}

void printBuffer(const KernelArgument &buffer) {
  const auto *at = reinterpret_cast<const std::byte *>(buffer.bits);
  for (uint64_t i = 0; i < buffer.count; ++i) {
    printElement(buffer.type, at + i * bytesOf(buffer.type));
    fputs(i + 1 == buffer.count || i % 16 == 15 ? "\n" : " ", stdout);
  }
}

/// NumPy's format, version 1.
Status saveBuffer(const KernelArgument &buffer, const std::string &file) {
  char kind = buffer.type[0] == 's' ? 'i' : buffer.type[0];
  std::string header = std::string("{'descr': '<") + kind + std::to_string(bytesOf(buffer.type)) +
                       "', 'fortran_order': False, 'shape': (" + std::to_string(buffer.count) +
                       ",), }";
  header.resize((header.size() + 10 + 1 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() & 0xff);
  start += static_cast<char>(header.size() >> 8);
  std::ofstream out(file, std::ios::binary);
  out << start << header;
  out.write(reinterpret_cast<const char *>(buffer.bits),
            static_cast<std::streamsize>(buffer.count * bytesOf(buffer.type)));
  out.close();
  if (!out)
    return runtime::environmentError("cannot-write", "cannot write " + file);
  return {};
}

Status showResults(const EmulateRequest &request, const std::vector<KernelArgument> &arguments) {
  auto notABuffer = [](const std::string &option) -> Status {
    return usageError("emulate-argument", option + " names no buffer")
        .withHelp("arguments are counted from 0");
  };
  for (unsigned index : request.print) {
    if (index >= arguments.size() || !arguments[index].count)
      return notABuffer("--print " + std::to_string(index));
    printBuffer(arguments[index]);
  }
  for (const std::string &text : request.save) {
    size_t equals = text.find('=');
    uint64_t index = 0;
    if (equals == std::string::npos || !parseAs<uint64_t>(text.substr(0, equals), index) ||
        index >= arguments.size() || !arguments[index].count)
      return notABuffer("--save " + text);
    if (Status saved = saveBuffer(arguments[index], text.substr(equals + 1)); !saved.ok())
      return saved;
  }
  return {};
}

//===- The launch -----------------------------------------------------------------------------===//

Result<const Function *> findKernel(const Module &module, const EmulateRequest &request) {
  const Function *kernel = module.function(request.kernel);
  if (request.kernel.empty() && module.functions().size() == 1)
    kernel = &module.functions().begin()->second;
  if (kernel)
    return kernel;
  Error error =
      inputError("no-kernel", request.kernel.empty()
                                  ? request.file + " has several kernels"
                                  : request.file + " has no kernel '" + request.kernel + "'");
  for (const auto &[name, function] : module.functions())
    error.notes.push_back("kernel: " + name);
  return std::move(error).withHelp("name one with --kernel");
}

/// The parameter buffer of a launch.
Result<std::vector<std::byte>> pack(const Function &kernel,
                                    const std::vector<KernelArgument> &arguments) {
  if (arguments.size() != kernel.parameters.size())
    return usageError("emulate-argument",
                      kernel.name + " has " + std::to_string(kernel.parameters.size()) +
                          " parameters, " + std::to_string(arguments.size()) + " --arg are given");
  std::vector<std::byte> bytes(kernel.parameterBytes);
  for (size_t k = 0; k < arguments.size(); ++k) {
    const Parameter &parameter = kernel.parameters[k];
    unsigned size = arguments[k].count ? 8 : bytesOf(arguments[k].type);
    if (size != parameter.bytes)
      return usageError("emulate-argument",
                        "parameter " + std::to_string(k) + " of " + kernel.name + " has " +
                            std::to_string(parameter.bytes) + " bytes (" + parameter.type +
                            "), its --arg has " + std::to_string(size));
    std::memcpy(bytes.data() + parameter.offset, &arguments[k].bits, size);
  }
  return bytes;
}

Error fault(const EmulateRequest &request, const Outcome &outcome) {
  Error error =
      inputError("kernel-fault", std::string(describe(outcome.kind)) + ": " + outcome.message);
  if (outcome.line) {
    auto triple = [](const uint32_t (&n)[3]) {
      return "(" + std::to_string(n[0]) + ", " + std::to_string(n[1]) + ", " +
             std::to_string(n[2]) + ")";
    };
    error.location = runtime::SourceLocation{request.file, static_cast<int>(outcome.line), 1};
    error.notes.push_back("kernel " + outcome.kernel + ", block " + triple(outcome.block) +
                          ", thread " + triple(outcome.thread));
    if (!outcome.source.empty())
      error.notes.push_back("source " + outcome.source);
  }
  return error;
}

Status emulate(const EmulateRequest &request) {
  const Card *card = findCard(request.card);
  if (!card)
    return usageError("unsupported-card", "there is no card '" + request.card + "'")
        .withHelp("--card is sm_75, sm_80, sm_86, sm_89, sm_90, sm_100 or sm_120");
  auto text = runtime::readFile(request.file);
  if (!text.ok())
    return std::move(text).error();
  std::string problem;
  auto memory = DeviceMemory::create({.checked = request.check}, problem);
  if (!memory)
    return runtime::environmentError("out-of-memory", problem);
  std::string_view ptx(reinterpret_cast<const char *>(text->data()), text->size());
  auto module = Module::load(ptx, *card, *memory);
  if (!module.ok()) {
    Error error = inputError("bad-ptx", module.error().message);
    if (module.error().line)
      error.location =
          runtime::SourceLocation{request.file, static_cast<int>(module.error().line), 1};
    return error;
  }
  auto kernel = findKernel(**module, request);
  if (!kernel.ok())
    return std::move(kernel).error();
  std::vector<KernelArgument> arguments;
  for (const std::string &written : request.arguments) {
    auto argument = makeArgument(written, *memory, request.seed + arguments.size());
    if (!argument.ok())
      return std::move(argument).error();
    arguments.push_back(*argument);
  }
  auto parameters = pack(**kernel, arguments);
  if (!parameters.ok())
    return std::move(parameters).error();
  LaunchConfig config;
  std::copy(request.grid.begin(), request.grid.end(), config.grid);
  std::copy(request.block.begin(), request.block.end(), config.block);
  config.sharedBytes = request.shared;
  config.parameters = *parameters;
  Counters counters;
  EngineOptions options;
  options.checked = request.check;
  options.seed = request.seed;
  options.threads = request.threads;
  options.counters = request.statistics ? &counters : nullptr;
  options.card = card;
  auto begin = std::chrono::steady_clock::now();
  Outcome outcome = launch(**kernel, config, *memory, options);
  std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  if (!outcome.ok())
    return fault(request, outcome);
  if (Status shown = showResults(request, arguments); !shown.ok())
    return shown;
  if (request.statistics)
    fputs(counters.text().c_str(), stdout);
  if (!request.time)
    return {};
  // Counting takes longer than computing.
  if (!request.statistics) {
    options.counters = &counters;
    if (outcome = launch(**kernel, config, *memory, options); !outcome.ok())
      return fault(request, outcome);
  }
  printf("launch took %.6f s, %.3f G lane operations/s\n", taken.count(),
         double(counters.totalLanes()) / taken.count() * 1e-9);
  return {};
}
} // namespace

int runEmulate(const EmulateRequest &request) {
  Status done = emulate(request);
  return done.ok() ? 0 : report(done.error());
}

} // namespace gnc::tools
