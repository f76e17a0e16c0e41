// A dialect with one operation: an exponential moving average along axis 1.
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Acme_Dialect : Dialect {
  let name = "acme";
  let cppNamespace = "::acme";
}

def Acme_EmaOp : Op<Acme_Dialect, "ema", [Pure]> {
  let summary = "y_t = decay y_{t-1} + (1 - decay) x_t, from zero";
  let arguments = (ins AnyRankedTensor:$x, F32Attr:$decay);
  let results = (outs AnyRankedTensor:$y);
  let assemblyFormat = "$x `decay` $decay attr-dict `:` type($x) `->` type($y)";
}
