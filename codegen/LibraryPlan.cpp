#include "codegen/LibraryPlan.h"

#include "llvm/Support/FormatVariadic.h"

using namespace gnc::cudnn;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Words
//===------------------------------------------------------------------------------------------===//

static std::string joined(llvm::ArrayRef<int64_t> numbers, const char *between) {
  std::string text;
  for (int64_t number : numbers)
    text += (text.empty() ? "" : between) + std::to_string(number);
  return text;
}

std::string describe(const Correlation &c, int64_t batch) {
  using Product = Correlation::Product;
  llvm::SmallVector<int64_t, 4> x{batch, c.channelsX}, taps, stride, dilation, pad, padEnd;
  for (const CorrelationAxis &axis : c.axes) {
    x.push_back(axis.x);
    taps.push_back(axis.taps);
    stride.push_back(axis.stride);
    dilation.push_back(axis.dilation);
    pad.push_back(axis.pad);
    padEnd.push_back(axis.padEnd);
  }
  auto unless = [](llvm::ArrayRef<int64_t> numbers, int64_t usual, const char *name) {
    if (llvm::all_of(numbers, [&](int64_t number) { return number == usual; }))
      return std::string();
    return std::string(name) +
           (llvm::all_equal(numbers) ? std::to_string(numbers.front()) : joined(numbers, "x"));
  };
  const char *product = c.product == Product::Forward ? "forward"
                        : c.product == Product::Data  ? "data"
                                                      : "weights";
  return llvm::formatv("{0} {1}, {2} of {3}", product, joined(x, "x"), c.channelsY,
                       joined(taps, "x"))
             .str() +
         unless(stride, 1, ", stride ") + unless(dilation, 1, ", dilated ") +
         unless(pad, 0, ", pad ") + (pad == padEnd ? "" : " and " + joined(padEnd, "x")) +
         (c.groups == 1 ? "" : ", " + std::to_string(c.groups) + " groups");
}

/// The card as cuDNN reads it (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION).
static std::string propertiesOf(const CudaTarget &target) {
  int64_t capability = 0;
  (void)target.name.drop_front(3).getAsInteger(10, capability);
  const int64_t reserved = capability < 80 ? 0 : 1024;
  const std::pair<const char *, int64_t> numbers[] = {
      {"cudaDeviceId", 0},
      {"pciDeviceId", 0},
      {"isTccDriver", 0},
      {"supportCoopLaunch", 1},
      {"deviceVer", capability * 10},
      {"driverVer", 13000},
      {"maxThreadsPerBlock", 1024},
      {"totalGlobalMem", target.gibibytes << 30},
      {"multiProcessorCount", int64_t(target.multiprocessors)},
      {"l2CacheSize", target.l2Mebibytes << 20},
      {"maxSharedMemoryPerBlock", 48 << 10},
      {"maxSharedMemoryPerBlockOptin", target.sharedTogether - reserved},
      {"reservedSharedMemoryPerBlock", reserved},
      {"regsPerBlock", 65536},
      {"memClockRateKHz", target.memoryMegahertz * 1000},
      {"smClockRateKHz", target.megahertz * 1000},
      {"maxCtasPerSM", target.blocksTogether},
      {"maxThreadsPerSM", target.threadsTogether},
      {"maxRegistersPerSM", 65536},
      {"warpSize", 32},
  };
  std::string text = "{\"deviceName\": \"" + target.card.str() +
                     "\", \"maxBlockSize\": [1024, 1024, 64], "
                     "\"maxGridSize\": [2147483647, 65535, 65535]";
  for (auto [name, number] : numbers)
    text += ", \"" + std::string(name) + "\": " + std::to_string(number);
  return text + "}";
}

//===------------------------------------------------------------------------------------------===//
// Graphs
//===------------------------------------------------------------------------------------------===//

namespace {
/// The descriptors of one graph; they live as long as it does.
class GraphBuilder {
public:
  GraphBuilder(const Cudnn &library, const Correlation &correlation, int64_t batch)
      : library(library), c(correlation), batch(batch) {}

  /// The finalised graph; null after a failure, whose status is `status`.
  OwnedDescriptor *build(LibraryEpilogue epilogue);
  Status status = Status::Success;

private:
  using Shape = llvm::SmallVector<int64_t, 4>;
  static constexpr int64_t kSummed = 5, kShifted = 6; ///< tensors that are not in memory

  OwnedDescriptor &add(Kind kind) {
    return *descriptors.emplace_back(std::make_unique<OwnedDescriptor>(library, kind));
  }
  void close(OwnedDescriptor &descriptor) {
    if (!descriptor.finalize() && status == Status::Success)
      status = descriptor.status();
  }
  /// A window in one direction counts as one of two.
  template <typename Member> Shape spatial(Member member, int64_t otherwise) const {
    Shape numbers(2 - c.axes.size(), otherwise);
    for (const CorrelationAxis &axis : c.axes)
      numbers.push_back(axis.*member);
    return numbers;
  }
  OwnedDescriptor &tensor(int64_t id, int64_t outer, int64_t channels, const Shape &inner,
                          bool isVirtual = false);
  OwnedDescriptor &window();
  OwnedDescriptor &multiply(OwnedDescriptor &x, OwnedDescriptor &w, OwnedDescriptor &y);
  OwnedDescriptor &pointwise(PointwiseMode mode, OwnedDescriptor &x, OwnedDescriptor *b,
                             OwnedDescriptor &y);

  const Cudnn &library;
  const Correlation &c;
  int64_t batch;
  std::vector<std::unique_ptr<OwnedDescriptor>> descriptors;
};
} // namespace

/// Packed, with the channels last.
OwnedDescriptor &GraphBuilder::tensor(int64_t id, int64_t outer, int64_t channels,
                                      const Shape &inner, bool isVirtual) {
  Shape dims{outer, channels, inner[0], inner[1]};
  Shape strides{channels * inner[0] * inner[1], 1, inner[1] * channels, channels};
  constexpr int64_t kAlignment = 64; // of every buffer in the arena
  OwnedDescriptor &made = add(Kind::Tensor);
  made.set(Name::TensorType, Type::DataType, DataType::Float);
  made.set(Name::TensorDimensions, Type::Int64, std::span<const int64_t>(dims));
  made.set(Name::TensorStrides, Type::Int64, std::span<const int64_t>(strides));
  made.set(Name::TensorId, Type::Int64, id);
  made.set(Name::TensorAlignment, Type::Int64, kAlignment);
  if (isVirtual)
    made.set(Name::TensorIsVirtual, Type::Boolean, true);
  close(made);
  return made;
}

OwnedDescriptor &GraphBuilder::window() {
  OwnedDescriptor &made = add(Kind::Convolution);
  made.set(Name::ConvolutionSpatialDims, Type::Int64, int64_t(2));
  made.set(Name::ConvolutionType, Type::DataType, DataType::Float);
  made.set(Name::ConvolutionMode, Type::ConvolutionMode, ConvolutionMode::Correlation);
  auto each = [&](Name name, auto member, int64_t otherwise) {
    Shape numbers = spatial(member, otherwise);
    made.set(name, Type::Int64, std::span<const int64_t>(numbers));
  };
  each(Name::ConvolutionPrePaddings, &CorrelationAxis::pad, 0);
  each(Name::ConvolutionPostPaddings, &CorrelationAxis::padEnd, 0);
  each(Name::ConvolutionStrides, &CorrelationAxis::stride, 1);
  each(Name::ConvolutionDilations, &CorrelationAxis::dilation, 1);
  close(made);
  return made;
}

OwnedDescriptor &GraphBuilder::multiply(OwnedDescriptor &x, OwnedDescriptor &w,
                                        OwnedDescriptor &y) {
  /// Names of the same attributes of the three operations.
  struct Names {
    Kind kind;
    Name x, w, y, window, alpha, beta;
  };
  static constexpr Names names[] = {
      {Kind::Forward, Name::ForwardX, Name::ForwardW, Name::ForwardY, Name::ForwardConvolution,
       Name::ForwardAlpha, Name::ForwardBeta},
      {Kind::BackwardData, Name::BackwardDataDx, Name::BackwardDataW, Name::BackwardDataDy,
       Name::BackwardDataConvolution, Name::BackwardDataAlpha, Name::BackwardDataBeta},
      {Kind::BackwardFilter, Name::BackwardFilterX, Name::BackwardFilterDw, Name::BackwardFilterDy,
       Name::BackwardFilterConvolution, Name::BackwardFilterAlpha, Name::BackwardFilterBeta}};
  const Names &name = names[size_t(c.product)];
  OwnedDescriptor &windows = window();
  OwnedDescriptor &made = add(name.kind);
  made.set(name.x, x);
  made.set(name.w, w);
  made.set(name.y, y);
  made.set(name.window, windows);
  made.set(name.alpha, Type::Float, 1.0f);
  made.set(name.beta, Type::Float, 0.0f);
  close(made);
  return made;
}

OwnedDescriptor &GraphBuilder::pointwise(PointwiseMode mode, OwnedDescriptor &x, OwnedDescriptor *b,
                                         OwnedDescriptor &y) {
  OwnedDescriptor &what = add(Kind::Pointwise);
  what.set(Name::PointwiseMode, Type::PointwiseMode, mode);
  what.set(Name::PointwisePrecision, Type::DataType, DataType::Float);
  close(what);
  OwnedDescriptor &made = add(Kind::PointwiseOperation);
  made.set(Name::PointwiseDescriptor, what);
  made.set(Name::PointwiseX, x);
  if (b)
    made.set(Name::PointwiseB, *b);
  made.set(Name::PointwiseY, y);
  close(made);
  return made;
}

OwnedDescriptor *GraphBuilder::build(LibraryEpilogue epilogue) {
  Shape mapX = spatial(&CorrelationAxis::x, 1), taps = spatial(&CorrelationAxis::taps, 1),
        mapY = spatial(&CorrelationAxis::y, 1);
  auto result = [&](int64_t id) -> OwnedDescriptor & {
    return tensor(id, batch, c.channelsY, mapY, id == kSummed || id == kShifted);
  };
  constexpr auto y = int64_t(LibraryTensor::Y);
  OwnedDescriptor &x = tensor(int64_t(LibraryTensor::X), batch, c.channelsX, mapX);
  OwnedDescriptor &w = tensor(int64_t(LibraryTensor::W), c.channelsY, c.channelsX / c.groups, taps);
  OwnedDescriptor *last = &result(epilogue.bias || epilogue.relu ? kSummed : y);
  llvm::SmallVector<Descriptor, 3> operations{multiply(x, w, *last).get()};
  if (epilogue.bias) {
    OwnedDescriptor &bias = tensor(int64_t(LibraryTensor::Bias), 1, c.channelsY, {1, 1});
    OwnedDescriptor &shifted = result(epilogue.relu ? kShifted : y);
    operations.push_back(pointwise(PointwiseMode::Add, *last, &bias, shifted).get());
    last = &shifted;
  }
  if (epilogue.relu)
    operations.push_back(pointwise(PointwiseMode::Relu, *last, nullptr, result(y)).get());
  if (status != Status::Success)
    return nullptr;
  OwnedDescriptor &graph = add(Kind::OperationGraph);
  graph.set(Name::GraphOperations, Type::Descriptor, std::span<const Descriptor>(operations));
  close(graph);
  return status == Status::Success ? &graph : nullptr;
}

//===------------------------------------------------------------------------------------------===//
// Plans
//===------------------------------------------------------------------------------------------===//

/// Whether an engine's numbers are those of f32 sums in a fixed order.
static bool isPlain(const Cudnn &library, OwnedDescriptor &config, int64_t &number) {
  OwnedDescriptor engine(library, Kind::Engine);
  Descriptor handle = engine.get();
  config.get(Name::EngineConfigEngine, Type::Descriptor, std::span<Descriptor>(&handle, 1));
  number = engine.getInteger(Name::EngineIndex);
  Note notes[noteCount];
  int64_t count =
      engine.get(Name::EngineNumericalNotes, Type::NumericalNote, std::span<Note>(notes));
  return config.good() && engine.good() &&
         llvm::all_of(llvm::ArrayRef(notes).take_front(count),
                      [](Note note) { return note == Note::StrictNan; });
}

static std::optional<LibraryPlan> finishPlan(const Cudnn &library, OwnedDescriptor &config,
                                             OwnedDescriptor &device) {
  OwnedDescriptor plan(library, Kind::ExecutionPlan);
  plan.set(Name::PlanEngineConfig, config);
  plan.set(Name::PlanDevice, device);
  if (!plan.finalize())
    return std::nullopt; // this engine cannot do it after all
  LibraryPlan made;
  made.workspace = plan.getInteger(Name::PlanWorkspace);
  made.text.resize(plan.get(Name::PlanJson, Type::Char, std::span<char>()));
  plan.get(Name::PlanJson, Type::Char, std::span<char>(made.text.data(), made.text.size()));
  made.text = made.text.c_str(); // up to the NUL
  return plan.good() ? std::optional(std::move(made)) : std::nullopt;
}

runtime::Result<std::unique_ptr<LibraryPlanner>> LibraryPlanner::create(const std::string &file,
                                                                        const CudaTarget &target) {
  runtime::Result<Cudnn> library = Cudnn::load(file);
  if (!library.ok())
    return library.error();
  std::unique_ptr<LibraryPlanner> planner(new LibraryPlanner(*library));
  planner->device.emplace(planner->library, Kind::DeviceProperties);
  planner->device->setText(Name::DeviceJson, propertiesOf(target));
  if (!planner->device->finalize())
    return runtime::environmentError("no-cudnn", "cuDNN plans nothing for " + target.name.str() +
                                                     ": " +
                                                     library->describe(planner->device->status()))
        .withHelp("install a cuDNN 9 that knows the card, or leave --library=cudnn out");
  return planner;
}

LibraryPlanner::Known LibraryPlanner::make(const Correlation &correlation, int64_t batch,
                                           LibraryEpilogue epilogue) {
  auto refused = [&](Status status) {
    return Known{std::nullopt, "cuDNN refuses it: " + library.describe(status)};
  };
  GraphBuilder builder(library, correlation, batch);
  OwnedDescriptor *graph = builder.build(epilogue);
  if (!graph)
    return refused(builder.status);
  size_t engines = 0;
  for (HeuristicsMode mode : {HeuristicsMode::A, HeuristicsMode::Fallback}) {
    OwnedDescriptor heuristics(library, Kind::EngineHeuristics);
    heuristics.set(Name::HeuristicsGraph, *graph);
    heuristics.set(Name::HeuristicsMode, Type::HeuristicsMode, mode);
    heuristics.set(Name::HeuristicsDevice, *device);
    if (!heuristics.finalize())
      return refused(heuristics.status());
    std::vector<OwnedDescriptor> configs;
    std::vector<Descriptor> handles;
    for (int64_t i =
             heuristics.get(Name::HeuristicsResults, Type::Descriptor, std::span<Descriptor>());
         i > 0; --i) {
      configs.emplace_back(library, Kind::EngineConfig);
      handles.push_back(configs.back().get());
    }
    if (!handles.empty())
      handles.resize(heuristics.get(Name::HeuristicsResults, Type::Descriptor, std::span(handles)));
    engines += handles.size();
    for (size_t i = 0; i < handles.size(); ++i) {
      int64_t engine = 0;
      if (!isPlain(library, configs[i], engine))
        continue;
      if (std::optional<LibraryPlan> plan = finishPlan(library, configs[i], *device)) {
        plan->engine = engine;
        return {std::move(plan), ""};
      }
    }
  }
  return {std::nullopt, llvm::formatv("of cuDNN's {0} engines none is deterministic and computes "
                                      "in f32 alone",
                                      engines)};
}

std::optional<LibraryPlan> LibraryPlanner::plan(const Correlation &correlation, int64_t batch,
                                                LibraryEpilogue epilogue, std::string &why) {
  std::string key = describe(correlation, batch) + (epilogue.bias ? " + bias" : "") +
                    (epilogue.relu ? " + relu" : "");
  std::lock_guard guard(lock);
  auto [it, isNew] = known.try_emplace(key);
  if (isNew)
    it->second = make(correlation, batch, epilogue);
  why = it->second.why;
  return it->second.plan;
}

} // namespace gnc
