//===- FiniteKernel.h - is what a step left finite? -------------------------------------------===//
//
// A kernel of the runtime's own, so that looking at the weights after each commit moves one word to
// the host and not all of them. The word is the one that stops commits. Written by hand; every card
// that programs can be made for takes it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace gnc::cuda {

/// A run of f32 in the arena, for one block.
struct FinitePiece {
  uint64_t offset = 0; ///< bytes
  uint64_t count = 0;  ///< elements
};
constexpr uint32_t finiteThreads = 256;
constexpr uint64_t finitePieceElements = 16384;

/// gnc_finite(arena, pieces, flag): sets bit 0 of the flag if an element of the block's piece is
/// NaN or infinity: its exponent is all ones.
constexpr const char *finiteKernelName = "gnc_finite";
constexpr const char *finiteKernel = R"(
.version 7.0
.target sm_75
.address_size 64

.visible .entry gnc_finite(
  .param .u64 gnc_finite_arena,
  .param .u64 gnc_finite_pieces,
  .param .u64 gnc_finite_flag
)
.maxntid 256, 1, 1
{
  .reg .pred %p<3>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<10>;

  ld.param.u64 %rd1, [gnc_finite_arena];
  ld.param.u64 %rd2, [gnc_finite_pieces];
  ld.param.u64 %rd3, [gnc_finite_flag];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  cvta.to.global.u64 %rd3, %rd3;
  mov.u32 %r1, %ctaid.x;
  mul.wide.u32 %rd4, %r1, 16;
  add.s64 %rd4, %rd2, %rd4;
  ld.global.u64 %rd5, [%rd4];
  ld.global.u64 %rd6, [%rd4+8];
  add.s64 %rd5, %rd1, %rd5;
  mov.u32 %r2, %tid.x;
  cvt.u64.u32 %rd7, %r2;
  mov.u32 %r3, 0;

$L_next:
  setp.ge.u64 %p1, %rd7, %rd6;
  @%p1 bra $L_done;
  shl.b64 %rd8, %rd7, 2;
  add.s64 %rd8, %rd5, %rd8;
  ld.global.u32 %r4, [%rd8];
  and.b32 %r5, %r4, 0x7f800000;
  setp.eq.s32 %p2, %r5, 0x7f800000;
  selp.b32 %r3, 1, %r3, %p2;
  add.s64 %rd7, %rd7, 256;
  bra $L_next;

$L_done:
  setp.eq.s32 %p1, %r3, 0;
  @%p1 bra $L_end;
  atom.global.or.b32 %r6, [%rd3], 1;
$L_end:
  ret;
}
)";

} // namespace gnc::cuda
