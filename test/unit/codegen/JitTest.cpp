//===- JitTest.cpp - from a module of kernels to a program that runs
//----------------------------===//
#include "codegen/Jit.h"
#include "codegen/Assemble.h"
#include "codegen/JitLower.h"
#include "codegen/MemoryPlan.h"
#include "ir/Gnc.h"
#include "runtime/CodeLoader.h"
#include "runtime/Executor.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "test/Tolerance.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;

namespace gnc {
namespace {

/// y = alpha * x + w for every sample (the physical order of x and w is transposed), loss = sum of
/// exp(y), and w += the first sample.
constexpr const char *kModule = R"mlir(
func.func @saxpy(%lo: index, %hi: index, %n: index, %alpha: memref<1xf32>, %x: memref<32xf32>,
                 %w: memref<8xf32>, %y: memref<32xf32>) attributes {gnc.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %a = memref.load %alpha[%c0] : memref<1xf32>
  %as = vector.broadcast %a : f32 to vector<8xf32>
  %ws = vector.load %w[%c0] : memref<8xf32>, vector<8xf32>
  scf.for %t = %lo to %hi step %c1 {
    %at = arith.muli %t, %c8 : index
    %xs = vector.load %x[%at] : memref<32xf32>, vector<8xf32>
    %ys = vector.fma %as, %xs, %ws : vector<8xf32>
    vector.store %ys, %y[%at] : memref<32xf32>, vector<8xf32>
  }
  return
}
func.func @twin(%lo: index, %hi: index, %n: index, %alpha: memref<1xf32>, %x: memref<32xf32>,
                %w: memref<8xf32>, %y: memref<32xf32>) attributes {gnc.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %a = memref.load %alpha[%c0] : memref<1xf32>
  %as = vector.broadcast %a : f32 to vector<8xf32>
  %ws = vector.load %w[%c0] : memref<8xf32>, vector<8xf32>
  scf.for %t = %lo to %hi step %c1 {
    %at = arith.muli %t, %c8 : index
    %xs = vector.load %x[%at] : memref<32xf32>, vector<8xf32>
    %ys = vector.fma %as, %xs, %ws : vector<8xf32>
    vector.store %ys, %y[%at] : memref<32xf32>, vector<8xf32>
  }
  return
}
func.func @loss(%lo: index, %hi: index, %n: index, %y: memref<32xf32>, %loss: memref<1xf32>)
    attributes {gnc.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %end = arith.muli %n, %c8 : index
  %sum = scf.for %i = %c0 to %end step %c1 iter_args(%s = %zero) -> f32 {
    %v = memref.load %y[%i] : memref<32xf32>
    %e = math.exp %v : f32
    %next = arith.addf %s, %e : f32
    scf.yield %next : f32
  }
  memref.store %sum, %loss[%c0] : memref<1xf32>
  return
}
func.func @update(%lo: index, %hi: index, %n: index, %x: memref<32xf32>, %w: memref<8xf32>)
    attributes {gnc.kernel} {
  %c0 = arith.constant 0 : index
  %xs = vector.load %x[%c0] : memref<32xf32>, vector<8xf32>
  %ws = vector.load %w[%c0] : memref<8xf32>, vector<8xf32>
  %sum = arith.addf %xs, %ws : vector<8xf32>
  vector.store %sum, %w[%c0] : memref<8xf32>, vector<8xf32>
  return
}
func.func @train() attributes {gnc.batch = 4 : i64} {
  %alpha = gnc.buffer : tensor<f32> in memref<1xf32> {host = {
    gnc.role = "schedule", gnc.path = "alpha", gnc.schedule = "2"}}
  %x = gnc.buffer : tensor<?x2x4xf32, affine_map<(n, i, j) -> (n, j, i)>> in memref<32xf32> {host = {
    gnc.role = "input", gnc.path = "x", gnc.member = "x"}}
  %w = gnc.buffer : tensor<2x4xf32, affine_map<(i, j) -> (j, i)>> in memref<8xf32> {host = {
    gnc.role = "weight", gnc.path = "Saxpy.w", gnc.init = "constant", gnc.init_a = 1.0 : f64,
    gnc.shape = [8]}}
  %y = gnc.buffer : tensor<?x8xf32> in memref<32xf32>
  %z = gnc.buffer : tensor<?x8xf32> in memref<32xf32>
  %loss = gnc.buffer : tensor<f32> in memref<1xf32> {host = {
    gnc.role = "result", gnc.path = "loss"}}
  gnc.launch @saxpy tiles [1, 0, 1, 1] writes [3] (%alpha, %x, %w, %y) flops(16, 0)
    : memref<1xf32>, memref<32xf32>, memref<8xf32>, memref<32xf32> loc(#forward)
  gnc.launch @twin tiles [1, 0, 1, 1] writes [3] (%alpha, %y, %w, %z) flops(16, 0)
    : memref<1xf32>, memref<32xf32>, memref<8xf32>, memref<32xf32> loc(#backward)
  gnc.launch @loss tiles [0, 1, 1, 1] writes [1] (%y, %loss) flops(8, 0)
    : memref<32xf32>, memref<1xf32>
  gnc.launch @update tiles [0, 1, 1, 1] writes [1] (%x, %w) commit flops(0, 8)
    : memref<32xf32>, memref<8xf32>
  return
}
#forward = loc("Saxpy"(callsite("std/conv.net":1:2 at "saxpy.net":3:7)))
#backward = loc("backward"(#forward))
)mlir";

class JitTest : public testing::Test {
protected:
  void SetUp() override {
    DialectRegistry registry;
    registerKernelDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = parseSourceString<ModuleOp>(kModule, &context);
    ASSERT_TRUE(module);
    PassManager passes(&context, ModuleOp::getOperationName());
    passes.addNestedPass<func::FuncOp>(createPlanMemory());
    ASSERT_TRUE(succeeded(passes.run(*module)));
  }

  runtime::CompiledNet compile(const CodeOptions &options) {
    KernelTable table(*module);
    FailureOr<runtime::NativeCode> code = compileKernels(*module, table, options);
    EXPECT_TRUE(succeeded(code));
    FailureOr<runtime::CompiledNet> net = assemble(*module, table);
    EXPECT_TRUE(succeeded(net));
    net->native = std::make_shared<const runtime::NativeCode>(std::move(*code));
    EXPECT_TRUE(runtime::loadCode(*net).ok());
    return *net;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(JitTest, AssemblesPlainData) {
  runtime::CompiledNet net = compile({});
  const runtime::Program &program = net.train;
  EXPECT_EQ(program.maxBatch, 4);
  EXPECT_EQ(program.persistentBytes, 64u);
  ASSERT_EQ(program.launches.size(), 4u);
  EXPECT_EQ(program.commit, 3u);
  // The twin is the same kernel under another name.
  EXPECT_EQ(program.kernels.size(), 3u);
  EXPECT_EQ(program.launches[0].kernel, program.launches[1].kernel);
  EXPECT_EQ(program.sites[0].name, "Saxpy");
  EXPECT_EQ(program.sites[0].location.file, "saxpy.net");
  EXPECT_EQ(program.sites[0].location.line, 3);
  EXPECT_EQ(program.sites[1].name, "Saxpy: backward");
  const runtime::Tensor *x = program.find(runtime::Role::Input, "x");
  ASSERT_TRUE(x);
  EXPECT_EQ(x->shape, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(x->strides, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(x->batchStride, 8);
  const runtime::Tensor *w = program.find(runtime::Role::Weight, "Saxpy.w");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->offset, 0u);
  EXPECT_EQ(w->declaredShape(), std::vector<int64_t>{8});
}

TEST_F(JitTest, Runs) {
  for (unsigned optLevel : {0u, 1u, 2u}) {
    runtime::CompiledNet net = compile({optLevel, true});
    auto pool = runtime::ThreadPool::create(2);
    ASSERT_TRUE(pool.ok());
    auto made = runtime::Executor::create(net.train, **pool);
    ASSERT_TRUE(made.ok()) << made.error().message;
    runtime::Executor &executor = **made;
    executor.initialize(0);
    const runtime::Tensor &x = *net.train.find(runtime::Role::Input, "x");
    const runtime::Tensor &w = *net.train.find(runtime::Role::Weight, "Saxpy.w");
    std::vector<float> values;
    float expected = 0;
    for (int i = 0; i < 24; ++i) {
      values.push_back(float(i) / 16);
      expected += std::exp(2 * values.back() + 1);
    }
    executor.writeTensor(x, 3, values);
    executor.writeScalar(*net.train.find(runtime::Role::Schedule, "alpha"), 2);
    executor.compute(3);
    float loss = executor.readScalar(*net.train.find(runtime::Role::Result, "loss"));
    EXPECT_NEAR(loss, expected, expected * test::roundings(24 + 16)); // a sum of 24 exp(y), |y| < 4
    EXPECT_EQ(executor.readTensor(w, 1), std::vector<float>(8, 1.0f));
    executor.commit(3);
    std::vector<float> updated = executor.readTensor(w, 1);
    for (int i = 0; i < 8; ++i)
      EXPECT_EQ(updated[i], 1 + values[i]);
  }
}

TEST_F(JitTest, EmitsText) {
  auto llvm = emitKernels(*module, CodeForm::LLVM, {});
  ASSERT_TRUE(succeeded(llvm));
  EXPECT_NE(llvm->find("void @gnc_kernel_"), std::string::npos);
  auto assembly = emitKernels(*module, CodeForm::Assembly, {});
  ASSERT_TRUE(succeeded(assembly));
  EXPECT_NE(assembly->find(".globl\tgnc_kernel_"), std::string::npos);
  auto object = emitKernels(*module, CodeForm::Object, {});
  ASSERT_TRUE(succeeded(object));
  EXPECT_EQ(object->substr(1, 3), "ELF");
}

TEST_F(JitTest, RefusesWhatCannotRun) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto train = module->lookupSymbol<func::FuncOp>("train");
  for (LaunchOp launch : train.getOps<LaunchOp>())
    launch.setCommit(!launch.getCommit());
  KernelTable table(*module);
  EXPECT_TRUE(failed(assemble(*module, table)));
  EXPECT_EQ(message, "launches that commit come last");
}

TEST(PlaceRegions, SharesWhatIsNotAliveTogether) {
  std::vector<MemoryRegion> regions = {{100, 0, 1}, {100, 1, 2}, {200, 3, 4}, {60, 0, 4}};
  // The 200 bytes use what the first two had, the 60 bytes lie above.
  EXPECT_EQ(placeRegions(regions, 64), 64 + 256 + 60);
  for (const MemoryRegion &a : regions)
    for (const MemoryRegion &b : regions)
      if (&a != &b && a.first <= b.last && b.first <= a.last)
        EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
}

} // namespace
} // namespace gnc
