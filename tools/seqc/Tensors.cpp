//===- Tensors.cpp - Tensors in host memory -------------------------------===//

#include "Driver.h"

#include "seqc/lib/Support/Npy.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"

#include <cmath>
#include <cstring>
#include <unistd.h>

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;

int64_t seqc::driver::bytesOf(Type element) {
  if (element.isIndex())
    return 8;
  return std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
}

int64_t HostTensor::size() const {
  int64_t n = 1;
  for (int64_t s : shape)
    n *= s;
  return n;
}

/// A 16-bit float's bits to a number, and back with rounding to nearest even.
static double fromBits(const llvm::fltSemantics &semantics, uint16_t bits) {
  llvm::APFloat value(semantics, llvm::APInt(16, bits));
  bool lost;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &lost);
  return value.convertToDouble();
}
/// The same for bf16, which is the upper half of an f32.
static double fromBFloat(uint16_t bits) {
  return llvm::bit_cast<float>(uint32_t(bits) << 16);
}
static uint16_t toBFloat(double number) {
  float single = static_cast<float>(number);
  uint32_t bits = llvm::bit_cast<uint32_t>(single);
  if (std::isnan(number))
    return bits >> 16 | 0x40;
  // Toward zero, the last bit set where anything was lost: it then cannot tie.
  if (double(single) != number)
    bits = (bits - (std::fabs(double(single)) > std::fabs(number))) | 1;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
static uint16_t toBits(const llvm::fltSemantics &semantics, double number) {
  llvm::APFloat value(number);
  bool lost;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lost);
  return value.bitcastToAPInt().getZExtValue();
}

template <class V>
static V read(const char *from) {
  V value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class V>
static void write(char *to, V value) {
  std::memcpy(to, &value, sizeof value);
}

double HostTensor::get(int64_t i) const {
  const char *at = bytes.data() + i * bytesOf(element);
  if (auto type = dyn_cast<FloatType>(element)) {
    if (type.isF64())
      return read<double>(at);
    if (type.isF32())
      return read<float>(at);
    if (type.isBF16())
      return fromBFloat(read<uint16_t>(at));
    return fromBits(type.getFloatSemantics(), read<uint16_t>(at));
  }
  switch (bytesOf(element)) {
  case 1:
    return read<int8_t>(at);
  case 2:
    return read<int16_t>(at);
  case 4:
    return read<int32_t>(at);
  default:
    return static_cast<double>(read<int64_t>(at));
  }
}

void HostTensor::poison() {
  if (!isa<FloatType>(element)) {
    std::memset(bytes.data(), 0x4c, bytes.size());
    return;
  }
  if (bytes.empty())
    return;
  set(0, NAN);
  // What is filled already is copied behind itself.
  for (size_t done = bytesOf(element); done < bytes.size(); done *= 2)
    std::memcpy(bytes.data() + done, bytes.data(), std::min(done, bytes.size() - done));
}

void HostTensor::set(int64_t i, double value) {
  char *at = bytes.data() + i * bytesOf(element);
  if (auto type = dyn_cast<FloatType>(element)) {
    if (type.isF64())
      write<double>(at, value);
    else if (type.isF32())
      write<float>(at, static_cast<float>(value));
    else if (type.isBF16())
      write<uint16_t>(at, toBFloat(value));
    else
      write<uint16_t>(at, toBits(type.getFloatSemantics(), value));
    return;
  }
  auto integer = static_cast<int64_t>(value);
  switch (bytesOf(element)) {
  case 1:
    write<int8_t>(at, integer);
    break;
  case 2:
    write<int16_t>(at, integer);
    break;
  case 4:
    write<int32_t>(at, integer);
    break;
  default:
    write<int64_t>(at, integer);
  }
}

llvm::Expected<HostTensor> seqc::driver::allocate(StringRef name, Type element,
                                                  ArrayRef<int64_t> shape) {
  HostTensor tensor;
  tensor.element = element;
  tensor.shape.assign(shape.begin(), shape.end());
  bool supported = element.isIndex() || element.isInteger(1) ||
                   element.isInteger(8) || element.isInteger(16) ||
                   element.isInteger(32) || element.isInteger(64) ||
                   element.isBF16() || element.isF16() || element.isF32() ||
                   element.isF64();
  if (!supported) {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << element;
    return llvm::createStringError("'" + name + "' has elements " + text +
                                   ", which seqc run cannot hold");
  }
  int64_t bytes = bytesOf(element);
  for (int64_t s : shape)
    if (__builtin_mul_overflow(bytes, s, &bytes))
      return llvm::createStringError("'" + name +
                                     "': the byte count overflows 64 bits");
  int64_t memory = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (bytes > memory / 2)
    return llvm::createStringError("'" + name + "' needs " + Twine(bytes) +
                                   " bytes, more than half of this machine's " +
                                   Twine(memory));
  tensor.bytes.resize(bytes);
  return tensor;
}

/// NumPy's types for an element type; the first is what seqc writes.
static SmallVector<StringRef> npyTypes(Type element) {
  if (element.isBF16())
    return {"<u2", "|V2", "<V2"};
  if (element.isF16())
    return {"<f2"};
  if (element.isF32())
    return {"<f4"};
  if (element.isF64())
    return {"<f8"};
  switch (bytesOf(element)) {
  case 1:
    if (element.isInteger(1))
      return {"|b1", "|u1", "|i1"};
    return {"|i1", "|u1", "|b1"};
  case 2:
    return {"<i2", "<u2"};
  case 4:
    return {"<i4", "<u4"};
  default:
    return {"<i8", "<u8"};
  }
}

llvm::Expected<HostTensor> seqc::driver::loadTensor(StringRef name, StringRef path,
                                                    Type element) {
  llvm::Expected<NpyArray> array = readNpy(path);
  if (!array)
    return array.takeError();
  SmallVector<StringRef> types = npyTypes(element);
  if (!llvm::is_contained(types, array->descr))
    return llvm::createStringError("--in " + name + ": '" + path +
                                   "' has elements '" + array->descr +
                                   "', expected '" + types[0] + "'");
  HostTensor tensor;
  tensor.element = element;
  tensor.shape = array->shape;
  tensor.bytes.assign(array->bytes.begin(), array->bytes.end());
  return tensor;
}

llvm::Error seqc::driver::saveTensor(StringRef path, const HostTensor &tensor) {
  NpyArray array;
  array.descr = npyTypes(tensor.element)[0].str();
  array.shape = tensor.shape;
  array.bytes.assign(tensor.bytes.begin(), tensor.bytes.end());
  return writeNpy(path, array);
}

reference::TensorF64 seqc::driver::toReference(const HostTensor &tensor) {
  reference::TensorF64 result;
  result.shape.assign(tensor.shape.begin(), tensor.shape.end());
  result.data.resize(tensor.size());
  for (int64_t i = 0; i < tensor.size(); ++i)
    result.data[i] = tensor.get(i);
  return result;
}
