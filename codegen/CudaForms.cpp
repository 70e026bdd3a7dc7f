#include "codegen/CudaForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace gnc {

static constexpr CudaForm kForms[] = {
    {"arith.addi", "(%0 + %1)"},
    {"arith.subi", "(%0 - %1)"},
    {"arith.muli", "(%0 * %1)"},
    {"arith.divui", "(%0 / %1)", CudaView::Unsigned},
    {"arith.remui", "(%0 % %1)", CudaView::Unsigned},
    {"arith.divsi", "(%0 / %1)", CudaView::Signed},
    {"arith.remsi", "(%0 % %1)", CudaView::Signed},
    {"arith.shli", "(%0 << %1)"},
    {"arith.shrui", "(%0 >> %1)", CudaView::Unsigned},
    {"arith.shrsi", "(%0 >> %1)", CudaView::Signed},
    {"arith.andi", "(%0 & %1)"},
    {"arith.ori", "(%0 | %1)"},
    {"arith.xori", "(%0 ^ %1)"},
    {"arith.minsi", "lesser(%0, %1)", CudaView::Signed},
    {"arith.maxsi", "greater(%0, %1)", CudaView::Signed},
    {"arith.minui", "lesser(%0, %1)", CudaView::Unsigned},
    {"arith.maxui", "greater(%0, %1)", CudaView::Unsigned},
    {"arith.select", "select(%0, %1, %2)"},
    {"arith.addf", "(%0 + %1)"},
    {"arith.subf", "(%0 - %1)"},
    {"arith.mulf", "(%0 * %1)"},
    {"arith.divf", "(%0 / %1)"},
    {"arith.negf", "(-%0)"},
    {"arith.maximumf", "maximum(%0, %1)"},
    {"arith.minimumf", "minimum(%0, %1)"},
    {"math.exp", "expf(%0)"},
    {"math.expm1", "expm1f(%0)"},
    {"math.log", "logf(%0)"},
    {"math.log1p", "log1pf(%0)"},
    {"math.tanh", "tanhf(%0)"},
    {"math.erf", "erff(%0)"},
    {"math.sqrt", "sqrtf(%0)"},
    {"math.rsqrt", "inverseRoot(%0)"},
    {"math.sin", "sinf(%0)"},
    {"math.cos", "cosf(%0)"},
    {"math.absf", "fabsf(%0)"},
    {"math.floor", "floorf(%0)"},
    {"math.ceil", "ceilf(%0)"},
    {"math.round", "roundf(%0)"},
    {"math.roundeven", "rintf(%0)"},
    {"math.powf", "powf(%0, %1)"},
    {"vector.fma", "fmaf(%0, %1, %2)"},
    {"math.fma", "fmaf(%0, %1, %2)"},
};

static constexpr CudaForm kIntegerComparisons[] = {
    {"eq", "(%0 == %1)"},
    {"ne", "(%0 != %1)"},
    {"slt", "(%0 < %1)", CudaView::Signed},
    {"sle", "(%0 <= %1)", CudaView::Signed},
    {"sgt", "(%0 > %1)", CudaView::Signed},
    {"sge", "(%0 >= %1)", CudaView::Signed},
    {"ult", "(%0 < %1)", CudaView::Unsigned},
    {"ule", "(%0 <= %1)", CudaView::Unsigned},
    {"ugt", "(%0 > %1)", CudaView::Unsigned},
    {"uge", "(%0 >= %1)", CudaView::Unsigned},
};

/// By arith::CmpFPredicate. Those that hold for NaN are the negation of the opposite; `ueq`, `one`,
/// `ord` and `uno` ask for NaN themselves.
static constexpr CudaForm kFloatComparisons[] = {
    {"false", "(%0 != %0 && %0 == %0)"},
    {"oeq", "(%0 == %1)"},
    {"ogt", "(%0 > %1)"},
    {"oge", "(%0 >= %1)"},
    {"olt", "(%0 < %1)"},
    {"ole", "(%0 <= %1)"},
    {"one", "((%0 < %1) | (%0 > %1))"},
    {"ord", "((%0 == %0) & (%1 == %1))"},
    {"ueq", "!((%0 < %1) | (%0 > %1))"},
    {"ugt", "!(%0 <= %1)"},
    {"uge", "!(%0 < %1)"},
    {"ult", "!(%0 >= %1)"},
    {"ule", "!(%0 > %1)"},
    {"une", "(%0 != %1)"},
    {"uno", "((%0 != %0) | (%1 != %1))"},
    {"true", "((%0 == %0) | (%0 != %0))"},
};

const CudaForm *cudaForm(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return &kIntegerComparisons[static_cast<unsigned>(compare.getPredicate())];
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return &kFloatComparisons[static_cast<unsigned>(compare.getPredicate())];
  StringRef name = op->getName().getStringRef();
  const CudaForm *found = llvm::find_if(kForms, [&](auto &form) { return form.name == name; });
  return found == std::end(kForms) ? nullptr : found;
}

// Vectors are structs that lie at multiples of their size, so that one instruction loads them; what
// is done to them is done lane by lane, by functions of the same names as those of scalars.
static constexpr StringLiteral kPrelude = R"(// Made by gnc
template <typename T, int N> struct alignas(N * sizeof(T)) Vec { T at[N]; };

#define EACH(N) _Pragma("unroll") for (int i = 0; i < N; ++i)
#define INLINE static __device__ __forceinline__

template <typename T, typename S> INLINE T cast(S x) { return T(x); }
template <typename T, typename S, int N> INLINE Vec<T, N> cast(Vec<S, N> x) {
  Vec<T, N> r;
  EACH(N) r.at[i] = T(x.at[i]);
  return r;
}
template <int N, typename T> INLINE Vec<T, N> splat(T x) {
  Vec<T, N> r;
  EACH(N) r.at[i] = x;
  return r;
}

#define OPERATOR(OP)                                                                               \
  template <typename T, int N> INLINE Vec<T, N> operator OP(Vec<T, N> x, Vec<T, N> y) {            \
    Vec<T, N> r;                                                                                   \
    EACH(N) r.at[i] = x.at[i] OP y.at[i];                                                          \
    return r;                                                                                      \
  }
OPERATOR(+) OPERATOR(-) OPERATOR(*) OPERATOR(/) OPERATOR(%)
OPERATOR(&) OPERATOR(|) OPERATOR(^) OPERATOR(<<) OPERATOR(>>)

#define COMPARISON(OP)                                                                             \
  template <typename T, int N> INLINE Vec<bool, N> operator OP(Vec<T, N> x, Vec<T, N> y) {         \
    Vec<bool, N> r;                                                                                \
    EACH(N) r.at[i] = x.at[i] OP y.at[i];                                                          \
    return r;                                                                                      \
  }
COMPARISON(==) COMPARISON(!=) COMPARISON(<) COMPARISON(<=) COMPARISON(>) COMPARISON(>=)

template <int N> INLINE Vec<bool, N> operator!(Vec<bool, N> x) {
  EACH(N) x.at[i] = !x.at[i];
  return x;
}
template <typename T, int N> INLINE Vec<T, N> operator-(Vec<T, N> x) {
  EACH(N) x.at[i] = -x.at[i];
  return x;
}

template <typename T> INLINE T lesser(T x, T y) { return x < y ? x : y; }
template <typename T> INLINE T greater(T x, T y) { return x > y ? x : y; }
template <typename T> INLINE T select(bool c, T x, T y) { return c ? x : y; }
template <typename T, int N> INLINE Vec<T, N> select(Vec<bool, N> c, Vec<T, N> x, Vec<T, N> y) {
  EACH(N) x.at[i] = c.at[i] ? x.at[i] : y.at[i];
  return x;
}

// NaN wins, and +0 is above -0.
INLINE float maximum(float x, float y) {
  return x != x || y != y ? __int_as_float(0x7fffffff) : fmaxf(x, y);
}
INLINE float minimum(float x, float y) {
  return x != x || y != y ? __int_as_float(0x7fffffff) : fminf(x, y);
}
INLINE float inverseRoot(float x) { return 1.0f / sqrtf(x); }
INLINE unsigned bitsOf(float x) { return __float_as_uint(x); }
INLINE float floatOf(unsigned x) { return __uint_as_float(x); }

#define LANES1(TO, F, FROM)                                                                        \
  template <int N> INLINE Vec<TO, N> F(Vec<FROM, N> x) {                                           \
    Vec<TO, N> r;                                                                                  \
    EACH(N) r.at[i] = F(x.at[i]);                                                                  \
    return r;                                                                                      \
  }
#define MATH1(F) LANES1(float, F, float)
MATH1(expf) MATH1(expm1f) MATH1(logf) MATH1(log1pf) MATH1(tanhf) MATH1(erff) MATH1(sqrtf)
MATH1(inverseRoot) MATH1(sinf) MATH1(cosf) MATH1(fabsf) MATH1(floorf) MATH1(ceilf) MATH1(roundf)
MATH1(rintf)
LANES1(unsigned, bitsOf, float)
LANES1(float, floatOf, unsigned)

#define LANES2(F)                                                                                  \
  template <typename T, int N> INLINE Vec<T, N> F(Vec<T, N> x, Vec<T, N> y) {                      \
    EACH(N) x.at[i] = F(x.at[i], y.at[i]);                                                         \
    return x;                                                                                      \
  }
LANES2(lesser) LANES2(greater) LANES2(maximum) LANES2(minimum) LANES2(powf)

template <int N> INLINE Vec<float, N> fmaf(Vec<float, N> x, Vec<float, N> y, Vec<float, N> z) {
  EACH(N) z.at[i] = fmaf(x.at[i], y.at[i], z.at[i]);
  return z;
}
template <typename T> INLINE T exchange(T x, int distance) {
  return __shfl_xor_sync(0xffffffffu, x, distance);
}
)";

StringRef cudaPrelude() { return kPrelude; }

} // namespace gnc
