#include "RandomGraph.h"
#include <random>
#include <vector>

namespace gnc::test {

namespace {

constexpr int64_t kBatch = -1;

struct Tensor {
  std::string name;
  std::vector<int64_t> shape; // kBatch first, if batched
};

struct Index {
  std::string name;
  int64_t extent;
};

std::string typeOf(const std::vector<int64_t> &shape, const char *element = "f32") {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += (extent == kBatch ? "?" : std::to_string(extent)) + "x";
  return text + element + ">";
}

/// Writes one function.
class Generator {
public:
  explicit Generator(uint64_t seed) : random(seed) {}
  std::string run();

private:
  int64_t pick(int64_t below) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(below));
  }
  bool chance(int64_t percent) { return pick(100) < percent; }
  std::string fresh(const char *prefix) { return std::string(prefix) + std::to_string(counter++); }
  const Tensor &anyTensor() {
    // Later tensors first: graphs shall be deep.
    size_t n = tensors.size();
    return tensors[n - 1 - std::min<size_t>(pick(n), pick(n))];
  }

  struct Access {
    std::string text;
    bool guarded = false, ok = true;
  };
  std::string coordinate(int64_t extent, const std::vector<Index> &indices, bool &inside);
  Access access(const Tensor &tensor, const std::vector<Index> &indices);
  /// The reads of an equation so far.
  struct Reads {
    std::string text;
    std::vector<std::string> arguments;
    std::vector<bool> guarded;
  };
  std::string scalar(const Reads &reads, size_t numIndices, std::string &body);
  void moreReads(const std::vector<Index> &all, Reads &reads);
  std::string finishFor(const std::vector<Index> &parallel);
  void equationOver(const std::vector<Index> &parallel, const std::vector<Index> &reduced,
                    const std::string &firstRead, bool firstGuarded);
  void pointwise();
  void window();
  void reduction();
  void contraction();
  void reshape();
  void mask();
  void update();

  std::mt19937_64 random;
  unsigned counter = 0;
  std::vector<Tensor> tensors, weights;
  std::string text, arguments, returned, returnedTypes, resultTypes;
};

std::vector<Index> indicesOf(const Tensor &tensor) {
  std::vector<Index> indices;
  for (int64_t extent : tensor.shape)
    indices.push_back({std::string(1, static_cast<char>('a' + indices.size())), extent});
  return indices;
}

std::string bare(const std::vector<Index> &indices) {
  std::string list;
  for (const Index &index : indices)
    list += (list.empty() ? "" : ", ") + index.name;
  return list;
}

/// A coordinate for a dimension; `inside` becomes false if it may leave it.
std::string Generator::coordinate(int64_t extent, const std::vector<Index> &indices, bool &inside) {
  std::vector<Index> fitting, fixed;
  for (const Index &index : indices) {
    if (index.extent == extent)
      fitting.push_back(index);
    if (index.extent != kBatch)
      fixed.push_back(index);
  }
  if (!fitting.empty() && chance(80))
    return fitting[pick(fitting.size())].name;
  if (fixed.empty() || chance(15))
    return std::to_string(pick(extent));
  const Index &index = fixed[pick(fixed.size())];
  switch (pick(5)) {
  case 0: inside = false; return index.name + " + " + std::to_string(pick(3) - 1);
  case 1: inside &= index.extent <= extent; return index.name;
  case 2: inside = false; return index.name + " * 2 - 1";
  case 3: inside &= (index.extent + 1) / 2 <= extent; return index.name + " floordiv 2";
  default: return "clamp(" + index.name + " mod 5 - 1)";
  }
}

Generator::Access Generator::access(const Tensor &tensor, const std::vector<Index> &indices) {
  Access access;
  std::string coords;
  bool inside = true;
  for (int64_t extent : tensor.shape) {
    std::string part;
    if (extent == kBatch) {
      for (const Index &index : indices)
        if (index.extent == kBatch)
          part = index.name;
      access.ok &= !part.empty();
    } else {
      part = coordinate(extent, indices, inside);
    }
    coords += (coords.empty() ? "" : ", ") + part;
  }
  access.text = "%" + tensor.name + "[" + coords + "]";
  std::string condition;
  if (!indices.empty() && indices.back().extent != kBatch && chance(8))
    condition = " where (" + indices.back().name + " mod 2 < 1)";
  access.guarded = !inside || !condition.empty() || chance(4);
  if (access.guarded)
    access.text += condition + " ?? " + (chance(50) ? "0.0" : chance(50) ? "1.5" : "-3.0");
  access.text += " : " + typeOf(tensor.shape);
  return access;
}

/// Scalar arithmetic over the arguments; returns the name of its value.
std::string Generator::scalar(const Reads &reads, size_t numIndices, std::string &body) {
  std::vector<std::string> values = reads.arguments;
  auto add = [&](const std::string &op, const char *type = "f32") {
    std::string name = fresh("%s");
    body += "    " + name + " = " + op + " : " + type + "\n";
    return name;
  };
  for (size_t i = 0; i < reads.guarded.size(); ++i)
    if (reads.guarded[i] && chance(15)) {
      std::string inside = add("gnc.inside " + std::to_string(i), "i1");
      values.push_back(
          add("arith.select " + inside + ", " + reads.arguments[i] + ", " + values.back()));
    }
  if (numIndices && chance(15))
    values.push_back(add("gnc.index " + std::to_string(pick(numIndices))));
  if (numIndices && chance(10))
    values.push_back(add("gnc.extent [" + std::to_string(pick(numIndices)) + "]"));
  if (values.empty() || chance(20))
    values.push_back(add("arith.constant " + std::string(chance(50) ? "0.75" : "-1.25")));
  for (int64_t steps = pick(4); steps > 0 || values.size() < 2; --steps) {
    std::string x = values[pick(values.size())], y = values[pick(values.size())];
    switch (pick(8)) {
    case 0: values.push_back(add("arith.mulf " + x + ", " + y)); break;
    case 1: values.push_back(add("arith.subf " + x + ", " + y)); break;
    case 2: values.push_back(add("arith.maximumf " + x + ", " + add("arith.constant 0.0"))); break;
    case 3: values.push_back(add("math.tanh " + x)); break;
    case 4: {
      std::string zero = add("arith.constant 0.0");
      std::string above = fresh("%s");
      body += "    " + above + " = arith.cmpf ogt, " + x + ", " + zero + " : f32\n";
      values.push_back(add("arith.select " + above + ", " + y + ", " + zero));
      break;
    }
    default: values.push_back(add("arith.addf " + x + ", " + y)); break;
    }
  }
  // Use what was read, most of the time.
  return chance(70) ? add("arith.addf " + values.back() + ", " + values.front()) : values.back();
}

std::string listOf(const std::vector<Index> &indices) {
  std::string names;
  for (const Index &index : indices)
    names += (names.empty() ? "" : ", ") + index.name + " = " +
             (index.extent == kBatch ? "?" : std::to_string(index.extent));
  return "[" + names + "]";
}

/// Adds up to two more reads to an equation; some through the index that a label is.
void Generator::moreReads(const std::vector<Index> &all, Reads &reads) {
  bool labels = !all.empty() && all[0].extent == kBatch && chance(10);
  if (labels)
    reads.text += ", %r1 = %label[" + all[0].name + "] : tensor<?xi8>";
  for (int64_t more = pick(3); more > 0; --more) {
    Access other = access(anyTensor(), all);
    if (!other.ok)
      continue;
    if (labels && chance(40)) // one coordinate by the label, below 2
      other = {"%table[read1] : tensor<2xf32>", false, true};
    std::string argument = "%r" + std::to_string(reads.arguments.size() + labels);
    reads.text += ", " + argument + " = " + other.text;
    reads.arguments.push_back(argument);
    reads.guarded.push_back(other.guarded);
  }
  if (labels)
    reads.guarded.assign(reads.guarded.size(), false); // read numbers are shifted: do not ask
}

std::string Generator::finishFor(const std::vector<Index> &parallel) {
  Access read = access(anyTensor(), parallel);
  if (!read.ok)
    return "";
  std::string scalars;
  std::string value = scalar({{}, {"%c", "%q"}, {}}, parallel.size(), scalars);
  return " finish (%c : f32) (%q = " + read.text + ") {\n" + scalars + "    gnc.yield " + value +
         " : f32\n  }";
}

void Generator::equationOver(const std::vector<Index> &parallel, const std::vector<Index> &reduced,
                             const std::string &firstRead, bool firstGuarded) {
  std::vector<Index> all = parallel;
  all.insert(all.end(), reduced.begin(), reduced.end());
  Reads reads{"%r0 = " + firstRead, {"%r0"}, {firstGuarded}};
  moreReads(all, reads);
  size_t numResults = chance(15) ? 2 : 1;
  const char *kinds[] = {"sum", "sum", "sum", "max", "min", "prod"};
  std::string body, yielded, kind, types, elements;
  std::vector<int64_t> extents;
  for (const Index &index : parallel)
    extents.push_back(index.extent);
  for (size_t i = 0; i < numResults; ++i) {
    std::string comma = i ? ", " : "";
    kind += comma + kinds[pick(6)];
    yielded += comma + scalar(reads, all.size(), body);
    types += comma + typeOf(extents);
    elements += comma + "f32";
  }
  bool several = numResults > 1;
  std::string finish = !reduced.empty() && !several && chance(25) ? finishFor(parallel) : "";
  std::string name = fresh("t");
  text += "  %" + name + (several ? ":2" : "") + " = gnc.compute " + listOf(parallel);
  if (!reduced.empty())
    text += " " + (several ? "(" + kind + ")" : kind) + " " + listOf(reduced);
  text += "\n      (" + reads.text + ") -> " + (several ? "(" + types + ")" : types) + " {\n" +
          body + "    gnc.yield " + yielded + " : " + elements + "\n  }" + finish + "\n";
  for (size_t i = 0; i < numResults; ++i)
    tensors.push_back({several ? name + "#" + std::to_string(i) : name, extents});
}

void Generator::pointwise() {
  Tensor base = anyTensor();
  std::vector<Index> indices = indicesOf(base);
  std::string read = "%" + base.name + "[" + bare(indices) + "] : " + typeOf(base.shape);
  if (indices.size() < 4 && chance(15))
    indices.push_back({"z", 2 + pick(2)});
  equationOver(indices, {}, read, false);
}

void Generator::window() {
  Tensor base = anyTensor();
  std::vector<Index> indices = indicesOf(base);
  if (indices.empty() || indices.back().extent == kBatch)
    return pointwise();
  int64_t size = 2 + pick(2), stride = 1 + pick(2), pad = pick(2);
  int64_t extent = (indices.back().extent + 2 * pad - size) / stride + 1;
  if (indices.back().extent + 2 * pad < size)
    return pointwise();
  std::vector<Index> outer(indices.begin(), indices.end() - 1), parallel = indices;
  parallel.back().extent = extent;
  std::string read = "%" + base.name + "[" + bare(outer) + (outer.empty() ? "" : ", ") +
                     indices.back().name + " * " + std::to_string(stride) + " + r - " +
                     std::to_string(pad) + "]" + (pad ? " ?? 0.0" : "") + " : " +
                     typeOf(base.shape);
  equationOver(parallel, {{"r", size}}, read, pad != 0);
}

void Generator::reduction() {
  Tensor base = anyTensor();
  std::vector<Index> indices = indicesOf(base), parallel, reduced;
  for (const Index &index : indices)
    (chance(50) ? parallel : reduced).push_back(index);
  if (reduced.empty())
    return pointwise();
  equationOver(parallel, reduced,
               "%" + base.name + "[" + bare(indices) + "] : " + typeOf(base.shape), false);
}

/// y[n, o] = sum[i] x[n, i] * w[o, i] for the last dimension of x.
void Generator::contraction() {
  Tensor base = anyTensor();
  std::vector<Index> indices = indicesOf(base);
  if (indices.size() < 2 || base.shape.back() == kBatch)
    return pointwise();
  for (const Tensor &weight : weights) {
    if (weight.shape.size() != 2 || weight.shape[1] != base.shape.back())
      continue;
    std::vector<Index> parallel(indices.begin(), indices.end() - 1);
    std::string name = fresh("t"), list;
    std::vector<int64_t> extents(base.shape.begin(), base.shape.end() - 1);
    extents.push_back(weight.shape[0]);
    for (const Index &index : parallel)
      list +=
          index.name + " = " + (index.extent == kBatch ? "?" : std::to_string(index.extent)) + ", ";
    std::string last = indices.back().name;
    text += "  %" + name + " = gnc.compute [" + list + "o = " + std::to_string(weight.shape[0]) +
            "] sum [" + last + " = " + std::to_string(base.shape.back()) + "]\n      (%u = %" +
            base.name + "[" + bare(indices) + "] : " + typeOf(base.shape) + ", %v = %" +
            weight.name + "[o, " + last + "] : " + typeOf(weight.shape) + ") -> " +
            typeOf(extents) + " {\n    %p = arith.mulf %u, %v : f32\n    gnc.yield %p : f32\n  }\n";
    tensors.push_back({name, extents});
    return;
  }
  pointwise();
}

/// Merges two neighbouring dimensions, or splits one.
void Generator::reshape() {
  Tensor base = anyTensor();
  std::vector<int64_t> shape = base.shape;
  size_t first = !shape.empty() && shape[0] == kBatch;
  if (shape.size() >= first + 2 && chance(70)) {
    size_t at = first + pick(static_cast<int64_t>(shape.size() - first - 1));
    shape[at] *= shape[at + 1];
    shape.erase(shape.begin() + at + 1);
  } else if (shape.size() > first && shape.back() % 2 == 0) {
    shape.back() /= 2;
    shape.push_back(2);
  } else {
    return pointwise();
  }
  std::string name = fresh("t");
  text += "  %" + name + " = gnc.reshape %" + base.name + " : " + typeOf(base.shape) + " -> " +
          typeOf(shape) + "\n";
  tensors.push_back({name, shape});
}

/// Random zeros and ones: whole numbers, so that graphs of whole numbers stay exact.
void Generator::mask() {
  Tensor base = anyTensor();
  std::string name = fresh("t"), type = typeOf(base.shape);
  std::vector<Index> indices = indicesOf(base);
  text += "  %u" + name + " = gnc.random %stream site " + std::to_string(counter) + " : " + type +
          "\n  %" + name + " = gnc.compute " + listOf(indices) + " (%r = %u" + name + "[" +
          bare(indices) + "] : " + type + ") -> " + type +
          " {\n    %half = arith.constant 0.5 : f32\n    %one = arith.constant 1.0 : f32\n"
          "    %zero = arith.constant 0.0 : f32\n    %c = arith.cmpf olt, %r, %half : f32\n"
          "    %v = arith.select %c, %one, %zero : f32\n    gnc.yield %v : f32\n  }\n";
  tensors.push_back({name, base.shape});
}

/// Returns the last tensor as the new value of a weight of its shape, if one has none yet.
void Generator::update() {
  for (size_t i = 0; i < weights.size(); ++i) {
    std::string updates = " {gnc.updates = " + std::to_string(3 + i) + " : i64}";
    bool updated = resultTypes.find(updates) != std::string::npos;
    if (weights[i].shape == tensors.back().shape && !updated && chance(70)) {
      returned += ", %" + tensors.back().name;
      returnedTypes += ", " + typeOf(tensors.back().shape);
      resultTypes += ", " + typeOf(tensors.back().shape) + updates;
      return;
    }
  }
}

std::string Generator::run() {
  arguments =
      "%x: tensor<?x4x6xf32> {gnc.role = \"input\"}, %label: tensor<?xi8> {gnc.role = \"input\"}, "
      "%table: tensor<2xf32> {gnc.role = \"input\"}";
  tensors.push_back({"x", {kBatch, 4, 6}});
  std::vector<std::vector<int64_t>> shapes = {{3, 6}, {5, 24}, {4}, {4, 6}, {6, 12}};
  for (const auto &shape : shapes) {
    weights.push_back({"w" + std::to_string(weights.size()), shape});
    tensors.push_back(weights.back());
    arguments += ", %" + weights.back().name + ": " + typeOf(shape) + " {gnc.role = \"weight\"}";
  }
  arguments += ", %stream: tensor<4xi32> {gnc.role = \"stream\"}";
  void (Generator::*kinds[])() = {
      &Generator::pointwise, &Generator::pointwise,   &Generator::pointwise, &Generator::window,
      &Generator::reduction, &Generator::contraction, &Generator::reshape,   &Generator::mask};
  for (int64_t steps = 6 + pick(10); steps > 0; --steps) {
    (this->*kinds[pick(8)])();
    update();
  }
  for (size_t i = 0; i < 2; ++i) {
    const Tensor &result = tensors[tensors.size() - 1 - i];
    returned += ", %" + result.name;
    returnedTypes += ", " + typeOf(result.shape);
    resultTypes += ", " + typeOf(result.shape) + " {gnc.path = \"out" + std::to_string(i) + "\"}";
  }
  return "func.func @f(" + arguments + ")\n    -> (" + resultTypes.substr(2) + ") {\n" + text +
         "  return " + returned.substr(2) + " : " + returnedTypes.substr(2) + "\n}\n";
}

} // namespace

std::string randomGraph(uint64_t seed) { return Generator(seed).run(); }

} // namespace gnc::test
