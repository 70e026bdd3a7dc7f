// One use of something in the standard library: what it is to give, by loops that are written here
// and share nothing with the library's text, and whether it has a gradient.
#ifndef GNC_TEST_UNIT_DSL_LIBRARYCASE_H
#define GNC_TEST_UNIT_DSL_LIBRARYCASE_H

#include "OpHarness.h"

#include <functional>

namespace gnc::test {

/// Reads a tensor by indices; 0 outside.
struct View {
  const TensorValue &tensor;
  double operator()(llvm::ArrayRef<int64_t> at) const;
  int64_t extent(unsigned dimension) const { return tensor.shape[dimension]; }
};

/// The arguments of a program by name; weights and states by the end of their path.
class Arguments {
public:
  explicit Arguments(const std::vector<Operand> &list) : list(list) {}
  View operator[](llvm::StringRef name) const;

private:
  const std::vector<Operand> &list;
};

using At = llvm::ArrayRef<int64_t>;

/// A tensor filled from its indices.
TensorValue fill(std::vector<int64_t> shape, llvm::function_ref<double(At)> element);

using Reference = std::function<std::vector<TensorValue>(const Arguments &)>;

struct LibraryCase {
  std::string name;       ///< of the op or block
  std::string expression; ///< on the operands
  std::vector<Operand> operands;
  Reference expected;
  /// Why no gradient is compared with central differences; "" if it is.
  std::string noGradient = "";
  /// Numbers of very different sizes: f32 has to stay finite where f64 does.
  bool extreme = false;
  dsl::ast::Mode mode = dsl::ast::Mode::Train;
  /// Instead of `expected` where numbers are drawn: what is wrong with the result, or "".
  std::function<std::string(const Arguments &, const TensorValue &)> accepts = nullptr;
};

/// A reference with one result.
Reference one(std::function<TensorValue(const Arguments &)> result);

using Cases = std::vector<LibraryCase>;
/// All of them.
const Cases &libraryCases();
void addPointwiseCases(Cases &cases);
void addConvolutionCases(Cases &cases);
void addPoolCases(Cases &cases);
void addShapeCases(Cases &cases);
void addLinearCases(Cases &cases);
void addNormCases(Cases &cases);
void addLossCases(Cases &cases);
void addAugmentCases(Cases &cases);

} // namespace gnc::test

#endif
