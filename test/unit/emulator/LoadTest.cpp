// What is refused when a text is loaded, and that nothing crashes the front end.
#include "Harness.h"
#include "test/Scale.h"

#include <fstream>
#include <random>
#include <sstream>

using namespace gnc::test;
using namespace gnc::emulator;

namespace {
std::string refusal(std::string_view text, const char *card = "sm_80") {
  std::string error;
  auto memory = DeviceMemory::create({.capacity = 1 << 20, .quarantine = 0}, error);
  auto module = Module::load(text, *findCard(card), *memory);
  return module.ok() ? "" : std::to_string(module.error().line) + ": " + module.error().message;
}
std::string refusalOf(const std::string &instruction) { return refusal(kernelText(instruction)); }
} // namespace

TEST(LoadTest, whatIsNotUnderstoodIsRefused) {
  EXPECT_EQ(refusalOf("wgmma.fence.sync.aligned;"), "15: the opcode 'wgmma' is not supported");
  EXPECT_EQ(refusalOf("add.rn.f32.x %f1, %f2, %f3;"),
            "15: the modifier '.x' of 'add.rn.f32.x' is not supported");
  EXPECT_EQ(refusalOf("fma.f32 %f1, %f2, %f3, %f4;"),
            "15: 'fma' of .f32 needs a rounding such as .rn");
  EXPECT_EQ(refusalOf("add.s32 %r1, %r2;"), "15: 'add' has 2 operands, needs 3");
  EXPECT_EQ(refusalOf("add.s32 %r1, %r2, %rd3;"),
            "15: the register '%rd3' of type .b64 where .s32 is needed");
  EXPECT_EQ(refusalOf("add.s32 %r1, %r2, 0f3f800000;"),
            "15: the operand '0f3f800000' where a value of type .s32 is needed");
  EXPECT_EQ(refusalOf("cvt.rn.s32.f32 %r1, %f2;"),
            "15: the form 'cvt.rn.s32.f32' is not supported");
  EXPECT_EQ(refusalOf("mov.u32 %r1, %nothing;"),
            "15: the special register '%nothing' is not supported");
  EXPECT_EQ(refusalOf("mov.u32 %r1, nothing;"), "15: 'nothing' is not declared");
  EXPECT_EQ(refusalOf("bra $nowhere;"), "15: the label '$nowhere' stands nowhere in this function");
  EXPECT_EQ(refusalOf("@%r1 bra $nowhere;"), "15: the guard '%r1' is no register of type .pred");
  EXPECT_EQ(refusalOf("ld.shared.u32 %r1, [in];"),
            "15: the variable 'in' of space .param in an access to .shared");
  EXPECT_EQ(refusalOf("cp.async.cg.shared.global [%r1], [%rd1], 8;"),
            "15: cp.async.cg copies 16 bytes");
  EXPECT_EQ(refusalOf("shfl.bfly.b32 %r1, %r2, 1, 31;"),
            "15: shfl without .sync is of cards before sm_70");
  EXPECT_EQ(refusalOf("add.s32 %r1, %r2, 1"),
            "16: found 'ret' where ';' behind an instruction is needed");
  EXPECT_EQ(refusalOf("ld.global.u32 %r1, [%rd1+0x];"), "15: a number that 64 bits do not hold");
  EXPECT_EQ(refusalOf(".reg .b32 %r<4>;"), "15: the register '%r' is declared twice");
  EXPECT_EQ(refusalOf("/* no end"), "15: a comment that does not end");
  EXPECT_EQ(refusalOf("mov.b64 %rd1, " + std::string(100000, '{')),
            "15: found '{' where a register, a number or a name is needed");
  EXPECT_EQ(refusal(""), "1: the text ends where .version is needed");
  EXPECT_EQ(refusal("\x7f"
                    "ELF"),
            "1: a character that PTX does not use here");
  EXPECT_EQ(refusal(kernelText("", "", 90)), "1: the text is for sm_90, the card is sm_80");
  EXPECT_EQ(refusalOf(".shared .align 4 .b8 room[50000];"),
            "4: 'k' uses 50000 bytes of static shared memory, sm_80 has 49152");
  EXPECT_EQ(refusal(kernelText("{ .param .b32 x; call f, (x); }",
                               ".func f(.param .b32 x) { .param .b32 y; call f, (y); ret; }\n")),
            "4: the function 'f' calls itself, which is not supported");
}

TEST(LoadTest, launchesBeyondTheCard) {
  Device device;
  ASSERT_TRUE(device.load(kernelText("")));
  uint64_t none = 0;
  auto message = [&](std::array<uint32_t, 3> grid, std::array<uint32_t, 3> block, uint32_t shared) {
    Outcome outcome = device.run("k", grid, block, {none, none}, shared);
    EXPECT_EQ(outcome.kind, FaultKind::InvalidLaunch);
    return outcome.message;
  };
  EXPECT_EQ(message({1, 1, 1}, {2048, 1, 1}, 0),
            "a block of (2048, 1, 1): sm_120 takes 1 to (1024, 1024, 64)");
  EXPECT_EQ(message({1, 1, 1}, {64, 32, 1}, 0), "a block of 2048 threads: the card takes 1024");
  EXPECT_EQ(message({1, 70000, 1}, {1, 1, 1}, 0),
            "a grid of (1, 70000, 1): sm_120 takes 1 to (2147483647, 65535, 65535)");
  EXPECT_EQ(message({1, 1, 1}, {1, 1, 1}, 1 << 20),
            "0 + 1048576 bytes of shared memory: a block has 101376");
}

// Any text ends in an error or in a module: words exchanged, cut off, repeated.
TEST(LoadTest, changedTextsDoNotCrash) {
  std::vector<std::string> texts = {kernelText("bar.sync 0;\nadd.s32 %r1, %r2, 3;")};
  for (const char *name : {"hazards.ptx", "pipeline.ptx"}) {
    std::ifstream file(std::string(GNC_SOURCE_DIR "/test/unit/emulator/Inputs/") + name);
    std::stringstream text;
    text << file.rdbuf();
    texts.push_back(text.str());
  }
  unsigned refused = 0, count = caseCount(400, 20000);
  for (unsigned i = 0; i < count; ++i) {
    std::mt19937_64 random(caseSeed(i));
    std::string text = texts[random() % texts.size()];
    for (unsigned edits = 1 + random() % 3; edits; --edits) {
      size_t from = random() % text.size(), length = random() % 12, to = random() % text.size();
      std::string piece = text.substr(from, length);
      switch (random() % 4) {
      case 0: text.erase(to, length); break;
      case 1: text.insert(to, piece); break;
      case 2: text.replace(to, std::min(length, text.size() - to), piece); break;
      case 3: text[to] = static_cast<char>(random() % 128); break;
      }
    }
    refused += !refusal(text).empty();
  }
  EXPECT_GT(refused, count / 10);
}

TEST(LoadTest, memory) {
  std::string error;
  auto memory = DeviceMemory::create({.capacity = 1 << 20, .quarantine = 4096}, error);
  ASSERT_TRUE(memory) << error;
  uint64_t a = memory->allocate(1000), b = memory->allocate(500000, 4096);
  EXPECT_EQ(a % 256, 0u);
  EXPECT_EQ(b % 4096, 0u);
  EXPECT_EQ(memory->used(), 501000u);
  EXPECT_EQ(memory->allocate(1 << 20), 0u);
  EXPECT_TRUE(memory->valid(a, 1000));
  EXPECT_FALSE(memory->valid(a, 1001));
  EXPECT_TRUE(memory->free(a));
  EXPECT_FALSE(memory->free(a));
  EXPECT_FALSE(memory->free(b + 1));
  EXPECT_TRUE(memory->find(a)->freed); // in quarantine
  EXPECT_TRUE(memory->free(b));        // more than the quarantine holds
  EXPECT_FALSE(memory->find(b));
  for (int i = 0; i < 100; ++i) { // addresses come back
    uint64_t c = memory->allocate(900000);
    ASSERT_TRUE(c);
    EXPECT_TRUE(memory->free(c));
  }
  EXPECT_EQ(memory->used(), 0u);
}
