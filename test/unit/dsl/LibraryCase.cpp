#include "LibraryCase.h"

#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;

double View::operator()(At at) const {
  int64_t offset = 0;
  for (auto [i, extent] : llvm::zip_equal(at, tensor.shape)) {
    if (i < 0 || i >= extent)
      return 0;
    offset = offset * extent + i;
  }
  return tensor.data[offset];
}

View Arguments::operator[](llvm::StringRef name) const {
  for (const Operand &operand : list)
    if (operand.name == name || llvm::StringRef(operand.name).ends_with(("." + name).str()))
      return View{operand.value};
  ADD_FAILURE() << "no argument named " << name.str();
  return View{list.front().value};
}

TensorValue gnc::test::fill(std::vector<int64_t> shape, llvm::function_ref<double(At)> element) {
  TensorValue tensor(shape);
  std::vector<int64_t> index(shape.size(), 0);
  for (double &value : tensor.data) {
    value = element(index);
    for (size_t d = shape.size(); d > 0 && ++index[d - 1] == shape[d - 1]; --d)
      index[d - 1] = 0;
  }
  return tensor;
}

Reference gnc::test::one(std::function<TensorValue(const Arguments &)> result) {
  return [result](const Arguments &x) { return std::vector<TensorValue>{result(x)}; };
}

const Cases &gnc::test::libraryCases() {
  static const Cases cases = [] {
    Cases list;
    for (auto add : {addPointwiseCases, addConvolutionCases, addPoolCases, addShapeCases,
                     addLinearCases, addNormCases, addLossCases, addAugmentCases})
      add(list);
    return list;
  }();
  return cases;
}
