#include "Kernels.h"

namespace gnc::cuda::test {

std::string moduleHead(const char *version, const char *target) {
  return std::string(".version ") + version + "\n.target " + target + "\n.address_size 64\n\n";
}

std::string scaleKernel() {
  return R"(.visible .entry scale(.param .u64 scale_x, .param .u64 scale_y, .param .u32 scale_n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<6>;
  .reg .f32 %f<3>;
  .reg .b64 %rd<6>;

  ld.param.u64 %rd1, [scale_x];
  ld.param.u64 %rd2, [scale_y];
  ld.param.u32 %r1, [scale_n];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  setp.ge.s32 %p1, %r5, %r1;
  @%p1 bra $L_end;
  mul.wide.s32 %rd3, %r5, 4;
  add.s64 %rd4, %rd1, %rd3;
  add.s64 %rd5, %rd2, %rd3;
  ld.global.f32 %f1, [%rd4];
  add.rn.f32 %f2, %f1, %f1;
  st.global.f32 [%rd5], %f2;
$L_end:
  ret;
}
)";
}

std::string sumKernel() {
  return R"(.visible .entry sum(.param .u64 sum_x, .param .u64 sum_y, .param .u32 sum_n)
{
  .reg .pred %p<3>;
  .reg .b32 %r<8>;
  .reg .f32 %f<5>;
  .reg .b64 %rd<6>;
  .shared .align 4 .b8 partial[256];

  ld.param.u64 %rd1, [sum_x];
  ld.param.u64 %rd2, [sum_y];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd4, %rd1, %rd3;
  ld.global.f32 %f1, [%rd4];
  mov.u32 %r3, partial;
  shl.b32 %r4, %r1, 2;
  add.s32 %r5, %r3, %r4;
  st.shared.f32 [%r5], %f1;
  mov.u32 %r6, 32;
$L_next:
  bar.sync 0;
  setp.ge.u32 %p1, %r1, %r6;
  @%p1 bra $L_skip;
  shl.b32 %r4, %r6, 2;
  add.s32 %r7, %r5, %r4;
  ld.shared.f32 %f2, [%r7];
  ld.shared.f32 %f3, [%r5];
  add.rn.f32 %f3, %f3, %f2;
  st.shared.f32 [%r5], %f3;
$L_skip:
  shr.u32 %r6, %r6, 1;
  setp.ne.s32 %p2, %r6, 0;
  @%p2 bra $L_next;
  bar.sync 0;
  setp.ne.s32 %p1, %r1, 0;
  @%p1 bra $L_end;
  cvt.rn.f32.u32 %f4, %r2;
  add.rn.f32 %f3, %f3, %f4;
  mul.wide.u32 %rd3, %r2, 4;
  add.s64 %rd5, %rd2, %rd3;
  st.global.f32 [%rd5], %f3;
$L_end:
  ret;
}
)";
}

} // namespace gnc::cuda::test
