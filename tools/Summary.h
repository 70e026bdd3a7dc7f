//===- Summary.h - the paper's table
//------------------------------------------------------------===//
#pragma once

namespace gnc::tools {

class Session;

/// Layers, output shapes, parameters, multiply-adds, totals and planned memory of the session's
/// net, as the reply's output.
bool summarize(Session &session);

} // namespace gnc::tools
