//===- Random.h - Fixed pseudo-random numbers -------------------*- C++ -*-===//

#ifndef SEQC_LIB_PROOF_RANDOM_H
#define SEQC_LIB_PROOF_RANDOM_H

#include <cstdint>

namespace seqc::proof {

/// The same numbers in every run and on every machine (xorshift).
/// G. Marsaglia, "Xorshift RNGs", 2003.
struct Random {
  uint64_t state = 0x9e3779b97f4a7c15;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  }
};

} // namespace seqc::proof

#endif // SEQC_LIB_PROOF_RANDOM_H
