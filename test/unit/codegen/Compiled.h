//===- Compiled.h - run a graph as compiled code and in the reference evaluator ----------------===//
#pragma once

#include "codegen/Assemble.h"
#include "codegen/JitLower.h"
#include "codegen/Pipeline.h"
#include "ir/Evaluator.h"
#include "runtime/Executor.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <gtest/gtest.h>
#include <random>

namespace gnc::test {

/// One function `@train` of a module given as text, compiled for a batch, with inputs to run it on.
class Compiled {
public:
  /// Derives gradients, then keeps a copy of the equations for the evaluator and compiles the rest of the way.
  Compiled(llvm::StringRef text, int64_t batch, std::vector<std::string> disabled = {}) {
    mlir::DialectRegistry registry;
    registerKernelDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module || !lower(Phase::Train, batch, {}))
      return;
    reference = mlir::OwningOpRef<mlir::ModuleOp>(module->clone());
    if (!lower(Phase::Buffers, batch, disabled))
      return;
    KernelTable table(*module);
    auto loaded = loadKernels(*module, table, {});
    if (failed(loaded))
      return;
    for (auto &entry : table.entries())
      keys.push_back(entry.key);
    auto assembled = assembleProgram(module->lookupSymbol<mlir::func::FuncOp>("train"), table, *loaded);
    if (failed(assembled))
      return;
    program = std::move(*assembled);
    program.code = loaded->code;
    ok = true;
  }

  mlir::func::FuncOp function() { return reference->lookupSymbol<mlir::func::FuncOp>("train"); }

  /// Whole numbers in -range..range for f32 arguments (exact in f32 as long as sums stay below 2^24), 0..range for others.
  std::vector<TensorValue> wholeNumbers(int64_t n, int range, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<TensorValue> values;
    for (mlir::Type type : function().getArgumentTypes()) {
      auto tensor = mlir::cast<mlir::RankedTensorType>(type);
      llvm::SmallVector<int64_t> shape;
      for (int64_t extent : tensor.getShape())
        shape.push_back(mlir::ShapedType::isDynamic(extent) ? n : extent);
      TensorValue value(shape);
      int low = tensor.getElementType().isF32() ? -range : 0;
      for (double &element : value.data)
        element = low + static_cast<int64_t>(random() % (range - low + 1));
      values.push_back(value);
    }
    return values;
  }

  /// Runs the compiled program for n samples: one vector per result of the function, in logical order.
  std::vector<std::vector<float>> run(const std::vector<TensorValue> &arguments, int64_t n, unsigned threads) {
    auto pool = runtime::ThreadPool::create(threads);
    EXPECT_TRUE(pool.ok());
    auto executor = runtime::Executor::create(program, **pool);
    EXPECT_TRUE(executor.ok());
    std::vector<std::vector<float>> results;
    if (!executor.ok())
      return results;
    auto &engine = **executor;
    for (unsigned i = 0; i < arguments.size(); ++i) {
      const runtime::Tensor *tensor = find(path(function().getArgAttrDict(i)), false);
      std::vector<float> values(arguments[i].data.begin(), arguments[i].data.end());
      engine.writeTensor(*tensor, n, values);
    }
    engine.run(n);
    for (unsigned i = 0; i < function().getNumResults(); ++i) {
      auto updates = function().getResultAttrOfType<mlir::IntegerAttr>(i, names::kUpdates);
      const runtime::Tensor *tensor = updates ? find(path(function().getArgAttrDict(updates.getInt())), false)
                                              : find(path(function().getResultAttrDict(i)), true);
      results.push_back(engine.readTensor(*tensor, n));
    }
    return results;
  }

  bool ok = false;
  std::vector<std::string> keys;
  runtime::Program program;

private:
  static std::string path(mlir::DictionaryAttr attributes) {
    return attributes.getAs<mlir::StringAttr>(names::kPath).getValue().str();
  }
  const runtime::Tensor *find(const std::string &name, bool result) {
    for (const runtime::Tensor &tensor : program.tensors)
      if (tensor.name == name && (tensor.role == runtime::Role::Result) == result)
        return &tensor;
    ADD_FAILURE() << "no tensor " << name;
    return nullptr;
  }
  bool lower(Phase phase, int64_t batch, std::vector<std::string> disabled) {
    mlir::PassManager passes(&context, mlir::ModuleOp::getOperationName());
    PipelineOptions options;
    options.batch = batch;
    options.verifyEach = true;
    options.disabled = disabled;
    std::string error;
    if (!buildPipeline(passes, phase, options, error)) {
      ADD_FAILURE() << error;
      return false;
    }
    return succeeded(passes.run(*module));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module, reference;
};

} // namespace gnc::test
