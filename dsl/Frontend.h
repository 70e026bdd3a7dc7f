// The entry to the language: a `.net` file in, one verified module out.
//
// The module holds up to three functions, `@train`, `@eval` and `@infer`, and the attribute
// `gnc.recipe`; ir/Gnc.h names the attributes. Tools include this header and no other of dsl/ but
// Diagnostic.h and Source.h.
#ifndef GNC_DSL_FRONTEND_H
#define GNC_DSL_FRONTEND_H

#include "dsl/Diagnostic.h"
#include "dsl/Source.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gnc::dsl {

class Listener;
class Module;

/// What the command line says about a file.
struct FrontendOptions {
  /// `-s name=value`: settings of the net, its free dimensions, or the numbers of its train section
  /// (batch, epochs, steps, seed, validate).
  std::vector<std::pair<std::string, std::string>> settings;
  /// `--data`: a folder in place of the source's path, or `synthetic:N`.
  std::string dataOverride;
  /// The net whose sections are meant, where a file has several; "" is the only one.
  std::string net;
  /// In place of the train section's seed.
  std::optional<uint64_t> seed;
  /// Leave data, train and infer sections alone: the module holds `@infer` with the net's own
  /// inputs (`gnc summary` of a net whose data are not here).
  bool netOnly = false;
  /// Check everything in the main file, not only what the module needs: every net and every
  /// section, each in both modes.
  bool checkAll = false;
  /// How many levels of blocks the summary's rows show; 1: the net's own body.
  unsigned summaryDepth = 1;
  /// Hears what is found out about places of the text; may be null.
  Listener *listener = nullptr;
};

/// A row of `gnc summary`: a stage of the net's own body, or of a block in it.
struct NetRow {
  unsigned level = 0; // of the net's own body
  std::string text;   // "conv(32, 5x5)"
  std::string shape;  // "[32, 24, 24]"
  int64_t parameters = 0;
  double flops = 0; // of one sample; a multiply-add is two
  Position position;
  double multiplyAdds = 0; // of one sample: the terms of all sums of products
};

/// What `gnc summary` prints of a net.
struct NetSummary {
  std::string net;
  std::vector<std::string> inputs, outputs; // "image: [1, 28, 28]"
  std::vector<NetRow> rows;
  int64_t parameters = 0, parameterTensors = 0;
  int64_t stateElements = 0;
  /// The net as a section sets it, "MobileNetV2(width = 0.5)", and its parameters; the rows show it
  /// with its own defaults. "" where they are the same.
  std::string asUsed;
  int64_t parametersAsUsed = 0;
  /// What the train section says, line by line: "optimizer", "adam(lr = 0.001, ..)".
  std::vector<std::pair<std::string, std::string>> training;
  /// Free dimensions that nothing bound and that count as 256: "H", "W".
  std::vector<std::string> assumed;
};

struct FrontendResult {
  /// Null when there were errors.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Of the net in the module, elaborated for inference. Empty name when that failed.
  NetSummary summary;
};

/// Loads, checks and elaborates. Errors and warnings go to `diags`; `sources` must outlive it.
FrontendResult elaborateFile(llvm::StringRef path, const FrontendOptions &options,
                             mlir::MLIRContext &context, SourceManager &sources,
                             Diagnostics &diags);
/// The same for a text that is no file; relative paths in it start from the folder of `name`.
FrontendResult elaborateText(llvm::StringRef name, std::string text, const FrontendOptions &options,
                             mlir::MLIRContext &context, SourceManager &sources,
                             Diagnostics &diags);

/// The same for a file that is loaded already.
FrontendResult elaborateModule(const Module &main, const FrontendOptions &options,
                               mlir::MLIRContext &context, SourceManager &sources,
                               Diagnostics &diags);

} // namespace gnc::dsl

#endif // GNC_DSL_FRONTEND_H
