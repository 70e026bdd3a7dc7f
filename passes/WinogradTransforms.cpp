#include "passes/WinogradTransforms.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace gnc::winograd {

using Values = SmallVector<Value>;

static Value scaled(ScalarBuilder &s, double factor, Value x) {
  return s.mul(s.constant(factor), x);
}

/// No quotient of these is an exact f32: dividing rounds once. It is done for weights alone.
static Value divided(ScalarBuilder &s, Value x, double by) { return s.div(x, s.constant(by)); }

//===- F(4, 3) --------------------------------------------------------------------------------===//

static Values input4(ScalarBuilder &s, ArrayRef<Value> x) {
  Value even = s.sub(x[4], scaled(s, 4, x[2])), odd = s.sub(x[3], scaled(s, 4, x[1]));
  Value evenTwo = s.sub(x[4], x[2]), oddTwo = scaled(s, 2, s.sub(x[3], x[1]));
  auto end = [&](Value first, Value middle, Value last) {
    return s.add(s.sub(scaled(s, 4, first), scaled(s, 5, middle)), last);
  };
  return {end(x[0], x[2], x[4]),  s.add(even, odd),       s.sub(even, odd),
          s.add(evenTwo, oddTwo), s.sub(evenTwo, oddTwo), end(x[1], x[3], x[5])};
}

static Values filter4(ScalarBuilder &s, ArrayRef<Value> w) {
  Value even = divided(s, s.add(w[0], w[2]), -6), odd = divided(s, w[1], -6);
  Value evenTwo = s.add(divided(s, w[0], 24), divided(s, w[2], 6)), oddTwo = divided(s, w[1], 12);
  return {divided(s, w[0], 4),    s.add(even, odd),       s.sub(even, odd),
          s.add(evenTwo, oddTwo), s.sub(evenTwo, oddTwo), w[2]};
}

static Values output4(ScalarBuilder &s, ArrayRef<Value> m) {
  Value sum = s.add(m[1], m[2]), difference = s.sub(m[1], m[2]);
  Value sumTwo = s.add(m[3], m[4]), differenceTwo = s.sub(m[3], m[4]);
  return {s.add(s.add(m[0], sum), sumTwo), s.add(difference, scaled(s, 2, differenceTwo)),
          s.add(sum, scaled(s, 4, sumTwo)),
          s.add(s.add(difference, scaled(s, 8, differenceTwo)), m[5])};
}

static Values outputAdjoint4(ScalarBuilder &s, ArrayRef<Value> dy) {
  Value even = s.add(dy[0], dy[2]), odd = s.add(dy[1], dy[3]);
  Value evenTwo = s.add(dy[0], scaled(s, 4, dy[2]));
  Value oddTwo = s.add(scaled(s, 2, dy[1]), scaled(s, 8, dy[3]));
  return {dy[0], s.add(even, odd), s.sub(even, odd), s.add(evenTwo, oddTwo), s.sub(evenTwo, oddTwo),
          dy[3]};
}

static Values filterAdjoint4(ScalarBuilder &s, ArrayRef<Value> m) {
  Value sum = divided(s, s.add(m[1], m[2]), 6);
  Value sumTwo = s.add(m[3], m[4]), differenceTwo = s.sub(m[3], m[4]);
  return {s.add(s.sub(divided(s, m[0], 4), sum), divided(s, sumTwo, 24)),
          s.add(divided(s, s.sub(m[2], m[1]), 6), divided(s, differenceTwo, 12)),
          s.add(s.sub(divided(s, sumTwo, 6), sum), m[5])};
}

//===- F(2, 3) --------------------------------------------------------------------------------===//

static Values input2(ScalarBuilder &s, ArrayRef<Value> x) {
  return {s.sub(x[0], x[2]), s.add(x[2], x[1]), s.sub(x[2], x[1]), s.sub(x[3], x[1])};
}

static Values filter2(ScalarBuilder &s, ArrayRef<Value> w) {
  Value even = scaled(s, 0.5, s.add(w[0], w[2])), odd = scaled(s, 0.5, w[1]);
  return {w[0], s.add(even, odd), s.sub(even, odd), w[2]};
}

static Values output2(ScalarBuilder &s, ArrayRef<Value> m) {
  return {s.add(m[0], s.add(m[1], m[2])), s.add(s.sub(m[1], m[2]), m[3])};
}

static Values outputAdjoint2(ScalarBuilder &s, ArrayRef<Value> dy) {
  return {dy[0], s.add(dy[0], dy[1]), s.sub(dy[0], dy[1]), dy[1]};
}

static Values filterAdjoint2(ScalarBuilder &s, ArrayRef<Value> m) {
  Value sum = scaled(s, 0.5, s.add(m[1], m[2]));
  return {s.add(m[0], sum), scaled(s, 0.5, s.sub(m[1], m[2])), s.add(sum, m[3])};
}

ArrayRef<Form> forms() {
  static const Form all[] = {
      {4, 6, input4, filter4, output4, outputAdjoint4, filterAdjoint4},
      {2, 4, input2, filter2, output2, outputAdjoint2, filterAdjoint2},
  };
  return all;
}

//===- In two dimensions ----------------------------------------------------------------------===//

/// The one of `values` that is at the index's value.
static Value choose(ScalarBuilder &s, ArrayRef<Value> values, Position at) {
  Value index = s.create<IndexOp>(values[0].getType(), at.index);
  unsigned last = values.size() - 1;
  Value chosen = values[at.reversed ? 0 : last];
  for (unsigned i = last; i-- > 0;)
    chosen = s.select(s.compare(arith::CmpFPredicate::OEQ, index, s.constant(i)),
                      values[at.reversed ? last - i : i], chosen);
  return chosen;
}

Value rectangle(ScalarBuilder &s, Transform ofRows, Transform ofColumns, ArrayRef<Value> x,
                unsigned rows, Position row, Position column) {
  unsigned columns = x.size() / rows;
  Values ofRow;
  for (unsigned j = 0; j < columns; ++j) {
    Values columnOfX;
    for (unsigned i = 0; i < rows; ++i)
      columnOfX.push_back(x[i * columns + j]);
    ofRow.push_back(choose(s, ofRows(s, columnOfX), row));
  }
  return choose(s, ofColumns(s, ofRow), column);
}

} // namespace gnc::winograd
