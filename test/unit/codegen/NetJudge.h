//===- NetJudge.h - a random net, compiled in many ways, beside the evaluator
//------------------===//
#pragma once

#include "Compiled.h"
#include "RandomNet.h"

namespace gnc::test {

/// Every optimisation level with every vector width of this machine and all passes; then each pass
/// that can be left out without it, and a random set of them, at levels and widths by the seed.
std::vector<Plan> netPlans(uint64_t seed);

/// For the software device by one way to PTX: with all passes, and without one by the seed.
std::vector<Plan> cardPlans(uint64_t seed, GpuCodegen codegen);

struct NetVerdict {
  std::string wrong;     ///< what, and in which configuration; or ""
  unsigned compared = 0; ///< programs x configurations
  unsigned exact = 0;    ///< of them, those compared bit for bit
  double worst = 0;      ///< the largest error, in parts of its bound
  bool finite = true;    ///< no number of the net overflows; else it is not compared
};

/// Compiles the net's training step (loss, gradient of every weight, new states) and its infer
/// program as each of the plans says (batch, programs and data are the net's own) and runs them.
/// Expected is what the evaluator says in f64: exactly, where nothing rounds; else up to the bound
/// of `NetBound`.
NetVerdict judge(const RandomNet &net, const std::vector<Plan> &plans);

/// How far a compiled program may be from the evaluator in f64.
///
/// An equation of sums and products is off by at most sumOfProducts(..). What later equations make
/// of that is found by sampling: a sample is an evaluation in f32 in which every element of every
/// equation is moved by up to this bound, in a random direction. A compiled program is one more
/// such sample; its errors are mostly smaller. It may be `kSampled` times as far away as the
/// furthest element of the tensor in any of the samples.
class NetBound {
public:
  NetBound(mlir::func::FuncOp function, const Tensors &arguments, uint64_t seed);

  Tensors expected;           ///< in f64
  std::vector<double> bounds; ///< one for each result; 0: compare exactly
  bool exact = false;         ///< all of them
  bool finite = true;         ///< so are all expected numbers and samples
};

} // namespace gnc::test
