#include "dsl/DataSource.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace gnc::dsl;
using llvm::StringRef;

namespace {
/// What may stand after `source =`. Those that are not supported are known, so that the message is
/// honest and a synthetic source can stand in for them.
struct SourceKind {
  StringRef name, use;
  bool supported;
  std::vector<SourceMember> members;
};
} // namespace

static TensorType bytes(llvm::ArrayRef<int64_t> shape) {
  TensorType type;
  type.shape.assign(shape.begin(), shape.end());
  type.batched = true;
  type.element = ElementKind::U8;
  return type;
}

static TensorType classIndex(int64_t classes) {
  TensorType type;
  type.batched = true;
  type.element = ElementKind::Index;
  type.classes = classes;
  return type;
}

static const std::vector<SourceKind> &sourceKinds() {
  static const std::vector<SourceKind> kinds = {
      {"idx",
       "idx(dir)",
       true,
       {{"image", bytes({1, 0, 0}), false}, {"label", classIndex(0), false}}},
      {"synthetic",
       "synthetic(n, seed = 1)",
       true,
       {{"image", bytes({}), true}, {"label", classIndex(0), false}}},
      {"cifar10",
       "cifar10(dir)",
       false,
       {{"image", bytes({3, 32, 32}), false}, {"label", classIndex(10), false}}},
      {"cifar100",
       "cifar100(dir)",
       false,
       {{"image", bytes({3, 32, 32}), false}, {"label", classIndex(100), false}}},
      {"folder",
       "folder(dir)",
       false,
       {{"image", bytes({3, 0, 0}), false}, {"label", classIndex(0), false}}},
      {"pairs", "pairs(a, b)", false, {}},
      {"csv", "csv(file)", false, {}},
      {"npy", "npy(..)", false, {}},
  };
  return kinds;
}

static const SourceKind *findKind(StringRef name) {
  for (const SourceKind &kind : sourceKinds())
    if (kind.name == name)
      return &kind;
  return nullptr;
}

std::string gnc::dsl::supportedSources() {
  llvm::SmallVector<StringRef> uses;
  for (const SourceKind &kind : sourceKinds())
    if (kind.supported)
      uses.push_back(kind.use);
  return llvm::join(uses, ", ");
}

bool gnc::dsl::isHostTransform(StringRef name) {
  static constexpr StringRef names[] = {
      "decode",      "resize",       "scale",         "pad",     "crop_to", "center_crop",
      "random_crop", "random_flip",  "random_rotate", "elastic", "color",   "random_resized_crop",
      "rotate",      "random_color", "color_jitter",  "couples",
  };
  return llvm::is_contained(names, name);
}

//===- --data -------------------------------------------------------------------------------===//

/// `--data synthetic:N`, or a folder.
static LogicalResult applyOverride(DataSource &source, Elaborator &elab, StringRef text) {
  if (!text.consume_front("synthetic:")) {
    source.path = text.str();
    return success();
  }
  source.kind = "synthetic";
  source.path.clear();
  source.seed = 1;
  if (text.getAsInteger(10, source.count) || source.count < 1) {
    elab.diags.error("data-override", {}, "--data synthetic:" + text + " is not understood")
        .help("write --data synthetic:1000 for a thousand samples");
    return failure();
  }
  return success();
}

//===- source = .. --------------------------------------------------------------------------===//

/// The one statement `source = ..`, or null (reported).
static const ast::AssignStmt *findSource(const ast::DataDecl &data, Elaborator &elab) {
  const ast::AssignStmt *found = nullptr;
  for (const ast::Stmt *stmt : data.body.stmts) {
    const auto *assign = llvm::dyn_cast<ast::AssignStmt>(stmt);
    if (!assign || assign->names.front().text != "source")
      continue;
    if (found) {
      elab.error("source-twice", assign->names.front().span, "a data section has one source")
          .note(found->names.front().span, "the first one");
      return nullptr;
    }
    found = assign;
  }
  if (!found)
    elab.error("no-source", data.name.span, "data section '" + data.name.text + "' has no source")
        .note("sources: " + supportedSources())
        .help("begin it with source = idx(\"folder\")");
  return found;
}

namespace {
/// Reads the arguments of a source.
class SourceReader {
public:
  SourceReader(Elaborator &elab, const Module &module, Scope &scope)
      : elab(elab), module(module), scope(scope) {}

  FailureOr<DataSource> read(const ast::Expr &expr, StringRef dataOverride);

private:
  LogicalResult readFolder(const ast::Call &call, DataSource &source);
  LogicalResult readSynthetic(const ast::Call &call, DataSource &source);
  FailureOr<std::vector<Value>> arguments(const ast::Call &call, StringRef use,
                                          llvm::ArrayRef<StringRef> names, size_t needed);
  const SourceKind *kindOf(const ast::Call &call);

  Elaborator &elab;
  const Module &module;
  Scope &scope;
};
} // namespace

const SourceKind *SourceReader::kindOf(const ast::Call &call) {
  const auto *callee = llvm::dyn_cast<ast::Name>(call.callee);
  const SourceKind *kind = callee ? findKind(callee->name) : nullptr;
  if (kind)
    return kind;
  llvm::SmallVector<StringRef> names;
  for (const SourceKind &known : sourceKinds())
    names.push_back(known.name);
  elab.error("unknown-source", call.callee->span,
             "there is no data source named '" + call.callee->span.text() + "'")
      .note("sources: " + supportedSources())
      .didYouMean(call.callee->span.text(), names);
  return nullptr;
}

FailureOr<DataSource> SourceReader::read(const ast::Expr &expr, StringRef dataOverride) {
  if (const auto *flow = llvm::dyn_cast<ast::Flow>(&expr); flow && !flow->stages.empty())
    return elab
        .error("source-not-supported", flow->stages.front().span,
               "'" + flow->stages.front().span.text() + "' of a source is not supported yet")
        .note("supported: " + supportedSources())
        .help("use a source as it is: source = idx(\"folder\")");
  const auto *call = llvm::dyn_cast<ast::Call>(&expr);
  if (!call)
    return elab.error("unknown-source", expr.span, "this is not a data source")
        .note("sources: " + supportedSources())
        .help("write source = idx(\"folder\")");
  const SourceKind *kind = kindOf(*call);
  if (!kind)
    return failure();
  DataSource source;
  source.kind = kind->name.str();
  source.span = expr.span;
  source.members = kind->members;
  source.anyMember = kind->name == "synthetic";
  bool synthetic = dataOverride.starts_with("synthetic:");
  if (!kind->supported && !(synthetic && !kind->members.empty()))
    return elab
        .error("source-not-supported", call->callee->span,
               "source " + kind->name + " is not supported yet")
        .note("supported: " + supportedSources())
        .help(kind->members.empty() ? "use one of these"
                                    : "train on made-up samples of these types with --data "
                                      "synthetic:1000");
  LogicalResult result = source.anyMember  ? readSynthetic(*call, source)
                         : kind->supported ? readFolder(*call, source)
                                           : success();
  if (failed(result) ||
      (!dataOverride.empty() && failed(applyOverride(source, elab, dataOverride))))
    return failure();
  return source;
}

/// The arguments by position or name; absent ones are false.
FailureOr<std::vector<Value>> SourceReader::arguments(const ast::Call &call, StringRef use,
                                                      llvm::ArrayRef<StringRef> names,
                                                      size_t needed) {
  std::vector<Value> values(names.size(), Value::boolean(false));
  std::vector<bool> given(names.size());
  size_t next = 0;
  for (const ast::Arg &arg : call.args.list) {
    size_t i = arg.name ? llvm::find(names, arg.name.text) - names.begin() : next++;
    if (i >= names.size() || given[i])
      return elab
          .error("source-arguments", arg.span,
                 "a source is written " + use + "; this argument is not understood")
          .didYouMean(arg.name.text, names);
    FailureOr<Value> value = elab.evaluate(*arg.value, scope);
    if (failed(value))
      return failure();
    values[i] = *value;
    given[i] = true;
  }
  if (llvm::count(given, true) < int64_t(needed) || !given[0])
    return elab.error("source-arguments", call.span, "this source is written " + use);
  return values;
}

LogicalResult SourceReader::readFolder(const ast::Call &call, DataSource &source) {
  FailureOr<std::vector<Value>> values = arguments(call, source.kind + "(\"folder\")", {"dir"}, 1);
  if (failed(values))
    return failure();
  const std::string *path = values->front().string();
  if (!path || path->empty())
    return elab
        .error("source-arguments", call.args.list.front().span,
               "the folder must be a string, got " + values->front().str())
        .help("write " + source.kind + "(\"folder\")");
  llvm::SmallString<128> resolved(*path);
  if (llvm::sys::path::is_relative(*path)) {
    resolved = module.folder();
    llvm::sys::path::append(resolved, *path);
  }
  llvm::sys::path::remove_dots(resolved, /*remove_dot_dot=*/false);
  source.path = resolved.str().str();
  return success();
}

LogicalResult SourceReader::readSynthetic(const ast::Call &call, DataSource &source) {
  FailureOr<std::vector<Value>> values =
      arguments(call, "synthetic(n, seed = 1)", {"n", "seed"}, 1);
  if (failed(values))
    return failure();
  std::optional<int64_t> count = (*values)[0].asInt(), seed = (*values)[1].asInt();
  if (!count || *count < 1)
    return elab
        .error("source-arguments", call.args.list.front().span,
               "the number of samples must be a whole number of at least 1, got " +
                   (*values)[0].str())
        .help("write synthetic(1000)");
  source.count = *count;
  if ((*values)[1].boolean())
    return success(); // no seed was given
  if (!seed || *seed < 0)
    return elab.error("source-arguments", call.args.list.back().span,
                      "the seed must be a whole number of at least 0, got " + (*values)[1].str());
  source.seed = *seed;
  return success();
}

FailureOr<DataSource> gnc::dsl::evaluateSource(const ast::DataDecl &data, Elaborator &elab,
                                               const Module &module, Scope &scope,
                                               StringRef dataOverride) {
  const ast::AssignStmt *assign = findSource(data, elab);
  if (!assign || !assign->value)
    return failure();
  return SourceReader(elab, module, scope).read(*assign->value, dataOverride);
}
