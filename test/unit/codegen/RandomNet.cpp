// Nets as text, and the generator.
#include "NetLayers.h"

#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <bit>
#include <random>
#include <set>

using llvm::formatv;

namespace gnc::test {

//===- Types and text -------------------------------------------------------------------------===//

static const NetLayer &layerOf(const NetValue &value) { return netLayers()[value.layer]; }

std::optional<NetTypes> RandomNet::types() const {
  NetTypes types;
  for (const NetValue &value : values) {
    NetTypes inputs;
    for (unsigned input : value.inputs)
      inputs.push_back(types[input]);
    const NetValue &made = value.sharedWith < 0 ? value : values[size_t(value.sharedWith)];
    if (value.sharedWith >= 0 && types[made.inputs[0]] != inputs[0])
      return std::nullopt; // its weights would not fit
    std::optional<NetType> type = layerOf(value).type(inputs, made.settings);
    if (!type)
      return std::nullopt;
    types.push_back(*type);
  }
  return types;
}

bool RandomNet::valid() const {
  return types() && std::any_of(values.begin(), values.end(),
                                [](const NetValue &value) { return layerOf(value).weights; });
}

unsigned RandomNet::layers() const {
  return unsigned(std::count_if(values.begin(), values.end(), [](const NetValue &value) {
    return layerOf(value).feed == Feed::None;
  }));
}

namespace {
std::string nameOf(unsigned value) { return "v" + std::to_string(value); }

std::string typeText(const NetType &type) {
  std::string text = type.classes ? "index(" + std::to_string(type.classes) + ")[" : "[";
  for (size_t i = 0; i < type.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(type.shape[i]);
  return text + "]";
}

/// Collects the parts of a net's text.
struct Writer {
  const RandomNet &net;
  NetTypes types = *net.types();
  std::set<std::string> declarations = {};
  std::string fields = "", inputs = "", results = "", body = "", answers = "", loss = "";

  void write(unsigned i);
  std::string expression(unsigned i);
};

std::string Writer::expression(unsigned i) {
  const NetValue &value = net.values[i];
  Names names;
  NetTypes operands;
  for (unsigned input : value.inputs) {
    names.push_back(nameOf(input));
    operands.push_back(types[input]);
  }
  std::string text = layerOf(value).text(names, value.settings, operands);
  bool shared = std::any_of(net.values.begin(), net.values.end(),
                            [&](const NetValue &other) { return other.sharedWith == int(i); });
  if (!shared && value.sharedWith < 0)
    return text;
  std::string layer = "f" + std::to_string(shared ? int(i) : value.sharedWith);
  if (shared)
    body += "  layer " + layer + " = " + text.substr(text.find(" -> ") + 4) + "\n";
  return names[0] + " -> " + layer;
}

void Writer::write(unsigned i) {
  const NetLayer &layer = layerOf(net.values[i]);
  std::string name = nameOf(i), typed = name + ": " + typeText(types[i]);
  if (!layer.declaration.empty())
    declarations.insert(layer.declaration);
  if (layer.feed != Feed::None) {
    inputs += (inputs.empty() ? "" : ", ") + typed;
    fields += "  " + name + " = source." + name + "\n";
    return;
  }
  std::string made = expression(i); // may write a layer first
  body += "  " + name + " = " + made + "\n";
  if (layer.loss) {
    loss += (loss.empty() ? "" : " + ") + name;
    return;
  }
  bool answer = std::any_of(net.values.begin(), net.values.end(), [&](const NetValue &other) {
    return layerOf(other).loss && other.inputs[0] == i;
  });
  if (answer) {
    results += typed + ", ";
    answers += "  r" + std::to_string(i) + " = " + name + "\n";
  }
}
} // namespace

std::string RandomNet::text() const {
  Writer writer{*this};
  for (unsigned i = 0; i < values.size(); ++i)
    writer.write(i);
  std::string declared;
  for (const std::string &declaration : writer.declarations)
    declared += declaration + "\n";
  std::string result = writer.results + "loss: []";
  if (!writer.results.empty())
    result = "(" + result + ")";
  return formatv(R"({0}net Net({1}) -> {2} {{
{3}  loss = {4}
}

data made {{
  source = synthetic(8)
{5}}

## What is left in a weight is its gradient.
optimizer gradient(w, g) {{
  w <- g
}

train Net on made {{
  loss      = loss
  optimizer = gradient()
  batch     = {6}
  steps     = 1
}

infer Net on made {{
{7}}
)",
                 declared, writer.inputs, result, writer.body, writer.loss, writer.fields, planned,
                 writer.answers.empty() ? "  answer = loss\n" : writer.answers);
}

//===- The generator --------------------------------------------------------------------------===//

namespace {
class Generator {
public:
  explicit Generator(uint64_t seed) : random(seed) { net.seed = seed; }
  RandomNet run();

private:
  int64_t pick(int64_t below) { return int64_t(random() % uint64_t(below)); }
  bool chance(int64_t percent) { return pick(100) < percent; }
  /// Later values first: nets shall be deep.
  unsigned anyValue() {
    size_t n = values.size();
    return values[n - 1 - size_t(std::min(pick(int64_t(n)), pick(int64_t(n))))];
  }
  Settings drawSettings(const NetLayer &layer);
  bool fits(const NetType &type);
  bool add(NetValue value);
  bool addLayer(unsigned layer, unsigned first);
  bool shareLayer();
  void addInput(int64_t rank);
  void addLosses();

  std::mt19937_64 random;
  RandomNet net;
  std::vector<unsigned> values, drawn; // that layers may take; layers as often as they are drawn
};

Settings Generator::drawSettings(const NetLayer &layer) {
  Settings settings;
  for (auto [low, high] : layer.range)
    settings.push_back(chance(35) ? low : low + pick(high - low + 1));
  return settings;
}

/// The evaluator is slow.
bool Generator::fits(const NetType &type) {
  int64_t elements = 1;
  for (int64_t extent : type.shape)
    elements *= extent;
  return elements <= 300 && type.shape.size() <= 4;
}

/// Keeps the value if its types are right.
bool Generator::add(NetValue value) {
  net.values.push_back(std::move(value));
  std::optional<NetTypes> types = net.types();
  if (types && fits(types->back()))
    return true;
  net.values.pop_back();
  return false;
}

bool Generator::addLayer(unsigned index, unsigned first) {
  const NetLayer &layer = netLayers()[index];
  NetValue value{index, drawSettings(layer), {first}};
  size_t before = net.values.size();
  if (layer.target != Feed::None) {
    if (!add({netLayer("target " + std::to_string(int(layer.target))), {}, {first}}))
      return false;
    value.inputs.push_back(unsigned(before));
  }
  while (value.inputs.size() < layer.arity)
    value.inputs.push_back(anyValue());
  if (!add(value)) {
    net.values.resize(before);
    return false;
  }
  if (!layer.loss)
    values.push_back(unsigned(net.values.size() - 1));
  return true;
}

/// Uses a layer that is there on another value, weights included.
bool Generator::shareLayer() {
  unsigned from = anyValue();
  const NetValue &value = net.values[from];
  if (!layerOf(value).weights || value.sharedWith >= 0 ||
      !add({value.layer, value.settings, {anyValue()}, int(from)}))
    return false;
  values.push_back(unsigned(net.values.size() - 1));
  return true;
}

void Generator::addInput(int64_t rank) {
  NetValue input{netLayer("numbers"), {1 + pick(4), 2 + pick(6), 2 + pick(6), rank}, {}};
  if (rank < 3)
    input.settings[0] = 2 + pick(7);
  add(input);
  values.push_back(unsigned(net.values.size() - 1));
  if (chance(50)) // the gradient of the input
    addLayer(netLayer("offset"), values.back());
}

/// One for each value that nothing reads.
void Generator::addLosses() {
  std::set<unsigned> read;
  for (const NetValue &value : net.values)
    read.insert(value.inputs.begin(), value.inputs.end());
  std::vector<unsigned> losses;
  for (unsigned i = 0; i < netLayers().size(); ++i)
    if (netLayers()[i].loss && (!net.exact || netLayers()[i].exact))
      losses.push_back(i);
  for (unsigned value : values)
    while (!read.contains(value) && !addLayer(losses[size_t(pick(int64_t(losses.size())))], value))
      ;
}

RandomNet Generator::run() {
  net.exact = net.seed % 3 == 0;
  net.planned = net.exact ? int64_t(1) << pick(3) : 1 + pick(4);
  net.samples =
      net.exact ? int64_t(1) << pick(std::bit_width(uint64_t(net.planned))) : 1 + pick(net.planned);
  for (unsigned i = 0; i < netLayers().size(); ++i) {
    const NetLayer &layer = netLayers()[i];
    bool wanted = layer.feed == Feed::None && !layer.loss && (!net.exact || layer.exact);
    drawn.insert(drawn.end(), wanted ? layer.often : 0, i);
  }
  addInput(chance(75) ? 3 : 1 + pick(2));
  if (chance(25))
    addInput(1 + pick(3));
  int64_t steps = 2 + pick(5);
  for (int64_t tries = 0; steps > 0 && tries < 200; ++tries)
    steps -=
        chance(8) ? shareLayer() : addLayer(drawn[size_t(pick(int64_t(drawn.size())))], anyValue());
  addLosses();
  return std::move(net);
}
} // namespace

RandomNet randomNet(uint64_t seed) {
  for (uint64_t attempt = 0;; ++attempt) {
    RandomNet net = Generator(seed + (attempt << 48)).run();
    net.seed = seed;
    if (net.valid())
      return net;
  }
}

} // namespace gnc::test
