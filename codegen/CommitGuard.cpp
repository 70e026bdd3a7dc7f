#include "codegen/CommitGuard.h"
#include "codegen/Programs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gnc {

bool judgesStep(BufferOp buffer) {
  auto type = dyn_cast<RankedTensorType>(buffer.getTensor());
  if (roleOf(buffer) != "result" || !type || type.getRank() > 0 || !type.getElementType().isF32())
    return false;
  auto path = buffer.getHost()->getAs<StringAttr>(names::kPath);
  return path && (path.getValue() == "loss" || path.getValue() == "grad_norm");
}

static Value isFinite(OpBuilder &b, Location loc, Value x) {
  Value infinity = arith::ConstantOp::create(
      b, loc, b.getFloatAttr(x.getType(), APFloat::getInf(APFloat::IEEEsingle())));
  Value size = math::AbsFOp::create(b, loc, x);
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, size, infinity);
}

void guardCommit(func::FuncOp kernel, ArrayRef<unsigned> scalars, unsigned halt) {
  Block &body = kernel.getBody().front();
  SmallVector<Operation *> work;
  for (Operation &op : body.without_terminator())
    if (!isa<memref::AllocaOp>(op)) // shared memory belongs to the kernel
      work.push_back(&op);
  OpBuilder b(body.getTerminator());
  Location loc = kernel.getLoc();
  Value first = arith::ConstantIndexOp::create(b, loc, 0);
  auto load = [&](unsigned buffer) -> Value {
    return memref::LoadOp::create(b, loc, kernel.getArgument(buffer), first);
  };
  Value word = load(halt);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(word.getType()));
  Value good = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, word, zero);
  for (unsigned scalar : scalars)
    good = arith::AndIOp::create(b, loc, good, isFinite(b, loc, load(scalar)));
  auto branch = scf::IfOp::create(b, loc, good, /*withElseRegion=*/false);
  for (Operation *op : work)
    op->moveBefore(branch.thenBlock()->getTerminator());
}

} // namespace gnc
