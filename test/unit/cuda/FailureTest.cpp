// Every way in which a card lets a program down, made by the software device: the whole message.
#include "../runtime/TestFiles.h"
#include "Emulator.h"
#include "LineNet.h"

#include "runtime/Trainer.h"

#include <cstring>

using namespace gnc::cuda;
using namespace gnc::cuda::test;
using namespace gnc::runtime;
using gnc::runtime::test::TemporaryFolder;

namespace {
/// The message of a training of the line net; "" if nothing failed.
std::string failureOf(const Emulator::Variables &variables, CompiledNet net = lineNet(Target::Cuda),
                      bool stepwise = false) {
  Emulator emulator(variables);
  auto driver = emulator.load();
  if (!driver.ok())
    return format(driver.error());
  auto device = CudaDevice::create(*driver, {0, stepwise});
  if (!device.ok())
    return format(device.error());
  TemporaryFolder folder;
  TrainOptions options;
  options.outDir = folder.path;
  options.device = device->get();
  TrainObserver observer;
  auto outcome = train(net, lineData(net), options, observer);
  if (outcome.ok())
    return "";
  EXPECT_LE(int(outcome.error().code), 4);
  return format(outcome.error());
}
} // namespace

TEST(CudaFailure, OutOfMemory) {
  CompiledNet net = lineNet(Target::Cuda, 1 << 20);
  EXPECT_EQ(failureOf({{"MEMORY", "1M"}}, net),
            "line.net:4:3: error: 'gnc emulator of A100' has not enough memory for the program "
            "'train' with a batch of 1048576: it needs 52.0 MiB (54526400 bytes) [out-of-memory]\n"
            "note: available: 1.0 MiB (1048576 bytes) of 1.0 MiB (1048576 bytes)\n"
            "note: the largest tensor, 4.0 MiB (4194304 bytes), is that of Line.dot\n"
            "help: choose a smaller batch\n");
}

TEST(CudaFailure, OutOfPinnedMemory) {
  EXPECT_EQ(failureOf({{"FAULT", "cuMemAllocHost_v2=2"}}),
            "error: the host has no memory that stays where it is for the inputs of program "
            "'train': it needs 1.8 KiB (1792 bytes) [out-of-memory]\n"
            "note: out of memory (CUDA_ERROR_OUT_OF_MEMORY)\n"
            "help: choose a smaller batch\n");
}

TEST(CudaFailure, ALaunchThatIsRefused) {
  EXPECT_EQ(failureOf({{"FAULT", "cuLaunchKernel#2=701"}}),
            "line.net:5:3: error: the card cannot launch 'Line.loss: backward': too many resources "
            "requested for launch (CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES) [card-failed]\n"
            "note: kernel reduce, blocks of 32 threads, 0 bytes of shared memory\n");
}

// The first run waits after every launch, so it knows which one it was.
TEST(CudaFailure, AKernelThatFailsInItsFirstRun) {
  EXPECT_EQ(failureOf({{"FAULT", "kernel#2=700"}}),
            "line.net:5:3: error: the card failed in 'Line.loss: backward': an illegal memory "
            "access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS) [card-failed]\n"
            "note: kernel: reduce failed as GNC_EMULATOR_FAULT says\n"
            "note: kernel reduce, blocks of 32 threads, 0 bytes of shared memory\n");
}

// Later, when whole steps are graphs, it does not, and says how to find out.
TEST(CudaFailure, AKernelThatFailsLater) {
  std::string expected =
      "error: the card failed in program 'train': unspecified launch failure "
      "(CUDA_ERROR_LAUNCH_FAILED) [card-failed]\n"
      "note: kernel: forward failed as GNC_EMULATOR_FAULT says\n"
      "help: run it again with CUDA_LAUNCH_BLOCKING=1: then the launch that fails is named\n";
  EXPECT_EQ(failureOf({{"FAULT", "kernel#9=719"}}), expected);
  EXPECT_NE(failureOf({{"FAULT", "kernel#9=719"}}, lineNet(Target::Cuda), true)
                .find("line.net:4:3: error: the card failed in 'Line.dot'"),
            std::string::npos);
}

// The checked mode: kernel, line of the PTX, thread, beside the layer and its line.
TEST(CudaFailure, AMissingBarrierIsFound) {
  CompiledNet net = lineNet(Target::Cuda);
  std::string &ptx = net.train.module;
  ptx.erase(ptx.find("  bar.sync 0;\n"), strlen("  bar.sync 0;"));
  EXPECT_EQ(failureOf({}, net), ""); // by luck: that is why there is a checked mode
  std::string text = failureOf({{"CHECK", "1"}}, net, true);
  EXPECT_EQ(text.find("line.net:5:3: error: the card failed in 'Line.loss: backward': unspecified "
                      "launch failure (CUDA_ERROR_LAUNCH_FAILED) [card-failed]\nnote: race: "),
            0u)
      << text;
  for (const char *fact : {"kernel reduce", "line 163: ld.shared.f32", "thread (0, 0, 0)"})
    EXPECT_NE(text.find(fact), std::string::npos) << fact << " is not in\n" << text;
}

TEST(CudaFailure, ACardThatIsTooOld) {
  CompiledNet net = lineNet(Target::Cuda);
  net.train.module.replace(net.train.module.find("sm_75"), 5, "sm_90");
  EXPECT_EQ(failureOf({{"CARD", "sm_80"}}, net),
            "error: the program 'train' is compiled for sm_90, and 'gnc emulator of A100' is sm_80 "
            "[unsupported-card]\n"
            "help: compile it with --target=sm_80\n");
}

TEST(CudaFailure, ADriverThatIsTooOld) {
  CompiledNet net = lineNet(Target::Cuda);
  net.train.module.replace(net.train.module.find("7.0"), 3, "8.7");
  EXPECT_EQ(failureOf({{"DRIVER", "12020"}}, net),
            "error: the program 'train' is PTX 8.7, and the driver knows CUDA 12.2 [old-driver]\n"
            "help: install a driver for CUDA 12.8 or later\n");
}

TEST(CudaFailure, KernelsThatTheDriverRefuses) {
  CompiledNet net = lineNet(Target::Cuda);
  std::string &ptx = net.train.module;
  ptx.replace(ptx.find("sqrt.rn.f32"), 11, "sqrt.rq.f32");
  std::string text = failureOf({}, net);
  EXPECT_EQ(
      text.find("line.net:5:3: error: the driver refuses the kernels of program 'train': a PTX "
                "JIT compilation failed (CUDA_ERROR_INVALID_PTX) [internal]\nnote: ptxas "
                "application ptx input, line "),
      0u)
      << text;
  EXPECT_NE(text.find("note: in the kernel of Line.loss: backward\n"), std::string::npos) << text;
}

TEST(CudaFailure, AKernelThatIsNotThere) {
  CompiledNet net = lineNet(Target::Cuda);
  net.train.kernels[1].symbol = "reduced";
  EXPECT_EQ(failureOf({}, net),
            "error: the module of program 'train' has no kernel 'reduced' [internal]\n");
}

TEST(CudaFailure, MoreSharedMemoryThanTheCardHas) {
  CompiledNet net = lineNet(Target::Cuda);
  net.train.kernels[1].sharedBytes = 200000;
  EXPECT_EQ(
      failureOf({}, net),
      "line.net:5:3: error: 'gnc emulator of A100' has no room for the 200000 bytes of shared "
      "memory of 'Line.loss: backward': invalid argument (CUDA_ERROR_INVALID_VALUE) "
      "[card-failed]\n");
  net.train.kernels[1].sharedBytes = 100000; // more than every kernel may have, but there
  EXPECT_EQ(failureOf({}, net), "");
}

TEST(CudaFailure, ProgramsOfTheOtherTarget) {
  EXPECT_EQ(failureOf({}, lineNet(Target::Cpu)),
            "error: program 'train' is compiled for the processor [internal]\n");
  auto pool = ThreadPool::create(1);
  CompiledNet net = lineNet(Target::Cuda);
  EXPECT_EQ(format(Executor::create(net.train, **pool).error()),
            "error: program 'train' is compiled for a card [internal]\n");
}

TEST(CudaFailure, NoDriver) {
  EXPECT_EQ(failureOf({{"FAULT", "cuInit=100"}}),
            "error: the CUDA driver finds no card (CUDA_ERROR_NO_DEVICE): install NVIDIA's driver, "
            "or use --device=emulator or --device=cpu [no-driver]\n");
  EXPECT_EQ(failureOf({{"FAULT", "cuInit=803"}}),
            "error: the CUDA driver does not start: system has unsupported display driver / cuda "
            "driver combination (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH): install NVIDIA's driver, or "
            "use --device=emulator or --device=cpu [no-driver]\n");
  auto none = Driver::load("/nowhere/libcuda.so.1");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(format(none.error()).find("error: cannot load the driver '/nowhere/libcuda.so.1': "),
            0u);
  auto other = Driver::load("libz.so.1");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(format(other.error()), "error: the driver 'libz.so.1' lacks cuInit [old-driver]\n"
                                   "help: install a driver for CUDA 11.4 or later, or use "
                                   "--device=cpu\n");
}

TEST(CudaFailure, ACardThatIsNotThere) {
  Emulator emulator;
  auto device = CudaDevice::create(emulator.driver(), {3, false});
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(format(device.error()), "error: there is no card 3, the driver has 1 [no-card]\n"
                                    "help: 'gnc devices' lists them\n");
}
