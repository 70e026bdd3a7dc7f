//===- CommandInfer.cpp - gnc infer
//-------------------------------------------------------------===//
#include "runtime/Checkpoint.h"
#include "runtime/Evaluate.h"
#include "runtime/images/Images.h"
#include "tools/Data.h"
#include "tools/Signals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>

namespace gnc::tools {

namespace {
using runtime::Error;
using runtime::Result;
using runtime::Split;

//===- What goes in ---------------------------------------------------------------------------===//

Result<Split> samplesOf(const Arguments &arguments, const runtime::CompiledNet &net,
                        const std::string &name) {
  auto data = openData(arguments, net);
  if (!data.ok())
    return std::move(data).error();
  if (name == "train")
    return std::move(data->train);
  return name == "validation" ? std::move(data->validation) : std::move(data->test);
}

/// One sample of a split of the net's own data: "test:17".
Result<Split> oneSample(const Arguments &arguments, const runtime::CompiledNet &net,
                        const std::string &name, const std::string &number) {
  uint32_t index = 0;
  auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), index);
  if (failure != std::errc() || end != number.data() + number.size())
    return runtime::usageError("input", "'" + number + "' is not the number of a sample")
        .withHelp("write test:0");
  Result<Split> split = samplesOf(arguments, net, name);
  if (!split.ok())
    return split;
  if (int64_t(index) >= split->size())
    return runtime::inputError("no-sample", "the split '" + name + "' has " +
                                                std::to_string(split->size()) +
                                                " samples, so there is no sample " + number);
  split->samples = {split->samples[index]};
  return split;
}

/// All samples of files, one for each field: "image=FILE".
Result<Split> fromFiles(const Arguments &arguments, const runtime::CompiledNet &net) {
  auto part = std::make_shared<runtime::Part>();
  part->name = "given";
  part->decoder = &runtime::imageDecoder();
  part->seed = net.recipe.seed;
  part->workers = net.recipe.workers;
  std::vector<runtime::Tensor> inputs = runtime::inputsOf(net);
  for (const std::string &text : arguments.inputs) {
    size_t equals = text.find('=');
    std::string field = text.substr(0, equals);
    auto input =
        std::find_if(inputs.begin(), inputs.end(), [&](const auto &i) { return i.name == field; });
    if (equals == std::string::npos || input == inputs.end()) {
      Error error = runtime::usageError("input", "--input " + text + " names no field of the net");
      for (const runtime::Tensor &known : inputs)
        error.notes.push_back("field: " + known.name);
      return std::move(error).withHelp(
          "write --input field=FILE, or --input test:0 for a sample of the data");
    }
    Result<runtime::Member> member = readInput(*input, text.substr(equals + 1));
    if (!member.ok())
      return std::move(member).error();
    int64_t count = sampleCount(*member);
    if (!part->members.empty() && count != part->count)
      return runtime::inputError("data-count", "'" + field + "' has " + std::to_string(count) +
                                                   " samples, the field before it " +
                                                   std::to_string(part->count));
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
    return samplesOf(arguments, net, arguments.split);
  const std::string &first = arguments.inputs.front();
  std::string value = first.substr(first.find('=') == std::string::npos ? 0 : first.find('=') + 1);
  for (const char *name : {"train", "validation", "test"})
    if (std::string prefix = std::string(name) + ":"; value.starts_with(prefix))
      return oneSample(arguments, net, name, value.substr(prefix.size()));
  return fromFiles(arguments, net);
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
    const std::string &name = output.tensor->name; // an identifier: nothing to escape
    line += json ? ",\"" + name + "\":" : "  " + name + " ";
    line += valueText(output, sample, json);
  }
  return line + (json ? "}\n" : "\n");
}

int runSamples(const Arguments &arguments, const runtime::CompiledNet &net, const Split &split) {
  auto pool = runtime::ThreadPool::create(arguments.threads);
  if (!pool.ok())
    return report(pool.error());
  auto executor = runtime::Executor::create(net.infer, **pool);
  if (!executor.ok())
    return report(executor.error());
  runtime::Status status = runtime::loadWeights(arguments.weights, **executor);
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
  fflush(stdout);
  return status.ok() ? signals.exitCode() : report(status.error());
}
} // namespace

int runInfer(const Arguments &arguments) {
  CompileReply reply = compileNet(arguments, {"infer"});
  if (reply.exitCode)
    return reply.exitCode;
  Result<Split> split = selectSamples(arguments, reply.net);
  if (!split.ok())
    return report(split.error());
  return runSamples(arguments, reply.net, *split);
}

} // namespace gnc::tools
