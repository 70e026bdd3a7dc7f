//===- ThreadPool.h - fork and join for tiles
//---------------------------------------------------===//
//
// A launch lasts microseconds, so workers spin for a moment between launches before they sleep.
// Every thread has a share of the tiles, by a rule of (tiles, threads) alone, so that it meets the
// same memory in every step. A share is handed out in chunks: who has finished its own helps with
// the others', so a thread that the system holds up costs one chunk and not its share. Tiles are
// independent, so who runs which changes no result.
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
  void runChunks(int index);
  bool runChunk(int share);

  // The job: written by the caller while no chunk is left to take, read by who has taken one.
  Task task = nullptr;
  const void *context = nullptr;
  int64_t tiles = 0;
  std::atomic<bool> stopping{false};
  int threadCount = 1;

  /// Chunks of one thread's share that nobody has taken. Shares lie apart, as all counters here, so
  /// that taking from one does not disturb the others.
  struct alignas(64) Share {
    std::atomic<int32_t> left{0};
  };
  std::vector<Share> shares;
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<int32_t> unfinished{0}; ///< chunks that are not done
  std::vector<std::unique_ptr<Worker>> workers;
};

/// Starts a thread that no signal is delivered to: signals belong to the thread that the host
/// program gives them to. Returns 0, or errno.
int startThread(pthread_t &thread, void *(*entry)(void *), void *argument);

/// Number of processors this process may run on.
int usableProcessors();

} // namespace gnc::runtime
