#include "codegen/GpuBuilder.h"
#include "codegen/Programs.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;

namespace gnc {

static SmallVector<Type> argumentTypes(MLIRContext *context, ArrayRef<Type> buffers) {
  SmallVector<Type> types(buffers);
  types.push_back(IndexType::get(context));
  return types;
}

GpuBuilder::GpuBuilder(ModuleOp module, Location loc, ArrayRef<Type> buffers)
    : KernelBuilder(module, loc, argumentTypes(module.getContext(), buffers), 0, buffers.size(),
                    {.lanes = 4, .registers = 64, .aligned = true}) {
  threadId = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  blockId = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
}

void GpuBuilder::setThreads(unsigned count) {
  function->setAttr(names::kThreads, b.getI64IntegerAttr(count));
}

Value GpuBuilder::thread() { return threadId; }
Value GpuBuilder::block() { return part ? part : blockId; }

void GpuBuilder::startPart(Value first) {
  part = sub(blockId, first);
  memoryOfPart = 0;
}

Value GpuBuilder::shared(int64_t elements) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::GPUDialect::getWorkgroupAddressSpace());
  auto typeFor = [&](int64_t elements) {
    return MemRefType::get({elements}, b.getF32Type(), MemRefLayoutAttrInterface(), space);
  };
  if (memoryOfPart == memory.size())
    memory.push_back(memref::AllocaOp::create(b, loc, typeFor(elements), b.getI64IntegerAttr(16)));
  Value mine = memory[memoryOfPart++];
  if (cast<MemRefType>(mine.getType()).getNumElements() < elements)
    mine.setType(typeFor(elements)); // nobody has asked for its size
  return mine;
}

Value GpuBuilder::loadShared(Value memory, Value offset, unsigned lanes) {
  if (lanes == 1)
    return memref::LoadOp::create(b, loc, memory, offset);
  auto type = cast<VectorType>(typeFor(b.getF32Type(), lanes));
  return vector::LoadOp::create(b, loc, type, memory, offset, false, llvm::MaybeAlign(lanes * 4));
}

void GpuBuilder::storeShared(Value value, Value memory, Value offset) {
  if (auto type = dyn_cast<VectorType>(value.getType()))
    vector::StoreOp::create(b, loc, value, memory, offset, false,
                            llvm::MaybeAlign(type.getNumElements() * 4));
  else
    memref::StoreOp::create(b, loc, value, memory, offset);
}

void GpuBuilder::barrier() { gpu::BarrierOp::create(b, loc); }

Value GpuBuilder::exchange(Value value, unsigned distance) {
  auto shuffle = gpu::ShuffleOp::create(b, loc, value, distance, kWarp, gpu::ShuffleMode::XOR);
  return shuffle.getShuffleResult();
}

Value GpuBuilder::less(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
}

Value GpuBuilder::maximum(Value x, Value y) { return arith::MaxSIOp::create(b, loc, x, y); }

Value GpuBuilder::divideBy(Value x, Value y) {
  if (auto constant = constantOf(y))
    return divide(x, *constant);
  return arith::DivUIOp::create(b, loc, x, y);
}

Value GpuBuilder::remainderBy(Value x, Value y) {
  if (auto constant = constantOf(y))
    return remainder(x, *constant);
  return arith::RemUIOp::create(b, loc, x, y);
}

} // namespace gnc
