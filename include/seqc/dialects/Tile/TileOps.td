//===- TileOps.td - The seqc_tile dialect: tiles of a block --*- tablegen -*-===//
//
// What the threads of one GPU block do together with two-dimensional tiles.
// Constraints are numbered (T1, T2, ...); the verifier and the tests repeat the
// numbers.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_DIALECTS_TILE_TILEOPS_TD
#define SEQC_DIALECTS_TILE_TILEOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/IR/BuiltinTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_Dialect : Dialect {
  let name = "seqc_tile";
  let cppNamespace = "::seqc::tile";
  let summary = "Tiles of one GPU block, in registers and in shared memory";
  let description = [{
    An operation is what all threads of a block do together.  Tiles in registers
    are `!seqc_tile.fragment` values, spread over the warps by a layout that the
    type names; tiles in shared memory are `!seqc_tile.shared` values.  Arithmetic
    on fragments is `arith` and `math`, time is `scf.for` carrying fragments, a
    barrier is `gpu.barrier`.  The matrix product takes its left factor from
    registers and its right one from shared memory.

    `seqc-tiles-to-nvvm` distributes fragments over registers.
  }];
  let useDefaultTypePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Tile_Place : I32EnumAttr<"Place", "where a fragment's elements are", [
    I32EnumAttrCase<"acc", 0>, I32EnumAttrCase<"lhs", 1>,
    I32EnumAttrCase<"row", 2>, I32EnumAttrCase<"col", 3>]> {
  let cppNamespace = "::seqc::tile";
  let genSpecializedAttr = 0;
}

class Tile_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Tile_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def Tile_Fragment : Tile_Type<"Fragment", "fragment",
                              [ShapedTypeInterface, ValueSemantics]> {
  let summary = "A tile in the registers of a block's warps";
  let description = [{
    `!seqc_tile.fragment<64x128xf32, acc, 4>`: rows are cut into as many parts as
    there are warps.  The places are those of PTX's `mma.m16n8k16`:

    * `acc`: an accumulator; lane l holds of each 16 x 8 piece, with g = l / 4 and
      c = l mod 4, rows g and g + 8 of columns 2c and 2c + 1.
    * `lhs`: a left factor, of 16-bit elements; of each 16 x 16 piece rows g and
      g + 8 of columns 2c, 2c + 1, 2c + 8 and 2c + 9.
    * `row`: one row, the columns of an `acc`, in every warp.
    * `col`: one column, the rows of an `acc`.

    Constraint T1: `acc`, `lhs` and `col` have a multiple of 16 rows a warp, `row`
    one; `acc` and `row` have a multiple of 8 columns, `lhs` of 16, `col` one;
    elements are floats, those of `lhs` bf16 or f16 (f32 while it is computed).
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        "::seqc::tile::Place":$place, "int64_t":$warps);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool hasRank() const { return true; }
    FragmentType cloneWith(std::optional<::llvm::ArrayRef<int64_t>> shape,
                           ::mlir::Type elementType) const;
    int64_t rows() const { return getShape()[0]; }
    int64_t cols() const { return getShape()[1]; }
    /// Pieces of 16 rows of a warp; 0 for `row`.
    int64_t rowPieces() const { return rows() / (16 * getWarps()); }
    /// Elements a lane holds.
    int64_t laneElements() const;
    FragmentType withElement(::mlir::Type type) const {
      return get(getContext(), getShape(), type, getPlace(), getWarps());
    }
  }];
}

def Tile_Shared : Tile_Type<"Shared", "shared"> {
  let summary = "A tile in shared memory, or a ring of them";
  let description = [{
    `!seqc_tile.shared<64x128xbf16>`, or `<2x64x128xbf16>` for two stages.  Rows
    of 16 bytes and more are an odd number of 16-byte units apart, so that the
    eight rows of a matrix load lie in different banks; shorter rows are dense.
    With `units` (`<64x128xbf16, units>`) the first units of all rows lie together,
    then the second ones, and so on: eight rows of a unit are 128 bytes, and less
    is lost between them.  By units, f32 elements are right factors of tf32, to which
    they are rounded as they are stored: of 8 columns the even ones are a unit, the odd
    ones the next, as accumulators are left factors.

    Constraint T2: two or three positive dimensions, of floats; with `units`, of 16
    bits or f32, and a multiple of 8 columns.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        DefaultValuedParameter<"bool", "false">:$units);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isRing() const { return getShape().size() == 3; }
    int64_t stages() const { return isRing() ? getShape()[0] : 1; }
    int64_t rows() const { return getShape()[getShape().size() - 2]; }
    int64_t cols() const { return getShape().back(); }
    int64_t elementBytes() const { return getElementType().getIntOrFloatBitWidth() / 8; }
    /// Elements of a unit of 16 bytes.
    int64_t unitElements() const { return 16 / elementBytes(); }
    /// Bytes from one row to the next, and from one unit of a row to the next.
    int64_t rowBytes() const;
    int64_t unitBytes() const;
    /// Bytes from the first element to another.
    int64_t offset(int64_t row, int64_t col) const {
      if (isTf32())
        return row * rowBytes() + (col / 8 * 2 + col % 2) * unitBytes() +
               col % 8 / 2 * elementBytes();
      return row * rowBytes() + col / unitElements() * unitBytes() +
             col % unitElements() * elementBytes();
    }
    /// Whether it is a right factor of tf32.
    bool isTf32() const { return getUnits() && elementBytes() == 4; }
    /// Bytes of one stage, and of all.
    int64_t stageBytes() const;
    int64_t bytes() const { return stages() * stageBytes(); }
    SharedType stage() const { return get(getContext(), getShape().take_back(2), getElementType(), getUnits()); }
  }];
}

def Tile_AnyMemRef : MemRefOf<[AnyFloat]>;

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_AllocOp : Tile_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Shared memory for a tile or a ring of tiles";
  let description = [{
    Kernels get their tiles one after the other from the block's dynamic shared
    memory; `over` another one, they get what that one has.

    Constraint T25: a tile has room for what lies over it.
    Example: `%q = seqc_tile.alloc : !seqc_tile.shared<2x64x128xbf16>`, `%p =
    seqc_tile.alloc over %q : !seqc_tile.shared<2x64x128xbf16> : !seqc_tile.shared<64x64xf32>`.
  }];
  let arguments = (ins Optional<Tile_Shared>:$over);
  let results = (outs Tile_Shared:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$result),
                            [{ build($_builder, $_state, result, ::mlir::Value()); }]>];
  let assemblyFormat = "(`over` $over^ `:` type($over))? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_StageOp : Tile_Op<"stage", [Pure]> {
  let summary = "One tile of a ring";
  let description = [{
    Constraint T3: the operand is a ring, the result one of its tiles.
    Example: `%now = seqc_tile.stage %q[%n] : !seqc_tile.shared<2x64x128xbf16> ->
    !seqc_tile.shared<64x128xbf16>`.
  }];
  let arguments = (ins Tile_Shared:$ring, Index:$number);
  let results = (outs Tile_Shared:$result);
  let assemblyFormat = "$ring `[` $number `]` attr-dict `:` type($ring) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_RowsOp : Tile_Op<"rows", [Pure]> {
  let summary = "Some rows of a tile";
  let description = [{
    Constraint T21: tiles of rows that lie one after the other, not rings; the result
    has the operand's columns and elements, and rows that exist.
    Example: `%low = seqc_tile.rows %q from 64 : !seqc_tile.shared<128x64xbf16> ->
    !seqc_tile.shared<64x64xbf16>`.
  }];
  let arguments = (ins Tile_Shared:$tile, I64Attr:$first);
  let results = (outs Tile_Shared:$result);
  let assemblyFormat = "$tile `from` $first attr-dict `:` type($tile) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_CopyInOp : Tile_Op<"copy_in", [MemoryEffects<[MemRead, MemWrite]>,
                                        AttrSizedOperandSegments]> {
  let summary = "Copies a tile of device memory into shared memory";
  let description = [{
    Row r of the tile is read at `indices` with dimension `row_dim` moved by r, or
    by -r if `reverse`; columns are along dimension `col_dim` (-1: one column).
    Rows from `rows` on, and columns beyond the buffer, become zero.  With a `table` row r
    is read where its entry `start` + r, divided by `share`, moves `row_dim`; a row of an
    entry below zero becomes zero.  With elements of one type the copy may be asynchronous: it has ended for a thread after
    `commit` and `wait`, for the block after a barrier.

    Constraint T4: there is an index for every dimension of the buffer; `row_dim`
    and `col_dim` are two of them, `col_dim` the last, or -1 for tiles of one
    column; the tile has the buffer's element type or a wider one; it is no ring; a table
    comes with a start and a positive share, and without `reverse`.
    Example: `seqc_tile.copy_in %q[%b, %t, %h, %c0], %count -> %tile {row_dim = 1,
    col_dim = 3} : memref<?x?x?x128xbf16> -> !seqc_tile.shared<64x128xbf16>`.
  }];
  let arguments = (ins Tile_AnyMemRef:$source, Variadic<Index>:$indices, Index:$rows,
                       Tile_Shared:$target, I64Attr:$row_dim, I64Attr:$col_dim,
                       UnitAttr:$reverse, Optional<MemRefRankOf<[I32], [1]>>:$table,
                       Optional<Index>:$start, DefaultValuedAttr<I64Attr, "1">:$share);
  let assemblyFormat = [{
    $source `[` $indices `]` `,` $rows (`by` $table^ `[` $start `]`)? `->` $target attr-dict
    `:` type($source) (`by` type($table)^)? `->` type($target)
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::ValueRange":$indices,
                                 "::mlir::Value":$rows, "::mlir::Value":$target,
                                 "int64_t":$rowDim, "int64_t":$colDim, "bool":$reverse), [{
    build($_builder, $_state, source, indices, rows, target, rowDim, colDim, reverse,
          /*table=*/::mlir::Value(), /*start=*/::mlir::Value(), /*share=*/1);
  }]>];
  let hasVerifier = 1;
}

def Tile_CopyOutOp : Tile_Op<"copy_out", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Copies a tile of shared memory to device memory";
  let description = [{
    The opposite of `copy_in`, at once: what lies beyond `rows` or the buffer is
    not written.  Constraint T4, with equal element types.
  }];
  let arguments = (ins Tile_Shared:$source, Tile_AnyMemRef:$target,
                       Variadic<Index>:$indices, Index:$rows, I64Attr:$row_dim,
                       I64Attr:$col_dim, UnitAttr:$reverse);
  let assemblyFormat = [{
    $source `->` $target `[` $indices `]` `,` $rows attr-dict `:` type($source) `->` type($target)
  }];
  let hasVerifier = 1;
}

def Tile_CommitOp : Tile_Op<"commit"> {
  let summary = "Ends a group of asynchronous copies";
  let assemblyFormat = "attr-dict";
}

def Tile_WaitOp : Tile_Op<"wait"> {
  let summary = "Waits until at most `pending` groups of copies are under way";
  let arguments = (ins I64Attr:$pending);
  let assemblyFormat = "$pending attr-dict";
}

def Tile_CumsumOp : Tile_Op<"cumsum", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Sums down the columns of a shared tile";
  let description = [{
    Row r of `target` is the sum of rows 0 to r of `source`, in f32, in a fixed
    order; elements below `floor` count as that.

    Constraint T5: target has f32 elements and the source's shape.
    Example: `seqc_tile.cumsum %g -> %b floor -100.0 : !seqc_tile.shared<64x1xf32>
    -> !seqc_tile.shared<64x1xf32>`.
  }];
  let arguments = (ins Tile_Shared:$source, Tile_Shared:$target, F64Attr:$floor);
  let assemblyFormat = "$source `->` $target `floor` $floor attr-dict `:` type($source) `->` type($target)";
  let hasVerifier = 1;
}

def Tile_MapOp : Tile_Op<"map", [MemoryEffects<[MemRead, MemWrite]>, SingleBlock,
                                 AttrSizedOperandSegments]> {
  let summary = "Computes shared tiles element by element from others";
  let description = [{
    A warp computes the rows that a fragment of as many rows has in it, so that what
    the warp alone reads needs a `warp_barrier` only.  Element (r, c) is what the
    region makes of elements (r_i, c) of the sources: with `blocks` B_i and `firsts`
    f_i, r_i = r div B_i * B_i + f_i (so 1 and 0 give r itself), zero where negative.
    With `half` h only rows in first halves of blocks of 2 h are computed, or in
    second ones if `second`; 0 means all rows.  A target may be a source that is
    read at the computed row alone.

    Constraint T15: all tiles have the first target's shape, whose columns are a
    multiple of 4; there are one block and first for each source; the region's
    arguments and the values it yields, one for each target, are of their element types.
    Example:
    ```
    seqc_tile.map %k, %b, %b -> %late blocks [1, 1, 64] firsts [0, 0, 63] {
    ^bb0(%x: bf16, %own: f32, %last: f32):
      ...
      seqc_tile.yield %y : bf16
    } : !seqc_tile.shared<64x128xbf16>, ... -> !seqc_tile.shared<64x128xbf16>
    ```
  }];
  let arguments = (ins Variadic<Tile_Shared>:$sources, Variadic<Tile_Shared>:$targets,
                       DenseI64ArrayAttr:$blocks, DenseI64ArrayAttr:$firsts,
                       DefaultValuedAttr<I64Attr, "0">:$half, UnitAttr:$second);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sources `->` $targets `blocks` $blocks `firsts` $firsts $body attr-dict
    `:` type($sources) `->` type($targets)
  }];
  let hasVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ParentOneOf<["MapOp"]>]> {
  let summary = "The elements that a map computes";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Tile_TeamOp : Tile_Op<"team", [RecursiveMemoryEffects, SingleBlock, NoTerminator]> {
  let summary = "What some of the warps do, while the others do something else";
  let description = [{
    Warps `first` to `first + warps - 1` run the body, in which fragments are spread over
    these warps and `gpu.barrier` waits for them alone; `meet` waits for the whole block.
    Teams run at the same time, as many meetings in each; between two meetings one must not
    use what another writes.  With `registers` each of its threads has as many where groups
    of four warps can exchange them (`setmaxnreg`): all teams together no more than before.

    Constraint T26: no team within a team; first and warps are multiples of 4, the groups
    of `wgmma`; registers are a multiple of 8 from 24 to 256.
    Example:
    ```
    seqc_tile.team of 4 from 0 registers 152 {
      ...
      seqc_tile.meet
    }
    seqc_tile.team of 8 from 4 registers 176 {
      seqc_tile.meet
      ...
    }
    ```
  }];
  let arguments = (ins I64Attr:$warps, I64Attr:$first, OptionalAttr<I64Attr>:$registers);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`of` $warps `from` $first (`registers` $registers^)? "
                       "attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Tile_MeetOp : Tile_Op<"meet"> {
  let summary = "Waits for all teams of the block";
  let description = [{
    What was written to shared memory before is then seen by all.  A product of groups of
    warps reads only what was written before a meeting, or a barrier of the whole block.

    Constraint T27: it is in a team.
  }];
  let assemblyFormat = "attr-dict";
  let hasVerifier = 1;
}

def Tile_BoundedOp : Tile_Op<"bounded", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Whether a row of a tile is nowhere far from zero";
  let description = [{
    True, in every thread, if all elements of the row are within -`limit` .. `limit`;
    with `step` s, if the differences of rows s - 1, 2 s - 1 and so on up to `row` are,
    from the first, whose difference is from zero.
    A thread looks at the columns whose sums it has computed, so there is no barrier
    between `cumsum` and this operation; it is one itself.

    Constraint T16: a tile of f32 with more than one column; `row` is one of its rows,
    the last one of a step.
    Example: `%near = seqc_tile.bounded %b row 63 limit 75.0 : !seqc_tile.shared<64x128xf32>`.
  }];
  let arguments = (ins Tile_Shared:$source, I64Attr:$row, F64Attr:$limit,
                       DefaultValuedAttr<I64Attr, "0">:$step);
  let results = (outs I1:$result);
  let assemblyFormat = "$source `row` $row `limit` $limit attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Tile_WarpBarrierOp : Tile_Op<"warp_barrier"> {
  let summary = "Waits for the threads of the own warp";
  let assemblyFormat = "attr-dict";
}

def Tile_ElementOp : Tile_Op<"element", [MemoryEffects<[MemRead]>]> {
  let summary = "One element of a shared tile, in every thread";
  let description = [{
    Constraint T6: the result has the tile's element type; it is no ring.
    Example: `%last = seqc_tile.element %b[%c63, %c0] : !seqc_tile.shared<64x1xf32>
    -> f32`.
  }];
  let arguments = (ins Tile_Shared:$source, Index:$row, Index:$col);
  let results = (outs AnyFloat:$result);
  let assemblyFormat = "$source `[` $row `,` $col `]` attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

def Tile_SplatOp : Tile_Op<"splat", [Pure]> {
  let summary = "A fragment whose elements are one number";
  let description = [{
    Constraint T6: the number has the fragment's element type.
    Example: `%z = seqc_tile.splat %zero : f32 -> !seqc_tile.fragment<64x64xf32, acc, 4>`.
  }];
  let arguments = (ins AnyFloat:$value);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_IotaOp : Tile_Op<"iota", [Pure]> {
  let summary = "A row or column of the numbers 0, 1, 2, ...";
  let description = [{
    Constraint T7: the result is a `row` or `col` of f32.
    Example: `%n = seqc_tile.iota : !seqc_tile.fragment<1x64xf32, row, 4>`.
  }];
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "A fragment of a shared tile";
  let description = [{
    All of the tile, transposed on request; for a `row` or `col` as many rows from
    `first` on of a tile of one column as the fragment has elements, or row `first`
    of a tile with as many columns.  With `first` -1 a row of an `acc` is the one above
    it, and the first is zero.

    Constraint T8: the shapes agree; element types agree; it is no ring; a
    transposed fragment is an `lhs` or `acc`.
    Example: `%v = seqc_tile.load %tile {transpose} : !seqc_tile.shared<64x64xbf16> ->
    !seqc_tile.fragment<64x64xbf16, lhs, 4>`.
  }];
  let arguments = (ins Tile_Shared:$source, UnitAttr:$transpose,
                       DefaultValuedAttr<I64Attr, "0">:$first);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "Writes an accumulator to a shared tile";
  let description = [{
    With `diagonal` D the fragment has D columns and the tile as many as it has
    rows: a row's elements go to its own block of D columns.

    Constraint T8, for an `acc`; D is a multiple of 16.
    Example: `seqc_tile.store %o -> %tile {transpose} : !seqc_tile.fragment<64x64xbf16,
    acc, 4> -> !seqc_tile.shared<64x64xbf16>`.
  }];
  let arguments = (ins Tile_Fragment:$value, Tile_Shared:$target, UnitAttr:$transpose,
                       DefaultValuedAttr<I64Attr, "0">:$diagonal);
  let assemblyFormat = "$value `->` $target attr-dict `:` type($value) `->` type($target)";
  let hasVerifier = 1;
}

def Tile_ReadOp : Tile_Op<"read", [MemoryEffects<[MemRead]>]> {
  let summary = "An accumulator from device memory";
  let description = [{
    Element (m, n) is read at `indices` with the last two dimensions moved by m and
    n, or by n and m if `transpose`; what lies beyond the buffer is zero.

    Constraint T9: the buffer has two dimensions or more and an index for each; the
    fragment is an `acc` of its element type.
  }];
  let arguments = (ins Tile_AnyMemRef:$source, Variadic<Index>:$indices, UnitAttr:$transpose);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$source `[` $indices `]` attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_WriteOp : Tile_Op<"write", [MemoryEffects<[MemWrite]>,
                                     AttrSizedOperandSegments]> {
  let summary = "Writes an accumulator or a column to device memory";
  let description = [{
    The opposite of `read`.  With `row_dim` r, rows are along dimension r and columns
    along the last one; rows from `rows` on are not written.  A `col` has no columns:
    all dimensions but `row_dim` stay.  With `fold` F rows start anew at multiples of F,
    each time one further along `fold_dim`.

    Constraint T9; for a `col` or with `rows`, `row_dim` is a dimension of the buffer, not
    the last one of an `acc`, and nothing is transposed; `fold` divides the rows and comes
    with `fold_dim`, another such dimension.
  }];
  let arguments = (ins Tile_Fragment:$value, Tile_AnyMemRef:$target,
                       Variadic<Index>:$indices, Optional<Index>:$rows,
                       UnitAttr:$transpose, OptionalAttr<I64Attr>:$row_dim,
                       OptionalAttr<I64Attr>:$fold, OptionalAttr<I64Attr>:$fold_dim);
  let assemblyFormat = [{
    $value `->` $target `[` $indices `]` (`rows` $rows^)? attr-dict `:` type($value) `->` type($target)
  }];
  let hasVerifier = 1;
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
  let summary = "A row repeated down, or a column repeated across";
  let description = [{
    Constraint T10: a `row` of the result's columns or a `col` of its rows, of its
    element type and warps, becomes an `acc` or, for a row, an `lhs`.
    Example: `%m = seqc_tile.broadcast %row : !seqc_tile.fragment<1x64xf32, row, 4> ->
    !seqc_tile.fragment<64x64xf32, acc, 4>`.
  }];
  let arguments = (ins Tile_Fragment:$value);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_TriangleOp : Tile_Op<"triangle", [Pure, SameOperandsAndResultType]> {
  let summary = "Keeps the lower triangle; what is above becomes zero";
  let description = [{
    Keeps elements with column <= row, or column < row if `strict`.
    Constraint T11: the fragment is an `acc`.
  }];
  let arguments = (ins Tile_Fragment:$value, UnitAttr:$strict);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$value attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Tile_WithinOp : Tile_Op<"within", [Pure, AllTypesMatch<["value", "result"]>,
                                       AllTypesMatch<["from", "to"]>]> {
  let summary = "Keeps an interval of columns of each row";
  let description = [{
    Keeps elements with from <= column < to, the bounds being those of the element's row;
    the rest becomes `fill`, whatever it was.

    Constraint T20: the value is an `acc` of f32; the bounds are `col`s of f32 of its rows
    and warps.
    Example: `%m = seqc_tile.within %s from %a to %b else %least : !seqc_tile.fragment<64x64xf32,
    acc, 4>, !seqc_tile.fragment<64x1xf32, col, 4>`.
  }];
  let arguments = (ins Tile_Fragment:$value, Tile_Fragment:$from, Tile_Fragment:$to,
                       F32:$fill);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = [{
    $value `from` $from `to` $to `else` $fill attr-dict `:` type($value) `,` type($from)
  }];
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "The sum of each row, or its largest element";
  let description = [{
    The order of a sum depends on the shape only; NaN is the largest.

    Constraint T19: an `acc` of f32 becomes a `col` of f32 of its rows and warps.
    Example: `%m = seqc_tile.reduce max %s : !seqc_tile.fragment<64x64xf32, acc, 4> ->
    !seqc_tile.fragment<64x1xf32, col, 4>`.
  }];
  let arguments = (ins UnitAttr:$max, Tile_Fragment:$value);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "(`max` $max^)? $value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_CrossOp : Tile_Op<"cross", [Pure, SameOperandsAndResultType]> {
  let summary = "Keeps what second halves of blocks have with first halves";
  let description = [{
    Rows and columns are cut into blocks of 2 `half`, rows modulo the columns.  Kept
    are elements whose row is in the second half and whose column is in the first
    half of the same block; with `half` 0, the diagonal.  The rest becomes zero.
    Constraint T11: the fragment is an `acc`; its columns are a multiple of 2 `half`.
  }];
  let arguments = (ins Tile_Fragment:$value, I64Attr:$half);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$value attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Tile_ConvertOp : Tile_Op<"convert", [Pure]> {
  let summary = "An accumulator as a left factor, or back: no element moves";
  let description = [{
    Constraint T12: an `acc` becomes an `lhs` of its shape, element type and warps,
    or an `lhs` such an `acc`.
  }];
  let arguments = (ins Tile_Fragment:$value);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_InvertOp : Tile_Op<"invert", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Inverses of the unit triangular blocks on a diagonal";
  let description = [{
    Each block A of 16 rows and columns on the diagonal, strictly lower triangular,
    becomes (I - A)^-1 - I; what else is in the tile stays.  By forward substitution
    in f32.  A warp has the rows that a fragment of as many rows has in it.

    Constraint T17: a tile of N x N f32, N a multiple of 16 a warp.
    Example: `seqc_tile.invert %a : !seqc_tile.shared<64x64xf32>`.
  }];
  let arguments = (ins Tile_Shared:$tile);
  let assemblyFormat = "$tile attr-dict `:` type($tile)";
  let hasVerifier = 1;
}

def Tile_SubstituteOp : Tile_Op<"substitute", [MemoryEffects<[MemRead]>,
                                               AllTypesMatch<["value", "result"]>]> {
  let summary = "Solves X (I - A)^T = F for X, by forward substitution over blocks";
  let description = [{
    `factor` has the blocks of a strictly lower triangular A below the diagonal, and on
    it what `invert` makes of A's own: with blocks of 16 columns,
    R_i = F_i + sum over j < i of X_j A_ij^T and X_i = R_i + R_i N_i^T.  Factors of
    products are rounded to tf32, sums are f32.

    Constraint T18: an `acc` of M x N f32, a tile of N x N f32, N a multiple of 16.
    Example: `%x = seqc_tile.substitute %f, %a : !seqc_tile.fragment<64x64xf32, acc, 4>,
    !seqc_tile.shared<64x64xf32>`.
  }];
  let arguments = (ins Tile_Fragment:$value, Tile_Shared:$factor);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$value `,` $factor attr-dict `:` type($value) `,` type($factor)";
  let hasVerifier = 1;
}

def Tile_CastOp : Tile_Op<"cast", [Pure]> {
  let summary = "Rounds or widens a fragment's elements";
  let description = [{
    Constraint T14: only the element type changes.
    Example: `%h = seqc_tile.cast %x : !seqc_tile.fragment<64x64xf32, acc, 4> ->
    !seqc_tile.fragment<64x64xbf16, acc, 4>`.
  }];
  let arguments = (ins Tile_Fragment:$value);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_MmaOp : Tile_Op<"mma", [MemoryEffects<[MemRead]>,
                                 AllTypesMatch<["c", "result"]>]> {
  let summary = "Matrix product: registers times shared memory, plus registers";
  let description = [{
    `c + a b`, where `b` is K x N in shared memory, or N x K if `transpose`.  With
    `diagonal` D the product is square, and only blocks of D x D on its diagonal
    are computed: `c` is M x D.  With `count` n only the n columns from `first` on
    are; the others stay.

    Constraint T13: a is an `lhs` of M x K, b a tile of K x N (N x K) of the same
    16-bit element type, c an `acc` of M x N f32, N a multiple of 16; or, with
    `diagonal`, b is M x K and transposed, c M x D, D a multiple of 16 that divides M; or
    both factors are f32, the tile N x K by units: a product of tf32, to which `a` is
    rounded.  `first` and `count` are columns of the product, multiples of 16.  With
    `lower` b is N x N, transposed, and zero above its diagonal: of that nothing is
    multiplied.
    Example: `%o = seqc_tile.mma %s, %q, %zero {transpose} : !seqc_tile.fragment<64x128xbf16,
    lhs, 4>, !seqc_tile.shared<64x128xbf16>, !seqc_tile.fragment<64x64xf32, acc, 4>`.
  }];
  let arguments = (ins Tile_Fragment:$a, Tile_Shared:$b, Tile_Fragment:$c, UnitAttr:$transpose,
                       DefaultValuedAttr<I64Attr, "0">:$diagonal,
                       DefaultValuedAttr<I64Attr, "0">:$first,
                       DefaultValuedAttr<I64Attr, "0">:$count, UnitAttr:$lower);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = "$a `,` $b `,` $c attr-dict `:` type($a) `,` type($b) `,` type($c)";
  let hasVerifier = 1;
}

def Tile_FiniteOp : Tile_Op<"finite", [MemoryEffects<[MemRead]>]> {
  let summary = "Whether all elements of a shared tile are finite";
  let description = [{
    Every warp looks at all of the tile by itself; its threads agree.

    Constraint T22: a tile, no ring, of bf16 or f16, without `units`, with a multiple of 8
    columns.
    Example: `%all = seqc_tile.finite %v : !seqc_tile.shared<64x128xbf16>`.
  }];
  let arguments = (ins Tile_Shared:$source);
  let results = (outs I1:$result);
  let assemblyFormat = "$source attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Tile_AddSeenOp : Tile_Op<"add_seen", [MemoryEffects<[MemRead]>,
                                          AllTypesMatch<["c", "result"]>,
                                          AllTypesMatch<["from", "to"]>]> {
  let summary = "Adds the rows of a tile that each row sees, one by one";
  let description = [{
    `c + a b` where row m of `a` has to do with rows from <= k < to of `b` only, the
    bounds being those of row m: what else `b` holds does not reach the sum, be it
    infinite or NaN, which a product with zeros would let through.  In the order of k, in
    f32; slow.

    Constraint T23: a is an `lhs` of M x K, b a tile of K x N, no ring, without `units`, of
    the same 16-bit element type, c an `acc` of M x N f32; the bounds are `col`s of f32 of
    M rows; all of as many warps.
    Example: `%o = seqc_tile.add_seen %p, %v, %c from %a to %b : <64x64xbf16, lhs, 4>,
    <64x128xbf16>, <64x128xf32, acc, 4>, <64x1xf32, col, 4>`.
  }];
  let arguments = (ins Tile_Fragment:$a, Tile_Shared:$b, Tile_Fragment:$c,
                       Tile_Fragment:$from, Tile_Fragment:$to);
  let results = (outs Tile_Fragment:$result);
  let assemblyFormat = [{
    $a `,` $b `,` $c `from` $from `to` $to attr-dict `:` type($a) `,` type($b) `,` type($c)
    `,` type($from)
  }];
  let hasVerifier = 1;
}

include "seqc/dialects/Tile/TileProblem.td"

#endif // SEQC_DIALECTS_TILE_TILEOPS_TD
