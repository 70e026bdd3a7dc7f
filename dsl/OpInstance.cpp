#include "dsl/OpInstance.h"

#include "dsl/OpMaker.h"
#include "dsl/Parser.h"

#include "ir/Gnc.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

mlir::func::FuncOp OpInstance::function() const {
  return module.get().lookupSymbol<mlir::func::FuncOp>("op");
}

std::string OpInstance::text() const {
  std::string text;
  for (const OpOperand &input : inputs)
    text += (text.empty() ? "" : ", ") + input.name + ": " + input.type;
  return text + (settings.empty() ? "" : ", " + settings);
}

static void loadDialects(mlir::MLIRContext &context) {
  context.loadDialect<gnc::GncDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect,
                      mlir::math::MathDialect>();
}

static const Module *load(ModuleLoader &loader, StringRef path) {
  return path == "std" ? &loader.libraryModule() : loader.loadFile(path);
}

//===- all ops of a file --------------------------------------------------------------------===//

namespace {
/// The ways in which ops are used, each once.
struct UseCollector : Listener {
  void stage(const ast::Stage &, const LayerResult &) override {}
  void layer(Span, const LayerResult &) override {}
  void name(Span, const Value &) override {}
  void op(const OpUse &use) override;

  struct Ways {
    const Module *module;
    std::vector<OpPlan> plans;
  };
  /// More ways than this show nothing new.
  static constexpr size_t maxWays = 6;
  llvm::MapVector<const ast::OpDecl *, Ways> uses;
  llvm::StringSet<> seen;
};
} // namespace

/// Small extents decide how equations overlap; all large ones are alike.
static void addKey(std::string &key, const TensorType &type) {
  key += type.batched ? ";n" : ";";
  for (int64_t extent : type.shape)
    key += "," + (extent > 8 ? std::string("*") : std::to_string(extent));
}

void UseCollector::op(const OpUse &use) {
  OpPlan plan;
  std::string key = use.op->name.text.str() + use.op->span.source->name().str();
  for (const Tensor &input : use.inputs) {
    plan.inputs.push_back(TensorType(input));
    addKey(key, input);
  }
  for (const ast::Param &setting : use.op->params.settings)
    if (const Binding *binding = use.settings->findHere(setting.name.text);
        binding && binding->value) {
      plan.settings.push_back(
          {setting.name, std::make_shared<const Value>(*binding->value), setting.span});
      key += ";" + binding->value->str();
    }
  Ways &ways = uses.try_emplace(use.op, Ways{use.settings->module(), {}}).first->second;
  if (ways.plans.size() < maxWays && seen.insert(key).second)
    ways.plans.push_back(std::move(plan));
}

/// An op that nothing uses: with its defaults, and once with other settings.
static void addChosen(std::vector<OpInstance> &list, const OpMaker &maker) {
  list.push_back(maker.choose({}, /*vary=*/false));
  OpInstance varied = maker.choose({}, /*vary=*/true);
  if (varied.module && varied.text() != list.back().text())
    list.push_back(std::move(varied));
}

std::optional<std::vector<OpInstance>>
gnc::dsl::instantiateOps(StringRef path, const FrontendOptions &options, mlir::MLIRContext &context,
                         SourceManager &sources, Diagnostics &diags) {
  loadDialects(context);
  ModuleLoader loader(sources, diags);
  const Module *main = load(loader, path);
  if (!main)
    return std::nullopt;
  UseCollector collector;
  for (const ast::OpDecl *op : main->all<ast::OpDecl>())
    collector.uses.insert({op, {main, {}}}); // the order of the text
  if (!main->isStandard()) {
    FrontendOptions all = options;
    all.checkAll = true;
    all.listener = &collector;
    (void)elaborateModule(*main, all, context, sources, diags);
  }
  if (diags.hasErrors())
    return std::nullopt;
  std::vector<OpInstance> list;
  for (auto &[op, ways] : collector.uses) {
    OpMaker maker(context, *op, *ways.module);
    llvm::StringSet<> made;
    for (OpPlan &plan : ways.plans)
      if (OpInstance instance = maker.makeSmall(std::move(plan));
          made.insert(instance.text() + instance.problem).second)
        list.push_back(std::move(instance));
    if (ways.plans.empty())
      addChosen(list, maker);
  }
  return list;
}

//===- one op -------------------------------------------------------------------------------===//

namespace {
/// What the command line says about one op.
class Request {
public:
  Request(const ast::OpDecl &op, const Module &module, const OpMaker &maker,
          mlir::MLIRContext &context, SourceManager &sources, Diagnostics &diags)
      : op(op), module(module), maker(maker), context(context), sources(sources), diags(diags) {
    plan.batched = false;
    plan.inputs.resize(op.params.inputs.size());
  }
  LogicalResult add(StringRef name, const std::string &text);
  OpPlan plan;

private:
  std::optional<Value> read(StringRef name, const std::string &text);
  LogicalResult addInput(size_t input, const Value &value, StringRef text);
  LogicalResult unknown(StringRef name);

  const ast::OpDecl &op;
  const Module &module;
  const OpMaker &maker;
  mlir::MLIRContext &context;
  SourceManager &sources;
  Diagnostics &diags;
};
} // namespace

/// A value on the command line is an expression of the language, over no names.
std::optional<Value> Request::read(StringRef name, const std::string &text) {
  const Source &source = sources.add("-s " + name.str(), "let value = " + text);
  Diagnostics local;
  std::unique_ptr<ast::File> file = parse(source, local);
  auto *let = file->decls.size() == 1 ? llvm::dyn_cast<ast::LetDecl>(file->decls.front()) : nullptr;
  if (!let || local.hasErrors())
    return std::nullopt;
  struct NoHost : FunctionHost {
    mlir::Value addParameter(const Parameter &, mlir::Location) override { return {}; }
    mlir::Value addSchedule(const Schedule &, mlir::Location) override { return {}; }
    mlir::Value addStream(mlir::Location) override { return {}; }
  } host;
  mlir::OpBuilder builder(&context);
  Elaborator elab(host, local, builder, ast::Mode::Infer);
  FailureOr<Value> value = elab.evaluate(*let->value, elab.rootOf(&module));
  return succeeded(value) ? std::optional<Value>(*value) : std::nullopt;
}

LogicalResult Request::addInput(size_t input, const Value &value, StringRef text) {
  const ast::Param &param = op.params.inputs[input];
  TensorType type;
  bool known = true;
  auto add = [&](std::optional<int64_t> extent) {
    known &= extent && *extent >= 1;
    type.shape.push_back(extent.value_or(1));
  };
  if (value.size())
    for (const Rational &extent : value.size()->extents)
      add(extent.asInt());
  else if (value.elements())
    for (const Value &extent : *value.elements())
      add(extent.asInt());
  else
    add(value.asInt());
  if (!known) {
    diags
        .error("setting-value", {},
               "-s " + param.name.text + "=" + text + " is no shape of an input")
        .help("write extents: -s " + param.name.text + "=4x16x16, or -s " + param.name.text +
              "=10");
    return failure();
  }
  if (param.type) {
    type.batched = param.type->batch.has_value();
    if (param.type->elem == ast::Elem::Index)
      type.element = ElementKind::Index;
    if (param.type->elem == ast::Elem::Bool)
      type.element = ElementKind::Bool;
  }
  plan.inputs[input] = type;
  return success();
}

LogicalResult Request::unknown(StringRef name) {
  llvm::SmallVector<StringRef> names;
  for (const ast::Param &input : op.params.inputs)
    names.push_back(input.name.text);
  llvm::append_range(names, maker.freeNames());
  for (const ast::Param &setting : op.params.settings)
    names.push_back(setting.name.text);
  Diagnostic &error = diags.error("unknown-setting", {},
                                  "-s " + name + ": " + op.name.text +
                                      " has no input, dimension or setting '" + name + "'");
  error.note("it has: " + llvm::join(names, ", "));
  if (StringRef near = nearest(name, names); !near.empty())
    error.help("did you mean '" + near + "'?");
  return failure();
}

LogicalResult Request::add(StringRef name, const std::string &text) {
  std::optional<Value> value = read(name, text);
  if (!value) {
    diags.error("setting-value", {}, "-s " + name + "=" + text + " is not understood")
        .help("write a number, a size such as 4x16x16, true, false, or a \"string\"");
    return failure();
  }
  for (size_t i = 0; i != op.params.inputs.size(); ++i)
    if (op.params.inputs[i].name.text == name)
      return addInput(i, *value, text);
  if (llvm::is_contained(maker.freeNames(), name)) {
    plan.dimensions.insert_or_assign(name, *value);
    return success();
  }
  for (const ast::Param &setting : op.params.settings)
    if (setting.name.text == name) {
      plan.settings.push_back({setting.name, std::make_shared<const Value>(*value), setting.span});
      return success();
    }
  return unknown(name);
}

static void reportUnknownOp(const Module &module, StringRef path, StringRef name,
                            Diagnostics &diags) {
  std::vector<StringRef> names = module.visibleNames(ast::Decl::Kind::Op);
  Found found = module.find(name);
  Diagnostic &error =
      found ? diags.error("unknown-op", {},
                          "'" + name + "' is " + describe(found.decl->kind) + ", not an op")
            : diags.error("unknown-op", {}, path + " has no op named '" + name + "'");
  if (StringRef near = nearest(name, names); !near.empty())
    error.help("did you mean '" + near + "'?");
  else
    error.help(
        "only ops have gradients of their own; 'gnc std NAME' shows what a block is made of");
}

std::optional<OpInstance> gnc::dsl::instantiateOp(StringRef path, StringRef name,
                                                  const FrontendOptions &options,
                                                  mlir::MLIRContext &context,
                                                  SourceManager &sources, Diagnostics &diags) {
  loadDialects(context);
  ModuleLoader loader(sources, diags);
  const Module *main = load(loader, path);
  if (!main)
    return std::nullopt;
  Found found = main->find(name);
  auto *op = llvm::dyn_cast_or_null<ast::OpDecl>(found.decl);
  if (!op) {
    reportUnknownOp(*main, path, name, diags);
    return std::nullopt;
  }
  OpMaker maker(context, *op, *found.module);
  Request request(*op, *found.module, maker, context, sources, diags);
  for (const auto &[setting, text] : options.settings)
    if (failed(request.add(setting, text)))
      return std::nullopt;
  if (diags.hasErrors())
    return std::nullopt;
  OpInstance instance = maker.choose(std::move(request.plan), /*vary=*/false);
  if (instance.module)
    return instance;
  Diagnostic &error = diags.error("no-shapes", {}, name + " cannot be made: " + instance.problem);
  if (!op->params.inputs.empty())
    error.help("give the shapes of its inputs: -s " + op->params.inputs.front().name.text +
               "=4x16x16");
  return std::nullopt;
}
