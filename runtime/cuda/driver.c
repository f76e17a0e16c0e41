/*===- driver.c - CUDA's driver, opened at run time -----------------------===*/

#include "driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static cuda_driver driver;
static const char *reason;
static char reason_text[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_driver(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    reason = "the CUDA driver (libcuda.so.1) is not on this machine";
    return;
  }
  const struct {
    const char *name;
    void *slot;
  } functions[] = {
      {"cuInit", &driver.init},
      {"cuGetErrorName", &driver.get_error_name},
      {"cuGetErrorString", &driver.get_error_string},
      {"cuDeviceGet", &driver.device_get},
      {"cuDeviceGetAttribute", &driver.device_get_attribute},
      {"cuDevicePrimaryCtxRetain", &driver.primary_retain},
      {"cuCtxGetCurrent", &driver.ctx_get_current},
      {"cuCtxGetDevice", &driver.ctx_get_device},
      {"cuCtxPushCurrent_v2", &driver.ctx_push},
      {"cuCtxPopCurrent_v2", &driver.ctx_pop},
      {"cuModuleLoadDataEx", &driver.module_load_data_ex},
      {"cuModuleGetFunction", &driver.module_get_function},
      {"cuFuncGetAttribute", &driver.func_get_attribute},
      {"cuFuncSetAttribute", &driver.func_set_attribute},
      {"cuLaunchKernel", &driver.launch},
      {"cuLaunchCooperativeKernel", &driver.launch_together},
      {"cuOccupancyMaxActiveBlocksPerMultiprocessor", &driver.occupancy},
      {"cuMemAllocAsync", &driver.alloc_async},
      {"cuMemFreeAsync", &driver.free_async},
      {"cuMemcpyDtoHAsync_v2", &driver.copy_to_host_async},
      {"cuStreamSynchronize", &driver.stream_synchronize},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; ++i) {
    void *symbol = dlsym(library, functions[i].name);
    if (!symbol) {
      snprintf(reason_text, sizeof reason_text,
               "the CUDA driver has no %s; version 11.2 or later is needed",
               functions[i].name);
      reason = reason_text;
      return;
    }
    memcpy(functions[i].slot, &symbol, sizeof symbol);
  }
  int code = driver.init(0);
  if (code) {
    char buffer[64];
    snprintf(reason_text, sizeof reason_text, "the CUDA driver does not start: %s",
             seqc_rt_cuda_error(&driver, code, buffer, sizeof buffer));
    reason = reason_text;
  }
}

const cuda_driver *seqc_rt_cuda_driver(const char **why) {
  pthread_once(&once, open_driver);
  if (reason) {
    *why = reason;
    return NULL;
  }
  return &driver;
}

const char *seqc_rt_cuda_error(const cuda_driver *api, int code, char *buffer,
                               size_t size) {
  const char *name = NULL;
  if (api->get_error_name(code, &name) == 0 && name)
    return name;
  snprintf(buffer, size, "CUDA error %d", code);
  return buffer;
}
