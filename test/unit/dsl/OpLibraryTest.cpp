// Every op of the standard library has an entry here: it is elaborated, and its gradient is
// compared with central differences in f64.
#include "OpHarness.h"

#include "dsl/Module.h"

#include <gtest/gtest.h>
#include <map>

using namespace gnc;
using namespace gnc::test;
namespace ast = gnc::dsl::ast;

namespace {
struct Entry {
  std::string expression;
  std::vector<Operand> operands;
  bool smooth = true; // false: its values are whole numbers, the gradient is zero or absent
};
} // namespace

/// Away from the kinks of all activations: 0, 3, 6.
static Operand away(std::string name) {
  return with(samples(std::move(name), 2, {3}), {-4.2, -1.3, -0.4, 0.7, 1.9, 4.6});
}

/// A batch without ties or near ties: max is smooth around it.
static Operand distinct(std::string name, int64_t n, llvm::ArrayRef<int64_t> shape) {
  Operand x = samples(std::move(name), n, shape);
  for (size_t i = 0; i < x.value.data.size(); ++i)
    x.value.data[i] = double((i * 37) % x.value.data.size()) / 10 - 1;
  return x;
}

using Table = std::multimap<std::string, Entry>;

static void addPointwise(Table &table) {
  for (std::string name :
       {"exp",  "expm1",    "sin",  "cos",      "erf",         "abs",          "sigmoid",
        "tanh", "softplus", "relu", "relu6",    "leaky_relu",  "elu",          "selu",
        "silu", "swish",    "gelu", "softsign", "log_sigmoid", "hard_sigmoid", "hard_swish"})
    table.insert({name, {"x -> " + name, {away("x")}}});
  for (std::string name : {"log", "log1p", "sqrt", "rsqrt"})
    table.insert({name, {"x -> " + name, {samples("x", 2, {3}, 1, 0.3, 2)}}});
  for (std::string name : {"floor", "ceil", "round", "stop"})
    table.insert({name, {"x -> " + name, {away("x")}, false}});
}

static Operand image() { return samples("x", 2, {2, 4, 3}, 21); }

static void addChannels(Table &table) {
  Operand image = ::image(), channel = numbers("a", {2}, 22, 0.5, 2);
  table.insert({"pow", {"pow(x, a)", {numbers("x", {3}, 1, 0.5, 2), numbers("a", {3}, 2)}}});
  table.insert({"add_channel", {"add_channel(x, a)", {image, channel}}});
  table.insert({"mul_channel", {"mul_channel(x, a)", {image, channel}}});
  table.insert({"normalize", {"normalize(x, mean = [0.1, 0.2], std = 3)", {image}}});
  table.insert({"prelu_with", {"prelu_with(x, a)", {image, channel}}});
}

static void addConvolutions(Table &table) {
  Operand image = ::image();
  Operand w = numbers("w", {4, 2, 3, 3}, 23), grouped = numbers("w", {4, 1, 3, 2}, 24);
  table.insert({"conv2d", {"conv2d(x, w)", {image, w}}});
  table.insert({"conv2d", {"conv2d(x, w, pad = 1, stride = 2)", {image, w}}});
  table.insert({"conv2d", {"conv2d(x, w, pad = 2, dilate = 2)", {image, w}}});
  table.insert({"conv2d", {"conv2d(x, w, pad = 1, stride = 3, dilate = 2)", {image, w}}});
  table.insert({"conv2d", {"conv2d(x, w, pad = 1)", {image, grouped}}});
  table.insert({"conv2d", {"conv2d(x, w)", {image, numbers("w", {3, 2, 1, 1}, 25)}}});
  Operand up = numbers("w", {2, 3, 3, 3}, 26);
  table.insert({"conv2d_up", {"conv2d_up(x, w)", {image, up}}});
  table.insert({"conv2d_up", {"conv2d_up(x, w, stride = 3, pad = 1)", {image, up}}});
  table.insert({"conv2d_up", {"conv2d_up(x, w)", {image, numbers("w", {2, 3, 2, 2}, 27)}}});
}

static void addMaps(Table &table) {
  Operand image = ::image(), channel = numbers("a", {2}, 22, 0.5, 2);
  Operand spread = distinct("x", 2, {2, 4, 3});
  table.insert({"maxpool", {"maxpool(x)", {spread}}});
  table.insert({"maxpool", {"maxpool(x, size = 3, stride = 2, pad = 1)", {spread}}});
  table.insert({"avgpool", {"avgpool(x)", {image}}});
  table.insert({"avgpool", {"avgpool(x, size = 3, stride = 2, pad = 1)", {image}}});
  table.insert({"avgpool", {"avgpool(x, size = 3, stride = 2, pad = 1, padded = false)", {image}}});
  table.insert({"global_avgpool", {"global_avgpool(x)", {image}}});
  table.insert({"global_maxpool", {"global_maxpool(x)", {spread}}});
  table.insert({"upsample", {"upsample(x)", {image}}});
  table.insert({"upsample_linear", {"upsample_linear(x)", {image}}});

  table.insert({"matvec", {"matvec(x, w)", {samples("x", 2, {5}), numbers("w", {3, 5}, 28)}}});
  table.insert({"add", {"add(x, b)", {samples("x", 2, {5}), numbers("b", {5}, 29)}}});
  table.insert({"moments", {"moments(x)", {image}}});
  table.insert(
      {"channel_norm",
       {"channel_norm(x, mu, a, g, b)",
        {image, channel, numbers("mu", {2}, 30), numbers("g", {2}, 31), numbers("b", {2}, 32)}}});
  table.insert({"standardize", {"standardize(x)", {image}}});
  table.insert({"scale_shift",
                {"scale_shift(x, g, b)",
                 {samples("x", 2, {3, 2}), numbers("g", {3, 2}, 33), numbers("b", {3, 2}, 34)}}});
}

static void addLosses(Table &table) {
  Operand z = distinct("z", 3, {4}), t = classes("t", 3, {}, 4), real = samples("r", 3, {4}, 35);
  Operand map = distinct("z", 2, {3, 2, 2});
  table.insert({"cross_entropy", {"cross_entropy(z, t)", {z, t}}});
  table.insert({"smooth_cross_entropy", {"smooth_cross_entropy(z, t)", {z, t}}});
  table.insert(
      {"map_cross_entropy", {"map_cross_entropy(z, t)", {map, classes("t", 2, {2, 2}, 3)}}});
  table.insert({"softmax", {"softmax(z)", {z}}});
  table.insert({"softmax", {"softmax(z)", {map}}});
  table.insert({"log_softmax", {"log_softmax(z)", {z}}});
  for (std::string name : {"binary_cross_entropy", "mse", "mae", "huber"})
    table.insert({name, {name + "(z, r)", {z, real}}});
  table.insert({"huber", {"huber(z, r, delta = 0.5)", {z, real}}});
  table.insert({"l2", {"l2(z)", {numbers("z", {3, 2})}}});
  table.insert({"l1", {"l1(z)", {numbers("z", {3, 2})}}});
  table.insert({"accuracy", {"accuracy(z, t)", {z, t}, false}});
  table.insert({"top", {"top(z, t, n = 2)", {z, t}, false}});
}

static Table entries() {
  Table table;
  for (auto add : {addPointwise, addChannels, addConvolutions, addMaps, addLosses})
    add(table);
  return table;
}

TEST(OpLibrary, EveryOpHasAnEntry) {
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  dsl::ModuleLoader loader(sources, diags);
  EXPECT_EQ(diags.str(), "");
  auto table = entries();
  for (const ast::OpDecl *op : loader.libraryModule().all<ast::OpDecl>())
    EXPECT_TRUE(table.count(op->name.text.str())) << op->name.text.str() << " has no entry";
}

TEST(OpLibrary, Gradients) {
  for (const auto &[name, entry] : entries()) {
    SCOPED_TRACE(entry.expression);
    Program program("", entry.expression, entry.operands);
    ASSERT_TRUE(program.good()) << program.messages();
    if (entry.smooth)
      EXPECT_EQ(program.checkGradient(), "");
  }
}
