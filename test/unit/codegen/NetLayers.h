//===- NetLayers.h - how the layers of random nets are written down ---------------------------===//
#pragma once

#include "RandomNet.h"

#include "llvm/Support/FormatVariadic.h"

namespace gnc::test {

using MaybeType = std::optional<NetType>;

inline bool isMap(const NetType &x) { return x.shape.size() == 3; }
inline std::string sizeText(int64_t h, int64_t w) {
  return std::to_string(h) + "x" + std::to_string(w);
}
inline const char *truth(int64_t value) { return value ? "true" : "false"; }

/// A map, if it has cells.
MaybeType mapOf(int64_t channels, int64_t height, int64_t width);
/// How many windows fit; 0 if none.
int64_t windowsOf(int64_t extent, int64_t window, int64_t stride);

/// Called with the first input alone: `type` gives its type, `text` the expression.
NetLayer unary(std::string name, std::function<MaybeType(const NetType &)> type, bool exact = true);

// One function a file; each adds its layers.
void addConvolutions(std::vector<NetLayer> &layers);
void addPools(std::vector<NetLayer> &layers);
void addMoves(std::vector<NetLayer> &layers);
void addPointwise(std::vector<NetLayer> &layers);
void addJoins(std::vector<NetLayer> &layers);
void addLosses(std::vector<NetLayer> &layers);

} // namespace gnc::test
