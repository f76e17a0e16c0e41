/*===- driver.h - CUDA's driver, opened at run time -------------*- C -*-===//
//
// The parts of the driver API that the runtime uses, declared here so that
// nothing of CUDA is needed to build.  Handles are opaque pointers.
//
//===----------------------------------------------------------------------===*/

#ifndef SEQC_RUNTIME_CUDA_DRIVER_H
#define SEQC_RUNTIME_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

typedef struct cuda_driver {
  int (*init)(unsigned);
  int (*get_error_name)(int, const char **);
  int (*get_error_string)(int, const char **);
  int (*device_get)(int *, int);
  int (*device_get_attribute)(int *, int, int);
  int (*primary_retain)(void **, int);
  int (*ctx_get_current)(void **);
  int (*ctx_get_device)(int *);
  int (*ctx_push)(void *);
  int (*ctx_pop)(void **);
  int (*module_load_data_ex)(void **, const void *, unsigned, int *, void **);
  int (*module_get_function)(void **, void *, const char *);
  int (*func_get_attribute)(int *, int, void *);
  int (*func_set_attribute)(void *, int, int);
  int (*launch)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                unsigned, void *, void **, void **);
  int (*occupancy)(int *, void *, int, size_t);
  int (*launch_together)(void *, unsigned, unsigned, unsigned, unsigned, unsigned,
                         unsigned, unsigned, void *, void **);
  int (*alloc_async)(uint64_t *, size_t, void *);
  int (*free_async)(uint64_t, void *);
  int (*copy_to_host_async)(void *, uint64_t, size_t, void *);
  int (*stream_synchronize)(void *);
} cuda_driver;

enum {
  CUDA_DEVICE_ATTRIBUTE_MULTIPROCESSORS = 16,
  CUDA_DEVICE_ATTRIBUTE_MAJOR = 75,
  CUDA_DEVICE_ATTRIBUTE_MINOR = 76,
  CUDA_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED = 8,
  CUDA_FUNC_ATTRIBUTE_CLUSTER_WIDTH = 11,
  CUDA_FUNC_ATTRIBUTE_LARGE_CLUSTER_ALLOWED = 14,
  CUDA_JIT_ERROR_LOG = 5,
  CUDA_JIT_ERROR_LOG_BYTES = 6
};
/* Names of what follows in the last argument of a launch. */
#define CUDA_LAUNCH_END ((void *)0)
#define CUDA_LAUNCH_PARAMETERS ((void *)1)
#define CUDA_LAUNCH_PARAMETER_BYTES ((void *)2)

/* The driver, or null with a reason in *why. */
const cuda_driver *seqc_rt_cuda_driver(const char **why);

/* "CUDA_ERROR_..." or a number, in a buffer of the caller. */
const char *seqc_rt_cuda_error(const cuda_driver *driver, int code, char *buffer,
                               size_t size);

#endif /* SEQC_RUNTIME_CUDA_DRIVER_H */
