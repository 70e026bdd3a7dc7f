// Fragments of mma, one element at a time, and ldmatrix.
#include "Harness.h"

#include <bit>

using namespace gnc::test;

namespace {
/// A shape: elements of a factor have `size` bytes, one is the bit pattern of 1.
struct Shape {
  const char *name, *types;
  unsigned k, size;
  uint32_t one;
  bool whole; ///< s32 accumulators
};
const Shape kShapes[] = {{"m16n8k16", "f32.f16.f16.f32", 16, 2, 0x3c00, false},
                         {"m16n8k16", "f32.bf16.bf16.f32", 16, 2, 0x3f80, false},
                         {"m16n8k8", "f32.f16.f16.f32", 8, 2, 0x3c00, false},
                         {"m16n8k8", "f32.bf16.bf16.f32", 8, 2, 0x3f80, false},
                         {"m16n8k8", "f32.tf32.tf32.f32", 8, 4, 0x3f800000, false},
                         {"m16n8k4", "f32.tf32.tf32.f32", 4, 4, 0x3f800000, false},
                         {"m16n8k16", "s32.s8.s8.s32", 16, 1, 1, true},
                         {"m16n8k32", "s32.s8.s8.s32", 32, 1, 1, true}};

/// Loads registers of A and B from [in + 32 * (lane * 8 + r)], stores d.
std::string mmaKernel(const Shape &s) {
  unsigned perRegister = 4 / s.size, countB = s.k / (4 * perRegister), countA = 2 * countB;
  std::string body = "mad.wide.u32 %rd3, %r1, 32, %rd1;\n", a, b;
  for (unsigned r = 0; r < countA + countB; ++r) {
    std::string name = "%r" + std::to_string(10 + r);
    body += "ld.global.b32 " + name + ", [%rd3+" + std::to_string(4 * r) + "];\n";
    std::string &list = r < countA ? a : b;
    list += (list.empty() ? "" : ",") + name;
  }
  std::string d = s.whole ? "{%r40,%r41,%r42,%r43}" : "{%f20,%f21,%f22,%f23}";
  std::string c = s.whole ? "{%r50,%r50,%r50,%r50}" : "{%f30,%f30,%f30,%f30}";
  body += std::string(s.whole ? "mov.b32 %r50, 0;\n" : "mov.f32 %f30, 0f00000000;\n") +
          "mma.sync.aligned." + s.name + ".row.col." + s.types + " " + d + ", {" + a + "}, {" + b +
          "}, " + c + ";\nmad.wide.u32 %rd4, %r1, 16, %rd2;\n";
  return body + (s.whole ? "st.global.v4.b32 [%rd4], " : "st.global.v4.f32 [%rd4], ") + d + ";\n";
}

/// Where the ISA puts element (row, k) of A: lane, register, place in it (9.7.14.5).
struct Where {
  unsigned lane, reg, part;
};
Where inA(const Shape &s, unsigned row, unsigned k) {
  unsigned n = 4 / s.size;
  return {row % 8 * 4 + k / n % 4, row / 8 + 2 * (k / (4 * n)), k % n};
}
Where inB(const Shape &s, unsigned k, unsigned column) {
  unsigned n = 4 / s.size;
  return {column * 4 + k / n % 4, k / (4 * n), k % n};
}
} // namespace

TEST(MatrixTest, oneHot) {
  for (const Shape &s : kShapes) {
    Device device;
    std::string text = kernelText(mmaKernel(s));
    ASSERT_TRUE(device.load(text)) << s.name << " " << s.types;
    unsigned countA = 2 * s.k / (4 * (4 / s.size));
    for (unsigned k = 0; k < s.k; ++k)
      for (unsigned trial = 0; trial < 3; ++trial) {
        unsigned row = (5 * k + 7 * trial) % 16, column = (3 * k + trial) % 8;
        std::vector<uint32_t> in(32 * 8);
        Where a = inA(s, row, k), b = inB(s, k, column);
        in[a.lane * 8 + a.reg] = s.one << 8 * s.size * a.part;
        in[b.lane * 8 + countA + b.reg] = s.one << 8 * s.size * b.part;
        uint64_t from = device.buffer(in), to = device.room<uint32_t>(128);
        Outcome outcome = device.run("k", {1, 1, 1}, {32, 1, 1}, {from, to});
        ASSERT_TRUE(outcome.ok()) << outcome.text();
        std::vector<uint32_t> d = device.read<uint32_t>(to, 128), expected(128);
        // d0, d1: row g, columns 2t and 2t + 1; d2, d3: row g + 8.
        expected[(row % 8 * 4 + column / 2) * 4 + row / 8 * 2 + column % 2] =
            s.whole ? 1 : 0x3f800000;
        EXPECT_EQ(d, expected) << s.name << " " << s.types << " " << row << " " << k << " "
                               << column;
        device.memory->free(from);
        device.memory->free(to);
      }
    bool found = false;
    EXPECT_EQ(assemblerErrors(text, 80, found), "");
  }
}

// Row r, column c of matrix m is 100 m + 10 r + c; lane l gets row l / 4 (transposed: column).
TEST(MatrixTest, ldmatrix) {
  for (bool transposed : {false, true}) {
    Device device(true);
    std::string body =
        "mov.u32 %r2, room;\nmad.lo.u32 %r3, %r1, 16, %r2;\nmad.wide.u32 %rd3, %r1, 16, %rd1;\n"
        "ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%rd3];\nst.shared.v4.u32 [%r3], {%r4, %r5, %r6, "
        "%r7};\n"
        "bar.sync 0;\nldmatrix.sync.aligned.m8n8.x4" +
        std::string(transposed ? ".trans" : "") +
        ".shared.b16 {%r10, %r11, %r12, %r13}, [%r3];\nmad.wide.u32 %rd4, %r1, 16, %rd2;\n"
        "st.global.v4.u32 [%rd4], {%r10, %r11, %r12, %r13};\n";
    ASSERT_TRUE(device.load(kernelText(".shared .align 16 .b8 room[512];\n" + body)));
    std::vector<uint16_t> in(256);
    for (unsigned i = 0; i < 256; ++i)
      in[i] = static_cast<uint16_t>(i / 64 * 100 + i / 8 % 8 * 10 + i % 8);
    uint64_t to = device.room<uint16_t>(256);
    Outcome outcome = device.run("k", {1, 1, 1}, {32, 1, 1}, {device.buffer(in), to});
    ASSERT_TRUE(outcome.ok()) << outcome.text();
    std::vector<uint16_t> out = device.read<uint16_t>(to, 256);
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned m = 0; m < 4; ++m)
        for (unsigned e = 0; e < 2; ++e) {
          unsigned row = lane / 4, column = 2 * (lane % 4) + e;
          if (transposed)
            std::swap(row, column);
          EXPECT_EQ(out[8 * lane + 2 * m + e], 100 * m + 10 * row + column);
        }
  }
}
