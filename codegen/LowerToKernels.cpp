//===- LowerToKernels.cpp - equations become kernels and launches -----------------------------===//
//
// Each equation becomes one launch of one kernel, or two of them do (TileWindows.h): then what the
// first one computes has no buffer. A kernel is named by a hash of its own text,
// which holds neither the user's names nor locations: equal forms, in one program or in several,
// are one function.
//
// A weight or state is updated in its own buffer if its equation walks it element by element and
// nothing reads the old value later; else the new value is copied over it at the very end. Both
// kinds of launches are marked `commit` and come after all others, so that the host can look at the
// loss first and leave everything unchanged. On a card their kernels look at it (CommitGuard.h).
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/LowerToKernels.h"
#include "codegen/CommitGuard.h"
#include "codegen/LaunchGroups.h"
#include "codegen/LowerReshape.h"
#include "codegen/PlanCall.h"
#include "codegen/ProgramOrder.h"
#include "codegen/Programs.h"
#include "codegen/UpdatePlan.h"
#include "codegen/UserKernel.h"
#include "ir/CopyEquation.h"
#include "ir/Layout.h"
#include "ir/LibraryCall.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "passes/FusionSupport.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace gnc {
namespace {

class ProgramLowering {
public:
  ProgramLowering(ModuleOp module, func::FuncOp function, int64_t batch, const KernelTarget &target,
                  llvm::StringMap<func::FuncOp> &kernels)
      : module(module), function(function), batch(batch), target(target), kernels(kernels) {}
  LogicalResult run();

private:
  void findWindows(ArrayRef<Operation *> ops);
  void createBuffers(const UpdatePlan &plan);
  void createGuards();
  Value createBuffer(OpBuilder &builder, Location loc, Value tensor, DictionaryAttr host);
  Value createSite(OpBuilder &builder, RandomOp op);
  DictionaryAttr hostOf(Builder &builder, NamedAttrList attributes, StringRef role);
  LogicalResult launch(OpBuilder &builder, ArrayRef<ComputeOp> ops, bool commit);
  LogicalResult launchPlan(OpBuilder &builder, ComputeOp op, bool commit);
  LogicalResult launchUserKernel(OpBuilder &builder, CudaOp op);
  LogicalResult launchInOrder(OpBuilder &builder, ArrayRef<Operation *> ops);
  FailureOr<int64_t> launchAll(OpBuilder &builder, ArrayRef<ComputeOp> ops, bool commit);
  func::FuncOp uniqueKernel(func::FuncOp kernel);

  ModuleOp module;
  func::FuncOp function;
  int64_t batch;
  const KernelTarget &target;
  llvm::StringMap<func::FuncOp> &kernels;
  llvm::DenseMap<Value, Value> buffers;  // tensor -> memref; a random tensor's holds its site
  llvm::DenseMap<uint64_t, Value> sites; // site -> memref
  llvm::DenseMap<ComputeOp, ComputeOp> products; // of windows that share their kernels
  llvm::DenseSet<Value> hidden;                  // what these compute: in registers alone
  // Where the device decides whether a step is committed: loss and gradient's norm, what stops it.
  SmallVector<Value, 2> judged;
  Value halt;
};

} // namespace

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

//===------------------------------------------------------------------------------------------===//
// Buffers
//===------------------------------------------------------------------------------------------===//

DictionaryAttr ProgramLowering::hostOf(Builder &builder, NamedAttrList attributes, StringRef role) {
  if (!attributes.get(names::kRole))
    attributes.set(names::kRole, builder.getStringAttr(role));
  return attributes.getDictionary(builder.getContext());
}

Value ProgramLowering::createBuffer(OpBuilder &builder, Location loc, Value tensor,
                                    DictionaryAttr host) {
  RankedTensorType type = typeOf(tensor);
  // A guarded vector read falls back to the first elements: there is always a whole vector of them.
  int64_t elements = llvm::alignTo(std::max<int64_t>(elementsAt(type, batch), 1), 16);
  return BufferOp::create(builder, loc, flatBuffer(type.getElementType(), elements), type,
                          IntegerAttr(), host, DenseI32ArrayAttr());
}

/// Sites are data, so that kernels that draw at different sites are the same kernel.
Value ProgramLowering::createSite(OpBuilder &builder, RandomOp op) {
  Value &buffer = sites[op.getSite()];
  if (!buffer) {
    auto low = static_cast<int32_t>(op.getSite()), high = static_cast<int32_t>(op.getSite() >> 32);
    auto type = RankedTensorType::get({2}, builder.getI32Type());
    buffer = BufferOp::create(builder, op.getLoc(), flatBuffer(builder.getI32Type(), 2), type,
                              IntegerAttr(), DictionaryAttr(),
                              builder.getDenseI32ArrayAttr({low, high}));
  }
  return buffer;
}

/// What depends on weights alone runs at another time, and shares no kernel with the rest.
void ProgramLowering::findWindows(ArrayRef<Operation *> ops) {
  for (Operation *op : ops)
    if (auto product = dyn_cast<ComputeOp>(op))
      if (ComputeOp window = target.windowOf(product); window && llvm::is_contained(ops, window)) {
        products[window] = product;
        hidden.insert(product.getResult(0));
      }
}

void ProgramLowering::createBuffers(const UpdatePlan &plan) {
  Block &block = function.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&block);
  for (BlockArgument argument : block.getArguments()) {
    NamedAttrList attributes(
        mlir::function_interface_impl::getArgAttrDict(function, argument.getArgNumber()));
    buffers[argument] =
        createBuffer(builder, argument.getLoc(), argument, hostOf(builder, attributes, "input"));
  }
  // `lookup`, as a reference into the map would not survive the insertion.
  for (auto [result, argument] : plan.inPlace)
    buffers[result] = buffers.lookup(block.getArgument(argument));
  for (auto [i, value] : llvm::enumerate(block.getTerminator()->getOperands())) {
    NamedAttrList attributes(mlir::function_interface_impl::getResultAttrDict(function, i));
    if (attributes.get(names::kUpdates))
      continue;
    buffers[value] =
        createBuffer(builder, value.getLoc(), value, hostOf(builder, attributes, "result"));
  }
  for (Operation &op : block) {
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      buffers[reshape.getResult()] = buffers.lookup(reshape.getInput());
    else if (auto random = dyn_cast<RandomOp>(op))
      buffers[random] = createSite(builder, random);
    else if (isa<ComputeOp, CudaOp>(op))
      for (Value result : op.getResults())
        if (!buffers.count(result) && !hidden.contains(result))
          buffers[result] = createBuffer(builder, op.getLoc(), result, DictionaryAttr());
  }
}

/// The buffers that launches of the commit look at.
void ProgramLowering::createGuards() {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  for (BufferOp buffer : function.getOps<BufferOp>())
    if (judgesStep(buffer))
      judged.push_back(buffer);
  auto type = RankedTensorType::get({}, builder.getI32Type());
  NamedAttrList host;
  host.set(names::kPath, builder.getStringAttr("halt"));
  halt = BufferOp::create(builder, function.getLoc(), flatBuffer(builder.getI32Type(), 1), type,
                          IntegerAttr(), hostOf(builder, host, "halt"), DenseI32ArrayAttr());
}

//===------------------------------------------------------------------------------------------===//
// Launches
//===------------------------------------------------------------------------------------------===//

/// Names the kernel by its text; returns the first one with this text and erases repetitions.
func::FuncOp ProgramLowering::uniqueKernel(func::FuncOp kernel) {
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os, OpPrintingFlags().useLocalScope());
  std::string name = "k" + llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true);
  auto [it, isNew] = kernels.try_emplace(name, kernel);
  if (isNew)
    kernel.setName(name);
  else
    kernel.erase();
  return it->second;
}

/// Operations of an equation: for each sample, and besides. A term that a contraction skips is a
/// product and an addition.
static std::pair<int64_t, int64_t> operationsOf(ComputeOp op) {
  double skipped = isProductSum(op) ? 1 - countedShare(op) : 0;
  auto operations = [&](int64_t batch) -> int64_t {
    return std::llround(op.cost(batch).flops - 2 * skipped * pointsOf(op.getExtents(), batch));
  };
  int64_t one = operations(1), more = operations(2) - one;
  return {more, one - more};
}

LogicalResult ProgramLowering::launch(OpBuilder &builder, ArrayRef<ComputeOp> ops, bool commit) {
  SmallVector<Value> distinct; // one kernel argument per buffer
  auto numberOf = [&](Value buffer) -> unsigned {
    auto *it = llvm::find(distinct, buffer);
    if (it != distinct.end())
      return it - distinct.begin();
    distinct.push_back(buffer);
    return distinct.size() - 1;
  };
  constexpr unsigned kNone = ~0u;
  auto argumentOf = [&](Value tensor) {
    return hidden.contains(tensor) ? kNone : numberOf(buffers.lookup(tensor));
  };
  SmallVector<KernelPart> parts;
  SmallVector<int64_t> written;
  SmallVector<Location> locations;
  int64_t perSample = 0, fixed = 0; // operations
  for (ComputeOp op : ops) {
    // Whichever was written first.
    if (std::optional<unsigned> vector =
            contractionVector(op, {.panelLanes = 1, .alongSums = true, .bounds = true})) {
      Contraction c = *classify(op, *vector);
      argumentOf(op.getReads()[c.a]);
      argumentOf(op.getReads()[c.b]);
    }
    KernelArguments arguments;
    for (Value tensor : op.getReads()) {
      arguments.reads.push_back(argumentOf(tensor));
      if (auto random = tensor.getDefiningOp<RandomOp>())
        arguments.stream = argumentOf(random.getStream());
    }
    for (Value result : op.getResults())
      arguments.results.push_back(argumentOf(result));
    for (unsigned argument : arguments.results)
      if (argument != kNone && !llvm::is_contained(written, argument))
        written.push_back(argument);
    auto [more, rest] = operationsOf(op);
    perSample += more, fixed += rest;
    locations.push_back(op.getLoc());
    parts.push_back({op, std::move(arguments)});
  }
  SmallVector<unsigned> scalars;
  std::optional<unsigned> stop;
  if (commit && halt) {
    for (Value buffer : judged)
      scalars.push_back(numberOf(buffer));
    stop = numberOf(halt);
  }
  FailureOr<EmittedKernel> emitted =
      target.emit(module, parts, llvm::to_vector(ValueRange(distinct).getTypes()));
  if (failed(emitted))
    return failure();
  if (stop)
    guardCommit(emitted->function, scalars, *stop);
  func::FuncOp kernel = uniqueKernel(emitted->function);
  const Tiles &tiles = emitted->tiles;
  LaunchOp::create(builder, builder.getFusedLoc(locations), kernel.getName(),
                   ArrayRef<int64_t>{tiles.perSample, tiles.fixed, tiles.divisor, tiles.times},
                   written, commit, perSample, fixed, distinct);
  return success();
}

LogicalResult ProgramLowering::launchPlan(OpBuilder &builder, ComputeOp op, bool commit) {
  if (!target.runsPlans())
    return op.emitError(
        "a library of cards computes this; there is none for processors: name a card "
        "(--target), and make no code for processors (--cpu=none)");
  auto bufferOf = [&](Value tensor) { return buffers.lookup(tensor); };
  FailureOr<PlanCall> call = declarePlan(builder, module, op, bufferOf);
  if (failed(call))
    return failure();
  auto [perSample, fixed] = operationsOf(op);
  LaunchOp::create(builder, op.getLoc(), uniqueKernel(call->plan).getName(),
                   ArrayRef<int64_t>{0, 1, 1, 1}, call->written, commit, perSample, fixed,
                   call->arguments);
  return success();
}

LogicalResult ProgramLowering::launchUserKernel(OpBuilder &builder, CudaOp op) {
  if (!target.runsPlans())
    return op.emitError("a kernel in CUDA C++ runs on a card alone");
  auto bufferOf = [&](Value tensor) { return buffers.lookup(tensor); };
  FailureOr<UserLaunch> launch = declareUserKernel(module, op, batch, bufferOf);
  if (failed(launch))
    return failure();
  LaunchOp::create(builder, op.getLoc(), uniqueKernel(launch->kernel).getName(), launch->tiles,
                   launch->written, /*commit=*/false, 0, 0, launch->arguments);
  return success();
}

/// Equations and kernels of the user. These stay where they are among them.
LogicalResult ProgramLowering::launchInOrder(OpBuilder &builder, ArrayRef<Operation *> ops) {
  SmallVector<ComputeOp> equations;
  auto launchEquations = [&] {
    ArrayRef<ComputeOp> now = equations;
    bool good = succeeded(launchAll(builder, now, /*commit=*/false));
    equations.clear();
    return success(good);
  };
  for (Operation *op : ops) {
    auto user = dyn_cast<CudaOp>(op);
    if (!user)
      equations.push_back(cast<ComputeOp>(op));
    else if (failed(launchEquations()) || failed(launchUserKernel(builder, user)))
      return failure();
  }
  return launchEquations();
}

/// Returns how many launches these are.
FailureOr<int64_t> ProgramLowering::launchAll(OpBuilder &builder, ArrayRef<ComputeOp> ops,
                                              bool commit) {
  auto bufferOf = [&](Value tensor) { return buffers.lookup(tensor); };
  SmallVector<ComputeOp> shown(llvm::make_filter_range(
      ops, [&](ComputeOp op) { return !hidden.contains(op.getResult(0)); }));
  std::vector<LaunchGroup> groups = groupLaunches(shown, target, bufferOf);
  for (LaunchGroup &group : groups) {
    if (ComputeOp product = products.lookup(group.front()))
      group.insert(group.begin(), product);
    bool planned = isLibraryCall(group.front());
    if (failed(planned ? launchPlan(builder, group.front(), commit)
                       : launch(builder, group, commit)))
      return failure();
  }
  return groups.size();
}

LogicalResult ProgramLowering::run() {
  // Only equations read random tensors as they are.
  for (RandomOp op : llvm::make_early_inc_range(function.getOps<RandomOp>()))
    writeDown(op, [](OpOperand &use) { return !isa<ComputeOp>(use.getOwner()); });
  for (ReshapeOp op : llvm::make_early_inc_range(function.getOps<ReshapeOp>()))
    if (!isAlias(op))
      lowerReshape(op);
  nameCopies(function);
  UpdatePlan plan = planUpdates(function);
  ProgramOrder order = orderOf(function, plan);
  findWindows(order.others);
  createBuffers(plan);
  if (target.decidesCommits() && !plan.commits.empty())
    createGuards();
  Block &block = function.getBody().front();
  OpBuilder builder(block.getTerminator());
  FailureOr<int64_t> prologue = launchAll(builder, order.ofWeights, /*commit=*/false);
  if (failed(prologue) || failed(launchInOrder(builder, order.others)) ||
      failed(launchAll(builder, order.commits, /*commit=*/true)))
    return failure();
  if (*prologue)
    function->setAttr(names::kPrologue, builder.getI64IntegerAttr(*prologue));
  // Only buffers and launches stay.
  block.getTerminator()->setOperands({});
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isa<ComputeOp, CudaOp, ReshapeOp, RandomOp>(op))
      op.erase();
  function->removeAttr(function.getArgAttrsAttrName());
  function->removeAttr(function.getResAttrsAttrName());
  block.eraseArguments(0, block.getNumArguments());
  function.setType(FunctionType::get(function.getContext(), {}, {}));
  function->setAttr(names::kBatch, builder.getI64IntegerAttr(batch));
  return success();
}

//===------------------------------------------------------------------------------------------===//
// The pass
//===------------------------------------------------------------------------------------------===//

namespace {
struct LowerToKernels : PassWrapper<LowerToKernels, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToKernels)
  LowerToKernels() = default;
  LowerToKernels(const LowerToKernels &other) : PassWrapper(other) {}
  LowerToKernels(int64_t batchSize, VectorTarget target) {
    batch = batchSize;
    lanes = target.lanes;
    registers = target.registers;
  }
  explicit LowerToKernels(int64_t batchSize) {
    batch = batchSize;
    gpu = true;
  }

  Option<int64_t> batch{*this, "batch",
                        llvm::cl::desc("samples to plan for; 0: the recipe's batch"),
                        llvm::cl::init(0)};
  Option<unsigned> lanes{*this, "lanes", llvm::cl::desc("f32 elements of a vector register"),
                         llvm::cl::init(8)};
  Option<unsigned> registers{*this, "registers", llvm::cl::desc("vector registers"),
                             llvm::cl::init(16)};
  Option<bool> gpu{*this, "gpu", llvm::cl::desc("write kernels for the blocks of a GPU"),
                   llvm::cl::init(false)};

  StringRef getArgument() const final { return "gnc-lower-to-kernels"; }
  StringRef getDescription() const final {
    return "turn equations into kernels, buffers and launches";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, func::FuncDialect, gpu::GPUDialect, math::MathDialect,
                    memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect, GncDialect>();
  }

  int64_t plannedBatch() { return batchToPlan(getOperation(), batch); }

  void runOnOperation() final {
    llvm::StringMap<func::FuncOp> kernels;
    SmallVector<func::FuncOp> functions;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>()) {
      if (isKernel(function))
        kernels[function.getName()] = function;
      else if (!function.isExternal() && !isProgram(function))
        functions.push_back(function);
    }
    std::unique_ptr<KernelTarget> target =
        gpu ? createGpuTarget(plannedBatch()) : createProcessorTarget({lanes, registers});
    for (func::FuncOp function : functions)
      if (failed(ProgramLowering(getOperation(), function, plannedBatch(), *target, kernels).run()))
        return signalPassFailure();
  }
};
} // namespace

std::unique_ptr<Pass> createLowerToKernels() { return std::make_unique<LowerToKernels>(); }
std::unique_ptr<Pass> createLowerToKernels(int64_t batch, VectorTarget target) {
  return std::make_unique<LowerToKernels>(batch, target);
}
std::unique_ptr<Pass> createLowerToGpuKernels(int64_t batch) {
  return std::make_unique<LowerToKernels>(batch);
}

} // namespace gnc
