// An error or warning of the elaborator: placed where the user wrote it, with the uses that led
// there.
#ifndef GNC_DSL_REPORT_H
#define GNC_DSL_REPORT_H

#include "dsl/Diagnostic.h"

#include "llvm/Support/LogicalResult.h"

#include <type_traits>

namespace gnc::dsl {

class Elaborator;
struct Tensor;

/// A diagnostic under construction: `return elab.error("slug", span, "text").note(..).help(..);`
/// from any function that returns LogicalResult or FailureOr. When it ends, the notes "in this use
/// of 'basic', with k = 128" are added.
class Report {
public:
  Report(Elaborator &elab, Diagnostic &diagnostic, Span at)
      : elab(&elab), diagnostic(&diagnostic), at(at) {}
  Report(const Report &) = delete;
  Report(Report &&other) : elab(other.elab), diagnostic(other.diagnostic), at(other.at) {
    other.diagnostic = nullptr;
  }
  ~Report();

  Report &note(const llvm::Twine &text);
  Report &note(Span at, const llvm::Twine &text);
  Report &help(const llvm::Twine &text);
  /// The shape on the way to `tensor`, one note a step; `title` first, if there are steps.
  Report &trail(const Tensor &tensor, const llvm::Twine &title = "");
  /// "did you mean 'x'?" if a candidate is near enough.
  Report &didYouMean(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> candidates);

  operator llvm::LogicalResult() const { return llvm::failure(); }
  template <typename T> operator llvm::FailureOr<T>() const { return llvm::failure(); }

private:
  Elaborator *elab;
  Diagnostic *diagnostic;
  Span at;
};

} // namespace gnc::dsl

#endif // GNC_DSL_REPORT_H
