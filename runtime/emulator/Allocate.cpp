// Places for virtual registers, by live ranges (Poletto and Sarkar 1999, "Linear scan register
// allocation"). PTX is nearly in single assignment form and declares hundreds of registers; with
// places shared, those of a warp stay in the host's first-level cache.
//
// Lanes that went apart may share a place for different values: every write is masked, so a place
// holds for each lane what this lane's own way through the text put there. Places of 32 and of 64
// bits and predicates are apart, so that no operand overlaps another in part.
#include "runtime/emulator/Decoder.h"

#include <algorithm>
#include <queue>

namespace gnc::emulator {

/// Words of 64 bits that live ranges may take: 512 MiB.
static constexpr size_t kLargest = size_t{1} << 26;

namespace {
enum Class : uint8_t { kPredicate, kNarrow, kWide64 };
Class classOf(Type t) { return t == Type::Pred ? kPredicate : bytesOf(t) == 8 ? kWide64 : kNarrow; }

/// A straight piece of the text.
struct Piece {
  uint32_t begin, end;
  std::vector<uint32_t> next;
};

class Allocator {
public:
  Allocator(DraftProgram &draft, Program &program) : draft(draft), program(program) {}
  uint32_t run();

private:
  template <class F> void eachUse(const Draft &d, F f) const;
  template <class F> void eachDefinition(const Draft &d, F f) const;
  void findPieces();
  void findLiveness();
  void findRanges();
  void assign();
  uint32_t offsetOf(Value value) const;
  void layOut();
  void rewrite();

  DraftProgram &draft;
  Program &program;
  std::vector<Piece> pieces;
  std::vector<std::vector<uint64_t>> liveIn; ///< by piece, a bit a register
  std::vector<uint32_t> first, last;         ///< by register; first > last: never used
  std::vector<uint32_t> slot;                ///< by register, in its class
  uint32_t slots[3] = {0, 0, 0};
  uint32_t begin[3] = {0, 0, 0};
  uint32_t peak = 0;
};
} // namespace

template <class F> void Allocator::eachUse(const Draft &d, F f) const {
  auto one = [&](Value v) {
    if (kindOf(v) == ValueKind::Register)
      f(indexOf(v));
  };
  one(d.i.guard);
  for (unsigned op = 0; op < 6; ++op)
    if (d.used >> op & 1)
      one(d.i.op[op]);
  for (size_t k = d.extraDefined; k < d.extra.size(); ++k)
    one(d.extra[k]);
}
template <class F> void Allocator::eachDefinition(const Draft &d, F f) const {
  for (unsigned op = 0; op < 6; ++op)
    if (d.defined >> op & 1)
      f(indexOf(d.i.op[op]));
  for (size_t k = 0; k < d.extraDefined; ++k)
    f(indexOf(d.extra[k]));
}

void Allocator::findPieces() {
  const auto count = static_cast<uint32_t>(draft.drafts.size());
  std::vector<bool> starts(count + 1, false);
  starts[0] = true;
  for (uint32_t k = 0; k < count; ++k) {
    const Instruction &i = draft.drafts[k].i;
    if (i.flow == Flow::Branch)
      starts[draft.labels[i.target]] = true;
    if (i.flow == Flow::Branch || i.flow == Flow::Exit)
      starts[k + 1] = true;
  }
  std::vector<uint32_t> pieceAt(count + 1, 0);
  for (uint32_t k = 0; k < count; ++k) {
    if (starts[k]) {
      if (!pieces.empty())
        pieces.back().end = k;
      pieces.push_back({k, count, {}});
    }
    pieceAt[k] = static_cast<uint32_t>(pieces.size() - 1);
  }
  for (Piece &piece : pieces) {
    const Draft &end = draft.drafts[piece.end - 1];
    bool always = end.i.guard == kTrue;
    if (end.i.flow == Flow::Branch)
      piece.next.push_back(pieceAt[draft.labels[end.i.target]]);
    if (!((end.i.flow == Flow::Branch || end.i.flow == Flow::Exit) && always) && piece.end < count)
      piece.next.push_back(pieceAt[piece.end]);
  }
}

void Allocator::findLiveness() {
  size_t words = (draft.registers.size() + 63) / 64;
  if (pieces.size() * words > kLargest)
    throw ParseFailure{
        {draft.drafts[0].about.line, "the kernel has " + std::to_string(draft.registers.size()) +
                                         " registers and " + std::to_string(pieces.size()) +
                                         " branches: too many to place"}};
  std::vector<std::vector<uint64_t>> needs(pieces.size(), std::vector<uint64_t>(words)),
      gives = needs;
  for (size_t p = 0; p < pieces.size(); ++p)
    for (uint32_t k = pieces[p].begin; k < pieces[p].end; ++k) {
      const Draft &d = draft.drafts[k];
      eachUse(d, [&](uint32_t r) {
        if (!(gives[p][r / 64] >> r % 64 & 1))
          needs[p][r / 64] |= uint64_t{1} << r % 64;
      });
      // Under a guard the old value may live on.
      if (d.i.guard == kTrue)
        eachDefinition(d, [&](uint32_t r) { gives[p][r / 64] |= uint64_t{1} << r % 64; });
    }
  liveIn = needs;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t p = pieces.size(); p-- > 0;)
      for (uint32_t next : pieces[p].next)
        for (size_t word = 0; word < words; ++word) {
          uint64_t in = liveIn[p][word] | (liveIn[next][word] & ~gives[p][word]);
          changed |= in != liveIn[p][word];
          liveIn[p][word] = in;
        }
  }
}

/// From the first to the last instruction of the text at which a register lives.
void Allocator::findRanges() {
  size_t count = draft.registers.size();
  first.assign(count, ~0u);
  last.assign(count, 0);
  auto touch = [&](uint32_t r, uint32_t at) {
    first[r] = std::min(first[r], at);
    last[r] = std::max(last[r], at);
  };
  auto eachBit = [&](const std::vector<uint64_t> &bits, auto f) {
    for (size_t word = 0; word < bits.size(); ++word)
      for (uint64_t rest = bits[word]; rest; rest &= rest - 1)
        f(static_cast<uint32_t>(word * 64 + static_cast<unsigned>(std::countr_zero(rest))));
  };
  for (size_t p = 0; p < pieces.size(); ++p) {
    eachBit(liveIn[p], [&](uint32_t r) { touch(r, pieces[p].begin); });
    for (uint32_t next : pieces[p].next)
      eachBit(liveIn[next], [&](uint32_t r) { touch(r, pieces[p].end - 1); });
    for (uint32_t k = pieces[p].begin; k < pieces[p].end; ++k) {
      eachUse(draft.drafts[k], [&](uint32_t r) { touch(r, k); });
      eachDefinition(draft.drafts[k], [&](uint32_t r) { touch(r, k); });
    }
  }
}

void Allocator::assign() {
  std::vector<uint32_t> order;
  for (uint32_t r = 0; r < draft.registers.size(); ++r)
    if (first[r] <= last[r])
      order.push_back(r);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return first[a] < first[b]; });
  slot.assign(draft.registers.size(), 0);
  using End = std::pair<uint32_t, uint32_t>; // last instruction, register
  std::priority_queue<End, std::vector<End>, std::greater<>> living;
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> vacant[3];
  uint32_t live = 0;
  for (uint32_t r : order) {
    // A result never takes the place of an operand of its own instruction: handlers may write
    // before they have read everything.
    while (!living.empty() && living.top().first < first[r]) {
      uint32_t gone = living.top().second;
      living.pop();
      vacant[classOf(draft.registers[gone])].push(slot[gone]);
      live -= classOf(draft.registers[gone]);
    }
    Class c = classOf(draft.registers[r]);
    if (vacant[c].empty()) {
      slot[r] = slots[c]++;
    } else {
      slot[r] = vacant[c].top();
      vacant[c].pop();
    }
    living.emplace(last[r], r);
    live += c; // a predicate counts nothing, 64 bits count two
    peak = std::max(peak, live);
  }
}

void Allocator::layOut() {
  auto align = [](uint32_t x) { return (x + 127) / 128 * 128; };
  RegisterLayout &layout = program.layout;
  begin[kPredicate] = 8; // behind the constant ones
  begin[kNarrow] = align(begin[kPredicate] + 4 * slots[kPredicate]);
  begin[kWide64] = begin[kNarrow] + 128 * slots[kNarrow];
  layout.zeroBegin = begin[kPredicate];
  layout.zeroEnd = begin[kWide64] + 256 * slots[kWide64];
  uint32_t at = layout.zeroEnd;
  for (const DraftProgram::Constant &c : draft.constants) {
    layout.constants.push_back({at, c.wide, c.value});
    at += c.wide ? 256 : 128;
  }
  for (auto [which, wide] : draft.specials) {
    layout.specials.push_back({at, which, wide});
    at += wide ? 256 : 128;
  }
  layout.bytes = at;
}

uint32_t Allocator::offsetOf(Value value) const {
  uint32_t index = indexOf(value);
  switch (kindOf(value)) {
  case ValueKind::Register: {
    Class c = classOf(draft.registers[index]);
    return begin[c] + slot[index] * (c == kPredicate ? 4 : c == kNarrow ? 128 : 256);
  }
  case ValueKind::Constant: return program.layout.constants[index].offset;
  case ValueKind::Special: return program.layout.specials[index].offset;
  case ValueKind::Fixed: return index;
  }
  return 0;
}

void Allocator::rewrite() {
  for (Draft &d : draft.drafts) {
    Instruction i = d.i;
    i.guard = offsetOf(i.guard);
    for (unsigned op = 0; op < 6; ++op)
      i.op[op] = (d.used | d.defined) >> op & 1 ? offsetOf(i.op[op]) : 0;
    if (i.flow == Flow::Branch) {
      i.target = draft.labels[i.target];
    } else {
      i.extra = static_cast<uint32_t>(program.extra.size());
      for (Value value : d.extra)
        program.extra.push_back(offsetOf(value));
    }
    program.code.push_back(i);
    program.about.push_back(std::move(d.about));
  }
}

uint32_t Allocator::run() {
  findPieces();
  findLiveness();
  findRanges();
  assign();
  layOut();
  rewrite();
  return peak;
}

void allocateRegisters(DraftProgram &draft, Program &program, uint32_t &registers) {
  registers = Allocator(draft, program).run();
}

} // namespace gnc::emulator
