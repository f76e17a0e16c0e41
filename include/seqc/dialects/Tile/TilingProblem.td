//===- TilingProblem.td - Operations that have tiles to choose -*- tablegen -*-===//

#ifndef SEQC_DIALECTS_TILE_TILINGPROBLEM_TD
#define SEQC_DIALECTS_TILE_TILINGPROBLEM_TD

include "mlir/IR/OpBase.td"

def TilingProblemOpInterface : OpInterface<"TilingProblemOpInterface"> {
  let cppNamespace = "::seqc::tile";
  let description = [{
    An operation whose lowering has numbers to choose states them as a problem: its
    knobs, what limits them on a machine, and what they cost there.
  }];
  let methods = [InterfaceMethod<
    "States the problem of this operation on `machine` in `problem`.  Returns false, "
    "and adds nothing, if there is nothing to choose.",
    "bool", "poseTiles", (ins "::seqc::tile::ProblemBuilder &":$problem,
                              "const ::seqc::target::Machine &":$machine)>];
}

#endif // SEQC_DIALECTS_TILE_TILINGPROBLEM_TD
