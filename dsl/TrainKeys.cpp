#include "dsl/TrainKeys.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace gnc::dsl;
using llvm::StringRef;

static constexpr TrainKey allKeys[] = {
    {"loss", "a number a sample, over the net's results and the data's fields"},
    {"optimizer", "sgd(..), adam(..), .. or one of your own"},
    {"batch", "samples in one step"},
    {"epochs", "how often all samples are seen"},
    {"steps", "how many steps are taken, in place of epochs"},
    {"metrics", "a list of ops that give a number a sample"},
    {"seed", "a whole number that all randomness starts from"},
    {"validate", "the share of the training part kept for validation"},
    {"save", "best(metric)"},
    {"clip", "norm(c) or value(c)"},
    {"precision", "f32, f16 or bf16"},
    {"init", "a file of weights to start from"},
    {"freeze", "a list of layers that are not trained"},
    {"average", "ema(d)"},
    {"workers", "threads that read data"},
};

llvm::ArrayRef<TrainKey> gnc::dsl::trainKeys() { return allKeys; }

static const TrainKey *findKey(StringRef name) {
  const TrainKey *key = llvm::find_if(allKeys, [&](const TrainKey &k) { return k.name == name; });
  return key == std::end(allKeys) ? nullptr : key;
}

bool TrainKeys::isNumberKey(StringRef name) {
  return name == "batch" || name == "epochs" || name == "steps" || name == "seed" ||
         name == "validate" || name == "workers";
}

//===- reading ------------------------------------------------------------------------------===//

TrainKeys::TrainKeys(const ast::TrainDecl &train, Diagnostics &diags) : train(train) {
  unsigned before = diags.errorCount();
  for (const ast::Stmt *stmt : train.body.stmts) {
    if (const auto *assign = llvm::dyn_cast<ast::AssignStmt>(stmt))
      add(*assign, diags);
    else if (const auto *let = llvm::dyn_cast<ast::LetStmt>(stmt))
      helpers.push_back(let);
    else
      diags.error("train-statement", stmt->span, "a train section holds keys and let only")
          .help("write key = value; a helper value is written let name = value");
  }
  checkComplete(diags);
  isValid = diags.errorCount() == before;
}

void TrainKeys::add(const ast::AssignStmt &assign, Diagnostics &diags) {
  if (assign.names.size() != 1 || assign.type) {
    diags.error("train-statement", assign.span, "a train section holds keys and let only")
        .help("write key = value; a helper value is written let name = value");
    return;
  }
  const ast::Ident &name = assign.names.front();
  const TrainKey *key = findKey(name.text);
  if (!key) {
    llvm::SmallVector<StringRef> names;
    for (const TrainKey &k : allKeys)
      names.push_back(k.name);
    Diagnostic &error =
        diags.error("unknown-key", name.span, "train sections have no key '" + name.text + "'");
    error.note("keys: " + llvm::join(names, ", "));
    StringRef near = nearest(name.text, names);
    misspelt.insert(near);
    if (!near.empty())
      error.help("did you mean '" + near + "'?");
    else
      error.help("a helper value is written let " + name.text + " = ..");
    return;
  }
  auto [it, inserted] = values.try_emplace(key->name, assign.value);
  if (!inserted)
    diags.error("key-twice", name.span, "'" + key->name + "' is given twice")
        .note(it->second->span, "the first time here")
        .help("keep one of them");
}

void TrainKeys::checkComplete(Diagnostics &diags) {
  Span head = train.keyword.to(train.data.span);
  if (!find("loss") && !misspelt.contains("loss"))
    diags.error("no-loss", head, "this train section has no loss")
        .help("add loss = cross_entropy(..) over the net's results and the data's fields");
  if (!find("optimizer") && !misspelt.contains("optimizer"))
    diags.error("no-optimizer", head, "this train section has no optimizer")
        .help("add optimizer = adam(1e-3)");
  if (find("epochs") && find("steps"))
    diags
        .error("epochs-and-steps", find("steps")->span,
               "epochs and steps both say how long to train")
        .note(find("epochs")->span, "epochs is given here")
        .help("keep one of them");
}

Span TrainKeys::place(StringRef key) const {
  const ast::Expr *value = find(key);
  return value ? value->span : train.keyword.to(train.data.span);
}

//===- evaluating ---------------------------------------------------------------------------===//

namespace {
/// Reads number keys: from `-s`, else from the section.
class NumberReader {
public:
  NumberReader(const TrainKeys &keys, Elaborator &elab, Scope &scope,
               const llvm::StringMap<Value> &overrides)
      : keys(keys), elab(elab), scope(scope), overrides(overrides) {}

  /// The value of a whole number at least `least`; `fallback` if it is not given.
  FailureOr<int64_t> whole(StringRef key, int64_t least, int64_t fallback) {
    FailureOr<std::optional<Value>> value = read(key);
    if (failed(value))
      return failure();
    if (!*value)
      return fallback;
    std::optional<int64_t> number = (*value)->asInt();
    if (!number || *number < least)
      return elab
          .error("train-number", keys.place(key),
                 key + " must be a whole number of at least " + llvm::Twine(least) + ", got " +
                     (*value)->str())
          .help("write " + key + " = " + llvm::Twine(std::max<int64_t>(least, fallback)));
    return *number;
  }

  FailureOr<double> share(StringRef key) {
    FailureOr<std::optional<Value>> value = read(key);
    if (failed(value))
      return failure();
    if (!*value)
      return 0.0;
    std::optional<double> number = (*value)->asDouble();
    if (!number || !(*number >= 0 && *number < 1))
      return elab
          .error("train-number", keys.place(key),
                 key + " must be a number from 0 to below 1, got " + (*value)->str())
          .help("write " + key + " = 0.1 for a tenth of the training part");
    return *number;
  }

private:
  FailureOr<std::optional<Value>> read(StringRef key) {
    if (auto it = overrides.find(key); it != overrides.end() && !usedByNet(key)) {
      elab.usedOverrides.insert(key);
      return std::optional<Value>(it->second);
    }
    const ast::Expr *expr = keys.find(key);
    if (!expr)
      return std::optional<Value>();
    FailureOr<Value> value = elab.evaluate(*expr, scope);
    if (failed(value))
      return failure();
    return std::optional<Value>(*value);
  }
  /// A setting of the net may be called `steps`; then `-s steps=..` means it.
  bool usedByNet(StringRef key) const { return elab.usedOverrides.contains(key); }

  const TrainKeys &keys;
  Elaborator &elab;
  Scope &scope;
  const llvm::StringMap<Value> &overrides;
};
} // namespace

/// The name of a metric in `save = best(name)`; "" if there is no such key.
static FailureOr<std::string> evaluateSave(const TrainKeys &keys, Elaborator &elab,
                                           llvm::ArrayRef<std::string> metrics) {
  const ast::Expr *expr = keys.find("save");
  if (!expr)
    return std::string();
  const auto *call = llvm::dyn_cast<ast::Call>(expr);
  const auto *callee = call ? llvm::dyn_cast<ast::Name>(call->callee) : nullptr;
  const auto *metric = call && call->args.list.size() == 1 && !call->args.list[0].name
                           ? llvm::dyn_cast<ast::Name>(call->args.list[0].value)
                           : nullptr;
  if (!callee || callee->name != "best" || !metric)
    return elab.error("train-save", expr->span, "save must be best(metric)")
        .note("the last weights are always saved")
        .help(metrics.empty()
                  ? llvm::Twine("add metrics = [accuracy(..)] and save = best(accuracy)")
                  : "write save = best(" + metrics.front() + ")");
  if (llvm::is_contained(metrics, metric->name) || metric->name == "loss")
    return metric->name.str();
  llvm::SmallVector<StringRef> names(metrics.begin(), metrics.end());
  names.push_back("loss");
  return elab
      .error("unknown-metric", metric->span, "there is no metric named '" + metric->name + "'")
      .note("metrics of this section: " + llvm::join(names, ", "))
      .didYouMean(metric->name, names);
}

/// `-s steps=..` takes the place of the section's epochs, and the other way round.
static LogicalResult evaluateLength(const TrainKeys &keys, Elaborator &elab, NumberReader &reader,
                                    const llvm::StringMap<Value> &overrides,
                                    TrainNumbers &numbers) {
  bool epochsSet = overrides.count("epochs"), stepsSet = overrides.count("steps");
  bool given = epochsSet || stepsSet || keys.find("epochs") || keys.find("steps");
  if (!given && (keys.isMisspelt("epochs") || keys.isMisspelt("steps")))
    return failure();
  if (!given)
    return elab
        .error("no-length", keys.place(""), "this train section does not say how long to train")
        .help("add epochs = 10, or steps = 10000");
  if (epochsSet || !stepsSet) {
    if (FailureOr<int64_t> epochs = reader.whole("epochs", 1, 0); succeeded(epochs))
      numbers.epochs = *epochs;
    else
      return failure();
  }
  if (stepsSet || !epochsSet) {
    if (FailureOr<int64_t> steps = reader.whole("steps", 1, 0); succeeded(steps))
      numbers.steps = *steps;
    else
      return failure();
  }
  return success();
}

FailureOr<TrainNumbers> gnc::dsl::evaluateNumbers(const TrainKeys &keys, Elaborator &elab,
                                                  const Module &module, Scope &scope,
                                                  const llvm::StringMap<Value> &overrides,
                                                  llvm::ArrayRef<std::string> metrics) {
  TrainNumbers numbers;
  NumberReader reader(keys, elab, scope, overrides);
  FailureOr<int64_t> batch = reader.whole("batch", 1, numbers.batch);
  FailureOr<int64_t> seed = reader.whole("seed", 0, 0);
  FailureOr<double> validate = reader.share("validate");
  FailureOr<std::string> best = evaluateSave(keys, elab, metrics);
  FailureOr<int64_t> workers = reader.whole("workers", 0, numbers.workers);
  LogicalResult start = evaluateStart(keys, elab, module, scope, numbers);
  LogicalResult length = evaluateLength(keys, elab, reader, overrides, numbers);
  if (failed(batch) || failed(seed) || failed(validate) || failed(best) || failed(workers) ||
      failed(start) || failed(length))
    return failure();
  numbers.batch = *batch;
  numbers.seed = *seed;
  numbers.workers = *workers;
  numbers.validate = *validate;
  numbers.best = *best;
  return numbers;
}

FailureOr<Clip> gnc::dsl::evaluateClip(const TrainKeys &keys, Elaborator &elab, Scope &scope) {
  const ast::Expr *expr = keys.find("clip");
  if (!expr)
    return Clip();
  const auto *call = llvm::dyn_cast<ast::Call>(expr);
  const auto *callee = call ? llvm::dyn_cast<ast::Name>(call->callee) : nullptr;
  if (!callee || (callee->name != "norm" && callee->name != "value") ||
      call->args.list.size() != 1 || call->args.list[0].name)
    return elab.error("train-clip", expr->span, "clip must be norm(c) or value(c)")
        .note("norm(c) shortens the gradient of all weights together; value(c) cuts every element")
        .help("write clip = norm(1)");
  FailureOr<double> limit =
      elab.evaluateReal(*call->args.list[0].value, scope, "the limit of clip");
  if (failed(limit))
    return failure();
  if (!(*limit > 0) || std::isinf(*limit))
    return elab
        .error("train-clip", call->args.list[0].span,
               "the limit of clip must be above 0, got " + call->args.list[0].span.text())
        .help("leave clip out to cut nothing");
  return Clip{callee->name == "norm" ? Clip::Kind::Norm : Clip::Kind::Value, *limit};
}
