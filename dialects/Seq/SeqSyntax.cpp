//===- SeqSyntax.cpp - Parsing and printing of the seqc dialect -----------===//
//
// The text of an operation does not repeat its operands' types.  A parser only
// resolves an operand against a type it is told, so the type is learnt from the
// definition first; see `resolveDefined`.
//
//===----------------------------------------------------------------------===//

#include "Syntax.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace seqc;
using syntax::parsePlain;
using syntax::resolveDefined;

using UnresolvedOperand = OpAsmParser::UnresolvedOperand;

//===----------------------------------------------------------------------===//
// Operands without types
//===----------------------------------------------------------------------===//

/// The parser has no look-up by name; asking for a type that no value has makes it
/// report the type of the definition, as an argument of the diagnostic.
ParseResult syntax::resolveDefined(OpAsmParser &parser,
                                   const UnresolvedOperand &operand,
                                   SmallVectorImpl<Value> &values) {
  MLIRContext *context = parser.getContext();
  Type probe = OpaqueType::get(StringAttr::get(context, "seqc"), "operand");
  Type found;
  SmallVector<Value, 1> resolved;
  {
    ScopedDiagnosticHandler capture(context, [&](Diagnostic &diagnostic) {
      for (const DiagnosticArgument &argument : diagnostic.getArguments())
        if (argument.getKind() ==
            DiagnosticArgument::DiagnosticArgumentKind::Type)
          found = argument.getAsType();
      return success();
    });
    if (succeeded(parser.resolveOperand(operand, probe, resolved)))
      found = Type();
  }
  if (!found || found == probe)
    return parser.emitError(operand.location, "operand '")
           << operand.name << "' must be defined above its use";
  return parser.resolveOperand(operand, found, values);
}

static ParseResult resolveAll(OpAsmParser &parser,
                              ArrayRef<UnresolvedOperand> operands,
                              SmallVectorImpl<Value> &values) {
  for (const UnresolvedOperand &operand : operands)
    if (resolveDefined(parser, operand, values))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Clauses
//===----------------------------------------------------------------------===//

static ParseResult parseAxes(OpAsmParser &parser, Attribute &map) {
  map = AxesAttr::parse(parser, Type());
  return success(static_cast<bool>(map));
}

static void printAxes(OpAsmPrinter &p, AxesAttr map) {
  p << "(";
  for (unsigned i = 0, e = map.size(); i != e; ++i) {
    p << (i ? ", " : "") << map.getNames()[i].getValue();
    if (map.getDivisors()[i] != 1)
      p << " floordiv " << map.getDivisors()[i];
  }
  p << ")";
}

/// `(%q, %k : (b, t, h), %g : (b, t))`: operands with their axis maps.
static ParseResult parseMapped(OpAsmParser &parser,
                               SmallVectorImpl<Value> &values,
                               SmallVectorImpl<Attribute> &maps) {
  SmallVector<UnresolvedOperand> pending;
  auto element = [&]() -> ParseResult {
    UnresolvedOperand &operand = pending.emplace_back();
    if (parser.parseOperand(operand) ||
        resolveDefined(parser, operand, values))
      return failure();
    if (failed(parser.parseOptionalColon()))
      return success();
    Attribute map;
    if (parseAxes(parser, map))
      return failure();
    // The verifier says this too, but the result types need it now.
    int64_t axes = cast<AxesAttr>(map).size();
    for (auto [i, name] : llvm::enumerate(pending)) {
      Type type = values[values.size() - pending.size() + i].getType();
      if (int64_t rank = shapeOf(type).size(); rank < axes)
        return parser.emitError(name.location, "operand '")
               << name.name << "' has rank " << rank << ", its axes name "
               << axes << " dimensions";
    }
    maps.append(pending.size(), map);
    pending.clear();
    return success();
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, element))
    return failure();
  if (!pending.empty())
    return parser.emitError(loc, "expected ': (axes)' after the last operand");
  return success();
}

static void printMapped(OpAsmPrinter &p, StringRef keyword, OperandRange values,
                        ArrayAttr maps) {
  if (values.empty())
    return;
  p << " " << keyword << "(";
  for (unsigned i = 0, e = values.size(); i != e; ++i) {
    p << (i ? ", " : "") << values[i];
    if (i + 1 == e || maps[i] != maps[i + 1]) {
      p << " : ";
      printAxes(p, cast<AxesAttr>(maps[i]));
    }
  }
  p << ")";
}

ParseResult syntax::parsePlain(OpAsmParser &parser,
                              SmallVectorImpl<Value> &values) {
  SmallVector<UnresolvedOperand> operands;
  return failure(
      parser.parseOperandList(operands, OpAsmParser::Delimiter::Paren) ||
      resolveAll(parser, operands, values));
}

/// An `out` clause: per output its axes and, if given, its element type.
struct OutClause {
  SmallVector<Attribute> maps;
  SmallVector<Type> elements;
};

static ParseResult parseOut(OpAsmParser &parser, OutClause &out) {
  return parser.parseCommaSeparatedList(
      OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
        out.elements.emplace_back();
        if (parseAxes(parser, out.maps.emplace_back()))
          return failure();
        if (succeeded(parser.parseOptionalColon()))
          return parser.parseType(out.elements.back());
        return success();
      });
}

//===----------------------------------------------------------------------===//
// Result types
//===----------------------------------------------------------------------===//

namespace {
/// Static sizes of axes, as far as the operands' types tell.
struct AxisSizes {
  llvm::StringMap<int64_t> sizes;

  void add(Type type, AxesAttr map) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return;
    for (unsigned i = 0; i < map.size() && i < tensor.getRank(); ++i)
      if (!tensor.isDynamicDim(i) && map.getDivisors()[i] == 1)
        sizes.try_emplace(map.getNames()[i].getValue(), tensor.getDimSize(i));
  }
  void add(ValueRange values, ArrayRef<Attribute> maps) {
    for (auto [value, map] : llvm::zip(values, maps))
      add(value.getType(), cast<AxesAttr>(map));
  }
  Type type(AxesAttr map, Type slice, Type element) const {
    SmallVector<int64_t> shape;
    for (StringAttr axis : map.getNames()) {
      auto it = sizes.find(axis.getValue());
      shape.push_back(it == sizes.end() ? ShapedType::kDynamic : it->second);
    }
    llvm::append_range(shape, shapeOf(slice));
    return tensorOrScalar(shape, element);
  }
  /// The same, a tensor of rank 0 where `type` would give a scalar.
  Type tensorType(AxesAttr map, Type slice) const {
    Type element = elementOf(slice), full = type(map, slice, element);
    return isa<RankedTensorType>(full) ? full : RankedTensorType::get({}, full);
  }
};
} // namespace

/// The default `out` map: all axes, in order of first appearance.
static AxesAttr allAxes(MLIRContext *context, ArrayRef<Attribute> seqMaps) {
  SmallVector<StringAttr> names;
  for (Attribute map : seqMaps)
    for (StringAttr name : cast<AxesAttr>(map).getNames())
      if (!llvm::is_contained(names, name))
        names.push_back(name);
  return AxesAttr::get(context, names, SmallVector<int64_t>(names.size(), 1));
}

/// Fills in missing `out` maps and returns the output types.
static SmallVector<Type> outTypes(MLIRContext *context, OutClause &out,
                                  ValueRange yielded,
                                  ArrayRef<Attribute> seqMaps,
                                  const AxisSizes &sizes, bool chunked = false) {
  SmallVector<Type> types;
  if (out.maps.empty()) {
    out.maps.assign(yielded.size(), allAxes(context, seqMaps));
    out.elements.assign(yielded.size(), Type());
  }
  for (auto [i, value] : llvm::enumerate(yielded)) {
    if (i >= out.maps.size())
      break;
    Type element = out.elements[i] ? out.elements[i] : elementOf(value.getType());
    Type slice = chunked ? dropLeading(value.getType()) : value.getType();
    types.push_back(sizes.type(cast<AxesAttr>(out.maps[i]), slice, element));
  }
  return types;
}

static ParseResult parseBody(OpAsmParser &parser, OperationState &result,
                             StringRef what, YieldOp &yield) {
  SMLoc loc = parser.getCurrentLocation();
  Region *region = result.addRegion();
  if (parser.parseRegion(*region))
    return failure();
  if (!region->hasOneBlock())
    return parser.emitError(loc, "expected one block in the ") << what;
  if (region->front().empty() || !isa<YieldOp>(region->front().back()))
    return parser.emitError(loc, "the ")
           << what << " must end in 'seqc.yield'";
  yield = cast<YieldOp>(region->front().back());
  return success();
}

/// Printed when it differs from the default.
static void printOut(OpAsmPrinter &p, ArrayAttr maps, ResultRange outs,
                     ValueRange yielded, ArrayAttr seqMaps) {
  AxesAttr standard = allAxes(maps.getContext(), seqMaps.getValue());
  bool needed = false;
  for (auto [map, out, value] : llvm::zip(maps, outs, yielded))
    needed |= map != standard ||
              elementOf(out.getType()) != elementOf(value.getType());
  if (!needed)
    return;
  p << " out(";
  llvm::interleaveComma(llvm::zip(maps, outs, yielded), p, [&](auto item) {
    auto [map, out, value] = item;
    printAxes(p, cast<AxesAttr>(map));
    if (elementOf(out.getType()) != elementOf(value.getType()))
      p << " : " << elementOf(out.getType());
  });
  p << ")";
}

/// `segments(%cu : (s))` or `resets(%f : (b, t))`.
static ParseResult parseSingle(OpAsmParser &parser, StringRef what,
                               SmallVectorImpl<Value> &values,
                               AxesAttr &map) {
  SmallVector<Attribute> maps;
  SMLoc loc = parser.getCurrentLocation();
  if (parseMapped(parser, values, maps))
    return failure();
  if (values.size() != 1)
    return parser.emitError(loc, "'") << what << "' takes one operand";
  map = cast<AxesAttr>(maps[0]);
  return success();
}

//===----------------------------------------------------------------------===//
// RecurrenceOp
//===----------------------------------------------------------------------===//

ParseResult RecurrenceOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  SmallVector<Value> seq, weights, carries, restarts, segments, resets;
  SmallVector<Attribute> seqMaps, weightMaps, carryMaps, restartMaps;
  AxesAttr segmentsMap, resetsMap;
  OutClause out;
  SmallVector<int64_t> snapshots;
  auto has = [&](StringRef keyword) {
    return succeeded(parser.parseOptionalKeyword(keyword));
  };

  if (parser.parseKeyword("seq") || parseMapped(parser, seq, seqMaps))
    return failure();
  if (has("weight") && parseMapped(parser, weights, weightMaps))
    return failure();
  if (has("carry") && parseMapped(parser, carries, carryMaps))
    return failure();
  if (has("restart") && parseMapped(parser, restarts, restartMaps))
    return failure();
  if (has("segments") && parseSingle(parser, "segments", segments, segmentsMap))
    return failure();
  if (has("resets") && parseSingle(parser, "resets", resets, resetsMap))
    return failure();
  if (has("out") && parseOut(parser, out))
    return failure();
  if (has("snapshot") &&
      parser.parseCommaSeparatedList(
          OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
            return failure(parser.parseInteger(snapshots.emplace_back()) ||
                           parser.parseKeyword("every") ||
                           parser.parseInteger(snapshots.emplace_back()));
          }))
    return failure();
  for (StringRef flag : {"position", "first", "reverse"})
    if (has(flag))
      result.addAttribute(flag, b.getUnitAttr());
  int64_t chunk = 0;
  if (has("chunk")) {
    if (parser.parseLParen() || parser.parseInteger(chunk) ||
        parser.parseRParen())
      return failure();
    result.addAttribute("chunk", b.getI64IntegerAttr(chunk));
  }
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();

  YieldOp yield;
  if (parseBody(parser, result, "step", yield))
    return failure();

  AxisSizes sizes;
  sizes.add(seq, seqMaps);
  sizes.add(weights, weightMaps);
  sizes.add(carries, carryMaps);
  if (!segments.empty())
    if (auto table = dyn_cast<RankedTensorType>(segments[0].getType()))
      if (table.getRank() == 1 && !table.isDynamicDim(0) &&
          segmentsMap.size() == 1)
        sizes.sizes.try_emplace(segmentsMap.getNames()[0].getValue(),
                                table.getDimSize(0) - 1);
  bool namedOut = !out.maps.empty();
  SmallVector<Type> types = outTypes(b.getContext(), out, yield.getOuts(),
                                     seqMaps, sizes, chunk != 0);
  if (namedOut && out.maps.size() != yield.getOuts().size())
    return parser.emitError(parser.getNameLoc(), "'out' names ")
           << out.maps.size() << " outputs, the step yields "
           << yield.getOuts().size() << " (R10)";

  for (auto *group : {&seq, &weights, &carries, &restarts, &segments, &resets})
    result.addOperands(*group);
  result.addAttribute("seqMaps", b.getArrayAttr(seqMaps));
  result.addAttribute("weightMaps", b.getArrayAttr(weightMaps));
  result.addAttribute("carryMaps", b.getArrayAttr(carryMaps));
  result.addAttribute("restartMaps", b.getArrayAttr(restartMaps));
  result.addAttribute("outMaps", b.getArrayAttr(out.maps));
  if (segmentsMap)
    result.addAttribute("segmentsMap", segmentsMap);
  if (resetsMap)
    result.addAttribute("resetsMap", resetsMap);
  result.addAttribute("snapshots", b.getDenseI64ArrayAttr(snapshots));
  result.addAttribute(
      getOperandSegmentSizesAttrName(result.name),
      b.getDenseI32ArrayAttr(
          {int(seq.size()), int(weights.size()), int(carries.size()),
           int(restarts.size()), int(segments.size()), int(resets.size())}));

  // The final states, with the axes that getFinalMap computes.
  Block &step = result.regions[0]->front();
  SmallVector<StringAttr> stateAxes = stateAxesOf(
      allAxes(b.getContext(), seqMaps).getNames(),
      segmentsMap && segmentsMap.size() == 1 ? segmentsMap.getNames()[0]
                                             : StringAttr());
  for (unsigned i = 0; i < carries.size(); ++i) {
    unsigned arg = seq.size() + weights.size() + i;
    if (arg >= step.getNumArguments())
      return parser.emitError(parser.getNameLoc(), "the step has ")
             << step.getNumArguments() << " arguments, expected at least "
             << seq.size() + weights.size() + carries.size() << " (R3)";
    AxesAttr map = finalMapOf(b.getContext(), cast<AxesAttr>(carryMaps[i]),
                              stateAxes);
    types.push_back(sizes.tensorType(map, step.getArgument(arg).getType()));
  }
  result.addTypes(types);
  return success();
}

void RecurrenceOp::print(OpAsmPrinter &p) {
  printMapped(p, "seq", getSeq(), getSeqMaps());
  printMapped(p, "weight", getWeights(), getWeightMaps());
  printMapped(p, "carry", getCarries(), getCarryMaps());
  printMapped(p, "restart", getRestarts(), getRestartMaps());
  if (getSegments()) {
    p << " segments(" << getSegments() << " : ";
    printAxes(p, *getSegmentsMap());
    p << ")";
  }
  if (getResets()) {
    p << " resets(" << getResets() << " : ";
    printAxes(p, *getResetsMap());
    p << ")";
  }
  printOut(p, getOutMaps(), getOuts(), getYield().getOuts(), getSeqMaps());
  if (!getSnapshots().empty()) {
    p << " snapshot(";
    for (unsigned i = 0; i < getSnapshots().size(); i += 2)
      p << (i ? ", " : "") << getSnapshots()[i] << " every "
        << getSnapshots()[i + 1];
    p << ")";
  }
  for (auto [flag, set] : {std::pair<StringRef, bool>("position", getPosition()),
                           {"first", getFirst()},
                           {"reverse", getReverse()}})
    if (set)
      p << " " << flag;
  if (getChunk())
    p << " chunk(" << *getChunk() << ")";
  p.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {"seqMaps", "weightMaps", "carryMaps", "restartMaps", "segmentsMap",
       "resetsMap", "outMaps", "snapshots", "position", "first", "reverse",
       "chunk",
       getOperandSegmentSizesAttrName().getValue()});
  p << " ";
  p.printRegion(getStep());
}

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

ParseResult ScanOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  SmallVector<Value> seq, identities, initials, segments, resets;
  SmallVector<Attribute> seqMaps, initialMaps;
  AxesAttr segmentsMap, resetsMap;
  OutClause out;
  auto has = [&](StringRef keyword) {
    return succeeded(parser.parseOptionalKeyword(keyword));
  };
  if (parser.parseKeyword("seq") || parseMapped(parser, seq, seqMaps) ||
      parser.parseKeyword("identity") || parsePlain(parser, identities))
    return failure();
  if (has("initial") && parseMapped(parser, initials, initialMaps))
    return failure();
  if (has("segments") && parseSingle(parser, "segments", segments, segmentsMap))
    return failure();
  if (has("resets") && parseSingle(parser, "resets", resets, resetsMap))
    return failure();
  if (has("out") && parseOut(parser, out))
    return failure();
  bool final = false;
  for (StringRef flag : {"exclusive", "reverse", "final"})
    if (has(flag)) {
      result.addAttribute(flag, b.getUnitAttr());
      final |= flag == "final";
    }
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  YieldOp yield;
  if (parseBody(parser, result, "combine region", yield))
    return failure();

  AxisSizes sizes;
  sizes.add(seq, seqMaps);
  sizes.add(initials, initialMaps);
  bool namedOut = !out.maps.empty();
  SmallVector<Type> types =
      outTypes(b.getContext(), out, yield.getOuts(), seqMaps, sizes);
  if (namedOut && out.maps.size() != yield.getOuts().size())
    return parser.emitError(parser.getNameLoc(), "'out' names ")
           << out.maps.size() << " outputs, the combine region yields "
           << yield.getOuts().size() << " (S9)";
  for (auto *group : {&seq, &identities, &initials, &segments, &resets})
    result.addOperands(*group);
  result.addAttribute("seqMaps", b.getArrayAttr(seqMaps));
  result.addAttribute("initialMaps", b.getArrayAttr(initialMaps));
  result.addAttribute("outMaps", b.getArrayAttr(out.maps));
  if (segmentsMap)
    result.addAttribute("segmentsMap", segmentsMap);
  if (resetsMap)
    result.addAttribute("resetsMap", resetsMap);
  result.addAttribute(
      getOperandSegmentSizesAttrName(result.name),
      b.getDenseI32ArrayAttr({int(seq.size()), int(identities.size()),
                              int(initials.size()), int(segments.size()),
                              int(resets.size())}));
  if (final) {
    SmallVector<StringAttr> stateAxes = stateAxesOf(
        allAxes(b.getContext(), seqMaps).getNames(),
        segmentsMap && segmentsMap.size() == 1 ? segmentsMap.getNames()[0]
                                               : StringAttr());
    for (auto [i, value] : llvm::enumerate(yield.getOuts())) {
      AxesAttr initial;
      if (i < initialMaps.size())
        initial = cast<AxesAttr>(initialMaps[i]);
      AxesAttr map = finalMapOf(b.getContext(), initial, stateAxes);
      types.push_back(sizes.tensorType(map, value.getType()));
    }
  }
  result.addTypes(types);
  return success();
}

void ScanOp::print(OpAsmPrinter &p) {
  printMapped(p, "seq", getSeq(), getSeqMaps());
  p << " identity(" << getIdentities() << ")";
  printMapped(p, "initial", getInitials(), getInitialMaps());
  if (getSegments()) {
    p << " segments(" << getSegments() << " : ";
    printAxes(p, *getSegmentsMap());
    p << ")";
  }
  if (getResets()) {
    p << " resets(" << getResets() << " : ";
    printAxes(p, *getResetsMap());
    p << ")";
  }
  printOut(p, getOutMaps(), getOuts(), getYield().getOuts(), getSeqMaps());
  for (auto [flag, set] :
       {std::pair<StringRef, bool>("exclusive", getExclusive()),
        {"reverse", getReverse()},
        {"final", getFinal()}})
    if (set)
      p << " " << flag;
  p.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {"seqMaps", "initialMaps", "segmentsMap", "resetsMap", "outMaps",
       "exclusive", "reverse", "final",
       getOperandSegmentSizesAttrName().getValue()});
  p << " ";
  p.printRegion(getCombine());
}
