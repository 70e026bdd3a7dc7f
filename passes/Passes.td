//===- Passes.td - graph to graph: the passes -------------------------------------------------===//
//
// A pass is named as its flag: `def Autodiff`, `--gnc-autodiff`, `Autodiff.cpp`, `test/passes/autodiff.mlir`.
//
//===------------------------------------------------------------------------------------------===//
include "mlir/Pass/PassBase.td"

def Autodiff : Pass<"gnc-autodiff", "::mlir::func::FuncOp"> {
  let summary = "derives the equations of every gnc.gradient";
  let description = [{
    Replaces each `gnc.gradient` by reverse-mode equations over the ops on a path from a wanted tensor to the loss, asking
    ops for their gradient through the interface alone; then inlines the `forward` of every `gnc.custom` and drops `gnc.stop`.
    The new ops carry the location of the op that they are the gradient of.
  }];
  let dependentDialects = ["::gnc::GncDialect"];
}

def DelayMaximum : Pass<"gnc-delay-maximum", "::mlir::func::FuncOp"> {
  let summary = "takes max(x, c) after a maximum over windows instead of before it";
  let description = [{
    A relu before a max pool is computed once a window, and its gradient asks the pooled tensor. Changes no bit.
  }];
  let dependentDialects = ["::gnc::GncDialect", "::mlir::arith::ArithDialect"];
}

def Simplify : Pass<"gnc-simplify", "::mlir::func::FuncOp"> {
  let summary = "brings every equation into simplest form, and drops what is equal or unused";
  let description = [{
    Simplifies accesses by the ranges of the indices, drops boundaries that always hold, reduction indices of extent 1, unused
    and repeated reads and results, merges equal equations and forwards copies. Idempotent. Never changes a bit of a result.
  }];
  let dependentDialects = ["::gnc::GncDialect"];
}

def MaterializeGuards : Pass<"gnc-materialize-guards", "::mlir::func::FuncOp"> {
  let summary = "copies the guarded operands of contractions into padded tensors";
  let description = [{
    A sum of products that reads `x[i + r - 1] ?? 0` or an exact division reads a copy instead in which everything it touches
    exists, so that it is pure strides; random numbers are written down for it. What does not fit the form stays as it is.
  }];
  let options = [
    Option<"bounds", "bounds", "bool", "true", "contractions skip terms themselves where outer and reduced indices decide">];
  let dependentDialects = ["::gnc::GncDialect"];
}

def WritePadded : Pass<"gnc-write-padded", "::mlir::func::FuncOp"> {
  let summary = "lets pointwise equations write the border that contractions want around their result";
  let description = [{
    Instead of a copy with a border: all other readers read at an offset. Copies of several sizes become one. Changes no bit.
  }];
  let dependentDialects = ["::gnc::GncDialect", "::mlir::arith::ArithDialect"];
}

def AssignLayouts : Pass<"gnc-assign-layouts", "::mlir::func::FuncOp"> {
  let summary = "chooses the physical order of every tensor";
  let description = [{
    Contractions decide (their columns innermost, in result and operand), everything else follows through shared indices;
    where orders conflict, a copy is inserted. The order is the encoding of the tensor's type.
  }];
  let options = [
    Option<"alongSums", "along-sums", "bool", "false", "contractions also read columns along an index of their sum">];
  let dependentDialects = ["::gnc::GncDialect"];
}

def SplitIndices : Pass<"gnc-split-indices", "::mlir::func::FuncOp"> {
  let summary = "lets reshapes disappear into the equations around them";
  let description = [{
    Where a reshape merges dimensions of one tensor into one of the other, every index and dimension that goes along with the
    merged one is split instead, weights and their updates included (`gnc.shape` keeps what was declared); then nothing is
    left to reshape. Tensors that the host sees keep their shape, and the reshape stays. Changes no bit.
  }];
  let dependentDialects = ["::gnc::GncDialect"];
}

def Winograd : Pass<"gnc-winograd", "::mlir::func::FuncOp"> {
  let summary = "computes 3x3 convolutions and their gradients in tiles, with a quarter of the products";
  let description = [{
    Winograd's F(4x4, 3x3), F(4x2, 3x3) or F(2x2, 3x3) for product sums of that form with stride 1, where counting operations and
    bytes says that it pays.
    Results differ from direct sums by rounding: up to 1e-4 of the largest.
  }];
  let options = [
    Option<"batch", "batch", "int64_t", "0", "samples to count with; 0: the batch of the module's recipe">,
    Option<"rows", "rows", "int64_t", "0", "with `columns`: tiles of so many results, 2 or 4, whether they pay or not">,
    Option<"columns", "columns", "int64_t", "0", "see `rows`">];
  let dependentDialects = ["::gnc::GncDialect", "::mlir::arith::ArithDialect"];
}

def SplitResidues : Pass<"gnc-split-residues", "::mlir::func::FuncOp"> {
  let summary = "splits result indices that product sums divide, so that they are walked by strides";
  let description = [{
    The data gradient of a strided convolution becomes a contraction for each residue of the position modulo the stride.
    Changes no bit.
  }];
  let options = [
    Option<"bounds", "bounds", "bool", "true", "contractions skip terms themselves where outer and reduced indices decide">];
  let dependentDialects = ["::gnc::GncDialect"];
}

def FuseElementwise : Pass<"gnc-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "computes pointwise equations where their operand is made or where their result is read";
  let description = [{
    A pointwise equation joins the `finish` of the reduction before it if it alone reads that, or else the body of everything that
    reads it. A contraction's body stays a product of two reads, and expensive functions are computed once. Changes no bit.
  }];
  let dependentDialects = ["::gnc::GncDialect"];
}

def MergeDomains : Pass<"gnc-merge-domains", "::mlir::func::FuncOp"> {
  let summary = "merges equations over one domain that share a read into one with several results";
  let description = [{
    Also where one reads the other's result at its own point, which then need not be read, nor written if nobody else wants it.
    Contractions keep one result, and updates stay last. Changes no bit.
  }];
  let dependentDialects = ["::gnc::GncDialect"];
}

def FoldWeights : Pass<"gnc-fold-weights", "::mlir::func::FuncOp"> {
  let summary = "computes what depends on weights and constants alone in equations of its own";
  let description = [{
    In `@infer` only. Chains of sums, products and quotients with weights become one product and one sum (a batch norm is folded), so
    this changes bits.
  }];
  let dependentDialects = ["::gnc::GncDialect"];
}

def Recompute : Pass<"gnc-recompute", "::mlir::func::FuncOp"> {
  let summary = "computes tensors again instead of keeping them, so that a training step needs less memory";
  let description = [{
    In functions that change weights, where most bytes are alive. Without a budget, what is at least twice as large as what it is
    made of; with one, whatever saves most for its work, until the budget is kept or nothing is left to save. Changes no bit.
  }];
  let options = [
    Option<"batch", "batch", "int64_t", "0", "samples to count with; 0: the batch of the module's recipe">,
    Option<"budget", "budget", "int64_t", "0", "bytes of all tensors together, weights included; 0: no budget">];
  let dependentDialects = ["::gnc::GncDialect"];
}

def StoreHalf : Pass<"gnc-store-half", "::mlir::func::FuncOp"> {
  let summary = "stores what the samples of a training step leave in memory as f16 or bf16";
  let description = [{
    In `@train` only. Batched f32 tensors that equations write and equations read get elements of `type`. What the host sees stays
    f32, and so do weights, sums in stages, and tensors of few elements a sample (sums, maxima and losses).
    An f16 holds numbers from 2^-24 to 2^16, and gradients are often smaller: only what the loss (the result of this path) is
    computed from, the forward pass, becomes f16.
  }];
  let options = [
    Option<"type", "type", "std::string", "\"\"", "f32, f16 or bf16; empty: the precision of the module's recipe">,
    Option<"fewElements", "few-elements", "int64_t", "32", "tensors of fewer elements a sample stay f32">];
  let dependentDialects = ["::gnc::GncDialect"];
}

def OnePassVariance : Pass<"gnc-one-pass-variance", "::mlir::func::FuncOp"> {
  let summary = "sums for mean and variance over the batch in one pass";
  let description = [{
    From squared distances to an element of the data instead of the mean, which is not known yet. Results differ by rounding:
    the variance by 1 + k^2 of its last digits, where that element is k deviations from the mean.
  }];
  let dependentDialects = ["::gnc::GncDialect", "::mlir::arith::ArithDialect"];
}

def SplitReduction : Pass<"gnc-split-reduction", "::mlir::func::FuncOp"> {
  let summary = "takes long reductions with few results in two stages";
  let description = [{
    Stage 1 keeps one reduction index parallel, for vectors and for threads; stage 2 reduces it. The choice depends on the graph
    alone, so results are the same for any number of threads, but sums round differently than in one stage.
  }];
  let options = [
    Option<"fewResults", "few-results", "int64_t", "4096", "split for parallelism below so many results">,
    Option<"longReduction", "long-reduction", "int64_t", "16384", "split when more terms than this are reduced">,
    Option<"blocks", "blocks", "int64_t", "0", "divide contractions into so many blocks of results; 0: as the results are">];
  let dependentDialects = ["::gnc::GncDialect"];
}
