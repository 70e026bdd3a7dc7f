#include "codegen/ChooseLibrary.h"

#include "codegen/Assemble.h"
#include "codegen/Programs.h"
#include "ir/LibraryCall.h"
#include "ir/ScalarBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Contraction.h"
#include "passes/FusionSupport.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// What follows the sum
//===------------------------------------------------------------------------------------------===//

namespace {
/// `finish` as an epilogue of a plan, with the read that is the bias.
struct Following {
  LibraryEpilogue epilogue;
  std::optional<unsigned> bias;
};
} // namespace

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return number && number.getValue().isZero();
}

/// One number for each of the result's channels.
static bool isPerChannel(ComputeOp op, unsigned read, unsigned channel) {
  AccessAttr access = op.getAccess(read);
  auto type = cast<RankedTensorType>(op.getReads()[read].getType());
  AffineExpr index = getAffineDimExpr(channel, op.getContext());
  if (access.isGuarded() || !access.getClamped().empty() || !type.getElementType().isF32() ||
      op.getReads()[read].getDefiningOp<RandomOp>())
    return false;
  unsigned walked = 0;
  for (auto [extent, coordinate] :
       llvm::zip_equal(type.getShape(), access.getCoords().getResults())) {
    bool walks = coordinate == index && extent == op.getExtents()[channel];
    if (!walks && extent != 1)
      return false;
    walked += walks;
  }
  return walked == 1;
}

/// max(sum + bias, 0), either part of which may be missing; none if it is anything else.
static std::optional<Following> followingOf(ComputeOp op, const Correlation &correlation) {
  Following found;
  Block &block = op.getFinish().front();
  Value value = block.getTerminator()->getOperand(0);
  auto other = [](Operation *pair, Value one) {
    return pair->getOperand(pair->getOperand(0) == one ? 1 : 0);
  };
  if (auto max = value.getDefiningOp<arith::MaximumFOp>()) {
    Value zero = isZero(max.getLhs()) ? max.getLhs() : max.getRhs();
    if (!isZero(zero))
      return std::nullopt;
    found.epilogue.relu = true;
    value = other(max, zero);
  }
  Value sum = block.getArgument(0);
  if (auto add = value.getDefiningOp<arith::AddFOp>()) {
    auto bias = dyn_cast<BlockArgument>(other(add, sum));
    if ((add.getLhs() != sum && add.getRhs() != sum) || !bias || bias == sum)
      return std::nullopt;
    unsigned read = op.getNumBodyReads() + bias.getArgNumber() - 1;
    if (correlation.channelsY == 1 ||
        !isPerChannel(op, read, correlation.orders[Correlation::kResult].back()))
      return std::nullopt;
    found.epilogue.bias = true;
    found.bias = read;
    value = sum;
  }
  return value == sum ? std::optional(found) : std::nullopt;
}

/// Whether `finish` can stand alone: it asks for nothing that only the sum knows.
static bool canStandAlone(ComputeOp op) {
  auto summed = [&](int64_t index) { return index >= int64_t(op.getNumParallel()); };
  return llvm::none_of(op.getFinish().front(), [&](Operation &scalar) {
    return llvm::TypeSwitch<Operation *, bool>(&scalar)
        .Case([&](IndexOp index) { return summed(index.getIndex()); })
        .Case([&](ExtentOp extent) { return llvm::any_of(extent.getIndices(), summed); })
        .Case([&](InsideOp inside) { return inside.getRead() < op.getNumBodyReads(); })
        .Default(false);
  });
}

/// Makes the scalars of `finish` an equation of their own; returns the sum.
static ComputeOp splitFinish(ComputeOp op) {
  OpBuilder builder(op);
  EquationDraft whole = EquationDraft::of(op), sum = EquationDraft::of(op);
  sum.finish.reset();
  sum.reads.truncate(op.getNumBodyReads());
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  sum.resultTypes = {RankedTensorType::get(type.getShape(), builder.getF32Type())};
  ComputeOp made = sum.create(builder, op.getLoc());

  EquationDraft rest(op.getContext());
  ScalarImport import;
  import.extents = whole.extents;
  DraftRead same;
  same.tensor = made.getResult(0);
  for (unsigned i = 0; i < op.getNumIndices(); ++i) {
    bool parallel = i < op.getNumParallel();
    import.indices.push_back(parallel ? getAffineDimExpr(i, op.getContext())
                                      : getAffineConstantExpr(0, op.getContext()));
    if (!parallel)
      continue;
    rest.names.push_back(whole.names[i]);
    rest.extents.push_back(whole.extents[i]);
    same.coords.push_back(import.indices.back());
  }
  rest.numParallel = op.getNumParallel();
  rest.reductions = {Reduction::None};
  rest.resultTypes = whole.resultTypes;
  import.values.map(whole.finish->getArgument(0), rest.addRead(same, op.getLoc()));
  OpBuilder inside = endOf(rest.body.get(), op.getContext());
  auto yield = YieldOp::create(inside, op.getLoc(), rest.body->getArguments());
  SmallVector<AffineExpr> symbols(op.getNumBodyReads(), getAffineConstantExpr(0, op.getContext()));
  import.reads.assign(op.getNumBodyReads(), -1);
  for (unsigned i = op.getNumBodyReads(); i < whole.reads.size(); ++i) {
    DraftRead read = whole.reads[i];
    read.map([&](AffineExpr expr) { return expr.replaceDimsAndSymbols(import.indices, symbols); });
    unsigned position = addBodyRead(rest, read, op.getLoc());
    import.values.map(whole.argumentOf(i), rest.argumentOf(position));
    import.reads.push_back(position);
    symbols.push_back(getAffineSymbolExpr(position, op.getContext()));
  }
  yield->setOperands(importScalars(rest, *whole.finish, import, yield));
  ComputeOp after = rest.create(builder, op.getLoc());
  after->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  op.getResult(0).replaceAllUsesWith(after.getResult(0));
  op.erase();
  return made;
}

//===------------------------------------------------------------------------------------------===//
// Choosing
//===------------------------------------------------------------------------------------------===//

namespace {
class Chooser {
public:
  Chooser(LibraryPlanner &planner, int64_t batch) : planner(planner), batch(batch) {}

  void offer(ComputeOp op);
  SmallVector<Attribute> report;

private:
  std::optional<LibraryPlan> planFor(ComputeOp op, const Correlation &correlation,
                                     Following &following, std::string &why);
  void note(ComputeOp op, const std::string &what, const LibraryPlan *plan, StringRef why);

  LibraryPlanner &planner;
  int64_t batch;
};
} // namespace

static void mark(ComputeOp op, const Correlation &correlation, const Following &following,
                 const LibraryPlan &plan) {
  Builder builder(op.getContext());
  SmallVector<Attribute> orders;
  for (const SmallVector<unsigned> &order : correlation.orders)
    orders.push_back(builder.getDenseI64ArrayAttr(llvm::to_vector_of<int64_t>(order)));
  auto operand = [&](unsigned number) -> int64_t {
    return number == Correlation::kResult ? op.getReads().size() : number;
  };
  SmallVector<int64_t> operands{operand(correlation.x), operand(correlation.w),
                                operand(correlation.y)},
      ids{int64_t(LibraryTensor::X), int64_t(LibraryTensor::W), int64_t(LibraryTensor::Y)};
  if (following.bias) {
    operands.push_back(*following.bias);
    ids.push_back(int64_t(LibraryTensor::Bias));
  }
  SmallVector<NamedAttribute> fields{
      builder.getNamedAttr("orders", builder.getArrayAttr(orders)),
      builder.getNamedAttr("operands", builder.getDenseI64ArrayAttr(operands)),
      builder.getNamedAttr("ids", builder.getDenseI64ArrayAttr(ids)),
      builder.getNamedAttr("plan", builder.getStringAttr(plan.text)),
      builder.getNamedAttr("workspace", builder.getI64IntegerAttr(plan.workspace))};
  if (correlation.product == Correlation::Product::Weights)
    fields.push_back(builder.getNamedAttr("sums_batch", builder.getUnitAttr()));
  op->setAttr(names::kLibrary, builder.getDictionaryAttr(fields));
}

void Chooser::note(ComputeOp op, const std::string &what, const LibraryPlan *plan, StringRef why) {
  Builder builder(op.getContext());
  runtime::Site site = siteOf(op.getLoc());
  std::string place = site.location.line > 0 ? " [" + site.location.file + ":" +
                                                   std::to_string(site.location.line) + "]"
                                             : "";
  SmallVector<NamedAttribute> fields{
      builder.getNamedAttr("site", builder.getStringAttr(site.name + place)),
      builder.getNamedAttr("what", builder.getStringAttr(what))};
  if (plan) {
    fields.push_back(builder.getNamedAttr("engine", builder.getI64IntegerAttr(plan->engine)));
    fields.push_back(builder.getNamedAttr("workspace", builder.getI64IntegerAttr(plan->workspace)));
  } else {
    fields.push_back(builder.getNamedAttr("why", builder.getStringAttr(why)));
  }
  report.push_back(builder.getDictionaryAttr(fields));
}

/// With what follows it, if there is such a plan; else alone, and `following` becomes empty.
std::optional<LibraryPlan> Chooser::planFor(ComputeOp op, const Correlation &correlation,
                                            Following &following, std::string &why) {
  bool forward = correlation.product == Correlation::Product::Forward;
  if (auto found = op.hasFinish() && forward ? followingOf(op, correlation) : std::nullopt)
    following = *found;
  if (following.epilogue.bias || following.epilogue.relu)
    if (auto plan = planner.plan(correlation, batch, following.epilogue, why))
      return plan;
  following = {};
  if (!op.hasFinish() || canStandAlone(op))
    return planner.plan(correlation, batch, {}, why);
  why = "what follows it counts its terms";
  return std::nullopt;
}

void Chooser::offer(ComputeOp op) {
  std::string why;
  std::optional<Correlation> correlation = correlationOf(op, why);
  if (!correlation)
    return note(op, "sum of products", nullptr, why);
  std::string what = describe(*correlation, batch);
  Following following;
  std::optional<LibraryPlan> plan = planFor(op, *correlation, following, why);
  if (!plan)
    return note(op, what, nullptr, why);
  bool fused = following.epilogue.bias || following.epilogue.relu;
  what += (following.epilogue.bias ? " + bias" : "");
  what += (following.epilogue.relu ? " + relu" : "");
  note(op, what, &*plan, "");
  if (op.hasFinish() && !fused)
    op = splitFinish(op);
  mark(op, *correlation, following, *plan);
}

namespace {
struct ChooseLibrary : PassWrapper<ChooseLibrary, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseLibrary)
  ChooseLibrary() = default;
  ChooseLibrary(const ChooseLibrary &other)
      : PassWrapper(other), planner(other.planner), own(other.own) {}
  ChooseLibrary(LibraryPlanner *planner, int64_t batchSize) : planner(planner) {
    batch = batchSize;
  }

  Option<std::string> library{*this, "library", llvm::cl::desc("a cuDNN in place of the system's")};
  Option<std::string> target{*this, "target", llvm::cl::desc("the card to plan for"),
                             llvm::cl::init("sm_90")};
  Option<int64_t> batch{*this, "batch",
                        llvm::cl::desc("samples to plan for; 0: the recipe's batch"),
                        llvm::cl::init(0)};

  StringRef getArgument() const final { return "gnc-choose-library"; }
  StringRef getDescription() const final {
    return "give convolutions to a library that has a plan for them";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<GncDialect>();
  }

  LogicalResult initialize(MLIRContext *context) final {
    if (planner || library.empty())
      return success();
    const CudaTarget *card = cudaTargetNamed(target);
    if (!card)
      return emitError(UnknownLoc::get(context)) << "there is no target '" << target << "'";
    auto made = LibraryPlanner::create(library, *card);
    if (!made.ok())
      return emitError(UnknownLoc::get(context)) << made.error().message;
    own = std::move(*made);
    planner = own.get();
    return success();
  }

  void runOnOperation() final {
    func::FuncOp function = getOperation();
    if (!planner || function.isExternal() || isKernel(function) || isProgram(function) ||
        function->hasAttr(names::kLibraryReport))
      return;
    auto module = function->getParentOfType<ModuleOp>();
    Chooser chooser(*planner, batchToPlan(module, batch));
    SmallVector<ComputeOp> sums;
    function.walk([&](ComputeOp op) {
      if (isProductSum(op))
        sums.push_back(op);
    });
    for (ComputeOp op : sums)
      chooser.offer(op);
    function->setAttr(names::kLibraryReport, ArrayAttr::get(&getContext(), chooser.report));
  }

  LibraryPlanner *planner = nullptr;
  std::shared_ptr<LibraryPlanner> own; ///< what `planner` is, if it was made here
};
} // namespace

std::unique_ptr<Pass> createChooseLibrary() { return std::make_unique<ChooseLibrary>(); }
std::unique_ptr<Pass> createChooseLibrary(LibraryPlanner *planner, int64_t batch) {
  return std::make_unique<ChooseLibrary>(planner, batch);
}

} // namespace gnc
