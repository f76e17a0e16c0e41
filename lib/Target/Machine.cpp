//===- Machine.cpp - Reads and writes machine descriptions ----------------===//

#include "Fields.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace seqc::target;
using llvm::StringRef;

Machine Machine::withLanes(int64_t lanes) const {
  Machine result = *this;
  if (isGpu || lanes <= 0 || lanes == cpu.lanes())
    return result;
  result.cpu.vectorBits = 32 * lanes;
  if (lanes < 16)
    result.cpu.vectorRegisters = 16;
  if (lanes < 16)
    result.cpu.bf16Dots = 0;
  return result;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

namespace {
struct Suffix {
  const char *text;
  double scale;
};
} // namespace

/// Units of a kind, the largest first.
static llvm::ArrayRef<Suffix> suffixes(Unit unit) {
  static constexpr Suffix bytes[] = {{"GiB", 0x1p30}, {"MiB", 0x1p20}, {"KiB", 0x1p10}};
  static constexpr Suffix hertz[] = {{"GHz", 1e9}, {"MHz", 1e6}};
  static constexpr Suffix rates[] = {{"TB/s", 1e12}, {"GB/s", 1e9}};
  switch (unit) {
  case Unit::Plain:
    return {};
  case Unit::Bytes:
    return bytes;
  case Unit::Hertz:
    return hertz;
  case Unit::BytesPerSecond:
    return rates;
  }
  llvm_unreachable("covered switch");
}

static std::string plain(double value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (value == std::floor(value) && std::abs(value) < 1e15)
    os << int64_t(value);
  else
    os << llvm::format("%.6g", value);
  return text;
}

static std::string written(double value, Unit unit) {
  for (const Suffix &suffix : suffixes(unit)) {
    double scaled = value / suffix.scale;
    if (scaled >= 1 && (unit != Unit::Bytes || scaled == std::floor(scaled)))
      return plain(scaled) + " " + suffix.text;
  }
  return plain(value);
}

static std::optional<double> parseNumber(StringRef text, Unit unit) {
  double scale = 1, value;
  text = text.trim();
  for (const Suffix &suffix : suffixes(unit))
    if (text.consume_back(suffix.text)) {
      scale = suffix.scale;
      break;
    }
  if (text.trim().getAsDouble(value) || !std::isfinite(value))
    return std::nullopt;
  return value * scale;
}

static std::string expectation(Unit unit, bool whole, double least, double most) {
  std::string units;
  for (const Suffix &suffix : suffixes(unit))
    units += (units.empty() ? " (in " : ", ") + std::string(suffix.text);
  return std::string(whole ? "a whole number" : "a number") + " from " +
         written(least, unit) + " to " + written(most, unit) +
         (units.empty() ? "" : units + " or plain)");
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
class Reader {
public:
  Reader(StringRef text, StringRef file)
      : stream(text, sources, /*ShowColors=*/false), file(file) {
    sources.setDiagHandler(
        [](const llvm::SMDiagnostic &diag, void *self) {
          auto *reader = static_cast<Reader *>(self);
          if (reader->message.empty())
            reader->message = (reader->file + ":" + llvm::Twine(diag.getLineNo()) +
                               ": " + diag.getMessage())
                                  .str();
        },
        this);
  }
  llvm::Expected<Machine> run();

private:
  struct Entry {
    std::string key;
    llvm::yaml::Node *value;
    unsigned line;
    std::string text;
    std::vector<std::string> list;
    bool isList = false, used = false;
  };
  llvm::Error error(unsigned line, const llvm::Twine &text) {
    return llvm::createStringError(file + ":" + llvm::Twine(line) + ": " + text);
  }
  unsigned lineOf(llvm::yaml::Node *node) {
    return sources.getLineAndColumn(node->getSourceRange().Start).first;
  }
  llvm::Error collect();
  Entry *find(StringRef key) {
    for (Entry &entry : entries)
      if (entry.key == key) {
        entry.used = true;
        return &entry;
      }
    return nullptr;
  }
  template <class Part> llvm::Error fill(Part &part);

  llvm::SourceMgr sources;
  llvm::yaml::Stream stream;
  StringRef file;
  std::string message;
  std::vector<Entry> entries;
};
} // namespace

static const char *kindOf(llvm::yaml::Node *node) {
  if (llvm::isa<llvm::yaml::SequenceNode>(node))
    return "a list";
  if (llvm::isa<llvm::yaml::MappingNode>(node))
    return "a mapping";
  return "nothing";
}

llvm::Error Reader::collect() {
  auto syntax = [&]() -> llvm::Error {
    return llvm::createStringError(message.empty() ? file + ":1: not YAML" : message);
  };
  auto document = stream.begin();
  if (document == stream.end())
    return syntax();
  llvm::yaml::Node *root = document->getRoot();
  if (stream.failed() || !root)
    return syntax();
  auto *mapping = llvm::dyn_cast<llvm::yaml::MappingNode>(root);
  if (!mapping)
    return error(1, "a machine description starts with something else, expected lines "
                    "'key: value'");
  llvm::SmallString<64> storage;
  for (llvm::yaml::KeyValueNode &pair : *mapping) {
    auto *key = llvm::dyn_cast_or_null<llvm::yaml::ScalarNode>(pair.getKey());
    if (!key)
      return stream.failed() ? syntax() : error(lineOf(mapping), "a key is not a word");
    Entry entry{key->getValue(storage).str(), pair.getValue(), lineOf(key), {}, {}};
    if (auto *scalar = llvm::dyn_cast_or_null<llvm::yaml::ScalarNode>(entry.value)) {
      entry.text = scalar->getValue(storage).str();
    } else if (auto *list =
                   llvm::dyn_cast_or_null<llvm::yaml::SequenceNode>(entry.value)) {
      entry.isList = true;
      for (llvm::yaml::Node &node : *list) {
        auto *item = llvm::dyn_cast<llvm::yaml::ScalarNode>(&node);
        if (!item)
          return error(entry.line, "'" + entry.key + "' has " + kindOf(&node) +
                                       " among its items, expected words");
        entry.list.push_back(item->getValue(storage).str());
      }
    } else if (stream.failed() || !entry.value) {
      return syntax();
    } else {
      return error(entry.line, "'" + entry.key + "' is " + kindOf(entry.value) +
                                   ", expected a value");
    }
    if (stream.failed())
      return syntax();
    for (const Entry &other : entries)
      if (other.key == entry.key)
        return error(entry.line, "'" + entry.key + "' is given a second time, first in "
                                 "line " + llvm::Twine(other.line));
    entries.push_back(entry);
  }
  if (stream.failed())
    return syntax();
  return llvm::Error::success();
}

template <class Part> llvm::Error Reader::fill(Part &part) {
  llvm::Error result = llvm::Error::success();
  std::vector<std::string> keys = {"name", "kind", "base"};
  visitFields(part, [&](const char *key, auto &member, Unit unit, double least,
                        double most, const char *) {
    keys.push_back(key);
    Entry *entry = find(key);
    if (!entry || result)
      return;
    using Type = std::remove_reference_t<decltype(member)>;
    if constexpr (std::is_same_v<Type, std::vector<std::string>>) {
      if (!entry->isList)
        result = error(entry->line, llvm::Twine("'") + key + "' is '" + entry->text +
                                        "', expected a list of words");
      else
        member = entry->list;
    } else {
      constexpr bool whole = std::is_same_v<Type, int64_t>;
      auto value = entry->isList ? std::nullopt : parseNumber(entry->text, unit);
      if (!value || *value < least || *value > most ||
          (whole && *value != std::floor(*value)))
        result = error(entry->line, llvm::Twine("'") + key + "' is " +
                                        (entry->isList ? "a list"
                                                       : "'" + entry->text + "'") +
                                        ", expected " +
                                        expectation(unit, whole, least, most));
      else
        member = Type(*value);
    }
  });
  if (result)
    return result;
  for (const Entry &entry : entries)
    if (!entry.used)
      return error(entry.line, "unknown key '" + entry.key + "', expected one of: " +
                                   llvm::join(keys, ", "));
  return llvm::Error::success();
}

llvm::Expected<Machine> Reader::run() {
  if (llvm::Error e = collect())
    return std::move(e);
  Entry *name = find("name"), *kind = find("kind"), *base = find("base");
  if (kind && kind->text != "cpu" && kind->text != "gpu")
    return error(kind->line, "'kind' is '" + kind->text + "', expected cpu or gpu");
  bool gpu = kind && kind->text == "gpu";
  Machine machine;
  machine.isGpu = gpu;
  if (base || !gpu) {
    // A whole description needs no base, and must not ask the host for one.
    unsigned keys = 0;
    visitFields(machine.cpu, [&](auto &&...) { ++keys; });
    bool whole = !base && entries.size() == keys + 2;
    if (!whole) {
      auto from = machineOf(base ? StringRef(base->text) : "host");
      if (!from)
        return error(base ? base->line : 1, "'base': " + toString(from.takeError()));
      machine = *from;
    }
    if (kind && machine.isGpu != gpu)
      return error(base->line, "'base' is '" + base->text + "', expected a " +
                                   kind->text);
  }
  if (name)
    machine.name = name->text;
  llvm::Error e = machine.isGpu ? fill(machine.gpu) : fill(machine.cpu);
  if (e)
    return std::move(e);
  if (!machine.isGpu && (machine.cpu.vectorBits & (machine.cpu.vectorBits - 1)))
    return error(find("vector-bits")->line,
                 "'vector-bits' is " + llvm::Twine(machine.cpu.vectorBits) +
                     ", expected a power of two");
  return machine;
}

llvm::Expected<Machine> seqc::target::parseMachine(StringRef text, StringRef file) {
  return Reader(text, file).run();
}

llvm::Expected<Machine> seqc::target::readMachine(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError("cannot read '" + path +
                                   "': " + buffer.getError().message());
  return parseMachine((*buffer)->getBuffer(), path);
}

llvm::Expected<Machine> seqc::target::machineFor(StringRef name, int64_t lanes) {
  bool file = name.contains('/') || name.ends_with(".yaml");
  auto machine = file ? readMachine(name) : machineOf(name);
  if (!machine)
    return machine.takeError();
  return machine->withLanes(lanes);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

std::string Machine::text() const {
  std::string result = "name: " + name + "\nkind: " + (isGpu ? "gpu" : "cpu") + "\n";
  auto print = [&](const char *key, const auto &member, Unit unit, double, double,
                   const char *meaning) {
    using Type = std::remove_cvref_t<decltype(member)>;
    std::string line = std::string(key) + ": ";
    if constexpr (std::is_same_v<Type, std::vector<std::string>>)
      line += "[" + llvm::join(member, ", ") + "]";
    else
      line += written(double(member), unit);
    if (*meaning) {
      line.resize(std::max<size_t>(line.size(), 34), ' ');
      line += std::string(" # ") + meaning;
    }
    result += line + "\n";
  };
  if (isGpu)
    visitFields(gpu, print);
  else
    visitFields(cpu, print);
  return result;
}
