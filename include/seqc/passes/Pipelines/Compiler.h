//===- Compiler.h - The compiler as a library -------------------*- C++ -*-===//
//
// The facade that `seqc` and embedders share.  Nothing here exits or prints;
// failures are values.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_PIPELINES_COMPILER_H
#define SEQC_PASSES_PIPELINES_COMPILER_H

#include "seqc/lib/Cost/Forms.h"
#include "seqc/lib/Support/Entry.h"
#include "seqc/passes/Pipelines/Register.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
class OpPassManager;
} // namespace mlir

struct seqc_error;
struct seqc_entry;

namespace seqc {

/// Stages of compilation, in order.
enum class Stage {
  Input,  ///< the program as written, canonicalised
  Structured, ///< recurrences in canonical form where one is to be used
  Formed, ///< one form per operation: on a CPU, scans without a blocked form are
          ///< recurrences
  Problem, ///< what has tiles to choose names its problem
  Solved,  ///< and has an answer
  Tiled,  ///< loops, vectors and buffers
  Target, ///< the LLVM dialect
};
/// "input", "structured", "formed", "problem", "solved", "tiled", "target".
llvm::StringRef stageName(Stage stage);
/// The stage of that name, or an error that lists the names.
llvm::Expected<Stage> parseStage(llvm::StringRef name);

/// How recurrences are run.
enum class Form {
  Auto,       ///< what `seqc-select-form` expects to be fastest
  Sequential, ///< one token after the other, as written
  Canonical,  ///< through `seqc.linear_recurrence`, one token after the other
  Chunked,    ///< through `seqc.linear_recurrence`, a chunk at a time
  Scan,       ///< elementwise affine recurrences as scans
};
/// "auto", "sequential", "canonical", "chunked", "scan".
llvm::StringRef formName(Form form);
/// The form of that name, or an error that lists the names.
llvm::Expected<Form> parseForm(llvm::StringRef name);

struct CompileOptions {
  /// "cpu", or a GPU architecture: "sm_80", "sm_90a", "sm_100a", "sm_120a"; or
  /// several of these, "sm_80,sm_90a", whose library holds code for each.
  std::string target = "cpu";
  /// Processor: "host", or a name that LLVM knows ("znver4", "skylake-avx512").
  std::string cpu = "host";
  /// More or fewer features, as "+avx512f,-fma".
  std::string features;
  /// The form of recurrences.  A form that a program does not allow is an error.
  Form form = Form::Auto;
  /// Tokens of a chunk in the chunked form; 0: what its problem of tiles answers.
  int64_t chunk = 0;
  /// The length of chunks is a problem, whose constraints `chunk` has to satisfy, too;
  /// else it is `chunk`, as for proofs at small sizes.
  bool chunksAreSolved = true;
  /// How chunks lie on packed segments: "segments" (each has its own), "masks" (a
  /// chunk may hold several) or "auto".
  std::string packed = "auto";
  /// Parts that sequences are cut into, to run apart; 1 leaves them whole, 0 leaves
  /// it to the cost estimate and the sizes of each call (on a CPU, with `Form::Auto`).
  int64_t split = 0;
  /// Cores that the choice of form counts on; 0 is those of this machine, or one where
  /// `cpu` names another processor.
  int64_t cores = 0;
  /// A machine description whose numbers stand instead of the target's, or empty.
  std::string targetFile;
  /// Knobs of tiles that are fixed by hand, as "rows=8".
  std::vector<std::string> tiles;
  /// Adds `NAME_step`, which takes one token, beside every entry that allows it.
  bool decode = true;
  /// A form that is not proved to equal the recurrence is not used, or warned of where
  /// it is asked for.
  bool checkForms = true;
  /// Calls check the declared ranges of inputs (`seqc.range`).
  bool checked = false;
  /// Where `toLLVM` and friends stop; `compile` needs Target.
  Stage stopAfter = Stage::Target;
  /// Lanes of an f32 vector; 0 follows the processor.
  int64_t vectorWidth = 0;
  /// Factors of the products in chunks of bf16 tokens: "f32", "bf16" (rounded once,
  /// summed in f32), or "auto": bf16 where the processor has dot products of them.  On a
  /// GPU "bf16" lets f32 tokens be rounded, too.
  std::string factors = "auto";
  /// The processor has dot products of pairs of bf16; `compile` finds out.
  bool bf16Dots = false;
  /// Prints pass times to standard error.
  bool timePasses = false;
};

/// True if `options.target` is a GPU.
inline bool isGpu(const CompileOptions &options) {
  return options.target != "cpu";
}
/// What the choice of form knows of the CPU.
CpuMachine machineOf(const CompileOptions &options);
/// Names that `CompileOptions::target` may have.
llvm::ArrayRef<llvm::StringRef> targetNames();
/// The targets that a comma separates in `text`, or an error that lists the names.
llvm::Expected<llvm::SmallVector<llvm::StringRef>> targetsOf(llvm::StringRef text);

/// What `options` say the machine is: a known name, or a file that describes one.  Of
/// several targets, the one with least shared memory.
std::string machineName(const CompileOptions &options);

/// Shared memory that a block may ask for on the machine of `options`, a GPU.
int64_t sharedBytes(const CompileOptions &options);

/// Lanes of an f32 vector on the processor that `options` name.
llvm::Expected<int64_t> vectorLanes(const CompileOptions &options);

/// Adds the passes from the input stage to `options.stopAfter`.
void buildPipeline(mlir::OpPassManager &pm, const CompileOptions &options);

/// Adds the one-token function `NAME_step` beside the entries of `module`, at the input
/// stage, that have one, with remarks why others have none; true if a pass failed.
bool addSteps(mlir::ModuleOp module);

/// Machine code in this process.
class Jit {
public:
  virtual ~Jit() = default;
  /// The address of a C symbol, or an error.
  virtual llvm::Expected<void *> lookup(llvm::StringRef name) = 0;
};

/// A compiled module: per public function `f` a C function
/// `int32_t f(const DLTensor *..., DLTensor *..., seqc_error *)`; for a GPU
/// `int32_t f(const DLTensor *..., DLTensor *..., void *scratch, void *stream,
/// seqc_error *)` and `int64_t f_scratch(the tensors, seqc_error *)`.
class CompiledModule {
public:
  CompiledModule(CompiledModule &&);
  CompiledModule &operator=(CompiledModule &&);
  ~CompiledModule();

  llvm::ArrayRef<EntryInfo> entries() const;
  /// LLVM IR, optimised.
  std::string toLLVM() const;
  llvm::Expected<std::string> toAssembly() const;
  llvm::Expected<std::string> toObject() const;
  /// The GPU's code as PTX; an error for the CPU.
  llvm::Expected<std::string> toPtx() const;
  /// The GPU's code as ptxas assembles it; an error for the CPU, or where ptxas
  /// is not installed or failed.
  llvm::Expected<std::string> toCubin() const;
  /// Links object code and the runtime into a shared library at `path`, which
  /// appears only when complete.
  llvm::Error linkShared(llvm::StringRef path) const;
  /// C declarations of the entries; `guard` names the include guard.
  std::string header(llvm::StringRef guard) const;
  /// Loads the code into this process; consumes the module.
  llvm::Expected<std::unique_ptr<Jit>> jit() &&;

  struct Impl;
  explicit CompiledModule(std::unique_ptr<Impl> impl);

private:
  std::unique_ptr<Impl> impl;
};

/// Compiles a module at the input stage.  Diagnostics go to the context's
/// handlers as usual; the error says which stage failed.  `module` is changed.
llvm::Expected<CompiledModule> compile(mlir::ModuleOp module,
                                       const CompileOptions &options = {});

} // namespace seqc

#endif // SEQC_PASSES_PIPELINES_COMPILER_H
