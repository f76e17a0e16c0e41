//===- TileVerify.cpp - Constraints of the seqc_tile dialect --------------===//

#include "seqc/dialects/Tile/Tile.h"

using namespace mlir;
using namespace seqc::tile;

LogicalResult StageOp::verify() {
  if (!getRing().getType().isRing() ||
      getResult().getType() != getRing().getType().stage())
    return emitOpError() << "takes " << getResult().getType() << " from "
                         << getRing().getType() << ", expected a tile of a ring (T3)";
  return success();
}

LogicalResult AllocOp::verify() {
  SharedType own = getResult().getType();
  if (getOver() && getOver().getType().bytes() < own.bytes())
    return emitOpError() << "lies over " << getOver().getType() << " of "
                         << getOver().getType().bytes() << " bytes, expected room for "
                         << own.bytes() << " (T25)";
  return success();
}

LogicalResult RowsOp::verify() {
  SharedType from = getTile().getType(), to = getResult().getType();
  int64_t first = getFirst();
  if (from.isRing() || to.isRing() || from.getUnits() || to.getUnits() ||
      from.cols() != to.cols() || from.getElementType() != to.getElementType() ||
      first < 0 || first + to.rows() > from.rows())
    return emitOpError() << "takes " << to << " from row " << first << " of " << from
                         << ", expected rows of it (T21)";
  return success();
}

/// T4 for one direction; `from` and `to` are the element types.
template <class Op>
static LogicalResult verifyCopy(Op op, MemRefType buffer, SharedType tile, bool in) {
  int64_t rank = buffer.getRank(), row = op.getRowDim(), col = op.getColDim();
  if (int64_t(op.getIndices().size()) != rank)
    return op.emitOpError() << "has " << op.getIndices().size()
                            << " indices for a buffer of " << rank
                            << " dimensions, expected as many (T4)";
  if (!buffer.getLayout().isIdentity())
    return op.emitOpError() << "has a buffer of type " << buffer
                            << ", expected a compact one (T4)";
  if (tile.isRing())
    return op.emitOpError() << "has the ring " << tile << ", expected a tile (T4)";
  if (row < 0 || row >= rank || (col != -1 && (col != rank - 1 || col == row)) ||
      (col == -1 && tile.cols() != 1))
    return op.emitOpError() << "has row_dim " << row << " and col_dim " << col
                            << " for a buffer of " << rank
                            << " dimensions, expected two of them, col_dim the last, "
                               "or -1 for a tile of one column (T4)";
  Type from = in ? buffer.getElementType() : tile.getElementType();
  Type to = in ? tile.getElementType() : buffer.getElementType();
  bool widens = in && from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth();
  if (from != to && !widens)
    return op.emitOpError() << "copies " << from << " to " << to
                            << ", expected equal element types"
                            << (in ? " or a wider target" : "") << " (T4)";
  return success();
}

LogicalResult CopyInOp::verify() {
  if (bool(getTable()) != bool(getStart()) || int64_t(getShare()) < 1 ||
      (getTable() && getReverse()))
    return emitOpError("has a table of rows, expected a start and a positive share, and "
                       "no 'reverse' (T4)");
  return verifyCopy(*this, getSource().getType(), getTarget().getType(), true);
}

LogicalResult CopyOutOp::verify() {
  return verifyCopy(*this, getTarget().getType(), getSource().getType(), false);
}

LogicalResult CumsumOp::verify() {
  SharedType from = getSource().getType(), to = getTarget().getType();
  if (from.isRing() || from.getShape() != to.getShape() ||
      !to.getElementType().isF32())
    return emitOpError() << "sums " << from << " into " << to
                         << ", expected a tile of f32 of the same shape (T5)";
  return success();
}

LogicalResult ElementOp::verify() {
  if (getSource().getType().isRing() ||
      getSource().getType().getElementType() != getResult().getType())
    return emitOpError() << "takes " << getResult().getType() << " from "
                         << getSource().getType()
                         << ", expected the element type of a tile (T6)";
  return success();
}

LogicalResult SplatOp::verify() {
  if (getValue().getType() != getResult().getType().getElementType())
    return emitOpError() << "spreads " << getValue().getType() << " over "
                         << getResult().getType()
                         << ", expected its element type (T6)";
  return success();
}

LogicalResult IotaOp::verify() {
  FragmentType type = getResult().getType();
  if ((type.getPlace() != Place::row && type.getPlace() != Place::col) ||
      !type.getElementType().isF32())
    return emitOpError() << "makes " << type << ", expected a row or col of f32 (T7)";
  return success();
}

/// T8: fragment `f` is all of tile `s`, or, for vectors, `count` rows from `first`.
static LogicalResult verifyShared(Operation *op, FragmentType f, SharedType s,
                                  bool transpose, int64_t first) {
  bool vector = f.getPlace() == Place::row || f.getPlace() == Place::col;
  int64_t rows = f.rows(), cols = f.cols();
  if (transpose)
    std::swap(rows, cols);
  bool above = first == -1 && f.getPlace() == Place::acc && !transpose && isa<LoadOp>(op);
  bool fits = s.rows() == rows && s.cols() == cols && (first == 0 || above);
  if (vector) {
    int64_t used = s.cols() == 1 ? f.rows() * f.cols() : 1;
    fits = first >= 0 && first + used <= s.rows() && !transpose &&
           (s.cols() == 1 || s.cols() == f.rows() * f.cols());
  }
  if (!fits || s.isRing() || s.getElementType() != f.getElementType())
    return op->emitOpError() << "has fragment " << f << " and tile " << s
                             << ", expected equal shapes"
                             << (transpose ? ", transposed," : "")
                             << " and element types (T8)";
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyShared(*this, getResult().getType(), getSource().getType(),
                      getTranspose(), getFirst());
}

LogicalResult StoreOp::verify() {
  if (getValue().getType().getPlace() != Place::acc)
    return emitOpError() << "stores " << getValue().getType()
                         << ", expected an acc (T8)";
  FragmentType type = getValue().getType();
  if (int64_t d = getDiagonal()) {
    if (d % 16 || type.cols() != d || type.rows() % d || getTranspose())
      return emitOpError() << "stores " << type << " along a diagonal of blocks of " << d
                           << ", expected as many columns, a multiple of 16 that "
                              "divides the rows (T8)";
    type = FragmentType::get(getContext(), {type.rows(), type.rows()},
                             type.getElementType(), type.getPlace(), type.getWarps());
  }
  return verifyShared(*this, type, getTarget().getType(), getTranspose(), 0);
}

static LogicalResult verifyDevice(Operation *op, FragmentType f, MemRefType buffer,
                                  size_t indices) {
  if (f.getPlace() != Place::acc || buffer.getRank() < 2 ||
      buffer.getElementType() != f.getElementType() ||
      !buffer.getLayout().isIdentity())
    return op->emitOpError() << "has fragment " << f << " and buffer " << buffer
                             << ", expected an acc and a compact buffer of two "
                                "dimensions or more of its element type (T9)";
  if (int64_t(indices) != buffer.getRank())
    return op->emitOpError() << "has " << indices << " indices for a buffer of "
                             << buffer.getRank()
                             << " dimensions, expected as many (T9)";
  return success();
}

LogicalResult ReadOp::verify() {
  return verifyDevice(*this, getResult().getType(), getSource().getType(),
                      getIndices().size());
}

LogicalResult WriteOp::verify() {
  FragmentType f = getValue().getType();
  MemRefType buffer = getTarget().getType();
  bool column = f.getPlace() == Place::col;
  if (column || getRows() || getRowDim() || getFold() || getFoldDim()) {
    int64_t rank = buffer.getRank(), dim = getRowDim().value_or(-1);
    auto isDim = [&](int64_t d) { return d >= 0 && d < (column ? rank : rank - 1); };
    bool row = isDim(dim);
    if (row && (getFold() || getFoldDim())) {
      int64_t fold = getFold().value_or(0), along = getFoldDim().value_or(-1);
      if (fold < 1 || f.rows() % fold || !isDim(along) || along == dim)
        return emitOpError() << "folds " << f.rows() << " rows by " << fold
                             << " along dimension " << along
                             << ", expected a divisor and a dimension that is neither "
                                "row_dim nor that of columns (T9)";
    }
    if (!row || getTranspose() || (!column && f.getPlace() != Place::acc) ||
        buffer.getElementType() != f.getElementType() ||
        !buffer.getLayout().isIdentity() || int64_t(getIndices().size()) != rank)
      return emitOpError() << "has fragment " << f << ", buffer " << buffer << ", "
                           << getIndices().size() << " indices and row_dim " << dim
                           << ", expected an acc or a col, not transposed, a compact "
                              "buffer of its element type, as many indices, and one of "
                              "its dimensions, of an acc not the last (T9)";
    return success();
  }
  return verifyDevice(*this, getValue().getType(), getTarget().getType(),
                      getIndices().size());
}

LogicalResult BroadcastOp::verify() {
  FragmentType from = getValue().getType(), to = getResult().getType();
  bool row = from.getPlace() == Place::row && from.cols() == to.cols() &&
             (to.getPlace() == Place::acc || to.getPlace() == Place::lhs);
  bool col = from.getPlace() == Place::col && from.rows() == to.rows() &&
             to.getPlace() == Place::acc;
  if ((!row && !col) || from.getElementType() != to.getElementType() ||
      from.getWarps() != to.getWarps())
    return emitOpError() << "spreads " << from << " over " << to
                         << ", expected a row of its columns or a col of its rows, "
                            "and an acc or (for a row) an lhs (T10)";
  return success();
}

LogicalResult TriangleOp::verify() {
  if (getValue().getType().getPlace() != Place::acc)
    return emitOpError() << "has " << getValue().getType()
                         << ", expected an acc (T11)";
  return success();
}

LogicalResult WithinOp::verify() {
  FragmentType value = getValue().getType(), from = getFrom().getType();
  if (value.getPlace() != Place::acc || !value.getElementType().isF32() ||
      from.getPlace() != Place::col || !from.getElementType().isF32() ||
      from.rows() != value.rows() || from.getWarps() != value.getWarps())
    return emitOpError() << "has " << value << " and bounds " << from
                         << ", expected an acc of f32 and cols of f32 of its rows (T20)";
  return success();
}

LogicalResult ReduceOp::verify() {
  FragmentType from = getValue().getType(), to = getResult().getType();
  if (from.getPlace() != Place::acc || !from.getElementType().isF32() ||
      to.getPlace() != Place::col || !to.getElementType().isF32() ||
      from.rows() != to.rows() || from.getWarps() != to.getWarps())
    return emitOpError() << "makes " << to << " of " << from
                         << ", expected a col of f32 of the rows of an acc of f32 (T19)";
  return success();
}

LogicalResult CrossOp::verify() {
  FragmentType type = getValue().getType();
  int64_t half = getHalf();
  if (type.getPlace() != Place::acc || half < 0 || (half && type.cols() % (2 * half)))
    return emitOpError() << "has " << type << " and halves of " << half
                         << ", expected an acc whose columns are whole blocks (T11)";
  return success();
}

LogicalResult MapOp::verify() {
  if (getTargets().empty())
    return emitOpError("has no target, expected one at least (T15)");
  auto target = cast<SharedType>(getTargets()[0].getType());
  size_t n = getSources().size();
  Block &body = getBody().front();
  if (getBlocks().size() != n || getFirsts().size() != n || body.getNumArguments() != n)
    return emitOpError() << "has " << n << " sources, " << getBlocks().size()
                         << " blocks, " << getFirsts().size() << " firsts and "
                         << body.getNumArguments()
                         << " arguments, expected as many of each (T15)";
  if (target.isRing() || target.cols() % 4)
    return emitOpError() << "makes " << target
                         << ", expected a tile whose columns are a multiple of 4 (T15)";
  for (auto [i, source] : llvm::enumerate(getSources())) {
    auto type = cast<SharedType>(source.getType());
    if (type.getShape() != target.getShape() ||
        body.getArgument(i).getType() != type.getElementType())
      return emitOpError() << "has source #" << i << " of " << type << " as "
                           << body.getArgument(i).getType()
                           << ", expected the target's shape and its element type (T15)";
    int64_t block = getBlocks()[i], first = getFirsts()[i];
    if (block < 1 || target.rows() % block || first < -target.rows() || first >= block)
      return emitOpError() << "has block " << block << " and first " << first
                           << " for source #" << i
                           << ", expected rows of the tile (T15)";
  }
  int64_t half = getHalf();
  if (half < 0 || (half && target.rows() % (2 * half)))
    return emitOpError() << "has halves of " << half
                         << ", expected some that divide the rows (T15)";
  auto yield = dyn_cast<seqc::tile::YieldOp>(body.getTerminator());
  if (!yield || yield.getValues().size() != getTargets().size())
    return emitOpError("has to yield an element of each target (T15)");
  for (auto [tile, value] : llvm::zip(getTargets(), yield.getValues())) {
    auto type = cast<SharedType>(tile.getType());
    if (type.getShape() != target.getShape() ||
        value.getType() != type.getElementType())
      return emitOpError() << "makes " << type << " of " << value.getType()
                           << ", expected the first target's shape and an element of "
                              "each target (T15)";
  }
  return success();
}

LogicalResult TeamOp::verify() {
  int64_t first = getFirst(), warps = getWarps();
  if ((*this)->getParentOfType<TeamOp>())
    return emitOpError("is within another team, expected none (T26)");
  if (first < 0 || warps < 1 || first % 4 || warps % 4 || first + warps > 32)
    return emitOpError() << "has " << warps << " warps from " << first
                         << " on, expected multiples of 4, 32 at most (T26)";
  if (auto count = getRegisters(); count && (*count % 8 || *count < 24 || *count > 256))
    return emitOpError() << "has " << int64_t(*count)
                         << " registers, expected a multiple of 8 from 24 to 256 (T26)";
  return success();
}

LogicalResult MeetOp::verify() {
  if (!(*this)->getParentOfType<TeamOp>())
    return emitOpError("is in no team, expected one (T27)");
  return success();
}

LogicalResult BoundedOp::verify() {
  SharedType type = getSource().getType();
  int64_t row = getRow();
  if (type.isRing() || !type.getElementType().isF32() || type.cols() < 2 || row < 0 ||
      row >= type.rows() || int64_t(getStep()) < 0 || (getStep() && (row + 1) % getStep()))
    return emitOpError() << "looks at row " << row << " of " << type
                         << ", expected one of a tile of f32 with several columns (T16)";
  return success();
}

LogicalResult ConvertOp::verify() {
  FragmentType from = getValue().getType(), to = getResult().getType();
  bool places = (from.getPlace() == Place::acc && to.getPlace() == Place::lhs) ||
                (from.getPlace() == Place::lhs && to.getPlace() == Place::acc);
  if (!places || from.getShape() != to.getShape() || from.getWarps() != to.getWarps() ||
      from.getElementType() != to.getElementType())
    return emitOpError() << "makes " << to << " of " << from
                         << ", expected an lhs of the same acc, or an acc of the same "
                            "lhs (T12)";
  return success();
}

LogicalResult InvertOp::verify() {
  SharedType type = getTile().getType();
  if (type.isRing() || !type.getElementType().isF32() || type.rows() != type.cols() ||
      type.rows() % 16)
    return emitOpError() << "inverts blocks of " << type
                         << ", expected a tile of N x N f32, N a multiple of 16 (T17)";
  return success();
}

LogicalResult SubstituteOp::verify() {
  FragmentType type = getValue().getType();
  SharedType factor = getFactor().getType();
  if (type.getPlace() != Place::acc || !type.getElementType().isF32() ||
      factor.isRing() || !factor.getElementType().isF32() ||
      factor.rows() != factor.cols() || factor.rows() != type.cols() ||
      type.cols() % 16)
    return emitOpError() << "has " << type << " and factor " << factor
                         << ", expected an acc of M x N f32 and a tile of N x N f32, N a "
                            "multiple of 16 (T18)";
  return success();
}

LogicalResult CastOp::verify() {
  FragmentType from = getValue().getType(), to = getResult().getType();
  if (from.withElement(to.getElementType()) != to || from == to ||
      !isa<FloatType>(from.getElementType()) || !isa<FloatType>(to.getElementType()))
    return emitOpError() << "makes " << to << " of " << from
                         << ", expected another float type alone (T14)";
  return success();
}

LogicalResult MmaOp::verify() {
  FragmentType a = getA().getType(), c = getC().getType();
  SharedType b = getB().getType();
  int64_t depth = getTranspose() ? b.cols() : b.rows();
  int64_t cols = getTranspose() ? b.rows() : b.cols();
  Type element = a.getElementType();
  bool tf32 = element.isF32() && b.isTf32() && getTranspose() && !getDiagonal();
  if (a.getPlace() != Place::lhs || (!element.isBF16() && !element.isF16() && !tf32) ||
      c.getPlace() != Place::acc || !c.getElementType().isF32() ||
      a.getWarps() != c.getWarps())
    return emitOpError() << "has factor " << a << " and sum " << c
                         << ", expected an lhs of bf16 or f16, or of f32 for a transposed "
                            "tile of f32 by units, and an acc of f32 (T13)";
  int64_t first = getFirst(), count = getCount();
  if (first < 0 || count < 0 || first % 16 || count % 16 || first + count > c.cols() ||
      (count && (getDiagonal() || !getTranspose() || getLower() || tf32)) ||
      (first && !count))
    return emitOpError() << "makes " << count << " columns from " << first << " on of "
                         << c << ", expected multiples of 16, transposed and without "
                            "a diagonal (T13)";
  if (int64_t d = getDiagonal()) {
    if (!getTranspose() || getLower() || d % 16 || c.cols() != d || a.rows() % d ||
        b.isRing() || b.rows() != a.rows() || b.cols() != a.cols() || c.rows() != a.rows() ||
        b.getElementType() != element)
      return emitOpError() << "multiplies " << a << " by " << b << " into " << c
                           << " along a diagonal of blocks of " << d
                           << ", expected M x K, M x K transposed and M x D (T13)";
    return success();
  }
  if (getLower() && (!getTranspose() || b.rows() != b.cols()))
    return emitOpError() << "has the lower triangle " << b
                         << ", expected a square tile, transposed (T13)";
  if (b.isRing() || b.getElementType() != element || depth != a.cols() ||
      cols != c.cols() || a.rows() != c.rows() || cols % 16)
    return emitOpError() << "multiplies " << a << " by " << b << " into " << c
                         << ", expected M x K, K x N and M x N with N a multiple of 16 "
                            "(T13)";
  return success();
}

static bool isHalf(Type type) { return type.isBF16() || type.isF16(); }

LogicalResult FiniteOp::verify() {
  SharedType type = getSource().getType();
  if (type.isRing() || type.getUnits() || !isHalf(type.getElementType()) ||
      type.cols() % 8)
    return emitOpError() << "looks at " << type
                         << ", expected a tile of rows of bf16 or f16 with a multiple "
                            "of 8 columns (T22)";
  return success();
}

LogicalResult AddSeenOp::verify() {
  FragmentType a = getA().getType(), c = getC().getType(), bound = getFrom().getType();
  SharedType b = getB().getType();
  if (a.getPlace() != Place::lhs || !isHalf(a.getElementType()) ||
      c.getPlace() != Place::acc || !c.getElementType().isF32() ||
      bound.getPlace() != Place::col || !bound.getElementType().isF32() ||
      a.getWarps() != c.getWarps() || bound.getWarps() != c.getWarps() ||
      a.rows() != c.rows() || bound.rows() != c.rows())
    return emitOpError() << "has factor " << a << ", sum " << c << " and bounds " << bound
                         << ", expected an lhs of bf16 or f16, an acc of f32 and cols of "
                            "f32 of as many rows (T23)";
  if (b.isRing() || b.getUnits() || b.getElementType() != a.getElementType() ||
      b.rows() != a.cols() || b.cols() != c.cols())
    return emitOpError() << "multiplies " << a << " by " << b << " into " << c
                         << ", expected M x K, K x N and M x N (T23)";
  return success();
}
