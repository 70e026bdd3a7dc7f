//===- MemoryPlan.cpp - where every tensor of a program lies
//-----------------------------------===//
#include "codegen/MemoryPlan.h"

#include "codegen/Assemble.h"
#include "codegen/Programs.h"
#include "ir/Gnc.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>

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

namespace {
using Order = SmallVector<MemoryRegion *>;

/// First fit, in this order: over what is alive together with a region until a gap is wide enough.
/// Returns the end of the highest.
int64_t place(const Order &order, int64_t base) {
  SmallVector<MemoryRegion *> placed; // by offset
  int64_t top = base;
  for (MemoryRegion *region : order) {
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

/// Where most bytes are alive. No plan takes less.
struct Peak {
  int64_t position = 0, bytes = 0;
};

Peak peakOf(ArrayRef<MemoryRegion> regions) {
  SmallVector<std::pair<int64_t, int64_t>> changes; // position, bytes
  for (const MemoryRegion &region : regions) {
    changes.push_back({region.first, aligned(region.bytes)});
    changes.push_back({region.last + 1, -aligned(region.bytes)});
  }
  llvm::sort(changes); // where one ends and another begins, less comes first
  Peak peak;
  int64_t alive = 0;
  for (auto [position, bytes] : changes)
    if (alive += bytes; alive > peak.bytes)
      peak = {position, alive};
  return peak;
}
} // namespace

// Dynamic storage allocation is NP-hard (Garey and Johnson 1979, SR2). First fit in one of a few
// orders is within a few percent for the lifetimes of a network, and what sticks out over all
// others should have been placed before them.
int64_t placeRegions(MutableArrayRef<MemoryRegion> regions, int64_t base) {
  constexpr int kAttempts = 24; // with each order
  using Key = std::tuple<int64_t, int64_t>;
  Key (*keys[])(const MemoryRegion &) = {
      [](const MemoryRegion &r) { return Key(-r.bytes, r.first); },
      [](const MemoryRegion &r) { return Key(r.first - r.last, -r.bytes); },
      [](const MemoryRegion &r) { return Key(-r.last, -r.bytes); },
      [](const MemoryRegion &r) { return Key(r.first, -r.bytes); },
  };
  int64_t least = peakOf(regions).bytes, enough = base + least + least / 1024, best = -1;
  SmallVector<int64_t> offsets(regions.size());
  for (auto key : keys) {
    Order order = llvm::to_vector(llvm::make_pointer_range(regions));
    llvm::stable_sort(
        order, [&](const MemoryRegion *a, const MemoryRegion *b) { return key(*a) < key(*b); });
    for (int attempt = 0; attempt < kAttempts && (best < 0 || aligned(best) > enough); ++attempt) {
      int64_t top = place(order, base);
      if (best < 0 || top < best) {
        best = top;
        llvm::transform(regions, offsets.begin(), [](const MemoryRegion &r) { return r.offset; });
      }
      auto highest = llvm::find_if(
          order, [&](const MemoryRegion *region) { return region->offset + region->bytes == top; });
      if (highest != order.end())
        std::rotate(order.begin(), highest, highest + 1); // it is the first now
    }
  }
  for (auto [region, offset] : llvm::zip_equal(regions, offsets))
    region.offset = offset;
  return std::max(best, base);
}

//===- The pass -------------------------------------------------------------------------------===//

namespace {
struct Temporaries {
  SmallVector<BufferOp> buffers;
  SmallVector<MemoryRegion> regions; ///< of these
};

/// The buffers that share memory, each from the first launch that uses it to the last.
Temporaries temporariesOf(func::FuncOp program) {
  DenseMap<Value, std::pair<int64_t, int64_t>> lifetimes;
  int64_t position = 0;
  for (LaunchOp launch : program.getOps<LaunchOp>()) {
    for (Value argument : launch.getArguments())
      lifetimes.try_emplace(argument, position, position).first->second.second = position;
    ++position;
  }
  auto prologue = program->getAttrOfType<IntegerAttr>(names::kPrologue);
  int64_t once = prologue ? prologue.getInt() : 0;
  Temporaries found;
  for (BufferOp buffer : program.getOps<BufferOp>()) {
    auto life = lifetimes.find(buffer);
    if (sectionOf(buffer) != Section::Temporary || life == lifetimes.end())
      continue;
    auto [first, last] = life->second;
    if (first < once && last >= once) // what runs once stays for all batches to come
      last = position;
    found.buffers.push_back(buffer);
    found.regions.push_back({buffer.getBytes(), first, last});
  }
  return found;
}

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
    return success();
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
    Temporaries shared = temporariesOf(program);
    int64_t top = placeRegions(shared.regions, base);
    for (auto [buffer, region] : llvm::zip_equal(shared.buffers, shared.regions))
      setOffset(buffer, region.offset);
    return top;
  }

  func::FuncOp program;
  SmallVector<BufferOp> buffers;
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
  report.alive = peakOf(temporariesOf(program).regions).bytes;
  return report;
}

std::vector<LayerMemory> memoryPeak(func::FuncOp program) {
  constexpr size_t most = 12; // rows
  Temporaries shared = temporariesOf(program);
  int64_t peak = peakOf(shared.regions).position;
  std::map<std::string, int64_t> byLayer;
  for (auto [buffer, region] : llvm::zip_equal(shared.buffers, shared.regions))
    if (region.first <= peak && peak <= region.last)
      byLayer[siteOf(buffer.getLoc()).name] += aligned(region.bytes);
  std::vector<LayerMemory> layers;
  for (auto &[name, bytes] : byLayer)
    layers.push_back({name.empty() ? "(the step)" : name, bytes});
  llvm::stable_sort(layers,
                    [](const LayerMemory &a, const LayerMemory &b) { return a.bytes > b.bytes; });
  LayerMemory others;
  while (layers.size() > most) {
    others.bytes += layers.back().bytes;
    layers.pop_back();
  }
  if (others.bytes) {
    others.name = "all others";
    layers.push_back(others);
  }
  return layers;
}

} // namespace gnc
