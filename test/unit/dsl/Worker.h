// Cases that may end the program run in a child process, which is started again behind them.
#ifndef GNC_TEST_UNIT_DSL_WORKER_H
#define GNC_TEST_UNIT_DSL_WORKER_H

#include <functional>
#include <string>
#include <vector>

namespace gnc::test {

/// What one case may use; a case that wants more is ended.
struct WorkerLimits {
  double seconds = 10;            // of processor time
  size_t bytes = size_t(4) << 30; // of addresses, beside those that the program has already
};

/// A case that went wrong, and how: what it said, or the signal that ended it.
struct WorkerFailure {
  unsigned index;
  std::string text;
};

/// Calls `body(i)` for all i < count in a child process; it returns "" or what is wrong. A case
/// that crashes, hangs or takes all memory is one failure like any other. Stops after 10 of them.
std::vector<WorkerFailure> runInWorker(unsigned count, const WorkerLimits &limits,
                                       const std::function<std::string(unsigned)> &body);

} // namespace gnc::test

#endif // GNC_TEST_UNIT_DSL_WORKER_H
