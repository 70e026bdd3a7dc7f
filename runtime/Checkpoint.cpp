//===- Checkpoint.cpp - all that a training is, in one file
//-------------------------------------===//
#include "runtime/Checkpoint.h"

#include "runtime/Finite.h"
#include "runtime/Layout.h"
#include "runtime/Text.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace gnc::runtime {

std::string averageKey(const std::string &path) { return std::string(averagePrefix) + path; }

namespace {
/// The tensor's key in a file; nothing for a tensor that is not kept.
std::optional<std::string> keyOf(const Tensor &tensor, bool withOptimizer) {
  if (tensor.role == Role::Weight || tensor.role == Role::State)
    return tensor.name;
  if (tensor.role == Role::Average)
    return averageKey(tensor.name);
  if (tensor.role == Role::Optimizer && withOptimizer)
    return std::string(optimizerPrefix) + tensor.name;
  return std::nullopt;
}

/// All tensors to keep, their bytes made while they are written. Refuses weights that are not
/// finite.
Result<std::vector<TensorToWrite>> collect(const Executor &executor, bool withOptimizer) {
  std::vector<TensorToWrite> tensors;
  for (const Tensor &tensor : executor.program().tensors) {
    std::optional<std::string> key = keyOf(tensor, withOptimizer);
    if (!key)
      continue;
    if ((tensor.role == Role::Weight || tensor.role == Role::Average) &&
        !isFinite(tensor, 1, executor.read(tensor, 1)))
      return inputError("not-finite",
                        "the weight '" + tensor.name + "' is no longer finite, so it is not saved")
          .withHelp("lower the learning rate")
          .at(tensor.location);
    auto make = [&executor, &tensor](std::vector<uint8_t> &bytes) {
      bytes.resize(denseBytes(tensor, 1));
      executor.readDense(tensor, 1, bytes.data());
      return executor.status();
    };
    tensors.push_back({*key, tensor.type, tensor.declaredShape(), {}, make});
  }
  return tensors;
}

bool isExtra(const std::string &key) {
  return key.starts_with(optimizerPrefix) || key.starts_with(averagePrefix);
}

//===- Matching -------------------------------------------------------------------------------===//

/// What differs between a file and a program, gathered so that one message can tell all.
struct Differences {
  std::vector<std::string> missing, unexpected, notes;
};

Differences compare(const SafetensorsFile &file, const Program &program, bool withOptimizer) {
  Differences differences;
  std::map<std::string, const Tensor *> wanted;
  for (const Tensor &tensor : program.tensors)
    if (auto key = keyOf(tensor, withOptimizer))
      wanted[*key] = &tensor;
  for (const auto &[key, stored] : file.tensors)
    if (!wanted.contains(key) && (withOptimizer || !isExtra(key)))
      differences.unexpected.push_back(key);
  auto check = [&](const std::string &key, const StoredTensor &stored, const Tensor &tensor) {
    if (stored.shape != tensor.declaredShape())
      differences.notes.push_back("'" + key + "' is " + shapeText(stored.shape) +
                                  " in the file, but " + shapeText(tensor.declaredShape()) +
                                  " in the network");
    else if (stored.type != safetensorsType(tensor.type))
      differences.notes.push_back("'" + key + "' is " + stored.type + " in the file, but " +
                                  std::string(safetensorsType(tensor.type)) + " in the network");
  };
  for (const auto &[key, tensor] : wanted) {
    auto found = file.tensors.find(key);
    if (found == file.tensors.end())
      differences.missing.push_back(key);
    else
      check(key, found->second, *tensor);
    if (auto average = file.tensors.find(averageKey(key));
        !withOptimizer && average != file.tensors.end())
      check(average->first, average->second, *tensor); // read in its place
  }
  return differences;
}

Status checkMatch(const std::string &path, const SafetensorsFile &file, const Program &program,
                  bool withOptimizer) {
  constexpr size_t most = 8;
  Differences differences = compare(file, program, withOptimizer);
  size_t wrong = differences.notes.size();
  if (wrong == 0 && differences.missing.empty() && differences.unexpected.empty())
    return {};
  Error error =
      inputError("weights-differ", "the weights in '" + path + "' are not those of this network");
  for (size_t i = 0; i < std::min(wrong, most); ++i)
    error.notes.push_back(differences.notes[i]);
  if (wrong > most)
    error.notes.push_back("and " + std::to_string(wrong - most) + " more of other shape or type");
  if (!differences.missing.empty())
    error.notes.push_back("missing in the file: " + listText(differences.missing, most));
  if (!differences.unexpected.empty())
    error.notes.push_back("unknown to the network: " + listText(differences.unexpected, most));
  if (!differences.missing.empty())
    if (std::string guess = nearest(differences.missing[0], differences.unexpected); !guess.empty())
      error.help = "if '" + differences.missing[0] + "' was called '" + guess +
                   "' before, give it that name again";
  return error;
}

void restore(const SafetensorsFile &file, Executor &executor, bool withOptimizer) {
  for (const Tensor &tensor : executor.program().tensors) {
    auto key = keyOf(tensor, withOptimizer);
    if (!key)
      continue;
    auto found = file.tensors.find(averageKey(*key));
    if (withOptimizer || found == file.tensors.end())
      found = file.tensors.find(*key);
    executor.writeDense(tensor, 1, found->second.bytes.data());
  }
}

//===- The state as text ----------------------------------------------------------------------===//

/// Exact: hexadecimal.
std::string doubleText(double value) {
  char buffer[64];
  snprintf(buffer, sizeof buffer, "%a", value);
  return buffer;
}

Metadata toMetadata(const TrainingState &state) {
  Metadata text = {{"gnc_checkpoint", "1"},
                   {"net", state.net},
                   {"seed", std::to_string(state.seed)},
                   {"batch", std::to_string(state.batch)},
                   {"samples", std::to_string(state.samples)},
                   {"epoch", std::to_string(state.epoch)},
                   {"step_in_epoch", std::to_string(state.stepInEpoch)},
                   {"step", std::to_string(state.step)},
                   {"loss_sum", doubleText(state.lossSum)},
                   {"loss_count", std::to_string(state.lossCount)},
                   {"evaluated_step", std::to_string(state.evaluatedStep)},
                   {"best_metric", state.bestMetric},
                   {"log", state.log}};
  if (state.best)
    text["best"] = doubleText(*state.best);
  if (state.skipped)
    text["skipped"] = std::to_string(state.skipped);
  return text;
}

/// Reads fields of the metadata and remembers whether all were good.
class StateReader {
public:
  explicit StateReader(const Metadata &metadata) : metadata(metadata) {}
  std::string problem;

  std::string text(const char *key) {
    auto found = metadata.find(key);
    if (found == metadata.end())
      problem = std::string("it has no '") + key + "'";
    return found == metadata.end() ? "" : found->second;
  }

  template <typename T> T whole(const char *key) {
    std::string digits = text(key);
    T value = 0;
    auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failure != std::errc() || end != digits.data() + digits.size() || value < T(0))
      refuse(key, digits);
    return value;
  }

  double real(const char *key) {
    std::string digits = text(key);
    char *end = nullptr;
    double value = strtod(digits.c_str(), &end);
    if (digits.empty() || end != digits.c_str() + digits.size() || !std::isfinite(value))
      refuse(key, digits);
    return value;
  }

private:
  void refuse(const char *key, const std::string &found) {
    if (problem.empty())
      problem = std::string("its '") + key + "' is '" + found.substr(0, 40) + "'";
  }
  const Metadata &metadata;
};

Result<TrainingState> fromMetadata(const std::string &path, const Metadata &metadata) {
  if (!metadata.contains("gnc_checkpoint"))
    return inputError("not-a-checkpoint", "'" + path + "' holds weights, but no training to resume")
        .withHelp("resume from last.safetensors");
  StateReader reader(metadata);
  TrainingState state;
  if (reader.text("gnc_checkpoint") != "1")
    reader.problem = "it is of a later version";
  state.net = reader.text("net");
  state.seed = reader.whole<uint64_t>("seed");
  state.batch = reader.whole<int64_t>("batch");
  state.samples = reader.whole<int64_t>("samples");
  state.epoch = reader.whole<int64_t>("epoch");
  state.stepInEpoch = reader.whole<int64_t>("step_in_epoch");
  state.step = reader.whole<int64_t>("step");
  state.lossSum = reader.real("loss_sum");
  state.lossCount = reader.whole<int64_t>("loss_count");
  state.evaluatedStep = reader.whole<int64_t>("evaluated_step");
  state.bestMetric = reader.text("best_metric");
  state.log = reader.text("log");
  if (metadata.contains("best"))
    state.best = reader.real("best");
  if (metadata.contains("skipped"))
    state.skipped = reader.whole<int64_t>("skipped");
  if (!reader.problem.empty())
    return inputError("not-a-checkpoint",
                      "'" + path + "' is not a good checkpoint: " + reader.problem);
  return state;
}
} // namespace

Status saveCheckpoint(const std::string &path, const Executor &train, const TrainingState &state) {
  Result<std::vector<TensorToWrite>> tensors = collect(train, true);
  if (!tensors.ok())
    return std::move(tensors).error();
  return writeSafetensors(path, std::move(*tensors), toMetadata(state));
}

Result<TrainingState> loadCheckpoint(const std::string &path, Executor &train) {
  Result<SafetensorsFile> file = readSafetensors(path);
  if (!file.ok())
    return std::move(file).error();
  Result<TrainingState> state = fromMetadata(path, file->metadata);
  if (!state.ok())
    return state;
  if (Status status = checkMatch(path, *file, train.program(), true); !status.ok())
    return std::move(status).error();
  restore(*file, train, true);
  return state;
}

Status saveWeights(const std::string &path, const Executor &executor, const Metadata &metadata) {
  Result<std::vector<TensorToWrite>> tensors = collect(executor, false);
  if (!tensors.ok())
    return std::move(tensors).error();
  return writeSafetensors(path, std::move(*tensors), metadata);
}

static Result<SafetensorsFile> parseCopy(std::span<const uint8_t> file, const std::string &name) {
  auto bytes = Bytes::allocate(file.size(), name);
  if (!bytes.ok())
    return std::move(bytes).error();
  std::copy(file.begin(), file.end(), bytes->data());
  return parseSafetensors(std::move(*bytes), name);
}

static Status takeWeights(const std::string &name, Result<SafetensorsFile> file,
                          Executor &executor) {
  if (!file.ok())
    return std::move(file).error();
  if (Status status = checkMatch(name, *file, executor.program(), false); !status.ok())
    return status;
  restore(*file, executor, false);
  return {};
}

Status loadWeights(const std::string &path, Executor &executor) {
  return takeWeights(path, readSafetensors(path), executor);
}

Status loadWeights(std::span<const uint8_t> file, const std::string &name, Executor &executor) {
  return takeWeights(name, parseCopy(file, name), executor);
}

Status checkWeights(std::span<const uint8_t> file, const std::string &name,
                    const Program &program) {
  Result<SafetensorsFile> parsed = parseCopy(file, name);
  if (!parsed.ok())
    return std::move(parsed).error();
  return checkMatch(name, *parsed, program, false);
}

} // namespace gnc::runtime
