//===- RandomNet.h - random nets of the language, and smaller ones that fail alike ------------===//
//
// A net is a list of values, each a layer applied to values before it. What a layer takes and gives
// is stated once, in `netLayers()`: the generator proposes layers until one fits, and the shrinker
// proposes simpler nets that still fit.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gnc::test {

/// A value of one sample: its shape; class numbers if `classes` > 0.
struct NetType {
  std::vector<int64_t> shape;
  int64_t classes = 0;
  bool operator==(const NetType &) const = default;
};

using NetTypes = std::vector<NetType>;
using Names = std::vector<std::string>;
using Settings = std::vector<int64_t>;

/// What a value is fed with if it is no layer: a field of the data. Targets have the type that
/// their one input asks for, so that a net stays right when that input changes.
enum class Feed {
  None,
  Numbers, ///< the settings are its shape
  Target,  ///< numbers of the shape of its input
  Shares,  ///< the same between 0 and 1
  Class,   ///< a class of as many as its input has rows
  Classes, ///< one for each cell behind its input's first dimension
};

struct NetLayer {
  std::string name;
  unsigned often = 1;   ///< how likely it is drawn
  unsigned arity = 1;   ///< inputs, the target included
  bool exact = false;   ///< of whole numbers it makes whole numbers
  bool weights = false; ///< it has some
  /// Of each setting; the first is the simplest.
  std::vector<std::pair<int64_t, int64_t>> range = {};
  /// The type of its value, or nothing where it does not fit.
  std::function<std::optional<NetType>(const NetTypes &, const Settings &)> type = nullptr;
  /// As an expression of the language.
  std::function<std::string(const Names &, const Settings &, const NetTypes &)> text = nullptr;
  Feed target = Feed::None;     ///< its last input
  bool loss = false;            ///< gives one number, used last
  Feed feed = Feed::None;       ///< it is no layer, but data
  std::string declaration = {}; ///< of its own op or block
};

const std::vector<NetLayer> &netLayers();
/// The place of a name in it.
unsigned netLayer(const std::string &name);

struct NetValue {
  unsigned layer;
  Settings settings;
  std::vector<unsigned> inputs; ///< values before it
  int sharedWith = -1;          ///< the value whose layer, weights included, this is
};

struct RandomNet {
  uint64_t seed = 0;
  bool exact = false;               ///< made of exact layers and whole numbers
  int64_t planned = 1, samples = 1; ///< batch, and how many of it
  std::vector<NetValue> values;

  /// Of all values; nothing if some layer does not fit.
  std::optional<NetTypes> types() const;
  /// Its layers fit, and some have weights: there is something to train.
  bool valid() const;
  /// The program: net, data, train section with an optimizer that makes of every weight its
  /// gradient, infer section with all that losses are computed from.
  std::string text() const;
  /// Layers, without fields of the data.
  unsigned layers() const;
};

/// A net of 2 to 6 layers beside those that only make input gradients, and their losses.
RandomNet randomNet(uint64_t seed);

/// The simplest net found that `fails`: with layers left out, parts replaced by data, small
/// extents and plain settings. `fails` is asked about valid nets only.
RandomNet shrink(RandomNet net, const std::function<bool(const RandomNet &)> &fails);

} // namespace gnc::test
