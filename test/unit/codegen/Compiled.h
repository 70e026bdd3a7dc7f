//===- Compiled.h - run a graph as compiled code and in the reference evaluator
//----------------===//
#pragma once

#include "codegen/GpuCode.h"
#include "codegen/LibraryPlan.h"
#include "codegen/Pipeline.h"
#include "ir/Evaluator.h"
#include "runtime/Device.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <gtest/gtest.h>
#include <random>

namespace gnc::test {

using Tensors = std::vector<TensorValue>;

inline const char *nameOf(GpuCodegen codegen) {
  return codegen == GpuCodegen::Nvptx ? "nvptx" : "nvrtc";
}

/// How a function is compiled.
struct Plan {
  int64_t batch = 1;                      ///< samples to plan for
  unsigned vectorBits = 0;                ///< 0: the widest of the level
  std::vector<std::string> disabled = {}; ///< passes to leave out
  std::string storedAs = {};              ///< "bf16", "f16": all batched tensors between equations
  unsigned optLevel = 0;                  ///< of LLVM
  /// Changes what is compiled, and not what the evaluator sees: a fault that a test must find.
  std::function<void(mlir::ModuleOp)> fault = nullptr;
  unsigned cpuLevel = 0; ///< of x86-64; 0: this machine's
  /// For the software device as a card of this target ("sm_80"), which checks every access; "": the
  /// processor.
  std::string card = {};
  GpuCodegen codegen = GpuCodegen::Nvptx;
  /// Convolutions go to this cuDNN ("": the system's), which plans for the software device to run.
  std::optional<std::string> library = std::nullopt;
};

/// The one function (or `@train` of several), compiled as `@train`, or as `@infer` if that is its
/// name. Arguments without a path are inputs named
/// "a<i>", results without one are "r<i>".
class Compiled {
public:
  using Source = std::function<mlir::OwningOpRef<mlir::ModuleOp>(mlir::MLIRContext &)>;

  /// Derives gradients, then keeps a copy of the equations for the evaluator and compiles the rest
  /// of the way. With `storedAs` the copy is made after fusion, when it is known what is stored.
  Compiled(const std::string &text, const Plan &plan);
  Compiled(const Source &source, const Plan &plan);

  /// Compiles the graph that it was made of once more, in another way (not with `storedAs`).
  void compileAgain(const Plan &plan);

  /// The equations, after autodiff and simplification alone.
  mlir::func::FuncOp function();
  /// The result whose new value argument `i` takes, if any.
  std::optional<unsigned> updateOf(unsigned argument);

  /// One tensor per argument for n samples: each element is draw(is float).
  Tensors arguments(int64_t n, const std::function<double(bool)> &draw);
  /// Whole numbers in -range..range for f32 arguments (exact in f32 as long as sums stay below
  /// 2^24), 0..range for others.
  Tensors wholeNumbers(int64_t n, int range, uint64_t seed);
  /// Numbers between -2 and 2, 0..classes-1 for others.
  Tensors realNumbers(int64_t n, int classes, uint64_t seed);

  /// What the evaluator says.
  Tensors expected(const Tensors &arguments, Precision precision);
  /// What the program is for: a processor's threads, or the software device. Null with a failure if
  /// it cannot be had.
  std::unique_ptr<runtime::Device> openDevice(unsigned threads);
  /// Runs the compiled program for n samples: one tensor per result, in logical order.
  Tensors run(const Tensors &arguments, int64_t n, unsigned threads);

  /// Host-visible tensors of the program, by what they are in the function.
  const runtime::Tensor *argumentTensor(unsigned i);
  const runtime::Tensor *resultTensor(unsigned i);

  bool ok = false;
  std::vector<std::string> keys; ///< of all kernels
  runtime::Program program;
  std::shared_ptr<const runtime::NativeCode> native; ///< of the program
  runtime::Recipe recipe;                            ///< of the module; empty without one

private:
  void compile(const Source &source, const Plan &plan);
  bool finish(const Plan &plan);
  bool addCode(const Plan &plan, const KernelTable &table, runtime::CompiledNet &net);
  void nameEverything();
  bool lower(Phase last, const Plan &plan, const std::vector<std::string> &disabled);
  bool storeHalf(const std::string &type);
  const runtime::Tensor *find(mlir::DictionaryAttr attributes, bool result);

  std::string name = "train"; // of the function
  std::unique_ptr<LibraryPlanner> library;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> original, module, reference;
};

/// The software device, in checked mode; null with a failure if it cannot be had.
std::unique_ptr<runtime::Device> openEmulator();

/// The software device's own cuDNN.
std::string softwareCudnn();

/// Whether there are libdevice and nvrtc: most nets for a card need the first.
bool haveToolkit();

/// Tests that run on the software device, once for each way to PTX. Without a toolkit those of
/// nvrtc are skipped; tests that use functions such as exp ask `haveToolkit` themselves.
class OnACard : public testing::TestWithParam<GpuCodegen> {
protected:
  void SetUp() override;
  /// Of the card "sm_90", unless another is named.
  Plan plan(int64_t batch, std::string card = "sm_90") const {
    return {.batch = batch, .card = std::move(card), .codegen = GetParam()};
  }
  const char *codegenName() const { return nameOf(GetParam()); }
};

/// Both ways, for INSTANTIATE_TEST_SUITE_P.
inline auto bothCodegens() { return testing::Values(GpuCodegen::Nvptx, GpuCodegen::Nvrtc); }
inline std::string codegenOf(const testing::TestParamInfo<GpuCodegen> &info) {
  return nameOf(info.param);
}

/// Equal numbers, NaN equal to NaN; zeros of both signs are equal.
void expectEqual(const Tensors &actual, const Tensors &expected);
/// |actual - expected| <= bound(magnitude of the expected element) + smallest.
void expectClose(const Tensors &actual, const Tensors &expected,
                 const std::function<double(double)> &bound);

/// Compiles, runs on one and on three threads, and compares with the f32 evaluator, bit for bit.
void expectSameBits(const std::string &text, const Plan &plan, int64_t n, uint64_t seed,
                    const std::function<Tensors(Compiled &)> &draw = nullptr);

} // namespace gnc::test
