//===- CInterface.cpp - The C side of an entry ----------------------------===//

#include "CompilerImpl.h"

#include "seqc/abi.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace seqc;

/// DLPack's type code of an element type.
static uint8_t typeCode(mlir::Type type) {
  if (type.isBF16())
    return kDLBfloat;
  if (mlir::isa<mlir::FloatType>(type))
    return kDLFloat;
  return kDLInt;
}

static unsigned bitsOf(mlir::Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

Constant *seqc::addDeviceCode(Module &module, const DeviceCode &code) {
  LLVMContext &context = module.getContext();
  auto *pointer = PointerType::getUnqual(context);
  auto *i32 = Type::getInt32Ty(context);
  auto global = [&](Constant *data, bool constant, Align align) {
    auto *result = new GlobalVariable(module, data->getType(), constant,
                                      GlobalValue::PrivateLinkage, data);
    result->setAlignment(align);
    return result;
  };
  auto text = [&](StringRef value, bool terminated) -> Constant * {
    return global(ConstantDataArray::getString(context, value, terminated), true,
                  Align(64));
  };
  Constant *null = ConstantPointerNull::get(pointer);
  SmallVector<Constant *> names;
  for (const std::string &name : code.kernels)
    names.push_back(text(name, true));
  auto *imageType = StructType::get(context, {pointer, pointer, pointer, i32, i32});
  SmallVector<Constant *> images;
  for (const DeviceImage &image : code.images) {
    // "sm_90a": its number, and whether a letter follows.
    StringRef rest = StringRef(image.target).drop_front(3);
    unsigned capability = 0;
    rest.consumeInteger(10, capability);
    images.push_back(ConstantStruct::get(
        imageType, text(image.target, true),
        image.cubin.empty() ? null : text(image.cubin, false),
        image.ptx.empty() ? null : text(image.ptx, true),
        ConstantInt::get(i32, capability), ConstantInt::get(i32, !rest.empty())));
  }
  auto array = [&](Type *element, ArrayRef<Constant *> values) {
    return global(ConstantArray::get(ArrayType::get(element, values.size()), values),
                  true, Align(8));
  };
  auto *type =
      StructType::get(context, {pointer, i32, i32, pointer, pointer});
  return global(ConstantStruct::get(
                    type, array(imageType, images),
                    ConstantInt::get(i32, images.size()),
                    ConstantInt::get(i32, names.size()), array(pointer, names), null),
                /*constant=*/false, Align(8));
}

void seqc::addCInterface(Module &module, const EntryInfo &entry, bool checked,
                         Constant *gpu) {
  LLVMContext &context = module.getContext();
  auto *pointer = PointerType::getUnqual(context);
  auto *i64 = Type::getInt64Ty(context);
  auto *i32 = Type::getInt32Ty(context);
  auto *i8 = Type::getInt8Ty(context);
  auto *f64 = Type::getDoubleTy(context);
  IRBuilder<> builder(context);

  auto text = [&](StringRef value) -> Constant * {
    Constant *data = ConstantDataArray::getString(context, value);
    auto *global = new GlobalVariable(module, data->getType(), true,
                                      GlobalValue::PrivateLinkage, data);
    global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    return global;
  };
  auto constantArray = [&](Type *type, ArrayRef<Constant *> values) -> Constant * {
    auto *array = ArrayType::get(type, values.size());
    return new GlobalVariable(module, array, true, GlobalValue::PrivateLinkage,
                              ConstantArray::get(array, values));
  };

  // seqc_entry and what it points to; the layouts are those of abi.h.
  auto *dimType = StructType::get(context, {i64, i32, i32, i64});
  auto dimOf = [&](const EntryDim &dim) -> Constant * {
    return ConstantStruct::get(
        dimType, ConstantInt::get(i64, dim.symbol < 0 ? dim.size : 0),
        ConstantInt::getSigned(i32, dim.symbol), ConstantInt::get(i32, dim.divisor),
        ConstantInt::getSigned(i64, dim.offset));
  };
  auto *argType = StructType::get(
      context, {pointer, pointer, i32, i8, i8, i8, i8, pointer, f64, f64});
  auto *entryType = StructType::get(
      context, {i32, i32, i32, i32, pointer, pointer, pointer, pointer});
  SmallVector<Constant *> args;
  SmallVector<bool> updated(entry.args.size(), false);
  for (const EntryArg &arg : entry.args)
    if (arg.inPlace >= 0)
      updated[arg.inPlace] = true;
  for (auto [i, arg] : enumerate(entry.args)) {
    if (arg.inPlace >= 0)
      continue;
    SmallVector<Constant *> dims;
    for (const EntryDim &dim : arg.dims)
      dims.push_back(dimOf(dim));
    mlir::Type element = mlir::getElementTypeOrSelf(arg.type);
    args.push_back(ConstantStruct::get(
        argType, text(arg.name), constantArray(dimType, dims),
        ConstantInt::get(i32, dims.size()),
        ConstantInt::get(i8, typeCode(element)),
        ConstantInt::get(i8, bitsOf(element)),
        ConstantInt::get(i8, arg.isOutput), ConstantInt::get(i8, updated[i]),
        arg.cuts ? constantArray(dimType, {dimOf(*arg.cuts)})
                 : ConstantPointerNull::get(pointer),
        ConstantFP::get(f64, arg.range.low), ConstantFP::get(f64, arg.range.high)));
  }
  SmallVector<Constant *> symbols;
  for (const std::string &symbol : entry.symbols)
    symbols.push_back(text(symbol));
  auto *signature = new GlobalVariable(
      module, entryType, true, GlobalValue::ExternalLinkage,
      ConstantStruct::get(
          entryType, ConstantInt::get(i32, SEQC_ABI_VERSION),
          ConstantInt::get(i32, args.size()), ConstantInt::get(i32, symbols.size()),
          ConstantInt::get(i32, checked ? SEQC_ENTRY_CHECKED : 0), text(entry.name), constantArray(argType, args),
          constantArray(pointer, symbols),
          gpu ? gpu : ConstantPointerNull::get(pointer)),
      entry.name + "__signature");

  // The kernel, called through an array of descriptors.
  Function *kernel =
      module.getFunction("_mlir_ciface_" + entry.name + kernelSuffix.str());
  auto *packed = Function::Create(
      gpu ? FunctionType::get(Type::getVoidTy(context), {pointer, pointer}, false)
          : FunctionType::get(Type::getVoidTy(context), {pointer}, false),
      GlobalValue::ExternalLinkage, entry.name + "__packed", module);
  builder.SetInsertPoint(BasicBlock::Create(context, "entry", packed));
  SmallVector<Value *> descriptors;
  // The kernel's arguments are all of the entry's; one that is updated in place
  // serves as input and as output.
  unsigned next = 0;
  for (const EntryArg &arg : entry.args)
    descriptors.push_back(
        arg.inPlace >= 0
            ? descriptors[arg.inPlace]
            : builder.CreateLoad(pointer, builder.CreateConstInBoundsGEP1_64(
                                              pointer, packed->getArg(0), next++)));
  if (gpu)
    descriptors.push_back(packed->getArg(1));
  builder.CreateCall(kernel, descriptors);
  builder.CreateRetVoid();

  // The functions that people call: the tensors as an array for the runtime.
  auto define = [&](const std::string &name, Type *result, StringRef runtime,
                    unsigned extra) {
    SmallVector<Type *> parameters(args.size() + extra, pointer);
    auto *function =
        Function::Create(FunctionType::get(result, parameters, false),
                         GlobalValue::ExternalLinkage, name, module);
    builder.SetInsertPoint(BasicBlock::Create(context, "entry", function));
    auto *arrayType = ArrayType::get(pointer, args.size());
    Value *array = builder.CreateAlloca(arrayType);
    for (unsigned i = 0; i < args.size(); ++i)
      builder.CreateStore(function->getArg(i), builder.CreateConstInBoundsGEP2_64(
                                                   arrayType, array, 0, i));
    SmallVector<Value *> operands{signature, array, packed};
    for (unsigned i = 0; i < extra; ++i)
      operands.push_back(function->getArg(args.size() + i));
    SmallVector<Type *> types(operands.size(), pointer);
    FunctionCallee callee = module.getOrInsertFunction(
        runtime, FunctionType::get(result, types, false));
    builder.CreateRet(builder.CreateCall(callee, operands));
  };
  if (!gpu) {
    define(entry.name, i32, "seqc_rt_invoke", 1);
    return;
  }
  define(entry.name, i32, "seqc_rt_invoke_cuda", 3);
  define(entry.name + "_scratch", i64, "seqc_rt_cuda_scratch_bytes", 1);
}

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

std::string CompiledModule::header(StringRef guard) const {
  std::string result;
  raw_string_ostream os(result);
  os << "/* Generated by seqc. */\n#ifndef " << guard << "\n#define " << guard
     << "\n\n#include <dlpack/dlpack.h>\n#include <stdint.h>\n"
     << "\n#ifndef SEQC_ERROR_DEFINED\n#define SEQC_ERROR_DEFINED\n"
     << "typedef struct seqc_error {\n  int32_t code;\n  char message[508];\n"
     << "} seqc_error;\n#endif\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
  for (const EntryInfo &entry : impl->entries) {
    bool gpu = !impl->device.images.empty();
    os << "\n/* Row-major tensors on " << (gpu ? "one CUDA device" : "the CPU");
    if (!entry.symbols.empty()) {
      os << "; sizes ";
      interleaveComma(entry.symbols, os);
    }
    os << ".\n";
    SmallVector<bool> updated(entry.args.size(), false);
    for (const EntryArg &arg : entry.args)
      if (arg.inPlace >= 0)
        updated[arg.inPlace] = true;
    for (auto [i, arg] : enumerate(entry.args)) {
      if (arg.inPlace >= 0)
        continue;
      os << "   " << (arg.isOutput ? "out " : updated[i] ? "in, out " : "in  ") << arg.name << ": "
         << mlir::getElementTypeOrSelf(arg.type) << "[";
      interleaveComma(arg.dims, os, [&](const EntryDim &dim) {
        if (dim.symbol < 0) {
          os << dim.size;
          return;
        }
        os << entry.symbols[dim.symbol];
        if (dim.divisor != 1)
          os << "/" << dim.divisor;
        if (dim.offset)
          os << "+" << dim.offset;
      });
      os << "]";
      if (!arg.start.empty())
        os << ", starts at " << arg.start;
      os << "\n";
    }
    os << "   Returns 0, or a code of seqc/abi.h with a message in *error (which\n"
          "   may be null); nothing has been written then. */\n";
    auto tensors = [&] {
      for (auto [i, arg] : enumerate(entry.args))
        if (arg.inPlace < 0)
          os << (arg.isOutput || updated[i] ? "DLTensor *" : "const DLTensor *")
             << arg.name << ", ";
    };
    os << "int32_t " << entry.name << "(";
    tensors();
    os << (gpu ? "void *scratch, void *stream, " : "") << "seqc_error *error);\n";
    if (!gpu)
      continue;
    os << "/* Bytes of device memory to pass as scratch (null: from the stream's "
          "pool),\n   or minus a code. */\nint64_t "
       << entry.name << "_scratch(";
    tensors();
    os << "seqc_error *error);\n";
  }
  os << "\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return result;
}
