//===- Decoder.h - from statements to instructions --------------------------------------------===//
//
// Every opcode has a function that takes its modifiers in the order of the ISA, one after another;
// what is left over, and every combination without a handler, is an error. Device functions are
// decoded where they are called. Registers are virtual here; Allocate.cpp gives them places.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Handlers.h"
#include "runtime/emulator/Parser.h"
#include "runtime/emulator/Select.h"

#include <set>

namespace gnc::emulator {

/// A virtual operand: what kind, and which one.
enum class ValueKind : uint32_t { Register, Constant, Special, Fixed };
using Value = uint32_t;
inline Value makeValue(ValueKind kind, uint32_t index) {
  return static_cast<uint32_t>(kind) << 30 | index;
}
inline ValueKind kindOf(Value value) { return static_cast<ValueKind>(value >> 30); }
inline uint32_t indexOf(Value value) { return value & 0x3fffffff; }
/// Predicates that never change; every warp begins with them.
constexpr Value kTrue = 3u << 30, kFalse = 3u << 30 | 4;

/// An instruction whose operands are values.
struct Draft {
  Instruction i{};
  uint8_t defined = 0, used = 0; ///< bits of op[]
  std::vector<Value> extra;
  uint32_t extraDefined = 0; ///< so many of them, from the first
  Description about;
};

/// A kernel with virtual registers.
struct DraftProgram {
  std::vector<Draft> drafts;
  std::vector<Type> registers;
  struct Constant {
    bool wide;
    uint64_t value;
  };
  std::vector<Constant> constants;
  std::vector<std::pair<Special, bool>> specials; ///< which, 64 bits wide
  std::vector<uint32_t> labels;                   ///< draft that a label stands before
};

/// Assigns byte offsets to all values by their live ranges. `registers`: 32-bit registers that live
/// at once.
void allocateRegisters(DraftProgram &draft, Program &program, uint32_t &registers);

/// The modifiers of a statement, taken from the front.
class Modifiers {
public:
  explicit Modifiers(const Statement &s) : s(s) {}
  bool take(std::string_view word) {
    bool same = at < s.modifiers.size() && s.modifiers[at] == word;
    at += same;
    return same;
  }
  /// The first of `words` that comes next, empty where none does.
  std::string_view takeOne(std::initializer_list<std::string_view> words) {
    for (std::string_view word : words)
      if (take(word))
        return word;
    return {};
  }
  std::string_view next() const { return at < s.modifiers.size() ? s.modifiers[at] : ""; }
  std::string_view takeAny() { return at < s.modifiers.size() ? s.modifiers[at++] : ""; }
  Type takeType() {
    Type type = typeNamed(next());
    at += type != Type::None;
    return type;
  }
  bool done() const { return at == s.modifiers.size(); }

private:
  const Statement &s;
  size_t at = 0;
};

class Decoder {
public:
  /// `addresses`: of the variables of global and constant space, by id.
  Decoder(const Text &text, const DeviceMemory &memory,
          const std::map<uint32_t, uint64_t> &addresses)
      : text(text), memory(memory), addresses(addresses) {}
  /// Throws ParseFailure.
  Function decode(const Routine &entry);

private:
  using Method = void (Decoder::*)(const Statement &);
  struct OpcodeEntry {
    std::string_view name;
    Method decode;
  };
  /// A function being decoded: the kernel, or what it calls.
  struct Frame {
    const Routine *routine;
    uint32_t registerBase;
    uint32_t labelBase;
    uint32_t returnLabel;
    std::map<uint32_t, uint32_t> locals; ///< variable to offset in local memory
  };
  /// Where an address points: a space, a base and an offset.
  struct Place {
    Space space;
    Value base;
    int64_t offset;
    bool wide;
  };

  // Decoder.cpp: bodies, operands, emission.
  void body(Frame frame);
  void statement(const Statement &s);
  void placeVariables(Frame &frame);
  void placeParameters(const Routine &entry, Function &function);
  [[noreturn]] void fail(const std::string &message) const;
  [[noreturn]] void unknownForm(const Statement &s) const;
  void finish(const Statement &s, const Modifiers &m) const;
  void expectOperands(const Statement &s, size_t least, size_t most) const;
  Type registerType(const Operand &o) const;
  Value source(const Operand &o, Type type, bool relaxed = false);
  Value dest(const Operand &o, Type type, bool relaxed = false);
  Value predicateSource(const Operand &o);
  Value constant(uint64_t value, bool wide);
  Value temporary(Type type);
  Value special(const Operand &o, Type type);
  Value variableAddress(const Operand &o, Type type);
  Place address(const Operand &o, Space space);
  uint32_t newLabel();
  void placeLabel(uint32_t label);
  /// Adds an instruction: op[0] is the result, op[1..] the sources.
  Draft &emit(HandlerPair handler, InstructionClass kind, std::initializer_list<Value> results,
              std::initializer_list<Value> sources);
  Draft &emitAt(HandlerPair handler, InstructionClass kind);
  static void use(Draft &d, unsigned op, Value value);
  static void define(Draft &d, unsigned op, Value value);

  // DecodeArithmetic.cpp
  void arithmetic(const Statement &s);
  bool floatModes(Modifiers &m, std::string_view opcode, Modes &modes);
  void integerArithmetic(const Statement &s);
  void bits(const Statement &s);
  void shiftsAndFields(const Statement &s);
  void dotProduct(const Statement &s);
  void carry(const Statement &s);
  void testProperty(const Statement &s);

  // DecodeMove.cpp
  void move(const Statement &s);
  void pack(const Statement &s, Type type);
  void unpack(const Statement &s, Type type);
  void convert(const Statement &s);
  void convertAddress(const Statement &s);
  void isSpace(const Statement &s);
  void compare(const Statement &s);
  void compareSet(const Statement &s);
  void select(const Statement &s);
  Value compared(const Statement &s, std::string_view comparison, Type type, bool ftz,
                 size_t first);
  Value combined(std::string_view operation, Value a, Value b);
  Value negated(Value predicate);

  // DecodeMemory.cpp
  void load(const Statement &s);
  void store(const Statement &s);
  void atomic(const Statement &s);
  void copyAsync(const Statement &s);
  void prefetch(const Statement &s);
  Space space(Modifiers &m);
  bool ordering(Modifiers &m, bool load);
  bool scope(Modifiers &m);
  void cacheHints(Modifiers &m);
  void copyOnce(const Statement &s, Modifiers m);
  void noteShared(unsigned bytes);

  // DecodeControl.cpp
  void branch(const Statement &s);
  void ret(const Statement &s);
  void exit(const Statement &s);
  void trap(const Statement &s);
  void call(const Statement &s);
  void passArgument(const Frame &caller, Frame &callee, uint32_t formal, const Operand &actual);
  void barrier(const Statement &s);
  void barrierReduce(const Statement &s, Modifiers m, uint8_t flags);
  void fence(const Statement &s);
  void sleep(const Statement &s);

  // DecodeWarp.cpp
  void shuffle(const Statement &s);
  void vote(const Statement &s);
  void match(const Statement &s);
  void redux(const Statement &s);
  void activeMask(const Statement &s);
  void matrixAccess(const Statement &s);
  void moveMatrix(const Statement &s);
  void matrixProduct(const Statement &s);
  void wmma(const Statement &s);
  void wmmaAccess(const Statement &s, Modifiers m, bool load);
  void product(const Statement &s, const MatrixForm &form);
  void fragment(const Operand &o, Type type, unsigned count, bool result, std::vector<Value> &to);

  static std::span<const OpcodeEntry> opcodes();

  const Text &text;
  const DeviceMemory &memory;
  const std::map<uint32_t, uint64_t> &addresses;
  DraftProgram draft;
  Program program;
  std::map<uint32_t, uint32_t> sharedOffsets, paramOffsets; ///< by variable
  std::map<std::pair<bool, uint64_t>, uint32_t> constantIds;
  std::map<std::pair<Special, bool>, uint32_t> specialIds;
  std::vector<Frame> frames;
  const Statement *current = nullptr;
  bool usesDynamicShared = false;
  Value carryFlag = 0;
};

} // namespace gnc::emulator
