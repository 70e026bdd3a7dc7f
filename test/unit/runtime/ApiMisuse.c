/*===- ApiMisuse.c - wrong calls of the C API, written in C
 * ---------------------------------------===*
 *
 * Built as C11 with -pedantic, so the header is good C too. ApiTest.cpp holds what is expected.
 *
 *===----------------------------------------------------------------------------------------------*/
#include "ApiMisuse.h"

#include <string.h>

/* Hands on what the status says; counts one that says nothing. */
static int tell(gnc_status *status, misuse_say say, void *user) {
  int right = status == NULL;
  if (!right)
    say(user, gnc_status_text(status));
  gnc_status_free(status);
  return right;
}

#define WRONG(call) (right += tell((call), say, user))

int misuse_arguments(gnc_program *program, misuse_say say, void *user) {
  int right = 0;
  gnc_program *loaded = NULL;
  gnc_context *context = NULL;
  gnc_program_info info = {0};
  gnc_tensor_info tensor = {.size = sizeof tensor};
  gnc_context_options options = {.size = sizeof options, .mode = 7};
  struct {
    gnc_context_options known;
    int64_t later;
  } newer = {.known = {.size = sizeof newer}, .later = 1};
  const char *name = NULL;
  WRONG(gnc_program_describe(program, &info)); /* size not set */
  WRONG(gnc_program_describe(program, NULL));
  WRONG(gnc_program_load_file(NULL, &loaded));
  WRONG(gnc_program_load_file("net.gnc", NULL));
  WRONG(gnc_program_metric(program, 1, &name));
  WRONG(gnc_program_tensor(program, GNC_MODE_INFER, 99, &tensor));
  WRONG(gnc_program_find_tensor(program, GNC_MODE_INFER, GNC_ROLE_INPUT, "imgae", &tensor));
  WRONG(gnc_program_find_tensor(program, GNC_MODE_INFER, 6, "image", &tensor));
  WRONG(gnc_context_create(program, &options, &context)); /* no such mode */
  WRONG(gnc_context_create(program, &newer.known, &context));
  options.mode = GNC_MODE_INFER;
  options.threads = -1;
  WRONG(gnc_context_create(program, &options, &context));
  options.threads = 1;
  options.device = "tpu";
  WRONG(gnc_context_create(program, &options, &context));
  return right;
}

int misuse_handles(gnc_program *program, misuse_say say, void *user) {
  int right = 0;
  gnc_context *context = NULL;
  gnc_context_options options = {.size = sizeof options, .threads = 1};
  gnc_status *status = NULL;
  int local = 0;
  WRONG(gnc_infer(NULL, 1));
  WRONG(gnc_infer((gnc_context *)(void *)&local, 1));  /* an address is no handle */
  WRONG(gnc_infer((gnc_context *)(void *)program, 1)); /* another kind */
  if (!tell(gnc_context_create(program, &options, &context), say, user) ||
      !tell(gnc_context_free(context), say, user))
    return 1;
  WRONG(gnc_infer(context, 1)); /* freed */
  WRONG(gnc_context_free(context));
  status = gnc_infer(context, 1);
  gnc_status_free(status);
  say(user, gnc_status_text(status)); /* a status that was freed says so */
  gnc_status_free(status);            /* and may be freed again */
  say(user, gnc_status_text(NULL));
  return right;
}

int misuse_buffers(gnc_program *program, misuse_say say, void *user) {
  int right = 0;
  uint8_t pixels[2 * 16] = {0};
  float numbers[2 * 16] = {0}, probability[3] = {0};
  int64_t shape[4] = {2, 1, 4, 4}, small[4] = {2, 1, 3, 4}, far[4] = {INT64_MAX / 2, 1, 1, 1};
  gnc_context *context = NULL;
  gnc_context_options options = {.size = sizeof options, .threads = 1};
  gnc_buffer buffer = {
      .size = sizeof buffer, .data = pixels, .type = GNC_U8, .rank = 4, .shape = shape};
  if (tell(gnc_context_create(program, &options, &context), say, user) == 0)
    return 1;
  WRONG(gnc_bind_input(context, "label", &buffer));
  WRONG(gnc_bind_input(context, NULL, &buffer));
  WRONG(gnc_bind_input(context, "image", NULL));
  buffer.shape = small; /* wrong shape */
  WRONG(gnc_bind_input(context, "image", &buffer));
  buffer.shape = shape;
  buffer.rank = 3; /* without the batch */
  WRONG(gnc_bind_input(context, "image", &buffer));
  buffer.rank = 1000;
  WRONG(gnc_bind_input(context, "image", &buffer));
  buffer.rank = 4;
  buffer.type = GNC_F32; /* wrong type */
  buffer.data = numbers;
  WRONG(gnc_bind_input(context, "image", &buffer));
  buffer.type = 9;
  WRONG(gnc_bind_input(context, "image", &buffer));
  buffer.type = GNC_U8;
  buffer.data = NULL;
  WRONG(gnc_bind_input(context, "image", &buffer));
  buffer.data = pixels;
  buffer.strides = far;
  WRONG(gnc_bind_input(context, "image", &buffer));
  buffer.strides = NULL;
  buffer.size = 4;
  WRONG(gnc_bind_input(context, "image", &buffer));
  WRONG(gnc_read_tensor(context, GNC_ROLE_WEIGHT, "Fake.w", probability, sizeof probability));
  WRONG(gnc_read_tensor(context, GNC_ROLE_WEIGHT, "Fake.b", probability, sizeof probability));
  WRONG(gnc_read_tensor(context, GNC_ROLE_INPUT, "image", pixels, sizeof pixels));
  WRONG(gnc_map_input(context, "image", NULL));
  right += tell(gnc_context_free(context), say, user) - 1;
  return right;
}

int misuse_order(gnc_program *program, misuse_say say, void *user) {
  int right = 0;
  uint8_t pixels[2 * 16] = {0};
  int32_t labels[5] = {0, 1, 2, 3, 0};
  int64_t shape[4] = {2, 1, 4, 4}, five = 5;
  uint8_t many[5 * 16] = {0};
  gnc_context *context = NULL, *training = NULL;
  gnc_context_options options = {.size = sizeof options, .threads = 1};
  gnc_buffer image = {
      .size = sizeof image, .data = pixels, .type = GNC_U8, .rank = 4, .shape = shape};
  gnc_buffer label = {
      .size = sizeof label, .data = labels, .type = GNC_I32, .rank = 1, .shape = &five};
  gnc_training_options length = {.size = sizeof length, .samples = 23, .epochs = 1};
  int wrong = 0;
  wrong += !tell(gnc_context_create(program, &options, &context), say, user);
  options.mode = GNC_MODE_TRAIN;
  wrong += !tell(gnc_context_create(program, &options, &training), say, user);
  if (wrong)
    return 1;
  WRONG(gnc_infer(context, 1)); /* nothing bound */
  wrong += !tell(gnc_bind_input(context, "image", &image), say, user);
  WRONG(gnc_infer(context, 1)); /* no weights */
  wrong += !tell(gnc_initialize(context, 1), say, user);
  WRONG(gnc_infer(context, 0));
  WRONG(gnc_infer(context, 3)); /* more than the array */
  WRONG(gnc_train_step(context, 1, NULL));
  WRONG(gnc_eval_begin(context));
  WRONG(gnc_train_step(training, 5, NULL)); /* not begun */
  WRONG(gnc_save_checkpoint(training, "nowhere"));
  length.samples = 0;
  WRONG(gnc_train_begin(training, &length));
  length.samples = 23;
  length.steps = 3;
  WRONG(gnc_train_begin(training, &length));
  length.epochs = 0;
  length.init = "missing.safetensors";
  WRONG(gnc_train_begin(training, &length));
  length.init = NULL;
  wrong += !tell(gnc_train_begin(training, &length), say, user);
  shape[0] = 5;
  image.data = many;
  wrong += !tell(gnc_bind_input(training, "image", &image), say, user);
  wrong += !tell(gnc_bind_input(training, "label", &label), say, user);
  WRONG(gnc_train_step(training, 4, NULL)); /* not the batch */
  WRONG(gnc_train_step(training, 5, NULL)); /* label 3 of 3 classes */
  labels[3] = 0;
  for (int step = 0; step < 3; ++step)
    wrong += !tell(gnc_train_step(training, 5, NULL), say, user);
  WRONG(gnc_train_step(training, 5, NULL)); /* over */
  WRONG(gnc_copy_weights(training, training));
  WRONG(gnc_load_weights(training, "missing.safetensors"));
  WRONG(gnc_load_weights_memory(training, "no weights", 10, "these"));
  wrong += !tell(gnc_context_free(context), say, user);
  wrong += !tell(gnc_context_free(training), say, user);
  return right + wrong;
}

int misuse_files(gnc_program *program, misuse_say say, void *user) {
  int right = 0;
  gnc_program *loaded = NULL;
  const char foreign[] = "no program at all, but a sentence that is as long as one would be";
  gnc_kernel none[1] = {NULL};
  uint8_t bytes[64] = {0x89, 'G', 'N', 'C', '\r', '\n', 0x1a, '\n', 99};
  gnc_image image = {.struct_size = sizeof image, .version = GNC_IMAGE_VERSION, .cpu_level = 2};
  (void)program;
  WRONG(gnc_program_load_file("missing.gnc", &loaded));
  WRONG(gnc_program_load_file("/", &loaded));
  WRONG(gnc_program_load_memory(foreign, sizeof foreign, "these", &loaded));
  WRONG(gnc_program_load_memory("", 0, "these", &loaded));
  WRONG(gnc_program_load_memory(bytes, 20, "these", &loaded));           /* cut off */
  WRONG(gnc_program_load_memory(bytes, sizeof bytes, "these", &loaded)); /* of another version */
  WRONG(gnc_program_load_image(&image, &loaded));                        /* empty */
  image.kernels = none;
  image.kernel_count = 1;
  image.description = bytes;
  image.description_bytes = sizeof bytes;
  WRONG(gnc_program_load_image(&image, &loaded)); /* foreign */
  image.version = 7;
  WRONG(gnc_program_load_image(&image, &loaded));
  image.version = GNC_IMAGE_VERSION;
  image.cpu_level = 9;
  WRONG(gnc_program_load_image(&image, &loaded));
  return right + (loaded != NULL);
}
