#include "codegen/LaunchGroups.h"
#include "ir/LibraryCall.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace gnc {

namespace {
struct Group {
  LaunchGroup ops;
  PartForm form;        ///< of all
  bool streams = false; ///< one of them is large, but not hungry
  llvm::SmallPtrSet<Value, 8> reads, writes;

  /// All blocks of a kernel have what the hungriest part takes, so fewer of them run at a time: bad
  /// for a part that has many and waits for memory.
  bool takes(const PartForm &other) const {
    bool alsoStreams = other.large && !other.hungry;
    return form.threads && form.threads == other.threads && !(form.hungry && alsoStreams) &&
           !(other.hungry && streams);
  }
  void add(ComputeOp op, const PartForm &other) {
    ops.push_back(op);
    form.threads = other.threads;
    form.hungry |= other.hungry;
    streams |= other.large && !other.hungry;
  }
};
} // namespace

std::vector<LaunchGroup> groupLaunches(ArrayRef<ComputeOp> ops, const KernelTarget &target,
                                       function_ref<Value(Value)> bufferOf) {
  // What comes too early holds its results for long: an equation moves over few launches.
  constexpr size_t kMostParts = 16, kMostBuffers = 64, kLookBack = 3;
  std::vector<Group> groups;
  for (ComputeOp op : ops) {
    PartForm form = isLibraryCall(op) ? PartForm() : target.formOf(op);
    SmallVector<Value> reads, writes;
    for (Value read : op.getReads()) {
      reads.push_back(bufferOf(read));
      if (auto random = read.getDefiningOp<RandomOp>())
        reads.push_back(bufferOf(random.getStream()));
    }
    for (Value result : op.getResults())
      writes.push_back(bufferOf(result));
    auto conflicts = [&](const Group &group) {
      auto written = [&](Value buffer) { return group.writes.contains(buffer); };
      return llvm::any_of(reads, written) || llvm::any_of(writes, written) ||
             llvm::any_of(writes, [&](Value buffer) { return group.reads.contains(buffer); });
    };
    Group *home = nullptr; // the first: what follows this equation may come early, too
    size_t last = groups.size() - std::min(groups.size(), kLookBack);
    for (size_t i = groups.size(); i-- > last && !conflicts(groups[i]);)
      if (groups[i].takes(form) && groups[i].ops.size() < kMostParts &&
          groups[i].reads.size() + groups[i].writes.size() + reads.size() + writes.size() <=
              kMostBuffers)
        home = &groups[i];
    if (!home)
      home = &groups.emplace_back();
    home->add(op, form);
    home->reads.insert_range(reads);
    home->writes.insert_range(writes);
  }
  std::vector<LaunchGroup> result;
  for (Group &group : groups)
    result.push_back(std::move(group.ops));
  return result;
}

} // namespace gnc
