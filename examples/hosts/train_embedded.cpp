// Trains LeNet in a loop of its own, on data of its own; the network was compiled ahead of time.
//
//   train_embedded IMAGES LABELS OUT.safetensors [EPOCHS]
//
// The data are IDX files, unpacked: here they are read by hand, as any program would that has its
// samples somewhere else. The lines are those of `gnc train`'s log.csv, bit for bit.
#include "fashion.h" // written by `gnc compile fashion.net -o fashion.o`

#include <gnc/gnc.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace {
constexpr int64_t pixels = 28 * 28;

/// The bytes behind the header of an IDX file.
std::vector<uint8_t> readIdx(const char *path, size_t header) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() <= header) {
    fprintf(stderr, "%s cannot be read, or is empty\n", path);
    exit(1);
  }
  bytes.erase(bytes.begin(), bytes.begin() + ptrdiff_t(header));
  return bytes;
}

void train(const std::vector<uint8_t> &images, const std::vector<uint8_t> &labels, int64_t epochs,
           const char *out) {
  gnc::Program program = gnc::Program::load(gnc_image_LeNet);
  gnc_program_info recipe = program.info();
  gnc::Context context(program, {.mode = gnc::Mode::Train});
  auto samples = int64_t(labels.size());
  context.beginTraining({.samples = samples, .epochs = epochs});

  // A batch is put together in the order of the epoch.
  std::vector<uint8_t> image(size_t(recipe.batch * pixels));
  std::vector<int32_t> label(size_t(recipe.batch));
  printf("epoch,step,loss\n");
  for (int64_t epoch = 0, step = 0; epoch < epochs; ++epoch) {
    std::vector<uint32_t> order = gnc::shuffle(uint32_t(samples), recipe.seed, epoch);
    double sum = 0;
    for (int64_t at = 0; at < samples; at += recipe.batch) {
      int64_t n = std::min(recipe.batch, samples - at);
      for (int64_t s = 0; s < n; ++s) {
        uint32_t which = order[size_t(at + s)];
        std::copy_n(images.begin() + which * pixels, pixels, image.begin() + s * pixels);
        label[size_t(s)] = labels[which];
      }
      context.bindInput("image", image.data(), {n, 1, 28, 28});
      context.bindInput("label", label.data(), {n});
      gnc_step_info done = context.trainStep(n);
      sum += done.loss * double(n);
      step = done.step;
    }
    printf("%lld,%lld,%.9g\n", (long long)epoch + 1, (long long)step, sum / double(samples));
    fflush(stdout);
  }
  context.saveWeights(out);
}
} // namespace

int main(int count, char **arguments) try {
  if (count != 4 && count != 5) {
    fprintf(stderr, "usage: train_embedded IMAGES LABELS OUT.safetensors [EPOCHS]\n");
    return 2;
  }
  std::vector<uint8_t> images = readIdx(arguments[1], 16), labels = readIdx(arguments[2], 8);
  if (images.size() != labels.size() * size_t(pixels)) {
    fprintf(stderr, "there have to be as many labels as pictures of 28 x 28 pixels\n");
    return 1;
  }
  train(images, labels, count == 5 ? atoll(arguments[4]) : 10, arguments[3]);
} catch (const gnc::Error &error) {
  fputs(error.text.c_str(), stderr);
  return error.code;
}
