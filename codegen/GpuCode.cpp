#include "codegen/GpuCode.h"

#include "codegen/CudaPrinter.h"
#include "codegen/GpuLower.h"
#include "codegen/Nvrtc.h"

using namespace mlir;

namespace gnc {

runtime::Result<std::string> compileGpuKernels(ModuleOp module, const KernelTable &table,
                                               const GpuOptions &options) {
  if (options.codegen == GpuCodegen::Nvptx)
    return translateToPtx(module, table.entries(), *options.target, options.verifyEach);
  runtime::Result<std::string> source = printCuda(table.entries());
  return source.ok() ? compileCuda(*source, *options.target) : source;
}

runtime::Result<std::string> emitGpuKernels(ModuleOp module, GpuForm form,
                                            const GpuOptions &options) {
  KernelTable table(module);
  if (form == GpuForm::Cuda)
    return printCuda(table.entries());
  runtime::Result<std::string> ptx = compileGpuKernels(module, table, options);
  if (form == GpuForm::Ptx || !ptx.ok())
    return ptx;
  runtime::Result<Cubin> cubin = assemblePtx(*ptx, *options.target);
  if (!cubin.ok())
    return cubin.error();
  return std::move(cubin->bytes);
}

} // namespace gnc
