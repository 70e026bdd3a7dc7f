// The software device as a program sees it that knows nothing of it: by the driver API.
#include "Emulator.h"
#include "Kernels.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace gnc::cuda;
using namespace gnc::cuda::test;

namespace {
/// A context with a stream, a module of the two kernels, and 64 floats on both sides.
struct Bench {
  explicit Bench(const Emulator::Variables &variables = {}) : emulator(variables) {
    EXPECT_EQ(api.devicePrimaryCtxRetain(&context, 0), Code::Success);
    EXPECT_EQ(api.ctxSetCurrent(context), Code::Success);
    EXPECT_EQ(api.streamCreate(&stream, streamNonBlocking), Code::Success);
    EXPECT_EQ(api.memAlloc(&x, 256), Code::Success);
    EXPECT_EQ(api.memAlloc(&y, 256), Code::Success);
    EXPECT_EQ(api.memAllocHost(&memory, 256), Code::Success);
    host = static_cast<float *>(memory);
    for (int i = 0; i < 64; ++i)
      host[i] = float(i);
    EXPECT_EQ(load(moduleHead() + scaleKernel() + sumKernel(), module), Code::Success) << log;
    EXPECT_EQ(api.moduleGetFunction(&scale, module, "scale"), Code::Success);
    EXPECT_EQ(api.moduleGetFunction(&sum, module, "sum"), Code::Success);
  }
  Code load(const std::string &ptx, Module &loaded) {
    JitOption options[] = {JitOption::ErrorLog, JitOption::ErrorLogBytes};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    return api.moduleLoadDataEx(&loaded, ptx.c_str(), 2, options, values);
  }
  Code launch(Function function, DevicePointer from, DevicePointer to, unsigned blocks,
              unsigned threads) {
    int n = 64;
    void *parameters[] = {&from, &to, &n};
    return api.launchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr);
  }
  Code up() { return api.memcpyHtoDAsync(x, host, 256, stream); }
  Code down() { return api.memcpyDtoHAsync(host, y, 256, stream); }
  Code wait() { return api.streamSynchronize(stream); }

  Emulator emulator;
  Driver api = emulator.driver();
  Context context = nullptr;
  Stream stream = nullptr;
  Module module = nullptr;
  Function scale = nullptr, sum = nullptr;
  DevicePointer x = 0, y = 0;
  void *memory = nullptr;
  float *host = nullptr;
  char log[1024] = "";
};
} // namespace

TEST(DriverApi, DevicesAreWhatTheEnvironmentSays) {
  Emulator emulator({{"CARD", "sm_90,sm_75"}, {"MEMORY", "64M"}, {"DRIVER", "12020"}});
  Driver api = emulator.driver();
  auto cards = listCards(api);
  ASSERT_TRUE(cards.ok());
  ASSERT_EQ(cards->size(), 2u);
  EXPECT_EQ((*cards)[0].name, "gnc emulator of H100 SXM");
  EXPECT_EQ((*cards)[0].capability, 90);
  EXPECT_EQ((*cards)[0].multiprocessors, 132);
  EXPECT_EQ((*cards)[1].target(), "sm_75");
  EXPECT_EQ((*cards)[1].memory, uint64_t(64) << 20);
  EXPECT_EQ(api.version, 12020);
  Device device = 0;
  EXPECT_EQ(api.deviceGet(&device, 2), Code::InvalidDevice);
  int value = 0;
  EXPECT_EQ(api.deviceGetAttribute(&value, Attribute(9999), 0), Code::InvalidValue);
}

TEST(DriverApi, AMistakeInTheEnvironmentIsTold) {
  Emulator emulator({{"CARD", "sm_999"}});
  auto driver = emulator.load();
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.error().notes.at(0),
            "GNC_EMULATOR_CARD=sm_999 is not understood, write GNC_EMULATOR_CARD=sm_80");
}

TEST(DriverApi, NothingBeforeInitAndContext) {
  Emulator emulator;
  auto count = emulator.find<Code (*)(int *)>("cuDeviceGetCount");
  int devices = 0;
  EXPECT_EQ(count(&devices), Code::NotInitialized);
  Driver api = emulator.driver();
  EXPECT_EQ(count(&devices), Code::Success);
  EXPECT_EQ(devices, 1);
  DevicePointer pointer = 0;
  EXPECT_EQ(api.memAlloc(&pointer, 16), Code::InvalidContext);
}

TEST(DriverApi, AKernelRuns) {
  Bench b;
  ASSERT_EQ(b.up(), Code::Success);
  ASSERT_EQ(b.launch(b.scale, b.x, b.y, 2, 32), Code::Success);
  ASSERT_EQ(b.down(), Code::Success);
  ASSERT_EQ(b.wait(), Code::Success) << b.api.report();
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(b.host[i], float(2 * i));
}

TEST(DriverApi, AKernelWithBarriersRuns) {
  Bench b;
  ASSERT_EQ(b.up(), Code::Success);
  ASSERT_EQ(b.launch(b.sum, b.x, b.y, 3, 64), Code::Success);
  ASSERT_EQ(b.down(), Code::Success);
  ASSERT_EQ(b.wait(), Code::Success) << b.api.report();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(b.host[i], float(64 * 63 / 2 + i));
}

// Who reads pinned memory without waiting reads what was there before: every time, not now and
// then.
TEST(DriverApi, NothingHappensBeforeSomebodyWaits) {
  for (const char *order : {"late", "early"}) {
    Bench b({{"ORDER", order}});
    ASSERT_EQ(b.up(), Code::Success);
    ASSERT_EQ(b.launch(b.scale, b.x, b.y, 2, 32), Code::Success);
    ASSERT_EQ(b.down(), Code::Success);
    EXPECT_EQ(b.host[5], std::string(order) == "late" ? 5.0f : 10.0f);
    ASSERT_EQ(b.wait(), Code::Success);
    EXPECT_EQ(b.host[5], 10.0f);
  }
}

TEST(DriverApi, EventsOrderStreams) {
  for (const char *order : {"late", "early", "random"}) {
    Bench b({{"ORDER", order}, {"SEED", "7"}});
    Stream other = nullptr;
    Event ready = nullptr, done = nullptr;
    ASSERT_EQ(b.api.streamCreate(&other, streamNonBlocking), Code::Success);
    ASSERT_EQ(b.api.eventCreate(&ready, eventDisableTiming), Code::Success);
    ASSERT_EQ(b.api.eventCreate(&done, 0), Code::Success);
    ASSERT_EQ(b.api.memcpyHtoDAsync(b.x, b.host, 256, other), Code::Success);
    ASSERT_EQ(b.api.eventRecord(ready, other), Code::Success);
    ASSERT_EQ(b.api.streamWaitEvent(b.stream, ready, 0), Code::Success);
    ASSERT_EQ(b.launch(b.scale, b.x, b.y, 2, 32), Code::Success);
    ASSERT_EQ(b.down(), Code::Success);
    ASSERT_EQ(b.api.eventRecord(done, b.stream), Code::Success);
    ASSERT_EQ(b.api.eventSynchronize(done), Code::Success);
    EXPECT_EQ(b.host[63], 126.0f) << order;
  }
}

// A fault is told by the next call that waits, and by all after it.
TEST(DriverApi, FaultsStay) {
  Bench b;
  DevicePointer nowhere = b.x + (uint64_t(1) << 20);
  EXPECT_EQ(b.launch(b.scale, nowhere, b.y, 2, 32), Code::Success);
  EXPECT_EQ(b.down(), Code::Success);
  EXPECT_EQ(b.wait(), Code::IllegalAddress);
  EXPECT_NE(b.api.report().find("scale"), std::string::npos) << b.api.report();
  DevicePointer pointer = 0;
  EXPECT_EQ(b.api.memAlloc(&pointer, 16), Code::IllegalAddress);
  EXPECT_EQ(b.launch(b.scale, b.x, b.y, 2, 32), Code::IllegalAddress);
  EXPECT_EQ(b.host[1], 1.0f); // what came after the fault did not happen
}

TEST(DriverApi, ModulesAreRefusedWithALine) {
  Bench b;
  Module module = nullptr;
  std::string broken = moduleHead() + scaleKernel();
  broken.replace(broken.find("add.rn.f32"), 10, "add.rq.f32");
  EXPECT_EQ(b.load(broken, module), Code::InvalidPtx);
  EXPECT_NE(std::string(b.log).find("line 27"), std::string::npos) << b.log;
  EXPECT_EQ(b.load("\x7f"
                   "ELF\x02\x01",
                   module),
            Code::NoBinaryForGpu);
  EXPECT_EQ(b.load(moduleHead("7.8", "sm_90") + scaleKernel(), module), Code::NoBinaryForGpu);
  EXPECT_EQ(b.load(moduleHead("9.9", "sm_80") + scaleKernel(), module),
            Code::UnsupportedPtxVersion);
  Function function = nullptr;
  EXPECT_EQ(b.api.moduleGetFunction(&function, b.module, "none"), Code::NotFound);
}

TEST(DriverApi, LaunchesAreChecked) {
  Bench b;
  EXPECT_EQ(b.launch(b.scale, b.x, b.y, 0, 32), Code::InvalidValue);
  EXPECT_EQ(b.launch(b.scale, b.x, b.y, 1, 1025), Code::InvalidValue);
  EXPECT_EQ(b.launch(Function(b.module), b.x, b.y, 1, 32), Code::InvalidHandle);
  EXPECT_EQ(b.api.launchKernel(b.scale, 1, 1, 1, 32, 1, 1, 60000, b.stream, nullptr, nullptr),
            Code::InvalidValue);
  EXPECT_EQ(b.api.funcSetAttribute(b.scale, FunctionAttribute::MaxDynamicSharedBytes, 60000),
            Code::Success);
  EXPECT_EQ(b.api.funcSetAttribute(b.scale, FunctionAttribute::MaxDynamicSharedBytes, 1 << 20),
            Code::InvalidValue);
  EXPECT_EQ(b.api.memFree(b.x + 4), Code::InvalidValue);
  EXPECT_EQ(b.api.memcpyHtoDAsync(b.x, b.host, 257, b.stream), Code::InvalidValue);
}

TEST(DriverApi, OccupancyFollowsTheCard) {
  Bench b; // A100: 64 warps, 32 blocks, 164 KiB of shared memory a multiprocessor
  auto blocks = b.emulator.find<Code (*)(int *, Function, int, size_t)>(
      "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  int count = 0;
  ASSERT_EQ(blocks(&count, b.scale, 1024, 0), Code::Success);
  EXPECT_EQ(count, 2);
  ASSERT_EQ(blocks(&count, b.scale, 32, 0), Code::Success);
  EXPECT_EQ(count, 32);
  ASSERT_EQ(blocks(&count, b.scale, 128, 40000), Code::Success);
  EXPECT_EQ(count, 4); // of 41 KiB each, with the one that the system keeps
}

TEST(DriverApi, InjectedFaultsComeOnce) {
  Bench b({{"FAULT", "cuMemAlloc_v2#3=2,kernel#2=719"}}); // the bench itself allocates twice
  DevicePointer pointer = 0;
  EXPECT_EQ(b.api.memAlloc(&pointer, 16), Code::OutOfMemory);
  EXPECT_EQ(b.api.memAlloc(&pointer, 16), Code::Success);
  EXPECT_EQ(b.launch(b.scale, b.x, b.y, 2, 32), Code::Success);
  EXPECT_EQ(b.wait(), Code::Success);
  EXPECT_EQ(b.launch(b.scale, b.x, b.y, 2, 32), Code::Success);
  EXPECT_EQ(b.wait(), Code::LaunchFailed);
}

TEST(DriverApi, MemoryEnds) {
  Bench b({{"MEMORY", "1M"}});
  DevicePointer pointer = 0;
  EXPECT_EQ(b.api.memAlloc(&pointer, 2 << 20), Code::OutOfMemory);
  size_t free = 0, total = 0;
  ASSERT_EQ(b.api.memGetInfo(&free, &total), Code::Success);
  EXPECT_EQ(total, size_t(1) << 20);
  EXPECT_LT(free, total);
}

TEST(DriverApi, AddressesOfFunctionsByName) {
  Bench b;
  auto find =
      b.emulator.find<Code (*)(const char *, void **, int, uint64_t, int *)>("cuGetProcAddress_v2");
  void *address = nullptr;
  int status = 9;
  EXPECT_EQ(find("cuMemAlloc", &address, 13000, 0, &status), Code::Success);
  EXPECT_EQ(address, reinterpret_cast<void *>(b.api.memAlloc));
  EXPECT_EQ(find("cuNever", &address, 13000, 0, &status), Code::NotFound);
  EXPECT_EQ(b.api.describe(Code::OutOfMemory), "out of memory (CUDA_ERROR_OUT_OF_MEMORY)");
}
