// What elaborating finds out about the places of one file, kept by where they begin.
#ifndef GNC_DSL_FACTS_H
#define GNC_DSL_FACTS_H

#include "dsl/Listener.h"

#include <map>
#include <string>
#include <vector>

namespace gnc::dsl {

/// What a layer came to: at its first use, and whether all others came to the same.
struct LayerFact {
  std::string shape;            // "[32, 24, 24]"; of several results "(mean [8], variance [8])"
  std::string arithmetic;       // "28 - 5 + 1 = 24", or ""
  std::vector<int64_t> extents; // of the one tensor
  bool isTensor = false;
  int64_t parameters = 0;
  bool same = true;     // at all uses
  bool assumed = false; // at some use free dimensions count as 256
  const ast::Stage *stage = nullptr;
};

class Facts : public Listener {
public:
  explicit Facts(const Source &source) : source(source) {}

  void stage(const ast::Stage &stage, const LayerResult &result) override;
  void layer(Span at, const LayerResult &result) override;
  void name(Span at, const Value &value) override;

  /// Of the layer or call that begins at this byte, or null.
  const LayerFact *layerAt(uint32_t begin) const;
  /// "[32, 24, 24]", "3x3": the first value of the name that is written there; "" if unknown.
  llvm::StringRef valueAt(uint32_t begin) const;
  /// Layers and calls in the order of the text.
  const std::map<uint32_t, LayerFact> &layers() const { return byBegin; }

private:
  LayerFact *add(Span at, const LayerResult &result);

  const Source &source;
  std::map<uint32_t, LayerFact> byBegin;
  std::map<uint32_t, std::string> values;
};

} // namespace gnc::dsl

#endif // GNC_DSL_FACTS_H
