//===- Usage.h - mistakes on the command line -------------------------------------------------===//
#pragma once

#include <CLI/CLI.hpp>

namespace gnc::tools {

/// Checks a whole number below 2^64; CLI11 would wrap others around.
CLI::Validator isSeed();

/// Checks what `--data` takes: synthetic:N, or what may be a folder.
CLI::Validator isDataSource();

/// Checks what `--device` takes.
CLI::Validator isDevice();

/// Prints what CLI11 found in the form of all messages, with a near miss where there is one.
/// Returns the exit code.
int reportUsage(const CLI::App &app, const CLI::ParseError &error, int argc, char **argv);

} // namespace gnc::tools
