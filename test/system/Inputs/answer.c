/* Answers of a net that is linked in, one line a sample, as `gnc infer --json` prints them.
 *   answer PIXELS SAMPLES [WEIGHTS]
 * PIXELS: bytes of the images, one after the other. Without WEIGHTS those in the image are used. */
#include "lenet.h"

#include "host.h"

int main(int argc, char **argv) {
  const int64_t own[] = LENET_INPUT_IMAGE_SHAPE;
  int64_t samples, imageShape[LENET_INPUT_IMAGE_RANK + 1], i;
  gnc_program *program;
  gnc_context *context;
  gnc_buffer image, digit, confidence;
  FILE *file;
  if (argc < 3 || !(file = fopen(argv[1], "rb")))
    return 2;
  samples = atoll(argv[2]);
  LENET_INPUT_IMAGE_TYPE *pixels = malloc((size_t)samples * LENET_INPUT_IMAGE_ELEMENTS);
  LENET_RESULT_DIGIT_TYPE *digits = malloc((size_t)samples * sizeof *digits);
  LENET_RESULT_CONFIDENCE_TYPE *confidences = malloc((size_t)samples * sizeof *confidences);
  if (fread(pixels, LENET_INPUT_IMAGE_ELEMENTS, (size_t)samples, file) != (size_t)samples)
    return 2;
  fclose(file);
  imageShape[0] = samples;
  for (i = 0; i < LENET_INPUT_IMAGE_RANK; ++i)
    imageShape[i + 1] = own[i];
  image = bufferOf(pixels, GNC_U8, imageShape, LENET_INPUT_IMAGE_RANK + 1);
  digit = bufferOf(digits, GNC_I32, &samples, 1);
  confidence = bufferOf(confidences, GNC_F32, &samples, 1);
  if (!check(gnc_program_load_image(&gnc_image_LeNet, &program)) ||
      !check(gnc_context_create(program, NULL, &context)) ||
      (argc > 3 && !check(gnc_load_weights(context, argv[3]))) ||
      !check(gnc_bind_input(context, LENET_INPUT_IMAGE, &image)) ||
      !check(gnc_bind_result(context, LENET_RESULT_DIGIT, &digit)) ||
      !check(gnc_bind_result(context, LENET_RESULT_CONFIDENCE, &confidence)) ||
      !check(gnc_infer(context, samples)))
    return 1;
  for (i = 0; i < samples; ++i)
    printf("{\"sample\":%lld,\"digit\":%d,\"confidence\":%.9g}\n", (long long)i, digits[i],
           (double)confidences[i]);
  gnc_context_free(context);
  gnc_program_free(program);
  return 0;
}
