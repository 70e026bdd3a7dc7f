#include "Compiled.h"

#include "codegen/Assemble.h"
#include "codegen/GpuLower.h"
#include "codegen/Jit.h"
#include "codegen/JitLower.h"
#include "passes/Passes.h"
#include "runtime/CodeLoader.h"
#include "runtime/cuda/CudaDevice.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>

using namespace mlir;

namespace gnc::test {

Compiled::Compiled(const std::string &text, const Plan &plan) {
  compile([&](MLIRContext &context) { return parseSourceString<ModuleOp>(text, &context); }, plan);
}

Compiled::Compiled(const Source &source, const Plan &plan) { compile(source, plan); }

void Compiled::compile(const Source &source, const Plan &plan) {
  DialectRegistry registry;
  registerKernelDialects(registry);
  registerGpuDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  context.disableMultithreading();
  module = source(context);
  if (!module)
    return;
  nameEverything();
  original = OwningOpRef<ModuleOp>(module->clone());
  bool half = !plan.storedAs.empty();
  if (!half ? !lower(Phase::Train, plan, {})
            : !lower(Phase::Fused, plan, plan.disabled) || !storeHalf(plan.storedAs))
    return;
  reference = OwningOpRef<ModuleOp>(module->clone());
  if (half)
    ok = finish(plan);
  else
    compileAgain(plan);
}

void Compiled::compileAgain(const Plan &plan) {
  module = OwningOpRef<ModuleOp>(original->clone());
  if (plan.fault)
    plan.fault(*module);
  ok = finish(plan);
}

/// The rest of the way, to machine code.
bool Compiled::finish(const Plan &plan) {
  if (!lower(Phase::Buffers, plan, plan.disabled))
    return false;
  KernelTable table(*module);
  keys.clear();
  for (auto &entry : table.entries())
    keys.push_back(entry.key);
  auto assembled = assembleProgram(module->lookupSymbol<func::FuncOp>(name), table);
  auto declared = assembleRecipe(*module);
  if (failed(assembled) || failed(declared))
    return false;
  runtime::CompiledNet net;
  net.train = std::move(*assembled);
  if (!addCode(plan, table, net))
    return false;
  program = std::move(net.train);
  native = std::move(net.native);
  recipe = std::move(*declared);
  return true;
}

bool Compiled::addCode(const Plan &plan, const KernelTable &table, runtime::CompiledNet &net) {
  if (!plan.card.empty()) {
    auto ptx = compileGpuKernels(
        *module, table,
        {.target = cudaTargetNamed(plan.card), .codegen = plan.codegen, .verifyEach = true});
    if (!ptx.ok()) {
      ADD_FAILURE() << runtime::format(ptx.error());
      return false;
    }
    net.train.target = runtime::Target::Cuda;
    net.train.module = std::move(*ptx);
    return true;
  }
  auto code = compileKernels(*module, table, {plan.optLevel, /*verifyEach=*/true, plan.cpuLevel});
  if (failed(code))
    return false;
  net.native = std::make_shared<const runtime::NativeCode>(std::move(*code));
  runtime::Status status = runtime::loadCode(net);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return status.ok();
}

std::unique_ptr<runtime::Device> openEmulator() {
  setenv("GNC_EMULATOR_CHECK", "1", 0);
  setenv("GNC_EMULATOR_CARD", "sm_90", 0);
  auto driver = cuda::Driver::load(GNC_EMULATOR_LIBRARY);
  if (!driver.ok()) {
    ADD_FAILURE() << runtime::format(driver.error());
    return nullptr;
  }
  auto device = cuda::CudaDevice::create(*driver, {.stepwise = true});
  if (device.ok())
    return std::move(*device);
  ADD_FAILURE() << runtime::format(device.error());
  return nullptr;
}

std::string softwareCudnn() { return GNC_EMULATOR_LIBRARY; }

bool haveToolkit() {
  return findInToolkit("nvvm/libdevice/libdevice.10.bc") && findInToolkit("include/nvrtc.h");
}

void OnACard::SetUp() {
  if (GetParam() == GpuCodegen::Nvrtc && !haveToolkit())
    GTEST_SKIP() << "no CUDA toolkit";
}

/// The function is "train", unless it is the deployed program; whatever the host sees has a path.
void Compiled::nameEverything() {
  auto function = module->lookupSymbol<func::FuncOp>("train");
  if (!function) {
    function = *module->getOps<func::FuncOp>().begin();
    if (function.getName() == "infer")
      name = "infer";
    function.setName(name);
  }
  for (auto other : llvm::make_early_inc_range(module->getOps<func::FuncOp>()))
    if (other != function)
      other.erase();
  auto text = [&](const std::string &value) { return StringAttr::get(&context, value); };
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    if (!function.getArgAttr(i, names::kRole))
      function.setArgAttr(i, names::kRole, text("input"));
    if (!function.getArgAttr(i, names::kPath))
      function.setArgAttr(i, names::kPath, text("a" + std::to_string(i)));
  }
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (!function.getResultAttr(i, names::kPath) && !function.getResultAttr(i, names::kUpdates))
      function.setResultAttr(i, names::kPath, text("r" + std::to_string(i)));
}

bool Compiled::storeHalf(const std::string &type) {
  PassManager passes(&context, ModuleOp::getOperationName());
  StoreHalfOptions options;
  options.type = type;
  options.fewElements = 1;
  passes.addNestedPass<func::FuncOp>(createStoreHalf(options));
  return succeeded(passes.run(*module));
}

bool Compiled::lower(Phase last, const Plan &plan, const std::vector<std::string> &disabled) {
  PassManager passes(&context, ModuleOp::getOperationName());
  passes.enableVerifier(true);
  PipelineOptions options;
  options.batch = plan.batch;
  options.cpuLevel = plan.cpuLevel;
  options.vectorBits = plan.vectorBits;
  options.verifyEach = true;
  options.disabled = disabled;
  options.gpu = !plan.card.empty();
  if (plan.library && last > Phase::Train) {
    auto opened = LibraryPlanner::create(*plan.library, *cudaTargetNamed(plan.card));
    if (!opened.ok()) {
      ADD_FAILURE() << runtime::format(opened.error());
      return false;
    }
    library = std::move(*opened);
    options.library = library.get();
  }
  std::string error;
  if (!buildPipeline(*module, passes, last, options, error)) {
    ADD_FAILURE() << error;
    return false;
  }
  return succeeded(passes.run(*module));
}

func::FuncOp Compiled::function() { return reference->lookupSymbol<func::FuncOp>(name); }

std::optional<unsigned> Compiled::updateOf(unsigned argument) {
  for (unsigned i = 0; i < function().getNumResults(); ++i)
    if (auto updates = function().getResultAttrOfType<IntegerAttr>(i, names::kUpdates))
      if (updates.getInt() == argument)
        return i;
  return std::nullopt;
}

//===- Data -----------------------------------------------------------------------------------===//

Tensors Compiled::arguments(int64_t n, const std::function<double(bool)> &draw) {
  Tensors values;
  for (Type type : function().getArgumentTypes()) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape;
    for (int64_t extent : tensor.getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? n : extent);
    TensorValue value(shape);
    for (double &element : value.data)
      element = tensor.getElementType().isInteger(1) ? draw(false) != 0
                                                     : draw(tensor.getElementType().isF32());
    values.push_back(std::move(value));
  }
  return values;
}

Tensors Compiled::wholeNumbers(int64_t n, int range, uint64_t seed) {
  std::mt19937_64 random(seed);
  return arguments(n, [&](bool isFloat) {
    int low = isFloat ? -range : 0;
    return static_cast<double>(low + static_cast<int64_t>(random() % (range - low + 1)));
  });
}

Tensors Compiled::realNumbers(int64_t n, int classes, uint64_t seed) {
  std::mt19937_64 random(seed);
  return arguments(n, [&](bool isFloat) {
    return isFloat ? static_cast<double>(
                         static_cast<float>(static_cast<double>(random() % 4000000) / 1e6 - 2))
                   : static_cast<double>(random() % classes);
  });
}

//===- Running --------------------------------------------------------------------------------===//

const runtime::Tensor *Compiled::find(DictionaryAttr attributes, bool result) {
  std::string name = attributes.getAs<StringAttr>(names::kPath).getValue().str();
  for (const runtime::Tensor &tensor : program.tensors)
    if (tensor.name == name && (tensor.role == runtime::Role::Result) == result)
      return &tensor;
  ADD_FAILURE() << "no tensor " << name;
  return nullptr;
}

const runtime::Tensor *Compiled::argumentTensor(unsigned i) {
  return find(mlir::function_interface_impl::getArgAttrDict(function(), i), false);
}

const runtime::Tensor *Compiled::resultTensor(unsigned i) {
  if (auto updates = function().getResultAttrOfType<IntegerAttr>(i, names::kUpdates))
    return argumentTensor(updates.getInt());
  return find(mlir::function_interface_impl::getResultAttrDict(function(), i), true);
}

Tensors Compiled::expected(const Tensors &arguments, Precision precision) {
  auto values = evaluate(function(), arguments, precision);
  EXPECT_TRUE(succeeded(values));
  return succeeded(values) ? *values : Tensors();
}

std::unique_ptr<runtime::Device> Compiled::openDevice(unsigned threads) {
  if (program.target == runtime::Target::Cuda)
    return openEmulator();
  auto host = runtime::HostDevice::create(int(threads));
  if (host.ok())
    return std::move(*host);
  ADD_FAILURE() << runtime::format(host.error());
  return nullptr;
}

Tensors Compiled::run(const Tensors &arguments, int64_t n, unsigned threads) {
  std::unique_ptr<runtime::Device> device = openDevice(threads);
  Tensors results;
  if (!device)
    return results;
  auto executor = device->load(program);
  if (!executor.ok()) {
    ADD_FAILURE() << runtime::format(executor.error());
    return results;
  }
  auto &engine = **executor;
  for (unsigned i = 0; i < arguments.size(); ++i) {
    const std::vector<double> &data = arguments[i].data;
    if (argumentTensor(i)->role == runtime::Role::Stream) {
      auto word = [&](size_t at) { return static_cast<uint32_t>(static_cast<int64_t>(data[at])); };
      engine.setStream(uint64_t(word(1)) << 32 | word(0), word(2), word(3));
      continue;
    }
    engine.writeTensor(*argumentTensor(i), n, std::vector<float>(data.begin(), data.end()));
  }
  // What the host reads is there before anything is committed, and the commit leaves it alone.
  auto read = [&](bool updates) {
    results.resize(function().getNumResults());
    for (unsigned i = 0; i < results.size(); ++i)
      if (static_cast<bool>(function().getResultAttr(i, names::kUpdates)) == updates) {
        std::vector<float> values = engine.readTensor(*resultTensor(i), n);
        results[i].data.assign(values.begin(), values.end());
      }
  };
  engine.compute(n);
  if (program.target == runtime::Target::Cpu) // once more: memory holds what was left there, as in
                                              // every step but the first
    engine.compute(n);
  read(false);
  engine.commit(n);
  read(true);
  Tensors committed = results;
  read(false);
  expectEqual(results, committed);
  runtime::Status status = engine.finish();
  EXPECT_TRUE(status.ok()) << runtime::format(status.error());
  return results;
}

//===- Comparing ------------------------------------------------------------------------------===//

static bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void expectEqual(const Tensors &actual, const Tensors &expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t r = 0; r < actual.size(); ++r) {
    ASSERT_EQ(actual[r].size(), expected[r].size());
    for (int64_t i = 0; i < actual[r].size(); ++i)
      ASSERT_TRUE(same(actual[r].data[i], expected[r].data[i]))
          << "result " << r << ", element " << i << ": " << actual[r].data[i] << ", not "
          << expected[r].data[i];
  }
}

void expectClose(const Tensors &actual, const Tensors &expected,
                 const std::function<double(double)> &bound) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t r = 0; r < actual.size(); ++r) {
    ASSERT_EQ(actual[r].size(), expected[r].size());
    for (int64_t i = 0; i < actual[r].size(); ++i) {
      double want = expected[r].data[i];
      ASSERT_LE(std::fabs(actual[r].data[i] - want), bound(expected[r].magnitude[i]))
          << "result " << r << ", element " << i << ": " << actual[r].data[i] << ", not " << want;
    }
  }
}

void expectSameBits(const std::string &text, const Plan &plan, int64_t n, uint64_t seed,
                    const std::function<Tensors(Compiled &)> &draw) {
  SCOPED_TRACE(text);
  Compiled compiled(text, plan);
  ASSERT_TRUE(compiled.ok);
  Tensors arguments = draw ? draw(compiled) : compiled.realNumbers(n, 2, seed);
  Tensors expected = compiled.expected(arguments, Precision::F32);
  expectEqual(compiled.run(arguments, n, 1), expected);
  if (!testing::Test::HasFatalFailure())
    expectEqual(compiled.run(arguments, n, 3), expected);
}

} // namespace gnc::test
