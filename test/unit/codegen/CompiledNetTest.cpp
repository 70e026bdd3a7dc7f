//===- CompiledNetTest.cpp - whole nets as data: descriptions and machine code
//--------------------===//
#include "Compiled.h"
#include "codegen/Assemble.h"
#include "codegen/Jit.h"
#include "codegen/JitLower.h"
#include "codegen/MemoryPlan.h"
#include "dsl/Frontend.h"
#include "runtime/CodeLoader.h"
#include "runtime/ProgramFile.h"
#include "test/Scale.h"
#include "test/unit/runtime/SameNet.h"

#include "mlir/Pass/PassManager.h"
#include <filesystem>

using namespace mlir;
using namespace gnc;
using namespace gnc::test;

namespace {
std::vector<std::string> exampleNets() {
  std::vector<std::string> files;
  for (const auto &entry : std::filesystem::directory_iterator(GNC_SOURCE_DIR "/examples"))
    if (entry.path().extension() == ".net" && entry.path().stem() != "cifar") // data for others
      files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

/// A net of a file, planned for a level of x86-64; with `native` if that is asked for.
class Net {
public:
  Net(const std::string &file, unsigned level, bool multithreaded = false) : level(level) {
    DialectRegistry registry;
    registerKernelDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    if (!multithreaded)
      context.disableMultithreading();
    dsl::SourceManager sources;
    dsl::Diagnostics diagnostics;
    module = dsl::elaborateFile(file, {}, context, sources, diagnostics).module;
    if (!module)
      return;
    PassManager passes(&context, ModuleOp::getOperationName());
    passes.enableVerifier(false);
    std::string error;
    if (!buildPipeline(*module, passes, Phase::Buffers, {.cpuLevel = level}, error) ||
        failed(passes.run(*module)))
      module = nullptr;
  }

  runtime::CompiledNet assembled() {
    auto net = assemble(*module, KernelTable(*module));
    EXPECT_TRUE(succeeded(net));
    return succeeded(net) ? std::move(*net) : runtime::CompiledNet();
  }

  runtime::NativeCode code() {
    auto native = compileKernels(*module, KernelTable(*module), {.cpuLevel = level});
    EXPECT_TRUE(succeeded(native));
    return succeeded(native) ? std::move(*native) : runtime::NativeCode();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  unsigned level;
};

void kernel(int64_t, int64_t, int64_t, void *const *) {}
} // namespace

// A net as bytes is the net: every example, planned for some level.
TEST(CompiledNetTest, examplesSurviveTheirDescription) {
  std::vector<std::string> files = exampleNets();
  ASSERT_FALSE(files.empty());
  uint64_t measured = 0, largest = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    uint64_t seed = caseSeed(0);
    if (!fullScale() && (i + seed) % 5 != 0)
      continue;
    SCOPED_TRACE(files[i]);
    Net net(files[i], 2 + unsigned((i + seed) % 3));
    ASSERT_TRUE(net.module);
    runtime::CompiledNet compiled = net.assembled();
    std::vector<uint8_t> description = runtime::describeNet(compiled);
    std::vector<runtime::KernelEntry> entries(runtime::kernelKeys(compiled).size(), kernel);
    auto read = runtime::readProgram(description, entries);
    ASSERT_TRUE(read.ok()) << read.error().message;
    runtime::test::expectSame(compiled, *read);
    ++measured, largest = std::max<uint64_t>(largest, description.size());
  }
  printf("measured: %llu nets described, the largest in %llu bytes\n", (unsigned long long)measured,
         (unsigned long long)largest);
}

// Lifetimes alone say how much memory a program needs at least; its plan takes hardly more.
TEST(CompiledNetTest, arenasAreHardlyLargerThanWhatIsAlive) {
  std::vector<std::string> files = exampleNets();
  double worst = 1;
  for (size_t i = 0; i < files.size(); ++i) {
    if (!fullScale() && (i + caseSeed(1)) % 5 != 0)
      continue;
    SCOPED_TRACE(files[i]);
    Net net(files[i], 3);
    ASSERT_TRUE(net.module);
    for (auto program : net.module->getOps<func::FuncOp>())
      if (std::optional<MemoryReport> report = memoryReport(program)) {
        double ratio =
            double(report->arena) / double(report->persistent + report->host + report->alive);
        EXPECT_GE(ratio, 1);
        EXPECT_LE(ratio, program.getSymName() == "train" ? 1.02 : 1.06)
            << program.getSymName().str();
        worst = std::max(worst, ratio);
      }
  }
  printf("measured: arena over the largest live set at most %.4f\n", worst);
}

TEST(CompiledNetTest, levelsAreThoseOfTheRuntime) {
  EXPECT_EQ(hostCpuLevel(), std::max(2u, runtime::cpuLevel()));
  EXPECT_EQ(vectorBitsOf(2), 128u);
  EXPECT_EQ(vectorBitsOf(3), 256u);
  EXPECT_EQ(vectorBitsOf(4), 512u);
}

// The same code, whoever made it, with any number of threads; and other code for another level.
TEST(CompiledNetTest, codeDependsOnTheNetAndTheLevelAlone) {
  std::string file = GNC_SOURCE_DIR "/examples/mlp.net";
  Net one(file, 3), many(file, 3, /*multithreaded=*/true), low(file, 2);
  ASSERT_TRUE(one.module && many.module && low.module);
  runtime::NativeCode code = one.code(), again = many.code(), other = low.code();
  EXPECT_EQ(code.bytes, again.bytes);
  EXPECT_EQ(code.references, again.references);
  EXPECT_EQ(code.level, 3u);
  EXPECT_EQ(other.level, 2u);
  EXPECT_NE(code.bytes, other.bytes);
  runtime::CompiledNet net = one.assembled();
  runtime::CompiledNet same = many.assembled();
  runtime::test::expectSame(net, same);
}

// Wherever it is copied: two loads of one code lie at different places and compute the same.
TEST(CompiledNetTest, codeHasNoPlaceOfItsOwn) {
  Compiled compiled("func.func @f(%x: tensor<?x40xf32>) -> tensor<?x40xf32> {\n"
                    "  %y = gnc.compute [n = ?, i = 40] (%a = %x[n, i] : tensor<?x40xf32>) -> "
                    "tensor<?x40xf32> {\n"
                    "    %0 = math.exp %a : f32\n    gnc.yield %0 : f32\n  }\n"
                    "  return %y : tensor<?x40xf32>\n}\n",
                    {.batch = 4});
  ASSERT_TRUE(compiled.ok);
  Tensors arguments = compiled.realNumbers(3, 2, 1);
  Tensors first = compiled.run(arguments, 3, 1);
  runtime::CompiledNet moved;
  moved.train = compiled.program;
  moved.native = compiled.native;
  ASSERT_TRUE(runtime::loadCode(moved).ok());
  EXPECT_NE(moved.train.kernels[0].entry, compiled.program.kernels[0].entry);
  compiled.program = moved.train;
  expectEqual(compiled.run(arguments, 3, 1), first);
}
