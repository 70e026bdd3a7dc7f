// Ops in modules of their own, for `gnc check --grad`: shapes of their uses made small, small
// shapes for those that nothing uses, reasons where there are none.
#include "dsl/OpInstance.h"

#include "mlir/IR/MLIRContext.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace gnc::dsl;

namespace {

/// The instances of the ops of a text.
struct Instances {
  mlir::MLIRContext context;
  SourceManager sources;
  Diagnostics diags;
  std::vector<OpInstance> list;

  explicit Instances(const std::string &text) {
    auto path =
        std::filesystem::temp_directory_path() / ("gnc-ops-" + std::to_string(getpid()) + ".net");
    std::ofstream(path) << text;
    if (auto made = instantiateOps(path.string(), {}, context, sources, diags))
      list = std::move(*made);
    std::filesystem::remove(path);
  }
  std::vector<std::string> texts(llvm::StringRef op) const {
    std::vector<std::string> texts;
    for (const OpInstance &instance : list)
      if (instance.name == op)
        texts.push_back(instance.module ? instance.text() : instance.problem);
    return texts;
  }
};

using Texts = std::vector<std::string>;

} // namespace

TEST(OpInstance, UsesAreShrunk) {
  Instances ops("net N(image: [64, 32, 32]) { image -> conv(128, 3x3, stride = 2, pad = 1) }");
  EXPECT_EQ(ops.texts("conv2d").size(), 1u);
  EXPECT_EQ(ops.texts("conv2d").front().substr(0, 36), "x: [5, 4, 4], w: [6, 5, 3, 3], strid");
}

TEST(OpInstance, RelationsBetweenDimensionsAreKept) {
  Instances ops("op up(x: [C, H], skip: [D, 2*H]) -> y: [C, 2*H] {\n"
                "  y[c, i] = x[c, i // 2] * sum[d] skip[d, i]\n"
                "}\n"
                "net N(a: [3, 17], b: [5, 34]) { up(a, b) }");
  EXPECT_EQ(ops.texts("up"), Texts{"x: [3, 17], skip: [5, 34]"});
  Instances even("op up(x: [C, H], skip: [D, 2*H]) -> y: [C, 2*H] {\n"
                 "  y[c, i] = x[c, i // 2] * sum[d] skip[d, i]\n"
                 "}\n"
                 "net N(a: [3, 16], b: [5, 32]) { up(a, b) }");
  EXPECT_EQ(even.texts("up"), Texts{"x: [3, 4], skip: [5, 8]"});
}

TEST(OpInstance, EveryWayOfUseOnce) {
  Instances ops("op f(x: [A]; k = 1) -> y: [A] { y[i] = k * x[i] }\n"
                "net N(a: [10], b: [20]) { f(a) + f(a) + (a -> f(k = 2)) }");
  EXPECT_EQ(ops.texts("f"), (Texts{"x: [5], k = 1", "x: [5], k = 2"}));
}

TEST(OpInstance, UnusedOpsGetSmallShapes) {
  Instances ops("op f(x: [N; A, B], t: index(B)) -> y: [A] { y[a] = mean[n] x[n; a, t] }\n"
                "op g(x: [A, B]; groups) -> y: [groups] {\n"
                "  require A % groups == 0\n"
                "  y[q] = sum[a < A / groups, b] x[q*(A / groups) + a, b]\n"
                "}");
  for (const char *name : {"f", "g"})
    for (const std::string &text : ops.texts(name))
      EXPECT_EQ(text.substr(0, 4), "x: [") << name << ": " << text;
}

TEST(OpInstance, SaysWhyThereIsNone) {
  Instances ops("op f(x: [A]) -> y: [A] {\n  require A > 100\n  y[i] = x[i]\n}");
  EXPECT_EQ(ops.texts("f"), Texts{"required: A > 100"});
}
