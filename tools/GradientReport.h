//===- GradientReport.h - gnc check --grad, gnc grad ------------------------------------------===//
#pragma once

#include <string>

namespace gnc::tools {

class Session;

/// Compares the gradient of every op that the session's file declares or uses with difference
/// quotients, and its f32 values with f64, by the reference evaluator. A table is appended to the
/// reply's output; a gradient that differs is an error.
void checkGradients(Session &session);

/// The gradient of one op of the session's file (or of "std") as the text of an op, as the reply's
/// output.
void printGradient(Session &session, const std::string &op);

} // namespace gnc::tools
