/* What the C programs of the tests share. */
#include <gnc/gnc_runtime.h>

#include <stdio.h>
#include <stdlib.h>

static int check(gnc_status *status) {
  if (!status)
    return 1;
  fputs(gnc_status_text(status), stderr);
  gnc_status_free(status);
  return 0;
}

/* An array of the program's own, dense. */
static gnc_buffer bufferOf(void *data, gnc_type type, const int64_t *shape, int32_t rank) {
  gnc_buffer buffer = {0};
  buffer.size = sizeof buffer;
  buffer.data = data;
  buffer.type = type;
  buffer.rank = rank;
  buffer.shape = shape;
  return buffer;
}
