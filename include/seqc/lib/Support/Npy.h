//===- Npy.h - NumPy's .npy files -------------------------------*- C++ -*-===//

#ifndef SEQC_LIB_SUPPORT_NPY_H
#define SEQC_LIB_SUPPORT_NPY_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace seqc {

/// A file's contents: a NumPy type such as "<f4" and row-major bytes.
struct NpyArray {
  std::string descr;
  llvm::SmallVector<int64_t> shape;
  std::string bytes;
};

/// Reads a version 1 or 2 file.  Fails, naming the path and what is wrong, on
/// a malformed or truncated file, Fortran order, or sizes beyond 64 bits.
llvm::Expected<NpyArray> readNpy(llvm::StringRef path);

/// Writes aside, then renames, so that the file appears only when complete.
llvm::Error writeNpy(llvm::StringRef path, const NpyArray &array);

/// Writes `bytes` to `path` the same way.
llvm::Error writeFileAtomically(llvm::StringRef path, llvm::StringRef bytes);

} // namespace seqc

#endif // SEQC_LIB_SUPPORT_NPY_H
