//===- TileProblem.td - Problems whose answers are tiles ---*- tablegen -*-===//
//
// What there is to choose, what limits it, and what it costs.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_DIALECTS_TILE_TILEPROBLEM_TD
#define SEQC_DIALECTS_TILE_TILEPROBLEM_TD

include "mlir/IR/SymbolInterfaces.td"

def Tile_Relation : I32EnumAttr<"Relation", "how the sides of a constraint compare", [
    I32EnumAttrCase<"le", 0>, I32EnumAttrCase<"eq", 1>]> {
  let cppNamespace = "::seqc::tile";
}

def Tile_ProblemOp : Tile_Op<"problem", [
    IsolatedFromAbove, SingleBlock, Symbol]> {
  let summary = "What there is to choose about one operation's tiles";
  let description = [{
    Knobs are what is chosen, constraints what an answer has to satisfy, the
    `seqc_tile.minimize` at the end what it costs.  Between them is arithmetic on
    `index`: `arith` constants, additions, subtractions, products, quotients and
    remainders of numbers that are not negative, minima, maxima, comparisons and
    selections.

    Among answers of the least cost, the one is taken whose first knob has the
    earliest of its values, then the second knob, and so on.  `seqc-solve-tiles`
    writes the answer into `solution`.

    * P1: the body has knobs, constraints, parts and such arithmetic.
    * P2: no two knobs have one name, nor two constraints.
    * P3: `solution` has a value of its own for every knob.

    Example:
    ```mlir
    seqc_tile.problem @product of "a product of 16x128x128" {
      %rows = seqc_tile.knob "rows" in 16 to 1
      %vectors = seqc_tile.knob "vectors" in [1, 2, 4]
      %sums = arith.muli %rows, %vectors : index
      %registers = arith.constant 32 : index
      seqc_tile.constraint "registers" %sums le %registers, "{0} sums do not fit {1} registers"
      %work = arith.constant 16384 : index
      %cost = arith.ceildivui %work, %sums : index
      seqc_tile.minimize %cost per 2
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$what,
                       OptionalAttr<DictionaryAttr>:$solution);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `of` $what (`solved` $solution^)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tile_KnobOp : Tile_Op<"knob", [Pure, HasParent<"ProblemOp">]> {
  let summary = "A number that is chosen";
  let description = [{
    From a table, `in [1, 2, 4]`, or a range, `in 16 to 1`.  Both give the values in
    the order in which equally good ones are preferred.

    * P4: a table has distinct values, from 0 to 2^31 - 1; at most 65536 of them.

    Example: `%v = seqc_tile.knob "vectors" in [1, 2, 4]`
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<DenseI64ArrayAttr>:$table,
                       OptionalAttr<I64Attr>:$first, OptionalAttr<I64Attr>:$last);
  let results = (outs Index:$result);
  let assemblyFormat = [{
    $name `in` custom<Values>($table, $first, $last) attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The values, the preferred ones first.
    ::llvm::SmallVector<int64_t> values();
  }];
}

def Tile_ConstraintOp : Tile_Op<"constraint", [HasParent<"ProblemOp">]> {
  let summary = "What an answer has to satisfy";
  let description = [{
    The sentence is for people.  `{0}` and `{1}` stand for the two sides, `{2}` and
    so on for further values; `{0:bytes}` is written as `48 KiB`.

    * P5: a sentence is not empty and its braces name values that there are.

    Example: `seqc_tile.constraint "cache" %used le %l1, "the state needs {0:bytes}; L1 has {1:bytes}"`
  }];
  let arguments = (ins StrAttr:$name, Index:$left, Tile_Relation:$relation, Index:$right,
                       StrAttr:$sentence, Variadic<Index>:$values);
  let assemblyFormat = [{
    $name $left $relation $right `,` $sentence (`of` $values^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_PartOp : Tile_Op<"part", [HasParent<"ProblemOp">]> {
  let summary = "A named part of the cost, for people";
  let description = [{
    The value over `scale` is in cycles.  The part `floor` is what no choice can be
    below.

    Example: `seqc_tile.part "multiply-adds" %fmas per 2`
  }];
  let arguments = (ins StrAttr:$name, Index:$value, I64Attr:$scale);
  let assemblyFormat = "$name $value `per` $scale attr-dict";
  let hasVerifier = 1;
}

def Tile_MinimizeOp : Tile_Op<"minimize", [Terminator, HasParent<"ProblemOp">]> {
  let summary = "What an answer costs";
  let description = [{
    The value over `scale` is in cycles.

    * P6: a scale is positive.

    Example: `seqc_tile.minimize %cost per 4`
  }];
  let arguments = (ins Index:$cost, I64Attr:$scale);
  let assemblyFormat = "$cost `per` $scale attr-dict";
  let hasVerifier = 1;
}

#endif // SEQC_DIALECTS_TILE_TILEPROBLEM_TD
