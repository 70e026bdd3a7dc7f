/* Says what is on a picture: LeNet, compiled ahead of time into this program.
 *
 *   classify best.safetensors picture.pgm|picture.npy
 *
 * The weights are those of `gnc train fashion.net` or of train_embedded; the picture has 28 x 28
 * grey pixels. No compiler is needed where this runs, only libgnc_runtime.
 */
#include "fashion.h" /* written by `gnc compile fashion.net -o fashion.o` */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 28, WIDTH = 28 };

static const char *const kinds[] = {"T-shirt", "trouser", "pullover", "dress", "coat",
                                    "sandal",  "shirt",   "sneaker",  "bag",   "ankle boot"};

/* Behind "P5 28 28 255" and one blank come the pixels. */
static int read_pgm(FILE *file, uint8_t *pixels) {
  int width = 0, height = 0, most = 0;
  if (fscanf(file, "P5 %d %d %d", &width, &height, &most) != 3 || width != WIDTH ||
      height != HEIGHT || most != 255)
    return 0;
  fgetc(file);
  return fread(pixels, 1, HEIGHT * WIDTH, file) == HEIGHT * WIDTH;
}

/* An array as numpy.save writes it: uint8, with 28 * 28 elements in C order. */
static int read_npy(FILE *file, uint8_t *pixels) {
  unsigned char start[10];
  char header[256] = "";
  if (fread(start, 1, sizeof start, file) != sizeof start || memcmp(start, "\x93NUMPY\x01", 7) != 0)
    return 0;
  size_t length = start[8] | (size_t)start[9] << 8;
  if (length >= sizeof header || fread(header, 1, length, file) != length ||
      !strstr(header, "'|u1'") || !strstr(header, "'fortran_order': False"))
    return 0;
  int one_more = 0;
  return fread(pixels, 1, HEIGHT * WIDTH, file) == HEIGHT * WIDTH &&
         (one_more = fgetc(file)) == EOF;
}

static int read_picture(const char *path, uint8_t *pixels) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    return 0;
  }
  int first = fgetc(file);
  ungetc(first, file);
  int good = first == 'P' ? read_pgm(file, pixels) : read_npy(file, pixels);
  fclose(file);
  if (!good)
    fprintf(stderr, "%s is no PGM or NPY file with %d x %d bytes\n", path, HEIGHT, WIDTH);
  return good;
}

/* From now on `name` is read from, or written to, `data`. */
static gnc_buffer sample(void *data, gnc_type type, int32_t rank, const int64_t *shape) {
  gnc_buffer buffer = {.size = sizeof buffer, .data = data, .type = type, .rank = rank};
  buffer.shape = shape;
  return buffer;
}

static gnc_status *classify(const char *weights, uint8_t *pixels, int32_t *digit,
                            float *confidence) {
  static const int64_t picture[] = {1, 1, HEIGHT, WIDTH}, one[] = {1};
  gnc_buffer in = sample(pixels, GNC_U8, 4, picture);
  gnc_buffer kind = sample(digit, GNC_I32, 1, one);
  gnc_buffer share = sample(confidence, GNC_F32, 1, one);
  gnc_context_options options = {.size = sizeof options, .mode = GNC_MODE_INFER, .threads = 1};
  gnc_program *program = NULL;
  gnc_context *context = NULL;
  gnc_status *status = gnc_program_load_image(&gnc_image_LeNet, &program);
  if (!status)
    status = gnc_context_create(program, &options, &context);
  if (!status)
    status = gnc_load_weights(context, weights);
  if (!status)
    status = gnc_bind_input(context, "image", &in);
  if (!status)
    status = gnc_bind_result(context, "digit", &kind);
  if (!status)
    status = gnc_bind_result(context, "confidence", &share);
  if (!status)
    status = gnc_infer(context, 1);
  gnc_status_free(gnc_context_free(context));
  gnc_status_free(gnc_program_free(program));
  return status;
}

int main(int count, char **arguments) {
  uint8_t pixels[HEIGHT * WIDTH];
  int32_t digit = 0;
  float confidence = 0;
  if (count != 3) {
    fprintf(stderr, "usage: classify WEIGHTS.safetensors PICTURE.pgm|PICTURE.npy\n");
    return 2;
  }
  if (!read_picture(arguments[2], pixels))
    return 1;
  gnc_status *status = classify(arguments[1], pixels, &digit, &confidence);
  if (status) {
    fputs(gnc_status_text(status), stderr);
    int code = gnc_status_code(status);
    gnc_status_free(status);
    return code;
  }
  printf("%d %s (%.4f)\n", digit, kinds[digit], confidence);
  return 0;
}
