// One op with concrete shapes, in a module of its own: what `gnc check --grad` evaluates and
// `gnc grad` prints. Tools include this header beside Frontend.h.
//
// Shapes are those of the op's uses, made small where they are large; an op that nothing uses gets
// small ones that fit its signature.
#ifndef GNC_DSL_OPINSTANCE_H
#define GNC_DSL_OPINSTANCE_H

#include "dsl/Frontend.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallVector.h"

namespace gnc::dsl {

/// An input or result of an op.
struct OpOperand {
  std::string name;
  std::string type;    // "[4, 16, 16]", "index(10)", "[N; 4]" where the op sees its batch
  int64_t classes = 0; // K of index(K), else 0
  /// What an index of each dimension is called, the batch first: "n", "c", "h" for [N; C, H, 2*W];
  /// "" for the last one here.
  llvm::SmallVector<std::string> dimensions;
};

struct OpInstance {
  std::string name;
  Span span; // of the name in the declaration
  bool library = false;
  bool pointwise = false; // written on numbers
  std::vector<OpOperand> inputs, results;
  std::string settings;    // "stride = 2x2, pad = 1x1"; "" without
  std::vector<Span> given; // by input: its equation in `grad { .. }`, else nowhere
  std::string batch;       // the name of the batch's size, where the op sees it
  /// Where the right sides of the op's equations begin, and what they compute.
  struct Equation {
    unsigned line, column;
    std::string name;
  };
  std::vector<Equation> equations;
  /// `@op`: its arguments are the inputs (then the schedules that settings are made of, if any),
  /// its results those of the op. Null if there is none.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string problem; // why there is no module

  mlir::func::FuncOp function() const;
  /// "x: [2, 5, 4], stride = 2x2".
  std::string text() const;
};

/// Every op that the file declares or uses, in the order of its text, then those of other files in
/// the order of their use; one instance for each way an op is used. Of the file "std": the ops of
/// the standard library. Null where the file has errors.
std::optional<std::vector<OpInstance>> instantiateOps(llvm::StringRef path,
                                                      const FrontendOptions &options,
                                                      mlir::MLIRContext &context,
                                                      SourceManager &sources, Diagnostics &diags);

/// One op of a file (or of "std"), without a batch unless the op sees it. `options.settings` gives
/// shapes of inputs (`x=4x16x16`), dimensions (`C=4`) and settings (`stride=2`) by name; the rest
/// is chosen. None with errors in `diags` if that cannot be.
std::optional<OpInstance> instantiateOp(llvm::StringRef path, llvm::StringRef op,
                                        const FrontendOptions &options, mlir::MLIRContext &context,
                                        SourceManager &sources, Diagnostics &diags);

} // namespace gnc::dsl

#endif // GNC_DSL_OPINSTANCE_H
