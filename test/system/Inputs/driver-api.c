/* A program of somebody else: C, NVIDIA's cuda.h, linked with the software device in place of the
   driver. Doubles 64 numbers, once by a launch and twice by a graph. */
#include <cuda.h>
#include <stdio.h>
#include <stdlib.h>

static const char ptx[] =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry twice(.param .u64 twice_x, .param .u32 twice_n)\n{\n"
    "  .reg .pred %p<2>;\n  .reg .b32 %r<4>;\n  .reg .f32 %f<3>;\n  .reg .b64 %rd<4>;\n"
    "  ld.param.u64 %rd1, [twice_x];\n  ld.param.u32 %r1, [twice_n];\n"
    "  cvta.to.global.u64 %rd1, %rd1;\n  mov.u32 %r2, %tid.x;\n  setp.ge.u32 %p1, %r2, %r1;\n"
    "  @%p1 bra $L_end;\n  mul.wide.u32 %rd2, %r2, 4;\n  add.s64 %rd3, %rd1, %rd2;\n"
    "  ld.global.f32 %f1, [%rd3];\n  add.f32 %f2, %f1, %f1;\n  st.global.f32 [%rd3], %f2;\n"
    "$L_end:\n  ret;\n}\n";

static void check(CUresult code, const char *call) {
  const char *text = "?";
  if (code == CUDA_SUCCESS)
    return;
  cuGetErrorString(code, &text);
  fprintf(stderr, "%s: %d, %s\n", call, (int)code, text);
  exit(1);
}
#define CHECK(call) check(call, #call)

int main(void) {
  CUdevice device;
  CUcontext context;
  CUstream stream;
  CUmodule module;
  CUfunction twice;
  CUdeviceptr x;
  CUgraph graph;
  CUgraphExec exec;
  CUevent start, end;
  float numbers[64], milliseconds = -1;
  int n = 64, i, major, blocks;
  size_t bytes, nodes = 0;
  char name[64];

  CHECK(cuInit(0));
  CHECK(cuDeviceGet(&device, 0));
  CHECK(cuDeviceGetName(name, sizeof name, device));
  CHECK(cuDeviceTotalMem(&bytes, device));
  CHECK(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device));
  CHECK(cuCtxCreate(&context, NULL, 0, device));
  CHECK(cuModuleLoadData(&module, ptx));
  CHECK(cuModuleGetFunction(&twice, module, "twice"));
  CHECK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, twice, 64, 0));
  CHECK(cuMemAlloc(&x, sizeof numbers));
  CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CHECK(cuEventCreate(&start, CU_EVENT_DEFAULT));
  CHECK(cuEventCreate(&end, CU_EVENT_DEFAULT));
  for (i = 0; i < n; ++i)
    numbers[i] = (float)i;
  CHECK(cuMemcpyHtoD(x, numbers, sizeof numbers));
  void *parameters[] = {&x, &n};
  CHECK(cuEventRecord(start, stream));
  CHECK(cuLaunchKernel(twice, 1, 1, 1, 64, 1, 1, 0, stream, parameters, NULL));
  CHECK(cuEventRecord(end, stream));
  CHECK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CUlaunchConfig config = {.gridDimX = 1, .gridDimY = 1, .gridDimZ = 1, .blockDimX = 64,
                           .blockDimY = 1, .blockDimZ = 1, .hStream = stream};
  CHECK(cuLaunchKernelEx(&config, twice, parameters, NULL));
  CHECK(cuStreamEndCapture(stream, &graph));
  CHECK(cuGraphGetNodes(graph, NULL, &nodes));
  CHECK(cuGraphInstantiate(&exec, graph, 0));
  CHECK(cuGraphLaunch(exec, stream));
  CHECK(cuGraphLaunch(exec, stream));
  CHECK(cuStreamSynchronize(stream));
  CHECK(cuEventElapsedTime(&milliseconds, start, end));
  CHECK(cuMemcpyDtoH(numbers, x, sizeof numbers));
  for (i = 0; i < n; ++i)
    if (numbers[i] != 8 * (float)i) {
      fprintf(stderr, "number %d is %g\n", i, numbers[i]);
      return 1;
    }
  CHECK(cuMemFree(x));
  CHECK(cuModuleUnload(module));
  CHECK(cuCtxDestroy(context));
  printf("%s: %zu bytes, capability %d, %d blocks, %zu node, time %s\n", name, bytes, major, blocks,
         nodes, milliseconds >= 0 ? "ok" : "bad");
  return 0;
}
