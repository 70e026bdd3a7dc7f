//===- ThreadPool.h - fork and join for tiles
//---------------------------------------------------===//
//
// A launch lasts microseconds, so workers spin for a moment between launches before they sleep.
// Tiles are divided by a rule of (tiles, threads) alone; there is no stealing, so a worker meets
// the same memory in every step.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"

#include <atomic>
#include <pthread.h>

namespace gnc::runtime {

class ThreadPool {
public:
  /// Runs tiles lo <= t < hi.
  using Task = void (*)(const void *context, int64_t lo, int64_t hi);

  /// `threads` counts the caller; 0 means as many as this process may use. Errors: usage
  /// ("threads") outside 0..1024, environment ("no-threads") if the system refuses one.
  static Result<std::unique_ptr<ThreadPool>> create(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return threadCount; }

  /// Runs `task` over [0, tiles) and returns when all tiles are done. One caller at a time; not
  /// from inside a task.
  void run(int64_t tiles, Task task, const void *context);

  /// The first tile of thread k's contiguous share.
  static int64_t firstTile(int64_t tiles, int threads, int k) {
    return tiles / threads * k + tiles % threads * k / threads;
  }

private:
  struct Worker {
    ThreadPool *pool;
    int index; ///< 1 .. threads-1; the caller is 0
    pthread_t handle;
  };
  ThreadPool() = default;
  static void *workerMain(void *worker);
  void work(int index);
  void runShare(int index) const;

  // The job: written by the caller before `generation` moves, read by workers after.
  Task task = nullptr;
  const void *context = nullptr;
  int64_t tiles = 0;
  bool stopping = false;
  int threadCount = 1;

  // Apart, so that counting down does not disturb those who still wait for a job.
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<int32_t> unfinished{0};
  std::vector<std::unique_ptr<Worker>> workers;
};

/// Number of processors this process may run on.
int usableProcessors();

} // namespace gnc::runtime
