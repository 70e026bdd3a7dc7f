// Compiles, runs and compares random nets.
#include "NetJudge.h"

#include "codegen/Jit.h"
#include "dsl/Frontend.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace mlir;

namespace gnc::test {

namespace {

std::string describe(const Plan &plan) {
  std::string text = plan.card.empty()
                         ? "--opt " + std::to_string(plan.optLevel) + " --vector-bits " +
                               std::to_string(plan.vectorBits)
                         : "--target=" + plan.card + " --codegen=" + nameOf(plan.codegen);
  for (size_t i = 0; i < plan.disabled.size(); ++i)
    text += (i ? "," : " --disable=") + plan.disabled[i];
  return text;
}

/// One of the net's programs; an error of the front end is the generator's, or a bug.
Compiled::Source sourceOf(const RandomNet &net, const std::string &program, std::string &wrong) {
  return [&net, program, &wrong](MLIRContext &context) {
    dsl::SourceManager sources;
    dsl::Diagnostics diagnostics;
    auto result = dsl::elaborateText("net", net.text(), dsl::FrontendOptions(), context, sources,
                                     diagnostics);
    if (diagnostics.hasErrors())
      wrong = "is refused:\n" + diagnostics.str();
    else
      for (auto function : llvm::make_early_inc_range(result.module->getOps<func::FuncOp>()))
        if (function.getName() != program)
          function.erase();
    return std::move(result.module);
  };
}

Tensors drawArguments(Compiled &compiled, const RandomNet &net) {
  std::mt19937_64 random(net.seed);
  auto whole = [&](int64_t low, int64_t high) {
    return double(low + int64_t(random() % uint64_t(high - low + 1)));
  };
  Tensors arguments = compiled.arguments(net.samples, [&](bool isFloat) {
    return !isFloat || net.exact ? whole(-1, 1) : double(float(whole(-1000000, 1000000) / 1e6));
  });
  NetTypes types = *net.types();
  for (unsigned i = 0; i < arguments.size(); ++i) {
    const runtime::Tensor &tensor = *compiled.argumentTensor(i);
    std::vector<double> &data = arguments[i].data;
    bool share = tensor.role == runtime::Role::State; // variances are positive
    int64_t classes = 0;
    for (unsigned v = 0; v < types.size(); ++v)
      if (tensor.role == runtime::Role::Input && tensor.name == "v" + std::to_string(v)) {
        classes = types[v].classes;
        share |= netLayers()[net.values[v].layer].feed == Feed::Shares;
      }
    for (double &value : data)
      value = classes ? whole(0, classes - 1) : share ? (std::fabs(value) + 0.25) / 1.25 : value;
    if (tensor.role == runtime::Role::Stream)
      data = {7, 0, 1, 0};
  }
  return arguments;
}

/// How results differ from what is expected; "" if they do not.
std::string difference(const Tensors &results, const NetBound &bound, double &worst) {
  for (size_t r = 0; r < results.size(); ++r)
    for (size_t e = 0; e < results[r].data.size(); ++e) {
      double found = results[r].data[e], wanted = bound.expected[r].data[e];
      double error = std::fabs(found - wanted);
      if (error == 0)
        continue;
      if (!(error <= bound.bounds[r])) // NaN is wrong
        return "result " + std::to_string(r) + ", element " + std::to_string(e) + ": " +
               std::to_string(found) + ", not " + std::to_string(wanted) + " +- " +
               std::to_string(bound.bounds[r]);
      worst = std::max(worst, error / bound.bounds[r]);
    }
  return "";
}

void judgeProgram(const RandomNet &net, const std::string &program, std::vector<Plan> plans,
                  NetVerdict &verdict) {
  for (Plan &plan : plans)
    plan.batch = net.planned;
  std::string &wrong = verdict.wrong;
  Compiled compiled(sourceOf(net, program, wrong), plans.front());
  if (!wrong.empty())
    return;
  std::optional<NetBound> bound;
  Tensors arguments;
  for (size_t p = 0; p < plans.size(); ++p) {
    std::string where = "\n" + program + " with " + describe(plans[p]);
    if (p)
      compiled.compileAgain(plans[p]);
    if (!compiled.ok) {
      wrong = "is not compiled" + where;
      return;
    }
    if (!bound) {
      arguments = drawArguments(compiled, net);
      bound.emplace(compiled.function(), arguments, net.seed);
      verdict.finite &= bound->finite;
      if (!bound->finite)
        return;
    }
    wrong = difference(compiled.run(arguments, net.samples, 1 + unsigned(p % 3)), *bound,
                       verdict.worst);
    if (!wrong.empty()) {
      wrong += where;
      return;
    }
    ++verdict.compared;
    verdict.exact += bound->exact;
  }
}

} // namespace

std::vector<Plan> netPlans(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<unsigned> widths;
  for (unsigned bits = 128; bits <= vectorBitsOf(hostCpuLevel()); bits *= 2)
    widths.push_back(bits);
  std::vector<Plan> plans;
  auto add = [&](unsigned level, unsigned bits, std::vector<std::string> disabled) {
    plans.push_back({.vectorBits = bits, .disabled = std::move(disabled), .optLevel = level});
  };
  for (unsigned level = 0; level < 3; ++level)
    for (unsigned bits : widths)
      add(level, bits, {});
  std::vector<std::string> some;
  for (const OptionalPass &pass : optionalPasses()) {
    add(unsigned(random() % 3), widths[random() % widths.size()], {pass.flag.str()});
    if (random() % 2)
      some.push_back(pass.flag.str());
  }
  add(unsigned(random() % 3), widths[random() % widths.size()], some);
  return plans;
}

std::vector<Plan> cardPlans(uint64_t seed, GpuCodegen codegen) {
  const char *const cards[] = {"sm_75", "sm_80", "sm_90"};
  Plan all{.card = cards[seed % std::size(cards)], .codegen = codegen}, some = all;
  some.disabled = {optionalPasses()[seed % optionalPasses().size()].flag.str()};
  return {all, some};
}

NetVerdict judge(const RandomNet &net, const std::vector<Plan> &plans) {
  NetVerdict verdict;
  for (const char *program : {"train", "infer"})
    if (verdict.wrong.empty())
      judgeProgram(net, program, plans, verdict);
  return verdict;
}

} // namespace gnc::test
