//===- Passes.td - Passes over pipelines -------------------*- tablegen -*-===//

#ifndef SEQC_PASSES_PIPELINES_PASSES_TD
#define SEQC_PASSES_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckForms : Pass<"seqc-check-forms", "::mlir::ModuleOp"> {
  let summary = "A form that is not proved to equal the recurrence is not used";
  let description = [{
    **Expects** recurrences that `seqc-select-form` or `seqc-select-tiles` has marked.
    **Guarantees** that each recurrence marked with a form, or with parts, has been
    built in it at small sizes, for three tokens, and compared with itself over exact
    terms (see docs/rationale/structure.md); where that proves nothing, the recurrence
    is marked as sequential, without parts, and a remark says why.  With `form`, the
    form that is asked for stays, with a warning.  The combine regions of scans that
    the form has are proved as well.  `seqc prove` looks at more sizes.
    **Fails when** a form that is asked for, all of whose gates are known to fall, is
    refuted: the error gives the counterexample.
    **Example** a step that reads a table at an index that it computes from a value:
    which element that is, terms do not say.
  }];
  let options = [
      Option<"form", "form", "std::string", "\"auto\"",
             "The form asked for: auto, canonical, chunked or scan">,
      Option<"packed", "packed", "std::string", "\"auto\"",
             "How chunks lie on packed segments: segments, masks or auto">,
      Option<"tiles", "tiles", "bool", "false",
             "Chunks are made by kernels of tiles, from the canonical form">];
  let dependentDialects = [
      "::seqc::SeqDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
      "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
      "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

#endif // SEQC_PASSES_PIPELINES_PASSES_TD
