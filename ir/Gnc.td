//===- Gnc.td - the gnc dialect: equations over tensors ---------------------------------------===//
//
// One op carries every operator of every network: `gnc.compute`, an equation in index notation.
// The other tensor ops are structural, a short list. Scalar ops that arith and math lack live in
// the region of a compute.
//
//===------------------------------------------------------------------------------------------===//
include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Gnc_Dialect : Dialect {
  let name = "gnc";
  let summary = "Equations over tensors in index notation";
  let description = [{
    The dataflow graph of a network and of its training step. A tensor whose first extent is `?` is
    batched; `?` is the same number everywhere in a function. `i8` tensors hold unsigned bytes,
    `i32` tensors hold indices. An element of an `f16` or `bf16` tensor is rounded (to nearest, ties to even) when it is
    written; equations read it, and compute, as f32.
  }];
  let cppNamespace = "::gnc";
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::func::FuncDialect"];
}

//===------------------------------------------------------------------------------------------===//
// Interfaces: the facts that every tensor op must state (a forgotten one does not link)
//===------------------------------------------------------------------------------------------===//

def Gnc_ValueInterface : OpInterface<"ValueOpInterface"> {
  let cppNamespace = "::gnc";
  let description = [{Value: the readable, naive definition of the op; the oracle of every test.}];
  let methods = [InterfaceMethod<
    [{Computes the results from the operands' values in `state`. Emits a located error when a data-dependent index is outside.}],
    "::mlir::LogicalResult", "evaluate", (ins "::gnc::EvaluationState &":$state)>];
}

def Gnc_GradientInterface : OpInterface<"GradientOpInterface"> {
  let cppNamespace = "::gnc";
  let description = [{Gradient: the adjoint of each operand as further ops.}];
  let methods = [InterfaceMethod<
    [{Builds the adjoints of the operands marked in `wanted` from `adjoints`, one per result (null: zero).
      `contributions[i]` receives any number of summands for operand i. Emits a located error when the op has no gradient.}],
    "::mlir::LogicalResult", "buildGradient",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$adjoints, "::llvm::ArrayRef<bool>":$wanted,
         "::llvm::SmallVectorImpl<::llvm::SmallVector<::mlir::Value>> &":$contributions)>];
}

def Gnc_CostInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::gnc";
  let description = [{Cost: work and traffic for a batch of n samples.}];
  let methods = [InterfaceMethod<"Floating-point operations (a multiply-add is two) and bytes read and written once.",
    "::gnc::Cost", "cost", (ins "int64_t":$batch)>];
}

//===------------------------------------------------------------------------------------------===//
// Attributes
//===------------------------------------------------------------------------------------------===//

def Gnc_Reduction : I32EnumAttr<"Reduction", "how the terms of one result are combined", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Sum", 1, "sum">, I32EnumAttrCase<"Prod", 2, "prod">,
    I32EnumAttrCase<"Max", 3, "max">, I32EnumAttrCase<"Min", 4, "min">, I32EnumAttrCase<"ArgMax", 5, "argmax">,
    I32EnumAttrCase<"ArgMin", 6, "argmin">]> {
  let cppNamespace = "::gnc";
}

def Gnc_AccessAttr : AttrDef<Gnc_Dialect, "Access"> {
  let mnemonic = "access";
  let summary = "where an equation reads a tensor";
  let description = [{
    `coords` maps the indices of the equation (dims; parallel ones first) and the values of earlier reads (symbol k is
    read k) to one coordinate per dimension of the tensor. A coordinate listed in `clamped` is replaced by the nearest
    one inside. With `outside`, the read has that value wherever a coordinate is outside its dimension or some
    `conditions` expression e_i does not satisfy 0 <= e_i < limits[i]; without it, everything must be inside and there
    are no conditions. An exact division e / a is the coordinate `e floordiv a` with the condition `e mod a < 1`.
  }];
  let parameters = (ins
    "::mlir::AffineMap":$coords,
    ArrayRefParameter<"int64_t">:$clamped,
    "::mlir::AffineMap":$conditions,
    ArrayRefParameter<"int64_t">:$limits,
    OptionalParameter<"::mlir::FloatAttr">:$outside);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// An access without boundary: every coordinate is inside.
    static AccessAttr get(::mlir::AffineMap coords);
    /// An access whose value is `outside` wherever a coordinate or condition fails.
    static AccessAttr get(::mlir::AffineMap coords, ::mlir::AffineMap conditions, ::llvm::ArrayRef<int64_t> limits, double outside);
    /// The general form; null after an error.
    static AccessAttr getVerified(::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError, ::mlir::AffineMap coords,
                                  ::llvm::ArrayRef<int64_t> clamped, ::mlir::AffineMap conditions,
                                  ::llvm::ArrayRef<int64_t> limits, ::mlir::FloatAttr outside);
    bool isGuarded() const { return static_cast<bool>(getOutside()); }
    bool isClamped(int64_t coordinate) const { return ::llvm::is_contained(getClamped(), coordinate); }
    /// Guarded with 0: such a read may be left out of a sum of products.
    bool isZeroOutside() const { return isGuarded() && getOutside().getValue().isZero(); }
  }];
}

//===------------------------------------------------------------------------------------------===//
// Op classes
//===------------------------------------------------------------------------------------------===//

class Gnc_Op<string mnemonic, list<Trait> traits = []> : Op<Gnc_Dialect, mnemonic, traits>;

/// An op on tensors: it states its value, gradient and cost.
class Gnc_TensorOp<string mnemonic, list<Trait> traits = []> : Gnc_Op<mnemonic, !listconcat(traits, [
    Pure,
    DeclareOpInterfaceMethods<Gnc_ValueInterface>,
    DeclareOpInterfaceMethods<Gnc_GradientInterface>,
    DeclareOpInterfaceMethods<Gnc_CostInterface>])>;

/// An op on scalars, inside the region of a compute.
class Gnc_ScalarOp<string mnemonic, list<Trait> traits = []> : Gnc_Op<mnemonic, !listconcat(traits, [Pure])>;

/// f16 and bf16 are ways to store: scalars are f32.
def Gnc_Tensor : TensorOf<[F32, F16, BF16, I32, I8, I1]>;
def Gnc_UnroundedTensor : TensorOf<[F32, I32, I8, I1]>;

def Gnc_Stream : Type<CPred<"$_self == ::mlir::RankedTensorType::get({4}, ::mlir::IntegerType::get($_self.getContext(), 32))">,
                      "tensor<4xi32>">,
                 BuildableType<"::mlir::RankedTensorType::get({4}, $_builder.getI32Type())">;

//===------------------------------------------------------------------------------------------===//
// Tensor ops
//===------------------------------------------------------------------------------------------===//

def Gnc_ComputeOp : Gnc_TensorOp<"compute", [
    IsolatedFromAbove, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "an equation in index notation";
  let description = [{
    For every point of the parallel indices, combines the yielded scalars over all points of the reduction indices
    (row-major order), one combination per result; then, if there is a `finish` region, applies it to the combined
    values. Result dimensions are the parallel indices in order. An index with extent `?` runs over the batch.

    ```mlir
    %y = gnc.compute [n = ?, k = 32, i = 24, j = 24] sum [c = 1, r = 5, s = 5]
        (%a = %x[n, c, i + r, j + s] : tensor<?x1x28x28xf32>, %b = %w[k, c, r, s] : tensor<32x1x5x5xf32>)
        -> tensor<?x32x24x24xf32> {
      %0 = arith.mulf %a, %b : f32
      gnc.yield %0 : f32
    } finish (%sum : f32) (%bias = %b0[k] : tensor<32xf32>) {
      %1 = arith.addf %sum, %bias : f32
      gnc.yield %1 : f32
    }
    ```

    `max` and `min` propagate NaN; `argmax` and `argmin` give the row-major position of the first extreme element, a NaN
    counting as extreme. A read of an integer tensor whose value is an index of a later read is named by position:
    `%t = %label[n], %z = %logits[n, read0]`.
  }];
  let arguments = (ins
    Variadic<Gnc_Tensor>:$reads,
    StrArrayAttr:$names,
    DenseI64ArrayAttr:$extents,
    I64Attr:$numParallel,
    DenseI32ArrayAttr:$reductions,
    TypedArrayAttrBase<Gnc_AccessAttr, "accesses">:$accesses);
  let results = (outs Variadic<Gnc_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body, MaxSizedRegion<1>:$finish);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumIndices() { return getExtents().size(); }
    int64_t getNumReductionIndices() { return getNumIndices() - getNumParallel(); }
    ::llvm::ArrayRef<int64_t> getParallelExtents() { return getExtents().take_front(getNumParallel()); }
    ::llvm::ArrayRef<int64_t> getReductionExtents() { return getExtents().drop_front(getNumParallel()); }
    Reduction getReduction(unsigned result) { return static_cast<Reduction>(getReductions()[result]); }
    AccessAttr getAccess(unsigned read) { return ::llvm::cast<AccessAttr>(getAccesses()[read]); }
    ::llvm::StringRef getIndexName(unsigned index) { return ::llvm::cast<::mlir::StringAttr>(getNames()[index]).getValue(); }
    /// Reads of the body come first, those of `finish` (over parallel indices only) after them.
    unsigned getNumBodyReads() { return getBody().getNumArguments(); }
    bool hasFinish() { return !getFinish().empty(); }
    bool isPointwise() { return getNumReductionIndices() == 0; }
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    /// The values yielded by the body, one per result.
    ::mlir::OperandRange getYielded() { return getBodyBlock()->getTerminator()->getOperands(); }
  }];
}

def Gnc_ReshapeOp : Gnc_TensorOp<"reshape", []> {
  let summary = "the same elements, in row-major order, under another shape; the batch axis stays";
  let arguments = (ins Gnc_Tensor:$input);
  let results = (outs Gnc_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Gnc_RandomOp : Gnc_TensorOp<"random", []> {
  let summary = "random numbers, uniform in [0, 1), one per element";
  let description = [{
    A pure function of what each number is for. Element 64 g + 16 w + b of a sample, in row-major order, is
    (c[w] >> 8) * 2^-24 with the four words c of Philox4x32-10 (Salmon et al. 2011) at counter (16 g + b, sample, step, 0)
    under the key of (seed, site). `sample` is first + the position in the batch; of a tensor that is not batched, it is 0.
    Nothing depends on layout, order of execution or threads. `stream` is the argument of the function with the role
    "stream": seed (low and high half), step, first. The key of (seed, site) is the first half of Philox4x32-10 at counter
    (seed low, seed high, site low, site high) under the key (9, 0x676e6300); 9 is the purpose "numbers that a program
    draws" (runtime/Philox.h).

    The tensor is virtual: an equation that reads it computes the numbers where it needs them, again in each reader.

    ```mlir
    %u = gnc.random %stream site 3 : tensor<?x512xf32>
    ```
  }];
  let arguments = (ins Gnc_Stream:$stream, ConfinedAttr<I64Attr, [IntNonNegative]>:$site);
  let results = (outs TensorOf<[F32]>:$result);
  let assemblyFormat = "$stream `site` $site attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Gnc_GradientOp : Gnc_TensorOp<"gradient", []> {
  let summary = "the gradient of a scalar with respect to tensors of this function";
  let description = [{Replaced by the derived equations in `--gnc-autodiff`. `loss` is one f32 number.}];
  let arguments = (ins 0DTensorOf<[F32]>:$loss, Variadic<Gnc_Tensor>:$of);
  let results = (outs Variadic<Gnc_Tensor>:$results);
  let assemblyFormat = "$loss `of` `(` $of `)` attr-dict `:` type($loss) `of` type($of) `->` type($results)";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$loss, "::mlir::ValueRange":$of)>];
}

def Gnc_CustomOp : Gnc_TensorOp<"custom", [IsolatedFromAbove]> {
  let summary = "equations with a given gradient";
  let description = [{
    `forward` computes the results from the inputs. `gradient` takes the inputs, the results and the adjoints of the
    results, and returns the adjoint of every input listed in `given`; the others are derived from `forward`.
    `--gnc-autodiff` uses `gradient`, then inlines `forward`.
  }];
  let arguments = (ins Variadic<Gnc_UnroundedTensor>:$inputs, DenseI64ArrayAttr:$given, UnitAttr:$surrogate);
  let results = (outs Variadic<Gnc_UnroundedTensor>:$results);
  let regions = (region SizedRegion<1>:$forward, SizedRegion<1>:$gradient);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type($inputs, $results) $forward `gradient` $gradient";
  let hasVerifier = 1;
}

def Gnc_CudaOp : Gnc_TensorOp<"cuda", []> {
  let summary = "a kernel that the user wrote in CUDA C++";
  let description = [{
    `source` is the body of a `__global__` function, whose text begins in line `line` of `file`. Its parameters are the
    inputs and then the results, row-major, called `names`; `constants` are numbers that it knows by name: i64 are `int`,
    f32 are `float`, i1 are `bool`. It runs in blocks of `threads` threads: in `blocks` blocks for each sample, or,
    without `blocks`, in as many as give each element of the first result a thread. `batch` is its name for the number of
    samples; without one it computes a single sample, and batched tensors are those of this sample.

    Nothing else is known of it, and no pass looks inside: it has no value but on a card, and no gradient but the one that
    a `gnc.custom` around it gives.

    ```mlir
    %y = gnc.cuda(%x) {constants = {C = 8 : i64}, file = "net.net", line = 3 : i64, names = ["x", "y"],
      source = "y[i] = x[i] / C;", threads = 256 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Variadic<Gnc_UnroundedTensor>:$inputs, StrAttr:$source, StrAttr:$file, I64Attr:$line, StrArrayAttr:$names,
                       DictionaryAttr:$constants, I64Attr:$threads, OptionalAttr<I64Attr>:$blocks, OptionalAttr<StrAttr>:$batch);
  let results = (outs Variadic<Gnc_UnroundedTensor>:$results);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type($inputs, $results)";
  let hasVerifier = 1;
}

def Gnc_ReturnOp : Gnc_Op<"return", [Terminator, Pure, ParentOneOf<["CustomOp"]>]> {
  let summary = "ends a region of gnc.custom";
  let arguments = (ins Variadic<Gnc_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

//===------------------------------------------------------------------------------------------===//
// Program ops: a function after its equations became kernels
//===------------------------------------------------------------------------------------------===//

def Gnc_BufferOp : Gnc_Op<"buffer", []> {
  let summary = "one tensor of a program: a region of its arena";
  let description = [{
    `tensor` is the tensor type it holds (with its layout as encoding); the flat memref is as large as the tensor at the
    planned batch. `offset` (bytes) is set by `--gnc-plan-memory`. `host` is present on tensors that the host sees and
    holds the attributes of the argument or result it was (gnc.role, gnc.path, ..; role "result" for results).
    Buffers with a role other than input, schedule, stream, halt and result persist between runs. `constant` are the elements of
    an i32 buffer that nothing writes.
  }];
  let arguments = (ins TypeAttr:$tensor, OptionalAttr<I64Attr>:$offset, OptionalAttr<DictionaryAttr>:$host,
                       OptionalAttr<DenseI32ArrayAttr>:$constant);
  let results = (outs AnyStaticShapeMemRef:$result);
  let assemblyFormat = "(`at` $offset^)? `:` $tensor `in` type($result) attr-dict";
  let extraClassDeclaration = [{
    int64_t getBytes() {
      auto type = ::llvm::cast<::mlir::MemRefType>(getType());
      return type.getNumElements() * std::max<int64_t>(1, type.getElementTypeBitWidth() / 8);
    }
  }];
}

def Gnc_LaunchOp : Gnc_Op<"launch", []> {
  let summary = "runs all tiles of a kernel over buffers";
  let description = [{
    `@kernel` is a func.func (lo, hi, n : index, buffers...) that computes tiles lo <= t < hi for a batch of n samples.
    The number of tiles is ceil((perSample * n + fixed) / divisor) * times. `written` lists the arguments that it
    writes. Launches marked `commit` write weights and state, and come last.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, DenseI64ArrayAttr:$tiles, DenseI64ArrayAttr:$written,
                       UnitAttr:$commit, I64Attr:$flopsPerSample, I64Attr:$flopsFixed,
                       Variadic<AnyStaticShapeMemRef>:$arguments);
  let assemblyFormat = [{$kernel `tiles` $tiles `writes` $written `(` $arguments `)` (`commit` $commit^)?
    `flops` `(` $flopsPerSample `,` $flopsFixed `)` attr-dict `:` type($arguments)}];
}

//===------------------------------------------------------------------------------------------===//
// Scalar ops
//===------------------------------------------------------------------------------------------===//

def Gnc_YieldOp : Gnc_Op<"yield", [Terminator, Pure, ParentOneOf<["ComputeOp"]>]> {
  let summary = "ends a region of gnc.compute: one scalar per result";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Gnc_IndexOp : Gnc_ScalarOp<"index"> {
  let summary = "the value of an index of the equation, as a number";
  let arguments = (ins I64Attr:$index);
  let results = (outs F32:$result);
  let assemblyFormat = "$index attr-dict `:` type($result)";
}

def Gnc_ExtentOp : Gnc_ScalarOp<"extent"> {
  let summary = "how many values the listed indices take together, as a number; the batch counts with its size at run time";
  let arguments = (ins DenseI64ArrayAttr:$indices);
  let results = (outs F32:$result);
  let assemblyFormat = "$indices attr-dict `:` type($result)";
}

def Gnc_InsideOp : Gnc_ScalarOp<"inside"> {
  let summary = "whether a guarded read of the equation is inside";
  let arguments = (ins I64Attr:$read);
  let results = (outs I1:$result);
  let assemblyFormat = "$read attr-dict `:` type($result)";
}

class Gnc_UnaryScalarOp<string mnemonic> : Gnc_ScalarOp<mnemonic, [SameOperandsAndResultType]> {
  let arguments = (ins F32:$operand);
  let results = (outs F32:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}
def Gnc_StopOp : Gnc_UnaryScalarOp<"stop"> { let summary = "its operand, with gradient zero"; }
def Gnc_SigmoidOp : Gnc_UnaryScalarOp<"sigmoid"> { let summary = "1 / (1 + exp(-x)), without overflow at either end"; }
def Gnc_SoftplusOp : Gnc_UnaryScalarOp<"softplus"> { let summary = "log(1 + exp(x)), without overflow at either end"; }
