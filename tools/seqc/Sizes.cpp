//===- Sizes.cpp - Values of an entry's symbols ---------------------------===//

#include "Driver.h"

#include "mlir/IR/TypeUtilities.h"

using namespace seqc;
using namespace seqc::driver;
using llvm::StringRef;
using llvm::Twine;

llvm::Expected<Symbols> seqc::driver::bind(const EntryInfo &entry,
                                           StringRef text) {
  Symbols values(entry.symbols.size(), -1);
  llvm::SmallVector<StringRef> parts;
  text.split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    auto [name, number] = part.split('=');
    name = name.trim();
    int64_t value;
    if (number.trim().getAsInteger(10, value))
      return llvm::createStringError("--bind: '" + part.trim() +
                                     "' is not NAME=SIZE with a 64-bit size");
    if (value < 0)
      return llvm::createStringError("--bind: " + name + " is " + Twine(value) +
                                     ", expected a size of at least 0");
    bool found = false;
    std::string known;
    for (auto [i, symbol] : llvm::enumerate(entry.symbols)) {
      known += (i ? ", " : "") + symbol;
      if (name.equals_insensitive(symbol)) {
        values[i] = value;
        found = true;
      }
    }
    if (!found)
      return llvm::createStringError("--bind: '" + entry.name +
                                     "' has no size '" + name + "', expected " +
                                     (known.empty() ? "none" : known));
  }
  return values;
}

llvm::Expected<llvm::SmallVector<int64_t>>
seqc::driver::shapeOf(const EntryInfo &entry, const EntryArg &arg,
                      const Symbols &symbols) {
  llvm::SmallVector<int64_t> shape;
  for (const EntryDim &dim : arg.dims) {
    if (dim.symbol < 0) {
      shape.push_back(dim.size);
      continue;
    }
    int64_t value = symbols[dim.symbol];
    const std::string &name = entry.symbols[dim.symbol];
    if (value < 0)
      return llvm::createStringError(
          "the size " + name + " of '" + arg.name + "' is not known: give --bind " +
          name + "=SIZE, or declare it in seqc.sizes");
    if (value % dim.divisor)
      return llvm::createStringError("'" + arg.name + "' needs " + name +
                                     " to be a multiple of " + Twine(dim.divisor) +
                                     ", it is " + Twine(value));
    int64_t size = value / dim.divisor;
    if (__builtin_add_overflow(size, dim.offset, &size))
      return llvm::createStringError("the size of '" + arg.name +
                                     "' overflows 64 bits");
    shape.push_back(size);
  }
  return shape;
}

llvm::Expected<Totals> seqc::driver::totalsOf(const EntryInfo &entry,
                                              const Symbols &symbols) {
  Totals totals;
  for (const EntryArg &arg : entry.args) {
    auto shape = driver::shapeOf(entry, arg, symbols);
    if (!shape)
      return shape.takeError();
    double bytes = bytesOf(mlir::getElementTypeOrSelf(arg.type));
    for (int64_t size : *shape)
      bytes *= size;
    totals.bytes += bytes;
  }
  for (const EntryWork &work : entry.works) {
    double tokens = 1;
    for (const EntryDim &dim : work.extents)
      tokens *= dim.symbol < 0 ? dim.size : symbols[dim.symbol] / dim.divisor;
    totals.operations += tokens * (work.token.operations +
                                   kOperationsPerFunction * work.token.functions);
  }
  return totals;
}
