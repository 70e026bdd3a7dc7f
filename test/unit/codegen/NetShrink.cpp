// Makes a failing net small: simpler nets are tried, from large steps to small ones, until none of
// them fails.
#include "RandomNet.h"

#include <algorithm>

namespace gnc::test {

namespace {

const NetLayer &layerOf(const NetValue &value) { return netLayers()[value.layer]; }

/// Without values that no loss depends on.
RandomNet pruned(const RandomNet &net) {
  std::vector<char> needed(net.values.size(), 0);
  for (size_t i = net.values.size(); i-- > 0;) {
    needed[i] |= layerOf(net.values[i]).loss;
    for (unsigned input : net.values[i].inputs)
      needed[input] |= needed[i];
  }
  RandomNet result = net;
  result.values.clear();
  std::vector<unsigned> place(net.values.size());
  for (size_t i = 0; i < net.values.size(); ++i) {
    if (!needed[i])
      continue;
    place[i] = unsigned(result.values.size());
    NetValue value = net.values[i];
    for (unsigned &input : value.inputs)
      input = place[input];
    if (value.sharedWith >= 0) // the first use may be gone: then this one makes the layer
      value.sharedWith =
          needed[size_t(value.sharedWith)] ? int(place[size_t(value.sharedWith)]) : -1;
    result.values.push_back(std::move(value));
  }
  return result;
}

class Shrinker {
public:
  Shrinker(RandomNet net, const std::function<bool(const RandomNet &)> &fails)
      : net(std::move(net)), fails(fails) {}
  RandomNet run();

private:
  bool attempt(RandomNet candidate);
  bool feedInstead(unsigned value);
  bool skip(unsigned value);
  bool dropLoss(unsigned value);
  bool plainSettings(unsigned value);
  bool fewerSamples();

  RandomNet net;
  const std::function<bool(const RandomNet &)> &fails;
  unsigned asked = 0;
};

/// Takes the candidate if it is a net, and fails.
bool Shrinker::attempt(RandomNet candidate) {
  constexpr unsigned kMostQuestions = 600;
  candidate = pruned(candidate);
  if (!candidate.valid() || ++asked > kMostQuestions || !fails(candidate))
    return false;
  net = std::move(candidate);
  return true;
}

/// The value comes from the data, and what it was made of goes.
bool Shrinker::feedInstead(unsigned value) {
  NetType type = (*net.types())[value];
  const NetLayer &layer = layerOf(net.values[value]);
  size_t rank = type.shape.size();
  if (layer.feed != Feed::None || layer.loss || rank < 1 || rank > 3)
    return false;
  RandomNet candidate = net;
  Settings settings(4, 1);
  std::copy(type.shape.begin(), type.shape.end(), settings.begin());
  settings[3] = int64_t(rank);
  candidate.values[value] = {netLayer("numbers"), settings, {}};
  for (NetValue &other : candidate.values)
    if (other.sharedWith == int(value))
      other.sharedWith = -1;
  return attempt(candidate);
}

/// Whoever reads the value reads one of its inputs.
bool Shrinker::skip(unsigned value) {
  if (layerOf(net.values[value]).feed != Feed::None || layerOf(net.values[value]).loss)
    return false;
  for (unsigned input : net.values[value].inputs) {
    RandomNet candidate = net;
    for (NetValue &other : candidate.values)
      std::replace(other.inputs.begin(), other.inputs.end(), value, input);
    if (attempt(candidate))
      return true;
  }
  return false;
}

/// Without the loss, or with the plainest in its place.
bool Shrinker::dropLoss(unsigned value) {
  if (!layerOf(net.values[value]).loss)
    return false;
  RandomNet candidate = net;
  candidate.values[value].layer = netLayer("numbers"); // no loss any more: it goes
  if (attempt(candidate))
    return true;
  unsigned plainest = netLayer("sum($)");
  if (net.values[value].layer == plainest)
    return false;
  candidate = net;
  candidate.values[value] = {plainest, {}, {net.values[value].inputs[0]}};
  return attempt(candidate);
}

/// Each setting, extents of the data included, at its simplest, half way there, or one less.
bool Shrinker::plainSettings(unsigned value) {
  bool changed = false;
  for (size_t s = 0; s < net.values[value].settings.size(); ++s) {
    int64_t low = layerOf(net.values[value]).range[s].first, now = net.values[value].settings[s];
    for (int64_t plain : {low, (low + now) / 2, now - 1}) {
      RandomNet candidate = net;
      candidate.values[value].settings[s] = plain;
      size_t before = net.values.size();
      if (plain >= low && plain < now && attempt(candidate)) {
        changed = true;
        if (net.values.size() != before)
          return true; // the places have changed
        break;
      }
    }
  }
  return changed;
}

bool Shrinker::fewerSamples() {
  for (int64_t samples : {int64_t(1), net.samples / 2})
    for (int64_t planned : {samples, net.planned})
      if (samples >= 1 && (samples < net.samples || planned < net.planned)) {
        RandomNet candidate = net;
        candidate.samples = samples;
        candidate.planned = planned;
        if (attempt(candidate))
          return true;
      }
  return false;
}

RandomNet Shrinker::run() {
  auto anyValue = [&](bool (Shrinker::*step)(unsigned)) {
    bool changed = false;
    for (size_t i = net.values.size(); i-- > 0;)
      changed |= i < net.values.size() && (this->*step)(unsigned(i));
    return changed;
  };
  while (anyValue(&Shrinker::dropLoss) || anyValue(&Shrinker::feedInstead) ||
         anyValue(&Shrinker::skip) || fewerSamples() || anyValue(&Shrinker::plainSettings))
    ;
  return net;
}

} // namespace

RandomNet shrink(RandomNet net, const std::function<bool(const RandomNet &)> &fails) {
  return Shrinker(std::move(net), fails).run();
}

} // namespace gnc::test
