// What elaborating finds out about places of the text, for who wants to show it: the language
// service, `gnc fmt --shapes`.
#ifndef GNC_DSL_LISTENER_H
#define GNC_DSL_LISTENER_H

#include "dsl/AST.h"

namespace gnc::dsl {

struct OpUse;
class Value;

/// What a layer came to at one place.
struct LayerResult {
  const Value &value;
  int64_t parameters = 0; // elements of the weights made there
  bool assumed = false;   // free dimensions of the net count as 256 (see NetSummary::assumed)
};

/// Hears of every elaboration of a place, so of a block in a loop many times. Values, and what they
/// point to, are gone when the elaborator is.
class Listener {
public:
  virtual ~Listener() = default;
  /// A stage of a chain; of a repeated one what the last round came to.
  virtual void stage(const ast::Stage &stage, const LayerResult &result) = 0;
  /// A layer that is no stage: a call `conv2d(x, w)`, a branch of `if c then f else g`.
  virtual void layer(Span at, const LayerResult &result) = 0;
  /// A name where it is made or used.
  virtual void name(Span at, const Value &value) = 0;
  /// A use of an op, when it is complete.
  virtual void op(const OpUse &) {}
};

} // namespace gnc::dsl

#endif // GNC_DSL_LISTENER_H
