#include "runtime/cuda/CudnnPlans.h"

namespace gnc::cuda {

using namespace runtime;
using namespace cudnn;
using cudnn::Status;
using cudnn::Type;

Result<std::unique_ptr<CudnnPlans>> CudnnPlans::create(const std::string &file, Stream stream) {
  Result<Cudnn> library = Cudnn::load(file);
  if (!library.ok())
    return std::move(library).error();
  std::unique_ptr<CudnnPlans> plans(new CudnnPlans(*library));
  Status status = library->create(&plans->handle);
  if (status == Status::Success)
    status = library->setStream(plans->handle, reinterpret_cast<CudaStream>(stream));
  if (status != Status::Success)
    return environmentError("no-cudnn", "cuDNN does not start: " + library->describe(status))
        .withHelp("install the cuDNN 9 that goes with the driver, or compile without "
                  "--library=cudnn");
  return plans;
}

CudnnPlans::~CudnnPlans() {
  work.clear();
  plans.clear();
  if (handle)
    library.destroy(handle);
}

Error CudnnPlans::refused(const Program &program, const Launch &launch, Status status) const {
  const Site &site = program.sites[launch.site];
  std::string what = "cuDNN refuses its plan for '" + site.name + "': " + library.describe(status);
  if (status == Status::SerializationMismatch)
    return environmentError("old-cudnn", what)
        .withHelp("compile it with the cuDNN that it runs with, or without --library=cudnn")
        .at(site.location);
  return environmentError("card-failed", what).at(site.location);
}

Result<size_t> CudnnPlans::add(const Program &program, const Launch &launch, DevicePointer arena) {
  const LibraryPlan &source = program.plans[launch.kernel];
  plans.resize(program.plans.size());
  std::unique_ptr<OwnedDescriptor> &plan = plans[launch.kernel];
  if (!plan) {
    plan = std::make_unique<OwnedDescriptor>(library, Kind::ExecutionPlan);
    plan->set(Name::PlanHandle, Type::Handle, handle);
    plan->setText(Name::PlanJson, source.text);
    plan->finalize();
  }
  if (!plan->good())
    return refused(program, launch, plan->status());
  if (uint64_t needed = uint64_t(plan->getInteger(Name::PlanWorkspace));
      needed > source.workspaceBytes)
    return environmentError("old-cudnn", "the plan for '" + program.sites[launch.site].name +
                                             "' needs a workspace of " + std::to_string(needed) +
                                             " bytes here, and was compiled with " +
                                             std::to_string(source.workspaceBytes))
        .withHelp("compile it with the cuDNN that it runs with, or without --library=cudnn")
        .at(program.sites[launch.site].location);
  std::vector<void *> pointers;
  for (uint64_t offset : launch.arguments)
    pointers.push_back(reinterpret_cast<void *>(arena + offset));
  void *workspace = nullptr;
  if (pointers.size() > source.ids.size()) {
    workspace = pointers.back();
    pointers.pop_back();
  }
  OwnedDescriptor tensors(library, Kind::VariantPack);
  tensors.set(Name::VariantIds, Type::Int64, std::span<const int64_t>(source.ids));
  tensors.set(Name::VariantPointers, Type::Pointer, std::span<void *const>(pointers));
  tensors.set(Name::VariantWorkspace, Type::Pointer, workspace);
  if (!tensors.finalize())
    return refused(program, launch, tensors.status());
  work.push_back({plan.get(), std::move(tensors)});
  return work.size() - 1;
}

Status CudnnPlans::run(size_t number) const {
  return library.execute(handle, work[number].plan->get(), work[number].tensors.get());
}

} // namespace gnc::cuda
