// Keys of a train section about what its weights start from and are kept as.
#include "dsl/TrainKeys.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace gnc::dsl;
using llvm::StringRef;

/// `init = "weights.safetensors"`.
static LogicalResult evaluateInit(const TrainKeys &keys, Elaborator &elab, const Module &module,
                                  Scope &scope, TrainNumbers &numbers) {
  const ast::Expr *expr = keys.find("init");
  if (!expr)
    return success();
  FailureOr<Value> value = elab.evaluate(*expr, scope);
  if (failed(value))
    return failure();
  const std::string *path = value->string();
  if (!path || path->empty())
    return elab
        .error("train-init", expr->span,
               "init must be a file of weights, as a string; this is " + value->str())
        .help("write init = \"runs/first/best.safetensors\"");
  llvm::SmallString<128> resolved(*path);
  if (llvm::sys::path::is_relative(*path)) {
    resolved = module.folder();
    llvm::sys::path::append(resolved, *path);
  }
  llvm::sys::path::remove_dots(resolved, /*remove_dot_dot=*/false);
  numbers.init = resolved.str().str();
  return success();
}

/// `average = ema(0.999)`.
static LogicalResult evaluateAverage(const TrainKeys &keys, Elaborator &elab, Scope &scope,
                                     TrainNumbers &numbers) {
  const ast::Expr *expr = keys.find("average");
  if (!expr)
    return success();
  const auto *call = llvm::dyn_cast<ast::Call>(expr);
  const auto *callee = call ? llvm::dyn_cast<ast::Name>(call->callee) : nullptr;
  if (!callee || callee->name != "ema" || call->args.list.size() != 1 || call->args.list[0].name)
    return elab.error("train-average", expr->span, "average must be ema(decay)")
        .note("ema(decay) keeps a running average of all weights, for evaluation and inference")
        .help("write average = ema(0.999)");
  const ast::Expr &argument = *call->args.list[0].value;
  FailureOr<double> decay = elab.evaluateReal(argument, scope, "the decay of ema");
  if (failed(decay))
    return failure();
  if (!(*decay > 0 && *decay < 1))
    return elab
        .error("train-average", argument.span,
               "the decay of ema must be between 0 and 1, got " + argument.span.text())
        .note("after a step the average is decay * average + (1 - decay) * weight")
        .help("write average = ema(0.999)");
  numbers.average = *decay;
  return success();
}

/// `precision = bf16`.
static LogicalResult evaluatePrecision(const TrainKeys &keys, Elaborator &elab,
                                       TrainNumbers &numbers) {
  const ast::Expr *expr = keys.find("precision");
  if (!expr)
    return success();
  const auto *name = llvm::dyn_cast<ast::Name>(expr);
  if (!name || (name->name != "f32" && name->name != "f16" && name->name != "bf16"))
    return elab
        .error("train-precision", expr->span,
               "precision must be f32, f16 or bf16, got " + oneLine(expr->span.text(), 40))
        .note("it is how a step stores what it computes for the samples; weights and arithmetic "
              "are always f32")
        .help("write precision = bf16 to save memory, or leave it out");
  numbers.precision = name->name.str();
  return success();
}

LogicalResult gnc::dsl::evaluateStart(const TrainKeys &keys, Elaborator &elab, const Module &module,
                                      Scope &scope, TrainNumbers &numbers) {
  LogicalResult init = evaluateInit(keys, elab, module, scope, numbers);
  LogicalResult average = evaluateAverage(keys, elab, scope, numbers);
  LogicalResult precision = evaluatePrecision(keys, elab, numbers);
  return LogicalResult::success(succeeded(init) && succeeded(average) && succeeded(precision));
}
