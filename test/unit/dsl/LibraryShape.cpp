// What moves elements: each case says where a result's element comes from.
#include "LibraryCase.h"

#include <algorithm>
#include <functional>

using namespace gnc;
using namespace gnc::test;

using Place = std::function<std::vector<int64_t>(At)>;

/// Result element `at` (with its sample) is element place(at) of x; outside of x it is 0.
static void moved(Cases &cases, std::string name, std::string expression, std::vector<int64_t> from,
                  std::vector<int64_t> to, Place place) {
  to.insert(to.begin(), 2);
  cases.push_back({std::move(name),
                   std::move(expression),
                   {samples("x", 2, from, 41)},
                   one([to, place](const Arguments &in) {
                     return fill(to, [&](At at) { return in["x"](place(at)); });
                   })});
}

static int64_t reflected(int64_t i, int64_t n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

static void addPads(Cases &cases) {
  std::vector<int64_t> map{2, 4, 3};
  moved(cases, "pad", "pad(x, by = 1x2)", map, {2, 6, 7},
        [](At o) { return std::vector<int64_t>{o[0], o[1], o[2] - 1, o[3] - 2}; });
  moved(cases, "pad", "pad(x, by = 1, end = 0x2)", map, {2, 5, 6},
        [](At o) { return std::vector<int64_t>{o[0], o[1], o[2] - 1, o[3] - 1}; });
  moved(cases, "pad_reflect", "pad_reflect(x, by = 3x2, end = 2x1)", map, {2, 9, 6}, [](At o) {
    return std::vector<int64_t>{o[0], o[1], reflected(o[2] - 3, 4), reflected(o[3] - 2, 3)};
  });
  moved(cases, "pad_edge", "pad_edge(x, by = 2x1)", map, {2, 8, 5}, [](At o) {
    return std::vector<int64_t>{o[0], o[1], std::clamp<int64_t>(o[2] - 2, 0, 3),
                                std::clamp<int64_t>(o[3] - 1, 0, 2)};
  });
  moved(cases, "pad_wrap", "pad_wrap(x, by = 2x4, end = 5x1)", map, {2, 11, 8},
        [](At o) { return std::vector<int64_t>{o[0], o[1], (o[2] + 2) % 4, (o[3] + 2) % 3}; });
  cases.push_back({"pad",
                   "pad(x, by = 1, value = 0.5)",
                   {samples("x", 2, {1, 2, 2}, 42)},
                   one([](const Arguments &in) {
                     return fill({2, 1, 4, 4}, [&](At o) {
                       bool inside = o[2] >= 1 && o[2] < 3 && o[3] >= 1 && o[3] < 3;
                       return inside ? in["x"]({o[0], o[1], o[2] - 1, o[3] - 1}) : 0.5;
                     });
                   })});
}

static void addParts(Cases &cases) {
  moved(cases, "slice", "slice(x, from = 1, count = 3)", {5, 2}, {3, 2},
        [](At o) { return std::vector<int64_t>{o[0], o[1] + 1, o[2]}; });
  moved(cases, "chunk", "chunk(x, n = 3, i = 2)", {6, 2}, {2, 2},
        [](At o) { return std::vector<int64_t>{o[0], o[1] + 4, o[2]}; });
  moved(cases, "crop", "crop(x, size = 2x3, at = 1x2)", {2, 4, 5}, {2, 2, 3},
        [](At o) { return std::vector<int64_t>{o[0], o[1], o[2] + 1, o[3] + 2}; });
  moved(cases, "center_crop", "center_crop(x, size = 2x3)", {1, 5, 5}, {1, 2, 3},
        [](At o) { return std::vector<int64_t>{o[0], o[1], o[2] + 1, o[3] + 1}; });
  moved(cases, "flip", "flip(x)", {2, 3, 4}, {2, 3, 4},
        [](At o) { return std::vector<int64_t>{o[0], o[1], o[2], 3 - o[3]}; });
  moved(cases, "flip_vertical", "flip_vertical(x)", {2, 3, 4}, {2, 3, 4},
        [](At o) { return std::vector<int64_t>{o[0], o[1], 2 - o[2], o[3]}; });
}

static void addOrders(Cases &cases) {
  moved(cases, "transpose", "transpose(x)", {2, 3, 4}, {3, 2, 4},
        [](At o) { return std::vector<int64_t>{o[0], o[2], o[1], o[3]}; });
  moved(cases, "channels_last", "channels_last(x)", {2, 3, 4}, {3, 4, 2},
        [](At o) { return std::vector<int64_t>{o[0], o[3], o[1], o[2]}; });
  moved(cases, "channels_first", "channels_first(x)", {2, 3, 4}, {4, 2, 3},
        [](At o) { return std::vector<int64_t>{o[0], o[2], o[3], o[1]}; });
  moved(cases, "tokens", "tokens(x)", {2, 3, 4}, {12, 2},
        [](At o) { return std::vector<int64_t>{o[0], o[2], o[1] / 4, o[1] % 4}; });
  // [groups, width] becomes [width, groups].
  moved(cases, "channel_shuffle", "channel_shuffle(x, groups = 2)", {6, 2}, {6, 2},
        [](At o) { return std::vector<int64_t>{o[0], o[1] % 2 * 3 + o[1] / 2, o[2]}; });
  moved(cases, "pixel_shuffle", "pixel_shuffle(x, by = 2x3)", {12, 2, 2}, {2, 4, 6}, [](At o) {
    return std::vector<int64_t>{o[0], o[1] * 6 + o[2] % 2 * 3 + o[3] % 3, o[2] / 2, o[3] / 3};
  });
  moved(cases, "pixel_unshuffle", "pixel_unshuffle(x, by = 2x3)", {2, 4, 6}, {12, 2, 2}, [](At o) {
    return std::vector<int64_t>{o[0], o[1] / 6, o[2] * 2 + o[1] / 3 % 2, o[3] * 3 + o[1] % 3};
  });
  cases.push_back({"prepend",
                   "prepend(x, first = a)",
                   {samples("x", 2, {3, 2}, 43), numbers("a", {2}, 44)},
                   one([](const Arguments &in) {
                     return fill({2, 4, 2}, [&](At o) {
                       return o[1] ? in["x"]({o[0], o[1] - 1, o[2]}) : in["a"]({o[2]});
                     });
                   })});
}

//===- the language's own -------------------------------------------------------------------===//

static void addReduction(Cases &cases, const char *name, double start,
                         double (*combine)(double, double), bool mean = false) {
  Operand x = samples("x", 2, {3, 4}, 45, 0.5, 2);
  auto over = [=](std::vector<int64_t> shape, int64_t (*place)(int64_t)) {
    return one([=](const Arguments &in) {
      return fill(shape, [&](At o) {
        double total = start;
        int64_t count = 0;
        for (int64_t i = 0; i < 12; ++i)
          if (o.size() == 1 || place(i) == o[1])
            total = combine(total, in["x"]({o[0], i / 4, i % 4})), ++count;
        return mean ? total / double(count) : total;
      });
    });
  };
  std::string text = name;
  cases.push_back({name, text + "(x)", {x}, over({2}, [](int64_t i) { return i; })});
  cases.push_back(
      {name, text + "(x, axis = 0)", {x}, over({2, 4}, [](int64_t i) { return i % 4; })});
  cases.push_back(
      {name, text + "(x, axis = 1)", {x}, over({2, 3}, [](int64_t i) { return i / 4; })});
}

static void addPlaces(Cases &cases) {
  Operand x = samples("x", 2, {3, 4}, 45);
  for (bool most : {true, false}) {
    std::string name = most ? "argmax" : "argmin";
    cases.push_back({name,
                     name + "(x, axis = 1)",
                     {x},
                     one([most](const Arguments &in) {
                       return fill({2, 3}, [&](At o) {
                         int64_t best = 0;
                         for (int64_t i = 1; i < 4; ++i)
                           if ((in["x"]({o[0], o[1], i}) > in["x"]({o[0], o[1], best})) == most)
                             best = i;
                         return double(best);
                       });
                     }),
                     "places"});
  }
}

static void addStructure(Cases &cases) {
  auto sum = [](double a, double b) { return a + b; };
  addReduction(cases, "sum", 0, sum);
  addReduction(cases, "mean", 0, sum, true);
  addReduction(cases, "prod", 1, [](double a, double b) { return a * b; });
  addReduction(cases, "max", -9, [](double a, double b) { return std::max(a, b); });
  addReduction(cases, "min", 9, [](double a, double b) { return std::min(a, b); });
  addPlaces(cases);
  moved(cases, "id", "x -> id", {2, 3}, {2, 3},
        [](At o) { return std::vector<int64_t>(o.begin(), o.end()); });
  moved(cases, "flatten", "x -> flatten", {2, 3}, {6},
        [](At o) { return std::vector<int64_t>{o[0], o[1] / 3, o[1] % 3}; });
  moved(cases, "reshape", "x -> reshape([4, 3])", {2, 6}, {4, 3}, [](At o) {
    int64_t i = o[1] * 3 + o[2];
    return std::vector<int64_t>{o[0], i / 6, i % 6};
  });
  for (int64_t axis : {0, 1})
    cases.push_back({"concat",
                     "concat(x, y, axis = " + std::to_string(axis) + ")",
                     {samples("x", 2, {2, 3}), samples("y", 2, {2, 3}, 2)},
                     one([axis](const Arguments &in) {
                       const int64_t extents[] = {2, 3}, length = extents[axis];
                       std::vector<int64_t> shape{2, 2, 3};
                       shape[axis + 1] *= 2;
                       return fill(shape, [&](At o) {
                         std::vector<int64_t> at(o.begin(), o.end());
                         bool second = at[axis + 1] >= length;
                         at[axis + 1] %= length;
                         return in[second ? "y" : "x"](at);
                       });
                     })});
}

void gnc::test::addShapeCases(Cases &cases) {
  addPads(cases);
  addParts(cases);
  addOrders(cases);
  addStructure(cases);
}
