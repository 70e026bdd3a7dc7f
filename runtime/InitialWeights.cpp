//===- InitialWeights.cpp - a training that starts from another's weights
//----------------------------------===//
#include "runtime/InitialWeights.h"

#include "runtime/Checkpoint.h"
#include "runtime/Layout.h"
#include "runtime/Text.h"

#include <set>

namespace gnc::runtime {

namespace {
/// "conv.w" of "LeNet.conv.w".
std::string belowNet(const std::string &path) {
  size_t dot = path.find('.');
  return dot == std::string::npos ? path : path.substr(dot + 1);
}

/// Finds for every weight what the file has for it, and what is left over.
class Matching {
public:
  Matching(const SafetensorsFile &file, const Program &program) : file(file) {
    for (const auto &[key, stored] : file.tensors)
      if (!key.starts_with(optimizerPrefix) && !key.starts_with(averagePrefix))
        byPath.emplace(belowNet(key), key);
    for (const Tensor &tensor : program.tensors)
      if (tensor.role == Role::Weight || tensor.role == Role::State)
        wanted.push_back(&tensor);
    for (const Tensor *tensor : wanted)
      match(*tensor);
    explainMissing();
    explainLeftOver();
    if (untold)
      problems.push_back("and " + std::to_string(untold) + " more");
  }

  std::vector<std::pair<const Tensor *, const StoredTensor *>> pairs;
  std::vector<std::string> problems; ///< the first few, and how many more there are
  size_t size() const { return wanted.size(); }

private:
  /// `text` makes what is said; of those that are not, only the number.
  template <typename Text> void tell(Text text) {
    constexpr size_t most = 8;
    if (problems.size() < most)
      problems.push_back(text());
    else
      ++untold;
  }

  void match(const Tensor &tensor) {
    const std::string *key = keyFor(tensor);
    if (!key) {
      missing.push_back(&tensor);
      return;
    }
    used.insert(*key);
    const StoredTensor *stored = &file.tensors.find(*key)->second;
    if (auto average = file.tensors.find(averageKey(*key));
        tensor.role == Role::Weight && average != file.tensors.end())
      stored = &average->second;
    if (stored->shape == tensor.declaredShape() && stored->type == safetensorsType(tensor.type))
      pairs.emplace_back(&tensor, stored);
    else
      tell([&] {
        return "'" + tensor.name + "' is " + shapeText(tensor.declaredShape()) +
               " in the network, but " + (*key == tensor.name ? "" : "'" + *key + "' is ") +
               shapeText(stored->shape) +
               (stored->type == safetensorsType(tensor.type) ? "" : " " + stored->type) +
               " in the file";
      });
  }

  const std::string *keyFor(const Tensor &tensor) const {
    if (auto same = file.tensors.find(tensor.name); same != file.tensors.end())
      return &same->first;
    std::vector<std::string> names = tensor.was;
    names.insert(names.begin(), tensor.name);
    for (const std::string &name : names)
      if (auto found = byPath.find(belowNet(name)); found != byPath.end())
        return &found->second;
    return nullptr;
  }

  void explainMissing() {
    std::vector<std::string> candidates;
    for (const auto &[path, key] : byPath)
      candidates.push_back(path);
    for (const Tensor *tensor : missing)
      tell([&] { return missingText(*tensor, candidates); });
  }

  std::string missingText(const Tensor &tensor, const std::vector<std::string> &candidates) const {
    std::string text =
        "'" + tensor.name + "' " + shapeText(tensor.declaredShape()) + " is not in the file";
    if (std::string near = nearest(belowNet(tensor.name), candidates); !near.empty()) {
      const std::string &key = byPath.find(near)->second;
      text += "; nearest there: '" + key + "' " + shapeText(file.tensors.find(key)->second.shape);
    }
    return text;
  }

  void explainLeftOver() {
    std::vector<std::string> candidates;
    for (const Tensor *tensor : wanted)
      candidates.push_back(belowNet(tensor->name));
    for (const auto &entry : byPath)
      if (!used.contains(entry.second))
        tell([&] { return leftOverText(entry.first, entry.second, candidates); });
  }

  std::string leftOverText(const std::string &path, const std::string &key,
                           const std::vector<std::string> &candidates) const {
    std::string text = "'" + key + "' " + shapeText(file.tensors.find(key)->second.shape) +
                       " is not in the network";
    if (std::string near = nearest(path, candidates); !near.empty())
      for (const Tensor *tensor : wanted)
        if (belowNet(tensor->name) == near)
          text += "; nearest there: '" + tensor->name + "' " + shapeText(tensor->declaredShape());
    return text;
  }

  const SafetensorsFile &file;
  std::map<std::string, std::string> byPath; ///< path below the net -> key
  std::vector<const Tensor *> wanted, missing;
  std::set<std::string> used;
  size_t untold = 0;
};
} // namespace

Result<std::vector<std::string>> initializeFrom(const std::string &path, Executor &executor,
                                                bool partial) {
  Result<SafetensorsFile> file = readSafetensors(path);
  if (!file.ok())
    return std::move(file).error();
  Matching matching(*file, executor.program());
  if (!matching.problems.empty() && (!partial || matching.pairs.empty())) {
    Error error = inputError("init-differs", "'" + path + "' does not fit this network: only " +
                                                 std::to_string(matching.pairs.size()) + " of " +
                                                 std::to_string(matching.size()) +
                                                 " weights and states agree");
    error.notes = std::move(matching.problems);
    return std::move(error).withHelp(
        partial ? "--partial takes what fits, but nothing does"
                : "give them the same paths, @was(\"old.path\") helps; or train --partial, which "
                  "takes what fits");
  }
  for (auto [tensor, stored] : matching.pairs)
    executor.writeDense(*tensor, 1, stored->bytes.data());
  for (std::string &text : matching.problems)
    text = "init: " + text;
  return std::move(matching.problems);
}

} // namespace gnc::runtime
