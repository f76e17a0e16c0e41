/*===- abi.h - What compiled code and its callers share ---------*- C -*-===//
//
// A plain C interface.  The runtime knows nothing of the compiler; generated
// code knows nothing of the runtime but this file.
//
//===----------------------------------------------------------------------===*/

#ifndef SEQC_ABI_H
#define SEQC_ABI_H

#include <dlpack/dlpack.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEQC_ABI_VERSION 5u

/* Why a call was refused.  Nothing has been written then. */
enum seqc_error_code {
  SEQC_OK = 0,
  SEQC_ERROR_NULL_ARGUMENT = 1,
  SEQC_ERROR_DEVICE = 2,
  SEQC_ERROR_DTYPE = 3,
  SEQC_ERROR_RANK = 4,
  SEQC_ERROR_SHAPE = 5,
  SEQC_ERROR_STRIDES = 6,
  SEQC_ERROR_SEGMENTS = 7,
  SEQC_ERROR_ABI = 8,
  SEQC_ERROR_ALIAS = 9,
  SEQC_ERROR_MEMORY = 10,
  SEQC_ERROR_RANGE = 11,
  SEQC_ERROR_CUDA = 12
};

#ifndef SEQC_ERROR_DEFINED
#define SEQC_ERROR_DEFINED
typedef struct seqc_error {
  int32_t code;
  char message[508];
} seqc_error;
#endif

/* One dimension: `size` if symbol < 0, else value(symbol) / divisor + offset,
   where the divisor divides the value. */
typedef struct seqc_dim {
  int64_t size;
  int32_t symbol;
  int32_t divisor;
  int64_t offset;
} seqc_dim;

/* One argument.  A scalar has rank 0.  Integers are signless: either sign of
   DLPack's codes is accepted; one bit is passed as uint8. */
typedef struct seqc_arg {
  const char *name;
  const seqc_dim *dims;
  int32_t rank;
  uint8_t dl_code; /* DLDataTypeCode */
  uint8_t bits;
  uint8_t is_output;
  uint8_t in_place; /* an input whose new value is written over the old one */
  const seqc_dim *cuts; /* a table of offsets: the size of the axis it cuts */
  double low, high; /* declared range of a float input's elements */
} seqc_arg;

/* Flags of an entry: whether a call checks the declared ranges, at the price of
   reading those inputs once more. */
#define SEQC_ENTRY_CHECKED 1

/* The same kernels for one architecture. */
typedef struct seqc_gpu_image {
  const char *arch;  /* "sm_90a" */
  const void *cubin; /* for `arch`, or null */
  const char *ptx;   /* for `arch` and, where the name has no letter, later ones */
  int32_t capability; /* 10 times the major number, plus the minor */
  int32_t exact;      /* the name has a letter */
} seqc_gpu_image;

/* Machine code for GPUs, shared by the entries of one compilation. */
typedef struct seqc_gpu_code {
  const seqc_gpu_image *images;
  int32_t image_count;
  int32_t kernel_count;
  const char *const *kernels;
  void *loaded; /* the runtime's: what is loaded where; starts null */
} seqc_gpu_code;

typedef struct seqc_entry {
  uint32_t abi_version;
  int32_t arg_count;
  int32_t symbol_count;
  int32_t flags;
  const char *name;
  const seqc_arg *args;
  const char *const *symbol_names;
  seqc_gpu_code *gpu; /* null for code that runs on the CPU */
} seqc_entry;

/* descriptors[i] points to argument i as
   { void *allocated; void *aligned; int64_t offset, sizes[rank], strides[rank]; } */
typedef void (*seqc_kernel)(void **descriptors);

/* Checks every argument against `entry`, then runs `kernel`.  Tensors are on the
   CPU, row-major without gaps, and no output overlaps another argument.
   Returns SEQC_OK or a code; the message in *error (may be null) names the
   argument, what was found and what was expected.  Thread-safe. */
int32_t seqc_rt_invoke(const seqc_entry *entry, const DLTensor *const *args,
                       seqc_kernel kernel, seqc_error *error);

/* The same for code that runs on a GPU: tensors are on one CUDA device.  `kernel`
   launches on `stream` (a CUstream; null is the default stream) of the context
   that is current, or of the device's primary context, and does not wait.  Works
   while a graph is captured from the stream.  `scratch` is device memory of at
   least seqc_rt_cuda_scratch_bytes, not shared with calls that may run at the
   same time; if it is null, memory is taken from the stream's pool.  Tables of
   segments and declared ranges are checked in entries compiled to be checked,
   which waits for the stream. */
typedef struct seqc_cuda_call seqc_cuda_call;
typedef void (*seqc_cuda_kernel)(void **descriptors, seqc_cuda_call *call);
int32_t seqc_rt_invoke_cuda(const seqc_entry *entry, const DLTensor *const *args,
                            seqc_cuda_kernel kernel, void *scratch, void *stream,
                            seqc_error *error);

/* Bytes of scratch memory that a call on these shapes needs, or minus a code. */
int64_t seqc_rt_cuda_scratch_bytes(const seqc_entry *entry,
                                   const DLTensor *const *args,
                                   seqc_cuda_kernel kernel, seqc_error *error);

/* For generated code: launches kernel number `kernel` with `parameters`, its
   arguments one after the other as in a C struct, `parameter_bytes` in all; and the
   next `bytes` of the call's scratch. */
void seqc_rt_cuda_launch(seqc_cuda_call *call, int32_t kernel, int64_t blocks,
                         int64_t threads, int32_t shared_bytes,
                         void *parameters, int64_t parameter_bytes);
/* The same for blocks that wait for each other: at most `blocks`, and no more than the
   device runs at once; `parameters` are the addresses of the arguments. */
void seqc_rt_cuda_launch_together(seqc_cuda_call *call, int32_t kernel, int64_t blocks,
                                  int64_t threads, int32_t shared_bytes,
                                  void **parameters);
void *seqc_rt_cuda_scratch(seqc_cuda_call *call, int64_t bytes);

/* Calls body(context, lo, hi) on ranges that cover [begin, end) once each, on
   the threads of the process's OpenMP runtime (OMP_NUM_THREADS counts), or in
   order where there is none.  A range has at least `grain` iterations unless
   there are fewer.  Calls from inside a body run in order. */
void seqc_rt_parallel_for(int64_t begin, int64_t end, int64_t grain,
                          void (*body)(void *context, int64_t lo, int64_t hi),
                          void *context);

/* Memory for buffers, aligned to 64 bytes, or null if there is none; contents are
   undefined.  Freed blocks of 1 MiB or more are kept for later calls, at most 1 GiB of
   them, until the library is unloaded.  From any thread. */
void *seqc_rt_alloc(uint64_t bytes);
void seqc_rt_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif /* SEQC_ABI_H */
