//===- Summary.h - the paper's table
//------------------------------------------------------------===//
#pragma once

#include <string>

namespace gnc::dsl {
struct NetSummary;
}

namespace gnc::tools {

class Session;

/// Layers, output shapes, parameters, multiply-adds, totals and planned memory of the session's
/// net, as the reply's output.
bool summarize(Session &session);

/// A line about the free dimensions that nothing bound; "" if there are none.
std::string assumptions(const dsl::NetSummary &net);

} // namespace gnc::tools
