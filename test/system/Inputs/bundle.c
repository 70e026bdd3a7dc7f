/* Answers of a net from a .gnc file that holds code for processors and for cards, one line a sample.
 *   bundle FILE.gnc PIXELS SAMPLES [DEVICE]
 * PIXELS: bytes of images of 28 x 28, one after the other. Without DEVICE the library chooses. */
#include "host.h"

int main(int argc, char **argv) {
  gnc_program *program;
  gnc_context *context;
  gnc_context_options options = {0};
  gnc_buffer image, digit, confidence;
  int64_t shape[4] = {0, 1, 28, 28}, i;
  FILE *file;
  if (argc < 4 || !(file = fopen(argv[2], "rb")))
    return 2;
  shape[0] = atoll(argv[3]);
  unsigned char *pixels = malloc((size_t)shape[0] * 784);
  int32_t *digits = malloc((size_t)shape[0] * sizeof *digits);
  float *confidences = malloc((size_t)shape[0] * sizeof *confidences);
  if (fread(pixels, 784, (size_t)shape[0], file) != (size_t)shape[0])
    return 2;
  fclose(file);
  image = bufferOf(pixels, GNC_U8, shape, 4);
  digit = bufferOf(digits, GNC_I32, shape, 1);
  confidence = bufferOf(confidences, GNC_F32, shape, 1);
  options.size = sizeof options;
  options.device = argc > 4 ? argv[4] : NULL;
  if (!check(gnc_program_load_file(argv[1], &program)) ||
      !check(gnc_context_create(program, &options, &context)) ||
      !check(gnc_bind_input(context, "image", &image)) ||
      !check(gnc_bind_result(context, "digit", &digit)) ||
      !check(gnc_bind_result(context, "confidence", &confidence)) ||
      !check(gnc_infer(context, shape[0])))
    return 1;
  for (i = 0; i < shape[0]; ++i)
    printf("%d %.9g\n", digits[i], (double)confidences[i]);
  gnc_context_free(context);
  gnc_program_free(program);
  return 0;
}
