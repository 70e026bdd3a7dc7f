//===- Signals.h - Ctrl-C while there is something to save
//--------------------------------------===//
#pragma once

#include <atomic>

namespace gnc::tools {

/// While it lives, the first SIGINT or SIGTERM only sets the flag; a second one ends the process at
/// once. One at a time.
class SignalGuard {
public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard &) = delete;
  SignalGuard &operator=(const SignalGuard &) = delete;

  const std::atomic<bool> *flag() const;
  /// 130 after SIGINT, 143 after SIGTERM, 0 after none.
  int exitCode() const;
};

} // namespace gnc::tools
