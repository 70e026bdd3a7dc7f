//===- CompiledFile.cpp - commands on a net that is compiled already
//----------------------------===//
#include "tools/CompiledFile.h"

#include "runtime/Checkpoint.h"
#include "runtime/CodeLoader.h"
#include "runtime/Evaluate.h"
#include "runtime/ProgramFile.h"
#include "runtime/Text.h"
#include "tools/Data.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gnc::tools {

using runtime::CompiledNet;
using runtime::Program;
using runtime::Result;
using runtime::Status;

namespace {
/// Options that change what is compiled come too late.
Status checkOptions(const CompileRequest &request) {
  const char *option = !request.settings.empty()         ? "-s"
                       : !request.net.empty()            ? "a net"
                       : request.batch                   ? "--batch"
                       : request.optLevel                ? "--opt"
                       : request.vectorBits              ? "--vector-bits"
                       : request.memory                  ? "--memory"
                       : !request.disabledPasses.empty() ? "--disable"
                       : !request.library.empty()        ? "--library"
                                                         : nullptr;
  if (!option)
    return {};
  return runtime::usageError("usage", "'" + request.file + "' is compiled already, and " + option +
                                          " changes what is compiled")
      .withHelp("give it when the file is made: gnc compile NET.net .. -o " + request.file);
}

const Program &programNamed(const CompiledNet &net, const std::string &name) {
  return name == "train" ? net.train : name == "eval" ? net.eval : net.infer;
}

/// The net as if nothing else had been compiled: data only need what these programs read. What
/// metrics accumulate belongs to the evaluation.
void keepOnly(CompiledNet &net, const std::vector<std::string> &programs) {
  auto drop = [&](const char *asked, Program &program) {
    if (std::find(programs.begin(), programs.end(), asked) == programs.end())
      program = Program();
  };
  drop("train", net.train);
  drop("eval", net.eval);
  drop("eval", net.score);
  drop("infer", net.infer);
}

void printTensors(const char *kind, const Program &program, runtime::Role role) {
  for (const runtime::Tensor &tensor : program.tensors)
    if (tensor.role == role)
      printf("  %-7s %s: %s%s\n", kind, tensor.name.c_str(),
             std::string(runtime::typeText(tensor.type)).c_str(),
             runtime::shapeText(tensor.declaredShape()).c_str());
}

void printProgram(const Program &program) {
  if (program.maxBatch == 0)
    return;
  printf("%s: %lld samples at a time, %zu launches of %zu kernels, %s of memory\n",
         program.name.c_str(), (long long)program.maxBatch, program.launches.size(),
         program.kernels.size(), runtime::bytesText(program.arenaBytes).c_str());
  printTensors("input", program, runtime::Role::Input);
  printTensors("result", program, runtime::Role::Result);
}
} // namespace

Result<CompiledNet> loadCompiled(const Arguments &arguments,
                                 const std::vector<std::string> &programs) {
  const CompileRequest &request = arguments.compile;
  if (Status status = checkOptions(request); !status.ok())
    return std::move(status).error();
  auto levels = cpuLevels(arguments, {runtime::cpuLevel()});
  if (!levels.ok())
    return std::move(levels).error();
  unsigned most = levels->empty() ? 0 : *std::max_element(levels->begin(), levels->end());
  unsigned card = request.card.empty() ? 0 : unsigned(atoi(request.card.c_str() + strlen("sm_")));
  Result<CompiledNet> net = runtime::loadProgramFile(request.file, {card ? 0 : most, card});
  if (!net.ok())
    return net;
  if (!programs.empty())
    keepOnly(*net, programs);
  if (!programs.empty() && programNamed(*net, programs.front()).maxBatch == 0)
    return runtime::inputError("no-program",
                               "there is no program '" + programs.front() + "' in " + request.file)
        .withHelp("compile it with all programs: gnc compile NET.net -o " + request.file);
  if (!request.data.empty()) {
    overrideSource(net->recipe.source, request.data);
    net->recipe.source.location = {}; // what is wrong with these data is not the file's fault
  }
  net->recipe.seed = request.seed.value_or(net->recipe.seed);
  return net;
}

int summarizeCompiled(const std::string &path) {
  auto info = runtime::inspectProgramFile(path);
  if (!info.ok())
    return report(info.error());
  printf("%s: %s, compiled; content %016llx\n", path.c_str(), info->net.recipe.net.c_str(),
         (unsigned long long)info->hash);
  for (const runtime::ProgramTarget &target : info->targets)
    printf("for %s: %s of programs, %s of machine code\n", target.name().c_str(),
           runtime::bytesText(target.descriptionBytes).c_str(),
           runtime::bytesText(target.codeBytes).c_str());
  printf("weights: %s\n",
         info->weightBytes ? runtime::bytesText(info->weightBytes).c_str() : "none");
  for (const Program *program : {&info->net.train, &info->net.eval, &info->net.infer})
    printProgram(*program);
  return 0;
}

Status takeWeights(const Arguments &arguments, const CompiledNet &net,
                   runtime::Executor &executor) {
  if (!arguments.weights.empty())
    return runtime::loadWeights(arguments.weights, executor);
  if (net.weights)
    return runtime::loadWeights(net.weights->span(), "the weights in " + arguments.compile.file,
                                executor);
  return runtime::usageError("usage", "there are no weights to compute with")
      .withHelp("add --weights FILE.safetensors");
}

} // namespace gnc::tools
