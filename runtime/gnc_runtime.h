/*===- gnc_runtime.h - compiled networks in a C program: infer, evaluate, train
 * ------------------===*
 *
 * A *program* is a compiled network. A *context* runs one of its modes (inference, evaluation,
 * training) in memory of its own: weights, states, inputs, results.
 *
 *     gnc_program *program;
 *     gnc_context *context;
 *     gnc_status *status = gnc_program_load_file("net.gnc", &program);
 *     if (!status) status = gnc_context_create(program, NULL, &context);
 *     if (!status) status = gnc_load_weights(context, "best.safetensors");
 *     if (!status) status = gnc_bind_input(context, "image", &pixels);
 *     if (!status) status = gnc_bind_result(context, "digit", &digits);
 *     if (!status) status = gnc_infer(context, 1);
 *     if (status) { fputs(gnc_status_text(status), stderr); gnc_status_free(status); }
 *
 * Errors. A function that can fail returns a status: NULL is success, anything else belongs to the
 * caller, who reads it and frees it. A call that failed has changed nothing, where its comment says
 * nothing else. No function exits, aborts, prints, installs a signal handler, or throws.
 *
 * Handles (program, context, status) are tickets, not addresses: each is given out once. A handle
 * that was freed, or that is of another kind, is answered with a status (`api-handle`), in every
 * function, from every thread. NULL is answered so too, but to free NULL does nothing.
 *
 * Threads. A program never changes, and any number of threads may use it at once. So may any number
 * of contexts run at once, of one program or of several. One context serves one call at a time: a
 * second one, of another thread or from a callback, does not wait but gets a status
 * (`context-busy`). To free a handle that another thread is using is allowed: the call under way
 * ends as it would have, and what it needs is released after it.
 *
 * Strings are UTF-8 and end with NUL. What a function returns inside a struct is borrowed: strings
 * and shapes of a program live until the program and its contexts are freed, those of a status
 * until it is freed.
 *
 * Structs that the caller fills begin with `size`, which he sets to sizeof the struct; the rest is
 * zero where he has nothing to say. So a program built with an older header goes on to run with a
 * newer library; what an older library does not know has to be zero, or it refuses. Of structs that
 * the library fills the caller sets `size` too.
 *
 * Units: sizes are bytes, strides are elements, samples are counted from 0, steps from 1. All data
 * outside are dense and row-major, if no strides say otherwise, and in the order that the network's
 * text says, whatever the layout inside.
 *
 * Versions: within a major version functions and members are only added.
 *
 *===----------------------------------------------------------------------------------------------*/
#ifndef GNC_RUNTIME_H
#define GNC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define GNC_API __attribute__((visibility("default")))
#else
#define GNC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*===- Version -----------------------------------------------------------------------------------*/

#define GNC_VERSION_MAJOR 0
#define GNC_VERSION_MINOR 1
#define GNC_VERSION_PATCH 0
#define GNC_VERSION (GNC_VERSION_MAJOR * 1000000 + GNC_VERSION_MINOR * 1000 + GNC_VERSION_PATCH)

/* GNC_VERSION of the library that runs. */
GNC_API int32_t gnc_version(void);

/*===- Status ------------------------------------------------------------------------------------*/

typedef struct gnc_status gnc_status;

/* Whose fault it is. */
typedef int32_t gnc_code;
enum {
  GNC_OK = 0,
  GNC_INPUT = 1,       /* a file or data are wrong */
  GNC_USAGE = 2,       /* this call is wrong */
  GNC_ENVIRONMENT = 3, /* no memory, no such device, a full disk */
  GNC_INTERNAL = 4     /* a bug of gnc */
};

/* What a status says. All accept NULL: code GNC_OK, empty texts, line 0. */
GNC_API gnc_code gnc_status_code(const gnc_status *status);
/* The stable name of this kind of error, "weights-differ"; `gnc explain` has a page about each. */
GNC_API const char *gnc_status_slug(const gnc_status *status);
/* One line: what was found and what was needed. */
GNC_API const char *gnc_status_message(const gnc_status *status);
/* One thing to do about it; may be empty. */
GNC_API const char *gnc_status_help(const gnc_status *status);
/* Further facts, one line each. Beyond the last one: an empty text. */
GNC_API size_t gnc_status_note_count(const gnc_status *status);
GNC_API const char *gnc_status_note(const gnc_status *status, size_t index);
/* The place in the network's text that it is about; "" and 0 if none. Lines and columns start at 1,
 * columns count bytes. */
GNC_API const char *gnc_status_file(const gnc_status *status);
GNC_API int32_t gnc_status_line(const gnc_status *status);
GNC_API int32_t gnc_status_column(const gnc_status *status);
/* All of it, several lines, as the tool would print it. */
GNC_API const char *gnc_status_text(const gnc_status *status);
GNC_API void gnc_status_free(gnc_status *status);
/* A status of a library that stands on this one. All texts but the message may be NULL; `line` 0 is
 * no place. The code GNC_OK gives NULL. */
GNC_API gnc_status *gnc_status_create(gnc_code code, const char *slug, const char *message,
                                      const char *help, const char *file, int32_t line,
                                      int32_t column);

/*===- Programs ----------------------------------------------------------------------------------*/

typedef struct gnc_program gnc_program;

/* Runs tiles lo <= t < hi of a launch for n samples; arguments[i] is the address of its i-th
 * argument. */
typedef void (*gnc_kernel)(int64_t lo, int64_t hi, int64_t n, void *const *arguments);

/* A network compiled ahead of time, as it lies in an object file: `gnc compile net.net -o net.o`
 * exports one `const gnc_image gnc_image_<Net>`. Written by the compiler alone. Members are only
 * ever added at the end. */
typedef struct gnc_image {
  uint64_t struct_size;       /* sizeof of the struct that the compiler knew */
  uint32_t version;           /* GNC_IMAGE_VERSION */
  uint32_t cpu_level;         /* 2, 3, 4: the processor has to be an x86-64-v2, v3, v4 */
  const char *net;            /* its name */
  const uint8_t *description; /* programs, tensors, recipe */
  uint64_t description_bytes;
  const gnc_kernel *kernels; /* in the order of the description */
  uint64_t kernel_count;
  const uint8_t *weights; /* a safetensors file, or null: none embedded */
  uint64_t weights_bytes;
} gnc_image;

#define GNC_IMAGE_VERSION 1

/* Loads a `.gnc` file: of its programs for processors the best one that this machine can run; those
 * for cards are kept for contexts on a card. The file holds machine code: load only what you would
 * link. Errors: `unreadable-file`, `bad-program` (damaged, or another kind of file),
 * `program-version`, `no-target`. */
GNC_API gnc_status *gnc_program_load_file(const char *path, gnc_program **program);
/* The same of a file in memory, which is not needed afterwards; `name` is for messages. */
GNC_API gnc_status *gnc_program_load_memory(const void *bytes, size_t byte_count, const char *name,
                                            gnc_program **program);
/* Loads what is linked into this process; it has to stay until the program and its contexts are
 * freed. Errors: `bad-program`, `program-version`, `no-target`. */
GNC_API gnc_status *gnc_program_load_image(const gnc_image *image, gnc_program **program);
/* Contexts of the program live on. */
GNC_API gnc_status *gnc_program_free(gnc_program *program);

/* What a context does. */
typedef int32_t gnc_mode;
enum { GNC_MODE_INFER = 0, GNC_MODE_EVAL = 1, GNC_MODE_TRAIN = 2 };

/* The network and what its train section says. */
typedef struct gnc_program_info {
  size_t size;
  const char *net;      /* its name */
  int64_t batch;        /* samples in a training step */
  int64_t epochs;       /* 0: the length is given in steps */
  int64_t steps;        /* 0: the length is given in epochs */
  uint64_t seed;        /* of weights and the order of samples */
  int32_t metric_count; /* what evaluation computes beside the loss */
  int32_t table_count;  /* metrics that are no single number: a confusion matrix */
} gnc_program_info;

GNC_API gnc_status *gnc_program_describe(const gnc_program *program, gnc_program_info *info);
/* The name of a metric, 0 <= index < metric_count. */
GNC_API gnc_status *gnc_program_metric(const gnc_program *program, int32_t index,
                                       const char **name);

/* What a mode needs. */
typedef struct gnc_mode_info {
  size_t size;
  int32_t available;       /* 0: the program was compiled without this mode; the rest is 0 */
  int32_t tensor_count;    /* see gnc_program_tensor */
  int64_t max_batch;       /* samples that run together */
  uint64_t memory;         /* bytes that a context of it takes */
  uint64_t persistent;     /* of these: weights and states */
  double flops_per_sample; /* additions and multiplications; 0 if unknown */
} gnc_mode_info;

GNC_API gnc_status *gnc_program_mode(const gnc_program *program, gnc_mode mode,
                                     gnc_mode_info *info);

typedef int32_t gnc_type;
enum {
  GNC_F32 = 0,
  GNC_I32 = 1, /* also whole numbers below `classes` */
  GNC_U8 = 2,
  GNC_BOOL = 3 /* a byte, 0 or 1 */
};

typedef int32_t gnc_role;
enum {
  GNC_ROLE_INPUT = 0,
  GNC_ROLE_WEIGHT = 1,    /* trained */
  GNC_ROLE_STATE = 2,     /* of a layer: the mean of a batch norm */
  GNC_ROLE_OPTIMIZER = 3, /* of the optimizer, one or more for each weight */
  GNC_ROLE_AVERAGE = 4,   /* the running average of the weight of the same name */
  GNC_ROLE_SCHEDULE = 5,  /* a number computed for each step: the learning rate */
  GNC_ROLE_RESULT = 7
};

typedef struct gnc_tensor_info {
  size_t size;
  const char *name; /* a field ("image"), a path ("LeNet.conv.w"), a result ("digit") */
  gnc_role role;    /* names are unique within a role */
  gnc_type type;
  int32_t batched;      /* 1: there is one for each sample; `shape` is that of one sample */
  int32_t rank;         /* extents in `shape` */
  const int64_t *shape; /* NULL if the rank is 0 */
  int64_t classes;      /* inputs: 0 <= value < classes; 0: any value */
  uint64_t bytes;       /* dense, of one sample */
  /* Inputs: what the network's data section takes it from, and what is done to pictures on the way:
   * "image -> rgb -> resize(256)". A caller who brings his own data brings it ready. Else "". */
  const char *member;
} gnc_tensor_info;

/* The tensors of a mode, 0 <= index < tensor_count, in a fixed order. */
GNC_API gnc_status *gnc_program_tensor(const gnc_program *program, gnc_mode mode, int32_t index,
                                       gnc_tensor_info *info);
/* The same by name. Error: `api-name`, with the names that there are. */
GNC_API gnc_status *gnc_program_find_tensor(const gnc_program *program, gnc_mode mode,
                                            gnc_role role, const char *name, gnc_tensor_info *info);

/*===- Contexts ----------------------------------------------------------------------------------*/

typedef struct gnc_context gnc_context;

/* Something that is not worth a status: a step that was left out. On the thread of the call that it
 * is about. */
typedef void (*gnc_log)(void *user, const char *text);

typedef struct gnc_context_options {
  size_t size;
  gnc_mode mode;
  int32_t threads; /* 0: all processors; 1: none beside the caller's */
  /* "cpu", "cuda", "cuda:1", "emulator" (a card in software); NULL: the first card, if it is there
   * and the program has code for it, else the processor. */
  const char *device;
  gnc_log log; /* NULL: silence */
  void *log_user;
} gnc_context_options;

/* A context with its memory. Weights that came with the program are loaded (not for a training,
 * which begins with its own); else there are none yet. `options` may be NULL: inference, all
 * processors. Errors: `no-program` (the mode was left out), `out-of-memory`, `threads`,
 * `no-threads`, `api-device`; of cards `no-target` (the program has no code for it), `no-driver`,
 * `no-card`, `old-driver`, `card-failed`, which every run may give too. */
GNC_API gnc_status *gnc_context_create(const gnc_program *program,
                                       const gnc_context_options *options, gnc_context **context);
GNC_API gnc_status *gnc_context_free(gnc_context *context);

/* An array of the caller, or one inside a context. */
typedef struct gnc_buffer {
  size_t size;
  void *data; /* no alignment is needed */
  gnc_type type;
  int32_t rank;           /* one more than that of the tensor, if it is batched */
  const int64_t *shape;   /* of a batched one the first extent counts samples, one or more */
  const int64_t *strides; /* in elements, may be negative; NULL: dense and row-major */
} gnc_buffer;

/* From now on the input is read from this array in every run, or the result written to it after
 * every run. The array has to live until another one is bound or the context is freed; `shape` and
 * `strides` are copied. Shape and type have to be those of the tensor. Errors: `api-name`,
 * `api-buffer`. */
GNC_API gnc_status *gnc_bind_input(gnc_context *context, const char *name,
                                   const gnc_buffer *buffer);
GNC_API gnc_status *gnc_bind_result(gnc_context *context, const char *name,
                                    const gnc_buffer *buffer);
/* The context's own array, of max_batch samples, in place of one that was bound: nothing is copied.
 * Inputs keep what was written; results are those of the last run. `buffer` gets address, shape and
 * strides, which live until the context is freed. Errors: `api-name`; `api-device` where it is not
 * in the memory of the host. */
GNC_API gnc_status *gnc_map_input(gnc_context *context, const char *name, gnc_buffer *buffer);
GNC_API gnc_status *gnc_map_result(gnc_context *context, const char *name, gnc_buffer *buffer);

/*===- Weights -----------------------------------------------------------------------------------*/

/* Draws all weights and states from a seed, as a training that begins. */
GNC_API gnc_status *gnc_initialize(gnc_context *context, uint64_t seed);

/* Weights and states of a safetensors file, a checkpoint included; in a training, in place of those
 * that it began with. Where a weight has an average, inference and evaluation read the average. The
 * position of a training is not read: see gnc_load_checkpoint. Errors: `unreadable-file`,
 * `bad-safetensors`, `weights-differ`. */
GNC_API gnc_status *gnc_load_weights(gnc_context *context, const char *path);
/* The same of a file in memory, which is not needed afterwards; `name` is for messages. */
GNC_API gnc_status *gnc_load_weights_memory(gnc_context *context, const void *bytes,
                                            size_t byte_count, const char *name);
/* Replaces the file, or leaves it as it was. Errors: `cannot-write`, `not-finite`,
 * `api-order` (there are none yet). */
GNC_API gnc_status *gnc_save_weights(gnc_context *context, const char *path);

/* One tensor that lives from run to run (weight, state, optimizer, average), by its path: all of
 * it, dense, `byte_count` as gnc_tensor_info.bytes. Errors: `api-name`, `api-buffer`. */
GNC_API gnc_status *gnc_read_tensor(gnc_context *context, gnc_role role, const char *path, void *to,
                                    size_t byte_count);
GNC_API gnc_status *gnc_write_tensor(gnc_context *context, gnc_role role, const char *path,
                                     const void *from, size_t byte_count);

/* Weights and states of a training, or their averages, to a context of inference or evaluation of
 * the same program. Both contexts are busy for as long. */
GNC_API gnc_status *gnc_copy_weights(gnc_context *from, gnc_context *to);

/*===- Inference ---------------------------------------------------------------------------------*/

/* Runs samples 0 .. n-1 of the bound inputs. n may be larger than max_batch if no input and no
 * result is mapped: they run one batch after the other. Errors: `api-order` (there are no weights
 * yet; an input has neither been bound nor mapped), `api-batch` (n does not fit the arrays),
 * `class-range` (a value is not below `classes`). */
GNC_API gnc_status *gnc_infer(gnc_context *context, int64_t n);

/*===- Training ----------------------------------------------------------------------------------*/

typedef struct gnc_training_options {
  size_t size;
  int64_t samples; /* in an epoch: schedules depend on it; at least 1 */
  int64_t epochs;  /* in place of the train section's; 0: as it says */
  int64_t steps;   /* likewise; not both */
  int32_t set_seed;
  uint64_t seed; /* if set_seed is not 0: in place of the train section's */
  /* A file of weights to start from, in place of the train section's `init`; "": none. */
  const char *init;
  int32_t skip_not_finite; /* 1: a step whose loss is not finite is left out and logged */
} gnc_training_options;

/* Begins a training: draws weights, or takes those of a file. Errors: `no-length`, `empty-data`,
 * `init-differs`, those of gnc_load_weights. */
GNC_API gnc_status *gnc_train_begin(gnc_context *context, const gnc_training_options *options);

typedef struct gnc_step_info {
  size_t size;
  int32_t skipped;     /* 1: the step was not finite and left out */
  int64_t step, steps; /* done in all; of the whole training */
  int64_t epoch;       /* full epochs done */
  int64_t epoch_step;  /* done in the epoch that has begun */
  int64_t steps_per_epoch;
  double loss;          /* mean over the batch, before the update */
  double gradient_norm; /* not a number if the program computes none */
} gnc_step_info;

/* One step on samples 0 .. n-1 of the bound inputs; n is the program's `batch`, or what is left of
 * the epoch. Given the batches of `gnc train`, which visits samples in the order of gnc_shuffle, it
 * computes the same bits, on any number of threads. `info` may be NULL. Errors: those of gnc_infer;
 * `api-order` before gnc_train_begin and after the last step; `not-finite` with the line of the
 * network that computed it. If it was the loss or the gradient that was not finite, nothing has
 * changed; if it was a weight after the update, the weights are spoilt. */
GNC_API gnc_status *gnc_train_step(gnc_context *context, int64_t n, gnc_step_info *info);

/* Fills `order` with 0 .. samples-1 as epoch `epoch` (from 0) visits them. */
GNC_API gnc_status *gnc_shuffle(uint32_t samples, uint64_t seed, int64_t epoch, uint32_t *order);

/* A training with its position, in the file format of `gnc train`. Loading is in place of
 * gnc_train_begin: `options` as there, without a seed and `init`. Errors: those of
 * gnc_load_weights, `not-a-checkpoint`, `other-data`; `cannot-write`, `not-finite`. */
GNC_API gnc_status *gnc_save_checkpoint(gnc_context *context, const char *path);
GNC_API gnc_status *gnc_load_checkpoint(gnc_context *context, const gnc_training_options *options,
                                        const char *path);

/*===- Evaluation --------------------------------------------------------------------------------*/

/* Loss and metrics over any number of batches: begin, then each batch, then end. The sums are in
 * f64 and in the order of the samples; how they are cut into batches changes only metrics that
 * accumulate, and these by rounding. Errors: those of gnc_infer; `api-order` without a begin. */
GNC_API gnc_status *gnc_eval_begin(gnc_context *context);
GNC_API gnc_status *gnc_eval_batch(gnc_context *context, int64_t n);

typedef struct gnc_scores {
  size_t size;
  int64_t samples;
  double loss;
  int32_t metric_count;
  const double *metrics; /* in the order of gnc_program_metric; until the next evaluation */
} gnc_scores;

GNC_API gnc_status *gnc_eval_end(gnc_context *context, gnc_scores *scores);

typedef struct gnc_table {
  size_t size;
  const char *name;
  int32_t rank;
  const int64_t *shape;
  const double *values; /* dense, row-major; until the next evaluation */
} gnc_table;

/* A metric that is no single number, after gnc_eval_end; 0 <= index < table_count. */
GNC_API gnc_status *gnc_eval_table(gnc_context *context, int32_t index, gnc_table *table);

/*===- A whole training --------------------------------------------------------------------------*/

typedef struct gnc_progress {
  size_t size;
  int32_t epoch_ended;   /* 0: after a step; 1: after an epoch and its evaluation */
  int64_t epoch, epochs; /* from 1 */
  int64_t epoch_step, steps_per_epoch;
  int64_t step, steps;
  double loss;              /* of the batch, before the update; may be not a number if left out */
  double mean_loss;         /* of the epoch so far */
  const gnc_scores *scores; /* after an epoch, if there is an evaluation; else NULL */
} gnc_progress;

/* Called on the training's thread; `progress` lives for the call. Other than 0: the training stops
 * after this step, with its checkpoint saved. */
typedef int32_t (*gnc_progress_sink)(void *user, const gnc_progress *progress);

typedef struct gnc_train_options {
  size_t size;
  const char *out;    /* a folder for last.safetensors, best.safetensors and log.csv */
  const char *device; /* as in gnc_context_options */
  int32_t threads;
  int32_t resume;        /* 1: go on from last.safetensors in `out` */
  int64_t epochs, steps; /* in place of the train section's; 0: as it says; not both */
  int32_t set_seed;
  uint64_t seed; /* if set_seed is not 0: in place of the train section's */
  int32_t skip_not_finite;
  gnc_progress_sink progress; /* may be NULL */
  gnc_log log;                /* may be NULL */
  void *user;
} gnc_train_options;

/* What `gnc train` does: the data, the evaluation and the files that the train section says, with
 * the same bytes. Picture files cannot be read here: their formats are in another library.
 * `stopped`, which may be NULL, becomes 1 if `progress` ended it. Errors: `no-program`, those of
 * the data, of gnc_train_begin and gnc_train_step, `no-checkpoint`, `other-net`, `other-seed`,
 * `other-data`, `cannot-write`. */
GNC_API gnc_status *gnc_train(const gnc_program *program, const gnc_train_options *options,
                              int32_t *stopped);

#ifdef __cplusplus
}
#endif

#endif
