//===- Npy.cpp - NumPy's .npy files ---------------------------------------===//

#include "seqc/lib/Support/Npy.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace seqc;

static constexpr StringRef magic("\x93NUMPY", 6);

/// The text after `'key':` in the header's dictionary.
static std::optional<StringRef> valueOf(StringRef header, StringRef key) {
  std::string quoted = ("'" + key + "'").str();
  size_t at = header.find(quoted);
  if (at == StringRef::npos)
    return std::nullopt;
  StringRef rest = header.drop_front(at + quoted.size()).ltrim();
  if (!rest.consume_front(":"))
    return std::nullopt;
  return rest.ltrim();
}

Expected<NpyArray> seqc::readNpy(StringRef path) {
  auto file = MemoryBuffer::getFile(path, /*IsText=*/false,
                                    /*RequiresNullTerminator=*/false);
  if (!file)
    return createStringError("cannot read '" + path +
                             "': " + file.getError().message());
  StringRef data = (*file)->getBuffer();
  auto fail = [&](const Twine &what) {
    return createStringError("'" + path + "' is not a .npy file seqc can read: " +
                             what);
  };
  if (!data.starts_with(magic) || data.size() < 10)
    return fail("it does not start with NumPy's magic string");
  unsigned version = static_cast<unsigned char>(data[6]);
  auto byte = [&](size_t i) -> size_t { return static_cast<unsigned char>(data[i]); };
  size_t headerSize = byte(8) | byte(9) << 8, start = 10;
  if (version == 2 || version == 3) {
    if (data.size() < 12)
      return fail("the header is truncated");
    headerSize |= byte(10) << 16 | byte(11) << 24;
    start = 12;
  } else if (version != 1) {
    return fail("format version is " + Twine(version) + ", expected 1 to 3");
  }
  if (data.size() < start || data.size() - start < headerSize)
    return fail("the header has " + Twine(data.size() - start) +
                " bytes, expected " + Twine(headerSize));
  StringRef header = data.substr(start, headerSize);
  NpyArray array;
  auto descr = valueOf(header, "descr"), order = valueOf(header, "fortran_order"),
       shape = valueOf(header, "shape");
  if (!descr || !order || !shape)
    return fail("the header lacks descr, fortran_order or shape");
  if (!descr->consume_front("'"))
    return fail("structured types are not supported");
  array.descr = descr->take_until([](char c) { return c == '\''; }).str();
  if (order->starts_with("True"))
    return fail("it is in Fortran order, expected C order");
  if (!shape->consume_front("("))
    return fail("the shape is not a tuple");
  StringRef inner = shape->take_until([](char c) { return c == ')'; });
  if (inner.size() == shape->size())
    return fail("the shape is not a tuple");
  SmallVector<StringRef> parts;
  inner.split(parts, ',', -1, /*KeepEmpty=*/false);
  uint64_t elements = 1;
  for (StringRef part : parts) {
    part = part.trim();
    if (part.empty())
      continue;
    int64_t size;
    if (part.getAsInteger(10, size) || size < 0)
      return fail("'" + part + "' is not a size");
    array.shape.push_back(size);
    if (__builtin_mul_overflow(elements, uint64_t(size), &elements))
      return fail("the sizes overflow 64 bits");
  }
  unsigned itemSize;
  if (array.descr.size() < 3 ||
      StringRef(array.descr).drop_front(2).getAsInteger(10, itemSize) ||
      itemSize == 0 || itemSize > 16)
    return fail("unknown element type '" + array.descr + "'");
  if (array.descr[0] == '>')
    return fail("the elements are big-endian, expected little-endian");
  uint64_t bytes;
  if (__builtin_mul_overflow(elements, uint64_t(itemSize), &bytes))
    return fail("the byte count overflows 64 bits");
  StringRef body = data.drop_front(start + headerSize);
  if (body.size() < bytes)
    return fail("it is truncated: " + Twine(body.size()) +
                " bytes of data, expected " + Twine(bytes));
  array.bytes = body.take_front(bytes).str();
  return array;
}

Error seqc::writeFileAtomically(StringRef path, StringRef bytes) {
  std::string aside = (path + ".part").str();
  {
    std::error_code ec;
    raw_fd_ostream os(aside, ec);
    if (ec)
      return createStringError("cannot write '" + path + "': " + ec.message());
    os << bytes;
    os.close();
    if (os.has_error()) {
      std::string message = os.error().message();
      os.clear_error();
      sys::fs::remove(aside);
      return createStringError("cannot write '" + path + "': " + message);
    }
  }
  if (std::error_code ec = sys::fs::rename(aside, path)) {
    sys::fs::remove(aside);
    return createStringError("cannot write '" + path + "': " + ec.message());
  }
  return Error::success();
}

Error seqc::writeNpy(StringRef path, const NpyArray &array) {
  std::string header;
  raw_string_ostream os(header);
  os << "{'descr': '" << array.descr << "', 'fortran_order': False, 'shape': (";
  for (int64_t size : array.shape)
    os << size << ", ";
  os << "), }";
  // NumPy pads the header so that the data is aligned.
  while ((10 + header.size() + 1) % 64)
    header += ' ';
  header += '\n';
  std::string file = magic.str() + std::string("\x01\x00", 2);
  file += char(header.size() & 255);
  file += char(header.size() >> 8);
  return writeFileAtomically(path, file + header + array.bytes);
}
