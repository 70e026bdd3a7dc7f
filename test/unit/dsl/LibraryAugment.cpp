// Augmentations: their numbers are drawn, so the tests say what any draw must satisfy. Many look at
// an image whose cells hold their own place: what comes out says where it was read.
#include "LibraryCase.h"

#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace gnc;
using namespace gnc::test;

using Check = std::function<std::string(const Arguments &, const TensorValue &)>;

static void add(Cases &cases, std::string name, std::string settings, Operand image, Check check) {
  LibraryCase one{name, "x -> " + name + settings, {std::move(image)}, nullptr};
  one.accepts = std::move(check);
  cases.push_back(std::move(one));
}

static Operand image() { return samples("x", 16, {2, 5, 4}, 61, 0.1, 0.9); }

/// Channel 0 holds the row, channel 1 the column.
static Operand places(int64_t rows, int64_t cols) {
  Operand x = samples("x", 16, {2, rows, cols});
  x.value = fill({16, 2, rows, cols}, [](At o) { return double(o[1] ? o[3] : o[2]); });
  return x;
}

static bool near(double a, double b) {
  return std::fabs(a - b) < kConstants32 * (1 + std::fabs(b));
}

/// Each sample of `found` is one of `count` possible ones; all of them occur.
static std::string isOneOf(View found, int64_t count,
                           llvm::function_ref<double(int64_t choice, At)> element) {
  std::vector<bool> seen(count);
  for (int64_t n = 0; n < found.extent(0); ++n) {
    int64_t matches = 0;
    for (int64_t choice = 0; choice < count; ++choice) {
      bool same = true;
      fill({found.extent(1), found.extent(2), found.extent(3)}, [&](At o) {
        std::vector<int64_t> at{n, o[0], o[1], o[2]};
        same = same && found(at) == element(choice, at);
        return 0;
      });
      matches += same;
      seen[choice] = seen[choice] || same;
    }
    if (matches != 1)
      return llvm::formatv("sample {0} is {1} of the {2} possible ones", n, matches, count);
  }
  return llvm::is_contained(seen, false) ? "a possible result never occurs" : "";
}

static void addMoves(Cases &cases) {
  add(cases, "random_flip", "", image(), [](const Arguments &in, const TensorValue &y) {
    View x = in["x"];
    return isOneOf(View{y}, 2, [&](int64_t flipped, At o) {
      return x({o[0], o[1], o[2], flipped ? 3 - o[3] : o[3]});
    });
  });
  add(cases, "random_flip_vertical", "", image(), [](const Arguments &in, const TensorValue &y) {
    View x = in["x"];
    return isOneOf(View{y}, 2, [&](int64_t flipped, At o) {
      return x({o[0], o[1], flipped ? 4 - o[2] : o[2], o[3]});
    });
  });
  add(cases, "random_crop", "(4x3)", image(), [](const Arguments &in, const TensorValue &y) {
    View x = in["x"];
    return isOneOf(View{y}, 4, [&](int64_t place, At o) {
      return x({o[0], o[1], o[2] + place / 2, o[3] + place % 2});
    });
  });
  add(cases, "cutout", "(3x2, value = 7)", image(), [](const Arguments &in, const TensorValue &y) {
    View x = in["x"];
    return isOneOf(View{y}, 20, [&](int64_t middle, At o) {
      int64_t top = middle / 4 - 1, left = middle % 4 - 1;
      bool inside = top <= o[2] && o[2] < top + 3 && left <= o[3] && o[3] < left + 2;
      return inside ? 7 : x(o);
    });
  });
  cases.back().operands = {samples("x", 200, {1, 5, 4}, 61, 0.1, 0.9)}; // for all to occur
}

//===- warps --------------------------------------------------------------------------------===//

/// Distances from the middle are kept and all cells of a sample turn by the same angle.
static std::string isTurned(const Arguments &, const TensorValue &tensor) {
  View y{tensor};
  for (int64_t n = 0; n < 16; ++n) {
    double first = NAN;
    for (int64_t i = 3; i < 8; ++i)
      for (int64_t j = 3; j < 8; ++j) {
        double di = double(i) - 5, dj = double(j) - 5;
        double si = y({n, 0, i, j}) - 5, sj = y({n, 1, i, j}) - 5;
        if (!near(si * si + sj * sj, di * di + dj * dj))
          return llvm::formatv("cell {0}, {1} of sample {2} changed its distance", i, j, n);
        if (di == 0 && dj == 0)
          continue;
        double angle = std::atan2(di * sj - dj * si, di * si + dj * sj) * 180 / M_PI;
        if (std::isnan(first))
          first = angle;
        if (std::fabs(angle - first) > 1e-3 || std::fabs(angle) > 20)
          return llvm::formatv("cell {0}, {1} of sample {2} turned by {3}", i, j, n, angle);
      }
  }
  return "";
}

/// Rows and columns are evenly spaced and cover a share of the area, except at the border.
static std::string isStretched(const Arguments &, const TensorValue &tensor) {
  View y{tensor};
  for (int64_t n = 0; n < 16; ++n) {
    double row = y({n, 0, 3, 0}) - y({n, 0, 2, 0}), col = y({n, 1, 0, 3}) - y({n, 1, 0, 2});
    double share = row * 6 * col * 6 / (20.0 * 16);
    if (!(share > 0.25 - 1e-4 && share < 0.5 + 1e-4))
      return llvm::formatv("sample {0} shows {1} of the image", n, share);
    double ratio = col / row;
    if (!(ratio > 0.8 - 1e-4 && ratio < 1.25 + 1e-4))
      return llvm::formatv("sample {0} has the ratio {1}", n, ratio);
    for (int64_t i = 1; i < 6; ++i)
      if (!near(y({n, 0, i, 0}) - y({n, 0, i - 1, 0}), row) ||
          !near(y({n, 1, 0, i}) - y({n, 1, 0, i - 1}), col))
        return llvm::formatv("the rows or columns of sample {0} are not even", n);
    if (y({n, 0, 0, 0}) < 0 || y({n, 0, 5, 5}) > 19 || y({n, 1, 0, 0}) < 0 || y({n, 1, 5, 5}) > 15)
      return "outside";
  }
  return "";
}

/// alpha = 2, sigma = 1: a move is a uniform number blurred, of the deviation 2 * sqrt(1/3) * sum
/// of the squares of the weights of one direction; neighbours move together, cells four apart do
/// not.
static std::string movesALittle(const Arguments &, const TensorValue &tensor) {
  View y{tensor};
  const double deviation = 2 * std::sqrt(1. / 3) * 0.282;
  for (int64_t axis : {0, 1}) {
    auto moved = [&](int64_t n, int64_t i, int64_t j) {
      return y({n, axis, i, j}) - double(axis ? j : i);
    };
    auto mean = [&](llvm::function_ref<double(int64_t n, int64_t k)> of) {
      double sum = 0;
      for (int64_t n = 0; n < 16; ++n)
        for (int64_t k = 3; k < 8; ++k)
          sum += of(n, k) / (16 * 5);
      return sum;
    };
    auto isTypical = [&](double square) {
      return square > 0.25 * deviation * deviation && square < 2.5 * deviation * deviation;
    };
    for (int64_t line = 3; line < 8; ++line) {
      auto row = [&](int64_t n, int64_t k) { return moved(n, line, k) * moved(n, line, k); };
      auto column = [&](int64_t n, int64_t k) { return moved(n, k, line) * moved(n, k, line); };
      if (!isTypical(mean(row)) || !isTypical(mean(column)))
        return llvm::formatv("the squares of row and column {0} are {1} and {2}", line, mean(row),
                             mean(column));
      for (int64_t n = 0; n < 16; ++n)
        if (std::fabs(moved(n, line, 4) - moved(n, line, 5)) > 1)
          return llvm::formatv("row {0} of sample {1} tears apart", line, n);
    }
    double rows = mean([&](int64_t n, int64_t k) { return moved(n, 3, k) * moved(n, 7, k); }),
           columns = mean([&](int64_t n, int64_t k) { return moved(n, k, 3) * moved(n, k, 7); });
    if (std::max(std::fabs(rows), std::fabs(columns)) > 0.5 * deviation * deviation)
      return llvm::formatv("far cells move together: {0} and {1}", rows, columns);
  }
  return "";
}

/// Beside the border as in the middle, the moves have no direction: their means are 0. With alpha =
/// 1 and sigma = 2 a cell moves by 0.08 (one deviation), and 32 of 144 cells beside the border
/// count for themselves: 0.08 is more than 5 deviations of the mean.
static std::string movesNowhereInTheMean(const Arguments &, const TensorValue &tensor) {
  View y{tensor};
  for (int64_t line : {1, 9}) {
    double di = 0, dj = 0;
    for (int64_t n = 0; n < 16; ++n)
      for (int64_t k = 1; k < 10; ++k) {
        di += (y({n, 0, line, k}) - double(line)) / (16 * 9);
        dj += (y({n, 1, k, line}) - double(line)) / (16 * 9);
      }
    if (std::fabs(di) > 0.08 || std::fabs(dj) > 0.08)
      return llvm::formatv("row and column {0} move by {1} and {2}", line, di, dj);
  }
  return "";
}

static double cell(View x, At o, double row, double col, bool nearest) {
  auto at = [&](double i, double j) {
    double inside = i >= 0 && i < double(x.extent(2)) && j >= 0 && j < double(x.extent(3));
    return inside ? x({o[0], o[1], int64_t(i), int64_t(j)}) : 9;
  };
  if (nearest)
    return at(std::floor(row + 0.5), std::floor(col + 0.5));
  double i = std::floor(row), j = std::floor(col), v = row - i, u = col - j;
  return (1 - v) * ((1 - u) * at(i, j) + u * at(i, j + 1)) +
         v * ((1 - u) * at(i + 1, j) + u * at(i + 1, j + 1));
}

static void addWarps(Cases &cases) {
  Operand x = samples("x", 2, {2, 4, 5}, 62);
  for (bool nearest : {false, true})
    cases.push_back(
        {"warp",
         std::string("warp(x, rows = r, cols = s, value = 9") +
             (nearest ? ", nearest = true)" : ")"),
         {x, samples("r", 2, {3, 3}, 63, -0.9, 3.9), samples("s", 2, {3, 3}, 64, -0.9, 4.9)},
         one([nearest](const Arguments &in) {
           return fill({2, 2, 3, 3}, [&](At o) {
             std::vector<int64_t> at{o[0], o[2], o[3]};
             return cell(in["x"], o, in["r"](at), in["s"](at), nearest);
           });
         })});
  add(cases, "random_rotate", "(20)", places(11, 11), isTurned);
  add(cases, "random_resized_crop", "(6, area = [0.25, 0.5], ratio = [0.8, 1.25])", places(20, 16),
      isStretched);
  add(cases, "elastic", "(2, 1)", places(11, 11), movesALittle);
  add(cases, "elastic", "(1, 2)", places(11, 11), movesNowhereInTheMean);
}

//===- colours, mixing ----------------------------------------------------------------------===//

/// y = a + b * x within a sample, with a and b from two of its elements; b in the given range.
static std::string isAffine(View x, View y, double low, double high, bool throughZero) {
  size_t size = x.tensor.data.size() / x.extent(0);
  for (int64_t n = 0; n < x.extent(0); ++n) {
    const double *from = &x.tensor.data[n * size], *to = &y.tensor.data[n * size];
    double b = throughZero ? to[0] / from[0] : (to[1] - to[0]) / (from[1] - from[0]);
    double a = to[0] - b * from[0];
    if (!(b > low - 1e-4 && b < high + 1e-4))
      return llvm::formatv("the factor of sample {0} is {1}", n, b);
    for (size_t i = 0; i < size; ++i)
      if (std::fabs(to[i] - (a + b * from[i])) > 1e-4)
        return llvm::formatv("element {0} of sample {1} has another factor", i, n);
  }
  return "";
}

static void addColours(Cases &cases) {
  Operand gentle = samples("x", 16, {2, 3, 3}, 65, 0.4, 0.6);
  add(cases, "color_jitter", "(0.3, 0, 0)", gentle, [](const Arguments &in, const TensorValue &y) {
    return isAffine(in["x"], View{y}, 0.7, 1.3, true);
  });
  add(cases, "color_jitter", "(0, 0.5, 0)", gentle, [](const Arguments &in, const TensorValue &y) {
    return isAffine(in["x"], View{y}, 0.5, 1.5, false);
  });
  add(cases, "color_jitter", "(0, 0, 0.5)", samples("x", 16, {3, 2, 2}, 66, 0.4, 0.6),
      [](const Arguments &in, const TensorValue &tensor) -> std::string {
        View x = in["x"], y{tensor};
        for (int64_t n = 0; n < 16; ++n)
          for (int64_t p = 0; p < 4; ++p) {
            auto luma = [&](View v) {
              return 0.299 * v({n, 0, p / 2, p % 2}) + 0.587 * v({n, 1, p / 2, p % 2}) +
                     0.114 * v({n, 2, p / 2, p % 2});
            };
            if (!near(luma(x), luma(y)))
              return llvm::formatv("cell {0} of sample {1} changed its brightness", p, n);
          }
        return "";
      });
}

/// y[n] = s * x[n] + (1 - s) * x[N - 1 - n] with one s a sample.
static std::string isMixed(const Arguments &in, const TensorValue &tensor) {
  View x = in["x"], y{tensor};
  for (int64_t n = 0; n < 16; ++n) {
    double own = x({n, 0}), other = x({15 - n, 0}), s = (y({n, 0}) - other) / (own - other);
    if (!(s > -1e-4 && s < 1 + 1e-4))
      return llvm::formatv("sample {0} has a share of {1}", n, s);
    for (int64_t i = 0; i < 4; ++i)
      if (std::fabs(y({n, i}) - (s * x({n, i}) + (1 - s) * x({15 - n, i}))) > 1e-4)
        return llvm::formatv("element {0} of sample {1} is mixed otherwise", i, n);
  }
  return "";
}

void gnc::test::addAugmentCases(Cases &cases) {
  addMoves(cases);
  addWarps(cases);
  addColours(cases);
  add(cases, "mixup", "(0.4)", samples("x", 16, {4}, 67), isMixed);
  cases.push_back({"one_hot",
                   "one_hot(t, classes = 4)",
                   {classes("t", 5, {}, 4)},
                   one([](const Arguments &in) {
                     return fill({5, 4}, [&](At o) { return double(in["t"]({o[0]}) == o[1]); });
                   }),
                   "of a class"});
}
