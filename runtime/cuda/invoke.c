/*===- invoke.c - Runs an entry whose code is for a GPU -------------------===*/

#include "../internal.h"
#include "driver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Code in one context. */
struct loaded {
  struct loaded *next;
  void *context;
  struct {
    void *function;
    int32_t shared_bytes; /* what the function may use */
  } kernels[];
};
static pthread_mutex_t load_mutex = PTHREAD_MUTEX_INITIALIZER;

struct seqc_cuda_call {
  const cuda_driver *driver;
  const seqc_entry *entry;
  const DLTensor *const *args;
  struct loaded *code;
  void *stream;
  char *scratch;
  int64_t used;
  int counting; /* only counts scratch memory */
  int32_t result;
  seqc_error *error;
};

/* "q[2,7,4] v[...]", as much as fits. */
static const char *shapes(const seqc_entry *entry, const DLTensor *const *args,
                          char *buffer, size_t size) {
  size_t used = 0;
  buffer[0] = '\0';
  for (int i = 0; i < entry->arg_count && used + 32 < size; ++i) {
    used += (size_t)snprintf(buffer + used, size - used, "%s%.16s[", i ? " " : "",
                             entry->args[i].name);
    for (int d = 0; d < args[i]->ndim && used + 24 < size; ++d)
      used += (size_t)snprintf(buffer + used, size - used, "%s%lld",
                               d ? "," : "", (long long)args[i]->shape[d]);
    if (used + 2 < size)
      used += (size_t)snprintf(buffer + used, size - used, "]");
  }
  return buffer;
}

static void fail_call(seqc_cuda_call *call, const char *what, const char *name,
                      int code) {
  char error[64], text[256];
  call->result = seqc_rt_fail(
      call->error, SEQC_ERROR_CUDA, "%s: %s '%s' failed: %s; arguments %s",
      call->entry->name, what, name,
      seqc_rt_cuda_error(call->driver, code, error, sizeof error),
      shapes(call->entry, call->args, text, sizeof text));
}

/* The blocks of a kernel that run at once, or 0 after an error. */
static int64_t blocks_at_once(seqc_cuda_call *call, const char *name, void *function,
                              int64_t threads, int32_t shared_bytes) {
  int device = 0, processors = 0, each = 0;
  int code = call->driver->ctx_get_device(&device);
  if (!code)
    code = call->driver->device_get_attribute(
        &processors, CUDA_DEVICE_ATTRIBUTE_MULTIPROCESSORS, device);
  if (!code)
    code = call->driver->occupancy(&each, function, (int)threads, (size_t)shared_bytes);
  if (code)
    fail_call(call, "asking for the blocks of kernel", name, code);
  return code ? 0 : (int64_t)processors * each;
}

/* The kernel to launch, its name in *name, or null after an error or if there is nothing
   to do. */
static void *prepare(seqc_cuda_call *call, int32_t kernel, int64_t blocks,
                     int32_t shared_bytes, const char **name) {
  if (call->counting || call->result != SEQC_OK || blocks <= 0)
    return NULL;
  *name = call->entry->gpu->kernels[kernel];
  if (blocks > INT32_MAX) {
    call->result = seqc_rt_fail(call->error, SEQC_ERROR_CUDA,
                                "%s: kernel '%s' needs %lld blocks, expected at "
                                "most %d",
                                call->entry->name, *name, (long long)blocks,
                                INT32_MAX);
    return NULL;
  }
  void *function = call->code->kernels[kernel].function;
  int32_t *allowed = &call->code->kernels[kernel].shared_bytes;
  if (shared_bytes > __atomic_load_n(allowed, __ATOMIC_ACQUIRE)) {
    int code = call->driver->func_set_attribute(
        function, CUDA_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED, shared_bytes);
    if (code) {
      fail_call(call, "asking for shared memory for kernel", *name, code);
      return NULL;
    }
    __atomic_store_n(allowed, shared_bytes, __ATOMIC_RELEASE);
  }
  return function;
}

void seqc_rt_cuda_launch(seqc_cuda_call *call, int32_t kernel, int64_t blocks,
                         int64_t threads, int32_t shared_bytes,
                         void *parameters, int64_t parameter_bytes) {
  const char *name = NULL;
  void *function = prepare(call, kernel, blocks, shared_bytes, &name);
  if (!function)
    return;
  size_t bytes = (size_t)parameter_bytes;
  void *extra[] = {CUDA_LAUNCH_PARAMETERS, parameters, CUDA_LAUNCH_PARAMETER_BYTES,
                   &bytes, CUDA_LAUNCH_END};
  int code = call->driver->launch(function, (unsigned)blocks, 1, 1,
                                  (unsigned)threads, 1, 1, (unsigned)shared_bytes,
                                  call->stream, NULL, bytes ? extra : NULL);
  if (code)
    fail_call(call, "launching kernel", name, code);
}

void seqc_rt_cuda_launch_together(seqc_cuda_call *call, int32_t kernel, int64_t blocks,
                                  int64_t threads, int32_t shared_bytes,
                                  void **parameters) {
  const char *name = NULL;
  void *function = prepare(call, kernel, blocks, shared_bytes, &name);
  if (!function)
    return;
  int64_t most = blocks_at_once(call, name, function, threads, shared_bytes);
  if (call->result != SEQC_OK)
    return;
  if (blocks > most && most > 0)
    blocks = most;
  int code = call->driver->launch_together(function, (unsigned)blocks, 1, 1,
                                           (unsigned)threads, 1, 1,
                                           (unsigned)shared_bytes, call->stream,
                                           parameters);
  if (code)
    fail_call(call, "launching kernel", name, code);
}

void *seqc_rt_cuda_scratch(seqc_cuda_call *call, int64_t bytes) {
  /* An address is needed even while counting; nobody follows it then. */
  char *result = call->scratch + call->used;
  call->used += (bytes + 255) / 256 * 256;
  return result;
}

const seqc_gpu_image *seqc_rt_cuda_image(const seqc_gpu_code *gpu, int capability,
                                         int ptx) {
  const seqc_gpu_image *best = NULL;
  for (int32_t i = 0; i < gpu->image_count; ++i) {
    const seqc_gpu_image *image = &gpu->images[i];
    int runs = image->exact ? image->capability == capability
                            : image->capability <= capability &&
                                  (ptx || image->capability / 10 == capability / 10);
    if (runs && (ptx ? image->ptx != NULL : image->cubin != NULL) &&
        (!best || image->capability > best->capability ||
         (image->capability == best->capability && image->exact)))
      best = image;
  }
  return best;
}

static int32_t load_module(seqc_cuda_call *call, int device, void **module) {
  const seqc_gpu_code *gpu = call->entry->gpu;
  const cuda_driver *cuda = call->driver;
  int major = 0, minor = 0, code = -1;
  cuda->device_get_attribute(&major, CUDA_DEVICE_ATTRIBUTE_MAJOR, device);
  cuda->device_get_attribute(&minor, CUDA_DEVICE_ATTRIBUTE_MINOR, device);
  char log[192] = "", error[64], archs[96] = "";
  const seqc_gpu_image *cubin = seqc_rt_cuda_image(gpu, 10 * major + minor, 0);
  const seqc_gpu_image *ptx = seqc_rt_cuda_image(gpu, 10 * major + minor, 1);
  if (cubin)
    code = cuda->module_load_data_ex(module, cubin->cubin, 0, NULL, NULL);
  if (code && ptx) {
    int options[] = {CUDA_JIT_ERROR_LOG, CUDA_JIT_ERROR_LOG_BYTES};
    void *values[] = {log, (void *)(uintptr_t)(sizeof log)};
    code = cuda->module_load_data_ex(module, ptx->ptx, 2, options, values);
  }
  if (!code)
    return SEQC_OK;
  for (int32_t i = 0; i < gpu->image_count; ++i) {
    size_t used = strlen(archs);
    snprintf(archs + used, sizeof archs - used, "%s%s", i ? ", " : "",
             gpu->images[i].arch);
  }
  call->result = seqc_rt_fail(
      call->error, SEQC_ERROR_CUDA,
      "%s: the code for %s does not load on device %d of compute capability "
      "%d.%d: %s%s%s",
      call->entry->name, archs, device, major, minor,
      cubin || ptx ? seqc_rt_cuda_error(cuda, code, error, sizeof error)
                   : "none of it is for such a device",
      *log ? ": " : "", log);
  return call->result;
}

/* The code in the current context, loaded on first use. */
static struct loaded *load(seqc_cuda_call *call, void *context, int device) {
  seqc_gpu_code *gpu = call->entry->gpu;
  for (struct loaded *at = __atomic_load_n((struct loaded **)&gpu->loaded,
                                           __ATOMIC_ACQUIRE);
       at; at = at->next)
    if (at->context == context)
      return at;
  pthread_mutex_lock(&load_mutex);
  struct loaded *found = gpu->loaded;
  while (found && found->context != context)
    found = found->next;
  if (!found) {
    const cuda_driver *cuda = call->driver;
    void *module = NULL;
    if (load_module(call, device, &module) == SEQC_OK) {
      int code;
      found = calloc(1, sizeof *found + (size_t)gpu->kernel_count *
                                            sizeof found->kernels[0]);
      if (!found)
        call->result = seqc_rt_fail(call->error, SEQC_ERROR_MEMORY,
                                    "%s: out of memory", call->entry->name);
      for (int32_t i = 0; found && i < gpu->kernel_count; ++i) {
        found->kernels[i].shared_bytes = 48 * 1024;
        void **function = &found->kernels[i].function;
        code = cuda->module_get_function(function, module, gpu->kernels[i]);
        /* Clusters of more than eight blocks have to be asked for.  Drivers that
           know no clusters do not know the question. */
        int cluster = 0;
        if (!code &&
            !cuda->func_get_attribute(&cluster, CUDA_FUNC_ATTRIBUTE_CLUSTER_WIDTH,
                                      *function) &&
            cluster > 8)
          code = cuda->func_set_attribute(
              *function, CUDA_FUNC_ATTRIBUTE_LARGE_CLUSTER_ALLOWED, 1);
        if (code) {
          fail_call(call, "finding kernel", gpu->kernels[i], code);
          free(found);
          found = NULL;
        }
      }
      if (found) {
        found->context = context;
        found->next = gpu->loaded;
        __atomic_store_n((struct loaded **)&gpu->loaded, found, __ATOMIC_RELEASE);
      }
    }
  }
  pthread_mutex_unlock(&load_mutex);
  return found;
}

/* Makes a context of `device` current; *pushed says whether to pop it. */
static int32_t enter(const seqc_entry *entry, const cuda_driver *cuda, int device,
                     void **context, int *pushed, seqc_error *error) {
  int current = -1, code = cuda->ctx_get_current(context);
  *pushed = 0;
  if (!code && *context)
    code = cuda->ctx_get_device(&current);
  if (!code && current == device)
    return SEQC_OK;
  /* Retained for good: a context is shared by everyone in the process. */
  int handle = 0;
  code = cuda->device_get(&handle, device);
  if (!code)
    code = cuda->primary_retain(context, handle);
  if (!code)
    code = cuda->ctx_push(*context);
  if (code) {
    char text[64];
    return seqc_rt_fail(error, SEQC_ERROR_CUDA, "%s: CUDA device %d: %s",
                        entry->name, device,
                        seqc_rt_cuda_error(cuda, code, text, sizeof text));
  }
  *pushed = 1;
  return SEQC_OK;
}

/* Copies of the inputs whose elements are to be checked.  `copies` has room for
   all arguments; only those inputs are readable. */
static int32_t fetch(seqc_cuda_call *call, DLTensor *copies,
                     const DLTensor **values) {
  const seqc_entry *entry = call->entry;
  for (int i = 0; i < entry->arg_count; ++i) {
    copies[i] = *call->args[i];
    copies[i].data = NULL;
    copies[i].byte_offset = 0;
    values[i] = &copies[i];
  }
  for (int i = 0; i < entry->arg_count; ++i) {
    const seqc_arg *arg = &entry->args[i];
    int64_t bytes = seqc_rt_bytes(arg, &copies[i]);
    if (arg->is_output || !bytes)
      continue;
    copies[i].data = malloc((size_t)bytes);
    if (!copies[i].data)
      return seqc_rt_fail(call->error, SEQC_ERROR_MEMORY, "%s: out of memory",
                          entry->name);
    uint64_t from =
        (uint64_t)(uintptr_t)call->args[i]->data + call->args[i]->byte_offset;
    int code = call->driver->copy_to_host_async(copies[i].data, from,
                                                (size_t)bytes, call->stream);
    if (!code)
      code = call->driver->stream_synchronize(call->stream);
    if (code) {
      fail_call(call, "reading argument", arg->name, code);
      return call->result;
    }
  }
  return SEQC_OK;
}

/* Counts the scratch memory of a call on these arguments. */
static int64_t count_scratch(const seqc_entry *entry, const DLTensor *const *args,
                             seqc_cuda_kernel kernel, void **descriptors) {
  seqc_cuda_call call = {.entry = entry, .args = args, .counting = 1};
  call.scratch = (char *)256;
  kernel(descriptors, &call);
  return call.used;
}

static int32_t check_devices(const seqc_entry *entry, const DLTensor *const *args,
                             seqc_error *error) {
  for (int i = 1; i < entry->arg_count; ++i)
    if (args[i]->device.device_id != args[0]->device.device_id)
      return seqc_rt_fail(error, SEQC_ERROR_DEVICE,
                          "%s: argument '%s' is on CUDA device %d, expected %d, "
                          "where '%s' is",
                          entry->name, entry->args[i].name,
                          (int)args[i]->device.device_id,
                          (int)args[0]->device.device_id, entry->args[0].name);
  return SEQC_OK;
}

/* Kernels load up to 16 bytes along a last dimension of fixed size at once. */
static int32_t check_addresses(const seqc_entry *entry, const DLTensor *const *args,
                               seqc_error *error) {
  for (int i = 0; i < entry->arg_count; ++i) {
    const seqc_arg *arg = &entry->args[i];
    const seqc_dim *last = arg->rank ? &arg->dims[arg->rank - 1] : NULL;
    if (!last || last->symbol >= 0)
      continue;
    uint64_t row = (uint64_t)last->size * ((arg->bits + 7u) / 8);
    uint64_t align = 16;
    while (row % align)
      align /= 2;
    uint64_t address = (uint64_t)(uintptr_t)args[i]->data + args[i]->byte_offset;
    if (address % align)
      return seqc_rt_fail(error, SEQC_ERROR_STRIDES,
                          "%s: argument '%s' is at an address %d bytes after a "
                          "multiple of %d, expected a multiple of it",
                          entry->name, arg->name, (int)(address % align),
                          (int)align);
  }
  return SEQC_OK;
}

int32_t seqc_rt_invoke_cuda(const seqc_entry *entry, const DLTensor *const *args,
                            seqc_cuda_kernel kernel, void *scratch, void *stream,
                            seqc_error *error) {
  if (!entry || !args || !kernel || !entry->gpu)
    return seqc_rt_fail(error, SEQC_ERROR_NULL_ARGUMENT,
                        "seqc_rt_invoke_cuda: null entry, arguments or kernel, or "
                        "an entry for the CPU");
  struct seqc_frame frame;
  int32_t code = seqc_rt_prepare(entry, args, kDLCUDA, NULL, &frame, error);
  if (code == SEQC_OK)
    code = check_devices(entry, args, error);
  if (code == SEQC_OK)
    code = check_addresses(entry, args, error);
  seqc_cuda_call call = {.entry = entry, .args = args, .stream = stream,
                         .scratch = scratch, .error = error};
  const char *why = NULL;
  if (code == SEQC_OK) {
    call.driver = seqc_rt_cuda_driver(&why);
    if (!call.driver)
      code = seqc_rt_fail(error, SEQC_ERROR_CUDA, "%s: %s", entry->name, why);
  }
  void *context = NULL;
  int pushed = 0, device = entry->arg_count ? args[0]->device.device_id : 0;
  if (code == SEQC_OK)
    code = enter(entry, call.driver, device, &context, &pushed, error);
  if (code == SEQC_OK && entry->flags & SEQC_ENTRY_CHECKED) {
    size_t count = (size_t)entry->arg_count;
    DLTensor *copies = calloc(count, sizeof *copies);
    const DLTensor **values = calloc(count, sizeof *values);
    struct seqc_frame again = {.block = again.stack};
    if (!copies || !values)
      code = seqc_rt_fail(error, SEQC_ERROR_MEMORY, "%s: out of memory",
                          entry->name);
    if (code == SEQC_OK)
      code = fetch(&call, copies, values);
    if (code == SEQC_OK)
      code = seqc_rt_prepare(entry, args, kDLCUDA, values, &again, error);
    seqc_rt_release(&again);
    for (size_t i = 0; copies && i < count; ++i)
      free(copies[i].data);
    free(copies);
    free(values);
  }
  if (code == SEQC_OK) {
    call.code = load(&call, context, device);
    code = call.code ? SEQC_OK : call.result;
  }
  if (code == SEQC_OK) {
    uint64_t own = 0;
    int64_t bytes =
        scratch ? 0 : count_scratch(entry, args, kernel, frame.descriptors);
    if (bytes) {
      int failed = call.driver->alloc_async(&own, (size_t)bytes, stream);
      if (failed) {
        fail_call(&call, "allocating", "scratch memory", failed);
        own = 0;
      }
      call.scratch = (char *)(uintptr_t)own;
    }
    kernel(frame.descriptors, &call);
    if (own) {
      int failed = call.driver->free_async(own, stream);
      if (failed && call.result == SEQC_OK)
        fail_call(&call, "freeing", "scratch memory", failed);
    }
    code = call.result;
  }
  if (pushed)
    call.driver->ctx_pop(&context);
  if (code == SEQC_OK)
    seqc_rt_succeed(error);
  seqc_rt_release(&frame);
  return code;
}

int64_t seqc_rt_cuda_scratch_bytes(const seqc_entry *entry,
                                   const DLTensor *const *args,
                                   seqc_cuda_kernel kernel, seqc_error *error) {
  if (!entry || !args || !kernel)
    return -seqc_rt_fail(error, SEQC_ERROR_NULL_ARGUMENT,
                         "seqc_rt_cuda_scratch_bytes: null entry, arguments or "
                         "kernel");
  struct seqc_frame frame;
  int32_t code = seqc_rt_prepare(entry, args, kDLCUDA, NULL, &frame, error);
  int64_t bytes = -code;
  if (code == SEQC_OK) {
    bytes = count_scratch(entry, args, kernel, frame.descriptors);
    seqc_rt_succeed(error);
  }
  seqc_rt_release(&frame);
  return bytes;
}
