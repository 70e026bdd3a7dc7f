//===- Data.h - the data of a net, and single files in their place
//------------------------------===//
#pragma once

#include "runtime/Dataset.h"
#include "tools/Command.h"

namespace gnc::tools {

/// The data that the recipe names, with the formats of images.
runtime::Result<runtime::Dataset> openData(const Arguments &arguments,
                                           const runtime::CompiledNet &net);

/// `--data` for a net that is compiled already: samples made up, or other files of the same names
/// in another folder.
void overrideSource(runtime::DataSource &source, const std::string &data);

/// The train, validation or test split of the data; one without samples is an error where the
/// recipe is.
runtime::Result<runtime::Split> openSplit(const Arguments &arguments,
                                          const runtime::CompiledNet &net, const std::string &name);

/// All samples of a file for one input: a PNG or JPEG is one, a NumPy or IDX array may hold many.
/// They go the way of the data's own: through the host transforms of the input.
runtime::Result<runtime::Member> readInput(const runtime::Tensor &input, const std::string &path);

/// How many samples a member of readInput has.
int64_t sampleCount(const runtime::Member &member);

} // namespace gnc::tools
