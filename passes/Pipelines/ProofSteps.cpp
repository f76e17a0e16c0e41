//===- ProofSteps.cpp - The step of one token against the entry -----------===//

#include "ProofsImpl.h"

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/BitVector.h"

#include <numeric>

using namespace mlir;
using namespace seqc;
using namespace seqc::proofs;

/// Makes every state of `func` an argument, after the others, and its results the
/// outputs, then all states.  Returns how many there are.
static unsigned openStates(func::FuncOp func) {
  Block &block = func.getBody().front();
  auto ret = cast<func::ReturnOp>(block.getTerminator());
  SmallVector<Value> results, finals;
  SmallVector<RecurrenceOp> ops(block.getOps<RecurrenceOp>());
  for (RecurrenceOp op : ops)
    for (unsigned c = 0; c < op.getCarries().size(); ++c) {
      Value final = op.getFinals()[c];
      op.getCarriesMutable()[c].set(
          block.addArgument(final.getType(), func.getLoc()));
      SmallVector<Attribute> maps(op.getCarryMaps().getValue());
      maps[c] = op.getFinalMap(c);
      op.setCarryMapsAttr(ArrayAttr::get(func.getContext(), maps));
      finals.push_back(final);
    }
  for (Value v : ret.getOperands())
    if (!llvm::is_contained(finals, v))
      results.push_back(v);
  llvm::append_range(results, finals);
  ret.getOperandsMutable().assign(results);
  SmallVector<Attribute> attrs;
  if (ArrayAttr old = func.getArgAttrsAttr())
    llvm::append_range(attrs, old);
  attrs.resize(block.getNumArguments(), DictionaryAttr::get(func.getContext()));
  SmallVector<Type> types;
  for (Value v : results)
    types.push_back(v.getType());
  func.setType(FunctionType::get(func.getContext(), block.getArgumentTypes(), types));
  func.setAllArgAttrs(attrs);
  func.removeResAttrsAttr();
  return finals.size();
}

/// True for the states that a step has beside those of the program.
static bool isStepsOwn(func::FuncOp step, unsigned argument) {
  auto called = step.getArgAttrOfType<StringAttr>(argument, "seqc.name");
  return called && step.getArgAttr(argument, "seqc.start") &&
         (called.getValue() == "position" || called.getValue().ends_with("_snapshot"));
}

namespace {
/// What the step's arguments are, among the inputs of the entry, whose states are
/// those from `first` on: states by what they are written to, others by name.
struct StepArguments {
  std::vector<proof::Argument> arguments;
  proof::Steps steps;
  bool ownStates = false;
  bool find(func::FuncOp step, const EntryInfo &entry, ArrayRef<Input> inputs,
            unsigned first, bool packed);
};
} // namespace

bool StepArguments::find(func::FuncOp step, const EntryInfo &entry,
                         ArrayRef<Input> inputs, unsigned first, bool packed) {
  auto self = describeEntry(step);
  if (!self) {
    llvm::consumeError(self.takeError());
    return false;
  }
  std::vector<int64_t> symbols = symbolsFor(*self, 1);
  arguments.assign(step.getNumArguments(), {~0u, {}, false});
  unsigned next = first;
  llvm::BitVector isState(arguments.size());
  for (unsigned r = 0; r < step.getNumResults(); ++r) {
    auto at = step.getResultAttrOfType<IntegerAttr>(r, "seqc.in_place");
    if (!at)
      continue;
    unsigned argument = at.getInt();
    isState.set(argument);
    bool own = isStepsOwn(step, argument);
    ownStates |= own;
    if (!own && next == inputs.size())
      return false;
    steps.states.push_back({argument, own ? -1 : int(next), {}});
    steps.states.back().shape =
        own ? shapeOf(self->args[argument], symbols) : inputs[next].shape;
    next += !own;
  }
  if (next != inputs.size())
    return false;
  for (unsigned i = 0; i < arguments.size(); ++i) {
    if (isState.test(i))
      continue;
    if (isStepsOwn(step, i)) {
      arguments[i] = {~0u, shapeOf(self->args[i], symbols), true};
      ownStates = true;
      continue;
    }
    auto called = step.getArgAttrOfType<StringAttr>(i, "seqc.name");
    for (unsigned k = 0; k < first; ++k)
      if (called && inputs[k].name == called.getValue()) {
        arguments[i] = {k, {}, false};
        for (auto [size, dim] : llvm::zip(inputs[k].shape, entry.args[k].dims))
          if (packed || dim.symbol < 0 || !isTime(entry.symbols[dim.symbol]))
            arguments[i].shape.push_back(size);
      }
    if (arguments[i].input == ~0u)
      return false;
  }
  if (!ownStates)
    for (const proof::Steps::State &state : steps.states)
      arguments[state.argument] = {unsigned(state.input), state.shape, false};
  return true;
}

void Prover::decode() {
  Summary summary;
  std::string scope = "features of 1 to 3, any state";
  for (unsigned variant = 0; variant < kSizes; ++variant) {
    auto small = instance(variant);
    if (!small)
      return llvm::consumeError(small.takeError());
    // The entry with its states open says what one token does.
    OwningOpRef<ModuleOp> open(small->module->clone()),
        withStep(small->module->clone());
    PassManager pm(open->getContext());
    pm.addPass(createCanonicalizerPass());
    ScanToRecurrenceOptions scans;
    scans.all = true;
    pm.addPass(createScanToRecurrence(scans));
    {
      ScopedDiagnosticHandler quiet(open->getContext(), [](Diagnostic &) {});
      if (!runQuietly(pm, *open) || addSteps(*withStep))
        return;
    }
    std::string stepName = name + "_step";
    if (!find(*withStep, stepName))
      return;
    func::FuncOp meaning = find(*open, name);
    unsigned states = openStates(meaning);
    auto entry = describeEntry(meaning);
    if (!entry)
      return llvm::consumeError(entry.takeError());
    auto module = formed(*withStep, options);
    if (!module)
      return;
    func::FuncOp step = find(*module, stepName);
    // In packed sequences, one token of every segment.
    bool packed = llvm::any_of(
        entry->args, [](const EntryArg &arg) { return arg.cuts.has_value(); });
    for (unsigned pattern : hasFlags(*entry) ? SmallVector<unsigned>{0b010, 0b101}
                                             : SmallVector<unsigned>{0}) {
      auto inputsOf = [&](int64_t length) {
        std::vector<Input> inputs = inputsFor(*entry, length, pattern);
        for (auto [input, arg] : llvm::zip(inputs, entry->args))
          if (arg.cuts)
            std::iota(input.numbers->begin(), input.numbers->end(), 0);
        return inputs;
      };
      int64_t length = packed ? 3 : 1;
      std::vector<Input> inputs = inputsOf(length);
      Comparison c;
      StepArguments found;
      if (!found.find(step, *entry, inputs, inputs.size() - states, packed)) {
        c.detail = "its arguments are not those of the entry";
      } else if (found.ownStates && packed) {
        c.detail = "it keeps positions of packed sequences, which proofs do not "
                   "cover; it is used all the same";
      } else {
        // Positions start at zero, so that several tokens have to be seen.
        if (found.ownStates) {
          length = found.steps.tokens = kLongestChunk + 1;
          inputs = inputsOf(length);
          scope = "features of 1 to 3, any state, " + std::to_string(length) +
                  " tokens, snapshots every 2";
        }
        c = proof::compare(meaning, step, inputs, outputsOf(*entry), kEffort,
                           found.arguments,
                           found.ownStates ? &found.steps : nullptr);
      }
      if (!summary.add(std::move(c), sizesText(small->entry, length))) {
        variant = kSizes;
        break;
      }
    }
  }
  obligations.push_back(
      summary.obligation("the step of one token equals the program's",
                         scope));
}
