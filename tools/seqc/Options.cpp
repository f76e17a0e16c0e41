//===- Options.cpp - Options that several subcommands take ----------------===//

#include "Driver.h"

#include "seqc/lib/Target/Machine.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace seqc;
using namespace seqc::driver;

cl::SubCommand seqc::driver::compileCommand("compile",
                                            "Compile a file to native code");
cl::SubCommand seqc::driver::runCommand(
    "run", "Compile a file in memory and run one entry");
cl::SubCommand seqc::driver::explainCommand(
    "explain", "Say what the compiler sees in a file");
cl::SubCommand seqc::driver::benchCommand(
    "bench", "Time files beside what the machine can do");
cl::SubCommand seqc::driver::proveCommand(
    "prove", "Prove what compilation relies on, or say what refutes it");
cl::SubCommand seqc::driver::targetsCommand("targets", "List targets");

#define ONE_FILE                                                               \
  cl::sub(compileCommand), cl::sub(runCommand), cl::sub(explainCommand)
#define ALL_COMMANDS ONE_FILE, cl::sub(benchCommand)

static cl::opt<std::string> file(cl::Positional, cl::desc("FILE"), ONE_FILE);
static cl::opt<std::string>
    entryName("entry", cl::desc("The function to use, if there are several"),
              cl::value_desc("F"), ALL_COMMANDS);
static cl::opt<std::string> targetName("target", cl::desc("What to make code for"),
                                   cl::init("cpu"), cl::value_desc("cpu|sm_80,sm_90a|..."),
                                   ALL_COMMANDS);
static cl::opt<std::string> cpu("cpu",
                                cl::desc("Processor: host, znver4, skylake-avx512"),
                                cl::init("host"), cl::value_desc("NAME"),
                                ALL_COMMANDS);
static cl::opt<std::string>
    features("features", cl::desc("More or fewer features, as +avx512f,-fma"),
             cl::value_desc("LIST"), ALL_COMMANDS);

static cl::opt<std::string>
    form("form",
         cl::desc("How recurrences are run: auto, sequential, canonical, chunked, scan"),
         cl::init("auto"), cl::value_desc("FORM"), ALL_COMMANDS);
static cl::opt<int64_t> chunk("chunk",
                              cl::desc("Tokens of a chunk in the chunked form, if not "
                                       "what its problem of tiles answers"),
                              cl::init(0), cl::value_desc("N"), ALL_COMMANDS);

static cl::opt<std::string>
    packed("packed",
           cl::desc("Chunks of packed segments: segments (each has its own), masks (one "
                    "may hold several), auto"),
           cl::init("auto"), cl::value_desc("LAYOUT"), ALL_COMMANDS);

static cl::opt<std::string> factors(
    "factors",
    cl::desc("Factors of the products in chunks of bf16 tokens: f32, bf16, or auto "
             "(bf16 where the processor has dot products of them); on a GPU, bf16 "
             "also rounds f32 tokens, and split makes two bf16 of each"),
    cl::init("auto"), cl::value_desc("TYPE"), ALL_COMMANDS);

static cl::opt<int64_t> splitParts(
    "split",
    cl::desc("Parts that sequences are cut into, to run apart; 0 lets estimates decide"),
    cl::init(0), cl::value_desc("N"), ALL_COMMANDS);
static cl::opt<int64_t>
    cores("cores",
          cl::desc("Cores that the choice of form counts on; 0: those of this machine"),
          cl::init(0), cl::value_desc("N"), ALL_COMMANDS);
static cl::opt<std::string> bindings("bind",
                                     cl::desc("Sizes of the axes, as B=4,T=2048"),
                                     cl::sub(runCommand), cl::sub(explainCommand));
StringRef seqc::driver::boundSizes() { return bindings; }
static cl::opt<std::string>
    targetFile("target-file",
               cl::desc("A description of the machine (seqc targets --describe prints one)"),
               cl::value_desc("FILE"), ALL_COMMANDS);
static cl::list<std::string>
    tiles("tile", cl::desc("Fix a knob of the tiles by hand, as rows=8"),
          cl::value_desc("NAME=VALUE"), ALL_COMMANDS);
static cl::opt<bool> step("step",
                          cl::desc("Run the one-token function NAME_step of the entry"),
                          cl::sub(runCommand));
static cl::opt<bool> checked(
    "checked",
    cl::desc("Calls check the declared ranges of inputs (seqc.range)"),
    cl::sub(compileCommand), cl::sub(runCommand));

Expected<CommonOptions> seqc::driver::commonOptions() {
  if (file.empty() && !benchCommand)
    return createStringError("no input file given");
  if (auto targets = targetsOf(targetName); !targets)
    return targets.takeError();
  auto parsed = parseForm(form);
  if (!parsed)
    return createStringError("--form: " + toString(parsed.takeError()));
  if (chunk.getNumOccurrences() && (chunk < 1 || chunk > 1024))
    return createStringError("--chunk: the length is " + Twine(chunk) +
                             ", expected 1 to 1024 tokens");
  if (packed != "auto" && packed != "segments" && packed != "masks")
    return createStringError("--packed: unknown layout '" + packed +
                             "', expected auto, segments or masks");
  if (factors != "auto" && factors != "f32" && factors != "bf16" && factors != "split")
    return createStringError("--factors: unknown type '" + factors +
                             "', expected auto, f32, bf16 or split");
  if (splitParts < 0 || splitParts > 65536)
    return createStringError("--split: " + Twine(splitParts) +
                             " parts, expected 1 to 65536, or 0");
  if (cores < 0 || cores > 1024)
    return createStringError("--cores: " + Twine(cores) +
                             " cores, expected 1 to 1024, or 0");
  if (splitParts > 1 && *parsed == Form::Sequential)
    return createStringError("--split: the " + form +
                             " form does not split, expected auto, canonical, chunked or scan");
  if (!targetFile.empty()) {
    auto machine = target::readMachine(targetFile);
    if (!machine)
      return createStringError("--target-file: " + toString(machine.takeError()));
    if (machine->isGpu != (targetName != "cpu"))
      return createStringError("--target-file: '" + targetFile + "' describes a " +
                               (machine->isGpu ? "gpu" : "cpu") +
                               ", but the target is " + targetName);
  }
  for (StringRef tile : tiles) {
    auto [name, value] = tile.split('=');
    int64_t number;
    if (name.empty() || value.getAsInteger(10, number))
      return createStringError("--tile: '" + tile + "' is not NAME=VALUE");
  }
  // A slash makes it a path to those who take names as well.
  std::string description = targetFile;
  if (!description.empty() && !StringRef(description).contains('/'))
    description = "./" + description;
  return CommonOptions{file, entryName, cpu, features, targetName, *parsed, chunk,
                       checked, splitParts, cores, packed, description,
                       std::vector<std::string>(tiles.begin(), tiles.end()), factors, step};
}

CompileOptions seqc::driver::compileOptions(const CommonOptions &common) {
  CompileOptions options;
  options.target = common.target;
  options.cpu = common.cpu;
  options.features = common.features;
  options.form = common.form;
  options.chunk = common.chunk;
  options.checked = common.checked;
  options.split = common.split;
  options.cores = common.cores;
  options.packed = common.packed;
  options.targetFile = common.targetFile;
  options.tiles = common.tiles;
  options.factors = common.factors;
  return options;
}

int seqc::driver::report(Error error) {
  handleAllErrors(std::move(error), [](const ErrorInfoBase &info) {
    errs() << "seqc: error: " << info.message() << "\n";
  });
  return 1;
}
