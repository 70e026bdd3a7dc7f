#include "codegen/LaunchGroups.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace gnc {

namespace {
struct Group {
  LaunchGroup ops;
  bool open = false; ///< to others
  llvm::SmallPtrSet<Value, 8> reads, writes;
};
} // namespace

std::vector<LaunchGroup> groupLaunches(ArrayRef<ComputeOp> ops, const KernelTarget &target,
                                       function_ref<Value(Value)> bufferOf) {
  constexpr size_t kMostParts = 16, kMostBuffers = 64;
  std::vector<Group> groups;
  for (ComputeOp op : ops) {
    bool shares = target.sharesKernels(op);
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
    Group *home = nullptr;
    for (size_t i = groups.size(); shares && !home && i-- > 0 && !conflicts(groups[i]);)
      if (groups[i].open && groups[i].ops.size() < kMostParts &&
          groups[i].reads.size() + groups[i].writes.size() + reads.size() + writes.size() <=
              kMostBuffers)
        home = &groups[i];
    if (!home) {
      home = &groups.emplace_back();
      home->open = shares;
    }
    home->ops.push_back(op);
    home->reads.insert_range(reads);
    home->writes.insert_range(writes);
  }
  std::vector<LaunchGroup> result;
  for (Group &group : groups)
    result.push_back(std::move(group.ops));
  return result;
}

} // namespace gnc
