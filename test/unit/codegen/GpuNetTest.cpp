//===- GpuNetTest.cpp - a training step of ResNet-18 and MobileNetV2 on the software device ---===//
//
// The nets of the examples, an eighth as wide and for small images, by both ways to PTX, in checked
// mode. The optimizer leaves in every weight its gradient, so that nothing is lost by comparing.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "dsl/Frontend.h"
#include "test/Scale.h"
#include "test/Tolerance.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>
#include <map>
#include <regex>

using namespace gnc;
using namespace gnc::test;

namespace {

constexpr int64_t kBatch = 4;

/// An example and what makes it small: whole numbers of its text are replaced.
struct SmallNet {
  std::string file, net;
  std::map<int, int> numbers;
  std::vector<std::pair<std::string, std::string>> settings = {};
};

const SmallNet kNets[] = {
    {"resnet18.net",
     "ResNet18",
     {{64, 8}, {128, 16}, {256, 32}, {512, 64}, {32, 16}, {16, 8}, {8, 4}, {4, 2}}},
    {"mobilenetv2.net", "MobileNetV2", {{224, 64}}, {{"width", "0.25"}}},
    {"lenet.net", "LeNet", {}},
};
constexpr unsigned kResNet = 0, kLeNet = 2;

std::string replaceNumbers(const std::string &text, const std::map<int, int> &numbers) {
  static const std::regex whole("\\b[0-9]+\\b");
  std::string result;
  size_t done = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), whole), end; it != end; ++it) {
    auto found = numbers.find(std::stoi(it->str()));
    result += text.substr(done, size_t(it->position()) - done);
    result += found == numbers.end() ? it->str() : std::to_string(found->second);
    done = size_t(it->position() + it->length());
  }
  return result + text.substr(done);
}

/// The net's own text, then sections that make one step of it.
std::string textOf(const SmallNet &small) {
  auto buffer = llvm::MemoryBuffer::getFile(GNC_SOURCE_DIR "/examples/" + small.file);
  std::string text = buffer ? (*buffer)->getBuffer().str() : "";
  text = std::regex_replace(text, std::regex("use [^\n]*\n"), "");
  for (const char *section : {"\ndata ", "\ntrain "})
    text = text.substr(0, text.find(section));
  return replaceNumbers(text, small.numbers) + R"(
data made {
  source = synthetic(8)
  image  = source.image / 64 - 2
  label  = source.label
}

optimizer gradient(w, g) {
  w <- g
}

train )" +
         small.net +
         R"( on made {
  loss      = cross_entropy(logits, label)
  optimizer = gradient()
  batch     = )" +
         std::to_string(kBatch) + R"(
  steps     = 1
}
)";
}

Compiled::Source sourceOf(const SmallNet &small) {
  return [&small](mlir::MLIRContext &context) {
    dsl::SourceManager sources;
    dsl::Diagnostics diagnostics;
    dsl::FrontendOptions options;
    options.settings = small.settings;
    auto result = dsl::elaborateText("net", textOf(small), options, context, sources, diagnostics);
    EXPECT_FALSE(diagnostics.hasErrors()) << diagnostics.str();
    return std::move(result.module);
  };
}

/// Weights about as large as He et al. 2015 say. The shifts of batch norms are about 1: fewer
/// numbers lie near a kink, where a rounding changes a gradient by as much as one number
/// contributes to it.
Tensors draw(Compiled &compiled) {
  std::mt19937_64 random(1);
  auto uniform = [&](double low, double high) {
    return double(float(low + (high - low) * double(random() >> 11) * 0x1p-53));
  };
  Tensors arguments = compiled.arguments(
      kBatch, [&](bool isFloat) { return isFloat ? uniform(-1.5, 1.5) : double(random() % 10); });
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    const runtime::Tensor &tensor = *compiled.argumentTensor(i);
    llvm::StringRef name = tensor.name;
    if (tensor.role == runtime::Role::Stream)
      argument.data = {7, 0, 1, 0};
    if (name == "image")
      for (double &number : argument.data)
        number = double(random() % 256);
    if (tensor.role != runtime::Role::Weight && tensor.role != runtime::Role::State)
      continue;
    double around = name.ends_with("bn.b") ? 1 : 0, width = 0.2;
    if (name.ends_with(".g") || name.ends_with(".var"))
      around = 1, width = 0.3;
    else if (argument.shape.size() > 1)
      width = std::sqrt(6.0 * double(argument.shape[0]) / double(argument.size()));
    for (double &number : argument.data)
      number = uniform(around - width, around + width);
  }
  return arguments;
}

/// Below this part of the net's largest gradient one is 0, but for what f64 rounds: that of a shift
/// whose only reader is a batch norm.
constexpr double kZero = 1e-12;

double largestOf(const TensorValue &tensor) {
  double largest = 0;
  for (double number : tensor.data)
    largest = std::max(largest, std::fabs(number));
  return largest;
}

/// Counts the gradients, and finds the largest error, relative to the largest of its tensor.
struct Gradients {
  unsigned tensors = 0, zero = 0;
  double worst = 0;

  void compare(Compiled &compiled, const Tensors &found, const Tensors &expected) {
    std::vector<unsigned> weights;
    double whole = 0;
    for (unsigned i = 0; i < compiled.function().getNumArguments(); ++i)
      if (compiled.argumentTensor(i)->role == runtime::Role::Weight) {
        weights.push_back(i);
        whole = std::max(whole, largestOf(expected[*compiled.updateOf(i)]));
      }
    for (unsigned i : weights) {
      const TensorValue &f = found[*compiled.updateOf(i)], &e = expected[*compiled.updateOf(i)];
      bool isZero = largestOf(e) <= kZero * whole;
      double scale = isZero ? whole : largestOf(e), error = 0;
      for (auto [x, y] : llvm::zip_equal(f.data, e.data))
        error = std::isfinite(x) ? std::max(error, std::fabs(x - y)) : INFINITY;
      EXPECT_LE(error, kGradient * scale) << "the gradient of " << compiled.argumentTensor(i)->name;
      worst = std::max(worst, error / scale);
      ++tensors;
      zero += isZero;
    }
  }
};

/// In a sample one net by one of the ways to PTX, by the seed.
std::vector<unsigned> chosenNets() {
  return fullScale() ? std::vector<unsigned>{0, 1}
                     : std::vector<unsigned>{unsigned(caseSeed(0) % 2)};
}
std::vector<GpuCodegen> chosenCodegens() {
  std::vector<GpuCodegen> both = {GpuCodegen::Nvptx, GpuCodegen::Nvrtc};
  return fullScale() ? both : std::vector<GpuCodegen>{both[caseSeed(0) / 2 % 2]};
}

/// Compiles a training step as planned and compares every gradient; returns how.
Gradients judge(std::optional<Compiled> &compiled, const SmallNet &small, const Plan &plan,
                Tensors &arguments, Tensors &expected) {
  Gradients gradients;
  if (compiled) {
    compiled->compileAgain(plan);
  } else {
    compiled.emplace(sourceOf(small), plan);
    if (compiled->ok) {
      arguments = draw(*compiled);
      expected = compiled->expected(arguments, Precision::F64);
    }
  }
  EXPECT_TRUE(compiled->ok);
  Tensors found = compiled->ok ? compiled->run(arguments, kBatch, 1) : Tensors();
  EXPECT_EQ(found.size(), expected.size());
  if (found.size() == expected.size())
    gradients.compare(*compiled, found, expected);
  EXPECT_GT(gradients.tensors, 2 * gradients.zero);
  return gradients;
}

class GpuNetTest : public testing::TestWithParam<unsigned> {};

TEST_P(GpuNetTest, gradients) {
  if (!haveToolkit())
    GTEST_SKIP() << "no CUDA toolkit";
  const SmallNet &small = kNets[GetParam()];
  std::optional<Compiled> compiled;
  Tensors arguments, expected;
  for (GpuCodegen codegen : chosenCodegens()) {
    Plan plan{.batch = kBatch, .card = "sm_90", .codegen = codegen};
    Gradients gradients = judge(compiled, small, plan, arguments, expected);
    printf("  measured: by %s: %u gradients of %s on the software device are within %.2g of the "
           "largest of their tensor (bound %g)\n",
           nameOf(codegen), gradients.tensors, small.net.c_str(), gradients.worst, kGradient);
  }
}

// The software device's cuDNN checks every pointer, size and id that it is given.
TEST(GpuNetLibraryTest, Gradients) {
  if (!haveToolkit())
    GTEST_SKIP() << "no CUDA toolkit";
  for (unsigned number : {kLeNet, kResNet}) {
    const SmallNet &small = kNets[number];
    std::optional<Compiled> compiled;
    Tensors arguments, expected;
    Plan plan{.batch = kBatch, .card = "sm_90", .library = softwareCudnn()};
    Gradients gradients = judge(compiled, small, plan, arguments, expected);
    size_t plans = llvm::count_if(compiled->program.launches,
                                  [](const runtime::Launch &launch) { return launch.library; });
    EXPECT_GE(plans, number == kLeNet ? 2u : 40u);
    printf("  measured: %u gradients of %s with %zu of %zu launches by the software device's cuDNN "
           "are within %.2g of the largest of their tensor (bound %g)\n",
           gradients.tensors, small.net.c_str(), plans, compiled->program.launches.size(),
           gradients.worst, kGradient);
  }
}

INSTANTIATE_TEST_SUITE_P(Nets, GpuNetTest, testing::ValuesIn(chosenNets()),
                         [](const auto &info) { return kNets[info.param].net; });

} // namespace
