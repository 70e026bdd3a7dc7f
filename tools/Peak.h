//===- Peak.h - how fast this machine multiplies and adds -------------------------------------===//
#pragma once

namespace gnc::tools {

/// f32 operations a second (a fused multiply-add is two) that `threads` threads reach together in
/// registers, with the widest vectors of the processor: the best within a tenth of a second.
/// What else runs on the machine lowers it.
double measurePeak(int threads);

} // namespace gnc::tools
