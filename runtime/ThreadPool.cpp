//===- ThreadPool.cpp - fork and join for tiles
//-------------------------------------------------===//
#include "runtime/ThreadPool.h"

#include <sched.h>
#include <signal.h>

namespace gnc::runtime {

namespace {
/// Waking a sleeping thread costs 50 to 80 us on a virtual machine, so spinning up to about as long
/// loses at most a factor of two, and saves it in every launch of a step.
constexpr int spins = 4000;

/// What is lost when one thread stands still: a chunk, this part of its share.
constexpr int64_t chunksPerShare = 8;

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  asm volatile("yield" ::: "memory");
#endif
}

/// Waits until `value` differs from `old`, and returns it.
template <typename T> T waitForChange(const std::atomic<T> &value, T old) {
  for (int i = 0; i < spins; ++i) {
    T now = value.load(std::memory_order_acquire);
    if (now != old)
      return now;
    relax();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}
} // namespace

int usableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return 1;
  return std::max(1, CPU_COUNT(&set));
}

int startThread(pthread_t &thread, void *(*entry)(void *), void *argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); // inherited by the new thread
  int failure = pthread_create(&thread, nullptr, entry, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return failure;
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(int threads) {
  constexpr int most = 1024;
  if (threads < 0 || threads > most)
    return usageError("threads", "cannot run on " + std::to_string(threads) + " threads")
        .withHelp("give a number from 1 to " + std::to_string(most) + ", or 0 for all processors");
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  int wanted = threads ? threads : usableProcessors();

  int failure = 0;
  pool->threadCount = wanted;
  pool->shares = std::vector<Share>(size_t(wanted));
  for (int k = 1; k < wanted && !failure; ++k) {
    auto worker = std::make_unique<Worker>();
    worker->pool = pool.get();
    worker->index = k;
    failure = startThread(worker->handle, workerMain, worker.get());
    if (!failure)
      pool->workers.push_back(std::move(worker));
  }
  if (failure)
    return systemError("no-threads", "start " + std::to_string(wanted) + " threads", failure)
        .withHelp("run with fewer threads");
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping.store(true, std::memory_order_release);
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  for (auto &worker : workers)
    pthread_join(worker->handle, nullptr);
}

void *ThreadPool::workerMain(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  worker->pool->work(worker->index);
  return nullptr;
}

void ThreadPool::work(int index) {
  // The pool's first generation: a worker that starts late still sees the first job.
  uint32_t seen = 0;
  for (;;) {
    seen = waitForChange(generation, seen);
    if (stopping.load(std::memory_order_acquire))
      return;
    runChunks(index);
  }
}

/// Takes chunks, its own share's first, until none is left in any.
void ThreadPool::runChunks(int index) {
  for (int k = 0; k < threadCount; ++k)
    while (runChunk((index + k) % threadCount))
      ;
}

/// Takes one chunk of a share and runs it; false if none is left. Whoever takes a chunk takes it
/// from the job that runs now, however long ago it began to look: no job ends before its chunks.
bool ThreadPool::runChunk(int share) {
  std::atomic<int32_t> &counter = shares[size_t(share)].left;
  int32_t left = counter.load(std::memory_order_acquire);
  while (left > 0 && !counter.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel))
    ;
  if (left <= 0)
    return false;
  int64_t first = firstTile(tiles, threadCount, share);
  int64_t count = firstTile(tiles, threadCount, share + 1) - first;
  int64_t chunks = std::min(count, chunksPerShare), chunk = chunks - left;
  task(context, first + count * chunk / chunks, first + count * (chunk + 1) / chunks);
  if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1)
    unfinished.notify_one();
  return true;
}

void ThreadPool::run(int64_t count, Task job, const void *jobContext) {
  if (count <= 0)
    return;
  if (workers.empty()) {
    job(jobContext, 0, count);
    return;
  }
  task = job;
  context = jobContext;
  tiles = count;
  auto chunksOf = [&](int k) {
    return int32_t(std::min(firstTile(count, threadCount, k + 1) - firstTile(count, threadCount, k),
                            chunksPerShare));
  };
  int32_t total = 0;
  for (int k = 0; k < threadCount; ++k)
    total += chunksOf(k);
  unfinished.store(total, std::memory_order_relaxed);
  for (int k = 0; k < threadCount; ++k)
    shares[size_t(k)].left.store(chunksOf(k), std::memory_order_release);
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  runChunks(0);
  for (int32_t left = unfinished.load(std::memory_order_acquire); left != 0;)
    left = waitForChange(unfinished, left);
}

} // namespace gnc::runtime
