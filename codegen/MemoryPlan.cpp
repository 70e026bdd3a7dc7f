//===- MemoryPlan.cpp - where every tensor of a program lies
//-----------------------------------===//
#include "codegen/MemoryPlan.h"

#include "codegen/Programs.h"
#include "ir/Gnc.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gnc {

namespace {
/// A cache line, and the widest vector.
constexpr int64_t kAlignment = 64;
/// No machine has more; below it, sums of sizes cannot overflow.
constexpr int64_t kMaxArena = int64_t(1) << 46;

int64_t aligned(int64_t bytes) { return llvm::alignTo(bytes, kAlignment); }

/// The parts of the arena, in order. Constants stand with what the host writes: nothing takes their
/// place.
enum class Section { Persistent, Host, Temporary };

Section sectionOf(BufferOp buffer) {
  if (buffer.getConstant())
    return Section::Host;
  std::optional<StringRef> role = roleOf(buffer);
  if (!role)
    return Section::Temporary;
  if (isPersistentRole(*role))
    return Section::Persistent;
  return Section::Host;
}
} // namespace

//===- The algorithm --------------------------------------------------------------------------===//

int64_t placeRegions(MutableArrayRef<MemoryRegion> regions, int64_t base) {
  SmallVector<MemoryRegion *> order = llvm::to_vector(llvm::make_pointer_range(regions));
  llvm::stable_sort(order, [](const MemoryRegion *a, const MemoryRegion *b) {
    return std::make_tuple(-a->bytes, a->first) < std::make_tuple(-b->bytes, b->first);
  });
  SmallVector<MemoryRegion *> placed; // by offset
  int64_t top = base;
  for (MemoryRegion *region : order) {
    // First fit: walk over what is alive together with the region until a gap is wide enough.
    int64_t offset = base;
    for (const MemoryRegion *other : placed) {
      if (other->offset >= offset + region->bytes)
        break;
      if (other->first <= region->last && region->first <= other->last)
        offset = std::max(offset, aligned(other->offset + other->bytes));
    }
    region->offset = offset;
    top = std::max(top, offset + region->bytes);
    auto byOffset = [](const MemoryRegion *a, const MemoryRegion *b) {
      return a->offset < b->offset;
    };
    placed.insert(llvm::upper_bound(placed, region, byOffset), region);
  }
  return top;
}

//===- The pass -------------------------------------------------------------------------------===//

namespace {
class Planner {
public:
  explicit Planner(func::FuncOp program) : program(program) {}

  LogicalResult run() {
    if (failed(collect()))
      return failure();
    int64_t persistent = stack(Section::Persistent, 0);
    int64_t host = stack(Section::Host, persistent);
    int64_t arena = aligned(share(host));
    Builder builder(program.getContext());
    program->setAttr(names::kArenaBytes, builder.getI64IntegerAttr(arena));
    program->setAttr(names::kPersistentBytes, builder.getI64IntegerAttr(persistent));
    return success();
  }

private:
  LogicalResult collect() {
    int64_t total = 0;
    for (BufferOp buffer : llvm::make_early_inc_range(program.getOps<BufferOp>())) {
      if (buffer->use_empty() && !buffer.getHost()) {
        buffer.erase();
        continue;
      }
      buffers.push_back(buffer);
      int64_t elements = cast<MemRefType>(buffer.getType()).getNumElements();
      if (elements > kMaxArena || (total += aligned(buffer.getBytes())) > kMaxArena)
        return buffer.emitError() << "a program needs at most 64 TiB, but here are " << elements
                                  << " elements, after " << total << " bytes";
    }
    int64_t position = 0;
    for (LaunchOp launch : program.getOps<LaunchOp>()) {
      for (Value argument : launch.getArguments())
        use(argument, position);
      ++position;
    }
    // What runs once stays for all batches to come.
    if (auto prologue = program->getAttrOfType<IntegerAttr>(names::kPrologue))
      for (auto &[buffer, life] : lifetimes)
        if (life.first < prologue.getInt() && life.second >= prologue.getInt())
          life.second = position;
    return success();
  }

  void use(Value buffer, int64_t position) {
    auto [entry, fresh] = lifetimes.try_emplace(buffer, position, position);
    if (!fresh)
      entry->second.second = position;
  }

  void setOffset(BufferOp buffer, int64_t offset) { buffer.setOffset(offset); }

  /// One after the other, by role, then in the order of the program. Returns the end.
  int64_t stack(Section section, int64_t base) {
    constexpr StringLiteral roles[] = {"weight",   "state",  "optimizer", "average",
                                       "schedule", "stream", "input"};
    SmallVector<BufferOp> members =
        llvm::filter_to_vector(buffers, [&](BufferOp b) { return sectionOf(b) == section; });
    auto rank = [&](BufferOp buffer) { // results and constants last
      return llvm::find(roles, roleOf(buffer).value_or("")) - std::begin(roles);
    };
    llvm::stable_sort(members, [&](BufferOp a, BufferOp b) { return rank(a) < rank(b); });
    for (BufferOp buffer : members) {
      setOffset(buffer, base);
      base += aligned(buffer.getBytes());
    }
    return base;
  }

  int64_t share(int64_t base) {
    SmallVector<BufferOp> members = llvm::filter_to_vector(
        buffers, [](BufferOp b) { return sectionOf(b) == Section::Temporary; });
    SmallVector<MemoryRegion> regions;
    for (BufferOp buffer : members) {
      auto [first, last] = lifetimes.lookup(buffer);
      regions.push_back({buffer.getBytes(), first, last});
    }
    int64_t top = placeRegions(regions, base);
    for (auto [buffer, region] : llvm::zip_equal(members, regions))
      setOffset(buffer, region.offset);
    return top;
  }

  func::FuncOp program;
  SmallVector<BufferOp> buffers;
  DenseMap<Value, std::pair<int64_t, int64_t>> lifetimes;
};

struct PlanMemory : PassWrapper<PlanMemory, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanMemory)
  StringRef getArgument() const final { return "gnc-plan-memory"; }
  StringRef getDescription() const final { return "give every buffer its place in the arena"; }
  void runOnOperation() final {
    if (isProgram(getOperation()) && failed(Planner(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace

std::unique_ptr<Pass> createPlanMemory() { return std::make_unique<PlanMemory>(); }

std::optional<MemoryReport> memoryReport(func::FuncOp program) {
  auto arena = program->getAttrOfType<IntegerAttr>(names::kArenaBytes);
  if (!arena)
    return std::nullopt;
  MemoryReport report;
  report.arena = arena.getInt();
  for (BufferOp buffer : program.getOps<BufferOp>()) {
    int64_t bytes = aligned(buffer.getBytes());
    switch (sectionOf(buffer)) {
    case Section::Persistent: report.persistent += bytes; break;
    case Section::Host: report.host += bytes; break;
    case Section::Temporary: report.unshared += bytes; break;
    }
  }
  report.temporaries = report.arena - report.persistent - report.host;
  return report;
}

} // namespace gnc
