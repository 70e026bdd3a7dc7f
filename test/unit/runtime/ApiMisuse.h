/*===- ApiMisuse.h - wrong calls of the C API, written in C
 * ---------------------------------------===*/
#ifndef API_MISUSE_H
#define API_MISUSE_H

#include "runtime/gnc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each makes wrong calls of one kind and hands the text of every status to `say`. `program` is the
 * fake network. Returns how many of the wrong calls were taken for right ones. */
typedef void (*misuse_say)(void *user, const char *text);
int misuse_arguments(gnc_program *program, misuse_say say, void *user);
int misuse_handles(gnc_program *program, misuse_say say, void *user);
int misuse_buffers(gnc_program *program, misuse_say say, void *user);
int misuse_order(gnc_program *program, misuse_say say, void *user);
int misuse_files(gnc_program *program, misuse_say say, void *user);

#ifdef __cplusplus
}
#endif
#endif
