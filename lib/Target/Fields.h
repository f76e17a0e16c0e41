//===- Fields.h - The keys of a machine description -------------*- C++ -*-===//

#ifndef SEQC_LIB_TARGET_FIELDS_H
#define SEQC_LIB_TARGET_FIELDS_H

#include "seqc/lib/Target/Machine.h"

namespace seqc::target {

/// How a number is written.
enum class Unit { Plain, Bytes, Hertz, BytesPerSecond };

/// Calls visit(key, member, unit, least, most, meaning) for every key of a processor.
template <class C, class F> void visitFields(C &cpu, F visit)
  requires std::is_same_v<std::remove_const_t<C>, Cpu>
{
  auto rate = [&](const char *key, auto &member, const char *text) {
    visit(key, member, Unit::Plain, 0.0, 64.0, text);
  };
  auto cycles = [&](const char *key, auto &member, const char *text) {
    visit(key, member, Unit::Plain, 0.0, 1e4, text);
  };
  auto bytes = [&](const char *key, auto &member, const char *text) {
    visit(key, member, Unit::Bytes, 1024.0, 0x1p44, text);
  };
  auto bandwidth = [&](const char *key, auto &member, const char *text) {
    visit(key, member, Unit::Plain, 1.0, 4096.0, text);
  };
  visit("cores", cpu.cores, Unit::Plain, 1.0, 4096.0, "threads that run at once");
  visit("clock", cpu.clock, Unit::Hertz, 1e8, 1e11, "cycles a second");
  visit("vector-bits", cpu.vectorBits, Unit::Plain, 128.0, 2048.0, "of a register");
  visit("vector-registers", cpu.vectorRegisters, Unit::Plain, 8.0, 1024.0, "");
  rate("fmas", cpu.fmas, "multiply-adds of vectors a cycle");
  rate("loads", cpu.loads, "loads of vectors a cycle");
  rate("stores", cpu.stores, "stores of vectors a cycle");
  rate("bf16-dots", cpu.bf16Dots, "dot products of pairs of bf16 a cycle, 0 for none");
  cycles("fma-latency", cpu.fmaLatency, "cycles until a result can be used");
  cycles("add-latency", cpu.addLatency, "");
  cycles("load-latency", cpu.loadLatency, "");
  cycles("bf16-dot-latency", cpu.bf16DotLatency, "");
  cycles("function-cycles", cpu.functionCycles, "exp, log or tanh of a vector of f32");
  cycles("tile-cycles", cpu.tileCycles, "around the loop of one tile of a product");
  cycles("write-cycles", cpu.writeCycles, "to write one vector of it");
  bytes("l1-bytes", cpu.l1Bytes, "of a core, for data");
  bytes("l2-bytes", cpu.l2Bytes, "of a core");
  bytes("l3-bytes", cpu.l3Bytes, "of all cores");
  bandwidth("l1-bandwidth", cpu.l1Bandwidth, "bytes a cycle");
  bandwidth("l2-bandwidth", cpu.l2Bandwidth, "");
  bandwidth("l3-bandwidth", cpu.l3Bandwidth, "");
  visit("copy-bandwidth", cpu.copyBandwidth, Unit::BytesPerSecond, 1e8, 1e14,
        "of a copy on all cores, read and written");
  visit("page-bytes", cpu.pageBytes, Unit::Bytes, 1024.0, 0x1p30, "");
}

/// The same for a GPU.
template <class G, class F> void visitFields(G &gpu, F visit)
  requires std::is_same_v<std::remove_const_t<G>, Gpu>
{
  auto count = [&](const char *key, auto &member, const char *text) {
    visit(key, member, Unit::Plain, 1.0, 1e6, text);
  };
  auto bytes = [&](const char *key, auto &member, const char *text) {
    visit(key, member, Unit::Bytes, 1024.0, 0x1p44, text);
  };
  auto rate = [&](const char *key, auto &member, const char *text) {
    visit(key, member, Unit::Plain, 0.0, 1e6, text);
  };
  count("sms", gpu.sms, "multiprocessors");
  visit("clock", gpu.clock, Unit::Hertz, 1e8, 1e11, "cycles a second");
  count("registers", gpu.registers, "of 32 bits, of a multiprocessor");
  count("registers-per-thread", gpu.registersPerThread, "");
  bytes("shared-bytes", gpu.sharedBytes, "of a multiprocessor");
  bytes("shared-bytes-per-block", gpu.sharedBytesPerBlock, "");
  count("threads", gpu.threads, "of a multiprocessor");
  count("threads-per-block", gpu.threadsPerBlock, "");
  count("blocks", gpu.blocks, "of a multiprocessor");
  count("cluster-blocks", gpu.clusterBlocks, "1 for no clusters");
  visit("mma-shapes", gpu.mmaShapes, Unit::Plain, 0.0, 0.0, "matrix instructions");
  rate("mma-rate", gpu.mmaRate, "multiply-adds of 16-bit floats a cycle, by warps");
  rate("wgmma-rate", gpu.wgmmaRate, "the same by groups of four warps, 0 for none");
  rate("f32-rate", gpu.f32Rate, "multiply-adds of f32 a cycle");
  rate("function-rate", gpu.functionRate, "exp2 and the like a cycle");
  rate("shared-bandwidth", gpu.sharedBandwidth, "bytes a cycle");
  rate("shared-latency", gpu.sharedLatency, "cycles");
  rate("cluster-latency", gpu.clusterLatency, "of another block's shared memory");
  rate("l2-latency", gpu.l2Latency, "");
  rate("block-barrier", gpu.blockBarrier, "cycles");
  rate("cluster-barrier", gpu.clusterBarrier, "");
  rate("grid-barrier", gpu.gridBarrier, "");
  bytes("l2-bytes", gpu.l2Bytes, "");
  visit("l2-bandwidth", gpu.l2Bandwidth, Unit::BytesPerSecond, 1e9, 1e15, "");
  visit("copy-bandwidth", gpu.copyBandwidth, Unit::BytesPerSecond, 1e9, 1e15,
        "of a copy in device memory, read and written");
}

/// What this machine is, as far as it says; `name` is its processor's.
llvm::Expected<Machine> readHost();

} // namespace seqc::target

#endif // SEQC_LIB_TARGET_FIELDS_H
