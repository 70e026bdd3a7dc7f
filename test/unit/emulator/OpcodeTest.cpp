// Every form of arithmetic, one instruction a kernel, against plain C++ over numbers at the edges.
// All kernels are one text, which ptxas has to accept too.
#include "Harness.h"
#include "OpcodeHost.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace gnc::test;

namespace {
/// The result register decides how it is stored: r, f, d, h, rd, p (number 20).
struct Case {
  const char *text;
  uint64_t (*host)(Word a, Word b, Word c);
};
#define CASE(text, ...)                                                                            \
  Case {                                                                                           \
    text, [](Word a, Word b, Word c) -> uint64_t {                                                 \
      (void)a, (void)b, (void)c;                                                                   \
      return __VA_ARGS__;                                                                          \
    }                                                                                              \
  }

const Case kCases[] = {
    CASE("add.s32 %r20, %r10, %r11", U(int64_t{a.u()} + b.u())),
    CASE("add.u16 %h20, %h10, %h11", H(a.h() + b.h())),
    CASE("add.s64 %rd20, %rd10, %rd11", a.u64 + b.u64),
    CASE("sub.s32 %r20, %r10, %r11", U(int64_t{a.u()} - b.u())),
    CASE("sub.u64 %rd20, %rd10, %rd11", a.u64 - b.u64),
    CASE("add.sat.s32 %r20, %r10, %r11",
         U(std::clamp(int64_t{a.s()} + b.s(), int64_t{INT32_MIN}, int64_t{INT32_MAX}))),
    CASE("mul.lo.s32 %r20, %r10, %r11", U(static_cast<int64_t>(uint64_t{a.u()} * b.u()))),
    CASE("mul.lo.s64 %rd20, %rd10, %rd11", a.u64 *b.u64),
    CASE("mul.lo.u16 %h20, %h10, %h11", H(int64_t{a.h()} * b.h())),
    CASE("mul.hi.u32 %r20, %r10, %r11", uint64_t{a.u()} * b.u() >> 32),
    CASE("mul.hi.s32 %r20, %r10, %r11", U(int64_t{a.s()} * b.s() >> 32)),
    CASE("mul.hi.u64 %rd20, %rd10, %rd11",
         static_cast<uint64_t>(static_cast<unsigned __int128>(a.u64) * b.u64 >> 64)),
    CASE("mul.wide.s32 %rd20, %r10, %r11", static_cast<uint64_t>(int64_t{a.s()} * b.s())),
    CASE("mul.wide.u32 %rd20, %r10, %r11", uint64_t{a.u()} * b.u()),
    CASE("mul.wide.s16 %r20, %h10, %h11", U(int64_t{a.sh()} * b.sh())),
    CASE("mad.lo.s32 %r20, %r10, %r11, %r12",
         U(static_cast<int64_t>(uint64_t{a.u()} * b.u() + c.u()))),
    CASE("mad.lo.s64 %rd20, %rd10, %rd11, %rd12", a.u64 *b.u64 + c.u64),
    CASE("mad.hi.u32 %r20, %r10, %r11, %r12",
         U(static_cast<int64_t>((uint64_t{a.u()} * b.u() >> 32) + c.u()))),
    CASE("mad.wide.u32 %rd20, %r10, %r11, %rd12", uint64_t{a.u()} * b.u() + c.u64),
    CASE("mad.wide.s32 %rd20, %r10, %r11, %rd12",
         static_cast<uint64_t>(int64_t{a.s()} * b.s()) + c.u64),
    CASE("mul24.lo.u32 %r20, %r10, %r11",
         U(static_cast<int64_t>((uint64_t{a.u()} & 0xffffff) * (b.u() & 0xffffff)))),
    CASE("sad.u32 %r20, %r10, %r11, %r12",
         U(int64_t{c.u()} + (a.u() > b.u() ? a.u() - b.u() : b.u() - a.u()))),
    CASE("div.u32 %r20, %r10, %r11", b.u() ? a.u() / b.u() : U(-1)),
    CASE("div.s32 %r20, %r10, %r11", b.s() ? U(int64_t{a.s()} / b.s()) : U(-1)),
    CASE("rem.s32 %r20, %r10, %r11", b.s() ? U(int64_t{a.s()} % b.s()) : a.u()),
    CASE("rem.u64 %rd20, %rd10, %rd11", b.u64 ? a.u64 % b.u64 : a.u64),
    CASE("abs.s32 %r20, %r10", U(std::llabs(a.s()))),
    CASE("neg.s32 %r20, %r10", U(-int64_t{a.s()})),
    CASE("neg.s64 %rd20, %rd10", 0 - a.u64),
    CASE("min.s32 %r20, %r10, %r11", U(std::min(a.s(), b.s()))),
    CASE("max.s32 %r20, %r10, %r11", U(std::max(a.s(), b.s()))),
    CASE("min.u32 %r20, %r10, %r11", std::min(a.u(), b.u())),
    CASE("max.u64 %rd20, %rd10, %rd11", std::max(a.u64, b.u64)),
    CASE("and.b32 %r20, %r10, %r11", a.u() & b.u()),
    CASE("or.b64 %rd20, %rd10, %rd11", a.u64 | b.u64),
    CASE("xor.b32 %r20, %r10, %r11", a.u() ^ b.u()),
    CASE("not.b32 %r20, %r10", U(~a.s())),
    CASE("and.pred %p20, %p10, %p11", a.p() && b.p()),
    CASE("or.pred %p20, %p10, %p11", a.p() || b.p()),
    CASE("not.pred %p20, %p10", !a.p()),
    CASE("shl.b32 %r20, %r10, %r11", b.u() < 32 ? U(int64_t{a.u()} << b.u()) : 0),
    CASE("shl.b64 %rd20, %rd10, %r11", b.u() < 64 ? a.u64 << b.u() : 0),
    CASE("shr.u32 %r20, %r10, %r11", b.u() < 32 ? a.u() >> b.u() : 0),
    CASE("shr.s32 %r20, %r10, %r11", U(a.s() >> std::min(b.u(), 31u))),
    CASE("shr.s64 %rd20, %rd10, %r11", static_cast<uint64_t>(a.s64() >> std::min(b.u(), 63u))),
    CASE("shr.u64 %rd20, %rd10, %r11", b.u() < 64 ? a.u64 >> b.u() : 0),
    CASE("shf.l.wrap.b32 %r20, %r10, %r11, %r12",
         U(static_cast<int64_t>((uint64_t{b.u()} << 32 | a.u()) << (c.u() & 31) >> 32))),
    CASE("shf.r.clamp.b32 %r20, %r10, %r11, %r12",
         U(static_cast<int64_t>((uint64_t{b.u()} << 32 | a.u()) >> std::min(c.u(), 32u)))),
    CASE("popc.b32 %r20, %r10", std::popcount(a.u())),
    CASE("popc.b64 %r20, %rd10", std::popcount(a.u64)),
    CASE("clz.b32 %r20, %r10", std::countl_zero(a.u())),
    CASE("bfind.u32 %r20, %r10", a.u() ? 31 - std::countl_zero(a.u()) : U(-1)),
    CASE("bfe.u32 %r20, %r10, %r11, %r12", field(a.u(), b.u() & 255, c.u() & 255, 32, false)),
    CASE("bfe.s32 %r20, %r10, %r11, %r12", field(a.u(), b.u() & 255, c.u() & 255, 32, true)),
    CASE("bfi.b32 %r20, %r10, %r11, 5, 9", (b.u() & ~(511u << 5)) | (a.u() & 511) << 5),
    CASE("prmt.b32 %r20, %r10, %r11, 0x6420", (a.u() & 255) | (a.u() >> 16 & 255) << 8 |
                                                  (b.u() & 255) << 16 | (b.u() >> 16 & 255) << 24),
    CASE("lop3.b32 %r20, %r10, %r11, %r12, 0xE8",
         (a.u() & b.u()) | (a.u() & c.u()) | (b.u() & c.u())),
    CASE("dp4a.u32.u32 %r20, %r10, %r11, %r12", dot(a, b, c, 4, 0, false, false)),
    CASE("dp4a.u32.s32 %r20, %r10, %r11, %r12", dot(a, b, c, 4, 0, false, true)),
    CASE("dp4a.s32.u32 %r20, %r10, %r11, %r12", dot(a, b, c, 4, 0, true, false)),
    CASE("dp4a.s32.s32 %r20, %r10, %r11, %r12", dot(a, b, c, 4, 0, true, true)),
    CASE("dp2a.lo.u32.u32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 0, false, false)),
    CASE("dp2a.lo.u32.s32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 0, false, true)),
    CASE("dp2a.lo.s32.u32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 0, true, false)),
    CASE("dp2a.lo.s32.s32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 0, true, true)),
    CASE("dp2a.hi.u32.u32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 2, false, false)),
    CASE("dp2a.hi.u32.s32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 2, false, true)),
    CASE("dp2a.hi.s32.u32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 2, true, false)),
    CASE("dp2a.hi.s32.s32 %r20, %r10, %r11, %r12", dot(a, b, c, 2, 2, true, true)),
    CASE("selp.b32 %r20, %r10, %r11, %p12", c.p() ? a.u() : b.u()),
    CASE("selp.f32 %f20, %f10, %f11, %p12", c.p() ? a.u() : b.u()),
    CASE("add.f32 %f20, %f10, %f11", F(a.f() + b.f())),
    CASE("add.rn.f32 %f20, %f10, %f11", F(a.f() + b.f())),
    CASE("add.ftz.f32 %f20, %f10, %f11", F(ftz(ftz(a.f()) + ftz(b.f())))),
    CASE("add.sat.f32 %f20, %f10, %f11", F(sat(a.f() + b.f()))),
    CASE("sub.f32 %f20, %f10, %f11", F(a.f() - b.f())),
    CASE("mul.f32 %f20, %f10, %f11", F(a.f() * b.f())),
    CASE("mul.ftz.f32 %f20, %f10, %f11", F(ftz(ftz(a.f()) * ftz(b.f())))),
    CASE("mul.rz.f32 %f20, %f10, %f11", F(directed(static_cast<long double>(a.f()) * b.f(), 'z'))),
    CASE("mul.rp.f32 %f20, %f10, %f11", F(directed(static_cast<long double>(a.f()) * b.f(), 'p'))),
    CASE("fma.rn.f32 %f20, %f10, %f11, %f12", F(std::fmaf(a.f(), b.f(), c.f()))),
    CASE("fma.rn.ftz.f32 %f20, %f10, %f11, %f12",
         F(ftz(std::fmaf(ftz(a.f()), ftz(b.f()), ftz(c.f()))))),
    CASE("div.rn.f32 %f20, %f10, %f11", F(a.f() / b.f())),
    CASE("rcp.rn.f32 %f20, %f10", F(1 / a.f())),
    CASE("sqrt.rn.f32 %f20, %f10", F(std::sqrt(a.f()))),
    CASE("min.f32 %f20, %f10, %f11",
         F(a.f() == 0 && b.f() == 0 ? (std::signbit(a.f()) ? a.f() : b.f())
                                    : std::fmin(a.f(), b.f()))),
    CASE("max.f32 %f20, %f10, %f11",
         F(a.f() == 0 && b.f() == 0 ? (std::signbit(a.f()) ? b.f() : a.f())
                                    : std::fmax(a.f(), b.f()))),
    CASE("max.NaN.f32 %f20, %f10, %f11",
         a.f() != a.f() || b.f() != b.f()
             ? F(NAN)
             : F(a.f() == 0 && b.f() == 0 ? (std::signbit(a.f()) ? b.f() : a.f())
                                          : std::fmax(a.f(), b.f()))),
    CASE("neg.f32 %f20, %f10", a.f() != a.f() ? F(NAN) : a.u() ^ 0x80000000u),
    CASE("abs.f32 %f20, %f10", a.f() != a.f() ? F(NAN) : a.u() & 0x7fffffff),
    CASE("copysign.f32 %f20, %f10, %f11", (a.u() & 0x80000000u) | (b.u() & 0x7fffffff)),
    CASE("add.f64 %d20, %d10, %d11", D(a.d() + b.d())),
    CASE("mul.f64 %d20, %d10, %d11", D(a.d() * b.d())),
    CASE("fma.rn.f64 %d20, %d10, %d11, %d12", D(std::fma(a.d(), b.d(), c.d()))),
    CASE("div.rn.f64 %d20, %d10, %d11", D(a.d() / b.d())),
    CASE("sqrt.rn.f64 %d20, %d10", D(std::sqrt(a.d()))),
    CASE("add.rn.f32x2 %rd20, %rd10, %rd11", two(F(a.f() + b.f()), F(a.high() + b.high()))),
    CASE("sub.f32x2 %rd20, %rd10, %rd11", two(F(a.f() - b.f()), F(a.high() - b.high()))),
    CASE("mul.rn.ftz.f32x2 %rd20, %rd10, %rd11",
         two(F(ftz(ftz(a.f()) * ftz(b.f()))), F(ftz(ftz(a.high()) * ftz(b.high()))))),
    CASE("fma.rn.f32x2 %rd20, %rd10, %rd11, %rd12",
         two(F(std::fmaf(a.f(), b.f(), c.f())), F(std::fmaf(a.high(), b.high(), c.high())))),
    CASE("add.f16 %h20, %h10, %h11", toHalf(fromHalf(a.h()) + fromHalf(b.h()))),
    CASE("mul.f16 %h20, %h10, %h11", toHalf(fromHalf(a.h()) * fromHalf(b.h()))),
    CASE("add.rn.f16x2 %r20, %r10, %r11", toHalf(fromHalf(a.h()) + fromHalf(b.h())) |
                                              toHalf(fromHalf(static_cast<uint16_t>(a.u() >> 16)) +
                                                     fromHalf(static_cast<uint16_t>(b.u() >> 16)))
                                                  << 16),
    CASE("setp.eq.s32 %p20, %r10, %r11", a.s() == b.s()),
    CASE("setp.ne.b32 %p20, %r10, %r11", a.u() != b.u()),
    CASE("setp.lt.s32 %p20, %r10, %r11", a.s() < b.s()),
    CASE("setp.ge.u32 %p20, %r10, %r11", a.u() >= b.u()),
    CASE("setp.gt.s64 %p20, %rd10, %rd11", a.s64() > b.s64()),
    CASE("setp.le.u64 %p20, %rd10, %rd11", a.u64 <= b.u64),
    CASE("setp.eq.f32 %p20, %f10, %f11", a.f() == b.f()),
    CASE("setp.ne.f32 %p20, %f10, %f11", a.f() < b.f() || a.f() > b.f()),
    CASE("setp.neu.f32 %p20, %f10, %f11", !(a.f() == b.f())),
    CASE("setp.ltu.f32 %p20, %f10, %f11", !(a.f() >= b.f())),
    CASE("setp.geu.f32 %p20, %f10, %f11", !(a.f() < b.f())),
    CASE("setp.gt.ftz.f32 %p20, %f10, %f11", ftz(a.f()) > ftz(b.f())),
    CASE("setp.nan.f32 %p20, %f10, %f11", a.f() != a.f() || b.f() != b.f()),
    CASE("setp.num.f32 %p20, %f10, %f11", a.f() == a.f() && b.f() == b.f()),
    CASE("setp.lt.and.s32 %p20, %r10, %r11, !%p12", a.s() < b.s() && !c.p()),
    CASE("set.gt.u32.f32 %r20, %f10, %f11", a.f() > b.f() ? U(-1) : 0),
    CASE("cvt.s64.s32 %rd20, %r10", static_cast<uint64_t>(int64_t{a.s()})),
    CASE("cvt.u64.u32 %rd20, %r10", a.u()),
    CASE("cvt.u32.u64 %r20, %rd10", a.u()),
    CASE("cvt.s32.s8 %r20, %r10", U(static_cast<int8_t>(a.u()))),
    CASE("cvt.sat.u8.s32 %r20, %r10", static_cast<uint64_t>(std::clamp(a.s(), 0, 255))),
    CASE("cvt.rn.f32.s32 %f20, %r10", F(static_cast<float>(a.s()))),
    CASE("cvt.rn.f32.u32 %f20, %r10", F(static_cast<float>(a.u()))),
    CASE("cvt.rz.f32.s32 %f20, %r10", F(directed(a.s(), 'z'))),
    CASE("cvt.rn.f32.u64 %f20, %rd10", F(static_cast<float>(a.u64))),
    CASE("cvt.rn.f64.s64 %d20, %rd10", D(static_cast<double>(a.s64()))),
    CASE("cvt.rzi.s32.f32 %r20, %f10", clampTo(std::trunc(double{a.f()}), 32, true, false)),
    CASE("cvt.rni.s32.f32 %r20, %f10", clampTo(std::nearbyint(double{a.f()}), 32, true, false)),
    CASE("cvt.rmi.u32.f32 %r20, %f10", clampTo(std::floor(double{a.f()}), 32, false, false)),
    CASE("cvt.rpi.s64.f32 %rd20, %f10", clampTo(std::ceil(double{a.f()}), 64, true, true)),
    CASE("cvt.rzi.u16.f32 %h20, %f10", clampTo(std::trunc(double{a.f()}), 16, false, false)),
    CASE("cvt.rzi.s32.f64 %r20, %d10", clampTo(std::trunc(a.d()), 32, true, true)),
    CASE("cvt.rni.f32.f32 %f20, %f10", F(std::nearbyint(a.f()))),
    CASE("cvt.rmi.f32.f32 %f20, %f10", F(std::floor(a.f()))),
    CASE("cvt.sat.f32.f32 %f20, %f10", F(sat(a.f()))),
    CASE("cvt.rn.f32.f64 %f20, %d10", F(static_cast<float>(a.d()))),
    CASE("cvt.rp.f32.f64 %f20, %d10", F(directed(a.d(), 'p'))),
    CASE("cvt.f64.f32 %d20, %f10", D(double{a.f()})),
    CASE("cvt.f32.f16 %f20, %h10", F(static_cast<float>(fromHalf(a.h())))),
    CASE("cvt.rn.f16.f32 %h20, %f10", toHalf(a.f())),
    CASE("cvt.f32.bf16 %f20, %h10", F(static_cast<float>(fromBrain(a.h())))),
    CASE("cvt.rn.bf16.f32 %h20, %f10", toBrain(a.f())),
    CASE("cvt.rn.bf16x2.f32 %r20, %f10, %f11", toBrain(a.f()) << 16 | toBrain(b.f())),
    CASE("cvt.rn.f16x2.f32 %r20, %f10, %f11", toHalf(a.f()) << 16 | toHalf(b.f())),
    CASE("mov.b32 %r20, {%h10, %h11}", a.h() | uint64_t{b.h()} << 16),
    CASE("mov.b64 %rd20, {%r10, %r11}", a.u() | uint64_t{b.u()} << 32),
    CASE("mov.b64 {_, %r20}, %rd10", a.u64 >> 32),
    CASE("mov.b32 {%h20, _}, %r10", a.h()),
    CASE("add.cc.u32 %r20, %r10, %r11; addc.u32 %r20, %r12, 0",
         U(static_cast<int64_t>(c.u() + ((uint64_t{a.u()} + b.u()) >> 32)))),
    CASE("sub.cc.u32 %r20, %r10, %r11; subc.u32 %r20, %r12, 0",
         U(int64_t{c.u()} - (a.u() < b.u()))),
};

/// Numbers at the edges of their types, twice in 64 bits so that doubles are such too.
std::vector<uint64_t> edges() {
  std::vector<uint64_t> words;
  for (uint32_t v :
       {0u,          1u,          2u,          5u,          31u,         32u,         33u,
        63u,         64u,         255u,        256u,        0x7fu,       0x80u,       0x7fffu,
        0x8000u,     0xffffu,     0x7fffffffu, 0x80000000u, 0x80000001u, 0xffffffffu, 0xfffffffeu,
        0x00800000u, 0x007fffffu, 0x3f800000u, 0xbf800000u, 0x3f000000u, 0x3fc00000u, 0x40200000u,
        0xc0200000u, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0x7f7fffffu, 0xff7fffffu, 0x4b000001u,
        0x4f000000u, 0xcf000000u, 0x4f7fffffu, 0x477fe000u, 0x477ff000u, 0x33000000u, 0x38800000u,
        0x3f808000u, 0x3f818000u, 0x3f802000u, 0x3f801000u, 0x12345678u, 0xdeadbeefu, 0x40490fdbu,
        0xc2f6e979u, 0x3c003c00u, 0x7bff7bffu, 0x00010001u, 0xfc007e00u, 0x4e9f5a3cu, 0x3dcccccdu})
    words.push_back(uint64_t{v} << 32 | v);
  while (words.size() < 96)
    words.push_back(words.back() * 0x9e3779b97f4a7c15 + 0x632be59bd9b4e019);
  return words;
}

std::string loads() {
  std::string text = "mad.wide.u32 %rd3, %r1, 24, %rd1;\n";
  for (int k = 0; k < 3; ++k) {
    std::string n = std::to_string(10 + k);
    text += "ld.global.u64 %rd" + n + ", [%rd3+" + std::to_string(8 * k) + "];\nmov.b64 %d" + n +
            ", %rd" + n + ";\ncvt.u32.u64 %r" + n + ", %rd" + n + ";\nmov.b32 %f" + n + ", %r" + n +
            ";\ncvt.u16.u32 %h" + n + ", %r" + n + ";\nand.b32 %r30, %r" + n +
            ", 1;\nsetp.ne.u32 %p" + n + ", %r30, 0;\n";
  }
  return text;
}
/// The result as 64 bits, by the register that the instruction writes.
std::string stores(std::string_view text) {
  std::string first(text.substr(0, text.find("20")));
  std::string type = first.substr(first.rfind('%'));
  std::string widen = type == "%rd"  ? "mov.b64 %rd30, %rd20;"
                      : type == "%r" ? "cvt.u64.u32 %rd30, %r20;"
                      : type == "%f" ? "mov.b32 %r31, %f20;\ncvt.u64.u32 %rd30, %r31;"
                      : type == "%d" ? "mov.b64 %rd30, %d20;"
                      : type == "%h" ? "cvt.u64.u16 %rd30, %h20;"
                                     : "selp.b64 %rd30, 1, 0, %p20;";
  return widen + "\nmad.wide.u32 %rd4, %r1, 8, %rd2;\nst.global.u64 [%rd4], %rd30;\n";
}

/// One text with a kernel k0, k1, .. for each instruction.
std::string textOf(const std::vector<std::string> &instructions) {
  std::string text = ".version 8.6\n.target sm_100\n.address_size 64\n";
  for (size_t k = 0; k < instructions.size(); ++k) {
    std::string kernel = kernelText(loads() + instructions[k] + ";\n" + stores(instructions[k]));
    kernel = kernel.substr(kernel.find(".visible"));
    text += kernel.replace(kernel.find(" k("), 3, " k" + std::to_string(k) + "(");
  }
  return text;
}

/// Results of a kernel on triples of edges.
std::vector<uint64_t> evaluate(Device &device, size_t kernel, std::vector<Word> &operands) {
  std::vector<uint64_t> words = edges(), in;
  const auto n = static_cast<uint32_t>(words.size());
  for (uint32_t step : {3u, 11u, 37u})
    for (uint32_t i = 0; i < n; ++i)
      for (uint64_t word : {words[i], words[(i * 7 + step) % n], words[(i * 13 + 2 * step) % n]})
        in.push_back(word);
  operands.clear();
  for (uint64_t word : in)
    operands.push_back({word});
  uint64_t from = device.buffer(in), to = device.room<uint64_t>(3 * n);
  Outcome outcome =
      device.run(("k" + std::to_string(kernel)).c_str(), {1, 1, 1}, {3 * n, 1, 1}, {from, to});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  std::vector<uint64_t> results = device.read<uint64_t>(to, 3 * n);
  device.memory->free(from);
  device.memory->free(to);
  return results;
}
} // namespace

TEST(OpcodeTest, exactForms) {
  std::vector<std::string> instructions;
  for (const Case &c : kCases)
    instructions.push_back(c.text);
  std::string text = textOf(instructions);
  Device device;
  ASSERT_TRUE(device.load(text));
  for (size_t k = 0; k < std::size(kCases); ++k) {
    std::vector<Word> in;
    std::vector<uint64_t> found = evaluate(device, k, in);
    int wrong = 0;
    for (size_t i = 0; i < found.size() && wrong < 3; ++i) {
      uint64_t expected = kCases[k].host(in[3 * i], in[3 * i + 1], in[3 * i + 2]);
      wrong += found[i] != expected;
      EXPECT_EQ(found[i], expected) << kCases[k].text << std::hex << " of " << in[3 * i].u64 << ", "
                                    << in[3 * i + 1].u64 << ", " << in[3 * i + 2].u64;
    }
  }
  bool found = false;
  EXPECT_EQ(assemblerErrors(text, 100, found), "");
}

// The bounds of the ISA (9.7.3), over numbers where the function has a result.
TEST(OpcodeTest, approximations) {
  struct Approximation {
    const char *text;
    double (*truth)(double a, double b);
    double relative, absolute, least, most;
  };
  const Approximation cases[] = {
      {"ex2.approx.f32 %f20, %f10", [](double a, double) { return std::exp2(a); }, 0x1p-22, 0, -120,
       120},
      {"lg2.approx.f32 %f20, %f10", [](double a, double) { return std::log2(a); }, 0x1p-22, 0x1p-22,
       0x1p-120, 0x1p120},
      {"sin.approx.f32 %f20, %f10", [](double a, double) { return std::sin(a); }, 0, 0x1p-20, -6.28,
       6.28},
      {"cos.approx.f32 %f20, %f10", [](double a, double) { return std::cos(a); }, 0, 0x1p-20, -6.28,
       6.28},
      {"tanh.approx.f32 %f20, %f10", [](double a, double) { return std::tanh(a); }, 0x1p-11, 0, -80,
       80},
      {"rcp.approx.ftz.f32 %f20, %f10", [](double a, double) { return 1 / a; }, 0x1p-23, 0,
       0x1p-100, 0x1p100},
      {"rsqrt.approx.f32 %f20, %f10", [](double a, double) { return 1 / std::sqrt(a); }, 0x1p-22, 0,
       0x1p-100, 0x1p100},
      {"sqrt.approx.f32 %f20, %f10", [](double a, double) { return std::sqrt(a); }, 0x1p-23, 0, 0,
       0x1p100},
      {"div.approx.f32 %f20, %f10, %f11", [](double a, double b) { return a / b; }, 0x1p-22, 0,
       0x1p-50, 0x1p50},
      {"div.full.f32 %f20, %f10, %f11", [](double a, double b) { return a / b; }, 0x1p-22, 0,
       0x1p-50, 0x1p50}};
  std::vector<std::string> instructions;
  for (const Approximation &c : cases)
    instructions.push_back(c.text);
  Device device;
  ASSERT_TRUE(device.load(textOf(instructions)));
  for (size_t k = 0; k < std::size(cases); ++k) {
    const Approximation &c = cases[k];
    std::vector<Word> in;
    std::vector<uint64_t> found = evaluate(device, k, in);
    int compared = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      double a = in[3 * i].f(), b = in[3 * i + 1].f();
      if (!(a >= c.least && a <= c.most && std::fabs(b) >= 0x1p-50 && std::fabs(b) <= 0x1p50))
        continue;
      double truth = c.truth(a, b);
      EXPECT_NEAR(std::bit_cast<float>(static_cast<uint32_t>(found[i])), truth,
                  c.relative * std::fabs(truth) + c.absolute)
          << c.text << " of " << a << ", " << b;
      ++compared;
    }
    EXPECT_GE(compared, 20) << c.text;
  }
}
