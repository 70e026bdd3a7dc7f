#include "codegen/GpuCode.h"

#include "codegen/CudaPrinter.h"
#include "codegen/GpuLower.h"
#include "codegen/Nvrtc.h"
#include "codegen/UserKernel.h"

using namespace mlir;

namespace gnc {

namespace {
/// Kernels that are ours, and those of the user.
struct Kernels {
  explicit Kernels(const KernelTable &table) {
    for (const KernelTable::Entry &entry : table.entries())
      (isUserKernel(entry.function) ? users : ours).push_back(entry);
  }
  std::vector<KernelTable::Entry> ours, users;
};
} // namespace

static runtime::Result<std::string>
compileOurs(ModuleOp module, ArrayRef<KernelTable::Entry> kernels, const GpuOptions &options) {
  if (options.codegen == GpuCodegen::Nvptx)
    return translateToPtx(module, kernels, *options.target, options.verifyEach);
  runtime::Result<std::string> source = printCuda(kernels);
  return source.ok() ? compileCuda(*source, *options.target) : source;
}

runtime::Result<std::string> compileGpuKernels(ModuleOp module, const KernelTable &table,
                                               const GpuOptions &options) {
  Kernels kernels(table);
  if (kernels.users.empty())
    return compileOurs(module, kernels.ours, options);
  runtime::Result<std::string> users = compileUserKernels(kernels.users, *options.target);
  if (!users.ok() || kernels.ours.empty())
    return users;
  runtime::Result<std::string> ours = compileOurs(module, kernels.ours, options);
  return ours.ok() ? joinPtx(*ours, *users) : ours;
}

runtime::Result<std::string> emitGpuKernels(ModuleOp module, GpuForm form,
                                            const GpuOptions &options) {
  KernelTable table(module);
  if (form == GpuForm::Cuda) {
    Kernels kernels(table);
    runtime::Result<std::string> ours = printCuda(kernels.ours);
    return ours.ok() ? *ours + printUserKernels(kernels.users, /*lines=*/false) : ours;
  }
  runtime::Result<std::string> ptx = compileGpuKernels(module, table, options);
  if (form == GpuForm::Ptx || !ptx.ok())
    return ptx;
  runtime::Result<Cubin> cubin = assemblePtx(*ptx, *options.target);
  if (!cubin.ok())
    return cubin.error();
  return std::move(cubin->bytes);
}

} // namespace gnc
