// What the checked mode finds: right kernels are changed in one place each, and the message is
// compared whole. Addresses are replaced, as they differ from run to run.
#include "Harness.h"

#include <fstream>
#include <regex>
#include <sstream>

using namespace gnc::test;

namespace {
std::string input(const std::string &name) {
  std::ifstream file(GNC_SOURCE_DIR "/test/unit/emulator/Inputs/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Replaces the line that contains `mark`; once only.
std::string with(std::string text, const std::string &mark, const std::string &line) {
  size_t at = text.find(mark);
  EXPECT_NE(at, std::string::npos) << mark;
  EXPECT_EQ(text.find(mark, at + 1), std::string::npos) << mark;
  size_t begin = text.rfind('\n', at) + 1, end = text.find('\n', at);
  return text.replace(begin, end - begin, line);
}

std::string plain(const std::string &text) {
  return std::regex_replace(text, std::regex("0x[0-9a-f]{9,}"), "ADDRESS");
}

/// Runs `k` with 64 threads on 64 (pipeline: 1024) whole numbers.
Outcome run(const std::string &text, uint64_t seed = 0, uint32_t threads = 64,
            uint32_t blocks = 1) {
  Device device(true);
  if (!device.load(text))
    return {};
  device.options.seed = seed;
  std::vector<int> numbers(1024);
  for (int i = 0; i < 1024; ++i)
    numbers[i] = i;
  uint64_t in = device.buffer(numbers), out = device.room<int>(64);
  return device.run("k", {blocks, 1, 1}, {threads, 1, 1}, {in, out});
}

/// The message of one order of warps, and something wrong in others.
void expectFault(const std::string &text, const std::string &expected, uint32_t threads = 64,
                 uint32_t blocks = 1) {
  EXPECT_EQ(plain(run(text, 0, threads, blocks).text()), expected);
  for (uint64_t seed = 1; seed < 6; ++seed) {
    Outcome outcome = run(text, seed, threads, blocks);
    EXPECT_FALSE(outcome.ok()) << "seed " << seed;
  }
}
} // namespace

TEST(HazardTest, rightKernelsAreNotBlamed) {
  for (const char *name : {"hazards.ptx", "pipeline.ptx"})
    for (uint64_t seed = 0; seed < 8; ++seed) {
      Outcome outcome = run(input(name), seed);
      EXPECT_TRUE(outcome.ok()) << name << " " << seed << ": " << outcome.text();
    }
}

TEST(HazardTest, rightValues) {
  Device device(true);
  ASSERT_TRUE(device.load(input("pipeline.ptx")));
  std::vector<int> numbers(1024), expected(64);
  for (int i = 0; i < 1024; ++i)
    numbers[i] = i * i;
  for (int t = 0; t < 64; ++t)
    for (int stage = 0; stage < 4; ++stage) {
      int first = 256 * stage + 4 * (t ^ 1 ^ 32);
      expected[t] += numbers[first] + numbers[first + 3];
    }
  for (uint64_t seed = 0; seed < 8; ++seed) {
    device.options.seed = seed;
    uint64_t in = device.buffer(numbers), out = device.room<int>(64);
    Outcome outcome = device.run("k", {1, 1, 1}, {64, 1, 1}, {in, out});
    EXPECT_TRUE(outcome.ok()) << outcome.text();
    EXPECT_EQ(device.read<int>(out, 64), expected) << seed;
  }
}

TEST(HazardTest, firstBarrierDeleted) {
  expectFault(with(input("hazards.ptx"), "first barrier", ""),
              "race: read of shared address 0x4 after a write by thread (1, 0, 0) (line 27) with "
              "no barrier between: bar.warp.sync is needed\n"
              "  kernel k\n"
              "  line 29: ld.shared.u32 %r7, [%r5]\n"
              "  block (0, 0, 0), thread (0, 0, 0)\n");
}
TEST(HazardTest, secondBarrierDeleted) {
  expectFault(with(input("hazards.ptx"), "second barrier", ""),
              "race: write of shared address 0x84 after a read by thread (32, 0, 0) (line 29) with "
              "no barrier between: bar.warp.sync is needed\n"
              "  kernel k\n"
              "  line 32: st.shared.u32 [%r4], %r8\n"
              "  block (0, 0, 0), thread (33, 0, 0)\n");
}
TEST(HazardTest, thirdBarrierDeleted) {
  expectFault(with(input("hazards.ptx"), "third barrier", ""),
              "race: read of shared address 0x4 after a write by thread (1, 0, 0) (line 32) with "
              "no barrier between: bar.warp.sync is needed\n"
              "  kernel k\n"
              "  line 34: ld.shared.u32 %r9, [%r5]\n"
              "  block (0, 0, 0), thread (0, 0, 0)\n");
}
TEST(HazardTest, indexBeyondSharedMemory) {
  expectFault(with(input("hazards.ptx"), "add.s32 %r5, %r2, %r5;",
                   "add.s32 %r5, %r2, %r5;\nadd.s32 %r5, %r5, 4;"),
              "illegal address: read of 4 bytes at shared address 0x100; the block has 256 bytes "
              "of shared memory\n"
              "  kernel k\n"
              "  line 30: ld.shared.u32 %r7, [%r5]\n"
              "  block (0, 0, 0), thread (62, 0, 0)\n");
}
TEST(HazardTest, uninitialisedSharedWord) {
  expectFault(
      with(input("hazards.ptx"), "first write",
           "setp.ne.u32 %p1, %r1, 5;\n@%p1 st.shared.u32 [%r4], %r6;"),
      "uninitialised read: read of shared address 0x14, which no thread of the block has written\n"
      "  kernel k\n"
      "  line 30: ld.shared.u32 %r7, [%r5]\n"
      "  block (0, 0, 0), thread (4, 0, 0)\n");
}
TEST(HazardTest, loadBehindTheEnd) {
  expectFault(with(input("hazards.ptx"), "// load", "ld.global.u32 %r6, [%rd4+3844];"),
              "illegal address: read of 4 bytes at ADDRESS, 0 bytes behind the end of allocation 1 "
              "(4096 bytes at ADDRESS)\n"
              "  kernel k\n"
              "  line 26: ld.global.u32 %r6, [%rd4+3844]\n"
              "  block (0, 0, 0), thread (63, 0, 0)\n");
}
TEST(HazardTest, misaligned) {
  expectFault(
      with(input("hazards.ptx"), "// load", "ld.global.u32 %r6, [%rd4+2];"),
      "misaligned address: read of 4 bytes at global address ADDRESS, which is no multiple of 4\n"
      "  kernel k\n"
      "  line 26: ld.global.u32 %r6, [%rd4+2]\n"
      "  block (0, 0, 0), thread (0, 0, 0)\n");
}
TEST(HazardTest, uninitialisedGlobal) {
  expectFault(with(input("hazards.ptx"), "// load", "ld.global.u32 %r6, [%rd5];"),
              "uninitialised read: read of global address ADDRESS, which was never written\n"
              "  kernel k\n"
              "  line 26: ld.global.u32 %r6, [%rd5]\n"
              "  block (0, 0, 0), thread (0, 0, 0)\n");
}
TEST(HazardTest, blocksWriteTheSame) {
  expectFault(input("hazards.ptx"),
              "race: write of global address ADDRESS after a write by block (0, 0, 0) (line 35) of "
              "the same launch: nothing orders blocks, two launches are needed\n"
              "  kernel k\n"
              "  line 35: st.global.u32 [%rd5], %r9\n"
              "  block (1, 0, 0), thread (0, 0, 0)\n",
              64, 2);
}
TEST(HazardTest, barrierInHalfAWarp) {
  expectFault(with(input("hazards.ptx"), "second barrier",
                   "bar.sync 0;\nsetp.lt.u32 %p1, %r1, 16;\n@%p1 bar.sync 0;"),
              "barrier misuse: the guard of a barrier differs within a warp: lanes 0xffff reach "
              "it, lanes 0xffff0000 do not\n"
              "  kernel k\n"
              "  line 32: bar.sync 0\n"
              "  block (0, 0, 0), thread (16, 0, 0)\n");
}
TEST(HazardTest, barrierOnOneSideOfABranch) {
  expectFault(with(input("hazards.ptx"), "second barrier",
                   "bar.sync 0;\nsetp.lt.u32 %p1, %r1, 16;\n@%p1 bra $skip;\nbar.sync 0;\n$skip:"),
              "barrier misuse: a barrier needs all threads of a warp at once, and only lanes "
              "0xffff0000 are here; lanes 0xffff wait at line 37\n"
              "  kernel k\n"
              "  line 33: bar.sync 0\n"
              "  block (0, 0, 0), thread (16, 0, 0)\n");
}
TEST(HazardTest, barrierCountsDiffer) {
  expectFault(
      with(input("hazards.ptx"), "second barrier",
           "bar.sync 0;\nsetp.lt.u32 %p1, %r1, 32;\n@%p1 bra $a;\nbar.sync 1, 64;\nbra $b;\n$a:\n"
           "bar.sync 1;\n$b:"),
      "barrier misuse: barrier 1 is reached with 64 threads, but line 36 reached it with all\n"
      "  kernel k\n"
      "  line 33: bar.sync 1, 64\n"
      "  block (0, 0, 0), thread (32, 0, 0)\n");
}
TEST(HazardTest, deadlock) {
  expectFault(
      with(input("hazards.ptx"), "second barrier",
           "bar.sync 0;\nsetp.lt.u32 %p1, %r1, 32;\n@%p1 bra $a;\nbar.sync 1;\nbra $b;\n$a:\n"
           "bar.sync 2;\n$b:"),
      "deadlock: everyone waits: barrier 2 has 32 of 64 threads; warp 1 waits at line 33\n"
      "  kernel k\n"
      "  line 36: bar.sync 2\n"
      "  block (0, 0, 0), thread (0, 0, 0)\n");
}
TEST(HazardTest, shuffleOfLanesThatAreElsewhere) {
  expectFault(with(input("hazards.ptx"), "second barrier",
                   "bar.sync 0;\nsetp.lt.u32 %p1, %r1, 16;\n@%p1 bra $a;\n"
                   "shfl.sync.idx.b32 %r8, %r7, 0, 31, 0xffffffff;\nbra $b;\n$a:\n"
                   "shfl.sync.idx.b32 %r8, %r7, 0, 31, 0xffffffff;\n$b:\nbar.sync 0;"),
              "barrier misuse: this instruction waits for all lanes of its member mask, and only "
              "lanes 0xffff0000 are here; lanes 0xffff wait at line 36\n"
              "  kernel k\n"
              "  line 33: shfl.sync.idx.b32 %r8, %r7, 0, 31, 0xffffffff\n"
              "  block (0, 0, 0), thread (16, 0, 0)\n");
}
TEST(HazardTest, shuffleFromALaneThatIsNoMember) {
  expectFault(with(input("hazards.ptx"), "second barrier",
                   "setp.lt.u32 %p1, %r1, 16;\n"
                   "@%p1 shfl.sync.idx.b32 %r8, %r7, 20, 31, 0xffff;\nbar.sync 0;"),
              "barrier misuse: reads lane 20, which takes no part (lanes 0xffff do)\n"
              "  kernel k\n"
              "  line 31: shfl.sync.idx.b32 %r8, %r7, 20, 31, 0xffff\n"
              "  block (0, 0, 0), thread (0, 0, 0)\n");
}
TEST(HazardTest, waitForCopiesDropped) {
  expectFault(with(input("pipeline.ptx"), "// wait", ""),
              "race: read of shared address 0x10, which the cp.async of line 24 by thread (1, 0, "
              "0) may still write: cp.async.wait_group is needed first\n"
              "  kernel k\n"
              "  line 43: ld.shared.v4.u32 {%r12, %r13, %r14, %r15}, [%r11]\n"
              "  block (0, 0, 0), thread (32, 0, 0)\n");
}
TEST(HazardTest, waitForTooFewCopies) {
  expectFault(with(input("pipeline.ptx"), "// wait", "cp.async.wait_group 2;"),
              "race: read of shared address 0x10, which the cp.async of line 24 by thread (1, 0, "
              "0) may still write: cp.async.wait_group is needed first\n"
              "  kernel k\n"
              "  line 43: ld.shared.v4.u32 {%r12, %r13, %r14, %r15}, [%r11]\n"
              "  block (0, 0, 0), thread (32, 0, 0)\n");
}
TEST(HazardTest, barrierAfterWaitDropped) {
  expectFault(
      with(input("pipeline.ptx"), "// barrier", ""),
      "uninitialised read: read of shared address 0x210, which no thread of the block has written\n"
      "  kernel k\n"
      "  line 43: ld.shared.v4.u32 {%r12, %r13, %r14, %r15}, [%r11]\n"
      "  block (0, 0, 0), thread (0, 0, 0)\n");
}
TEST(HazardTest, trap) {
  expectFault(with(input("hazards.ptx"), "// store", "setp.eq.u32 %p1, %r1, 33;\n@%p1 trap;"),
              "trap: the kernel stops itself\n"
              "  kernel k\n"
              "  line 36: trap\n"
              "  block (0, 0, 0), thread (33, 0, 0)\n");
}

TEST(HazardTest, hang) {
  Device device;
  ASSERT_TRUE(device.load(kernelText("$again:\nbra $again;")));
  device.options.fuel = 100000;
  EXPECT_EQ(device.run("k", {1, 1, 1}, {32, 1, 1}, {uint64_t{0}, uint64_t{0}}).text(),
            "hang: the kernel did not end after 100000 instructions of its warps: a loop without "
            "end, or one that waits for what nobody does\n"
            "  kernel k\n"
            "  line 16: bra $again\n"
            "  block (0, 0, 0), thread (0, 0, 0)\n");
}

// The fast mode knows addresses too.
TEST(HazardTest, fastModeKeepsToAllocations) {
  Device device;
  ASSERT_TRUE(device.load(kernelText("ld.global.u32 %r2, [%rd1+256];")));
  uint64_t in = device.room<int>(64), out = device.room<int>(64);
  EXPECT_EQ(plain(device.run("k", {1, 1, 1}, {1, 1, 1}, {in, out}).text()),
            "illegal address: read of 4 bytes at ADDRESS, 0 bytes behind the end of allocation 1 "
            "(256 bytes at ADDRESS)\n"
            "  kernel k\n"
            "  line 15: ld.global.u32 %r2, [%rd1+256]\n"
            "  block (0, 0, 0), thread (0, 0, 0)\n");
  device.memory->free(in);
  ASSERT_TRUE(device.load(kernelText("ld.global.u32 %r2, [%rd1];")));
  EXPECT_EQ(plain(device.run("k", {1, 1, 1}, {1, 1, 1}, {in, out}).text()),
            "illegal address: read of 4 bytes at ADDRESS, inside of allocation 1 (256 bytes at "
            "ADDRESS), which was freed\n"
            "  kernel k\n"
            "  line 15: ld.global.u32 %r2, [%rd1]\n"
            "  block (0, 0, 0), thread (0, 0, 0)\n");
  EXPECT_EQ(plain(device.run("k", {1, 1, 1}, {1, 1, 1}, {uint64_t{64}, out}).text()),
            "illegal address: read of 4 bytes at 0x40, which is no address of the device\n"
            "  kernel k\n"
            "  line 15: ld.global.u32 %r2, [%rd1]\n"
            "  block (0, 0, 0), thread (0, 0, 0)\n");
}

// The line of the CUDA source, from .loc.
TEST(HazardTest, sourceLine) {
  std::string text = compileCuda(R"(extern "C" __global__ void k(int *x, int *y) {
  y[threadIdx.x] = x[threadIdx.x + 64];
})");
  if (text.empty())
    GTEST_SKIP() << "no nvrtc";
  Device device;
  ASSERT_TRUE(device.load(text));
  Outcome outcome =
      device.run("k", {1, 1, 1}, {64, 1, 1}, {device.room<int>(64), device.room<int>(64)});
  EXPECT_TRUE(outcome.source.ends_with("test.cu:2")) << outcome.source;
}

// Every barrier of real kernels counts: with any one deleted, one of them is blamed at every seed.
TEST(HazardTest, everyBarrierDeleted) {
  std::string text = compileInput("kernels.cu");
  if (text.empty())
    GTEST_SKIP() << "no nvrtc";
  auto faults = [](const std::string &ptx, uint64_t seed) {
    Device device(true);
    if (!device.load(ptx))
      return -1;
    device.options.seed = seed;
    uint64_t numbers = device.buffer(std::vector<int>(64 * 64, 1));
    uint64_t out = device.buffer(std::vector<int>(64 * 64));
    return !device.run("tiledProduct", {1, 1, 1}, {256, 1, 1}, {numbers, numbers, out, 64, 64, 64})
                .ok() +
           !device.run("rowSums", {2, 1, 1}, {64, 1, 1}, {numbers, out, 100}).ok() +
           !device.run("histogram", {1, 1, 1}, {64, 1, 1}, {numbers, out, 1000}).ok();
  };
  int barriers = 0;
  for (size_t at = text.find("bar.sync"); at != std::string::npos;
       at = text.find("bar.sync", at + 1)) {
    std::string changed = text;
    changed.erase(at, text.find(';', at) + 1 - at);
    ++barriers;
    for (uint64_t seed = 0; seed < 4; ++seed) {
      EXPECT_EQ(faults(text, seed), 0);
      EXPECT_EQ(faults(changed, seed), 1) << "barrier " << barriers << ", seed " << seed;
    }
  }
  EXPECT_EQ(barriers, 5);
}

// The same seed tells the same story.
TEST(HazardTest, deterministic) {
  std::string text = with(input("hazards.ptx"), "second barrier", "");
  for (uint64_t seed = 0; seed < 4; ++seed)
    EXPECT_EQ(plain(run(text, seed).text()), plain(run(text, seed).text()));
}
