// Numbers that the host computes before each step: expressions of `step`, `epoch`, `epochs`.
#ifndef GNC_DSL_SCHEDULE_H
#define GNC_DSL_SCHEDULE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace gnc::dsl {

/// A number that is known on the host before each step, as the postfix program of
/// runtime::Tensor::schedule; evaluated in f64.
class Schedule {
public:
  static Schedule number(double value);
  /// `step`, `epoch` or `epochs`.
  static Schedule variable(llvm::StringRef name) { return Schedule(name.str()); }
  /// `op` applied to the operands, in order: "+ - * / ^ // % neg min max floor ceil round abs sqrt
  /// exp log sin cos < <= > >= == != and or not if". None if it would be unreasonably long.
  static std::optional<Schedule> apply(llvm::StringRef op, llvm::ArrayRef<Schedule> operands);
  /// How many operands a function (floor .. cos: 1, min max: 2) takes; 0 if there is no such.
  static unsigned functionArity(llvm::StringRef name);

  /// The program: "1 0.9 step ^ -".
  llvm::StringRef postfix() const { return program; }
  bool operator==(const Schedule &) const = default;

  /// Far more than anybody writes; a guard against `x = x * x` in a loop.
  static constexpr size_t maxLength = 16384;

private:
  explicit Schedule(std::string program) : program(std::move(program)) {}
  std::string program;
};

} // namespace gnc::dsl

#endif // GNC_DSL_SCHEDULE_H
