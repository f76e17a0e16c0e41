//===- TileDialect.cpp - The seqc_tile dialect: registration and types ----===//

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace seqc::tile;

#include "seqc/dialects/Tile/TileDialect.cpp.inc"
#include "seqc/dialects/Tile/TileEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "seqc/dialects/Tile/TileTypes.cpp.inc"
#define GET_OP_CLASSES
#include "seqc/dialects/Tile/TileOps.cpp.inc"

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "seqc/dialects/Tile/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "seqc/dialects/Tile/TileOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

FragmentType FragmentType::cloneWith(std::optional<ArrayRef<int64_t>> shape,
                                     Type elementType) const {
  return get(getContext(), shape.value_or(getShape()), elementType, getPlace(),
             getWarps());
}

int64_t FragmentType::laneElements() const {
  switch (getPlace()) {
  case Place::acc:
  case Place::lhs:
    return rows() / getWarps() * cols() / 32;
  case Place::row:
    return cols() / 4;
  case Place::col:
    return rows() / getWarps() / 8;
  }
  llvm_unreachable("covered switch");
}

LogicalResult FragmentType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   ArrayRef<int64_t> shape, Type element,
                                   Place place, int64_t warps) {
  auto isShape = [&] {
    if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || warps < 1 ||
        shape[0] > 4096 || shape[1] > 4096 || warps > 32)
      return false;
    bool rows = shape[0] % (16 * warps) == 0;
    switch (place) {
    case Place::acc:
      return rows && shape[1] % 8 == 0;
    case Place::lhs:
      return rows && shape[1] % 16 == 0;
    case Place::row:
      return shape[0] == 1 && shape[1] % 8 == 0;
    case Place::col:
      return rows && shape[1] == 1;
    }
    llvm_unreachable("covered switch");
  };
  if (!isShape()) {
    InFlightDiagnostic diag = emitError() << "a fragment '" << stringifyPlace(place)
                                          << "' of ";
    llvm::interleave(shape, diag, "x");
    return diag << " elements over " << warps
                << " warps, expected whole pieces of mma.m16n8k16 in each warp (T1)";
  }
  if (!isa<FloatType, IntegerType>(element))
    return emitError() << "a fragment of " << element
                       << ", expected elements that are floats (T1)";
  return success();
}

/// `64x128xf32`.
static ParseResult parseShapeAndElement(AsmParser &parser,
                                        SmallVectorImpl<int64_t> &shape,
                                        Type &element) {
  return failure(parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(element));
}

static void printShapeAndElement(AsmPrinter &printer, ArrayRef<int64_t> shape,
                                 Type element) {
  for (int64_t size : shape)
    printer << size << 'x';
  printer << element;
}

Type FragmentType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type element;
  StringRef name;
  int64_t warps = 0;
  if (parser.parseLess() || parseShapeAndElement(parser, shape, element) ||
      parser.parseComma() || parser.parseKeyword(&name) || parser.parseComma() ||
      parser.parseInteger(warps) || parser.parseGreater())
    return {};
  auto place = symbolizePlace(name);
  if (!place) {
    parser.emitError(loc) << "a fragment has place '" << name
                          << "', expected acc, lhs, row or col";
    return {};
  }
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    shape, element, *place, warps);
}

void FragmentType::print(AsmPrinter &printer) const {
  printer << '<';
  printShapeAndElement(printer, getShape(), getElementType());
  printer << ", " << stringifyPlace(getPlace()) << ", " << getWarps() << '>';
}

//===----------------------------------------------------------------------===//
// Tiles in shared memory
//===----------------------------------------------------------------------===//

/// Bytes from one row to the next, of rows that hold `bytes`.
static int64_t rowPitch(int64_t bytes) {
  return bytes < 16 ? bytes : ((bytes + 15) / 16 | 1) * 16;
}

/// Bytes from unit to unit of `rows` rows that lie together: an odd number of units.
static int64_t unitPitch(int64_t rows) { return (rows | 1) * 16; }

int64_t SharedType::rowBytes() const {
  return getUnits() ? 16 : rowPitch(cols() * elementBytes());
}

int64_t SharedType::unitBytes() const { return getUnits() ? unitPitch(rows()) : 16; }

int64_t SharedType::stageBytes() const {
  return bytesOfTiles({rows(), cols()}, elementBytes(), getUnits());
}

int64_t seqc::tile::bytesOfTiles(ArrayRef<int64_t> shape, int64_t elementBytes,
                                 bool units) {
  int64_t rows = shape[shape.size() - 2], bytes = shape.back() * elementBytes;
  int64_t stage = units ? bytes / 16 * unitPitch(rows)
                        : (rows * rowPitch(bytes) + 15) / 16 * 16;
  return stage * (shape.size() == 3 ? shape[0] : 1);
}

LogicalResult SharedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type element, bool units) {
  if ((shape.size() != 2 && shape.size() != 3) ||
      llvm::any_of(shape, [](int64_t size) { return size < 1 || size > 4096; })) {
    InFlightDiagnostic diag = emitError() << "a shared tile of ";
    llvm::interleave(shape, diag, "x");
    return diag << ", expected two or three dimensions of 1 to 4096 (T2)";
  }
  if (!isa<FloatType>(element))
    return emitError() << "a shared tile of " << element
                       << ", expected floats (T2)";
  bool unitElement = element.getIntOrFloatBitWidth() == 16 || element.isF32();
  if (units && (!unitElement || shape.back() % 8))
    return emitError() << "a shared tile by units of " << shape.back() << " columns of "
                       << element
                       << ", expected f32 or 16-bit elements and a multiple of 8 columns "
                          "(T2)";
  return success();
}

Type SharedType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type element;
  if (parser.parseLess() || parseShapeAndElement(parser, shape, element))
    return {};
  bool units = succeeded(parser.parseOptionalComma());
  if ((units && parser.parseKeyword("units")) || parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    shape, element, units);
}

void SharedType::print(AsmPrinter &printer) const {
  printer << '<';
  printShapeAndElement(printer, getShape(), getElementType());
  printer << (getUnits() ? ", units>" : ">");
}
