//===- Signals.cpp - Ctrl-C while there is something to save ----------------------------------===//
#include "tools/Signals.h"

#include <csignal>

namespace gnc::tools {

namespace {
// A handler reaches nothing but globals.
std::atomic<bool> interrupted{false};
std::atomic<int> received{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void install(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (int number : {SIGINT, SIGTERM}) {
    struct sigaction before{};
    sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) // nohup, or a script's background job
      sigaction(number, &action, nullptr);
  }
}

void handle(int number) {
  received = number;
  interrupted = true;
  install(SIG_DFL); // a second signal, of whichever kind, does what it always did
}
} // namespace

SignalGuard::SignalGuard() { install(handle); }
SignalGuard::~SignalGuard() { install(SIG_DFL); }
const std::atomic<bool> *SignalGuard::flag() const { return &interrupted; }
int SignalGuard::exitCode() const { return received ? 128 + received : 0; }

} // namespace gnc::tools
