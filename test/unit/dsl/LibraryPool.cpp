// Pooling and resampling.
#include "LibraryCase.h"

#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

using namespace gnc;
using namespace gnc::test;

/// A batch without ties or near ties: max is smooth around it.
static Operand distinct(std::vector<int64_t> shape) {
  Operand x = samples("x", 2, shape);
  for (size_t i = 0, n = x.value.data.size(); i < n; ++i)
    x.value.data[i] = double((i * 37) % n) / 10 - double(n); // all below what pads
  return x;
}

namespace {
struct Window {
  int64_t size, stride, pad;
  bool ceil = false;
  int64_t count(int64_t extent) const {
    int64_t over = extent + 2 * pad - size, n = (ceil ? (over + stride - 1) : over) / stride + 1;
    if (ceil && (n - 1) * stride >= extent + pad) // would begin in the padding at the end
      --n;
    return n;
  }
  std::string text() const {
    return llvm::formatv("size = {0}, stride = {1}, pad = {2}{3}", size, stride, pad,
                         ceil ? ", ceil = true" : "");
  }
};

/// What a window holds.
struct Held {
  double best = -INFINITY, sum = 0;
  int64_t inside = 0, padded = 0;
};
} // namespace

static Held hold(View x, At o, const Window &w) {
  Held held;
  int64_t h = x.extent(2), v = x.extent(3);
  for (int64_t r = 0; r < w.size * w.size; ++r) {
    int64_t i = o[2] * w.stride + r / w.size - w.pad, j = o[3] * w.stride + r % w.size - w.pad;
    held.padded += i < h + w.pad && j < v + w.pad;
    if (i < 0 || i >= h || j < 0 || j >= v)
      continue;
    held.best = std::max(held.best, x({o[0], o[1], i, j}));
    held.sum += x({o[0], o[1], i, j});
    ++held.inside;
  }
  return held;
}

template <typename Pick> static Reference pooled(Window w, Pick pick) {
  return one([w, pick](const Arguments &in) {
    View x = in["x"];
    return fill({x.extent(0), x.extent(1), w.count(x.extent(2)), w.count(x.extent(3))},
                [&](At o) { return pick(hold(x, o, w)); });
  });
}

static void addWindows(Cases &cases) {
  for (Window w : {Window{2, 2, 0},
                   {3, 2, 1},
                   {3, 1, 1},
                   {2, 3, 1},
                   {3, 2, 0, true},
                   {3, 2, 1, true},
                   {2, 3, 1, true}}) {
    Operand x = distinct({2, 6, 5});
    cases.push_back(
        {"maxpool", "maxpool(x, " + w.text() + ")", {x}, pooled(w, [](const Held &held) {
           return held.best;
         })});
    cases.push_back(
        {"avgpool", "avgpool(x, " + w.text() + ")", {x}, pooled(w, [](const Held &held) {
           return held.sum / held.padded;
         })});
    cases.push_back({"avgpool",
                     "avgpool(x, padded = false, " + w.text() + ")",
                     {x},
                     pooled(w, [](const Held &held) { return held.sum / held.inside; })});
  }
}

/// Window i of n: from floor(i * extent / n) to ceil((i + 1) * extent / n).
static Held holdAdaptive(View x, At o, int64_t rows, int64_t cols) {
  Held held;
  auto from = [](int64_t i, int64_t extent, int64_t n) { return i * extent / n; };
  auto to = [](int64_t i, int64_t extent, int64_t n) { return ((i + 1) * extent + n - 1) / n; };
  int64_t h = x.extent(2), w = x.extent(3);
  for (int64_t i = from(o[2], h, rows); i < to(o[2], h, rows); ++i)
    for (int64_t j = from(o[3], w, cols); j < to(o[3], w, cols); ++j) {
      held.best = std::max(held.best, x({o[0], o[1], i, j}));
      held.sum += x({o[0], o[1], i, j});
      ++held.inside;
    }
  return held;
}

static void addAdaptive(Cases &cases) {
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{3, 2}, {4, 3}, {6, 5}, {1, 1}, {7, 2}}) {
    auto reference = [rows = rows, cols = cols](bool best) {
      return one([=](const Arguments &in) {
        View x = in["x"];
        return fill({2, 2, rows, cols}, [&](At o) {
          Held held = holdAdaptive(x, o, rows, cols);
          return best ? held.best : held.sum / held.inside;
        });
      });
    };
    std::string to = llvm::formatv("(x, to = {0}x{1})", rows, cols);
    Operand x = distinct({2, 6, 5});
    cases.push_back({"adaptive_avgpool", "adaptive_avgpool" + to, {x}, reference(false)});
    cases.push_back({"adaptive_maxpool", "adaptive_maxpool" + to, {x}, reference(true)});
  }
}

static void addGlobal(Cases &cases) {
  auto reference = [](bool best) {
    return one([best](const Arguments &in) {
      View x = in["x"];
      return fill({2, 2}, [&](At o) {
        Held held = holdAdaptive(x, {o[0], o[1], 0, 0}, 1, 1);
        return best ? held.best : held.sum / held.inside;
      });
    });
  };
  cases.push_back({"global_avgpool", "global_avgpool(x)", {distinct({2, 3, 4})}, reference(false)});
  cases.push_back({"global_maxpool", "global_maxpool(x)", {distinct({2, 3, 4})}, reference(true)});
}

//===- resampling ---------------------------------------------------------------------------===//

/// Linear between the cells around `place`, the border repeated.
static double between(View x, int64_t n, int64_t c, double row, double col) {
  auto cell = [](int64_t i, int64_t extent) { return std::clamp<int64_t>(i, 0, extent - 1); };
  auto i = int64_t(std::floor(row)), j = int64_t(std::floor(col));
  double v = row - double(i), u = col - double(j);
  auto at = [&](int64_t r, int64_t s) {
    return x({n, c, cell(i + r, x.extent(2)), cell(j + s, x.extent(3))});
  };
  return (1 - v) * ((1 - u) * at(0, 0) + u * at(0, 1)) + v * ((1 - u) * at(1, 0) + u * at(1, 1));
}

static Reference linear(int64_t rows, int64_t cols, bool corners) {
  return one([=](const Arguments &in) {
    View x = in["x"];
    auto place = [&](int64_t i, int64_t extent, int64_t to) {
      if (corners)
        return to > 1 ? double(i) * double(extent - 1) / double(to - 1) : 0;
      return (double(i) + 0.5) * double(extent) / double(to) - 0.5;
    };
    return fill({2, 2, rows, cols}, [&](At o) {
      return between(x, o[0], o[1], place(o[2], x.extent(2), rows), place(o[3], x.extent(3), cols));
    });
  });
}

static void addResampling(Cases &cases) {
  Operand x = samples("x", 2, {2, 3, 4}, 7);
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{5, 7}, {6, 8}, {2, 3}, {1, 1}}) {
    std::string to = llvm::formatv("to = {0}x{1}", rows, cols);
    cases.push_back(
        {"resize_linear", "resize_linear(x, " + to + ")", {x}, linear(rows, cols, false)});
    cases.push_back({"resize_linear",
                     "resize_linear(x, corners = true, " + to + ")",
                     {x},
                     linear(rows, cols, true)});
    cases.push_back({"resize_nearest",
                     "resize_nearest(x, " + to + ")",
                     {x},
                     one([rows = rows, cols = cols](const Arguments &in) {
                       return fill({2, 2, rows, cols}, [&](At o) {
                         return in["x"]({o[0], o[1], o[2] * 3 / rows, o[3] * 4 / cols});
                       });
                     })});
  }
  for (int64_t by : {2, 3}) {
    std::string text = "(x, by = " + std::to_string(by) + ")";
    cases.push_back(
        {"upsample_linear", "upsample_linear" + text, {x}, linear(3 * by, 4 * by, false)});
    cases.push_back({"upsample", "upsample" + text, {x}, one([by](const Arguments &in) {
                       return fill({2, 2, 3 * by, 4 * by}, [&](At o) {
                         return in["x"]({o[0], o[1], o[2] / by, o[3] / by});
                       });
                     })});
  }
}

void gnc::test::addPoolCases(Cases &cases) {
  addWindows(cases);
  addAdaptive(cases);
  addGlobal(cases);
  addResampling(cases);
}
