//===- SequenceSplit.td - Parts of a sequence, apart -------*- tablegen -*-===//

#ifndef SEQC_PASSES_FORMS_SEQUENCESPLIT_TD
#define SEQC_PASSES_FORMS_SEQUENCESPLIT_TD

include "mlir/IR/OpBase.td"

def SequenceSplitOpInterface : OpInterface<"SequenceSplitOpInterface"> {
  let cppNamespace = "::seqc";
  let description = [{
    What an operation over time offers so that parts of its sequences can be
    computed apart, on cores or on devices:

    * summarise: of each part, how it maps the state before it to that after it;
    * combine: the states before every part, from the summaries in order;
    * apply: the results of a part from the state before it.

    The order of parts is that of the operation: the last tokens come first in
    reverse.  `seqc-split-sequence` and the emulation of several ranks use
    nothing else.
  }];
  let methods = [
    InterfaceMethod<"Why the operation does not split, or nothing.",
      "::std::optional<::std::string>", "splitObstacle", (ins)>,
    InterfaceMethod<"Operands with their axes; those of tokens name time.",
      "::llvm::SmallVector<::seqc::Source>", "splitOperands", (ins)>,
    InterfaceMethod<[{The axes of every result: those of tokens, which name time,
      then the final states, one per state or none.}],
      "::llvm::SmallVector<::seqc::AxesAttr>", "splitResultMaps", (ins)>,
    InterfaceMethod<"The table of packed segments and its axis, or no tensor.",
      "::seqc::Source", "splitSegments", (ins)>,
    InterfaceMethod<"True if the last token comes first.",
      "bool", "splitReverse", (ins)>,
    InterfaceMethod<[{True if parts may be segments of the operands as they are: it has
      no reset flags, which go without segments, and totals as wide as its elements.}],
      "bool", "splitsIntoSegments", (ins)>,
    InterfaceMethod<"The summaries of the view's parts, with the axis of parts.",
      "::llvm::SmallVector<::seqc::Source>", "summarise",
      (ins "::mlir::OpBuilder &":$builder, "const ::seqc::TokenView &":$view)>,
    InterfaceMethod<"The states before every part and after the last one.",
      "::seqc::SplitStates", "combine",
      (ins "::mlir::OpBuilder &":$builder, "const ::seqc::TokenView &":$view,
           "::llvm::ArrayRef<::seqc::Source>":$summary)>,
    InterfaceMethod<"The results over the view's tokens from those states.",
      "::llvm::SmallVector<::seqc::Source>", "apply",
      (ins "::mlir::OpBuilder &":$builder, "const ::seqc::TokenView &":$view,
           "::llvm::ArrayRef<::seqc::Source>":$before)>];
}

#endif // SEQC_PASSES_FORMS_SEQUENCESPLIT_TD
