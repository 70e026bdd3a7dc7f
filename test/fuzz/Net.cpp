//===- Net.cpp - fuzz target: networks as text ------------------------------------------------===//
//
// Everything that `gnc check` does with a text: lexer, parser, every net and section elaborated in
// both modes. Work is bounded by the elaborator itself, so no input may take long.
//
//===------------------------------------------------------------------------------------------===//
#include "dsl/Frontend.h"
#include "dsl/Module.h"
#include "ir/Gnc.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

using namespace gnc;

namespace {
/// The library is read once for many texts, but not for all: what a context has seen stays in it.
struct Frontend {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::ScopedDiagnosticHandler silence{&context, [](mlir::Diagnostic &) {}};
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  dsl::ModuleLoader loader{sources, diags};

  Frontend() { context.loadDialect<GncDialect, mlir::func::FuncDialect>(); }
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static std::optional<Frontend> frontend;
  static unsigned inputs = 0;
  if (inputs++ % 500 == 0)
    frontend.emplace();
  dsl::Diagnostics &diags = frontend->diags;
  diags.clear();
  const dsl::Module *main = frontend->loader.loadText(
      "input.net", std::string(reinterpret_cast<const char *>(data), size));
  dsl::FrontendOptions options;
  options.checkAll = true;
  dsl::FrontendResult result =
      dsl::elaborateModule(*main, options, frontend->context, frontend->sources, diags);
  bool silent = !result.module && !diags.hasErrors();
  auto isInternal = [](const dsl::Diagnostic *said) { return said->slug == "internal"; };
  std::vector<const dsl::Diagnostic *> all = diags.sorted();
  if (silent || std::any_of(all.begin(), all.end(), isInternal)) {
    fprintf(stderr, "refused without a reason of the user's:\n%s", diags.str().c_str());
    abort();
  }
  return 0;
}
