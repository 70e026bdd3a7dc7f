/* A net on a card, beside what a processor computed: its answers, the losses of some steps of
 * training and the weights after them, and what the first step leaves in the optimizer (gradients)
 * and in layers.
 *
 *   device card                       which card the driver has; exit code 3: there is none
 *   device write CASE TRAIN INFER STEPS
 *   device compare CASE TRAIN INFER STEPS ANSWERS GRADIENTS LOSSES
 *
 * CASE is a folder: start.safetensors, a file of numbers for every input, and expected/, which
 * `write` fills on the processor. TRAIN and INFER are .gnc files, compressed or not. ANSWERS,
 * GRADIENTS (and states and weights) and LOSSES are the differences allowed, relative to the
 * largest number of a tensor. */
#include "host.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

/* The first run of a program goes launch by launch, the second is captured, the third replayed. */
enum { kRuns = 3 };
/* The clock is watched for so long, if the runs that are compared take less. */
static const double kWatched = 0.2;

typedef enum { kAnswers, kGradients, kLosses, kKinds } Kind;

typedef struct Case {
  const char *folder, *device;
  int writes;
  double allowed[kKinds], worst[kKinds];
  double whole; /* the largest gradient of all tensors */
} Case;

/*===- The card ----------------------------------------------------------------------------------*/

/* "NAME, sm_90, CUDA 12.4"; 0: there is none, and `text` says why. */
static int describeCard(char *text, size_t size) {
  enum { kMajor = 75, kMinor = 76 }; /* CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_* */
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!driver)
    return snprintf(text, size, "there is no CUDA driver (%s)", dlerror()), 0;
  int (*init)(unsigned) = (int (*)(unsigned))dlsym(driver, "cuInit");
  int (*version)(int *) = (int (*)(int *))dlsym(driver, "cuDriverGetVersion");
  int (*get)(int *, int) = (int (*)(int *, int))dlsym(driver, "cuDeviceGet");
  int (*name)(char *, int, int) = (int (*)(char *, int, int))dlsym(driver, "cuDeviceGetName");
  int (*ask)(int *, int, int) = (int (*)(int *, int, int))dlsym(driver, "cuDeviceGetAttribute");
  if (!init || !version || !get || !name || !ask)
    return snprintf(text, size, "libcuda.so.1 is no CUDA driver"), 0;
  int card = 0, major = 0, minor = 0, cuda = 0, code;
  char called[200] = "";
  if ((code = init(0)) || (code = get(&card, 0)) || (code = name(called, sizeof called, card)) ||
      (code = ask(&major, kMajor, card)) || (code = ask(&minor, kMinor, card)) ||
      (code = version(&cuda)))
    return snprintf(text, size, "the CUDA driver finds no card (error %d)", code), 0;
  snprintf(text, size, "%s, sm_%d%d, CUDA %d.%d", called, major, minor, cuda / 1000,
           cuda % 1000 / 10);
  return 1;
}

/*===- Files -------------------------------------------------------------------------------------*/

/* All of a file, decompressed if it is compressed; the caller frees it. NULL: it has been said. */
static void *readWhole(const char *path, size_t *bytes) {
  size_t room = 1 << 20;
  char *whole = malloc(room);
  gzFile file = gzopen(path, "rb");
  int got = file ? 1 : -1;
  for (*bytes = 0; got > 0; *bytes += got > 0 ? (size_t)got : 0) {
    if (*bytes == room)
      whole = realloc(whole, room *= 2);
    got = gzread(file, whole + *bytes, (unsigned)(room - *bytes));
  }
  if (file && gzclose(file) != Z_OK)
    got = -1;
  if (got == 0)
    return whole;
  printf("%s cannot be read\n", path);
  free(whole);
  return NULL;
}

/* The same of a file of `count` things of `size` bytes. */
static void *readNumbers(const char *path, size_t count, size_t size) {
  size_t bytes = 0;
  void *numbers = readWhole(path, &bytes);
  if (!numbers || bytes == count * size)
    return numbers;
  printf("%s has %zu bytes, not %zu\n", path, bytes, count * size);
  free(numbers);
  return NULL;
}

static int writeNumbers(const char *path, const float *values, size_t count) {
  FILE *file = fopen(path, "wb");
  if (file && fwrite(values, sizeof *values, count, file) == count && !fclose(file))
    return 1;
  printf("%s cannot be written\n", path);
  return 0;
}

/*===- What is expected --------------------------------------------------------------------------*/

/* The larger one; not a number if one of them is none. */
static double larger(double a, double b) { return a >= b || isnan(a) ? a : b; }

/* Keeps what a processor computed; compares what a card did. */
static int meet(Case *c, Kind kind, const char *name, const float *values, size_t count) {
  char path[4096];
  double largest = 0, off = 0;
  size_t i;
  snprintf(path, sizeof path, "%s/expected/%s", c->folder, name);
  if (c->writes)
    return writeNumbers(path, values, count);
  float *expected = readNumbers(path, count, sizeof *values);
  if (!expected)
    return 0;
  for (i = 0; i < count; ++i) {
    largest = larger(fabs((double)expected[i]), largest);
    off = larger(fabs((double)values[i] - (double)expected[i]), off);
  }
  free(expected);
  /* Nothing but rounding: of a shift that the next batch norm takes away again. */
  if (kind == kGradients && largest < c->allowed[kind] * c->whole)
    largest = c->whole;
  off = off == 0 ? 0 : off / largest;
  c->worst[kind] = larger(off, c->worst[kind]);
  if (off <= c->allowed[kind])
    return 1;
  printf("%s differs by %.2g of its largest, %.2g is allowed\n", name, off, c->allowed[kind]);
  return 0;
}

/*===- Programs ----------------------------------------------------------------------------------*/

typedef struct Net {
  gnc_program *program;
  gnc_context *context;
  gnc_mode mode;
  int64_t samples;
  int32_t tensors;
} Net;

static int tensorOf(const Net *net, int32_t index, gnc_tensor_info *info, size_t *count) {
  int32_t i;
  memset(info, 0, sizeof *info);
  info->size = sizeof *info;
  if (!check(gnc_program_tensor(net->program, net->mode, index, info)))
    return 0;
  *count = info->batched ? (size_t)net->samples : 1;
  for (i = 0; i < info->rank; ++i)
    *count *= (size_t)info->shape[i];
  return 1;
}

/* Binds `data`, which has to stay. */
static int bind(const Net *net, const gnc_tensor_info *info, void *data) {
  int64_t shape[16] = {net->samples};
  if (info->rank > 15)
    return printf("%s has too many dimensions\n", info->name), 0;
  if (info->rank)
    memcpy(shape + 1, info->shape, (size_t)info->rank * sizeof *shape);
  gnc_buffer buffer = bufferOf(data, info->type, shape, info->rank + 1);
  return check(info->role == GNC_ROLE_INPUT ? gnc_bind_input(net->context, info->name, &buffer)
                                            : gnc_bind_result(net->context, info->name, &buffer));
}

/* A context of the file with its inputs bound. The process ends before they are freed. */
static int openNet(const Case *c, const char *path, gnc_mode mode, Net *net) {
  gnc_context_options options = {0};
  gnc_program_info about = {0};
  gnc_mode_info needs = {0};
  size_t bytes = 0;
  void *file = readWhole(path, &bytes);
  options.size = sizeof options;
  options.mode = net->mode = mode;
  options.device = c->device;
  about.size = sizeof about;
  needs.size = sizeof needs;
  if (!file || !check(gnc_program_load_memory(file, bytes, path, &net->program)) ||
      !check(gnc_program_describe(net->program, &about)) ||
      !check(gnc_program_mode(net->program, mode, &needs)) ||
      !check(gnc_context_create(net->program, &options, &net->context)))
    return 0;
  free(file);
  net->samples = about.batch;
  net->tensors = needs.tensor_count;
  for (int32_t i = 0; i < net->tensors; ++i) {
    gnc_tensor_info info;
    size_t count;
    char name[4096];
    void *numbers;
    if (!tensorOf(net, i, &info, &count))
      return 0;
    if (info.role != GNC_ROLE_INPUT)
      continue;
    snprintf(name, sizeof name, "%s/%s", c->folder, info.name);
    if (!(numbers = readNumbers(name, (size_t)net->samples, info.bytes)) ||
        !bind(net, &info, numbers))
      return 0;
  }
  return 1;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/*===- Inference ---------------------------------------------------------------------------------*/

enum { kMostResults = 8 };

typedef struct Results {
  int count;
  const char *names[kMostResults];
  float *values[kMostResults];
  size_t counts[kMostResults];
} Results;

static int bindResults(const Net *net, Results *results) {
  for (int32_t i = 0; i < net->tensors; ++i) {
    gnc_tensor_info info;
    size_t count;
    if (!tensorOf(net, i, &info, &count))
      return 0;
    if (info.role != GNC_ROLE_RESULT)
      continue;
    if (info.type != GNC_F32 || results->count == kMostResults)
      return printf("the result %s is one too many, or has no real numbers\n", info.name), 0;
    float *values = calloc(count, sizeof *values);
    results->names[results->count] = info.name;
    results->counts[results->count] = count;
    results->values[results->count++] = values;
    if (!bind(net, &info, values))
      return 0;
  }
  return 1;
}

/* `seconds` of the fastest run. */
static int infer(Case *c, const char *path, double *seconds) {
  Net net = {0};
  Results results = {0};
  char weights[4096];
  snprintf(weights, sizeof weights, "%s/start.safetensors", c->folder);
  if (!openNet(c, path, GNC_MODE_INFER, &net) || !bindResults(&net, &results) ||
      !check(gnc_load_weights(net.context, weights)))
    return 0;
  double began = now();
  *seconds = HUGE_VAL;
  for (int run = 0; run < kRuns || (!c->writes && now() < began + kWatched); ++run) {
    double start = now();
    if (!check(gnc_infer(net.context, net.samples)))
      return 0;
    *seconds = fmin(*seconds, now() - start);
    for (int r = 0; r < results.count; ++r) {
      if (!meet(c, kAnswers, results.names[r], results.values[r], results.counts[r]))
        return 0;
      memset(results.values[r], 0, results.counts[r] * sizeof(float));
    }
  }
  return 1;
}

/*===- Training ----------------------------------------------------------------------------------*/

enum { kMostSteps = 100 };

/* All tensors of a role. */
static int meetTensors(Case *c, const Net *net, gnc_role role) {
  for (int32_t i = 0; i < net->tensors; ++i) {
    gnc_tensor_info info;
    size_t count;
    if (!tensorOf(net, i, &info, &count))
      return 0;
    if (info.role != role || info.type != GNC_F32)
      continue;
    float *values = malloc(info.bytes);
    if (!check(gnc_read_tensor(net->context, role, info.name, values, info.bytes)) ||
        !meet(c, kGradients, info.name, values, count))
      return 0;
    for (size_t j = 0; j < count && c->writes && role == GNC_ROLE_OPTIMIZER; ++j)
      c->whole = larger(fabs((double)values[j]), c->whole);
    free(values);
  }
  return 1;
}

/* Some steps from the beginning. */
static int trainOnce(Case *c, const Net *net, const gnc_training_options *options, int steps,
                     double *seconds) {
  gnc_step_info step = {0};
  float losses[kMostSteps];
  step.size = sizeof step;
  if (!check(gnc_train_begin(net->context, options)))
    return 0;
  for (int done = 0; done < steps; ++done) {
    double start = now();
    if (!check(gnc_train_step(net->context, net->samples, &step)))
      return 0;
    *seconds = fmin(*seconds, now() - start);
    losses[done] = (float)step.loss;
    if (done == 0 &&
        (!meetTensors(c, net, GNC_ROLE_OPTIMIZER) || !meetTensors(c, net, GNC_ROLE_STATE)))
      return 0;
  }
  return meet(c, kLosses, "losses", losses, (size_t)steps) && meetTensors(c, net, GNC_ROLE_WEIGHT);
}

/* `seconds` of the fastest step. Training goes no further than the steps that are compared, but
 * begins again, as long as the clock is watched. */
static int train(Case *c, const char *path, int steps, double *seconds) {
  Net net = {0};
  gnc_training_options options = {0};
  char weights[4096], whole[4096];
  snprintf(weights, sizeof weights, "%s/start.safetensors", c->folder);
  snprintf(whole, sizeof whole, "%s/expected/largest-gradient", c->folder);
  float *largest = c->writes ? NULL : readNumbers(whole, 1, sizeof *largest);
  if ((!c->writes && !largest) || !openNet(c, path, GNC_MODE_TRAIN, &net))
    return 0;
  c->whole = largest ? (double)*largest : 0;
  free(largest);
  options.size = sizeof options;
  options.samples = net.samples;
  options.steps = steps;
  options.init = weights;
  double began = now();
  *seconds = HUGE_VAL;
  do
    if (!trainOnce(c, &net, &options, steps, seconds))
      return 0;
  while (!c->writes && now() < began + kWatched);
  float found = (float)c->whole;
  return !c->writes || writeNumbers(whole, &found, 1);
}

/*===- The command line --------------------------------------------------------------------------*/

int main(int argc, char **argv) {
  char card[1024];
  Case c = {0};
  double inference, step;
  const char *verb = argc > 1 ? argv[1] : "";
  if (!strcmp(verb, "card")) {
    int there = describeCard(card, sizeof card);
    puts(card);
    return there ? 0 : 3;
  }
  c.writes = !strcmp(verb, "write");
  if (argc != (c.writes ? 6 : 9) || (!c.writes && strcmp(verb, "compare")))
    return 2;
  int steps = atoi(argv[5]);
  if (steps < 1 || steps > kMostSteps)
    return 2;
  c.folder = argv[2];
  c.device = c.writes ? "cpu" : "cuda";
  for (int kind = 0; kind < kKinds && !c.writes; ++kind)
    c.allowed[kind] = atof(argv[6 + kind]);
  if (!c.writes && !describeCard(card, sizeof card))
    return puts(card), 3;
  if (!infer(&c, argv[4], &inference) || !train(&c, argv[3], steps, &step))
    return 1;
  if (!c.writes)
    printf("%s: answers %.1e, gradients %.1e, losses %.1e; inference %.3f ms, step %.3f ms\n", card,
           c.worst[kAnswers], c.worst[kGradients], c.worst[kLosses], 1e3 * inference, 1e3 * step);
  return 0;
}
