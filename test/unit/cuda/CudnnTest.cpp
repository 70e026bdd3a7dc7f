// The software device's cuDNN: what it computes, and that it finds every mistake in what it is
// given, in words; and how a program fails whose plans it refuses.
#include "Emulator.h"
#include "LineNet.h"

#include "runtime/Executor.h"
#include "runtime/cuda/Cudnn.h"
#include "runtime/cuda/Resources.h"

#include <gtest/gtest.h>

using namespace gnc::cuda;
using namespace gnc::cuda::test;
using namespace gnc::cudnn;
using gnc::cudnn::Status;
using gnc::cudnn::Type;

namespace {

using Numbers = std::vector<int64_t>;

const char *const device =
    R"({"deviceName": "test", "maxBlockSize": [1024, 1024, 64], "maxGridSize": [1, 1, 1],
        "cudaDeviceId": 0, "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1,
        "deviceVer": 900, "driverVer": 13000, "maxThreadsPerBlock": 1024, "totalGlobalMem": 1,
        "multiProcessorCount": 1, "l2CacheSize": 1, "maxSharedMemoryPerBlock": 1,
        "maxSharedMemoryPerBlockOptin": 1, "reservedSharedMemoryPerBlock": 1, "regsPerBlock": 1,
        "memClockRateKHz": 1, "smClockRateKHz": 1, "maxCtasPerSM": 1, "maxThreadsPerSM": 1,
        "maxRegistersPerSM": 1, "warpSize": 32})";

/// A card with a handle and a stream, and the descriptors of a graph: two samples of 1 x 3 x 3, one
/// window of 2 x 2.
class CudnnTest : public testing::Test {
protected:
  CudnnTest()
      : emulator({{"CARD", "sm_90"}}), card(emulator.device()), driver(card->driver()),
        library(*Cudnn::load(emulator.path())) {
    EXPECT_EQ(card->enter(), Code::Success);
    Stream made = nullptr;
    EXPECT_EQ(driver.streamCreate(&made, streamNonBlocking), Code::Success);
    stream = OwnedStream(driver, made);
    EXPECT_EQ(library.create(&handle), Status::Success);
    EXPECT_EQ(library.setStream(handle, reinterpret_cast<CudaStream>(made)), Status::Success);
  }
  ~CudnnTest() override { library.destroy(handle); }

  OwnedDescriptor tensor(int64_t id, const Numbers &dims, int64_t alignment = 4) {
    OwnedDescriptor made(library, Kind::Tensor);
    Numbers strides{dims[1] * dims[2] * dims[3], 1, dims[3] * dims[1], dims[1]};
    made.set(Name::TensorType, Type::DataType, DataType::Float);
    made.set(Name::TensorDimensions, Type::Int64, std::span<const int64_t>(dims));
    made.set(Name::TensorStrides, Type::Int64, std::span<const int64_t>(strides));
    made.set(Name::TensorId, Type::Int64, id);
    made.set(Name::TensorAlignment, Type::Int64, alignment);
    made.finalize();
    return made;
  }
  OwnedDescriptor window(Numbers stride = {1, 1}, Numbers dilation = {1, 1}) {
    OwnedDescriptor made(library, Kind::Convolution);
    Numbers none{0, 0};
    made.set(Name::ConvolutionSpatialDims, Type::Int64, int64_t(2));
    made.set(Name::ConvolutionType, Type::DataType, DataType::Float);
    made.set(Name::ConvolutionMode, Type::ConvolutionMode, ConvolutionMode::Correlation);
    made.set(Name::ConvolutionPrePaddings, Type::Int64, std::span<const int64_t>(none));
    made.set(Name::ConvolutionPostPaddings, Type::Int64, std::span<const int64_t>(none));
    made.set(Name::ConvolutionStrides, Type::Int64, std::span<const int64_t>(stride));
    made.set(Name::ConvolutionDilations, Type::Int64, std::span<const int64_t>(dilation));
    made.finalize();
    return made;
  }
  /// The graph of the weight gradient (1 = x, 3 = y, 2 = the result).
  OwnedDescriptor graph(const Numbers &y = {2, 1, 2, 2}, Numbers stride = {1, 1},
                        Numbers dilation = {1, 1}) {
    OwnedDescriptor a = tensor(1, {2, 1, 3, 3}), b = tensor(2, {1, 1, 2, 2}), c = tensor(3, y),
                    windows = window(std::move(stride), std::move(dilation)),
                    operation(library, Kind::BackwardFilter);
    operation.set(Name::BackwardFilterX, a);
    operation.set(Name::BackwardFilterDw, b);
    operation.set(Name::BackwardFilterDy, c);
    operation.set(Name::BackwardFilterConvolution, windows);
    operation.set(Name::BackwardFilterAlpha, Type::Float, 1.0f);
    operation.set(Name::BackwardFilterBeta, Type::Float, 0.0f);
    EXPECT_TRUE(operation.finalize()) << said();
    OwnedDescriptor made(library, Kind::OperationGraph);
    made.set(Name::GraphOperations, operation);
    made.finalize();
    return made;
  }
  /// How many configurations there are; the last one becomes a plan's text.
  size_t configs(OwnedDescriptor &operations, std::string *text = nullptr) {
    OwnedDescriptor properties(library, Kind::DeviceProperties),
        heuristics(library, Kind::EngineHeuristics);
    properties.setText(Name::DeviceJson, device);
    EXPECT_TRUE(properties.finalize()) << said();
    heuristics.set(Name::HeuristicsGraph, operations);
    heuristics.set(Name::HeuristicsMode, Type::HeuristicsMode, HeuristicsMode::A);
    heuristics.set(Name::HeuristicsDevice, properties);
    EXPECT_TRUE(heuristics.finalize()) << said();
    std::vector<OwnedDescriptor> found;
    std::vector<Descriptor> handles;
    int64_t count =
        heuristics.get(Name::HeuristicsResults, Type::Descriptor, std::span<Descriptor>());
    for (int64_t i = 0; i < count; ++i)
      handles.push_back(found.emplace_back(library, Kind::EngineConfig).get());
    heuristics.get(Name::HeuristicsResults, Type::Descriptor, std::span(handles));
    if (text) {
      OwnedDescriptor plan(library, Kind::ExecutionPlan);
      plan.set(Name::PlanEngineConfig, found.back());
      plan.set(Name::PlanDevice, properties);
      EXPECT_TRUE(plan.finalize()) << said();
      text->resize(size_t(plan.get(Name::PlanJson, Type::Char, std::span<char>())));
      plan.get(Name::PlanJson, Type::Char, std::span(*text));
      text->pop_back(); // the NUL
    }
    return handles.size();
  }
  OwnedDescriptor planOf(const std::string &text) {
    OwnedDescriptor plan(library, Kind::ExecutionPlan);
    plan.set(Name::PlanHandle, Type::Handle, handle);
    plan.setText(Name::PlanJson, text);
    plan.finalize();
    return plan;
  }
  /// The weight gradient's plan, made ready as a program does.
  OwnedDescriptor plan() {
    OwnedDescriptor operations = graph();
    std::string text;
    configs(operations, &text);
    return planOf(text);
  }
  OwnedDescriptor pack(const Numbers &ids, const std::vector<DevicePointer> &pointers,
                       DevicePointer workspace) {
    OwnedDescriptor made(library, Kind::VariantPack);
    made.set(Name::VariantIds, Type::Int64, std::span<const int64_t>(ids));
    made.set(Name::VariantPointers, Type::Pointer, std::span<const DevicePointer>(pointers));
    made.set(Name::VariantWorkspace, Type::Pointer, workspace);
    made.finalize();
    return made;
  }
  DevicePointer allocate(uint64_t bytes) {
    DevicePointer pointer = 0;
    EXPECT_EQ(driver.memAlloc(&pointer, bytes), Code::Success);
    blocks.emplace_back(driver, pointer);
    return pointer;
  }
  /// What the library says about running it; "" if nothing is wrong.
  std::string run(const Numbers &ids, const std::vector<DevicePointer> &pointers,
                  DevicePointer workspace) {
    OwnedDescriptor ready = plan(), tensors = pack(ids, pointers, workspace);
    EXPECT_TRUE(ready.good()) << said();
    if (!tensors.good())
      return said();
    return library.execute(handle, ready.get(), tensors.get()) == Status::Success ? "" : said();
  }
  std::string said() const {
    char text[256];
    library.getLastErrorString(text, sizeof text);
    return text;
  }

  Emulator emulator;
  std::unique_ptr<CudaDevice> card;
  const Driver &driver;
  Cudnn library;
  OwnedStream stream;
  gnc::cudnn::Handle handle = nullptr;
  std::vector<DeviceMemory> blocks;
};

constexpr uint64_t xBytes = 18 * 4, wBytes = 4 * 4, yBytes = 8 * 4, workspaceBytes = 256;

TEST_F(CudnnTest, ComputesAPlanInTheStream) {
  DevicePointer x = allocate(xBytes), w = allocate(wBytes), y = allocate(yBytes),
                workspace = allocate(workspaceBytes);
  std::vector<float> xs(18), ys(8), found(4), expected(4);
  for (size_t i = 0; i < xs.size(); ++i)
    xs[i] = float(i % 5) - 2;
  for (size_t i = 0; i < ys.size(); ++i)
    ys[i] = float(i % 3);
  for (size_t n = 0; n < 2; ++n)
    for (size_t i = 0; i < 4; ++i)
      for (size_t t = 0; t < 4; ++t)
        expected[t] += xs[9 * n + (i / 2 + t / 2) * 3 + i % 2 + t % 2] * ys[4 * n + i];
  EXPECT_EQ(driver.memcpyHtoDAsync(x, xs.data(), xBytes, stream.get()), Code::Success);
  EXPECT_EQ(driver.memcpyHtoDAsync(y, ys.data(), yBytes, stream.get()), Code::Success);
  EXPECT_EQ(run({1, 3, 2}, {x, y, w}, workspace), "");
  EXPECT_EQ(driver.memcpyDtoHAsync(found.data(), w, wBytes, stream.get()), Code::Success);
  EXPECT_EQ(driver.streamSynchronize(stream.get()), Code::Success);
  EXPECT_EQ(found, expected);
}

TEST_F(CudnnTest, WrongMemoryIsReported) {
  DevicePointer x = allocate(xBytes), w = allocate(wBytes), y = allocate(yBytes),
                workspace = allocate(workspaceBytes), small = allocate(yBytes - 4);
  EXPECT_EQ(run({1, 3, 2}, {x, small, w}, workspace),
            "tensor 3 needs 32 bytes, which are not in one block of device memory");
  EXPECT_EQ(run({1, 3, 2}, {x, y, 4096}, workspace),
            "tensor 2 needs 16 bytes, which are not in one block of device memory");
  EXPECT_EQ(run({1, 3, 2}, {x, y + 4, w}, workspace),
            "tensor 3 needs 32 bytes, which are not in one block of device memory");
  EXPECT_EQ(run({1, 3, 2}, {x, y + 2, w}, workspace),
            "the pointer of tensor 3 is not aligned as the tensor says");
  EXPECT_EQ(run({1, 3, 2}, {x, y, w}, small),
            "the workspace needs 60 bytes, which are not in one block of device memory");
  EXPECT_EQ(run({1, 3, 2}, {x, y, w}, workspace + 8), "the workspace is not aligned");
  EXPECT_EQ(run({1, 3, 2}, {x, y, x + 16}, workspace), "tensor 2 and tensor 1 overlap");
  EXPECT_EQ(run({1, 3, 2}, {workspace + 128, y, w}, workspace + 112),
            "the workspace and tensor 1 overlap");
}

TEST_F(CudnnTest, WrongNamesAreReported) {
  DevicePointer x = allocate(xBytes), w = allocate(wBytes), y = allocate(yBytes),
                workspace = allocate(workspaceBytes);
  EXPECT_EQ(run({1, 2}, {x, w}, workspace), "the variant pack lacks tensor 3");
  EXPECT_EQ(run({1, 3, 2, 9}, {x, y, w, w}, workspace), "the plan has no tensor 9");
  EXPECT_EQ(run({1, 3, 3}, {x, y, w}, workspace), "the variant pack has two tensors 3");
  EXPECT_EQ(run({1, 3, 2}, {x, y}, workspace), "a variant pack has as many pointers as ids");
  EXPECT_EQ(run({1, 3, 2}, {x, 0, w}, workspace), "the pointer of tensor 3 is null");
}

TEST_F(CudnnTest, TheWrongOrderIsReported) {
  OwnedDescriptor ready = plan(), empty(library, Kind::VariantPack),
                  open(library, Kind::ExecutionPlan);
  EXPECT_EQ(library.execute(handle, ready.get(), empty.get()), Status::NotFinalized);
  EXPECT_EQ(said(), "execute gets a descriptor that is not finalized");
  EXPECT_EQ(library.execute(handle, empty.get(), ready.get()), Status::WrongDescriptorType);
  EXPECT_EQ(said(), "execute takes a plan and a variant pack");
  EXPECT_EQ(library.finalize(ready.get()), Status::BadParameter);
  EXPECT_EQ(said(), "a descriptor is finalized twice");
  EXPECT_EQ(library.finalize(open.get()), Status::BadParameter);
  EXPECT_EQ(said(), "a plan has a text, or an engine and a device");
  int64_t id = 7;
  OwnedDescriptor done = tensor(1, {1, 1, 1, 1});
  EXPECT_EQ(library.setAttribute(done.get(), Name::TensorId, Type::Int64, 1, &id),
            Status::BadParameter);
  EXPECT_EQ(said(), "attribute 906 of descriptor type 17 is set after finalize");
  OwnedDescriptor raw(library, Kind::Tensor), operation(library, Kind::Forward);
  operation.set(Name::ForwardX, raw);
  EXPECT_EQ(operation.status(), Status::NotFinalized);
  EXPECT_EQ(said(), "attribute 704 of descriptor type 10 gets a descriptor that is not finalized");
  gnc::cudnn::Handle other = nullptr;
  EXPECT_EQ(library.create(&other), Status::Success);
  DevicePointer all = allocate(1024);
  OwnedDescriptor tensors = pack({1, 3, 2}, {all, all + 256, all + 512}, all + 768);
  EXPECT_EQ(library.execute(other, ready.get(), tensors.get()), Status::BadParameter);
  EXPECT_EQ(said(), "the plan was not made with this handle");
  EXPECT_EQ(library.destroy(other), Status::Success);
  EXPECT_EQ(library.execute(other, ready.get(), tensors.get()), Status::BadParameter);
  EXPECT_EQ(said(), "execute gets no handle");
}

TEST_F(CudnnTest, WrongAttributesAreReported) {
  auto mistake = [&](Kind kind, Name name, Type type, const Numbers &values) {
    OwnedDescriptor descriptor(library, kind);
    descriptor.set(name, type, std::span<const int64_t>(values));
    EXPECT_FALSE(descriptor.good());
    return said();
  };
  EXPECT_EQ(mistake(Kind::Tensor, Name::TensorId, Type::Boolean, {1}),
            "attribute 906 of descriptor type 17 has another type");
  EXPECT_EQ(mistake(Kind::Tensor, Name::TensorDimensions, Type::Int64, {1, 2, 3}),
            "attribute 902 of descriptor type 17 gets elements: 3");
  EXPECT_EQ(mistake(Kind::Tensor, Name::PlanWorkspace, Type::Int64, {1}),
            "there is no attribute 402 of descriptor type 17");
  EXPECT_EQ(mistake(Kind::Forward, Name::ForwardX, Type::Descriptor, {1}),
            "attribute 704 of descriptor type 10 gets another descriptor");
  EXPECT_EQ(mistake(Kind::ExecutionPlan, Name::PlanHandle, Type::Handle, {1}),
            "attribute 400 of descriptor type 5 gets no handle");
  OwnedDescriptor half(library, Kind::Tensor);
  EXPECT_FALSE(half.finalize());
  EXPECT_EQ(said(), "descriptor type 17 lacks attribute 901");
  OwnedDescriptor properties(library, Kind::DeviceProperties);
  properties.setText(Name::DeviceJson, R"({"cudaDeviceId": 0})");
  EXPECT_FALSE(properties.finalize());
  EXPECT_EQ(said(), "the device has no property pciDeviceId");
  EXPECT_EQ(library.setStream(handle, reinterpret_cast<CudaStream>(&half)), Status::BadParameter);
  EXPECT_EQ(said(), "setStream gets no stream of the current context");
}

TEST_F(CudnnTest, ShapesThatDoNotFitAreReported) {
  EXPECT_FALSE(graph({2, 1, 3, 2}).good());
  EXPECT_EQ(said(), "y has 3 windows where the others make 2");
  EXPECT_FALSE(graph({1, 1, 2, 2}).good());
  EXPECT_EQ(said(), "the channels or samples of x, w and y do not fit together");
}

// Where there is no engine the compiler keeps its own kernels.
TEST_F(CudnnTest, HasNoEngineForWideStepsOverGaps) {
  OwnedDescriptor dense = graph(), wide = graph({2, 1, 1, 1}, {2, 2}, {2, 2});
  EXPECT_EQ(configs(dense), 3u);
  EXPECT_EQ(configs(wide), 0u);
}

TEST_F(CudnnTest, PlansAreForACardAndComplete) {
  OwnedDescriptor operations = graph();
  std::string text;
  configs(operations, &text);
  EXPECT_TRUE(planOf(text).good()) << said();
  std::string other = text;
  other.replace(other.find("900"), 3, "800");
  EXPECT_EQ(planOf(other).status(), Status::ArchitectureMismatch);
  EXPECT_EQ(said(), "the plan is for architecture 800, the card has 900");
  EXPECT_FALSE(planOf("{}").good());
  EXPECT_EQ(said(), "the text is no plan");
  EXPECT_FALSE(planOf(text.substr(0, text.size() / 2)).good());
  EXPECT_EQ(said(), "the text is no plan");
}

//===- Programs -------------------------------------------------------------------------------===//

/// The second launch of the line net becomes a plan of one tensor.
gnc::runtime::Program programWithPlan(const std::string &text) {
  gnc::runtime::Program program = lineNet(gnc::runtime::Target::Cuda).train;
  program.plans.push_back({"plan", text, {1}, 0});
  gnc::runtime::Launch &launch = program.launches[1];
  launch.kernel = 0, launch.library = true;
  launch.arguments.resize(1);
  return program;
}

/// What three steps say, the last two of which are a graph; the plan's tensors lie behind all else.
std::string statusOf(const std::string &text, const Emulator::Variables &variables) {
  Emulator emulator(variables);
  gnc::runtime::Program program = programWithPlan(text);
  uint64_t end = program.arenaBytes;
  program.arenaBytes += 1024;
  program.plans[0].ids = {1, 3, 2};
  program.plans[0].workspaceBytes = workspaceBytes;
  program.launches[1].arguments = {end, end + 256, end + 512, end + 768};
  auto device = emulator.device();
  auto executor = device->load(program);
  EXPECT_TRUE(executor.ok()) << gnc::runtime::format(executor.error());
  for (int step = 0; executor.ok() && step < 3; ++step)
    (*executor)->compute(1);
  gnc::runtime::Status status = (*executor)->finish();
  return status.ok() ? "" : gnc::runtime::format(status.error());
}

TEST_F(CudnnTest, AFailureInAStepNamesItsLayerAndLine) {
  OwnedDescriptor operations = graph();
  std::string text;
  configs(operations, &text);
  EXPECT_EQ(statusOf(text, {{"CARD", "sm_90"}}), "");
  EXPECT_EQ(statusOf(text, {{"CARD", "sm_90"}, {"FAULT", "cudnnBackendExecute=719"}}),
            "line.net:5:3: error: cuDNN fails in 'Line.loss: backward': "
            "CUDNN_STATUS_EXECUTION_FAILED: the driver says 719 [card-failed]\n");
}

// A plan is of the version that made it: another one may want more room than there is.
TEST_F(CudnnTest, APlanThatWantsMoreRoomIsOfAnotherVersion) {
  OwnedDescriptor operations = graph();
  std::string text;
  configs(operations, &text);
  Emulator other({{"CARD", "sm_90"}});
  auto executor = other.device()->load(programWithPlan(text));
  ASSERT_FALSE(executor.ok());
  EXPECT_EQ(gnc::runtime::format(executor.error()),
            "line.net:5:3: error: the plan for 'Line.loss: backward' needs a workspace of 60 bytes "
            "here, and was compiled with 0 [old-cudnn]\n"
            "help: compile it with the cuDNN that it runs with, or without --library=cudnn\n");
}

TEST(CudnnProgram, ARefusedPlanNamesItsLayerAndLine) {
  Emulator emulator;
  auto executor = emulator.device()->load(programWithPlan("{}"));
  ASSERT_FALSE(executor.ok());
  EXPECT_EQ(gnc::runtime::format(executor.error()),
            "line.net:5:3: error: cuDNN refuses its plan for 'Line.loss: backward': "
            "CUDNN_STATUS_BAD_PARAM: the text is no plan [card-failed]\n");
}

TEST(CudnnProgram, WithoutTheLibraryItSaysWhatIsMissing) {
  Emulator emulator;
  auto card = CudaDevice::create(emulator.driver(), {.cudnn = "/none/libcudnn.so.9"});
  ASSERT_TRUE(card.ok());
  auto executor = (*card)->load(programWithPlan("{}"));
  ASSERT_FALSE(executor.ok());
  EXPECT_EQ(executor.error().code, gnc::runtime::ErrorCode::Environment);
  EXPECT_EQ(executor.error().slug, "no-cudnn");
  EXPECT_EQ(executor.error().message, "there is no cuDNN 9: looked for /none/libcudnn.so.9");
}

} // namespace
