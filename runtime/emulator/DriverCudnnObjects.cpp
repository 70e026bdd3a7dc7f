// What descriptors take, when they are complete, and what they tell.
#include "runtime/emulator/DriverCudnnObjects.h"

#include <algorithm>

namespace gnc::emulator::dnn {

namespace {
/// What may be set.
struct Rule {
  Kind kind;
  Name name;
  Type type;
  int64_t least = 1, most = 1;
  bool needed = true;
};
constexpr int64_t kMany = 1 << 20;
constexpr Rule rules[] = {
    {Kind::Tensor, Name::TensorType, Type::DataType},
    {Kind::Tensor, Name::TensorDimensions, Type::Int64, 4, 4},
    {Kind::Tensor, Name::TensorStrides, Type::Int64, 4, 4},
    {Kind::Tensor, Name::TensorId, Type::Int64},
    {Kind::Tensor, Name::TensorAlignment, Type::Int64},
    {Kind::Tensor, Name::TensorIsVirtual, Type::Boolean, 1, 1, false},
    {Kind::Convolution, Name::ConvolutionSpatialDims, Type::Int64},
    {Kind::Convolution, Name::ConvolutionType, Type::DataType},
    {Kind::Convolution, Name::ConvolutionMode, Type::ConvolutionMode},
    {Kind::Convolution, Name::ConvolutionPrePaddings, Type::Int64, 2, 2},
    {Kind::Convolution, Name::ConvolutionPostPaddings, Type::Int64, 2, 2},
    {Kind::Convolution, Name::ConvolutionStrides, Type::Int64, 2, 2},
    {Kind::Convolution, Name::ConvolutionDilations, Type::Int64, 2, 2},
    {Kind::Pointwise, Name::PointwiseMode, Type::PointwiseMode},
    {Kind::Pointwise, Name::PointwisePrecision, Type::DataType},
    {Kind::Forward, Name::ForwardX, Type::Descriptor},
    {Kind::Forward, Name::ForwardW, Type::Descriptor},
    {Kind::Forward, Name::ForwardY, Type::Descriptor},
    {Kind::Forward, Name::ForwardConvolution, Type::Descriptor},
    {Kind::Forward, Name::ForwardAlpha, Type::Float},
    {Kind::Forward, Name::ForwardBeta, Type::Float},
    {Kind::BackwardData, Name::BackwardDataDx, Type::Descriptor},
    {Kind::BackwardData, Name::BackwardDataW, Type::Descriptor},
    {Kind::BackwardData, Name::BackwardDataDy, Type::Descriptor},
    {Kind::BackwardData, Name::BackwardDataConvolution, Type::Descriptor},
    {Kind::BackwardData, Name::BackwardDataAlpha, Type::Float},
    {Kind::BackwardData, Name::BackwardDataBeta, Type::Float},
    {Kind::BackwardFilter, Name::BackwardFilterX, Type::Descriptor},
    {Kind::BackwardFilter, Name::BackwardFilterDw, Type::Descriptor},
    {Kind::BackwardFilter, Name::BackwardFilterDy, Type::Descriptor},
    {Kind::BackwardFilter, Name::BackwardFilterConvolution, Type::Descriptor},
    {Kind::BackwardFilter, Name::BackwardFilterAlpha, Type::Float},
    {Kind::BackwardFilter, Name::BackwardFilterBeta, Type::Float},
    {Kind::PointwiseOperation, Name::PointwiseDescriptor, Type::Descriptor},
    {Kind::PointwiseOperation, Name::PointwiseX, Type::Descriptor},
    {Kind::PointwiseOperation, Name::PointwiseB, Type::Descriptor, 1, 1, false},
    {Kind::PointwiseOperation, Name::PointwiseY, Type::Descriptor},
    {Kind::OperationGraph, Name::GraphOperations, Type::Descriptor, 1, 3},
    {Kind::DeviceProperties, Name::DeviceJson, Type::Char, 1, kMany},
    {Kind::EngineHeuristics, Name::HeuristicsGraph, Type::Descriptor},
    {Kind::EngineHeuristics, Name::HeuristicsMode, Type::HeuristicsMode},
    {Kind::EngineHeuristics, Name::HeuristicsDevice, Type::Descriptor},
    {Kind::ExecutionPlan, Name::PlanEngineConfig, Type::Descriptor, 1, 1, false},
    {Kind::ExecutionPlan, Name::PlanDevice, Type::Descriptor, 1, 1, false},
    {Kind::ExecutionPlan, Name::PlanHandle, Type::Handle, 1, 1, false},
    {Kind::ExecutionPlan, Name::PlanJson, Type::Char, 1, kMany, false},
    {Kind::VariantPack, Name::VariantIds, Type::Int64, 1, 64},
    {Kind::VariantPack, Name::VariantPointers, Type::Pointer, 1, 64},
    {Kind::VariantPack, Name::VariantWorkspace, Type::Pointer},
};

/// The kind of descriptor that an attribute takes.
std::optional<Kind> kindWanted(Name name) {
  switch (name) {
  case Name::ForwardConvolution:
  case Name::BackwardDataConvolution:
  case Name::BackwardFilterConvolution: return Kind::Convolution;
  case Name::PointwiseDescriptor: return Kind::Pointwise;
  case Name::HeuristicsGraph: return Kind::OperationGraph;
  case Name::HeuristicsDevice:
  case Name::PlanDevice: return Kind::DeviceProperties;
  case Name::PlanEngineConfig: return Kind::EngineConfig;
  case Name::GraphOperations: return std::nullopt; // any operation
  default: return Kind::Tensor;
  }
}

size_t sizeOf(Type type) {
  switch (type) {
  case Type::Boolean:
  case Type::Char: return 1;
  case Type::Int64:
  case Type::Pointer:
  case Type::Handle:
  case Type::Descriptor: return 8;
  default: return 4;
  }
}

/// Of every engine the notes; only the last one computes plain sums in a fixed order.
const std::vector<Note> engines[] = {
    {Note::TensorCore}, {Note::Nondeterministic, Note::Winograd}, {Note::StrictNan}};
constexpr int kPlain = 2;

} // namespace

Library &library() {
  static Library state;
  return state;
}

std::string numbered(const char *what, int64_t number) {
  return std::string(what) + " " + std::to_string(number);
}

bool isDescriptorKind(Kind kind) {
  return kind == Kind::Engine || kind == Kind::EngineConfig ||
         std::any_of(std::begin(rules), std::end(rules),
                     [&](const Rule &rule) { return rule.kind == kind; });
}

Status setValue(Object &object, Name name, Type type, int64_t count, const void *elements) {
  Library &state = library();
  std::string what =
      numbered("attribute", int(name)) + " of " + numbered("descriptor type", int(object.kind));
  if (object.final)
    return state.refuse(Status::BadParameter, what + " is set after finalize");
  const Rule *rule = nullptr;
  for (const Rule &known : rules)
    if (known.kind == object.kind && known.name == name)
      rule = &known;
  if (!rule)
    return state.refuse(Status::BadParameter, "there is no " + what);
  if (type != rule->type)
    return state.refuse(Status::WrongAttributeType, what + " has another type");
  if (count < rule->least || count > rule->most)
    return state.refuse(Status::OutOfBound, what + " gets " + numbered("elements:", count));
  if (!elements)
    return state.refuse(Status::NullPointer, what + " gets null");
  Object::Value value{count, {}, {}};
  auto *bytes = static_cast<const uint8_t *>(elements);
  value.bytes.assign(bytes, bytes + size_t(count) * sizeOf(type));
  for (int64_t i = 0; type == Type::Descriptor && i < count; ++i) {
    Object *other = state.find(static_cast<const Descriptor *>(elements)[i]);
    std::optional<Kind> wanted = kindWanted(name);
    if (!other || (wanted && other->kind != *wanted))
      return state.refuse(Status::WrongDescriptorType, what + " gets another descriptor");
    if (!other->final)
      return state.refuse(Status::NotFinalized, what + " gets a descriptor that is not finalized");
    value.kept.push_back(state.objects.at(other));
  }
  if (type == Type::Handle &&
      !state.handles.contains(*static_cast<const gnc::cudnn::Handle *>(elements)))
    return state.refuse(Status::BadParameter, what + " gets no handle");
  if (type == Type::Char && bytes[count - 1] != 0)
    return state.refuse(Status::BadParameter, what + " gets a text that does not end with NUL");
  object.values[name] = std::move(value);
  return Status::Success;
}

namespace {
//===- Finalising -----------------------------------------------------------------------------===//

TensorText tensorOf(const Object &object) {
  return {object.one<int64_t>(Name::TensorId), object.all<int64_t>(Name::TensorDimensions),
          object.all<int64_t>(Name::TensorStrides), object.one<uint8_t>(Name::TensorIsVirtual) != 0,
          object.one<int64_t>(Name::TensorAlignment)};
}

void readCorrelation(const Object &operation, GraphText &graph) {
  struct Names {
    Kind kind;
    Name x, w, y, window;
  };
  static constexpr Names all[] = {
      {Kind::Forward, Name::ForwardX, Name::ForwardW, Name::ForwardY, Name::ForwardConvolution},
      {Kind::BackwardData, Name::BackwardDataDx, Name::BackwardDataW, Name::BackwardDataDy,
       Name::BackwardDataConvolution},
      {Kind::BackwardFilter, Name::BackwardFilterX, Name::BackwardFilterDw, Name::BackwardFilterDy,
       Name::BackwardFilterConvolution}};
  for (const Names &names : all) {
    if (names.kind != operation.kind)
      continue;
    const Object &window = operation.object(names.window);
    graph.product = names.kind;
    graph.x = tensorOf(operation.object(names.x));
    graph.w = tensorOf(operation.object(names.w));
    graph.y = tensorOf(operation.object(names.y));
    graph.pre = window.all<int64_t>(Name::ConvolutionPrePaddings);
    graph.post = window.all<int64_t>(Name::ConvolutionPostPaddings);
    graph.stride = window.all<int64_t>(Name::ConvolutionStrides);
    graph.dilation = window.all<int64_t>(Name::ConvolutionDilations);
    graph.result = names.kind == Kind::Forward        ? graph.y
                   : names.kind == Kind::BackwardData ? graph.x
                                                      : graph.w;
  }
}

/// A correlation; after a forward one a bias, relu, or both.
std::string readGraph(const std::vector<Descriptor> &operations, GraphText &graph) {
  for (size_t i = 0; i < operations.size(); ++i) {
    const Object &operation = *static_cast<const Object *>(operations[i]);
    bool pointwise = operation.kind == Kind::PointwiseOperation;
    bool correlation = operation.kind == Kind::Forward || operation.kind == Kind::BackwardData ||
                       operation.kind == Kind::BackwardFilter;
    if (i == 0 ? !correlation : !pointwise)
      return "the graph is no correlation with a bias and relu";
    if (i == 0) {
      readCorrelation(operation, graph);
      continue;
    }
    auto mode = operation.object(Name::PointwiseDescriptor).one<PointwiseMode>(Name::PointwiseMode);
    bool add = mode == PointwiseMode::Add;
    TensorText from = tensorOf(operation.object(Name::PointwiseX));
    if (!(from == graph.result) || !from.isVirtual || graph.product != Kind::Forward)
      return "a pointwise operation does not follow the one before it";
    if (graph.relu || (add && graph.bias) || add != operation.has(Name::PointwiseB))
      return "the graph is no correlation with a bias and relu";
    if (add)
      graph.bias = tensorOf(operation.object(Name::PointwiseB));
    graph.relu |= !add;
    graph.result = tensorOf(operation.object(Name::PointwiseY));
  }
  return mistakeIn(graph);
}

/// Bytes that the plain engine asks for beside the tensors; it fills them to show that they are
/// nobody else's.
int64_t workspaceOf(const GraphText &graph) {
  return graph.product == Kind::Forward ? 0 : int64_t(graph.x.bytes() / 2) + 24;
}

Status finalizePlan(Object &plan) {
  Library &state = library();
  if (plan.has(Name::PlanJson)) {
    std::string text(plan.all<char>(Name::PlanJson).data());
    auto read = readPlan(text, state.mistake);
    if (!read)
      return Status::BadParameter;
    plan.graph = read->graph, plan.workspace = read->workspace, plan.text = text;
    if (plan.has(Name::PlanHandle)) {
      auto context = DriverState::get().current();
      int64_t card = context ? int64_t(context->device->card->sm) * 10 : 0;
      if (card != read->device)
        return state.refuse(Status::ArchitectureMismatch,
                            numbered("the plan is for architecture", read->device) +
                                numbered(", the card has", card));
      plan.handle = plan.one<gnc::cudnn::Handle>(Name::PlanHandle);
    }
    return Status::Success;
  }
  if (!plan.has(Name::PlanEngineConfig) || !plan.has(Name::PlanDevice))
    return state.refuse(Status::BadParameter, "a plan has a text, or an engine and a device");
  const Object &config = plan.object(Name::PlanEngineConfig);
  plan.graph = config.graph, plan.engine = config.engine;
  plan.workspace = workspaceOf(plan.graph);
  std::string profile = plan.object(Name::PlanDevice).all<char>(Name::DeviceJson).data();
  plan.text = planText(plan.graph, profile, plan.workspace);
  return Status::Success;
}

Status finalizePack(const Object &pack) {
  Library &state = library();
  auto ids = pack.all<int64_t>(Name::VariantIds);
  auto pointers = pack.all<void *>(Name::VariantPointers);
  if (ids.size() != pointers.size())
    return state.refuse(Status::ShapeMismatch, "a variant pack has as many pointers as ids");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!pointers[i])
      return state.refuse(Status::NullPointer,
                          numbered("the pointer of tensor", ids[i]) + " is null");
    for (size_t j = 0; j < i; ++j)
      if (ids[i] == ids[j])
        return state.refuse(Status::DuplicatedEntries,
                            numbered("the variant pack has two tensors", ids[i]));
  }
  return Status::Success;
}

} // namespace

Status finalizeObject(Object &object) {
  Library &state = library();
  if (object.final)
    return state.refuse(Status::BadParameter, "a descriptor is finalized twice");
  for (const Rule &rule : rules)
    if (rule.kind == object.kind && rule.needed && !object.has(rule.name))
      return state.refuse(Status::BadParameter, numbered("descriptor type", int(object.kind)) +
                                                    numbered(" lacks attribute", int(rule.name)));
  Status status = Status::Success;
  if (object.kind == Kind::OperationGraph) {
    std::string mistake = readGraph(object.all<Descriptor>(Name::GraphOperations), object.graph);
    if (!mistake.empty())
      status = state.refuse(Status::ShapeMismatch, mistake);
  } else if (object.kind == Kind::DeviceProperties) {
    std::string missing = missingProperty(object.all<char>(Name::DeviceJson).data());
    if (!missing.empty())
      status = state.refuse(Status::BadParameter, "the device has no property " + missing);
  } else if (object.kind == Kind::ExecutionPlan) {
    status = finalizePlan(object);
  } else if (object.kind == Kind::VariantPack) {
    status = finalizePack(object);
  } else if (object.kind == Kind::Engine || object.kind == Kind::EngineConfig) {
    status = state.refuse(Status::NotSupported, "engines come from heuristics alone");
  }
  object.final = status == Status::Success;
  return status;
}

namespace {
//===- Asking ---------------------------------------------------------------------------------===//

/// No engine moves windows in steps over elements that are apart.
bool hasEngine(const GraphText &graph) {
  for (size_t d = 0; d < 2; ++d)
    if (graph.stride[d] > 1 && graph.dilation[d] > 1)
      return false;
  return true;
}

/// The configurations go into descriptors that the caller made.
Status giveConfigs(const Object &heuristics, int64_t wanted, int64_t *count, void *elements) {
  Library &state = library();
  const GraphText &graph = heuristics.object(Name::HeuristicsGraph).graph;
  auto most = hasEngine(graph) ? int64_t(std::size(engines)) : 0;
  *count = elements ? std::min(wanted, most) : most;
  for (int64_t i = 0; elements && i < *count; ++i) {
    Object *config = state.find(static_cast<Descriptor *>(elements)[i]);
    if (!config || config->kind != Kind::EngineConfig)
      return state.refuse(Status::WrongDescriptorType, "results go into engine configurations");
    config->graph = graph;
    config->engine = int(i);
    config->final = true;
  }
  return Status::Success;
}

template <typename T>
Status give(const std::vector<T> &values, int64_t wanted, int64_t *count, void *elements) {
  *count = elements ? std::min<int64_t>(wanted, int64_t(values.size())) : int64_t(values.size());
  if (elements && *count)
    memcpy(elements, values.data(), size_t(*count) * sizeof(T));
  return Status::Success;
}

} // namespace

Status getValue(Object &object, Name name, Type type, int64_t wanted, int64_t *count,
                void *elements) {
  Library &state = library();
  if (!count || wanted < 0)
    return state.refuse(Status::NullPointer, "getAttribute wants to say how many there are");
  if (!object.final)
    return state.refuse(Status::NotFinalized, "getAttribute asks what is not finalized");
  auto is = [&](Kind kind, Name attribute, Type wantedType) {
    return object.kind == kind && name == attribute && type == wantedType;
  };
  if (is(Kind::EngineHeuristics, Name::HeuristicsResults, Type::Descriptor))
    return giveConfigs(object, wanted, count, elements);
  if (is(Kind::Engine, Name::EngineIndex, Type::Int64))
    return give(std::vector<int64_t>{object.engine == kPlain ? 0 : 40 + object.engine}, wanted,
                count, elements);
  if (is(Kind::Engine, Name::EngineNumericalNotes, Type::NumericalNote))
    return give(engines[object.engine], wanted, count, elements);
  if (is(Kind::ExecutionPlan, Name::PlanWorkspace, Type::Int64))
    return give(std::vector<int64_t>{object.workspace}, wanted, count, elements);
  if (is(Kind::ExecutionPlan, Name::PlanJson, Type::Char))
    return give(
        std::vector<char>(object.text.c_str(), object.text.c_str() + object.text.size() + 1),
        wanted, count, elements);
  if (is(Kind::EngineConfig, Name::EngineConfigEngine, Type::Descriptor) && elements) {
    Object *engine = state.find(*static_cast<Descriptor *>(elements));
    if (!engine || engine->kind != Kind::Engine || wanted != 1)
      return state.refuse(Status::WrongDescriptorType, "the engine goes into an engine");
    engine->engine = object.engine;
    engine->final = true;
    *count = 1;
    return Status::Success;
  }
  return state.refuse(Status::BadParameter, numbered("descriptor type", int(object.kind)) +
                                                numbered(" does not tell attribute", int(name)));
}

} // namespace gnc::emulator::dnn
