//===- Assemble.cpp - a planned module as data for the runtime
//---------------------------------===//
#include "codegen/Assemble.h"

#include "codegen/GpuLower.h"
#include "codegen/PlanCall.h"
#include "codegen/Programs.h"
#include "ir/LibraryCall.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace gnc {

namespace {
std::string stringOf(DictionaryAttr dictionary, StringRef key) {
  auto attribute = dictionary.getAs<StringAttr>(key);
  return attribute ? attribute.str() : std::string();
}

int64_t integerOf(DictionaryAttr dictionary, StringRef key, int64_t otherwise) {
  auto attribute = dictionary.getAs<IntegerAttr>(key);
  return attribute ? attribute.getValue().getSExtValue() : otherwise;
}

double numberOf(DictionaryAttr dictionary, StringRef key) {
  if (auto attribute = dictionary.getAs<FloatAttr>(key))
    return attribute.getValueAsDouble();
  return double(integerOf(dictionary, key, 0));
}

std::vector<std::string> stringsOf(DictionaryAttr dictionary, StringRef key) {
  std::vector<std::string> strings;
  if (auto array = dictionary.getAs<ArrayAttr>(key))
    for (auto attribute : array.getAsRange<StringAttr>())
      strings.push_back(attribute.str());
  return strings;
}

runtime::SourceLocation placeOf(DictionaryAttr dictionary) {
  return {stringOf(dictionary, "file"), int(integerOf(dictionary, "line", 0)),
          int(integerOf(dictionary, "column", 0))};
}

//===- Tensors --------------------------------------------------------------------------------===//

runtime::ElementType elementTypeOf(Type type) {
  if (type.isF32())
    return runtime::ElementType::F32;
  if (type.isInteger(32))
    return runtime::ElementType::I32;
  return type.isInteger(1) ? runtime::ElementType::Bool : runtime::ElementType::U8;
}

std::optional<runtime::Role> roleNamed(StringRef name) {
  using runtime::Role;
  return llvm::StringSwitch<std::optional<Role>>(name)
      .Case("input", Role::Input)
      .Case("weight", Role::Weight)
      .Case("state", Role::State)
      .Case("optimizer", Role::Optimizer)
      .Case("average", Role::Average)
      .Case("schedule", Role::Schedule)
      .Case("stream", Role::Stream)
      .Case("result", Role::Result)
      .Case("halt", Role::Halt)
      .Default(std::nullopt);
}

runtime::Initializer initializerOf(DictionaryAttr host) {
  using Kind = runtime::Initializer::Kind;
  Kind kind = llvm::StringSwitch<Kind>(stringOf(host, names::kInit))
                  .Case("normal", Kind::Normal)
                  .Case("uniform", Kind::Uniform)
                  .Case("truncated_normal", Kind::TruncatedNormal)
                  .Case("orthogonal", Kind::Orthogonal)
                  .Default(Kind::Constant);
  return {kind, numberOf(host, names::kInitA), numberOf(host, names::kInitB)};
}

/// Strides of the logical dimensions, in elements. The encoding of a tensor says which logical
/// dimension lies at each physical position; without one they lie in their order.
FailureOr<SmallVector<int64_t>> stridesOf(BufferOp buffer, RankedTensorType type, int64_t batch) {
  int64_t rank = type.getRank();
  auto order = AffineMap::getMultiDimIdentityMap(rank, type.getContext());
  if (auto layout = dyn_cast_or_null<AffineMapAttr>(type.getEncoding()))
    order = layout.getValue();
  if (!order.isPermutation() || order.getNumDims() != rank)
    return buffer.emitError("the layout of a tensor is a permutation of its dimensions");
  SmallVector<int64_t> strides(rank);
  int64_t stride = 1;
  for (int64_t position = rank; position-- > 0;) {
    unsigned dim = order.getDimPosition(position);
    strides[dim] = stride;
    stride *= type.isDynamicDim(dim) ? batch : type.getDimSize(dim);
  }
  if (stride > cast<MemRefType>(buffer.getType()).getNumElements())
    return buffer.emitError("the buffer is smaller than its tensor with a batch of ") << batch;
  return strides;
}

std::vector<int64_t> declaredShapeOf(DictionaryAttr host) {
  std::vector<int64_t> shape;
  if (auto dense = host.getAs<DenseI64ArrayAttr>(names::kShape))
    shape = dense.asArrayRef().vec();
  else if (auto array = host.getAs<ArrayAttr>(names::kShape))
    for (auto extent : array.getAsRange<IntegerAttr>())
      shape.push_back(extent.getInt());
  return shape;
}

/// Where the elements of a buffer lie; nothing about what they mean.
FailureOr<runtime::Tensor> layoutOf(BufferOp buffer, RankedTensorType type, int64_t batch) {
  auto strides = stridesOf(buffer, type, batch);
  if (failed(strides))
    return failure();
  runtime::Tensor tensor;
  tensor.type = elementTypeOf(type.getElementType());
  tensor.batched = isBatched(type);
  size_t leading = tensor.batched ? 1 : 0;
  tensor.shape = type.getShape().drop_front(leading).vec();
  tensor.strides.assign(strides->begin() + leading, strides->end());
  tensor.batchStride = tensor.batched ? strides->front() : 0;
  tensor.offset = *buffer.getOffset();
  tensor.bytes = buffer.getBytes();
  return tensor;
}

FailureOr<runtime::Tensor> tensorOf(BufferOp buffer, int64_t batch) {
  DictionaryAttr host = *buffer.getHost();
  std::optional<StringRef> roleName = roleOf(buffer);
  std::optional<runtime::Role> role = roleName ? roleNamed(*roleName) : std::nullopt;
  auto type = dyn_cast<RankedTensorType>(buffer.getTensor());
  if (!role || !type)
    return buffer.emitError("a buffer that the host sees has a role and a tensor type");
  auto place = layoutOf(buffer, type, batch);
  if (failed(place))
    return failure();
  if (isHalf(type.getElementType()))
    return buffer.emitError("the host reads and writes f32, not ")
           << type.getElementType() << "; keep what it sees in f32";
  runtime::Tensor tensor = std::move(*place);
  tensor.name = stringOf(host, names::kPath);
  tensor.role = *role;
  tensor.declared = declaredShapeOf(host);
  tensor.was = stringsOf(host, names::kWas);
  tensor.initial = initializerOf(host);
  tensor.schedule = stringOf(host, names::kSchedule);
  tensor.classes = integerOf(host, names::kClasses, 0);
  tensor.member = stringOf(host, names::kMember);
  tensor.location = siteOf(buffer.getLoc()).location;
  return tensor;
}

//===- Programs -------------------------------------------------------------------------------===//

/// Builds one program. Kernels and sites get numbers when they are first met.
class ProgramBuilder {
public:
  ProgramBuilder(func::FuncOp function, const KernelTable &table)
      : function(function), table(table) {}

  FailureOr<runtime::Program> build() {
    auto arena = function->getAttrOfType<IntegerAttr>(names::kArenaBytes);
    auto persistent = function->getAttrOfType<IntegerAttr>(names::kPersistentBytes);
    if (!arena || !persistent)
      return function.emitError("the memory of this program is not planned");
    program.name = function.getSymName();
    program.maxBatch = plannedBatch(function);
    program.arenaBytes = arena.getInt();
    program.persistentBytes = persistent.getInt();
    for (Operation &op : function.getOps())
      if (failed(add(&op)))
        return failure();
    if (!committing)
      program.commit = program.launches.size();
    if (auto prologue = function->getAttrOfType<IntegerAttr>(names::kPrologue))
      program.prologue = size_t(prologue.getInt());
    return std::move(program);
  }

private:
  LogicalResult add(Operation *op) {
    if (auto buffer = dyn_cast<BufferOp>(op))
      return addBuffer(buffer);
    if (auto launch = dyn_cast<LaunchOp>(op))
      return addLaunch(launch);
    if (isa<func::ReturnOp>(op) && op->getNumOperands() == 0)
      return success();
    return op->emitError("only buffers and launches can be run");
  }

  LogicalResult addBuffer(BufferOp buffer) {
    if (!buffer.getOffset())
      return buffer.emitError("this buffer has no place in the arena");
    if (std::optional<ArrayRef<int32_t>> words = buffer.getConstant()) {
      std::vector<uint8_t> bytes(words->size() * sizeof(int32_t));
      memcpy(bytes.data(), words->data(), bytes.size());
      program.constants.push_back({uint64_t(*buffer.getOffset()), std::move(bytes)});
    }
    if (!buffer.getHost())
      return success();
    auto tensor = tensorOf(buffer, program.maxBatch);
    if (succeeded(tensor))
      program.tensors.push_back(std::move(*tensor));
    return tensor;
  }

  LogicalResult addLaunch(LaunchOp launch) {
    auto plan = launch->getParentOfType<ModuleOp>()
                    .lookupSymbol<func::FuncOp>(launch.getKernel())
                    ->getAttrOfType<DictionaryAttr>(names::kLibrary);
    auto kernel = plan ? FailureOr<uint32_t>(planNumber(plan)) : kernelNumber(launch);
    ArrayRef<int64_t> tiles = launch.getTiles();
    if (failed(kernel))
      return failure();
    if (tiles.size() != 4 || tiles[2] < 1)
      return launch.emitError("a launch has four numbers for its tiles, and a positive divisor");
    if (committing && !launch.getCommit())
      return launch.emitError("launches that commit come last");
    if (launch.getCommit() && !std::exchange(committing, true))
      program.commit = program.launches.size();
    runtime::Launch result;
    result.kernel = *kernel;
    result.library = bool(plan);
    result.site = siteNumber(launch.getLoc());
    for (Value argument : launch.getArguments()) {
      auto buffer = argument.getDefiningOp<BufferOp>();
      if (!buffer || !buffer.getOffset())
        return launch.emitError("the arguments of a launch are planned buffers");
      result.arguments.push_back(*buffer.getOffset());
    }
    for (int64_t written : launch.getWritten()) {
      auto buffer = launch.getArguments()[written].getDefiningOp<BufferOp>();
      // The host knows no f16 and bf16: a NaN in one is found in what is computed from it.
      if (isHalf(cast<RankedTensorType>(buffer.getTensor()).getElementType()))
        continue;
      auto place = layoutOf(buffer, cast<RankedTensorType>(buffer.getTensor()), program.maxBatch);
      if (failed(place))
        return failure();
      result.written.push_back(std::move(*place));
    }
    if (plan && sumsSamples(plan) && failed(addSummed(launch, result)))
      return failure();
    result.tiles = {tiles[0], tiles[1], tiles[2], tiles[3]};
    result.flops = {double(launch.getFlopsPerSample()), double(launch.getFlopsFixed())};
    result.bytes = bytesOf(launch);
    program.launches.push_back(std::move(result));
    return success();
  }

  /// The samples that a plan sums over.
  LogicalResult addSummed(LaunchOp launch, runtime::Launch &result) {
    for (Value argument : launch.getArguments()) {
      auto buffer = argument.getDefiningOp<BufferOp>();
      auto type = cast<RankedTensorType>(buffer.getTensor());
      if (!isBatched(type))
        continue;
      auto place = layoutOf(buffer, type, program.maxBatch);
      if (failed(place))
        return failure();
      result.summed.push_back(
          {place->offset, uint64_t(place->batchStride * runtime::byteWidth(place->type))});
    }
    return success();
  }

  uint32_t planNumber(DictionaryAttr call) {
    auto [known, fresh] = planNumbers.try_emplace(call, program.plans.size());
    if (fresh)
      program.plans.push_back(libraryPlanOf(call));
    return known->second;
  }

  FailureOr<uint32_t> kernelNumber(LaunchOp launch) {
    std::optional<unsigned> entry = table.find(launch.getKernel());
    if (!entry)
      return launch.emitError("there is no kernel '") << launch.getKernel() << "'";
    const KernelTable::Entry &kernel = table.entries()[*entry];
    func::FuncOp kernelFunction = kernel.function;
    unsigned others = isGpuKernel(kernelFunction) ? 1 : 3; // the batch; the range of tiles
    if (kernelFunction.getNumArguments() != launch.getArguments().size() + others)
      return launch.emitError("the kernel takes ")
             << kernelFunction.getNumArguments() - others << " buffers";
    auto [known, fresh] = kernelNumbers.try_emplace(*entry, program.kernels.size());
    if (!fresh)
      return known->second;
    runtime::Kernel &made = program.kernels.emplace_back();
    made.key = kernel.key;
    if (auto threads = kernelFunction->getAttrOfType<IntegerAttr>(names::kThreads)) {
      program.target = runtime::Target::Cuda;
      made.symbol = gpuSymbol(kernel.key);
      made.threads = threads.getInt();
    }
    return known->second;
  }

  uint32_t siteNumber(Location location) {
    auto [known, fresh] = siteNumbers.try_emplace(location, program.sites.size());
    if (fresh)
      program.sites.push_back(siteOf(location));
    return known->second;
  }

  func::FuncOp function;
  const KernelTable &table;
  runtime::Program program;
  bool committing = false;
  DenseMap<unsigned, uint32_t> kernelNumbers;
  DenseMap<Attribute, uint32_t> planNumbers;
  DenseMap<Location, uint32_t> siteNumbers;
};
} // namespace

FailureOr<runtime::Program> assembleProgram(func::FuncOp function, const KernelTable &table) {
  return ProgramBuilder(function, table).build();
}

FailureOr<runtime::Recipe> assembleRecipe(ModuleOp module) {
  runtime::Recipe recipe;
  auto dictionary = module->getAttrOfType<DictionaryAttr>(names::kRecipe);
  if (!dictionary)
    return recipe;
  recipe.net = stringOf(dictionary, "net");
  recipe.batch = integerOf(dictionary, "batch", recipe.batch);
  recipe.epochs = integerOf(dictionary, "epochs", 0);
  recipe.steps = integerOf(dictionary, "steps", 0);
  recipe.seed = uint64_t(integerOf(dictionary, "seed", 0));
  recipe.validate = numberOf(dictionary, "validate");
  recipe.metrics = stringsOf(dictionary, "metrics");
  recipe.outputs = stringsOf(dictionary, "outputs");
  recipe.tables = stringsOf(dictionary, "tables");
  recipe.best = stringOf(dictionary, "best");
  recipe.workers = integerOf(dictionary, "workers", -1);
  if (auto init = dictionary.getAs<DictionaryAttr>("init")) {
    recipe.init = stringOf(init, "path");
    recipe.initLocation = placeOf(init);
  }
  recipe.location = placeOf(dictionary);
  if (auto source = dictionary.getAs<DictionaryAttr>("source")) {
    recipe.source.kind = stringOf(source, "kind");
    recipe.source.path = stringOf(source, "path");
    recipe.source.count = integerOf(source, "count", 0);
    recipe.source.seed = uint64_t(integerOf(source, "seed", 1));
    if (auto files = source.getAs<DictionaryAttr>("files"))
      for (NamedAttribute file : files)
        recipe.source.files.emplace_back(file.getName().str(),
                                         cast<StringAttr>(file.getValue()).str());
    if (source.contains("split"))
      recipe.source.split = numberOf(source, "split");
    recipe.source.label = stringOf(source, "label");
    if (source.contains("couples"))
      recipe.source.couples = numberOf(source, "couples");
    recipe.source.location = placeOf(source);
  }
  if (recipe.batch < 1)
    return module.emitError("the batch of a recipe is at least 1");
  return recipe;
}

FailureOr<runtime::CompiledNet> assemble(ModuleOp module, const KernelTable &table) {
  runtime::CompiledNet net;
  FailureOr<runtime::Recipe> recipe = assembleRecipe(module);
  if (failed(recipe))
    return failure();
  net.recipe = std::move(*recipe);
  for (auto function : module.getOps<func::FuncOp>()) {
    if (isKernel(function) || function.isExternal())
      continue;
    if (!isProgram(function) && !llvm::hasSingleElement(function.getBody().front()))
      return function.emitError("these equations have not become kernels");
    StringRef name = function.getSymName();
    runtime::Program *program = llvm::StringSwitch<runtime::Program *>(name)
                                    .Case("train", &net.train)
                                    .Case("eval", &net.eval)
                                    .Case("score", &net.score)
                                    .Case("infer", &net.infer)
                                    .Default(nullptr);
    if (!program)
      return function.emitError("a program is called train, eval, score or infer");
    FailureOr<runtime::Program> built = assembleProgram(function, table);
    if (failed(built))
      return failure();
    *program = std::move(*built);
  }
  return net;
}

} // namespace gnc
