//===- CompiledFile.h - commands on a net that is compiled already
//------------------------------===//
#pragma once

#include "runtime/Executor.h"
#include "tools/Command.h"

namespace gnc::tools {

/// The net of a .gnc file with what the command line says about data, seed and processor. No
/// compiler is loaded. Each of `programs` has to be there; what only a compiler can do is an error
/// ("usage").
runtime::Result<runtime::CompiledNet> loadCompiled(const Arguments &arguments,
                                                   const std::vector<std::string> &programs);

/// `gnc summary FILE.gnc`: targets, programs, inputs and results, sizes.
int summarizeCompiled(const std::string &path);

/// Reads the weights that --weights names, or those in the net.
runtime::Status takeWeights(const Arguments &arguments, const runtime::CompiledNet &net,
                            runtime::Executor &executor);

} // namespace gnc::tools
