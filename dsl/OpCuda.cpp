// `cuda """..."""`: an op whose kernel the user writes becomes a gnc.cuda.
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using llvm::ArrayRef;
using llvm::StringRef;

bool gnc::dsl::hasGradient(const ast::OpDecl &op, StringRef input) {
  if (!op.cuda)
    return true;
  return op.grad && llvm::any_of(op.grad->equations, [&](const ast::Stmt *stmt) {
           auto *equation = llvm::dyn_cast<ast::EquationStmt>(stmt);
           return equation && equation->adjoint && equation->name.text == input;
         });
}

static bool declaresBatch(const ast::Param &input) { return input.type && input.type->batch; }

FailureOr<llvm::SmallVector<Tensor, 2>> OpElaborator::kernel(ArrayRef<Tensor> inputs) {
  if (pointwise)
    return elab.error("op-form", op.cuda->span, "a kernel in CUDA C++ computes elements of shapes")
        .help("give the inputs shapes, and the op a result: op " + op.name.text +
              "(x: [C]) -> y: [C] cuda ..");
  if (op.results.empty())
    return elab.error("no-result", op.name.span, op.name.text + " declares no result")
        .help("write one: op " + op.name.text + "(..) -> y: [..] cuda ..");
  bool mapped = llvm::any_of(tensors, [](auto &entry) { return entry.second.mapped(); });
  llvm::SmallVector<Tensor, 2> results;
  llvm::SmallVector<mlir::Type> types;
  llvm::SmallVector<StringRef> names;
  llvm::SmallVector<mlir::Value> operands;
  for (auto [input, tensor] : llvm::zip(op.params.inputs, inputs)) {
    names.push_back(input.name.text);
    operands.push_back(tensor.value);
  }
  for (const ast::Result &result : op.results) {
    auto type = kernelResult(result, mapped);
    if (failed(type))
      return failure();
    results.emplace_back(mlir::Value(), *type);
    types.push_back(type->ir(elab.builder.getContext()));
    names.push_back(result.name.text);
  }
  auto launch = kernelLaunch();
  if (failed(launch) || failed(checkKernelNames()))
    return failure();
  mlir::OpBuilder &b = elab.builder;
  auto batch = llvm::find_if(op.params.inputs, declaresBatch);
  auto made = gnc::CudaOp::create(
      b, location(op.cuda->span), types, operands, b.getStringAttr(op.cuda->source()),
      b.getStringAttr(op.cuda->text.source->name()),
      b.getI64IntegerAttr(op.cuda->text.position().line), b.getStrArrayAttr(names),
      kernelConstants(), b.getI64IntegerAttr(launch->threads),
      launch->blocks ? b.getI64IntegerAttr(*launch->blocks) : mlir::IntegerAttr(),
      batch == op.params.inputs.end() ? mlir::StringAttr()
                                      : b.getStringAttr(batch->type->batch->span.text()));
  for (auto [result, value] : llvm::zip(results, made.getResults()))
    result.value = value;
  return results;
}

/// What the signature declares; nothing else says it.
FailureOr<TensorType> OpElaborator::kernelResult(const ast::Result &result, bool mapped) {
  if (!result.name)
    return elab.error("result-name", result.span, "the result of an op has a name")
        .help("write -> y: " + result.span.text());
  auto shape = declaredShape(result.type);
  if (failed(shape))
    return failure();
  TensorType type;
  type.shape = **shape;
  type.batched = mapped || result.type->batch;
  switch (result.type->elem) {
  case ast::Elem::F32: break;
  case ast::Elem::Bool: type.element = ElementKind::Bool; break;
  case ast::Elem::I32: type.element = ElementKind::I32; break;
  case ast::Elem::Index: type.element = ElementKind::Index; break;
  default:
    return elab
        .error("result-element", result.type->span,
               "a result of an op is f32, bool, i32 or index(..), not " + result.type->span.text())
        .help("declare it f32");
  }
  if (result.type->classes) {
    auto classes = elab.evaluateInt(*result.type->classes, scope, "the number of classes");
    if (failed(classes))
      return failure();
    type.classes = *classes;
  }
  return type;
}

/// What the text of the kernel finds named beside its parameters.
LogicalResult OpElaborator::checkKernelNames() {
  constexpr StringRef taken[] = {"i", "block"};
  auto check = [&](const ast::Ident &name) -> LogicalResult {
    if (!llvm::is_contained(taken, name.text))
      return mlir::success();
    return elab
        .error("kernel-name", name.span,
               "in a kernel '" + name.text + "' is the number of " +
                   (name.text == "i" ? "the thread's element" : "the block"))
        .help("give this another name");
  };
  for (const std::vector<ast::Param> *params : {&op.params.inputs, &op.params.settings})
    for (const ast::Param &param : *params)
      if (failed(check(param.name)))
        return failure();
  for (const ast::Result &result : op.results)
    if (failed(check(result.name)))
      return failure();
  return mlir::success();
}

/// `cuda(blocks = C, threads = 128)`.
FailureOr<OpElaborator::KernelLaunch> OpElaborator::kernelLaunch() {
  KernelLaunch launch;
  constexpr int64_t mostThreads = 1024, mostBlocks = 1 << 30;
  for (const ast::Arg &arg : op.cuda->launch ? op.cuda->launch->list : std::vector<ast::Arg>()) {
    bool threads = arg.name.text == "threads";
    if (!threads && arg.name.text != "blocks")
      return elab
          .error("kernel-launch", arg.span,
                 "a kernel is launched with threads = .. and blocks = .., each by its name")
          .didYouMean(arg.name.text, {"threads", "blocks"});
    auto count = elab.evaluateInt(*arg.value, scope,
                                  threads ? "the number of threads" : "the number of blocks");
    if (failed(count))
      return failure();
    int64_t most = threads ? mostThreads : mostBlocks;
    if (*count < 1 || *count > most)
      return elab.error("kernel-launch", arg.span,
                        (threads ? "a block has 1 to " : "a kernel runs in 1 to ") +
                            llvm::Twine(most) + (threads ? " threads, not " : " blocks, not ") +
                            llvm::Twine(*count));
    if (threads)
      launch.threads = *count;
    else
      launch.blocks = *count;
  }
  return launch;
}

/// Dimensions, and settings that are numbers or truth values. A setting is a whole number in C++
/// only if it is declared `int`: else its type would change with its value.
mlir::DictionaryAttr OpElaborator::kernelConstants() {
  mlir::OpBuilder &b = elab.builder;
  llvm::SmallVector<StringRef> names;
  scope.collectNames(names);
  mlir::NamedAttrList list;
  for (StringRef name : names) {
    const Value *value = scope.holder(name) ? scope.value(name) : nullptr;
    if (!value || list.get(name))
      continue;
    auto setting =
        llvm::find_if(op.params.settings, [&](const ast::Param &p) { return p.name.text == name; });
    bool whole = setting == op.params.settings.end() ||
                 (setting->type && setting->type->elem == ast::Elem::Int);
    if (const bool *truth = value->boolean())
      list.set(name, b.getBoolAttr(*truth));
    else if (std::optional<int64_t> number = value->asInt(); whole && number)
      list.set(name, b.getI64IntegerAttr(*number));
    else if (std::optional<double> real = value->asDouble())
      list.set(name, b.getF32FloatAttr(float(*real)));
  }
  return list.getDictionary(b.getContext());
}
