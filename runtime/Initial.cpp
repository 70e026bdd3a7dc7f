#include "runtime/Initial.h"

#include <cmath>

namespace gnc::runtime {

InitialValues::InitialValues(const Tensor &tensor, uint64_t seed)
    : initial(tensor.initial), stream(seed, Purpose::Initial, siteHash(tensor.name)) {
  if (initial.kind != Initializer::Kind::Orthogonal)
    return;
  uint64_t elements = uint64_t(tensor.elements());
  uint64_t rows = tensor.shape.empty() ? 1 : uint64_t(tensor.shape[0]);
  makeOrthogonal(rows, elements / rows);
}

/// Normal, within two deviations: each attempt is a draw of its own, one in 22 is refused.
static double truncated(const RandomStream &stream, uint64_t element) {
  for (uint64_t attempt = 0;; ++attempt)
    if (double value = stream.normal(attempt, element); std::fabs(value) <= 2)
      return value;
}

double InitialValues::operator()(uint64_t element) const {
  switch (initial.kind) {
  case Initializer::Kind::Constant: return initial.a;
  case Initializer::Kind::Normal: return initial.a + initial.b * stream.normal(0, element);
  case Initializer::Kind::Uniform:
    return initial.a + (initial.b - initial.a) * stream.uniform(0, element);
  case Initializer::Kind::TruncatedNormal:
    return initial.a + initial.b * truncated(stream, element);
  case Initializer::Kind::Orthogonal: return made[element];
  }
  return 0;
}

static double dot(const double *a, const double *b, uint64_t n) {
  double sum = 0;
  for (uint64_t i = 0; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

void InitialValues::makeOrthogonal(uint64_t rows, uint64_t columns) {
  bool wide = rows < columns;
  uint64_t n = wide ? columns : rows, m = wide ? rows : columns;
  // Vector k of the m is [k * n, (k + 1) * n).
  std::vector<double> vectors(n * m);
  for (uint64_t i = 0; i < n * m; ++i)
    vectors[i] = stream.normal(0, i);
  for (uint64_t k = 0; k < m; ++k) {
    double *v = &vectors[k * n];
    // Gram and Schmidt twice: orthogonal to rounding (Giraud et al. 2005, "twice is enough").
    for (int round = 0; round < 2; ++round)
      for (uint64_t j = 0; j < k; ++j) {
        const double *q = &vectors[j * n];
        double along = dot(q, v, n);
        for (uint64_t i = 0; i < n; ++i)
          v[i] -= along * q[i];
      }
    double length = std::sqrt(dot(v, v, n));
    for (uint64_t i = 0; i < n; ++i)
      v[i] /= length;
  }
  made.resize(n * m);
  for (uint64_t k = 0; k < m; ++k)
    for (uint64_t i = 0; i < n; ++i)
      made[wide ? k * n + i : i * m + k] = initial.a * vectors[k * n + i];
}

} // namespace gnc::runtime
