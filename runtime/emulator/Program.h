//===- Program.h - decoded instructions -------------------------------------------------------===//
//
// Registers are untyped bits, one slot of 32 lanes each; a predicate is one bit a lane. All of a
// warp's registers lie in one block of memory (RegisterLayout), and operands are byte offsets in
// it. Constants and special registers are registers too, filled when a warp begins.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Ast.h"
#include "runtime/emulator/Counters.h"

namespace gnc::emulator {

struct Warp;
struct Instruction;
/// Executes an instruction for the lanes of `mask`, which is not 0.
using Handler = void (*)(Warp &, const Instruction &, uint32_t mask);

constexpr unsigned kLanes = 32;
constexpr uint32_t kAllLanes = ~0u;

/// What the scheduler has to do about an instruction, besides running its handler.
enum class Flow : uint8_t {
  Next,
  Branch, ///< to `target`
  Exit,
  Barrier,  ///< bar.*: `flags` says which form
  WarpSync, ///< needs all lanes of its mask; op[5] is the member mask, 0 for all lanes
};

/// Bits of Instruction::flags.
enum : uint8_t {
  kStrong = 1,     ///< volatile, relaxed, acquire, release: not racy with one another
  kSignExtend = 2, ///< a load
  kWide = 4,       ///< the address operand has 64 bits
  kTransposed = 8, ///< ldmatrix
  kZeroFill = 8,   ///< cp.async: has a source size
  kArrive = 1,     ///< bar.arrive: does not wait
  kUnaligned = 2,  ///< barrier.sync without .aligned: lanes may come apart
  kReduce = 4,     ///< bar.red
  kHasCount = 8,   ///< bar.sync a, b
};

struct Instruction {
  Handler run[2];    ///< fast, checked
  uint32_t op[6];    ///< byte offsets in the registers
  uint32_t guard;    ///< offset of the guard's predicate; 0 is always true
  uint32_t flip;     ///< all ones where the guard is negated
  int64_t immediate; ///< offset of an address, table of lop3, ..
  union {
    uint32_t target; ///< of a branch
    uint32_t extra;  ///< first of further operands, in Program::extra
  };
  Flow flow;
  uint8_t bytes; ///< of an element in memory
  uint8_t count; ///< elements of a vector in memory
  uint8_t flags;
};
static_assert(sizeof(Instruction) == 64);

/// What only messages and statistics need.
struct Description {
  unsigned line = 0;
  unsigned place = 0; ///< 1 + index into Program::places, 0 for none
  InstructionClass kind = InstructionClass::Integer;
  Space space = Space::Register;
  uint32_t flops = 0; ///< a lane; of a matrix product: the whole warp's
  std::string text;
};

enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  Laneid,
  Warpid,
  Nwarpid,
  Smid,
  Nsmid,
  Gridid,
  LanemaskEq,
  LanemaskLe,
  LanemaskLt,
  LanemaskGe,
  LanemaskGt,
  DynamicShared,
  TotalShared,
};

/// Offsets of a warp's registers: predicates, slots of 32 x 32 bits, slots of 32 x 64 bits, then
/// constants, then special registers.
struct RegisterLayout {
  uint32_t bytes = 0;
  uint32_t zeroBegin = 0, zeroEnd = 0; ///< cleared when a warp begins
  struct Constant {
    uint32_t offset;
    bool wide;
    uint64_t value;
  };
  std::vector<Constant> constants; ///< the same in all lanes
  struct SpecialRegister {
    uint32_t offset;
    Special which;
    bool wide;
  };
  std::vector<SpecialRegister> specials;
};

/// A kernel, ready to run.
struct Program {
  std::string kernel;
  std::vector<Instruction> code;
  std::vector<uint32_t> extra;     ///< byte offsets of operands beyond six
  std::vector<Description> about;  ///< beside `code`
  std::vector<std::string> places; ///< "file:line"
  RegisterLayout layout;
  uint32_t sharedBytes = 0, localBytes = 0, parameterBytes = 0;
  uint32_t sharedAlignment = 16; ///< of the dynamic part, which follows the static one
  uint8_t sharedShift = 2;       ///< log2 of the smallest access to shared memory
  bool usesBarriers = false;
  std::vector<Parameter> parameters;
};

} // namespace gnc::emulator
