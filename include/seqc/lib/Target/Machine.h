//===- Machine.h - What a machine has and how fast it is --------*- C++ -*-===//
//
// A machine is data: a text file of keys and numbers that a person can read, write
// and override.  Cost models and tile problems take their numbers from here.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_TARGET_MACHINE_H
#define SEQC_LIB_TARGET_MACHINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace seqc::target {

/// A processor.  Rates are of one core, bandwidths of memory of the whole machine.
struct Cpu {
  int64_t cores = 1;
  double clock = 3e9; ///< cycles a second
  /// Bits of a vector register, and how many there are.
  int64_t vectorBits = 256, vectorRegisters = 16;
  /// Instructions a cycle on whole vectors; 0: the machine has none.
  double fmas = 2, loads = 2, stores = 1, bf16Dots = 0;
  /// Cycles until a result can be used.
  int64_t fmaLatency = 4, addLatency = 4, loadLatency = 5, bf16DotLatency = 6;
  /// Cycles that exp, log or tanh of a vector of f32 takes.
  double functionCycles = 10;
  /// Cycles around a loop that computes one tile, and to write one vector of it.
  double tileCycles = 8, writeCycles = 2;
  int64_t l1Bytes = 32 << 10, l2Bytes = 512 << 10, l3Bytes = 8 << 20;
  /// Bytes a cycle.
  double l1Bandwidth = 64, l2Bandwidth = 32, l3Bandwidth = 16;
  /// Bytes a second of a copy: read and written bytes counted.
  double copyBandwidth = 20e9;
  int64_t pageBytes = 4096;

  /// Lanes of a vector of elements of `bits`.
  int64_t lanes(int64_t bits = 32) const { return vectorBits / bits; }
};

/// An NVIDIA GPU.  Rates are of one multiprocessor ("SM") and cycle.
struct Gpu {
  int64_t sms = 1;
  double clock = 1.5e9;
  int64_t registers = 65536, registersPerThread = 255;
  int64_t sharedBytes = 100 << 10, sharedBytesPerBlock = 99 << 10;
  int64_t threads = 2048, threadsPerBlock = 1024, blocks = 32;
  /// Blocks of a cluster; 1: the machine has no clusters.
  int64_t clusterBlocks = 1;
  /// Shapes of the matrix instructions, as "mma.m16n8k16".
  std::vector<std::string> mmaShapes;
  /// Multiply-adds of 16-bit floats: by warps, and by groups of four warps.
  double mmaRate = 1024, wgmmaRate = 0;
  double f32Rate = 128, functionRate = 16;
  double sharedBandwidth = 128;
  /// Cycles: a load from shared memory, from another block's, from L2; barriers of a
  /// block, of a cluster, of all blocks.
  int64_t sharedLatency = 29, clusterLatency = 0, l2Latency = 263;
  int64_t blockBarrier = 20, clusterBarrier = 0, gridBarrier = 1500;
  int64_t l2Bytes = 40 << 20;
  /// Bytes a second.
  double l2Bandwidth = 4e12, copyBandwidth = 1.5e12;
};

struct Machine {
  std::string name;
  bool isGpu = false;
  Cpu cpu;
  Gpu gpu;

  /// With vectors of `lanes` f32, where that differs from its own.
  Machine withLanes(int64_t lanes) const;
  /// The description as a file.
  std::string text() const;
};

/// Names of the machines that are known, "host" first.
llvm::ArrayRef<llvm::StringRef> knownMachines();

/// A machine by name: "host" is what this one is read to be, "cpu" the same; a
/// processor that has no description of its own gets that of its vector width.
llvm::Expected<Machine> machineOf(llvm::StringRef name);

/// A description from `text`; `file` stands in errors.  Keys that it does not give
/// come from the machine that its key `base` names ("host" for processors).
llvm::Expected<Machine> parseMachine(llvm::StringRef text, llvm::StringRef file);

/// The description in a file.
llvm::Expected<Machine> readMachine(llvm::StringRef path);

/// A machine by name, or from a file: a path with a slash or ending in .yaml; with
/// vectors of `lanes` f32 unless that is 0.
llvm::Expected<Machine> machineFor(llvm::StringRef name, int64_t lanes);

} // namespace seqc::target

#endif // SEQC_LIB_TARGET_MACHINE_H
