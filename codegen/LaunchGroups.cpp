#include "codegen/LaunchGroups.h"
#include "ir/LibraryCall.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace gnc {

namespace {
struct Group {
  LaunchGroup ops;
  unsigned threads = 0;  ///< of a block
  bool flexible = false; ///< all of them may have others
  bool hungry = false;   ///< one of them is
  bool streams = false;  ///< one of them is large, but not hungry
  bool fills = false;    ///< one of them is large and hungry
  llvm::SmallPtrSet<Value, 8> reads, writes;

  /// All blocks of a kernel have what the hungriest part takes, so fewer of them run at a time: bad
  /// for a part that has many and waits for memory. Two that each fill a card with their sums gain
  /// nothing, and what their code has in common takes registers beside either.
  bool takes(const Group &other) const {
    constexpr size_t kMostParts = 64, kMostBuffers = 256; // a launch has 4 KiB of arguments
    bool same = threads == other.threads || flexible || other.flexible;
    return threads && other.threads && same && !(hungry && other.streams) &&
           !(other.hungry && streams) && !(fills && other.fills) &&
           ops.size() + other.ops.size() <= kMostParts &&
           reads.size() + writes.size() + other.reads.size() + other.writes.size() <= kMostBuffers;
  }
  /// One of them writes what the other one reads or writes.
  bool conflicts(const Group &other) const {
    auto touches = [](const Group &group, Value buffer) {
      return group.reads.contains(buffer) || group.writes.contains(buffer);
    };
    return llvm::any_of(writes, [&](Value buffer) { return touches(other, buffer); }) ||
           llvm::any_of(other.writes, [&](Value buffer) { return touches(*this, buffer); });
  }
  /// Takes the parts of another one.
  void add(const Group &other) {
    llvm::append_range(ops, other.ops);
    if (flexible)
      threads = other.threads;
    flexible &= other.flexible;
    hungry |= other.hungry;
    streams |= other.streams;
    fills |= other.fills;
    reads.insert_range(other.reads);
    writes.insert_range(other.writes);
  }
};

// What comes too early holds its results for long, and what comes too late its operands: an
// equation moves over few launches.
constexpr size_t kFewLaunches = 3;
} // namespace

static Group groupOf(ComputeOp op, const KernelTarget &target,
                     function_ref<Value(Value)> bufferOf) {
  Group group;
  group.ops.push_back(op);
  PartForm form = isLibraryCall(op) ? PartForm() : target.formOf(op);
  group.threads = form.threads;
  group.flexible = form.flexible;
  group.hungry = form.hungry;
  group.streams = form.large && !form.hungry;
  group.fills = form.large && form.hungry;
  for (Value read : op.getReads()) {
    group.reads.insert(bufferOf(read));
    if (auto random = read.getDefiningOp<RandomOp>())
      group.reads.insert(bufferOf(random.getStream()));
  }
  for (Value result : op.getResults())
    group.writes.insert(bufferOf(result));
  return group;
}

/// The first of the last groups that takes `one`; null if none does. What follows this equation may
/// then come early, too.
static Group *earlierHome(std::vector<Group> &groups, const Group &one) {
  Group *home = nullptr;
  size_t last = groups.size() - std::min(groups.size(), kFewLaunches);
  for (size_t i = groups.size(); i-- > last && !groups[i].conflicts(one);)
    if (groups[i].takes(one))
      home = &groups[i];
  return home;
}

/// The last of the next groups that takes `groups[i]`, whose results nobody waits for; null if none
/// does.
static Group *laterHome(std::vector<Group> &groups, size_t i) {
  Group *home = nullptr;
  size_t end = std::min(groups.size(), i + 1 + kFewLaunches);
  for (size_t j = i + 1; j < end && !groups[j].conflicts(groups[i]); ++j)
    if (groups[j].takes(groups[i]))
      home = &groups[j];
  return home;
}

std::vector<LaunchGroup> groupLaunches(ArrayRef<ComputeOp> ops, const KernelTarget &target,
                                       function_ref<Value(Value)> bufferOf) {
  std::vector<Group> groups;
  for (ComputeOp op : ops) {
    Group one = groupOf(op, target, bufferOf);
    if (Group *home = earlierHome(groups, one))
      home->add(one);
    else
      groups.push_back(std::move(one));
  }
  // From the last: what moved may take others along.
  for (size_t i = groups.size(); i-- > 0;)
    if (Group *home = laterHome(groups, i)) {
      home->add(groups[i]);
      groups.erase(groups.begin() + i);
    }
  std::vector<LaunchGroup> result;
  for (Group &group : groups)
    result.push_back(std::move(group.ops));
  return result;
}

} // namespace gnc
