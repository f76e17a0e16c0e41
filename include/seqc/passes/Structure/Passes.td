//===- Passes.td - Deriving and rewriting structure --------*- tablegen -*-===//

#ifndef SEQC_PASSES_STRUCTURE_PASSES_TD
#define SEQC_PASSES_STRUCTURE_PASSES_TD

include "mlir/Pass/PassBase.td"

def DeriveStructure : Pass<"seqc-derive-structure"> {
  let summary = "Writes each recurrence's algebraic class next to it";
  let description = [{
    **Expects** any program.
    **Guarantees** that every `seqc.recurrence` has an attribute
    `seqc.structure`: for each set of carries that depend on each other, in
    dependence order, the carries' numbers and the class (C0 to C7).  Nothing
    else changes.
    **Fails when** never: what no class covers is C7, with a remark that names
    the operation, if `remarks` is set.
    **Example** a step that computes `exp(g) * s + k v^T` has
    `seqc.structure = ["0: C4.3"]`.
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say in a remark what each recurrence is">];
}

#endif // SEQC_PASSES_STRUCTURE_PASSES_TD
