#include "FakeNet.h"

#include <cmath>
#include <gtest/gtest.h>

namespace gnc::runtime::test {

namespace {
constexpr int64_t P = fakePixels, K = fakeClasses;

/// Where the weight w[k, p] lies in a program.
struct Transposed {
  static constexpr int64_t k = 1, p = K;
};
struct Padded {
  static constexpr int64_t k = 32, p = 1;
};

template <typename T> T *as(void *const *arguments, int index) {
  return static_cast<T *>(arguments[index]);
}

/// image, label, w -> probability [n, 3], loss [n], correct [n]. A tile is a sample.
template <typename Layout> void forward(int64_t lo, int64_t hi, int64_t, void *const *arguments) {
  for (int64_t s = lo; s < hi; ++s) {
    const uint8_t *image = as<uint8_t>(arguments, 0) + s * P;
    int32_t label = as<int32_t>(arguments, 1)[s];
    const float *w = as<float>(arguments, 2);
    float *probability = as<float>(arguments, 3) + s * K;
    float logits[K], highest = -INFINITY, sum = 0;
    int64_t guess = 0;
    for (int64_t k = 0; k < K; ++k) {
      logits[k] = 0;
      for (int64_t p = 0; p < P; ++p)
        logits[k] += w[k * Layout::k + p * Layout::p] * (float(image[p]) / 255);
      if (logits[k] > highest)
        guess = k;
      highest = std::fmax(highest, logits[k]);
    }
    for (int64_t k = 0; k < K; ++k)
      sum += probability[k] = std::exp(logits[k] - highest);
    for (int64_t k = 0; k < K; ++k)
      probability[k] /= sum;
    as<float>(arguments, 4)[s] = highest + std::log(sum) - logits[label];
    as<float>(arguments, 5)[s] = guess == label;
  }
}

/// image, label, probability -> g [3, 16], squares [3]. A tile is a class.
void backward(int64_t lo, int64_t hi, int64_t n, void *const *arguments) {
  for (int64_t k = lo; k < hi; ++k) {
    float *g = as<float>(arguments, 3) + k * P;
    float squares = 0;
    for (int64_t p = 0; p < P; ++p) {
      g[p] = 0;
      for (int64_t s = 0; s < n; ++s) {
        float error = as<float>(arguments, 2)[s * K + k] - float(as<int32_t>(arguments, 1)[s] == k);
        g[p] += error * (float(as<uint8_t>(arguments, 0)[s * P + p]) / 255) / float(n);
      }
      squares += g[p] * g[p];
    }
    as<float>(arguments, 4)[k * 16] = squares;
  }
}

/// losses [n], squares [3] -> loss, grad_norm.
void reduce(int64_t, int64_t, int64_t n, void *const *arguments) {
  float sum = 0, squares = 0;
  for (int64_t s = 0; s < n; ++s)
    sum += as<float>(arguments, 0)[s];
  for (int64_t k = 0; k < K; ++k)
    squares += as<float>(arguments, 1)[k * 16];
  *as<float>(arguments, 2) = sum / float(n);
  *as<float>(arguments, 3) = std::sqrt(squares);
}

/// g, lr, one half (a constant) -> v, w. A tile is a class.
void update(int64_t lo, int64_t hi, int64_t, void *const *arguments) {
  float rate = *as<float>(arguments, 1), momentum = *as<float>(arguments, 2);
  for (int64_t k = lo; k < hi; ++k)
    for (int64_t p = 0; p < P; ++p) {
      float &v = as<float>(arguments, 3)[k * P + p];
      v = momentum * v + as<float>(arguments, 0)[k * P + p];
      as<float>(arguments, 4)[k * Transposed::k + p * Transposed::p] -= rate * v;
    }
}

/// losses -> mean, a state that remembers every step.
void remember(int64_t, int64_t, int64_t n, void *const *arguments) {
  float &mean = *as<float>(arguments, 1);
  for (int64_t s = 0; s < n; ++s)
    mean = 0.9f * mean + 0.1f * as<float>(arguments, 0)[s];
}

/// Gives out regions of an arena.
class Builder {
public:
  Builder(std::string name, int64_t maxBatch) {
    program.name = std::move(name);
    program.maxBatch = maxBatch;
  }

  uint64_t place(uint64_t bytes) {
    uint64_t offset = program.arenaBytes;
    program.arenaBytes += (bytes + 63) / 64 * 64;
    return offset;
  }

  /// Dense unless strides are given.
  uint64_t tensor(Role role, std::string name, ElementType type, bool batched,
                  std::vector<int64_t> shape, std::vector<int64_t> strides = {},
                  uint64_t extent = 0) {
    Tensor t;
    t.name = std::move(name);
    t.member = t.name;
    t.role = role;
    t.type = type;
    t.batched = batched;
    t.shape = std::move(shape);
    if (strides.empty()) {
      strides.resize(t.shape.size());
      int64_t stride = 1;
      for (size_t d = strides.size(); d-- > 0; stride *= t.shape[d])
        strides[d] = stride;
    }
    t.strides = std::move(strides);
    t.batchStride = batched ? t.elements() : 0;
    t.bytes = uint64_t(byteWidth(type)) *
              (extent ? extent : uint64_t(t.elements() * (batched ? program.maxBatch : 1)));
    t.offset = place(t.bytes);
    t.location = {"fake.net", 3, 1};
    program.tensors.push_back(std::move(t));
    return program.tensors.back().offset;
  }

  Tensor &last() { return program.tensors.back(); }

  void launch(KernelEntry entry, TileCount tiles, std::vector<uint64_t> arguments) {
    program.kernels.push_back({"fake", entry, "", 0, 0});
    program.sites.push_back({"Fake", {}});
    uint32_t index = uint32_t(program.kernels.size()) - 1;
    program.launches.push_back({index, index, std::move(arguments), tiles, {}, {}, {}});
  }

  Program program;
};

const TileCount perSample{1, 0, 1}, perClass{0, K, 1}, once{0, 1, 1};

uint64_t weight(Builder &b, std::vector<int64_t> strides, uint64_t extent) {
  uint64_t w =
      b.tensor(Role::Weight, "Fake.w", ElementType::F32, false, {K, P}, std::move(strides), extent);
  b.last().initial = {Initializer::Kind::Normal, 0, 0.1};
  return w;
}

Program trainProgram(int64_t batch, const std::string &rate) {
  Builder b("train", batch);
  uint64_t w = weight(b, {Transposed::k, Transposed::p}, K * P);
  uint64_t mean = b.tensor(Role::State, "Fake.mean", ElementType::F32, false, {});
  uint64_t v = b.tensor(Role::Optimizer, "Fake.w.v", ElementType::F32, false, {K, P});
  b.program.persistentBytes = b.program.arenaBytes;
  uint64_t image = b.tensor(Role::Input, "image", ElementType::U8, true, {1, 4, 4});
  uint64_t label = b.tensor(Role::Input, "label", ElementType::I32, true, {});
  b.last().classes = K;
  uint64_t lr = b.tensor(Role::Schedule, "lr", ElementType::F32, false, {});
  b.last().schedule = rate;
  uint64_t loss = b.tensor(Role::Result, "loss", ElementType::F32, false, {});
  uint64_t norm = b.tensor(Role::Result, "grad_norm", ElementType::F32, false, {});
  uint64_t probability = b.place(uint64_t(batch * K * 4)), losses = b.place(uint64_t(batch * 4));
  uint64_t correct = b.place(uint64_t(batch * 4)), g = b.place(K * P * 4),
           squares = b.place(K * 64);
  uint64_t half = b.place(4);
  b.program.constants.push_back({half, {0, 0, 0, 0x3f}});
  b.launch(forward<Transposed>, perSample, {image, label, w, probability, losses, correct});
  b.launch(backward, perClass, {image, label, probability, g, squares});
  b.launch(reduce, once, {losses, squares, loss, norm});
  b.program.commit = b.program.launches.size();
  b.launch(update, perClass, {g, lr, half, v, w});
  b.launch(remember, once, {losses, mean});
  return b.program;
}

Program evalProgram(int64_t maxBatch, bool infer) {
  Builder b(infer ? "infer" : "eval", maxBatch);
  uint64_t image = b.tensor(Role::Input, "image", ElementType::U8, true, {1, 4, 4});
  uint64_t w = weight(b, {Padded::k, Padded::p}, K * 32);
  b.tensor(Role::State, "Fake.mean", ElementType::F32, false, {});
  // A compiler may refine shapes; files and data know the declared ones.
  for (Tensor &tensor : b.program.tensors)
    if (tensor.name == "image") {
      tensor.shape = {16};
      tensor.strides = {1};
      tensor.declared = {1, 4, 4};
    } else if (tensor.name == "Fake.w") {
      tensor.shape = {K, 4, 4};
      tensor.strides = {Padded::k, 4, 1};
      tensor.declared = {K, P};
    }
  uint64_t label = b.place(uint64_t(maxBatch * 4)); // all zero where nobody asks
  if (!infer) {
    label = b.tensor(Role::Input, "label", ElementType::I32, true, {});
    b.last().classes = K;
  }
  uint64_t probability = b.tensor(Role::Result, "probability", ElementType::F32, true, {K});
  uint64_t loss = b.tensor(Role::Result, "loss", ElementType::F32, true, {});
  uint64_t accuracy = b.tensor(Role::Result, "accuracy", ElementType::F32, true, {});
  b.launch(forward<Padded>, perSample, {image, label, w, probability, loss, accuracy});
  b.program.commit = b.program.launches.size();
  return b.program;
}
} // namespace

CompiledNet fakeNet(int64_t batch, std::string rate, int64_t epochs) {
  CompiledNet net;
  net.recipe.net = "Fake";
  net.recipe.batch = batch;
  net.recipe.epochs = epochs;
  net.recipe.seed = 1;
  net.recipe.metrics = {"accuracy"};
  net.recipe.outputs = {"probability"};
  net.recipe.location = {"fake.net", 9, 1};
  net.train = trainProgram(batch, rate);
  net.eval = evalProgram(4, false);
  net.infer = evalProgram(3, true);
  return net;
}

Dataset fakeData(const CompiledNet &net, int64_t samples, double validate) {
  DataSource source;
  source.kind = "synthetic";
  source.count = samples;
  Result<Dataset> data = openDataset(source, inputsOf(net), {validate, net.recipe.seed});
  EXPECT_TRUE(data.ok()) << (data.ok() ? "" : format(data.error()));
  return std::move(*data);
}

} // namespace gnc::runtime::test
