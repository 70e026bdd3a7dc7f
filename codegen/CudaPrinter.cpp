#include "codegen/CudaPrinter.h"

#include "codegen/CudaFunction.h"
#include "codegen/GpuLower.h"
#include "codegen/Programs.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Ops
//===------------------------------------------------------------------------------------------===//

/// A whole number that C++ makes an int of, wherever it is an operand.
static bool isNarrow(Type type) {
  return type.isInteger(1) || type.isInteger(8) || type.isInteger(16);
}

bool CudaFunction::printForm(Operation &op) {
  const CudaForm *form = cudaForm(&op);
  if (!form)
    return false;
  std::string text;
  for (size_t i = 0; i < form->text.size(); ++i) {
    char next = i + 1 < form->text.size() ? form->text[i + 1] : ' ';
    if (form->text[i] == '%' && isdigit(next)) {
      text += viewed(op.getOperand(next - '0'), form->view);
      ++i;
    } else {
      text += form->text[i];
    }
  }
  bool compares = isa<arith::CmpIOp, arith::CmpFOp>(op);
  Type type = op.getResult(0).getType();
  if (!compares && isNarrow(type) && !isa<arith::SelectOp>(op))
    text = "cast<" + scalarType(type) + ">(" + text + ")"; // C++ computes with int
  else if (!compares)
    text = converted(text, type, form->view, CudaView::Plain);
  else if (!isa<VectorType>(type) && text.front() == '!')
    text = "(" + text + ")";
  define(&op, text, compares ? "is" : "v");
  return true;
}

/// From one type to another, in the sense that the op has of the sign.
bool CudaFunction::printCast(Operation &op) {
  auto toType = [&](CudaView from, CudaView to) {
    Type type = op.getResult(0).getType();
    std::string text = "cast<" + scalarType(getElementTypeOrSelf(type), to) + ">(" +
                       viewed(op.getOperand(0), from) + ")";
    define(&op, converted(text, type, to, CudaView::Plain), "v");
    return true;
  };
  if (isa<arith::ExtUIOp, arith::UIToFPOp, arith::IndexCastUIOp>(op))
    return toType(CudaView::Unsigned, CudaView::Plain);
  if (isa<arith::ExtSIOp, arith::SIToFPOp, arith::IndexCastOp>(op))
    return toType(CudaView::Signed, CudaView::Plain);
  if (isa<arith::FPToSIOp>(op))
    return toType(CudaView::Plain, CudaView::Signed);
  if (isa<arith::FPToUIOp>(op))
    return toType(CudaView::Plain, CudaView::Unsigned);
  if (auto truncate = dyn_cast<arith::TruncIOp>(op)) {
    if (!getElementTypeOrSelf(truncate.getType()).isInteger(1))
      return toType(CudaView::Plain, CudaView::Plain);
    define(&op, "cast<bool>(cast<unsigned char>(" + nameOf(op.getOperand(0)) + ") & 1)", "v");
    return true;
  }
  if (auto cast = dyn_cast<arith::BitcastOp>(op)) {
    Type from = getElementTypeOrSelf(cast.getIn().getType());
    Type to = getElementTypeOrSelf(cast.getType());
    std::string source = nameOf(cast.getIn());
    define(&op,
           from.isF32() ? "bitsOf(" + source + ")"
           : to.isF32() ? "floatOf(" + source + ")"
                        : source,
           "v");
    return true;
  }
  return false;
}

bool CudaFunction::printMemory(Operation &op) {
  if (auto load = dyn_cast<memref::LoadOp>(op))
    defineVariable(load, element(load.getMemref(), load.getIndices()[0]), "x");
  else if (auto store = dyn_cast<memref::StoreOp>(op))
    line() << element(store.getMemref(), store.getIndices()[0]) << " = " << nameOf(store.getValue())
           << ";\n";
  else if (auto load = dyn_cast<vector::LoadOp>(op))
    defineVariable(load, vectorAt(load.getBase(), load.getIndices()[0], load.getType(), false),
                   "x");
  else if (auto store = dyn_cast<vector::StoreOp>(op))
    line() << vectorAt(store.getBase(), store.getIndices()[0], store.getValueToStore().getType(),
                       true)
           << " = " << nameOf(store.getValueToStore()) << ";\n";
  else if (auto shared = dyn_cast<memref::AllocaOp>(op)) {
    std::string name = fresh("shared");
    line() << "__shared__ __align__(16) " << scalarType(shared.getType().getElementType()) << ' '
           << name << '[' << shared.getType().getNumElements() << "];\n";
    nameOf(shared) = name;
  } else
    return false;
  return true;
}

bool CudaFunction::printVector(Operation &op) {
  if (auto splat = dyn_cast<vector::BroadcastOp>(op)) {
    auto type = cast<VectorType>(splat.getType());
    define(&op,
           "splat<" + std::to_string(type.getNumElements()) + ">(" + nameOf(splat.getSource()) +
               ")",
           "v");
  } else if (auto extract = dyn_cast<vector::ExtractOp>(op)) {
    nameOf(extract) =
        nameOf(extract.getSource()) + ".at[" + std::to_string(extract.getStaticPosition()[0]) + "]";
  } else if (auto collect = dyn_cast<vector::FromElementsOp>(op)) {
    std::string text;
    for (Value value : collect.getElements())
      text += (text.empty() ? "" : ", ") + nameOf(value);
    define(&op, typeOf(collect.getType()) + "{{" + text + "}}", "v");
  } else if (auto spread = dyn_cast<vector::ToElementsOp>(op)) {
    for (auto [i, value] : llvm::enumerate(spread.getResults()))
      nameOf(value) = nameOf(spread.getSource()) + ".at[" + std::to_string(i) + "]";
  } else
    return false;
  return true;
}

bool CudaFunction::printGpu(Operation &op) {
  if (isa<gpu::ThreadIdOp>(op))
    defineVariable(op.getResult(0), "threadIdx.x", "thread");
  else if (isa<gpu::BlockIdOp>(op))
    defineVariable(op.getResult(0), "blockIdx.x", "block");
  else if (isa<gpu::BarrierOp>(op))
    line() << "__syncthreads();\n";
  else if (auto shuffle = dyn_cast<gpu::ShuffleOp>(op))
    defineVariable(
        shuffle.getShuffleResult(),
        "exchange(" + nameOf(shuffle.getValue()) + ", " + nameOf(shuffle.getOffset()) + ")", "v");
  else
    return false;
  return true;
}

/// Overwrites variables. What is assigned are names of values that no assignment changes, but where
/// carried values change places: those go by another name first.
void CudaFunction::assign(ValueRange values, ArrayRef<std::string> targets) {
  SmallVector<std::string> sources;
  for (auto [value, target] : llvm::zip_equal(values, targets)) {
    std::string source = nameOf(value);
    if (source != target && llvm::is_contained(targets, source)) {
      std::string copy = fresh("old");
      line() << "const " << typeOf(value.getType()) << ' ' << copy << " = " << source << ";\n";
      source = copy;
    }
    sources.push_back(source);
  }
  for (auto [source, target] : llvm::zip_equal(sources, targets))
    if (source != target)
      line() << target << " = " << source << ";\n";
}

void CudaFunction::printFor(scf::ForOp op) {
  SmallVector<std::string> carried;
  for (auto [start, argument, result] :
       llvm::zip_equal(op.getInitArgs(), op.getRegionIterArgs(), op.getResults())) {
    std::string name = nameOf(start);
    if (!variables.contains(start) || !start.hasOneUse()) {
      name = fresh("sum");
      line() << typeOf(start.getType()) << ' ' << name << " = " << nameOf(start) << ";\n";
    }
    nameOf(argument) = name;
    nameOf(result) = name;
    variables.insert(argument);
    variables.insert(result);
    carried.push_back(name);
  }
  std::string counter = fresh("i");
  nameOf(op.getInductionVar()) = counter;
  if (auto unroll = op->getAttrOfType<BoolAttr>(names::kUnroll))
    line() << (unroll.getValue() ? "#pragma unroll\n" : "#pragma unroll 1\n");
  line() << "for (int " << counter << " = " << nameOf(op.getLowerBound()) << "; " << counter
         << " < " << nameOf(op.getUpperBound()) << "; " << counter << " += " << nameOf(op.getStep())
         << ") {\n";
  ++depth;
  printBlock(*op.getBody());
  assign(op.getBody()->getTerminator()->getOperands(), carried);
  --depth;
  line() << "}\n";
}

void CudaFunction::printIf(scf::IfOp op) {
  SmallVector<std::string> results;
  for (Value result : op.getResults()) {
    results.push_back(nameOf(result) = fresh("v"));
    line() << typeOf(result.getType()) << ' ' << results.back() << ";\n";
  }
  auto branch = [&](Block *block) {
    ++depth;
    printBlock(*block);
    assign(block->getTerminator()->getOperands(), results);
    --depth;
  };
  line() << "if (" << nameOf(op.getCondition()) << ") {\n";
  branch(op.thenBlock());
  if (op.elseBlock()) {
    line() << "} else {\n";
    branch(op.elseBlock());
  }
  line() << "}\n";
}

void CudaFunction::printOp(Operation &op) {
  if (auto number = dyn_cast<arith::ConstantOp>(op))
    nameOf(number) = constant(number);
  else if (auto loop = dyn_cast<scf::ForOp>(op))
    printFor(loop);
  else if (auto branch = dyn_cast<scf::IfOp>(op))
    printIf(branch);
  else if (!printForm(op) && !printCast(op) && !printMemory(op) && !printVector(op) &&
           !printGpu(op)) {
    op.emitError() << op.getName() << " has no form in CUDA C++";
    failed = true;
  }
}

void CudaFunction::printBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    printOp(op);
}

LogicalResult CudaFunction::print(func::FuncOp kernel, StringRef symbol) {
  int64_t threads = kernel->getAttrOfType<IntegerAttr>(names::kThreads).getInt();
  os << "\nextern \"C\" __global__ void __launch_bounds__(" << threads << ", "
     << blocksTogether(threads) << ")\n"
     << symbol << '(';
  for (BlockArgument argument : kernel.getArguments()) {
    nameOf(argument) = fresh("p");
    if (argument.getArgNumber())
      os << ", ";
    auto memory = dyn_cast<MemRefType>(argument.getType());
    if (!memory) {
      os << "int " << nameOf(argument);
      continue;
    }
    bool written = llvm::any_of(argument.getUsers(), [](Operation *user) {
      return isa<memref::StoreOp, vector::StoreOp>(user);
    });
    os << (written ? "" : "const ") << scalarType(memory.getElementType()) << " *__restrict__ "
       << nameOf(argument);
  }
  os << ") {\n";
  ++depth;
  printBlock(kernel.getBody().front());
  os << "}\n";
  return failure(failed);
}

runtime::Result<std::string> printCuda(ArrayRef<KernelTable::Entry> kernels) {
  std::string text = cudaPrelude().str();
  llvm::raw_string_ostream os(text);
  for (const KernelTable::Entry &entry : kernels) {
    // Of what the passes take away nobody wants to read.
    func::FuncOp source = entry.function;
    OwningOpRef<ModuleOp> scratch = ModuleOp::create(source.getLoc());
    OpBuilder builder = OpBuilder::atBlockEnd(scratch->getBody());
    auto kernel = cast<func::FuncOp>(builder.clone(*source));
    PassManager passes(source.getContext(), ModuleOp::getOperationName());
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
    if (failed(passes.run(*scratch)) ||
        failed(CudaFunction(os).print(kernel, gpuSymbol(entry.key))))
      return runtime::internalError("a kernel cannot be written in CUDA C++");
  }
  return text;
}

} // namespace gnc
