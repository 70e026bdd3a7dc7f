// Layers of random nets on tensors of any shape: pointwise ones, norms, products, reductions,
// losses, and the table of all.
#include "NetLayers.h"

#include <algorithm>

using llvm::formatv;

namespace gnc::test {

NetLayer unary(std::string name, std::function<MaybeType(const NetType &)> type, bool exact) {
  NetLayer layer{.name = name, .exact = exact};
  layer.type = [=](const NetTypes &x, const Settings &) { return type(x[0]); };
  layer.text = [=](const Names &x, const Settings &, const NetTypes &) {
    return x[0] + " -> " + name;
  };
  return layer;
}

static MaybeType sameType(const NetType &x) { return x; }
static MaybeType atLeastVector(const NetType &x) { return x.shape.empty() ? MaybeType() : x; }
static MaybeType mapOnly(const NetType &x) { return isMap(x) ? MaybeType(x) : std::nullopt; }

//===- Pointwise layers, norms, masks ---------------------------------------------------------===//

/// With weights; of a tensor of `least` dimensions or more.
static NetLayer weighted(const std::string &name, size_t least, bool exact = false) {
  NetLayer layer = unary(
      name, [=](const NetType &x) { return x.shape.size() < least ? MaybeType() : x; }, exact);
  layer.weights = true;
  return layer;
}

static NetLayer grouped() {
  NetLayer layer{.name = "group_norm", .weights = true, .range = {{1, 3}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    return x[0].shape.empty() || x[0].shape[0] % s[0] ? MaybeType() : x[0];
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> group_norm({1})", x[0], s[0]);
  };
  return layer;
}

/// An op or block of the net's own.
static NetLayer own(NetLayer layer, std::string declaration) {
  layer.declaration = std::move(declaration);
  return layer;
}

static NetLayer often(unsigned often, NetLayer layer) {
  layer.often = often;
  return layer;
}

static void addOwnPointwise(std::vector<NetLayer> &layers) {
  layers.push_back(own(weighted("offset", 1, true),
                       "block offset(x: [S..]) -> [S..] {\n  param b: [S..] = 0\n  x + b\n}\n"));
  layers.push_back(own(unary("staircase", sameType, true),
                       "op staircase(x) = round(x * 4) / 4\ngrad @surrogate {\n"
                       "  d.x = d.y * (if abs(x) <= 2 then 1 else 0)\n}\n"));
  layers.push_back(own(unary("running_sum", atLeastVector),
                       "op running_sum(x: [S.., D]) -> y: [S.., D] {\n"
                       "  y[s.., i] = sum[j < D] (if j <= i then x[s.., j] else 0)\n}\n"));
  layers.push_back(own(unary("edges", mapOnly),
                       "op edges(x: [C, H, W]) -> y: [C, H, W] {\n"
                       "  y[c, i, j] = x[c, wrap(i - 1), j] - (x[c, i + 1, j + 1] ?? 1)\n"
                       "             + x[c, i, clamp(j + 2)]\n}\n"));
  layers.push_back(own(unary("centred", atLeastVector, false),
                       "op centred(x: [N; C, S..]) -> y: [N; C, S..] {\n"
                       "  m[c]         = mean[n, i..] x[n; c, i..]\n"
                       "  y[n; c, i..] = x[n; c, i..] - m[c]\n}\n"));
}

void addPointwise(std::vector<NetLayer> &layers) {
  for (const char *name : {"relu", "abs", "square", "relu6", "hard_tanh", "stop"})
    layers.push_back(unary(name, sameType));
  for (const char *name : {"leaky_relu", "elu", "celu", "selu", "silu", "gelu", "gelu_tanh", "mish",
                           "softsign", "sigmoid", "tanh", "softplus", "log_sigmoid", "hard_sigmoid",
                           "hard_swish", "sin", "cos", "erf"})
    layers.push_back(unary(name, sameType, false));
  for (const char *name : {"softmax", "log_softmax", "standardize", "l2_normalize",
                           "local_response_norm", "spatial_dropout(0.25)"})
    layers.push_back(unary(name, atLeastVector, false));
  layers.push_back(often(6, weighted("bn", 1)));
  layers.push_back(weighted("instance_norm", 2));
  layers.push_back(weighted("layer_norm", 1));
  layers.push_back(weighted("layer_norm_each", 2));
  layers.push_back(weighted("prelu", 1));
  layers.push_back(often(2, weighted("squeeze_excite", 3)));
  layers.push_back(grouped());
  layers.push_back(often(2, unary("dropout(0.5)", sameType)));
  layers.push_back(unary("drop_path(0.5)", sameType));
  addOwnPointwise(layers);
}

//===- Joins: several inputs, products, reductions --------------------------------------------===//

static NetLayer infix(const std::string &sign) {
  NetLayer layer{.name = sign, .often = sign == "+" ? 6u : 2u, .arity = 2, .exact = true};
  layer.type = [](const NetTypes &x, const Settings &) -> MaybeType {
    return x[0].shape == x[1].shape ? MaybeType(x[0]) : std::nullopt;
  };
  layer.text = [=](const Names &x, const Settings &, const NetTypes &) {
    return x[0] + " " + sign + " " + x[1];
  };
  return layer;
}

static NetLayer concatenated() {
  NetLayer layer{.name = "concat", .often = 4, .arity = 2, .exact = true, .range = {{0, 2}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    NetType type = x[0];
    size_t axis = size_t(s[0]);
    if (type.shape.size() != x[1].shape.size() || axis >= type.shape.size())
      return std::nullopt;
    type.shape[axis] = x[1].shape[axis];
    if (type != x[1])
      return std::nullopt;
    type.shape[axis] += x[0].shape[axis];
    return type;
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("concat({0}, {1}, axis = {2})", x[0], x[1], s[0]);
  };
  return layer;
}

/// [.., M, K] by [.., K, N], for matrices and stacks of them.
static NetLayer product() {
  NetLayer layer{.name = "matmul", .often = 4, .arity = 2, .exact = true};
  layer.type = [](const NetTypes &x, const Settings &) -> MaybeType {
    size_t rank = x[0].shape.size();
    if (rank < 2 || rank != x[1].shape.size() || x[0].shape[rank - 1] != x[1].shape[rank - 2] ||
        !std::equal(x[0].shape.begin(), x[0].shape.end() - 2, x[1].shape.begin()))
      return std::nullopt;
    NetType type = x[0];
    type.shape.back() = x[1].shape.back();
    return type;
  };
  layer.text = [](const Names &x, const Settings &, const NetTypes &) -> std::string {
    return formatv("matmul({0}, {1})", x[0], x[1]);
  };
  return layer;
}

static NetLayer linear(bool each) {
  NetLayer layer{
      .name = each ? "linear_each" : "linear", .often = 4, .exact = true, .weights = true};
  layer.range = {{1, 9}, {0, 1}};
  layer.type = [=](const NetTypes &x, const Settings &s) -> MaybeType {
    if (x[0].shape.empty() || each != (x[0].shape.size() > 1))
      return std::nullopt;
    NetType type = x[0];
    type.shape.back() = s[0];
    return type;
  };
  layer.text = [name = layer.name](const Names &x, const Settings &s,
                                   const NetTypes &) -> std::string {
    return formatv("{0} -> {1}({2}, bias = {3})", x[0], name, s[0], truth(s[1]));
  };
  return layer;
}

static NetLayer attention() {
  NetLayer layer{.name = "attention", .often = 3, .weights = true, .range = {{1, 2}, {0, 1}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    return x[0].shape.size() != 2 || x[0].shape[1] % s[0] ? MaybeType() : x[0];
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> attention(heads = {1}, causal = {2})", x[0], s[0], truth(s[1]));
  };
  return layer;
}

/// Along one axis.
static NetLayer reduction(const std::string &name, bool exact) {
  NetLayer layer{.name = name, .exact = exact, .range = {{0, 2}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    if (x[0].shape.size() < 2 || size_t(s[0]) >= x[0].shape.size())
      return std::nullopt;
    NetType type = x[0];
    type.shape.erase(type.shape.begin() + s[0]);
    return type;
  };
  layer.text = [=](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0}({1}, axis = {2})", name, x[0], s[0]);
  };
  return layer;
}

/// A tensor and a vector along its first dimension.
static NetLayer addChannel() {
  NetLayer layer{.name = "add_channel", .often = 3, .arity = 2, .exact = true};
  layer.type = [](const NetTypes &x, const Settings &) -> MaybeType {
    bool fits = x[1].shape.size() == 1 && x[0].shape.size() > 1 && x[1].shape[0] == x[0].shape[0];
    return fits ? MaybeType(x[0]) : std::nullopt;
  };
  layer.text = [](const Names &x, const Settings &, const NetTypes &) -> std::string {
    return formatv("add_channel({0}, {1})", x[0], x[1]);
  };
  return layer;
}

/// Two inputs that are made of one: `text` with $ for it.
static NetLayer twofold(const std::string &name, const std::string &text, size_t rank, bool exact) {
  NetLayer layer = unary(
      name, [=](const NetType &x) { return x.shape.size() == rank ? MaybeType(x) : std::nullopt; },
      exact);
  layer.text = [=](const Names &x, const Settings &, const NetTypes &) {
    std::string result;
    for (char c : text)
      result += c == '$' ? x[0] : std::string(1, c);
    return result;
  };
  return layer;
}

/// A matrix below its largest entries.
static NetLayer prepended() {
  NetLayer layer = twofold("prepend", "prepend($, max($, axis = 0))", 2, true);
  layer.type = [](const NetTypes &x, const Settings &) -> MaybeType {
    if (x[0].shape.size() != 2)
      return std::nullopt;
    return NetType{{x[0].shape[0] + 1, x[0].shape[1]}};
  };
  return layer;
}

/// The rows that a class chooses.
static NetLayer picked() {
  NetLayer layer{.name = "pick", .arity = 2, .exact = true, .target = Feed::Class};
  layer.type = [](const NetTypes &x, const Settings &) -> MaybeType {
    if (x[0].shape.size() < 2)
      return std::nullopt;
    return NetType{{x[0].shape.begin() + 1, x[0].shape.end()}};
  };
  layer.text = [](const Names &x, const Settings &, const NetTypes &) -> std::string {
    return formatv("pick({0}, {1})", x[0], x[1]);
  };
  layer.declaration = "op pick(x: [K, S..], t: index(K)) -> y: [S..] { y[i..] = x[t, i..] }\n";
  return layer;
}

void addJoins(std::vector<NetLayer> &layers) {
  for (const char *sign : {"+", "-", "*"})
    layers.push_back(infix(sign));
  layers.push_back(concatenated());
  layers.push_back(product());
  layers.push_back(linear(false));
  layers.push_back(linear(true));
  layers.push_back(attention());
  for (const char *name : {"sum", "max", "min", "prod"})
    layers.push_back(reduction(name, true));
  layers.push_back(reduction("mean", false));
  layers.push_back(addChannel());
  layers.push_back(twofold("mul_channel", "mul_channel($, $ -> global_maxpool)", 3, true));
  layers.push_back(prepended());
  layers.push_back(twofold("attend", "attend($, $, $)", 2, false));
  layers.push_back(picked());
}

//===- Losses ---------------------------------------------------------------------------------===//

/// `text` with $x and $t for the value and its target.
static NetLayer loss(const std::string &text, Feed target, size_t least = 0, size_t most = 9,
                     bool exact = false) {
  NetLayer layer{.name = text, .exact = exact, .target = target, .loss = true};
  layer.arity = target == Feed::None ? 1 : 2;
  layer.type = [=](const NetTypes &x, const Settings &) -> MaybeType {
    size_t rank = x[0].shape.size();
    return rank < least || rank > most || (target == Feed::Class && x[0].shape[0] < 2) ? MaybeType()
                                                                                       : NetType{};
  };
  layer.text = [=](const Names &x, const Settings &, const NetTypes &) {
    std::string result;
    for (char c : text)
      result += c == '$' ? x[0] : c == '@' ? x[1] : std::string(1, c);
    return result;
  };
  return layer;
}

void addLosses(std::vector<NetLayer> &layers) {
  layers.push_back(loss("sum($)", Feed::None, 0, 9, true));
  layers.push_back(loss("sum($ * @)", Feed::Target, 0, 9, true));
  layers.push_back(loss("sum($ * $)", Feed::None, 0, 9, true));
  layers.push_back(loss("mse($, @)", Feed::Target));
  layers.push_back(loss("mae($, @)", Feed::Target));
  layers.push_back(loss("huber($, @, delta = 1/2)", Feed::Target));
  layers.push_back(loss("distance($, @, eps = 1/100)", Feed::Target, 1, 1));
  layers.push_back(loss("triplet_loss($, @, $ * 2, margin = 3)", Feed::Target, 1, 1));
  layers.push_back(loss("cross_entropy($, @)", Feed::Class, 1, 1));
  layers.push_back(loss("cross_entropy($, @, smooth = 1/10, ignore = 1)", Feed::Class, 1, 1));
  layers.push_back(loss("focal_loss($, @)", Feed::Class, 1, 1));
  layers.push_back(loss("map_cross_entropy($, @)", Feed::Classes, 1));
  layers.push_back(loss("dice_loss($, @)", Feed::Classes, 1));
  layers.push_back(loss("soft_cross_entropy($, @)", Feed::Shares, 1, 1));
  layers.push_back(loss("kl_divergence($, @)", Feed::Shares, 1, 1));
  layers.push_back(loss("binary_cross_entropy($, @, positive = 2)", Feed::Shares));
  layers.push_back(loss("binary_focal_loss($, @)", Feed::Shares));
}

//===- All of them ----------------------------------------------------------------------------===//

static void addFeeds(std::vector<NetLayer> &layers) {
  NetLayer numbers{.name = "numbers", .arity = 0, .range = {{1, 8}, {1, 8}, {1, 8}, {1, 3}}};
  numbers.feed = Feed::Numbers;
  // The last setting is the rank.
  numbers.type = [](const NetTypes &, const Settings &s) -> MaybeType {
    return NetType{{s.begin(), s.begin() + s[3]}};
  };
  layers.push_back(numbers);
  for (Feed feed : {Feed::Target, Feed::Shares, Feed::Class, Feed::Classes}) {
    NetLayer target{.name = "target " + std::to_string(int(feed)), .feed = feed};
    target.type = [=](const NetTypes &x, const Settings &) -> MaybeType {
      NetType type = x[0];
      if (feed != Feed::Class && feed != Feed::Classes)
        return type;
      if (type.shape.empty())
        return std::nullopt;
      int64_t classes = type.shape[0];
      type.shape.erase(type.shape.begin());
      return NetType{feed == Feed::Class ? std::vector<int64_t>() : type.shape, classes};
    };
    layers.push_back(target);
  }
}

const std::vector<NetLayer> &netLayers() {
  static const std::vector<NetLayer> all = [] {
    std::vector<NetLayer> layers;
    addFeeds(layers);
    addConvolutions(layers);
    addPools(layers);
    addMoves(layers);
    addPointwise(layers);
    addJoins(layers);
    addLosses(layers);
    return layers;
  }();
  return all;
}

unsigned netLayer(const std::string &name) {
  const std::vector<NetLayer> &all = netLayers();
  auto found =
      std::find_if(all.begin(), all.end(), [&](const NetLayer &l) { return l.name == name; });
  return unsigned(found - all.begin());
}

} // namespace gnc::test
