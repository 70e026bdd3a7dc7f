//===- CompareGradients.cpp - gradients against difference quotients --------------------------===//
#include "passes/CompareGradients.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gnc {

using Tensors = std::vector<TensorValue>;

static bool isFloat(Type type) { return cast<RankedTensorType>(type).getElementType().isF32(); }

static bool isFinite(ArrayRef<TensorValue> tensors) {
  return llvm::all_of(tensors, [](const TensorValue &tensor) {
    return llvm::all_of(tensor.data, [](double x) { return std::isfinite(x); });
  });
}

//===------------------------------------------------------------------------------------------===//
// Arguments
//===------------------------------------------------------------------------------------------===//

namespace {
/// Draws what functions are evaluated at.
class Draw {
public:
  Draw(func::FuncOp forward, const DrawOptions &options)
      : forward(forward), options(options), random(options.seed) {}

  /// Numbers from low to high, whole numbers as the options say.
  Tensors arguments(double low, double high);
  /// Numbers of either sign, none of them near 0: adjoints of the results.
  Tensors adjoints(ArrayRef<TensorValue> results);
  double number(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  }
  int64_t below(int64_t limit) {
    return std::uniform_int_distribution<int64_t>(0, limit - 1)(random);
  }

private:
  int64_t classesOf(unsigned argument);

  func::FuncOp forward;
  const DrawOptions &options;
  std::mt19937_64 random;
};
} // namespace

int64_t Draw::classesOf(unsigned argument) {
  if (argument < options.classes.size() && options.classes[argument])
    return options.classes[argument];
  auto type = cast<RankedTensorType>(forward.getArgumentTypes()[argument]);
  return type.getElementType().isInteger(1) ? 2 : 5;
}

Tensors Draw::arguments(double low, double high) {
  Tensors list;
  for (auto [i, type] : llvm::enumerate(forward.getArgumentTypes())) {
    SmallVector<int64_t> shape;
    for (int64_t extent : cast<RankedTensorType>(type).getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? options.batch : extent);
    TensorValue &tensor = list.emplace_back(shape);
    for (double &element : tensor.data)
      element = isFloat(type) ? number(low, high) : double(below(classesOf(i)));
  }
  return list;
}

Tensors Draw::adjoints(ArrayRef<TensorValue> results) {
  Tensors list;
  for (auto [type, result] : llvm::zip_equal(forward.getResultTypes(), results)) {
    if (!isFloat(type))
      continue;
    TensorValue &tensor = list.emplace_back(result.shape);
    for (double &element : tensor.data)
      element = (below(2) ? 1 : -1) * number(0.5, 1.5);
  }
  return list;
}

//===------------------------------------------------------------------------------------------===//
// f64 against difference quotients
//===------------------------------------------------------------------------------------------===//

static SmallVector<int64_t> indexOf(const TensorValue &tensor, int64_t element) {
  SmallVector<int64_t> index(tensor.shape.size());
  for (size_t i = index.size(); i-- > 0; element /= tensor.shape[i])
    index[i] = element % tensor.shape[i];
  return index;
}

namespace {
/// The functions at one set of arguments. The scalar whose gradient is compared is the sum of all
/// results times the adjoints given for them.
class Comparison {
public:
  Comparison(func::FuncOp forward, func::FuncOp adjoint) : forward(forward), adjoint(adjoint) {}

  /// Takes new arguments. False if some value or gradient is not finite there.
  bool set(Tensors newArguments, Draw &draw);
  /// Compares one entry of an argument; false at a kink.
  bool compare(unsigned argument, int64_t element, GradientComparison &report);
  /// Draws one element anew; the gradient is that at the old arguments until `refresh`.
  double &element(unsigned argument, int64_t element) { return arguments[argument].data[element]; }
  bool refresh();
  int64_t sizeOf(unsigned argument) const { return arguments[argument].size(); }

private:
  double scalar() const;
  void note(unsigned argument, int64_t element, double quotient, GradientComparison &report) const;

  func::FuncOp forward, adjoint;
  Tensors arguments, adjoints;
  SmallVector<TensorValue> gradients; // by argument; empty for whole numbers
  double here = 0;                    // the scalar
  GradientTolerance tolerance;
};
} // namespace

bool Comparison::set(Tensors newArguments, Draw &draw) {
  arguments = std::move(newArguments);
  auto results = evaluate(forward, arguments, Precision::F64);
  if (failed(results) || !isFinite(*results))
    return false;
  adjoints = draw.adjoints(*results);
  return refresh();
}

bool Comparison::refresh() {
  Tensors all = arguments;
  llvm::append_range(all, adjoints);
  auto derived = evaluate(adjoint, all, Precision::F64);
  here = scalar();
  if (failed(derived) || !isFinite(*derived) || !std::isfinite(here))
    return false;
  gradients.assign(arguments.size(), TensorValue());
  unsigned next = 0;
  for (auto [i, type] : llvm::enumerate(forward.getArgumentTypes()))
    if (isFloat(type))
      gradients[i] = std::move((*derived)[next++]);
  return true;
}

double Comparison::scalar() const {
  auto results = evaluate(forward, arguments, Precision::F64);
  if (failed(results))
    return std::nan("");
  double sum = 0;
  unsigned next = 0;
  for (auto [type, result] : llvm::zip_equal(func::FuncOp(forward).getResultTypes(), *results))
    if (isFloat(type)) {
      for (auto [x, d] : llvm::zip_equal(result.data, adjoints[next].data))
        sum += x * d;
      ++next;
    }
  return sum;
}

bool Comparison::compare(unsigned argument, int64_t index, GradientComparison &report) {
  double &x = element(argument, index), kept = x;
  double h = tolerance.step;
  x = kept + h;
  double above = scalar();
  x = kept - h;
  double below = scalar();
  x = kept;
  double quotient = (above - below) / (2 * h);
  double bend = std::fabs((above - here) - (here - below)) / h;
  if (!std::isfinite(quotient) || bend > tolerance.at(quotient))
    return false;
  ++report.compared;
  note(argument, index, quotient, report);
  return true;
}

void Comparison::note(unsigned argument, int64_t element, double quotient,
                      GradientComparison &report) const {
  double derived = gradients[argument].data[element], error = std::fabs(derived - quotient);
  double relative = error / std::max(1.0, std::fabs(quotient));
  bool worse = relative > report.worstError || !report.worst;
  report.worstError = std::max(report.worstError, relative);
  if (worse && !(error <= tolerance.at(quotient)))
    report.worst = GradientEntry{argument, indexOf(arguments[argument], element),
                                 arguments[argument].data[element], derived, quotient};
}

/// At most `count` elements of `size`, scattered over all of them.
static SmallVector<int64_t> sample(int64_t size, int64_t count, Draw &draw) {
  SmallVector<int64_t> elements;
  count = std::min(count, size);
  for (int64_t i = 0; i < count; ++i) {
    int64_t low = i * size / count, high = (i + 1) * size / count;
    elements.push_back(low + draw.below(high - low));
  }
  return elements;
}

using Entry = std::pair<unsigned, int64_t>; // an argument and an element of it

/// Entries at kinks are drawn anew and compared in the next round.
static void compareEntries(Comparison &comparison, SmallVector<Entry> entries, double low,
                           double high, Draw &draw, GradientComparison &report) {
  constexpr unsigned rounds = 4;
  for (unsigned round = 0; round < rounds && !entries.empty(); ++round) {
    SmallVector<Entry> again;
    for (auto [argument, element] : entries)
      if (!comparison.compare(argument, element, report))
        again.push_back({argument, element});
    report.kinks += again.size();
    for (auto [argument, element] : again)
      comparison.element(argument, element) = draw.number(low, high);
    if (!again.empty() && !comparison.refresh())
      return;
    entries = std::move(again);
  }
}

GradientComparison compareGradients(func::FuncOp forward, func::FuncOp adjoint,
                                    const DrawOptions &options) {
  GradientComparison report;
  if (llvm::none_of(forward.getArgumentTypes(), isFloat)) {
    report.problem = "none of its inputs has a gradient";
    return report;
  }
  Draw draw(forward, options);
  Comparison comparison(forward, adjoint);
  constexpr std::pair<double, double> ranges[] = {{-2, 2}, {0.3, 2}, {0.05, 0.45}, {1.1, 3}};
  for (auto [low, high] : ranges) {
    if (!comparison.set(draw.arguments(low, high), draw))
      continue;
    SmallVector<Entry> entries;
    for (auto [i, type] : llvm::enumerate(forward.getArgumentTypes()))
      if (isFloat(type))
        for (int64_t element : sample(comparison.sizeOf(i), options.entries, draw))
          entries.push_back({i, element});
    compareEntries(comparison, std::move(entries), low, high, draw, report);
    if (!report.compared)
      report.problem = "it has a kink or a jump wherever it was looked at";
    return report;
  }
  report.problem = "its values are not finite at random inputs";
  return report;
}

GradientComparison compareGradientsAt(func::FuncOp forward, func::FuncOp adjoint,
                                      ArrayRef<TensorValue> arguments) {
  GradientComparison report;
  DrawOptions options;
  Draw draw(forward, options);
  Comparison comparison(forward, adjoint);
  if (!comparison.set(arguments.vec(), draw)) {
    report.problem = "its values are not finite here";
    return report;
  }
  for (auto [i, type] : llvm::enumerate(forward.getArgumentTypes()))
    for (int64_t k = 0; isFloat(type) && k < comparison.sizeOf(i); ++k)
      report.kinks += !comparison.compare(i, k, report);
  return report;
}

//===------------------------------------------------------------------------------------------===//
// f32 against f64
//===------------------------------------------------------------------------------------------===//

/// The first element that f32 can hold and does not.
static std::optional<double> lostIn(const TensorValue &exact, const TensorValue &rounded) {
  for (auto [x, y] : llvm::zip_equal(exact.data, rounded.data))
    if (std::fabs(x) <= double(std::numeric_limits<float>::max()) && !std::isfinite(y))
      return x;
  return std::nullopt;
}

static std::optional<LostValue> compareAt(func::FuncOp function, ArrayRef<TensorValue> arguments) {
  auto exact = evaluate(function, arguments, Precision::F64);
  auto rounded = evaluate(function, arguments, Precision::F32);
  if (failed(exact) || failed(rounded))
    return std::nullopt;
  for (auto [i, x, y] : llvm::enumerate(*exact, *rounded))
    if (std::optional<double> lost = lostIn(x, y))
      return LostValue{false, unsigned(i), 0, *lost};
  return std::nullopt;
}

/// The number of the argument that has the n-th gradient.
static unsigned argumentOf(func::FuncOp forward, unsigned gradient) {
  for (auto [i, type] : llvm::enumerate(forward.getArgumentTypes()))
    if (isFloat(type) && gradient-- == 0)
      return i;
  return 0;
}

std::optional<LostValue> findLostValue(func::FuncOp forward, func::FuncOp adjoint,
                                       const DrawOptions &options) {
  constexpr double numbers[] = {1e-6, -1e-6, 30, -30, 100, -100, 0};
  Draw draw(forward, options);
  for (double number : numbers) {
    Tensors arguments = draw.arguments(0, 1);
    for (auto [tensor, type] : llvm::zip_equal(arguments, forward.getArgumentTypes()))
      if (isFloat(type))
        for (double &element : tensor.data)
          element = number ? number : numbers[draw.below(6)];
    std::optional<LostValue> lost = compareAt(forward, arguments);
    if (!lost) {
      for (Type type : forward.getResultTypes())
        if (isFloat(type)) {
          SmallVector<int64_t> shape;
          for (int64_t extent : cast<RankedTensorType>(type).getShape())
            shape.push_back(ShapedType::isDynamic(extent) ? options.batch : extent);
          arguments.emplace_back(shape);
          llvm::fill(arguments.back().data, 1.0);
        }
      lost = compareAt(adjoint, arguments);
      if (lost)
        lost->gradient = true, lost->number = argumentOf(forward, lost->number);
    }
    if (lost) {
      lost->input = number;
      return lost;
    }
  }
  return std::nullopt;
}

} // namespace gnc
