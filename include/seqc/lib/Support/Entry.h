//===- Entry.h - What an entry's arguments look like from outside *- C++ -*-===//

#ifndef SEQC_LIB_SUPPORT_ENTRY_H
#define SEQC_LIB_SUPPORT_ENTRY_H

#include "seqc/lib/Cost/Work.h"
#include "seqc/lib/Support/Interval.h"

#include "mlir/IR/Types.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace seqc {

/// One dimension: static (symbol < 0), or symbol / divisor + offset.
struct EntryDim {
  int64_t size = 0;
  int symbol = -1;
  int64_t divisor = 1;
  int64_t offset = 0;
};

/// One argument of an entry; results come after the inputs, as outputs.
struct EntryArg {
  std::string name;
  /// A ranked tensor or a scalar.
  mlir::Type type;
  llvm::SmallVector<EntryDim> dims;
  bool isOutput = false;
  /// Output: the input whose memory it is written to, or -1.  Callers see one
  /// argument that is read and written.
  int inPlace = -1;
  /// A segment table: the size of the axis that it cuts.
  std::optional<EntryDim> cuts;
  /// How `seqc run` draws it ("" for the default); see docs.
  std::string draw;
  /// What `seqc.range` declares of its elements.
  Interval range;
  /// A step's state: the number it starts at ("" if that is an argument's).
  std::string start;
};

/// The arithmetic of one operation: `token` at each point of `extents`.
struct EntryWork {
  Work token;
  llvm::SmallVector<EntryDim> extents;
};

/// An entry's interface: the sizes that callers choose (symbols, named after the
/// axes of the operations that use them) and the arguments in terms of them.
struct EntryInfo {
  std::string name;
  std::vector<std::string> symbols;
  /// Sizes the program declares for examples (`seqc.sizes`), or -1.
  std::vector<int64_t> exampleSizes;
  /// Sizes for timing, larger than caches (`seqc.bench`), or -1.
  std::vector<int64_t> benchSizes;
  std::vector<EntryArg> args;
  /// One item per recurrence and scan.
  std::vector<EntryWork> works;
};

/// Describes a function at the input stage.  Fails if an argument or result is
/// not a tensor or scalar, or a result's size does not follow from the inputs'.
llvm::Expected<EntryInfo> describeEntry(mlir::func::FuncOp func);

} // namespace seqc

#endif // SEQC_LIB_SUPPORT_ENTRY_H
