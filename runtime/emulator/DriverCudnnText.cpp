// Graphs as texts, and what can be wrong with them.
#include "runtime/emulator/DriverCudnn.h"

#include <nlohmann/json.hpp>

namespace gnc::emulator::dnn {

using Json = nlohmann::json;

uint64_t TensorText::bytes() const {
  int64_t last = 0;
  for (size_t d = 0; d < dims.size(); ++d)
    last += (dims[d] - 1) * strides[d];
  return uint64_t(last + 1) * sizeof(float);
}

std::vector<TensorText> GraphText::inMemory() const {
  std::vector<TensorText> tensors;
  if (product != Kind::BackwardData)
    tensors.push_back(x);
  if (product != Kind::BackwardFilter)
    tensors.push_back(w);
  if (product != Kind::Forward)
    tensors.push_back(y);
  if (bias)
    tensors.push_back(*bias);
  tensors.push_back(result);
  return tensors;
}

//===- Mistakes -------------------------------------------------------------------------------===//

static std::string mistakeIn(const TensorText &tensor) {
  std::string name = "tensor " + std::to_string(tensor.id);
  if (tensor.dims.size() != 4 || tensor.strides.size() != 4)
    return name + " has not four dimensions with four strides";
  for (size_t d = 0; d < 4; ++d)
    if (tensor.dims[d] < 1 || tensor.strides[d] < 1)
      return name + " has a dimension or stride below 1";
  if (tensor.alignment < 1 || (tensor.alignment & (tensor.alignment - 1)))
    return name + " has an alignment that is no power of two";
  return "";
}

std::string mistakeIn(const GraphText &graph) {
  for (const TensorText *tensor : {&graph.x, &graph.w, &graph.y, &graph.result})
    if (std::string mistake = mistakeIn(*tensor); !mistake.empty())
      return mistake;
  for (const Numbers *numbers : {&graph.pre, &graph.post, &graph.stride, &graph.dilation})
    if (numbers->size() != 2)
      return "a convolution has two numbers for each of its properties";
  if (graph.x.dims[1] % graph.w.dims[1] || graph.w.dims[0] % graph.groups() ||
      graph.w.dims[0] != graph.y.dims[1] || graph.x.dims[0] != graph.y.dims[0])
    return "the channels or samples of x, w and y do not fit together";
  for (size_t d = 0; d < 2; ++d) {
    if (graph.pre[d] < 0 || graph.post[d] < 0 || graph.stride[d] < 1 || graph.dilation[d] < 1)
      return "a padding is negative, or a stride or dilation below 1";
    int64_t windows = (graph.x.dims[2 + d] + graph.pre[d] + graph.post[d] -
                       graph.dilation[d] * (graph.w.dims[2 + d] - 1) - 1) /
                          graph.stride[d] +
                      1;
    if (windows != graph.y.dims[2 + d])
      return "y has " + std::to_string(graph.y.dims[2 + d]) + " windows where the others make " +
             std::to_string(windows);
  }
  if (graph.bias) {
    if (std::string mistake = mistakeIn(*graph.bias); !mistake.empty())
      return mistake;
    if (graph.bias->dims != Numbers{1, graph.y.dims[1], 1, 1})
      return "the bias is not one number a channel";
  }
  if (graph.product == Kind::Forward && graph.result.dims != graph.y.dims)
    return "the result has another shape than y";
  std::vector<TensorText> tensors = graph.inMemory();
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].isVirtual)
      return "tensor " + std::to_string(tensors[i].id) + " is virtual, but nothing computes it";
    for (size_t j = 0; j < i; ++j)
      if (tensors[i].id == tensors[j].id)
        return "two tensors are called " + std::to_string(tensors[i].id);
  }
  return "";
}

std::string missingProperty(const std::string &text) {
  Json json = Json::parse(text, nullptr, false);
  for (const char *key : {"cudaDeviceId",
                          "pciDeviceId",
                          "isTccDriver",
                          "supportCoopLaunch",
                          "deviceName",
                          "deviceVer",
                          "driverVer",
                          "maxThreadsPerBlock",
                          "maxBlockSize",
                          "maxGridSize",
                          "totalGlobalMem",
                          "multiProcessorCount",
                          "l2CacheSize",
                          "maxSharedMemoryPerBlock",
                          "maxSharedMemoryPerBlockOptin",
                          "reservedSharedMemoryPerBlock",
                          "regsPerBlock",
                          "memClockRateKHz",
                          "smClockRateKHz",
                          "maxCtasPerSM",
                          "maxThreadsPerSM",
                          "maxRegistersPerSM",
                          "warpSize"})
    if (!json.is_object() || !json.contains(key))
      return key;
  return "";
}

//===- Writing --------------------------------------------------------------------------------===//

static const char *operationName(Kind kind) {
  switch (kind) {
  case Kind::Forward: return "CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR";
  case Kind::BackwardData: return "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR";
  case Kind::BackwardFilter:
    return "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR";
  default: return "CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR";
  }
}

/// What the x, w and y of a correlation are called in the text of each product.
static std::array<const char *, 3> operandNames(Kind kind) {
  if (kind == Kind::BackwardData)
    return {"dX", "W", "dY"};
  if (kind == Kind::BackwardFilter)
    return {"X", "dW", "dY"};
  return {"X", "W", "Y"};
}

static Json jsonOf(const TensorText &tensor, bool isVirtual) {
  return {{"name", std::to_string(tensor.id)},
          {"dataType", "CUDNN_DATA_FLOAT"},
          {"dim", tensor.dims},
          {"stride", tensor.strides},
          {"isVirtual", isVirtual},
          {"ptrAlignment", tensor.alignment}};
}

std::string planText(const GraphText &graph, const std::string &profile, int64_t workspace) {
  auto name = [](const TensorText &tensor) { return std::to_string(tensor.id); };
  auto operands = operandNames(graph.product);
  Json tensors = Json::array();
  for (const TensorText &tensor : graph.inMemory())
    tensors.push_back(jsonOf(tensor, false));
  Json nodes = Json::array({{{"operation", operationName(graph.product)},
                             {"mode", "CUDNN_CROSS_CORRELATION"},
                             {"pad_lower", graph.pre},
                             {"pad_upper", graph.post},
                             {"stride", graph.stride},
                             {"dilation", graph.dilation},
                             {operands[0], name(graph.x)},
                             {operands[1], name(graph.w)},
                             {operands[2], name(graph.y)}}});
  TensorText last = graph.y;
  auto follow = [&](const char *mode, bool end) {
    tensors.push_back(jsonOf(last, true));
    TensorText next = graph.result;
    if (!end)
      next.id = last.id + 1000;
    nodes.push_back({{"operation", operationName(Kind::Pointwise)},
                     {"pointwiseMode", mode},
                     {"X", name(last)},
                     {"Y", name(next)}});
    last = next;
  };
  if (graph.bias) {
    follow("CUDNN_POINTWISE_ADD", !graph.relu);
    nodes.back()["B"] = name(*graph.bias);
  }
  if (graph.relu)
    follow("CUDNN_POINTWISE_RELU_FWD", true);
  Json plan = {{"operationGraph", {{"tensors", tensors}, {"nodes", nodes}}},
               {"GPUProfile", Json::parse(profile, nullptr, false)},
               {"engine", {{"engineId", 0}}},
               {"workspace", workspace}};
  return plan.dump();
}

//===- Reading --------------------------------------------------------------------------------===//

namespace {
/// Finds the tensors of nodes; remembers the first mistake.
class PlanReader {
public:
  PlanReader(const Json &json, std::string &mistake) : mistake(mistake) {
    for (const Json &tensor : json.value("tensors", Json::array())) {
      TensorText text;
      text.id = std::atoll(tensor.value("name", "0").c_str());
      text.dims = tensor.value("dim", Numbers());
      text.strides = tensor.value("stride", Numbers());
      text.isVirtual = tensor.value("isVirtual", false);
      text.alignment = tensor.value("ptrAlignment", int64_t(1));
      if (tensor.value("dataType", "") != "CUDNN_DATA_FLOAT")
        mistake = "tensor " + std::to_string(text.id) + " is not of f32";
      tensors.push_back(std::move(text));
    }
  }

  TensorText tensor(const Json &node, const char *role) {
    int64_t id = std::atoll(node.value(role, "0").c_str());
    for (const TensorText &tensor : tensors)
      if (tensor.id == id)
        return tensor;
    mistake = "a node of the plan has no tensor " + std::string(role);
    return {};
  }

  void correlation(const Json &node, GraphText &graph) {
    for (Kind kind : {Kind::Forward, Kind::BackwardData, Kind::BackwardFilter})
      if (node.value("operation", "") == operationName(kind))
        graph.product = kind;
    if (node.value("operation", "") != operationName(graph.product) ||
        node.value("mode", "") != "CUDNN_CROSS_CORRELATION")
      mistake = "the plan begins with something else than a correlation";
    auto operands = operandNames(graph.product);
    graph.x = tensor(node, operands[0]);
    graph.w = tensor(node, operands[1]);
    graph.y = tensor(node, operands[2]);
    Numbers both = node.value("pad", Numbers()); // where they are equal
    graph.pre = node.value("pad_lower", both);
    graph.post = node.value("pad_upper", both);
    graph.stride = node.value("stride", Numbers());
    graph.dilation = node.value("dilation", Numbers());
    graph.result = graph.product == Kind::Forward        ? graph.y
                   : graph.product == Kind::BackwardData ? graph.x
                                                         : graph.w;
  }

  void pointwise(const Json &node, GraphText &graph) {
    std::string mode = node.value("pointwiseMode", "");
    bool add = mode == "CUDNN_POINTWISE_ADD", relu = mode == "CUDNN_POINTWISE_RELU_FWD";
    if ((!add && !relu) || graph.relu || (add && graph.bias))
      mistake = "the plan goes on with something else than a bias and relu";
    if (add)
      graph.bias = tensor(node, "B");
    graph.relu |= relu;
    graph.result = tensor(node, "Y");
  }

private:
  std::vector<TensorText> tensors;
  std::string &mistake;
};
} // namespace

static std::optional<PlanText> readPlan(const Json &json, std::string &mistake) {
  if (!json.is_object() || !json.contains("operationGraph") || !json.contains("GPUProfile")) {
    mistake = "the text is no plan";
    return std::nullopt;
  }
  PlanText plan;
  plan.workspace = json.value("workspace", int64_t(0));
  plan.device = json.at("GPUProfile").value("deviceVer", int64_t(0));
  PlanReader reader(json.at("operationGraph"), mistake);
  bool first = true;
  for (const Json &node : json.at("operationGraph").value("nodes", Json::array())) {
    if (std::exchange(first, false))
      reader.correlation(node, plan.graph);
    else
      reader.pointwise(node, plan.graph);
  }
  if (first)
    mistake = "the plan computes nothing";
  if (mistake.empty())
    mistake = mistakeIn(plan.graph);
  return mistake.empty() ? std::optional(std::move(plan)) : std::nullopt;
}

std::optional<PlanText> readPlan(const std::string &text, std::string &mistake) {
  mistake.clear();
  try {
    return readPlan(Json::parse(text, nullptr, false), mistake);
  } catch (const Json::exception &) { // a field of another type
    mistake = "the text is no plan";
    return std::nullopt;
  }
}

} // namespace gnc::emulator::dnn
