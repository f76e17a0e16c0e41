//===- Driver.h - What the subcommands of seqc share ------------*- C++ -*-===//

#ifndef SEQC_TOOLS_SEQC_DRIVER_H
#define SEQC_TOOLS_SEQC_DRIVER_H

#include "Cuda.h"

#include "seqc/abi.h"
#include "seqc/lib/Reference/Interpreter.h"
#include "seqc/lib/Support/Entry.h"
#include "seqc/lib/Target/Machine.h"
#include "seqc/passes/Pipelines/Compiler.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

#include <map>
#include <memory>
#include <new>
#include <string>

namespace seqc::driver {

//===-- Options --------------------------------------------------------------//

/// Options that several subcommands take.
struct CommonOptions {
  std::string file, entry, cpu, features, target;
  Form form = Form::Auto;
  int64_t chunk = 0;
  bool checked = false;
  int64_t split = 0, cores = 0;
  std::string packed = "auto", targetFile = {};
  std::vector<std::string> tiles = {};
  std::string factors = "auto";
  /// The entry's one-token function is meant instead.
  bool step = false;
};
/// Sizes of the axes, as run and explain are given them ("B=4,T=2048").
llvm::StringRef boundSizes();
extern llvm::cl::SubCommand compileCommand, runCommand, explainCommand,
    benchCommand, proveCommand, targetsCommand;
/// The values of the common options, checked.
llvm::Expected<CommonOptions> commonOptions();
CompileOptions compileOptions(const CommonOptions &common);

int runCompile();
int runRun();
int runExplain();
/// `seqc explain --tiles`.
llvm::Error explainTiles();
int runBench();
int runProve();
int runTargets();

/// Prints "seqc: error: ..." and returns 1.
int report(llvm::Error error);

//===-- Source ---------------------------------------------------------------//

/// A parsed file.
struct Source {
  std::unique_ptr<mlir::MLIRContext> context;
  /// Shows source lines in diagnostics.
  std::shared_ptr<void> diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Parses and verifies `path` ("-" for standard input), printing diagnostics to
/// standard error, and names arguments and results as the source does.
llvm::Expected<Source> parse(llvm::StringRef path);

/// The entry of that name, or the only one for an empty name.
llvm::Expected<mlir::func::FuncOp> findEntry(mlir::ModuleOp module,
                                             llvm::StringRef name);
/// Leaves `name` the only public function; all stay where it is empty.
llvm::Error keepEntry(mlir::ModuleOp module, llvm::StringRef name);

//===-- Tensors --------------------------------------------------------------//

/// A tensor in host memory, in its own element type.
/// Memory that begins with a cache line, as frameworks give it to their tensors.
template <class T> struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};
  LineAllocator() = default;
  template <class U> LineAllocator(const LineAllocator<U> &) {}
  T *allocate(size_t n) { return static_cast<T *>(::operator new(n * sizeof(T), line)); }
  void deallocate(T *p, size_t) { ::operator delete(p, line); }
  bool operator==(const LineAllocator &) const { return true; }
};

using Bytes = std::vector<char, LineAllocator<char>>;

struct HostTensor {
  mlir::Type element;
  llvm::SmallVector<int64_t> shape;
  Bytes bytes;

  int64_t size() const;
  double get(int64_t i) const;
  void set(int64_t i, double value);
  /// NaN everywhere, or an unlikely integer, so that what is not written stands out.
  void poison();
};

/// Bytes of one element in memory.
int64_t bytesOf(mlir::Type element);
/// Zeroed memory for `shape`; fails if the bytes overflow or exceed memory.
llvm::Expected<HostTensor> allocate(llvm::StringRef name, mlir::Type element,
                                    llvm::ArrayRef<int64_t> shape);
llvm::Expected<HostTensor> loadTensor(llvm::StringRef name, llvm::StringRef path,
                                      mlir::Type element);
llvm::Error saveTensor(llvm::StringRef path, const HostTensor &tensor);
reference::TensorF64 toReference(const HostTensor &tensor);

/// Fills `tensor` with numbers as `arg.draw` says, the same for the same seed and
/// name.  `length` is the axis a segment table covers.
llvm::Error draw(const EntryArg &arg, uint64_t seed, int64_t length,
                 HostTensor &tensor);

//===-- Sizes ----------------------------------------------------------------//

/// Values of an entry's symbols; -1 is unknown.
using Symbols = std::vector<int64_t>;
/// "B=4,T=2048", names without regard to case.
llvm::Expected<Symbols> bind(const EntryInfo &entry, llvm::StringRef text);
/// The shape of `arg`, or an error that names the unknown size.
llvm::Expected<llvm::SmallVector<int64_t>> shapeOf(const EntryInfo &entry,
                                                   const EntryArg &arg,
                                                   const Symbols &symbols);

/// Bytes of the inputs and results of a call, and operations of its arithmetic
/// (functions counted as kOperationsPerFunction); an error names unknown sizes.
struct Totals {
  double bytes = 0, operations = 0;
};
llvm::Expected<Totals> totalsOf(const EntryInfo &entry, const Symbols &symbols);

//===-- Execution ------------------------------------------------------------//

/// What a call is made with.
struct CallOptions {
  std::vector<std::string> inputs; // NAME=FILE
  std::string bindings;
  uint64_t seed = 1;
  /// Take unbound sizes from `seqc.bench` where it is given.
  bool bench = false;
  /// The program is interpreted instead of compiled.
  bool interpret = false;
};

/// An entry compiled into this process, with tensors to call it on.
class Execution {
public:
  static llvm::Expected<Execution> create(Source &source,
                                          const CommonOptions &common,
                                          const CallOptions &call);
  /// States that are updated in place start as they are drawn.
  llvm::Error call();
  /// Calls once more, with outputs and scratch memory NaN again; an error names an
  /// output that has other bits then.  Only for code for a GPU.
  llvm::Error callAgain();
  /// Runs the program as it is after `stage` in the interpreter; results are f64.
  llvm::Error interpretAt(const CommonOptions &common, Stage stage);
  /// The inputs, for the interpreter.
  std::vector<reference::TensorF64> referenceInputs() const;
  /// Median seconds of repeated calls, and how many there were.
  llvm::Expected<std::pair<double, unsigned>> time();
  /// The same on the device; only for code for a GPU.
  llvm::Expected<DeviceTimes> timeOnDevice();
  Cuda *device() { return cuda.get(); }

  mlir::func::FuncOp func;
  EntryInfo entry;
  Symbols symbols;
  /// One per argument; outputs are NaN before the first call.
  std::vector<HostTensor> tensors;
  double compileSeconds = 0;

private:
  std::unique_ptr<Jit> jit;
  const seqc_entry *signature = nullptr;
  void *kernel = nullptr;
  /// The tensors that the C function takes, by number: all but those that are updated in
  /// place, whose memory is that of the result.
  llvm::SmallVector<unsigned> passed;
  llvm::Error resetStates();
  llvm::Error invoke();

  /// For code for a GPU: the device, and its copies of the tensors, each between
  /// two guards; the C function's further arguments.
  llvm::Error toDevice();
  llvm::Error invokeOnDevice();
  std::unique_ptr<Cuda> cuda;
  std::vector<char *> onDevice;
  std::vector<DLTensor> arrays;
  std::vector<const DLTensor *> pointers;
  void *scratch = nullptr;
  int64_t scratchBytes = 0;
};

/// Seconds since some fixed moment.
double now();
/// "NAME=PATH" options by name; each has to name one of `names`.
llvm::Expected<std::map<std::string, std::string>>
byName(llvm::StringRef option, llvm::ArrayRef<std::string> values,
       llvm::ArrayRef<std::string> names);

/// Measures this machine: a copy beyond the caches and multiply-adds in
/// registers, on all threads.
Ceilings measureCeilings();
/// f32 additions and multiplications a second, in registers.
double measureMultiplyAdds(bool allThreads);
/// The description with what can be measured here measured.
target::Machine calibrate(target::Machine machine);

} // namespace seqc::driver

#endif // SEQC_TOOLS_SEQC_DRIVER_H
