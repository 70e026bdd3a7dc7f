//===- Ast.h - what a PTX text says -----------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Module.h"

#include <optional>

namespace gnc::emulator {

/// Types of PTX (ISA 5.2).
enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  TF32,
  F32,
  F64,
  F32x2,
};
/// The type that a modifier names (".u32" without its dot), None for other words.
Type typeNamed(std::string_view name);
std::string_view name(Type type);
unsigned bytesOf(Type type);
inline bool isFloat(Type t) { return t >= Type::F16; }
inline bool isSigned(Type t) { return t >= Type::S8 && t <= Type::S64; }
inline bool isUnsigned(Type t) { return t >= Type::U8 && t <= Type::U64; }
inline bool isBits(Type t) { return t >= Type::B8 && t <= Type::B128; }

enum class Space : uint8_t { Generic, Global, Shared, Local, Const, Param, Register };
std::string_view name(Space space);

/// A variable of any memory space, or a parameter.
struct Variable {
  std::string_view name;
  Space space = Space::Global;
  Type type = Type::B8;
  uint64_t bytes = 0;
  uint32_t alignment = 1;
  bool external = false; ///< .extern: without a size here
  bool unsized = false;  ///< declared []: dynamic shared memory
  bool pointer = false;  ///< a parameter with .ptr
  uint32_t pointerAlignment = 0;
  unsigned line = 0;
  std::vector<std::byte> initial; ///< empty: zeros
  /// Addresses of other variables in the initial value.
  struct Reference {
    uint64_t offset;
    std::string_view variable;
    int64_t addend;
  };
  std::vector<Reference> references;
};

struct Operand {
  enum class Kind : uint8_t {
    Register, ///< `id`; `negated`: !%p
    Special,  ///< `name`
    Integer,
    Float32,
    Float64,  ///< `value`: the bits
    Variable, ///< `id` into Text::variables, plus `value`
    Label,    ///< `id`
    Vector,   ///< {elements}
    Address,  ///< [elements[0] + value]
    Pair,     ///< elements[0] | elements[1]
    Sink,     ///< _
    Name,     ///< of a function
    List,     ///< (elements) of a call
  };
  Kind kind = Kind::Sink;
  bool negated = false;
  uint32_t id = 0;
  uint64_t value = 0;
  std::string_view name; ///< as written
  std::vector<Operand> elements;
};

struct Statement {
  unsigned line = 0;
  unsigned place = 0; ///< 1 + index into Text::places, 0 for none
  std::optional<Operand> guard;
  std::string_view opcode;
  std::vector<std::string_view> modifiers;
  std::vector<Operand> operands;
};

/// "ld.global.u32", and the same with its operands.
std::string fullName(const Statement &s);
std::string textOf(const Statement &s);

/// An entry (.entry) or a device function (.func).
struct Routine {
  std::string_view name;
  unsigned line = 0;
  bool entry = false;
  bool defined = false;
  std::vector<uint32_t> parameters, results; ///< variables; registers where space is Register
  std::vector<Type> registers;               ///< by id
  std::vector<uint32_t> variables;           ///< declared in the body
  std::vector<uint32_t> labels;              ///< statement that a label stands before, by id
  std::vector<Statement> statements;
  uint32_t maxThreads[3] = {0, 0, 0}, requiredThreads[3] = {0, 0, 0};
};

/// A whole text. Views point into the text that was parsed.
struct Text {
  unsigned version = 0; ///< 8.5 is 85
  unsigned target = 0;  ///< sm_80 is 80
  std::vector<Variable> variables;
  std::vector<uint32_t> globals; ///< variables outside functions
  std::vector<Routine> routines;
  std::map<unsigned, std::string_view> files;
  struct Place {
    unsigned file, line;
  };
  std::vector<Place> places;
};

Expected<Text> parse(std::string_view ptx);

} // namespace gnc::emulator
