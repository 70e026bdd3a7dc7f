// What plans compute: every sum in double, rounded once.
#include "runtime/emulator/DriverCudnn.h"

#include <algorithm>

namespace gnc::emulator::dnn {

namespace {
int64_t offset(const TensorText &tensor, int64_t a, int64_t b, int64_t c, int64_t d) {
  return a * tensor.strides[0] + b * tensor.strides[1] + c * tensor.strides[2] +
         d * tensor.strides[3];
}

/// Calls `body` with the offsets of the first elements of x, w and y that meet, for every channel
/// of y: `width` channels of x meet it there.
template <typename Body> void forEachMeeting(const GraphText &g, Body body) {
  int64_t width = g.w.dims[1], perGroup = g.y.dims[1] / g.groups();
  for (int64_t n = 0; n < g.y.dims[0]; ++n)
    for (int64_t i = 0; i < g.y.dims[2]; ++i)
      for (int64_t j = 0; j < g.y.dims[3]; ++j)
        for (int64_t r = 0; r < g.w.dims[2]; ++r)
          for (int64_t s = 0; s < g.w.dims[3]; ++s) {
            int64_t row = i * g.stride[0] + r * g.dilation[0] - g.pre[0],
                    column = j * g.stride[1] + s * g.dilation[1] - g.pre[1];
            if (row < 0 || row >= g.x.dims[2] || column < 0 || column >= g.x.dims[3])
              continue;
            for (int64_t k = 0; k < g.y.dims[1]; ++k)
              body(offset(g.x, n, k / perGroup * width, row, column), offset(g.w, k, 0, r, s),
                   offset(g.y, n, k, i, j));
          }
}

/// The correlation itself, over the elements of the tensor that it computes.
std::vector<double> sums(const GraphText &g, const std::vector<void *> &tensors) {
  const auto *first = static_cast<const float *>(tensors[0]),
             *second = static_cast<const float *>(tensors[1]);
  const TensorText &result = g.product == Kind::Forward        ? g.y
                             : g.product == Kind::BackwardData ? g.x
                                                               : g.w;
  std::vector<double> sum(result.bytes() / sizeof(float));
  int64_t width = g.w.dims[1], stepX = g.x.strides[1], stepW = g.w.strides[1];
  if (g.product == Kind::Forward)
    forEachMeeting(g, [&](int64_t x, int64_t w, int64_t y) {
      double all = 0;
      for (int64_t c = 0; c < width; ++c)
        all += double(first[x + c * stepX]) * second[w + c * stepW];
      sum[size_t(y)] += all;
    });
  else if (g.product == Kind::BackwardData)
    forEachMeeting(g, [&](int64_t x, int64_t w, int64_t y) {
      double factor = second[y];
      for (int64_t c = 0; c < width; ++c)
        sum[size_t(x + c * stepX)] += factor * first[w + c * stepW];
    });
  else
    forEachMeeting(g, [&](int64_t x, int64_t w, int64_t y) {
      double factor = second[y];
      for (int64_t c = 0; c < width; ++c)
        sum[size_t(w + c * stepW)] += factor * first[x + c * stepX];
    });
  return sum;
}
} // namespace

void compute(const GraphText &g, const std::vector<void *> &tensors) {
  std::vector<double> sum = sums(g, tensors);
  auto *to = static_cast<float *>(tensors.back());
  const auto *bias = g.bias ? static_cast<const float *>(tensors[2]) : nullptr;
  const TensorText &from = g.product == Kind::Forward ? g.y : g.result;
  for (int64_t a = 0; a < from.dims[0]; ++a)
    for (int64_t b = 0; b < from.dims[1]; ++b)
      for (int64_t c = 0; c < from.dims[2]; ++c)
        for (int64_t d = 0; d < from.dims[3]; ++d) {
          double value = sum[size_t(offset(from, a, b, c, d))];
          if (bias)
            value += bias[b * g.bias->strides[1]];
          if (g.relu)
            value = std::max(value, 0.0);
          to[offset(g.result, a, b, c, d)] = float(value);
        }
}

} // namespace gnc::emulator::dnn
