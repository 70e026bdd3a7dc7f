// Captures and graphs of the software device, and what a real driver refuses during a capture.
#include "Emulator.h"
#include "Kernels.h"

#include <gtest/gtest.h>
#include <thread>

using namespace gnc::cuda;
using namespace gnc::cuda::test;

namespace {
struct Bench {
  explicit Bench(const Emulator::Variables &variables = {}) : emulator(variables) {
    EXPECT_EQ(api.devicePrimaryCtxRetain(&context, 0), Code::Success);
    EXPECT_EQ(api.ctxSetCurrent(context), Code::Success);
    EXPECT_EQ(api.streamCreate(&stream, streamNonBlocking), Code::Success);
    EXPECT_EQ(api.streamCreate(&other, streamNonBlocking), Code::Success);
    EXPECT_EQ(api.eventCreate(&event, eventDisableTiming), Code::Success);
    EXPECT_EQ(api.eventCreate(&back, eventDisableTiming), Code::Success);
    EXPECT_EQ(api.memAlloc(&x, 256), Code::Success);
    std::string ptx = moduleHead() + scaleKernel();
    EXPECT_EQ(api.moduleLoadDataEx(&module, ptx.c_str(), 0, nullptr, nullptr), Code::Success);
    EXPECT_EQ(api.moduleGetFunction(&scale, module, "scale"), Code::Success);
    set(1);
  }
  void set(float value) {
    std::vector<float> all(64, value);
    EXPECT_EQ(api.memcpyHtoDAsync(x, all.data(), 256, stream), Code::Success);
    EXPECT_EQ(api.streamSynchronize(stream), Code::Success);
  }
  float get() {
    std::vector<float> all(64);
    EXPECT_EQ(api.memcpyDtoHAsync(all.data(), x, 256, stream), Code::Success);
    EXPECT_EQ(api.streamSynchronize(stream), Code::Success);
    return all[63];
  }
  /// x becomes 2 x.
  Code launch(Stream on) {
    int n = 64;
    void *parameters[] = {&x, &x, &n};
    return api.launchKernel(scale, 2, 1, 1, 32, 1, 1, 0, on, parameters, nullptr);
  }
  Code begin(CaptureMode mode = CaptureMode::ThreadLocal) {
    return api.streamBeginCapture(stream, mode);
  }
  Code end() { return api.streamEndCapture(stream, &graph); }

  Emulator emulator;
  Driver api = emulator.driver();
  Context context = nullptr;
  Stream stream = nullptr, other = nullptr;
  Event event = nullptr, back = nullptr;
  Module module = nullptr;
  Function scale = nullptr;
  DevicePointer x = 0;
  Graph graph = nullptr;
};
} // namespace

TEST(Capture, AGraphRunsAsOftenAsItIsLaunched) {
  Bench b;
  ASSERT_EQ(b.begin(), Code::Success);
  ASSERT_EQ(b.launch(b.stream), Code::Success);
  ASSERT_EQ(b.launch(b.stream), Code::Success);
  ASSERT_EQ(b.end(), Code::Success);
  EXPECT_EQ(b.get(), 1); // nothing ran yet
  GraphExec exec = nullptr;
  ASSERT_EQ(b.api.graphInstantiate(&exec, b.graph, 0), Code::Success);
  ASSERT_EQ(b.api.graphDestroy(b.graph), Code::Success);
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(b.api.graphLaunch(exec, b.stream), Code::Success);
  EXPECT_EQ(b.get(), 64);
  ASSERT_EQ(b.api.graphExecDestroy(exec), Code::Success);
  EXPECT_EQ(b.api.graphLaunch(exec, b.stream), Code::InvalidValue);
}

TEST(Capture, StreamsForkAndJoin) {
  for (const char *order : {"late", "early", "random"}) {
    Bench b({{"ORDER", order}, {"SEED", "3"}});
    ASSERT_EQ(b.begin(), Code::Success);
    ASSERT_EQ(b.launch(b.stream), Code::Success);
    ASSERT_EQ(b.api.eventRecord(b.event, b.stream), Code::Success);
    ASSERT_EQ(b.api.streamWaitEvent(b.other, b.event, 0), Code::Success);
    ASSERT_EQ(b.launch(b.other), Code::Success);
    ASSERT_EQ(b.api.eventRecord(b.back, b.other), Code::Success);
    ASSERT_EQ(b.api.streamWaitEvent(b.stream, b.back, 0), Code::Success);
    ASSERT_EQ(b.launch(b.stream), Code::Success);
    ASSERT_EQ(b.end(), Code::Success);
    GraphExec exec = nullptr;
    ASSERT_EQ(b.api.graphInstantiate(&exec, b.graph, 0), Code::Success);
    ASSERT_EQ(b.api.graphLaunch(exec, b.stream), Code::Success);
    EXPECT_EQ(b.get(), 8) << order;
  }
}

TEST(Capture, WorkThatIsNotJoinedIsAnError) {
  Bench b;
  ASSERT_EQ(b.begin(), Code::Success);
  ASSERT_EQ(b.api.eventRecord(b.event, b.stream), Code::Success);
  ASSERT_EQ(b.api.streamWaitEvent(b.other, b.event, 0), Code::Success);
  ASSERT_EQ(b.launch(b.other), Code::Success);
  EXPECT_EQ(b.end(), Code::CaptureUnjoined);
  EXPECT_EQ(b.graph, nullptr);
}

// What would wait, or allocate, ends the capture.
TEST(Capture, UnsafeCallsEndIt) {
  Bench b;
  ASSERT_EQ(b.begin(), Code::Success);
  EXPECT_EQ(b.api.streamSynchronize(b.stream), Code::CaptureUnsupported);
  EXPECT_EQ(b.launch(b.stream), Code::CaptureInvalidated);
  EXPECT_EQ(b.end(), Code::CaptureInvalidated);
  DevicePointer pointer = 0;
  for (CaptureMode mode : {CaptureMode::Global, CaptureMode::ThreadLocal}) {
    ASSERT_EQ(b.begin(mode), Code::Success);
    EXPECT_EQ(b.api.memAlloc(&pointer, 16), Code::CaptureUnsupported);
    EXPECT_EQ(b.end(), Code::CaptureInvalidated);
  }
  ASSERT_EQ(b.begin(CaptureMode::Relaxed), Code::Success);
  EXPECT_EQ(b.api.memAlloc(&pointer, 16), Code::Success);
  EXPECT_EQ(b.end(), Code::Success);
}

TEST(Capture, EventsFromInsideAndOutside) {
  Bench b;
  ASSERT_EQ(b.api.eventRecord(b.back, b.other), Code::Success);
  ASSERT_EQ(b.begin(), Code::Success);
  EXPECT_EQ(b.api.streamWaitEvent(b.stream, b.back, 0), Code::CaptureIsolation);
  EXPECT_EQ(b.end(), Code::CaptureInvalidated);
  ASSERT_EQ(b.begin(), Code::Success);
  ASSERT_EQ(b.api.eventRecord(b.event, b.stream), Code::Success);
  EXPECT_EQ(b.api.eventSynchronize(b.event), Code::CapturedEvent);
  EXPECT_EQ(b.end(), Code::CaptureInvalidated);
}

TEST(Capture, BeginsAndEndsWhereItShould) {
  Bench b;
  EXPECT_EQ(b.api.streamBeginCapture(nullptr, CaptureMode::Global), Code::CaptureUnsupported);
  EXPECT_EQ(b.end(), Code::IllegalState);
  ASSERT_EQ(b.begin(), Code::Success);
  EXPECT_EQ(b.begin(), Code::IllegalState);
  Code elsewhere = Code::Success;
  std::thread([&] {
    b.api.ctxSetCurrent(b.context);
    elsewhere = b.end();
  }).join();
  EXPECT_EQ(elsewhere, Code::CaptureWrongThread);
  EXPECT_EQ(b.end(), Code::Success);
}

TEST(Capture, ABlockingStreamIsNotMixedWithTheLegacyOne) {
  Bench b;
  Stream blocking = nullptr;
  ASSERT_EQ(b.api.streamCreate(&blocking, 0), Code::Success);
  ASSERT_EQ(b.api.streamBeginCapture(blocking, CaptureMode::ThreadLocal), Code::Success);
  EXPECT_EQ(b.launch(nullptr), Code::CaptureImplicit);
  EXPECT_EQ(b.api.streamEndCapture(blocking, &b.graph), Code::CaptureInvalidated);
}

TEST(Capture, AGraphTakesNewParameters) {
  Bench b;
  DevicePointer second = 0;
  ASSERT_EQ(b.api.memAlloc(&second, 256), Code::Success);
  ASSERT_EQ(b.begin(), Code::Success);
  ASSERT_EQ(b.launch(b.stream), Code::Success);
  ASSERT_EQ(b.end(), Code::Success);
  GraphExec exec = nullptr;
  ASSERT_EQ(b.api.graphInstantiate(&exec, b.graph, 0), Code::Success);
  DevicePointer first = std::exchange(b.x, second);
  b.set(5);
  ASSERT_EQ(b.begin(), Code::Success);
  ASSERT_EQ(b.launch(b.stream), Code::Success);
  ASSERT_EQ(b.end(), Code::Success);
  auto update =
      b.emulator.find<Code (*)(GraphExec, Graph, GraphUpdateInfo *)>("cuGraphExecUpdate_v2");
  GraphUpdateInfo info;
  ASSERT_EQ(update(exec, b.graph, &info), Code::Success);
  ASSERT_EQ(b.api.graphLaunch(exec, b.stream), Code::Success);
  EXPECT_EQ(b.get(), 10);
  b.x = first;
  EXPECT_EQ(b.get(), 1);
  ASSERT_EQ(b.begin(), Code::Success); // another shape is refused
  ASSERT_EQ(b.end(), Code::Success);
  EXPECT_EQ(update(exec, b.graph, &info), Code::GraphExecUpdateFailure);
}
