//===- LibraryTest.cpp - correlations that a library computes ---------------------------------===//
//
// On whole numbers every sum is exact, so what the software device's cuDNN computes from a plan is
// what the evaluator says, bit for bit: in all three products, with every stride, dilation, border
// and grouping, also for fewer samples than were planned for.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "codegen/ChooseLibrary.h"
#include "codegen/JitLower.h"
#include "dsl/Frontend.h"
#include "ir/LibraryCall.h"
#include "test/Scale.h"
#include "llvm/Support/FormatVariadic.h"

#include "mlir/Pass/PassManager.h"
#include <map>
#include <set>

using namespace gnc;
using namespace gnc::test;

namespace {

struct Window {
  int64_t extent, taps, stride, dilation, pad;
  int64_t result() const { return (extent + 2 * pad - dilation * (taps - 1) - 1) / stride + 1; }
  /// A coordinate of x.
  std::string at(const char *y, const char *tap) const {
    return llvm::formatv("{0} * {1} + {2} * {3} - {4}", y, stride, tap, dilation, pad);
  }
};

struct Case {
  int64_t channelsX, channelsY, groups;
  Window rows, columns;

  /// The correlation, and both its gradients with the adjoint %t.
  std::string text() const {
    int64_t width = channelsX / groups;
    std::string x = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", channelsX, rows.extent,
                                  columns.extent),
                w = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", channelsY, width, rows.taps,
                                  columns.taps),
                y = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", channelsY, rows.result(),
                                  columns.result());
    std::string channel = llvm::formatv("(k floordiv {0}) * {1} + c", channelsY / groups, width);
    return "func.func @train(%x: " + x + ", %w: " + w + ", %t: " + y + ") -> (" + y + ", " + x +
           ", " + w + ") {\n" +
           llvm::formatv("%y = gnc.compute [n = ?, k = {0}, i = {1}, j = {2}] "
                         "sum [c = {3}, r = {4}, s = {5}]\n",
                         channelsY, rows.result(), columns.result(), width, rows.taps, columns.taps)
               .str() +
           "(%a = %w[k, c, r, s] : " + w + ", %b = %x[n, " + channel + ", " + rows.at("i", "r") +
           ", " + columns.at("j", "s") + "] ?? 0.0 : " + x + ") -> " + y +
           " {\n%0 = arith.mulf %a, %b : f32\ngnc.yield %0 : f32\n}\n" +
           llvm::formatv("%l = gnc.compute [] sum [n = ?, k = {0}, i = {1}, j = {2}]\n", channelsY,
                         rows.result(), columns.result())
               .str() +
           "(%a = %y[n, k, i, j] : " + y + ", %b = %t[n, k, i, j] : " + y +
           ") -> tensor<f32> {\n%0 = arith.mulf %a, %b : f32\ngnc.yield %0 : f32\n}\n" +
           "%g:2 = gnc.gradient %l of (%x, %w) : tensor<f32> of " + x + ", " + w + " -> " + x +
           ", " + w + "\nreturn %y, %g#0, %g#1 : " + y + ", " + x + ", " + w + "\n}\n";
  }
};

Case draw(uint64_t seed) {
  std::mt19937_64 random(seed);
  auto pick = [&](int64_t low, int64_t high) {
    return low + int64_t(random() % uint64_t(high - low + 1));
  };
  auto window = [&] {
    Window window{pick(5, 12), pick(1, 3), pick(1, 3), pick(1, 2), pick(0, 2)};
    window.dilation = window.taps == 1 || window.stride > 1 ? 1 : window.dilation;
    window.pad = std::min(window.pad, window.taps - 1);
    return window;
  };
  int64_t groups = pick(0, 2) ? 1 : pick(2, 3);
  Case drawn{groups * pick(1, 3), groups * pick(1, 3), groups, window(), window()};
  if (!pick(0, 3)) { // one column, and sometimes borders that are all a window sees
    drawn.columns.extent = 1;
    drawn.columns.taps = pick(0, 1) ? 3 : 1;
    drawn.columns.dilation = 1;
    drawn.columns.pad = 1;
  }
  return drawn;
}

void expectExact(const std::string &library, unsigned cases) {
  constexpr int64_t kBatch = 3;
  unsigned plans = 0, wide = 0, plansOfWide = 0;
  for (unsigned i = 0; i < cases; ++i) {
    Case drawn = draw(caseSeed(i));
    std::string text = drawn.text();
    SCOPED_TRACE(text);
    Compiled compiled(text, {.batch = kBatch, .card = "sm_90", .library = library});
    ASSERT_TRUE(compiled.ok);
    auto taken = unsigned(compiled.program.plans.size());
    plans += taken;
    if (drawn.columns.extent > 1)
      ++wide, plansOfWide += taken;
    for (int64_t n : {kBatch, int64_t(1)}) {
      Tensors arguments = compiled.wholeNumbers(n, 4, caseSeed(i));
      expectEqual(compiled.run(arguments, n, 1), compiled.expected(arguments, Precision::F64));
      ASSERT_FALSE(testing::Test::HasFailure());
    }
  }
  // Where nothing is left to sum over there is no sum of products.
  EXPECT_GE(plansOfWide, 2 * wide);
  printf("  measured: %u correlations, %u plans, all exact\n", cases, plans);
}

TEST(LibraryTest, WholeNumbersAreExact) { expectExact(softwareCudnn(), caseCount(20, 100)); }

// A plan is for three samples; what the first run left of two of them is there in the second.
TEST(LibraryTest, SamplesOfAnEarlierBatchDoNotCount) {
  constexpr int64_t kBatch = 3;
  Window window{.extent = 6, .taps = 3, .stride = 1, .dilation = 1, .pad = 1};
  Case small{.channelsX = 2, .channelsY = 3, .groups = 1, .rows = window, .columns = window};
  Compiled compiled(small.text(), {.batch = kBatch, .card = "sm_90", .library = softwareCudnn()});
  ASSERT_TRUE(compiled.ok);
  auto device = compiled.openDevice(1);
  ASSERT_TRUE(device);
  auto executor = device->load(compiled.program);
  ASSERT_TRUE(executor.ok()) << runtime::format(executor.error());
  for (int64_t n : {kBatch, int64_t(1)}) {
    Tensors arguments = compiled.wholeNumbers(n, 4, 1);
    for (unsigned i = 0; i < arguments.size(); ++i)
      (*executor)->writeTensor(
          *compiled.argumentTensor(i), n,
          std::vector<float>(arguments[i].data.begin(), arguments[i].data.end()));
    (*executor)->compute(n);
    Tensors expected = compiled.expected(arguments, Precision::F64), found = expected;
    for (unsigned i = 0; i < found.size(); ++i) {
      std::vector<float> values = (*executor)->readTensor(*compiled.resultTensor(i), n);
      found[i].data.assign(values.begin(), values.end());
    }
    expectEqual(found, expected);
  }
}

bool haveCudnn() { return cudnn::Cudnn::load("").ok(); }

// The texts of NVIDIA's plans say what is computed; the software device computes just that.
TEST(LibraryTest, PlansOfCudnnAreExact) {
  if (!haveCudnn())
    GTEST_SKIP() << "no cuDNN";
  expectExact("", caseCount(20, 100));
}

/// The sums of a net's training step that were offered to the library: by product how many it
/// takes, and a line each.
struct Offers {
  std::map<std::string, unsigned> taken;
  unsigned refused = 0;
  int64_t largestWorkspace = 0;
  std::set<int64_t> engines;
};

Offers offersOf(const std::string &file, LibraryPlanner &planner, bool list) {
  mlir::DialectRegistry registry;
  registerKernelDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  dsl::SourceManager sources;
  dsl::Diagnostics diagnostics;
  auto net = dsl::elaborateFile(file, {}, context, sources, diagnostics);
  EXPECT_FALSE(diagnostics.hasErrors()) << diagnostics.str();
  Offers offers;
  auto train = net.module->lookupSymbol<mlir::func::FuncOp>("train");
  for (auto other : llvm::make_early_inc_range(net.module->getOps<mlir::func::FuncOp>()))
    if (other != train)
      other.erase();
  mlir::PassManager passes(&context, mlir::ModuleOp::getOperationName());
  PipelineOptions options;
  options.gpu = true;
  options.library = &planner;
  std::string error;
  EXPECT_TRUE(buildPipeline(*net.module, passes, Phase::Fused, options, error)) << error;
  EXPECT_TRUE(succeeded(passes.run(*net.module)));
  auto report = train->getAttrOfType<mlir::ArrayAttr>(names::kLibraryReport);
  for (auto offer : report.getAsRange<mlir::DictionaryAttr>()) {
    llvm::StringRef what = offer.getAs<mlir::StringAttr>("what").getValue();
    auto engine = offer.getAs<mlir::IntegerAttr>("engine");
    auto workspace = offer.getAs<mlir::IntegerAttr>("workspace");
    if (!engine) {
      ++offers.refused;
      continue;
    }
    ++offers.taken[what.split(' ').first.str()];
    offers.engines.insert(engine.getInt());
    offers.largestWorkspace = std::max(offers.largestWorkspace, workspace.getInt());
    if (list)
      printf("    %s: engine %lld, workspace %lld bytes\n", what.str().c_str(),
             (long long)engine.getInt(), (long long)workspace.getInt());
  }
  return offers;
}

// All 53 convolutions, at 224 x 224 with the batch of the example; images have no gradient.
void expectAllOfResNet50(const std::string &library, bool list) {
  auto planner = LibraryPlanner::create(library, *cudaTargetNamed("sm_90"));
  ASSERT_TRUE(planner.ok()) << runtime::format(planner.error());
  Offers offers = offersOf(GNC_SOURCE_DIR "/examples/resnet50.net", **planner, list);
  EXPECT_EQ(offers.taken["forward"], 53u);
  EXPECT_EQ(offers.taken["weights"], 53u);
  EXPECT_EQ(offers.taken["data"], 52u);
  EXPECT_EQ(offers.refused, 3u); // the linear layer and its gradients
  printf(
      "  measured: ResNet-50 on sm_90: plans for %u forward, %u data and %u weight products, %zu "
      "engines, workspaces up to %.0f MiB\n",
      offers.taken["forward"], offers.taken["data"], offers.taken["weights"], offers.engines.size(),
      double(offers.largestWorkspace) / (1 << 20));
}

TEST(LibraryTest, ResNet50ByTheSoftwareDevice) { expectAllOfResNet50(softwareCudnn(), false); }

TEST(LibraryTest, ResNet50ByCudnn) {
  if (!haveCudnn())
    GTEST_SKIP() << "no cuDNN";
  expectAllOfResNet50("", fullScale());
}

} // namespace
