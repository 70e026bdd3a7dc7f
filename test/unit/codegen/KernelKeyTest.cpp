//===- KernelKeyTest.cpp - a user's own convolution gets the library's kernels ----------------===//
//
// Kernels are chosen by the form of an equation: names of indices, the order in which sums and
// products are written and the dimension order that a weight is declared with make no difference,
// neither forward nor in the two gradients.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "dsl/Frontend.h"
#include "llvm/Support/FormatVariadic.h"
#include <set>

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

struct Net {
  std::string name, text; // a text of its own, or a file under that name
};

Compiled compile(const Net &net) {
  return Compiled(
      [&](mlir::MLIRContext &context) {
        dsl::SourceManager sources;
        dsl::Diagnostics diagnostics;
        dsl::FrontendOptions options;
        options.dataOverride = "synthetic:64";
        auto result =
            net.text.empty()
                ? dsl::elaborateFile(net.name, options, context, sources, diagnostics)
                : dsl::elaborateText(net.name, net.text, options, context, sources, diagnostics);
        EXPECT_FALSE(diagnostics.hasErrors()) << diagnostics.str();
        return std::move(result.module);
      },
      {.batch = 8});
}

/// Keys of all launches that do at least `flops` a sample, in order.
std::vector<std::string> keysOf(const Net &net, double flops) {
  SCOPED_TRACE(net.name);
  Compiled compiled = compile(net);
  EXPECT_TRUE(compiled.ok);
  std::vector<std::string> keys;
  for (const runtime::Launch &launch : compiled.program.launches)
    if (launch.flops.perSample >= flops)
      keys.push_back(compiled.program.kernels[launch.kernel].key);
  return keys;
}

Net example(const std::string &name) {
  return {std::string(GNC_SOURCE_DIR) + "/examples/" + name, ""};
}

/// Two convolutions, so that the second has all three kernels, by what `layer` is called as.
std::string twoConvolutions(const std::string &declarations, const std::string &first,
                            const std::string &second) {
  return formatv(R"({0}
net Two(image: [1, 14, 14]) -> logits: [10] {{
  image -> {1} -> relu -> {2} -> relu -> maxpool(2) -> flatten -> linear(10)
}
data d {{
  source = idx("nowhere")
  image  = source.image / 255
  label  = source.label
}
train Two on d {{
  loss      = cross_entropy(logits, label)
  optimizer = adam(1e-3)
  batch     = 8
  epochs    = 1
}
)",
                 declarations, first, second);
}

/// A layer `mine(count)` with 3x3 windows by the given equation, its weight declared as `shape`
/// over D, N, 3, 3.
std::string ownLayer(const std::string &shape, const std::string &sizes,
                     const std::string &equation,
                     const std::string &size = "[N, U - P + 1, V - Q + 1]") {
  return formatv(R"(op slide(picture: [D, U, V], w: {0}) -> out: {3} {{
  {2}
}
block mine(picture: [D, U, V]; count: int) {{
  param w: {1} = he(D * 9)
  param bias: [count] = 0 @nodecay
  add_channel(slide(picture, w), bias)
}
)",
                 shape, sizes, equation, size);
}

/// The heavy kernels of the second layer: forward, data gradient, weight gradient.
constexpr double kHeavy = 150000;

TEST(KernelKeyTest, examples) {
  std::vector<std::string> library = keysOf(example("fashion.net"), 500000);
  // The convolution and its weight's gradient, the linear layer and its two gradients.
  EXPECT_EQ(library.size(), 5u);
  EXPECT_EQ(library, keysOf(example("custom_conv.net"), 500000));
}

TEST(KernelKeyTest, namesAndOrder) {
  std::vector<std::string> library =
      keysOf({"library", twoConvolutions("", "conv(8, 3x3)", "conv(16, 3x3)")}, kHeavy);
  ASSERT_EQ(library.size(), 3u);
  EXPECT_EQ(std::set<std::string>(library.begin(), library.end()).size(), 3u);
  const std::pair<const char *, std::string> variants[] = {
      {"other names",
       ownLayer("[N, D, P, Q]", "[count, D, 3, 3]",
                "out[n, u, v] = sum[d, p, q] w[n, d, p, q] * picture[d, u + p, v + q]")},
      {"the other factor first",
       ownLayer("[N, D, P, Q]", "[count, D, 3, 3]",
                "out[n, u, v] = sum[d, p, q] picture[d, u + p, v + q] * w[n, d, p, q]")},
      {"sums in another order",
       ownLayer("[N, D, P, Q]", "[count, D, 3, 3]",
                "out[n, u, v] = sum[q, p, d] w[n, d, p, q] * picture[d, p + u, q + v]")},
      {"window first",
       ownLayer("[P, Q, D, N]", "[3, 3, D, count]",
                "out[n, u, v] = sum[p, q, d] w[p, q, d, n] * picture[d, u + p, v + q]")},
      {"window last, turned",
       ownLayer("[D, N, Q, P]", "[D, count, 3, 3]",
                "out[n, u, v] = sum[d, q, p] w[d, n, q, p] * picture[d, u + p, v + q]")},
      {"channels between",
       ownLayer("[P, N, D, Q]", "[3, count, D, 3]",
                "out[n, u, v] = sum[p, d, q] w[p, n, d, q] * picture[d, u + p, v + q]")},
  };
  for (auto &[name, layer] : variants)
    EXPECT_EQ(library, keysOf({name, twoConvolutions(layer, "mine(8)", "mine(16)")}, kHeavy))
        << name;
}

TEST(KernelKeyTest, padding) {
  std::vector<std::string> library =
      keysOf({"library", twoConvolutions("", "conv(8, 3x3, pad = 1)", "conv(16, 3x3, pad = half)")},
             kHeavy);
  ASSERT_EQ(library.size(), 3u);
  std::string own = ownLayer(
      "[P, Q, D, N]", "[3, 3, D, count]",
      "out[n, u, v] = sum[p, q, d] w[p, q, d, n] * (picture[d, u + p - 1, v + q - 1] ?? 0)",
      "[N, U + 2 - P + 1, V + 2 - Q + 1]");
  EXPECT_EQ(library, keysOf({"own", twoConvolutions(own, "mine(8)", "mine(16)")}, kHeavy));
}

/// Keys differ where the work does.
TEST(KernelKeyTest, otherExtents) {
  auto five = keysOf({"5x5", twoConvolutions("", "conv(8, 3x3)", "conv(16, 5x5)")}, kHeavy);
  auto three = keysOf({"3x3", twoConvolutions("", "conv(8, 3x3)", "conv(16, 3x3)")}, kHeavy);
  for (const std::string &key : three)
    EXPECT_FALSE(llvm::is_contained(five, key));
}

} // namespace
