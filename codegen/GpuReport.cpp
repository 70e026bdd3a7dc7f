#include "codegen/GpuReport.h"

#include "codegen/Assemble.h"
#include "codegen/GpuLower.h"
#include "codegen/Programs.h"
#include "codegen/UserKernel.h"
#include "ir/LibraryCall.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace gnc {

namespace {
/// One line, and what it adds to the sums.
struct LaunchReport {
  std::string kernel, site;
  int64_t blocks = 0, threads = 0;
  double flops = 0, bytes = 0;

  /// A block computes on one multiprocessor; memory serves any number of them.
  double microseconds(const CudaTarget &target) const {
    double busy = threads ? std::min(1.0, double(blocks) / target.multiprocessors) : 1.0;
    return std::max(flops / (target.teraflops * busy * 1e6),
                    bytes / (target.terabytesPerSecond * 1e6));
  }
};
} // namespace

/// Whether a kernel reads or writes an argument.
static std::pair<bool, bool> usesOf(BlockArgument argument) {
  bool writes = false, reads = false;
  for (Operation *user : argument.getUsers())
    (isa<memref::StoreOp, vector::StoreOp>(user) ? writes : reads) = true;
  return {reads, writes};
}

static LaunchReport describe(LaunchOp launch, ModuleOp module, int64_t batch) {
  auto kernel = module.lookupSymbol<func::FuncOp>(launch.getKernel());
  LaunchReport report;
  bool plan = kernel.isExternal(), opaque = plan || isUserKernel(kernel);
  report.kernel = plan ? "" : gpuSymbol(kernelKey(kernel));
  runtime::Site site = siteOf(launch.getLoc());
  report.site = site.name +
                (site.location.line > 0
                     ? llvm::formatv(" [{0}:{1}]", site.location.file, site.location.line).str()
                     : "") +
                (isUserKernel(kernel) ? " (CUDA C++)" : "");
  ArrayRef<int64_t> tiles = launch.getTiles();
  report.blocks = runtime::TileCount{tiles[0], tiles[1], tiles[2], tiles[3]}.at(batch);
  if (auto threads = kernel->getAttrOfType<IntegerAttr>(names::kThreads))
    report.threads = threads.getInt();
  report.flops =
      double(launch.getFlopsPerSample()) * double(batch) + double(launch.getFlopsFixed());
  for (auto [i, argument] : llvm::enumerate(launch.getArguments())) {
    bool isWritten = llvm::is_contained(launch.getWritten(), int64_t(i));
    auto [reads, writes] =
        opaque ? std::pair(!isWritten, isWritten) : usesOf(kernel.getArgument(i));
    report.bytes += double(argument.getDefiningOp<BufferOp>().getBytes()) * (reads + writes);
  }
  return report;
}

/// The share of a multiprocessor's threads that fit there together.
static double occupancy(const LaunchReport &report, const KernelResources &kernel,
                        const CudaTarget &target) {
  constexpr int64_t kRegisters = 65536, kRegisterGroup = 8, kReservedShared = 1024;
  int64_t warps = llvm::divideCeil(report.threads, 32);
  int64_t registers = llvm::alignTo(std::max(kernel.registers, 1u), kRegisterGroup) * 32 * warps;
  int64_t blocks =
      std::min<int64_t>(kRegisters / registers, target.threadsTogether / report.threads);
  if (kernel.sharedBytes)
    blocks = std::min(blocks, target.sharedTogether / (kernel.sharedBytes + kReservedShared));
  return double(blocks * report.threads) / double(target.threadsTogether);
}

/// What became of every contraction that was offered to the library.
static std::string libraryReport(func::FuncOp program) {
  auto offers = program->getAttrOfType<ArrayAttr>(names::kLibraryReport);
  if (!offers)
    return "";
  std::string text;
  unsigned taken = 0;
  for (auto offer : offers.getAsRange<DictionaryAttr>()) {
    auto word = [&](StringRef name) { return offer.getAs<StringAttr>(name).getValue(); };
    auto number = [&](StringRef name) { return offer.getAs<IntegerAttr>(name).getInt(); };
    bool plan = offer.contains("engine");
    taken += plan;
    std::string how = plan ? llvm::formatv("engine {0}, workspace {1:f1} KiB", number("engine"),
                                           double(number("workspace")) / 1024)
                                 .str()
                           : "ours: " + word("why").str();
    text += llvm::formatv("  {0,-60} {1}  {2}\n", word("what"), how, word("site"));
  }
  return llvm::formatv("cuDNN takes {0} of {1} sums of products\n", taken, offers.size()).str() +
         text;
}

std::string gpuReport(func::FuncOp program, ArrayRef<KernelResources> resources,
                      const CudaTarget &target) {
  auto module = program->getParentOfType<ModuleOp>();
  int64_t batch = plannedBatch(program);
  std::string text = llvm::formatv("{0} with a batch of {1} on {2} ({3})\n", program.getSymName(),
                                   batch, target.name, target.card);
  text += "  blocks threads  regs spill shared  occ      Mflop       KiB        us  launch\n";
  LaunchReport sum;
  double time = 0;
  unsigned count = 0;
  for (LaunchOp launch : program.getOps<LaunchOp>()) {
    LaunchReport report = describe(launch, module, batch);
    const KernelResources *known = llvm::find_if(
        resources, [&](const KernelResources &kernel) { return kernel.symbol == report.kernel; });
    std::string figures(24, ' '), size = "   cuDNN        ";
    if (report.threads)
      size = llvm::formatv("{0,8}{1,8}", report.blocks, report.threads);
    if (known != resources.end())
      figures = llvm::formatv("{0,6}{1,6}{2,7}{3,5:f0}", known->registers, known->spilledBytes,
                              known->sharedBytes, 100 * occupancy(report, *known, target));
    text += llvm::formatv("{0}{1}{2}{3,11:f3}{4,10:f1}{5,10:f2}  {6}\n", size, figures,
                          report.threads ? '%' : ' ', report.flops * 1e-6, report.bytes / 1024,
                          report.microseconds(target), report.site);
    sum.flops += report.flops, sum.bytes += report.bytes, time += report.microseconds(target);
    ++count;
  }
  text += llvm::formatv("{0} launches, {1:f3} Mflop, {2:f1} KiB, {3:f2} us\n", count,
                        sum.flops * 1e-6, sum.bytes / 1024, time);
  return text + libraryReport(program);
}

} // namespace gnc
