#include "dsl/DataSource.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace gnc::dsl;
using llvm::StringRef;

//===- what there is ------------------------------------------------------------------------===//

namespace {
/// What may stand after `source =`.
struct SourceKind {
  StringRef name, use;
  std::vector<SourceMember> members;
};
} // namespace

static TensorType typed(ElementKind element, llvm::ArrayRef<int64_t> shape, int64_t classes = 0) {
  TensorType type;
  type.shape.assign(shape.begin(), shape.end());
  type.batched = true;
  type.element = element;
  type.classes = classes;
  return type;
}

static SourceMember image(llvm::ArrayRef<int64_t> shape) {
  return {"image", typed(ElementKind::U8, shape)};
}

static SourceMember classIndex(StringRef name, int64_t classes) {
  return {name, typed(ElementKind::Index, {}, classes)};
}

static SourceMember pictureFile(StringRef name, StringRef alias, bool mask) {
  llvm::SmallVector<int64_t> open(mask ? 2 : 3, 0);
  return {name, typed(ElementKind::U8, open), false, true, mask, alias};
}

static const std::vector<SourceKind> &sourceKinds() {
  static const std::vector<SourceKind> kinds = {
      {"idx", "idx(dir)", {image({1, 0, 0}), classIndex("label", 0)}},
      {"cifar10", "cifar10(dir)", {image({3, 32, 32}), classIndex("label", 10)}},
      {"cifar100",
       "cifar100(dir)",
       {image({3, 32, 32}), classIndex("label", 100), classIndex("coarse", 20)}},
      {"folder",
       "folder(dir, split = 0.9)",
       {pictureFile("image", "", false), classIndex("label", 0)}},
      {"pairs",
       "pairs(\"images/*.png\", \"masks/*.png\", split = 0.9)",
       {pictureFile("image", "a", false), pictureFile("mask", "b", true)}},
      {"csv",
       "csv(file, label = \"column\", split = 0.9)",
       {classIndex("label", 0), {"features", typed(ElementKind::F32, {}), true}}},
      {"npy", "npy(image = \"x.npy\", label = \"y.npy\", split = 0.9)", {}},
      {"synthetic",
       "synthetic(n, seed = 1)",
       {{"image", typed(ElementKind::U8, {}), true}, classIndex("label", 0)}},
  };
  return kinds;
}

static const SourceKind *findKind(StringRef name) {
  for (const SourceKind &kind : sourceKinds())
    if (kind.name == name)
      return &kind;
  return nullptr;
}

std::string gnc::dsl::allSources() {
  return llvm::join(llvm::map_range(sourceKinds(), [](const SourceKind &kind) { return kind.use; }),
                    ", ");
}

std::vector<SourceUse> gnc::dsl::sourceUses() {
  std::vector<SourceUse> uses;
  for (const SourceKind &kind : sourceKinds()) {
    SourceUse &use = uses.emplace_back(SourceUse{kind.name, kind.use, {}});
    for (const SourceMember &member : kind.members)
      use.members.push_back(member.name);
  }
  return uses;
}

const SourceMember *DataSource::find(StringRef name) const {
  for (const SourceMember &member : members)
    if (member.name == name || (!member.alias.empty() && member.alias == name))
      return &member;
  return nullptr;
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
          .note(found->names.front().span, "the first one")
          .help("keep one; the other may stand in a data section of its own");
      return nullptr;
    }
    found = assign;
  }
  if (!found)
    elab.error("no-source", data.name.span, "data section '" + data.name.text + "' has no source")
        .note("sources: " + allSources())
        .help("begin it with source = idx(\"folder\")");
  return found;
}

namespace {
/// Reads the arguments of a source.
class SourceReader {
public:
  /// Relative paths are relative to `folder`: the .net file's, or what `--data` says.
  SourceReader(Elaborator &elab, Scope &scope, StringRef folder)
      : elab(elab), scope(scope), folder(folder) {}

  FailureOr<DataSource> read(const ast::Expr &expr);

private:
  struct Argument {
    StringRef name;
    Value value;
    Span span;
  };
  LogicalResult readKind(const ast::Call &call);
  LogicalResult evaluateArguments(const ast::Call &call, llvm::ArrayRef<StringRef> names);
  LogicalResult readArgument(const Argument &argument);
  LogicalResult readPath(const Argument &argument, std::string &path);
  LogicalResult readPattern(const Argument &argument, StringRef what);
  LogicalResult readSplit(const Argument &argument);
  LogicalResult readWhole(const Argument &argument, int64_t least, int64_t &number);
  LogicalResult readCouples(const ast::Stage &stage);
  LogicalResult fault(Span at, const llvm::Twine &problem) {
    return elab.error("source-arguments", at, problem).help("write " + kind->use);
  }
  const SourceKind *kindOf(const ast::Call &call);

  Elaborator &elab;
  Scope &scope;
  const StringRef folder;
  const SourceKind *kind = nullptr;
  DataSource source;
  std::vector<Argument> given;
};
} // namespace

const SourceKind *SourceReader::kindOf(const ast::Call &call) {
  const auto *callee = llvm::dyn_cast<ast::Name>(call.callee);
  if (const SourceKind *known = callee ? findKind(callee->name) : nullptr)
    return known;
  llvm::SmallVector<StringRef> names;
  for (const SourceKind &known : sourceKinds())
    names.push_back(known.name);
  elab.error("unknown-source", call.callee->span,
             "there is no data source named '" + call.callee->span.text() + "'")
      .note("sources: " + allSources())
      .didYouMean(call.callee->span.text(), names);
  return nullptr;
}

FailureOr<DataSource> SourceReader::read(const ast::Expr &expr) {
  const auto *flow = llvm::dyn_cast<ast::Flow>(&expr);
  const auto *call = llvm::dyn_cast<ast::Call>(flow ? flow->source : &expr);
  if (!call)
    return elab.error("unknown-source", expr.span, "this is not a data source")
        .note("sources: " + allSources())
        .help("write source = idx(\"folder\")");
  kind = kindOf(*call);
  if (!kind)
    return failure();
  source.kind = kind->name.str();
  source.span = expr.span;
  source.members = kind->members;
  source.anyMember = kind->name == "synthetic";
  source.anyColumn = kind->name == "csv";
  if (failed(readKind(*call)))
    return failure();
  for (const ast::Stage &stage : flow ? llvm::ArrayRef(flow->stages) : llvm::ArrayRef<ast::Stage>())
    if (failed(readCouples(stage)))
      return failure();
  return source;
}

/// The names that arguments may have, those given by position first; the first `needed` must be
/// there.
static std::pair<llvm::SmallVector<StringRef>, size_t> signatureOf(StringRef kind) {
  if (kind == "folder")
    return {{"dir", "split", "seed"}, 1};
  if (kind == "pairs")
    return {{"image", "mask", "split", "seed"}, 2};
  if (kind == "csv")
    return {{"file", "label", "test", "split", "seed"}, 1};
  if (kind == "synthetic")
    return {{"n", "seed"}, 1};
  return {{"dir"}, 1};
}

LogicalResult SourceReader::readKind(const ast::Call &call) {
  auto [names, needed] = signatureOf(kind->name);
  bool arrays = kind->name == "npy";
  if (arrays)
    needed = 0;
  if (failed(evaluateArguments(call, arrays ? llvm::ArrayRef<StringRef>() : names)))
    return failure();
  for (StringRef name : llvm::ArrayRef(names).take_front(needed))
    if (llvm::none_of(given, [&](const Argument &argument) { return argument.name == name; }))
      return fault(call.span, kind->name + " needs " + name);
  for (const Argument &argument : given)
    if (failed(readArgument(argument)))
      return failure();
  if (arrays && source.files.empty())
    return fault(call.span, "npy needs an array");
  return success();
}

/// Without `names` every argument needs one of its own: a member.
LogicalResult SourceReader::evaluateArguments(const ast::Call &call,
                                              llvm::ArrayRef<StringRef> names) {
  size_t next = 0;
  for (const ast::Arg &arg : call.args.list) {
    StringRef name = arg.name ? arg.name.text : next < names.size() ? names[next] : StringRef();
    next += !arg.name;
    bool twice = llvm::any_of(given, [&](const Argument &known) { return known.name == name; });
    if (name.empty() || twice || (!names.empty() && !llvm::is_contained(names, name))) {
      Report report = elab.error("source-arguments", arg.span,
                                 "this argument of " + kind->name + " is not understood");
      if (!names.empty())
        report.note("arguments: " + llvm::join(names, ", "));
      return report.help("write " + kind->use);
    }
    FailureOr<Value> value = elab.evaluate(*arg.value, scope);
    if (failed(value))
      return failure();
    given.push_back({name, *value, arg.value->span});
  }
  return success();
}

LogicalResult SourceReader::readArgument(const Argument &argument) {
  StringRef name = argument.name;
  if (name == "n")
    return readWhole(argument, 1, source.count);
  if (name == "seed")
    return readWhole(argument, 0, source.seed);
  if (name == "split")
    return readSplit(argument);
  if (kind->name == "pairs")
    return readPattern(argument, name);
  if (name == "dir" || name == "file")
    return readPath(argument, source.path);
  if (kind->name == "csv" && name == "label") {
    const std::string *column = argument.value.string();
    if (!column || column->empty())
      return fault(argument.span,
                   "the column of labels must be a string, got " + argument.value.str());
    source.label = *column;
    return success();
  }
  std::string path;
  if (failed(readPath(argument, path)))
    return failure();
  source.files.emplace_back(name.str(), path);
  if (kind->name == "npy") // whatever numbers the file has; classes are whole
    source.members.push_back(name == "label"
                                 ? classIndex("label", 0)
                                 : SourceMember{name, typed(ElementKind::F32, {}), true});
  return success();
}

LogicalResult SourceReader::readPath(const Argument &argument, std::string &path) {
  const std::string *written = argument.value.string();
  if (!written || written->empty())
    return fault(argument.span, (argument.name == "dir" ? "the folder" : "a file") +
                                    llvm::Twine(" must be a string, got ") + argument.value.str());
  llvm::SmallString<128> resolved(*written);
  if (llvm::sys::path::is_relative(*written)) {
    resolved = folder;
    llvm::sys::path::append(resolved, *written);
  }
  llvm::sys::path::remove_dots(resolved, /*remove_dot_dot=*/false);
  path = resolved.str().str();
  return success();
}

LogicalResult SourceReader::readPattern(const Argument &argument, StringRef what) {
  std::string path;
  if (failed(readPath(argument, path)))
    return failure();
  StringRef pattern = path;
  StringRef name = pattern.contains('/') ? pattern.rsplit('/').second : pattern;
  if (pattern.count('*') != 1 || name.count('*') != 1)
    return fault(argument.span, "a pattern needs one star, in the name of the files; got \"" +
                                    *argument.value.string() + "\"");
  source.files.emplace_back(what.str(), path);
  return success();
}

LogicalResult SourceReader::readSplit(const Argument &argument) {
  std::optional<double> share = argument.value.asDouble();
  if (!share || !(*share > 0 && *share < 1))
    return fault(argument.span, "split is the share of the samples that train: a number above 0 "
                                "and below 1, got " +
                                    argument.value.str());
  source.split = *share;
  return success();
}

LogicalResult SourceReader::readWhole(const Argument &argument, int64_t least, int64_t &number) {
  std::optional<int64_t> whole = argument.value.asInt();
  StringRef what = argument.name == "n" ? "number of samples" : "seed";
  if (!whole || *whole < least)
    return fault(argument.span, "the " + what + " must be a whole number of at least " +
                                    llvm::Twine(least) + ", got " + argument.value.str());
  number = *whole;
  return success();
}

/// `-> couples(equal = 0.5)`.
LogicalResult SourceReader::readCouples(const ast::Stage &stage) {
  const auto *ref = llvm::dyn_cast<ast::LayerRef>(stage.unit);
  bool couples = ref && ref->pathSpan.text() == "couples";
  if (!couples || source.couples || stage.count || stage.type || stage.name)
    return elab
        .error("source-stage", stage.span,
               couples ? llvm::Twine("samples are coupled once")
                       : "'" + stage.span.text() + "' is nothing that a source can become")
        .help("couples(equal = 0.5) may follow a source; transforms follow its members: image = "
              "source.image -> ..");
  double equal = 0.5;
  if (ref->args && !ref->args->list.empty()) {
    const ast::Arg &arg = ref->args->list.front();
    FailureOr<Value> value = elab.evaluate(*arg.value, scope);
    if (failed(value))
      return failure();
    std::optional<double> number = value->asDouble();
    bool named = !arg.name || arg.name.text == "equal";
    if (!named || ref->args->list.size() > 1 || !number || !(*number >= 0 && *number <= 1))
      return elab
          .error("source-arguments", arg.span,
                 "couples takes the share of equal couples, a number from 0 to 1")
          .help("write couples(equal = 0.5)");
    equal = *number;
  }
  if (!source.find("label") && !source.anyMember)
    return elab
        .error("source-stage", stage.span,
               "couples need a class a sample, but " + source.kind + " has no member label")
        .help("couple the samples of a source with labels: idx(..) -> couples(equal = 0.5)");
  source.couples = equal;
  return success();
}

//===- --data -------------------------------------------------------------------------------===//

/// `--data synthetic:N`: samples of the types of whatever the source is.
static LogicalResult makeSynthetic(DataSource &source, Elaborator &elab, StringRef text) {
  StringRef number = text.drop_front(StringRef("synthetic:").size());
  source.kind = "synthetic";
  source.path.clear();
  source.files.clear();
  source.seed = 1;
  if (number.getAsInteger(10, source.count) || source.count < 1) {
    elab.diags.error("data-override", {}, "--data " + text + " is not understood")
        .help("write --data synthetic:1000 for a thousand samples");
    return failure();
  }
  return success();
}

FailureOr<DataSource> gnc::dsl::evaluateSource(const ast::DataDecl &data, Elaborator &elab,
                                               const Module &module, Scope &scope,
                                               StringRef dataOverride) {
  const ast::AssignStmt *assign = findSource(data, elab);
  if (!assign || !assign->value)
    return failure();
  bool synthetic = dataOverride.starts_with("synthetic:");
  std::string folder =
      dataOverride.empty() || synthetic ? module.folder().str() : dataOverride.str();
  auto source = SourceReader(elab, scope, folder).read(*assign->value);
  if (failed(source) || dataOverride.empty())
    return source;
  if (synthetic) {
    if (failed(makeSynthetic(*source, elab, dataOverride)))
      return failure();
  } else if (source->files.empty() && source->kind != "csv") {
    source->path = dataOverride.str(); // the folder itself
  }
  return source;
}
