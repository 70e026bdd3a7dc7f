// Answers from many threads: one program, shared, and a context for each of them.
//
//   serve fashion.gnc IMAGES [THREADS]
//
// fashion.gnc is made by `gnc compile fashion.net --weights best.safetensors -o fashion.gnc`;
// IMAGES is an IDX file, unpacked. Prints how many pictures are of each kind, which does not depend
// on the number of threads.
#include <gnc/gnc.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

namespace {
constexpr int64_t pixels = 28 * 28;

/// What comes in: each thread takes the next picture that nobody has.
struct Queue {
  std::vector<uint8_t> images;
  std::atomic<int64_t> next = 0;
  int64_t size() const { return int64_t(images.size()) / pixels; }
};

using Counts = std::array<int64_t, 10>;

/// A context has memory of its own, so threads have nothing to wait for.
void answer(const gnc::Program &program, Queue &queue, Counts &counts) {
  gnc::Context context(program, {.threads = 1});
  auto digit = context.mapResult<int32_t>("digit");
  for (int64_t i = queue.next++; i < queue.size(); i = queue.next++) {
    context.bindInput("image", queue.images.data() + i * pixels, {1, 1, 28, 28});
    context.infer(1);
    ++counts[size_t(digit.data[0])];
  }
}

/// An error must not leave its thread as an exception.
void answerOrSay(const gnc::Program &program, Queue &queue, Counts &counts,
                 std::atomic<bool> &failed) try {
  answer(program, queue, counts);
} catch (const gnc::Error &error) {
  fputs(error.text.c_str(), stderr);
  failed = true;
}

int serve(const char *path, const char *images, int threads) {
  gnc::Program program = gnc::Program::load(path);
  std::ifstream file(images, std::ios::binary);
  Queue queue{{std::istreambuf_iterator<char>(file.ignore(16)), {}}};
  std::vector<Counts> counts(size_t(threads), Counts{});
  std::atomic<bool> failed = false;
  auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> running;
    for (Counts &own : counts)
      running.emplace_back([&] { answerOrSay(program, queue, own, failed); });
  }
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  for (size_t kind = 0; kind < 10; ++kind) {
    int64_t sum = 0;
    for (const Counts &own : counts)
      sum += own[kind];
    printf("%zu: %lld\n", kind, (long long)sum);
  }
  fprintf(stderr, "%.0f pictures a second with %d threads\n", double(queue.size()) / time.count(),
          threads);
  return failed ? 1 : 0;
}
} // namespace

int main(int count, char **arguments) try {
  int threads = count == 4 ? atoi(arguments[3]) : int(std::thread::hardware_concurrency());
  if (count < 3 || count > 4 || threads < 1) {
    fprintf(stderr, "usage: serve NET.gnc IMAGES [THREADS]\n");
    return 2;
  }
  return serve(arguments[1], arguments[2], threads);
} catch (const gnc::Error &error) {
  fputs(error.text.c_str(), stderr);
  return error.code;
}
