//===- Cuda.h - Device memory and time, for seqc run ------------*- C++ -*-===//

#ifndef SEQC_TOOLS_SEQC_CUDA_H
#define SEQC_TOOLS_SEQC_CUDA_H

#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>

namespace seqc::driver {

/// Times of one call on the device, in seconds.
struct DeviceTimes {
  double launched = 0; ///< between events around a plain call
  double graph = 0;    ///< of a replayed graph
  double host = 0;     ///< that a call keeps the host busy, one of a series
  unsigned count = 0;
};

/// CUDA's first device through the driver, which is opened at run time.
class Cuda {
public:
  /// An error says what is missing.
  static llvm::Expected<std::unique_ptr<Cuda>> open();
  ~Cuda();

  llvm::Expected<void *> allocate(int64_t bytes);
  llvm::Error upload(void *to, const void *from, int64_t bytes);
  llvm::Error download(void *to, const void *from, int64_t bytes);
  llvm::Error fill(void *to, unsigned char value, int64_t bytes);
  llvm::Error synchronize();
  void *stream() const;
  const std::string &name() const;

  /// Medians of repeated calls; with `flush` the second-level cache is overwritten
  /// before each.
  llvm::Expected<DeviceTimes> time(llvm::function_ref<llvm::Error()> call,
                                   bool flush = true);
  /// Bytes a second of a copy of 2^28 f32 on the device, counting both directions.
  llvm::Expected<double> copyRate();

private:
  Cuda();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace seqc::driver

#endif // SEQC_TOOLS_SEQC_CUDA_H
