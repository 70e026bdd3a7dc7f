// Kernels of the kinds that networks need, for the software device: tiled products, convolutions,
// reductions, activations, pooling, an optimizer, atomics, device functions.

extern "C" __global__ void __launch_bounds__(256)
tiledProduct(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float left[16][68], right[16][64];
  int column = threadIdx.x % 16, row = threadIdx.x / 16;
  int top = blockIdx.y * 64, side = blockIdx.x * 64;
  float sum[4][4] = {};
  for (int begin = 0; begin < k; begin += 16) {
    for (int i = threadIdx.x; i < 1024; i += 256) {
      int r = i / 16, s = i % 16;
      left[s][r] = top + r < m && begin + s < k ? a[(top + r) * k + begin + s] : 0.0f;
    }
    for (int i = threadIdx.x; i < 1024; i += 256) {
      int s = i / 64, q = i % 64;
      right[s][q] = begin + s < k && side + q < n ? b[(begin + s) * n + side + q] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int s = 0; s < 16; ++s)
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
          sum[i][j] += left[s][row * 4 + i] * right[s][column * 4 + j];
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      int r = top + row * 4 + i, q = side + column * 4 + j;
      if (r < m && q < n)
        c[r * n + q] = sum[i][j];
    }
}

extern "C" __global__ void convolution(const float *x, const float *w, float *y, int channels,
                                       int size, int filters, int window) {
  int out = size - window + 1, index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= filters * out * out)
    return;
  int f = index / (out * out), i = index / out % out, j = index % out;
  float sum = 0;
  for (int c = 0; c < channels; ++c)
    for (int r = 0; r < window; ++r)
      for (int s = 0; s < window; ++s)
        sum += w[((f * channels + c) * window + r) * window + s] *
               x[(c * size + i + r) * size + j + s];
  y[index] = sum;
}

__device__ float warpSum(float value) {
  for (int distance = 16; distance; distance /= 2)
    value += __shfl_xor_sync(0xffffffff, value, distance);
  return value;
}

extern "C" __global__ void rowSums(const float *x, float *y, int n) {
  __shared__ float partial[8];
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    sum += x[blockIdx.x * n + i];
  sum = warpSum(sum);
  if (threadIdx.x % 32 == 0)
    partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = warpSum(threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0.0f);
    if (threadIdx.x == 0)
      y[blockIdx.x] = sum;
  }
}

extern "C" __global__ void softmax(const float *x, float *y, int n) {
  const float *row = x + blockIdx.x * n;
  float most = -1e30f, sum = 0;
  for (int i = threadIdx.x; i < n; i += 32)
    most = fmaxf(most, row[i]);
  for (int distance = 16; distance; distance /= 2)
    most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, distance));
  for (int i = threadIdx.x; i < n; i += 32)
    sum += expf(row[i] - most);
  sum = warpSum(sum);
  for (int i = threadIdx.x; i < n; i += 32)
    y[blockIdx.x * n + i] = expf(row[i] - most) / sum;
}

extern "C" __global__ void functions(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  float v = x[i];
  y[i] = expf(v);
  y[n + i] = logf(fabsf(v) + 1);
  y[2 * n + i] = tanhf(v);
  y[3 * n + i] = sinf(v * 1000);
  y[4 * n + i] = powf(fabsf(v), 1.3f);
  y[5 * n + i] = erff(v);
  y[6 * n + i] = 1 / sqrtf(fabsf(v) + 1);
  y[7 * n + i] = fmodf(v, 0.7f);
}

extern "C" __global__ void adam(float *weight, float *first, float *second, const float *gradient,
                                int n, float rate) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  float g = gradient[i];
  float m = first[i] = 0.9f * first[i] + 0.1f * g;
  float v = second[i] = 0.999f * second[i] + 0.001f * g * g;
  weight[i] -= rate * m / (sqrtf(v) + 1e-8f);
}

extern "C" __global__ void histogram(const int *x, int *count, int n) {
  __shared__ int mine[16];
  if (threadIdx.x < 16)
    mine[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&mine[x[i] & 15], 1);
  __syncthreads();
  if (threadIdx.x < 16)
    atomicAdd(&count[threadIdx.x], mine[threadIdx.x]);
}

__device__ __noinline__ int collatz(int n) {
  int steps = 0;
  for (; n != 1; ++steps)
    n = n % 2 ? 3 * n + 1 : n / 2;
  return steps;
}

extern "C" __global__ void calls(const int *x, int *y) { y[threadIdx.x] = collatz(x[threadIdx.x]); }

// Lanes of a warp that hand a lock to one another: they must be able to go on independently.
extern "C" __global__ void lock(int *state, int *total) {
  bool done = false;
  while (!done)
    if (atomicCAS(state, 0, 1) == 0) {
      *(volatile int *)total = *(volatile int *)total + 1;
      __threadfence();
      atomicExch(state, 0);
      done = true;
    }
}

// A block waits for one that comes later.
extern "C" __global__ void waitForNext(volatile int *flag, int *order) {
  if (blockIdx.x + 1 < gridDim.x)
    while (flag[blockIdx.x + 1] == 0) {
    }
  order[blockIdx.x] = atomicAdd((int *)flag + gridDim.x, 1);
  __threadfence();
  flag[blockIdx.x] = 1;
}
