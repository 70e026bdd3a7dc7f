// A net with its data inside one function: what train, eval and infer have in common.
#ifndef GNC_DSL_SECTIONFUNCTION_H
#define GNC_DSL_SECTIONFUNCTION_H

#include "dsl/DataFields.h"
#include "dsl/Frontend.h"

namespace gnc::dsl {

/// What the sections of a file say about one net. Declarations only.
struct NetPlan {
  const Module *main = nullptr; // the file of the sections
  Found net;                    // a NetDecl
  const ast::TrainDecl *train = nullptr;
  const ast::InferDecl *infer = nullptr;
};

/// What every function of a module is built with.
struct BuildContext {
  mlir::ModuleOp module;
  Diagnostics &diags;
  const FrontendOptions &options;
  const llvm::StringMap<Value> &overrides; // -s
};

/// Elaborates the data section, then the net on its fields. Afterwards `scope` holds the fields and
/// the results of the net, and whoever owns this adds results and finishes the function.
class SectionFunction {
public:
  SectionFunction(const BuildContext &context, const NetPlan &plan, llvm::StringRef name,
                  ast::Mode mode, bool training);

  /// `args` are those of the section (may be null), `on` names the data section (may be empty: then
  /// the net's inputs are arguments of the function themselves).
  LogicalResult run(const ast::Args *args, const ast::Ident &on);

  /// Gives the inputs the class counts that were found, checks `-s`, ends the function.
  void finish();

  const BuildContext &context;
  const NetPlan &plan;
  ProgramFunction function;
  Elaborator elab;
  Scope *scope = nullptr;                                 // of the section
  std::optional<DataFields> data;                         // absent without a data section
  Record results;                                         // of the net
  std::vector<std::pair<std::string, TensorType>> inputs; // of the net, as declared

private:
  const ast::NetDecl &net() const { return *llvm::cast<ast::NetDecl>(plan.net.decl); }
  FailureOr<NetUse> begin(const ast::Args *args, const ast::Ident &on,
                          const llvm::StringMap<Value> &overrides);
  LogicalResult splitArgs(const ast::Args *args);
  LogicalResult inputTypes(NetUse &use);
  LogicalResult loadData(const ast::Ident &on);
  FailureOr<Tensor> inputValue(size_t input);
  FailureOr<Tensor> fieldOf(size_t input, Span &place);
  LogicalResult checkInput(size_t input, const Tensor &tensor, Span at);
  LogicalResult defineResults();
  void defineWeights();

  // Open dimensions (OpenDimensions.cpp).
  using Extents = llvm::StringMap<int64_t>;
  /// `-s`, and the extents of the net's open dimensions that the data decide.
  llvm::StringMap<Value> boundDimensions(const ast::Args *args, const ast::Ident &on) const;
  llvm::SmallVector<llvm::StringRef> openDimensions() const;
  /// What the fields give for the net's dimensions `open` if the net said that they are `guess`.
  /// Nothing if that has errors: they are reported when it counts.
  std::optional<Extents> extentsOfFields(const ast::Args *args, const ast::Ident &on,
                                         llvm::ArrayRef<llvm::StringRef> open, int64_t guess) const;

  std::vector<const ast::Arg *> settings;
  llvm::StringMap<const ast::Arg *> inputArgs; // by input
  Span at;                                     // the name of the net in the section
};

} // namespace gnc::dsl

#endif // GNC_DSL_SECTIONFUNCTION_H
