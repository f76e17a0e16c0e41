/*===- internal.h - What the parts of the runtime share ---------*- C -*-===*/

#ifndef SEQC_RUNTIME_INTERNAL_H
#define SEQC_RUNTIME_INTERNAL_H

#include "seqc/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills *error (may be null) and returns `code`. */
int32_t seqc_rt_fail(seqc_error *error, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void seqc_rt_succeed(seqc_error *error);

/* Bytes of a tensor that matches `want`. */
int64_t seqc_rt_bytes(const seqc_arg *want, const DLTensor *tensor);

/* The descriptors of one call's arguments. */
struct seqc_frame {
  int64_t stack[512];
  int64_t *block;
  void **descriptors;
};

/* Checks the arguments, which have to be on a device of that type, and describes
   them.  `values` holds the same tensors readable by the host, for the checks of
   elements, or is null to leave those out.  Release the frame in any case. */
int32_t seqc_rt_prepare(const seqc_entry *entry, const DLTensor *const *args,
                        int32_t device_type, const DLTensor *const *values,
                        struct seqc_frame *frame, seqc_error *error);
void seqc_rt_release(struct seqc_frame *frame);

/* The image to try on a device, or null: the one of the highest capability that may
   run there.  Machine code runs on later devices of the same major number, PTX on all
   later ones; code whose name has a letter runs on its own devices. */
const seqc_gpu_image *seqc_rt_cuda_image(const seqc_gpu_code *gpu, int capability,
                                         int ptx);

#ifdef __cplusplus
}
#endif

#endif /* SEQC_RUNTIME_INTERNAL_H */
