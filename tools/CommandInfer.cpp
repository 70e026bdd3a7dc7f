//===- CommandInfer.cpp - gnc infer
//-------------------------------------------------------------===//
#include "runtime/Evaluate.h"
#include "runtime/images/Images.h"
#include "tools/CompiledFile.h"
#include "tools/Data.h"
#include "tools/Devices.h"
#include "tools/Signals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <set>

namespace gnc::tools {

namespace {
using runtime::Error;
using runtime::Result;
using runtime::Split;

//===- What goes in ---------------------------------------------------------------------------===//

/// One `--input`: "image=FILE"; the field is empty in "test:17".
struct Given {
  std::string text, field, value;
};

Given parseInput(const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos)
    return {text, "", text};
  return {text, text.substr(0, equals), text.substr(equals + 1)};
}

/// "test" of "test:17"; empty for a file.
std::string splitOf(const Given &given) {
  for (const char *name : {"train", "validation", "test"})
    if (given.value.starts_with(std::string(name) + ":"))
      return name;
  return "";
}

Error unknownField(const Given &given, const std::vector<runtime::Tensor> &inputs) {
  Error error =
      runtime::usageError("input", "--input " + given.text + " names no field of the net");
  for (const runtime::Tensor &known : inputs)
    error.notes.push_back("field: " + known.name);
  return std::move(error).withHelp(
      "write --input field=FILE, or --input test:0 for a sample of the data");
}

/// Each names a field of the net, no field twice; a sample of the data stands alone.
runtime::Status checkGiven(const std::vector<Given> &list,
                           const std::vector<runtime::Tensor> &inputs) {
  std::set<std::string> seen;
  for (const Given &given : list) {
    bool sample = !splitOf(given).empty();
    bool known = std::any_of(inputs.begin(), inputs.end(),
                             [&](const auto &input) { return input.name == given.field; });
    if (!known && !(sample && given.field.empty()))
      return unknownField(given, inputs);
    if (sample && list.size() > 1)
      return runtime::usageError("input", "--input " + given.text +
                                              " is a whole sample, but there is another --input")
          .withHelp("give one sample of the data, or a file for every field");
    if (!seen.insert(given.field).second)
      return runtime::usageError("input", "--input gives '" + given.field + "' twice")
          .withHelp("give every field one file; a NumPy or IDX file may hold many samples");
  }
  return {};
}

/// One sample of a split of the net's own data: "test:17".
Result<Split> oneSample(const Arguments &arguments, const runtime::CompiledNet &net,
                        const std::string &name, const std::string &number) {
  uint32_t index = 0;
  auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), index);
  if (failure != std::errc() || end != number.data() + number.size())
    return runtime::usageError("input", "'" + number + "' is not the number of a sample")
        .withHelp("write test:0");
  Result<Split> split = openSplit(arguments, net, name);
  if (!split.ok())
    return split;
  if (int64_t(index) >= split->size())
    return runtime::inputError("no-sample", "the split '" + name + "' has " +
                                                std::to_string(split->size()) +
                                                " samples, so there is no sample " + number);
  split->samples = {split->samples[index]};
  split->first = index;
  return split;
}

/// All samples of files, one for each field: "image=FILE".
Result<Split> fromFiles(const std::vector<Given> &list, const std::vector<runtime::Tensor> &inputs,
                        const runtime::CompiledNet &net) {
  auto part = std::make_shared<runtime::Part>();
  part->name = "given";
  part->decoder = &runtime::imageDecoder();
  part->seed = net.recipe.seed;
  part->workers = net.recipe.workers;
  for (const Given &given : list) {
    auto input = std::find_if(inputs.begin(), inputs.end(),
                              [&](const auto &i) { return i.name == given.field; });
    Result<runtime::Member> member = readInput(*input, given.value);
    if (!member.ok())
      return std::move(member).error();
    int64_t count = sampleCount(*member);
    if (!part->members.empty() && count != part->count)
      return runtime::inputError(
          "data-count", "'" + given.field + "' has " + std::to_string(count) +
                            " samples, the field before it " + std::to_string(part->count));
    part->count = count;
    part->members.push_back(std::move(*member));
  }
  if (runtime::Status status = runtime::checkInputs(*part, inputs); !status.ok())
    return std::move(status).error();
  Split split{"given", part, std::vector<uint32_t>(size_t(part->count))};
  std::iota(split.samples.begin(), split.samples.end(), 0);
  return split;
}

Result<Split> selectSamples(const Arguments &arguments, const runtime::CompiledNet &net) {
  if (arguments.inputs.empty())
    return openSplit(arguments, net, arguments.split);
  std::vector<Given> list;
  for (const std::string &text : arguments.inputs)
    list.push_back(parseInput(text));
  std::vector<runtime::Tensor> inputs = runtime::inputsOf(net);
  if (runtime::Status status = checkGiven(list, inputs); !status.ok())
    return std::move(status).error();
  const Given &first = list.front();
  if (std::string name = splitOf(first); !name.empty())
    return oneSample(arguments, net, name, first.value.substr(name.size() + 1));
  return fromFiles(list, inputs, net);
}

//===- What comes out -------------------------------------------------------------------------===//

/// The element at byte `at`. JSON has no infinities.
std::string numberText(runtime::ElementType type, const uint8_t *at, bool json) {
  char buffer[40];
  if (type == runtime::ElementType::F32) {
    float value;
    memcpy(&value, at, 4);
    if (json && !std::isfinite(value))
      return "null";
    snprintf(buffer, sizeof buffer, json ? "%.9g" : "%.6g", double(value));
    return buffer;
  }
  if (type == runtime::ElementType::Bool)
    return *at ? "true" : "false";
  int32_t value = *at;
  if (type == runtime::ElementType::I32)
    memcpy(&value, at, 4);
  return std::to_string(value);
}

std::string valueText(const runtime::Output &output, int64_t sample, bool json) {
  const runtime::Tensor &tensor = *output.tensor;
  int64_t elements = tensor.elements(), width = runtime::byteWidth(tensor.type);
  const uint8_t *at = output.bytes.data() + (tensor.batched ? sample * elements * width : 0);
  if (tensor.shape.empty())
    return numberText(tensor.type, at, json);
  std::string text = "[";
  for (int64_t i = 0; i < elements; ++i)
    text += (i ? (json ? "," : ", ") : "") + numberText(tensor.type, at + i * width, json);
  return text + "]";
}

std::string lineOf(int64_t number, int64_t sample, std::span<const runtime::Output> outputs,
                   bool json) {
  std::string line = json ? "{\"sample\":" + std::to_string(number) : std::to_string(number);
  for (const runtime::Output &output : outputs) {
    std::string name = output.tensor->name; // an identifier: nothing to escape
    if (json && name == "sample")
      name += ".2"; // the sample's number has that key
    line += json ? ",\"" + name + "\":" : "  " + name + " ";
    line += valueText(output, sample, json);
  }
  return line + (json ? "}\n" : "\n");
}

int runSamples(const Arguments &arguments, const OpenedDevice &device,
               const runtime::CompiledNet &net, const Split &split) {
  auto executor = (*device).load(net.infer);
  if (!executor.ok())
    return report(executor.error());
  runtime::Status status = takeWeights(arguments, net, **executor);
  if (!status.ok())
    return report(status.error());
  SignalGuard signals;
  auto print = [&](int64_t first, int64_t n,
                   std::span<const runtime::Output> outputs) -> runtime::Status {
    std::string text;
    for (int64_t s = 0; s < n; ++s)
      text += lineOf(split.samples[size_t(first + s)], s, outputs, arguments.json);
    fwrite(text.data(), 1, text.size(), stdout);
    return {};
  };
  status = runtime::infer(net.recipe, **executor, split, print, signals.flag());
  device.printStatistics(net);
  fflush(stdout);
  return status.ok() ? signals.exitCode() : report(status.error());
}
} // namespace

int runInfer(const Arguments &arguments) {
  auto device = openDevice(arguments);
  if (!device.ok())
    return report(device.error());
  CompileReply reply = compileNet(device->arguments(arguments), {"infer"});
  if (reply.exitCode)
    return reply.exitCode;
  Result<Split> split = selectSamples(arguments, reply.net);
  if (!split.ok())
    return report(split.error());
  return runSamples(arguments, *device, reply.net, *split);
}

} // namespace gnc::tools
