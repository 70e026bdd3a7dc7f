//===- Initial.h - the numbers that weights start from ---------------------------------------===//
#pragma once

#include "runtime/Philox.h"
#include "runtime/Program.h"

#include <vector>

namespace gnc::runtime {

/// The initial value of each logical element (row-major index) of a tensor: a pure function of the
/// seed, the tensor's name and shape.
class InitialValues {
public:
  InitialValues(const Tensor &tensor, uint64_t seed);
  double operator()(uint64_t element) const;

private:
  /// Saxe, McClelland, Ganguli 2014, Exact solutions to the nonlinear dynamics of learning: the Q
  /// of a normal matrix of shape[0] rows and as many columns as the other extents make; of its
  /// transpose if it has more columns than rows. R has a positive diagonal, which makes Q uniform
  /// among all such matrices. O(n m^2) for m <= n.
  void makeOrthogonal(uint64_t rows, uint64_t columns);

  Initializer initial;
  RandomStream stream;
  std::vector<double> made; // if all elements have to be made together
};

} // namespace gnc::runtime
