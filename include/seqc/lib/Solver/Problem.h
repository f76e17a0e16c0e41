//===- Problem.h - Problems of tiles as arithmetic --------------*- C++ -*-===//
//
// What `seqc_tile.problem` says, for those who count: Z3 is not needed to say what an
// answer costs and which constraints it breaks.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_SOLVER_PROBLEM_H
#define SEQC_LIB_SOLVER_PROBLEM_H

#include "seqc/dialects/Tile/Tile.h"

#include <optional>
#include <string>
#include <vector>

namespace seqc::solver {

/// A value for every knob, in their order.
using Point = llvm::SmallVector<int64_t, 8>;
/// A value for every node; nothing where one has none (a division by zero, an
/// overflow, a negative operand of what takes none).
using Values = std::vector<std::optional<int64_t>>;

class Problem {
public:
  explicit Problem(tile::ProblemOp op);

  enum class Kind { Constant, Knob, Add, Sub, Mul, Div, CeilDiv, Rem, Min, Max,
                    Equal, Unequal, Less, LessEqual, Select };
  struct Node {
    Kind kind;
    llvm::SmallVector<unsigned, 3> operands;
    int64_t constant = 0; // of a knob its number
    bool isTruth = false;
  };
  struct Knob {
    std::string name;
    llvm::SmallVector<int64_t> values;
  };
  struct Constraint {
    std::string name, sentence;
    bool equal = false;
    /// Left, right, then what the sentence names besides.
    llvm::SmallVector<unsigned> values;
    unsigned holds; // a truth value
  };
  struct Part {
    std::string name;
    unsigned value;
    int64_t scale;
  };

  std::string name, what;
  std::vector<Node> nodes;
  std::vector<Knob> knobs;
  std::vector<Constraint> constraints;
  std::vector<Part> parts;
  unsigned cost = 0;
  int64_t scale = 1;

  /// Points, legal or not; at most 2^62.
  int64_t points() const;
  Values evaluate(llvm::ArrayRef<int64_t> point) const;
  /// True if the cost and every constraint have a value and all of these hold.
  bool isLegal(const Values &values) const;
  /// The sentence of a constraint with its values in it.
  std::string sentence(unsigned constraint, const Values &values) const;
  /// Calls `visit` with every point and its values, the preferred points first.
  void forEach(llvm::function_ref<void(llvm::ArrayRef<int64_t>, const Values &)> visit) const;

private:
  unsigned add(Node node) {
    nodes.push_back(std::move(node));
    return nodes.size() - 1;
  }
};

/// "48 KiB" where the bytes are whole units, else "1000 bytes".
std::string bytesText(int64_t bytes);

} // namespace seqc::solver

#endif // SEQC_LIB_SOLVER_PROBLEM_H
