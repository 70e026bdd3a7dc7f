// The kernels of the line net as PTX.
#include "LineKernels.h"

#include "Kernels.h"

namespace gnc::cuda::test {

/// forward(x, w, r, n): r[s] = w . x[s] - 1. score(x, w, loss, n): loss[s] = (w . x[s] - 1)^2.
static std::string perSample(const std::string &name, bool square) {
  std::string text = ".visible .entry " + name + "(.param .u64 " + name + "_x, .param .u64 " +
                     name + "_w,\n  .param .u64 " + name + "_r, .param .u32 " + name + "_n)\n" +
                     R"({
  .reg .pred %p<2>;
  .reg .b32 %r<6>;
  .reg .f32 %f<12>;
  .reg .b64 %rd<7>;

  ld.param.u64 %rd1, [)" +
                     name + "_x];\n  ld.param.u64 %rd2, [" + name + "_w];\n  ld.param.u64 %rd3, [" +
                     name + "_r];\n  ld.param.u32 %r1, [" + name + R"(_n];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  cvta.to.global.u64 %rd3, %rd3;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %tid.x;
  shl.b32 %r4, %r2, 5;
  add.s32 %r5, %r4, %r3;
  setp.ge.s32 %p1, %r5, %r1;
  @%p1 bra $L_end;
  mul.wide.s32 %rd4, %r5, 16;
  add.s64 %rd5, %rd1, %rd4;
  mov.f32 %f1, 0f00000000;
)";
  for (int k = 0; k < 4; ++k) {
    std::string at = std::to_string(4 * k);
    text += "  ld.global.f32 %f2, [%rd5+" + at + "];\n  ld.global.f32 %f3, [%rd2+" + at +
            "];\n  mul.rn.f32 %f4, %f3, %f2;\n  add.rn.f32 %f1, %f1, %f4;\n";
  }
  text += "  sub.rn.f32 %f5, %f1, 0f3F800000;\n";
  if (square)
    text += "  mul.rn.f32 %f5, %f5, %f5;\n";
  return text + R"(  mul.wide.s32 %rd4, %r5, 4;
  add.s64 %rd6, %rd3, %rd4;
  st.global.f32 [%rd6], %f5;
$L_end:
  ret;
}

)";
}

/// reduce(x, r, g, loss, norm, n): one block of 32; thread k < 4 sums g[k] = 2/n sum_s r[s] x[s,
/// k], thread 4 the loss; thread 0 the norm of what the others left in shared memory.
static const char *const reduce = R"(.visible .entry reduce(
  .param .u64 reduce_x, .param .u64 reduce_r, .param .u64 reduce_g,
  .param .u64 reduce_loss, .param .u64 reduce_norm, .param .u32 reduce_n)
{
  .reg .pred %p<4>;
  .reg .b32 %r<8>;
  .reg .f32 %f<12>;
  .reg .b64 %rd<12>;
  .shared .align 4 .b8 parts[32];

  ld.param.u64 %rd1, [reduce_x];
  ld.param.u64 %rd2, [reduce_r];
  ld.param.u64 %rd3, [reduce_g];
  ld.param.u64 %rd4, [reduce_loss];
  ld.param.u64 %rd5, [reduce_norm];
  ld.param.u32 %r1, [reduce_n];
  mov.u32 %r2, %tid.x;
  mov.u32 %r3, parts;
  shl.b32 %r4, %r2, 2;
  add.s32 %r4, %r3, %r4;
  cvt.rn.f32.s32 %f1, %r1;
  mov.f32 %f2, 0f00000000;
  setp.gt.u32 %p1, %r2, 4;
  @%p1 bra $L_meet;
  mov.u32 %r5, 0;
  setp.eq.s32 %p3, %r2, 4;
$L_sample:
  mul.wide.s32 %rd6, %r5, 4;
  add.s64 %rd7, %rd2, %rd6;
  ld.global.f32 %f3, [%rd7];
  mov.f32 %f4, %f3;
  @%p3 bra $L_add;
  mul.wide.s32 %rd8, %r5, 16;
  mul.wide.u32 %rd9, %r2, 4;
  add.s64 %rd8, %rd8, %rd9;
  add.s64 %rd8, %rd1, %rd8;
  ld.global.f32 %f4, [%rd8];
$L_add:
  mul.rn.f32 %f5, %f3, %f4;
  add.rn.f32 %f2, %f2, %f5;
  add.s32 %r5, %r5, 1;
  setp.lt.s32 %p2, %r5, %r1;
  @%p2 bra $L_sample;
  div.rn.f32 %f2, %f2, %f1;
  @!%p3 bra $L_gradient;
  st.global.f32 [%rd4], %f2;
  bra $L_meet;
$L_gradient:
  add.rn.f32 %f2, %f2, %f2;
  mul.wide.u32 %rd9, %r2, 4;
  add.s64 %rd10, %rd3, %rd9;
  st.global.f32 [%rd10], %f2;
  st.shared.f32 [%r4], %f2;
$L_meet:
  bar.sync 0;
  setp.ne.s32 %p1, %r2, 0;
  @%p1 bra $L_end;
  mov.f32 %f6, 0f00000000;
  ld.shared.f32 %f7, [parts];
  mul.rn.f32 %f8, %f7, %f7;
  add.rn.f32 %f6, %f6, %f8;
  ld.shared.f32 %f7, [parts+4];
  mul.rn.f32 %f8, %f7, %f7;
  add.rn.f32 %f6, %f6, %f8;
  ld.shared.f32 %f7, [parts+8];
  mul.rn.f32 %f8, %f7, %f7;
  add.rn.f32 %f6, %f6, %f8;
  ld.shared.f32 %f7, [parts+12];
  mul.rn.f32 %f8, %f7, %f7;
  add.rn.f32 %f6, %f6, %f8;
  sqrt.rn.f32 %f6, %f6;
  st.global.f32 [%rd5], %f6;
$L_end:
  ret;
}

)";

/// update(g, lr, w, steps, loss, norm, halt, n): w[k] -= lr g[k]; steps += 1; nothing if it may
/// not.
static const char *const update = R"(.visible .entry update(
  .param .u64 update_g, .param .u64 update_lr, .param .u64 update_w,
  .param .u64 update_steps, .param .u64 update_loss, .param .u64 update_norm,
  .param .u64 update_halt, .param .u32 update_n)
{
  .reg .pred %p<3>;
  .reg .b32 %r<4>;
  .reg .f32 %f<7>;
  .reg .b64 %rd<8>;

  ld.param.u64 %rd1, [update_loss];
  ld.param.u64 %rd2, [update_norm];
  ld.param.u64 %rd3, [update_halt];
  ld.global.u32 %r1, [%rd3];
  setp.ne.s32 %p1, %r1, 0;
  @%p1 bra $L_end;
  ld.global.u32 %r2, [%rd1];
  and.b32 %r2, %r2, 0x7f800000;
  setp.eq.s32 %p1, %r2, 0x7f800000;
  @%p1 bra $L_end;
  ld.global.u32 %r3, [%rd2];
  and.b32 %r3, %r3, 0x7f800000;
  setp.eq.s32 %p1, %r3, 0x7f800000;
  @%p1 bra $L_end;
  ld.param.u64 %rd1, [update_g];
  ld.param.u64 %rd2, [update_lr];
  ld.param.u64 %rd3, [update_w];
  ld.param.u64 %rd4, [update_steps];
  mov.u32 %r1, %tid.x;
  setp.gt.u32 %p1, %r1, 3;
  @%p1 bra $L_end;
  mul.wide.u32 %rd5, %r1, 4;
  add.s64 %rd6, %rd1, %rd5;
  add.s64 %rd7, %rd3, %rd5;
  ld.global.f32 %f1, [%rd6];
  ld.global.f32 %f2, [%rd2];
  ld.global.f32 %f3, [%rd7];
  mul.rn.f32 %f4, %f2, %f1;
  sub.rn.f32 %f3, %f3, %f4;
  st.global.f32 [%rd7], %f3;
  setp.ne.s32 %p2, %r1, 0;
  @%p2 bra $L_end;
  ld.global.f32 %f5, [%rd4];
  add.rn.f32 %f6, %f5, 0f3F800000;
  st.global.f32 [%rd4], %f6;
$L_end:
  ret;
}

)";

std::string lineModule() {
  return moduleHead("7.0", "sm_75") + perSample("forward", false) + perSample("score", true) +
         reduce + update;
}

} // namespace gnc::cuda::test
