#include "Worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gnc::test;

namespace {

/// Written by the child, read by the parent.
struct Shared {
  volatile unsigned current;
  char text[16 * 1024];
};

void setTimer(double seconds) {
  itimerval timer{};
  timer.it_value.tv_sec = time_t(seconds);
  timer.it_value.tv_usec = suseconds_t((seconds - double(timer.it_value.tv_sec)) * 1e6);
  setitimer(ITIMER_PROF, &timer, nullptr);
}

/// Bytes of addresses that this process has.
rlim_t reservedBytes() {
  unsigned long long pages = 0;
  if (FILE *file = fopen("/proc/self/statm", "r")) {
    if (fscanf(file, "%llu", &pages) != 1)
      pages = 0;
    fclose(file);
  }
  return rlim_t(pages) * rlim_t(sysconf(_SC_PAGESIZE));
}

[[noreturn]] void runChild(Shared &shared, unsigned first, unsigned count,
                           const WorkerLimits &limits,
                           const std::function<std::string(unsigned)> &body) {
  for (int ending : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP})
    signal(ending, SIG_DFL); // no stack traces: the parent says which case it was
  // What the parent has reserved counts, too.
  rlim_t most = reservedBytes() + limits.bytes;
  rlimit memory{most, most}, noCore{0, 0};
  setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CORE, &noCore);
  for (unsigned i = first; i != count; ++i) {
    shared.current = i;
    setTimer(limits.seconds);
    std::string wrong = body(i);
    if (wrong.empty())
      continue;
    size_t length = std::min(wrong.size(), sizeof shared.text - 1);
    std::memcpy(shared.text, wrong.data(), length);
    _exit(1);
  }
  _exit(0);
}

std::string ending(int status, const WorkerLimits &limits) {
  if (!WIFSIGNALED(status))
    return "the worker exited with " + std::to_string(WEXITSTATUS(status));
  if (WTERMSIG(status) == SIGPROF)
    return "took more than " + std::to_string(limits.seconds) + " s";
  return std::string("ended by ") + strsignal(WTERMSIG(status));
}

} // namespace

std::vector<WorkerFailure>
gnc::test::runInWorker(unsigned count, const WorkerLimits &limits,
                       const std::function<std::string(unsigned)> &body) {
  constexpr size_t maxFailures = 10;
  auto *shared = static_cast<Shared *>(
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::vector<WorkerFailure> failures;
  for (unsigned first = 0; first != count && failures.size() < maxFailures;) {
    std::memset(shared->text, 0, sizeof shared->text);
    pid_t child = fork();
    if (child == 0)
      runChild(*shared, first, count, limits, body);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;
    failures.push_back({shared->current, *shared->text ? shared->text : ending(status, limits)});
    first = shared->current + 1;
  }
  munmap(shared, sizeof(Shared));
  return failures;
}

// What the mutation tests rest on: no ending goes unseen, and the cases behind it are run.
TEST(Worker, EveryEndingIsAFailureOfItsCase) {
  auto failures = runInWorker(8, {.seconds = 0.2, .bytes = size_t(2) << 30}, [](unsigned i) {
    if (i == 1)
      abort();
    if (i == 3)
      return std::string("wrong");
    if (i == 4)
      for (volatile int spin = 0; true; spin = spin + 1) {
      }
    if (i == 5)
      for (std::vector<std::string> all; true;)
        all.emplace_back(size_t(1) << 28, 'x');
    if (i == 7)
      *reinterpret_cast<volatile int *>(8) = 0;
    return std::string();
  });
  std::vector<unsigned> indices;
  for (const WorkerFailure &failure : failures)
    indices.push_back(failure.index);
  EXPECT_EQ(indices, (std::vector<unsigned>{1, 3, 4, 5, 7}));
  ASSERT_EQ(failures.size(), 5u);
  EXPECT_EQ(failures[1].text, "wrong");
  EXPECT_EQ(failures[2].text.find("took more than"), 0u) << failures[2].text;
}
