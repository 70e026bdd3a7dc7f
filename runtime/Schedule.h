//===- Schedule.h - scalars the host computes before each step
//----------------------------------===//
//
// A learning rate is an expression over `step`, `epoch` and `epochs`. It arrives in postfix form
// (Tensor::schedule), is checked once when it is parsed, and cannot fail afterwards.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"

#include <string_view>

namespace gnc::runtime {

class Schedule {
public:
  struct Variables {
    double step = 1;   ///< 1 at the first update
    double epoch = 0;  ///< epochs done before this step, fractional inside an epoch
    double epochs = 1; ///< length of the whole training
  };

  /// Refuses unknown tokens, missing or left-over operands, and nesting deeper than 256, with an
  /// input error
  /// ("bad-schedule") at `location`.
  static Result<Schedule> parse(std::string_view text, const SourceLocation &location = {});

  /// The value in f64. Never fails; what mathematics leaves open (log(-1), 1/0) is what IEEE says.
  double evaluate(const Variables &variables) const;

  /// The value as the program gets it: rounded once.
  float at(const Variables &variables) const { return float(evaluate(variables)); }

  /// One instruction; the number is only read by Op::Number.
  enum class Op : uint8_t {
    Number,
    Step,
    Epoch,
    Epochs,
    Neg,
    Floor,
    Ceil,
    Round,
    Abs,
    Sqrt,
    Exp,
    Log,
    Sin,
    Cos,
    Not,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    FloorDiv,
    Mod,
    Min,
    Max,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    If,
  };

private:
  struct Instruction {
    Op op;
    double number;
  };
  std::vector<Instruction> code;
};

} // namespace gnc::runtime
