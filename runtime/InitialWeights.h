//===- InitialWeights.h - a training that starts from another's weights
//------------------------------------===//
#pragma once

#include "runtime/Executor.h"

namespace gnc::runtime {

/// Reads weights and states of a file into the executor by their paths below the net's name, so
/// that `Small.conv.w` of the file fits `Large.conv.w`; a path that a weight had before (`@was`)
/// fits too. Of a weight that the file has an average of, the average is read.
///
/// What does not fit, on either side, is an input error "init-differs" that lists all of it, each
/// with its shape and the nearest path of the other side; nothing is changed then. With `partial`
/// it is passed over, one text each in the answer; but something has to fit. Other errors: those of
/// readSafetensors.
Result<std::vector<std::string>> initializeFrom(const std::string &path, Executor &executor,
                                                bool partial);

} // namespace gnc::runtime
