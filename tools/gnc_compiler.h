/*===- gnc_compiler.h - the compiler in a C program
 * -----------------------------------------------===*
 *
 * libgnc_jit compiles the text of a network in this process and hands over a program of
 * gnc_runtime.h, whose rules hold here too. What was compiled before comes from a cache on disk;
 * the compiler itself (libgnc_compiler.so, with LLVM) is loaded when something has to be compiled,
 * once.
 *
 *     gnc_compile_options options = {.size = sizeof options, .path = "net.net"};
 *     gnc_program *program;
 *     gnc_status *status = gnc_compile(&options, NULL, NULL, &program);
 *
 *===----------------------------------------------------------------------------------------------*/
#ifndef GNC_COMPILER_H
#define GNC_COMPILER_H

#include "gnc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A remark on a message: a note, or a help. */
typedef struct gnc_remark {
  const char *text;
  const char *file; /* "" if it is about no place */
  int32_t line, column;
} gnc_remark;

/* What the compiler has to say about a place. All of it lives for the call that gets it. */
typedef struct gnc_diagnostic {
  size_t size;
  const char *severity; /* "error" or "warning" */
  const char *slug;     /* the stable name of this kind of message; see `gnc explain` */
  const char *message;
  const char *file; /* "" if it is about no place */
  int32_t line, column;
  int32_t end_line, end_column; /* behind the last byte; 0: not known */
  size_t note_count, help_count;
  const gnc_remark *notes, *helps;
} gnc_diagnostic;

/* Hears of every message, on the thread of the call, in the order of the text. */
typedef void (*gnc_diagnostic_sink)(void *user, const gnc_diagnostic *diagnostic);

typedef struct gnc_compile_options {
  size_t size;
  const char *path;  /* the .net file; with `text` its name in messages, and where paths start */
  const char *text;  /* NULL: what is in the file */
  size_t text_bytes; /* 0: up to the NUL */
  const char *net;   /* which one, if the file has sections of several; NULL: the only one */
  /* Pointers to "name=value", the last one NULL: settings of the net or of its train section. */
  const char *const *settings;
  const char
      *data; /* a folder in place of the data section's, or "synthetic:N"; NULL: as written */
  int32_t set_seed;
  uint64_t seed;       /* if set_seed is not 0: in place of the train section's */
  int64_t batch;       /* samples to plan for; 0: the train section's */
  uint32_t modes;      /* GNC_COMPILE_..; 0: all that the text has */
  int32_t threads;     /* of the compiler; 0: all processors, 1: none beside the caller's */
  int32_t vector_bits; /* 128, 256 or 512; 0: this machine's */
  int32_t opt_level;   /* of LLVM, 0 to 2; see `gnc train --help` */
  /* Names of passes to leave out, the last pointer NULL. */
  const char *const *disabled_passes;
  /* The folder of the cache, or "off"; NULL: $GNC_CACHE, else $XDG_CACHE_HOME/gnc or
   * ~/.cache/gnc. */
  const char *cache;
  uint64_t memory; /* bytes that the tensors of a program may take; 0: as many as they like */
} gnc_compile_options;

enum { GNC_COMPILE_INFER = 1, GNC_COMPILE_EVAL = 2, GNC_COMPILE_TRAIN = 4 };

/* Compiles for this machine. Messages go to `sink`, which may be NULL, warnings of a success too,
 * also when the program comes from the cache. The status of a failure is the first error.
 *
 * Any number of threads may compile at once. The compiler needs some 100 MB while it works and
 * returns them; once loaded it stays. Errors: those of the language (GNC_INPUT), `api-argument`,
 * `no-compiler`. */
GNC_API gnc_status *gnc_compile(const gnc_compile_options *options, gnc_diagnostic_sink sink,
                                void *user, gnc_program **program);

#ifdef __cplusplus
}
#endif

#endif
