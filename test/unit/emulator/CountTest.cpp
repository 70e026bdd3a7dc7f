// The counters, on accesses whose cost is known.
#include "Harness.h"

using namespace gnc::test;

namespace {
Counters count(const std::string &body) {
  Device device;
  EXPECT_TRUE(device.load(kernelText(".shared .align 16 .b8 room[8192];\n" + body)));
  Counters counters;
  device.options.counters = &counters;
  uint64_t in = device.room<uint32_t>(4096), out = device.room<uint32_t>(4096);
  Outcome outcome = device.run("k", {1, 1, 1}, {32, 1, 1}, {in, out});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  return counters;
}
std::string globalLoad(int stride) {
  return "mad.wide.u32 %rd3, %r1, " + std::to_string(stride) +
         ", %rd1;\nld.global.u32 %r2, [%rd3];";
}
std::string sharedLoad(int stride, const char *load = "ld.shared.u32 %r5, [%r3];") {
  return "mov.u32 %r2, room;\nmad.lo.u32 %r3, %r1, " + std::to_string(stride) + ", %r2;\n" + load;
}
} // namespace

TEST(CountTest, sectors) {
  EXPECT_EQ(count(globalLoad(4)).globalLoads.units, 4u);
  EXPECT_EQ(count(globalLoad(0)).globalLoads.units, 1u);
  EXPECT_EQ(count(globalLoad(8)).globalLoads.units, 8u);
  EXPECT_EQ(count(globalLoad(8)).globalLoads.idealUnits, 4u);
  EXPECT_EQ(count(globalLoad(128)).globalLoads.units, 32u);
  EXPECT_EQ(count(globalLoad(4)).globalLoads.bytes, 128u);
}

/// Several requests for a sector fetch it once; reading and writing are told apart.
TEST(CountTest, bytesOfMemory) {
  EXPECT_EQ(count(globalLoad(4)).bytesRead, 128u);
  EXPECT_EQ(count(globalLoad(4) + "\n" + globalLoad(0)).bytesRead, 128u);
  EXPECT_EQ(count(globalLoad(128)).bytesRead, 32u * 32);
  EXPECT_EQ(count(globalLoad(4)).bytesWritten, 0u);
  Counters both = count(globalLoad(8) + "\nst.global.u32 [%rd2], %r2;");
  EXPECT_EQ(both.bytesRead, 256u);
  EXPECT_EQ(both.bytesWritten, 32u);
}

TEST(CountTest, bankConflicts) {
  EXPECT_EQ(count(sharedLoad(4)).sharedLoads.units, 1u);
  EXPECT_EQ(count(sharedLoad(0)).sharedLoads.units, 1u);
  EXPECT_EQ(count(sharedLoad(8)).sharedLoads.units, 2u);
  EXPECT_EQ(count(sharedLoad(128)).sharedLoads.units, 32u);
  EXPECT_EQ(count(sharedLoad(132)).sharedLoads.units, 1u);
  Counters four = count(sharedLoad(16, "ld.shared.v4.u32 {%r5, %r6, %r7, %r8}, [%r3];"));
  EXPECT_EQ(four.sharedLoads.units, 4u); // a quarter of the warp at a time
  EXPECT_EQ(four.sharedLoads.idealUnits, 4u);
}

TEST(CountTest, flopsAndLoops) {
  Counters c = count(
      "mov.u32 %r2, 0;\n$again:\nfma.rn.f32 %f1, %f1, %f1, %f1;\nfma.rn.f32 %f2, %f2, %f2, %f2;\n"
      "add.u32 %r2, %r2, 1;\nsetp.lt.u32 %p1, %r2, 10;\n@%p1 bra $again;\nadd.f32 %f3, %f1, %f2;");
  EXPECT_EQ(c.flops, 32u * (10 * 4 + 1));
  EXPECT_EQ(c.loopIssued, 50u);
  EXPECT_EQ(c.loopFma, 20u);
  EXPECT_EQ(c.issued[static_cast<unsigned>(gnc::emulator::InstructionClass::Fma)], 20u);
}
