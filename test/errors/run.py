"""Bad input gets one clear error, a non-zero exit and no partial file.

    run.py --seqc build/bin/seqc [--table docs/errors.md]

Each case is a file, a command and the words that its message has to contain.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

GOOD = """func.func @f(%x: tensor<?x?xf32>, %w: tensor<?xf32>, %s0: tensor<?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>)
    attributes {seqc.sizes = {b = 2, t = 5}} {
  %y, %sT = seqc.recurrence seq(%x : (b, t)) weight(%w : (b)) carry(%s0 : (b)) {
  ^step(%xt: f32, %wt: f32, %s: f32):
    %m = arith.mulf %wt, %s : f32
    %n = arith.addf %m, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<?x?xf32>, tensor<?xf32>
}
"""
PACKED = """func.func @f(%x: tensor<?xf32>, %cu: tensor<?xi32>) -> tensor<?xf32>
    attributes {seqc.sizes = {t = 5, s = 2}} {
  %zero = arith.constant 0.0 : f32
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%zero : ()) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %s, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y : tensor<?xf32>
}
"""
EINSUM = """func.func @f(%a: tensor<2x3xf32>, %b: tensor<4xf32>) -> tensor<2xf32> {
  %y = seqc.einsum "ij,j->i"(%a, %b)
  return %y : tensor<2xf32>
}
"""


ROUTED = """func.func @f(%x: tensor<?x4xf32>, %i: tensor<?x1xi32>, %q: tensor<1x9x1x4xf32>, %blocks: tensor<1x9x1x1xi32>)
    -> (tensor<?x4xf32>, tensor<1x9x1x4xf32>) attributes {seqc.sizes = {n = 3}} {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(2) tokens(%x) capacity(1)
  %y = seqc.combine %p by %inv
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) blocks(%blocks) block(4) causal
  return %y, %o : tensor<?x4xf32>, tensor<1x9x1x4xf32>
}
"""


RESHAPE = """func.func @f(%x: tensor<?x4xf32>) -> tensor<?x2x2xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %y = tensor.expand_shape %x [[-9223372036854775808], [1, 2]] output_shape [%n, 2, 2] : tensor<?x4xf32> into tensor<?x2x2xf32>
  return %y : tensor<?x2x2xf32>
}
"""


MEMORIES = """func.func @f(%x: tensor<?x4xf32>, %i: tensor<?x1xi32>, %s0: tensor<?x4xf32>) -> tensor<?x4xf32>
    attributes {seqc.sizes = {n = 3}} {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(2) tokens(%x) capacity(1)
  %o, %sT = seqc.recurrence seq(%p : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: tensor<4xf32>, %s: tensor<4xf32>):
    %n = arith.addf %s, %xt : tensor<4xf32>
    seqc.yield out(%n) carry(%n)
  }
  %y = seqc.combine %o by %inv
  return %y : tensor<?x4xf32>
}
"""
SEEN = """func.func @f(%q: tensor<?x1x4xf32>, %cu: tensor<?xi32>) -> tensor<?x1x4xf32> attributes {seqc.sizes = {t = 5, s = 2}} {
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) segments(%cu) causal
  return %o : tensor<?x1x4xf32>
}
"""
CACHE = """func.func @f(%q: tensor<?x2x1x4xf32>, %k: tensor<?x8x1x4xf32>, %p: tensor<?xi32>) -> tensor<?x2x1x4xf32>
    attributes {seqc.sizes = {b = 2}} {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) at(%p) causal
  return %o : tensor<?x2x1x4xf32>
}
"""


def npy(folder, name, array):
    path = os.path.join(folder, name)
    np.save(path, array)
    return path


MINUS = """func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> attributes {seqc.sizes = {t = 5}} {
  %e = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (t)) identity(%e) {
  ^combine(%l: f32, %r: f32):
    %s = arith.subf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?xf32>
}
"""


def cases(folder):
    """(title, program, arguments after the file, words expected)."""
    x = npy(folder, "x.npy", np.zeros((2, 5), np.float32))
    x3 = npy(folder, "x3.npy", np.zeros((2, 5, 1), np.float32))
    xd = npy(folder, "xd.npy", np.zeros((2, 5), np.float64))
    xf = npy(folder, "xf.npy", np.asfortranarray(np.zeros((2, 5), np.float32)))
    w3 = npy(folder, "w3.npy", np.zeros(3, np.float32))
    half = os.path.join(folder, "half.npy")
    with open(x, "rb") as f, open(half, "wb") as g:
        g.write(f.read()[:-7])
    text = os.path.join(folder, "text.npy")
    with open(text, "w") as f:
        f.write("not an array")
    down = npy(folder, "down.npy", np.array([0, 4, 3, 5], np.int32))
    far = npy(folder, "far.npy", np.array([0, 9], np.int32))
    late = npy(folder, "late.npy", np.array([1, 5], np.int32))
    x5 = npy(folder, "x5.npy", np.zeros(5, np.float32))
    before = npy(folder, "before.npy", np.array([0, -1], np.int32))
    beyond = npy(folder, "beyond.npy", np.array([6, 8], np.int32))
    picks = npy(folder, "picks.npy", np.array([[0], [2], [1]], np.int32))
    wild = np.zeros((1, 9, 1, 1), np.int32)
    wild[0, 4] = 3
    blocks = npy(folder, "blocks.npy", wild)
    risen = np.full((2, 5), -1, np.float32)
    risen[1, 3] = 2
    gates = npy(folder, "gates.npy", risen)
    poisoned = np.full((2, 5), -1, np.float32)
    poisoned[0, 4] = np.nan
    nan = npy(folder, "nan.npy", poisoned)
    run = ["run"]
    return [
        ("text that does not parse", "func.func @f( {", run, ["expected"]),
        ("an unknown operation", GOOD.replace("arith.addf", "arith.plus"), run, ["arith.plus"]),
        ("an unknown axis", GOOD.replace("weight(%w : (b))", "weight(%w : (q))"), run, ["weight operand #0", "'q'", "R5"]),
        ("a range that is none", GOOD.replace("%w: tensor<?xf32>", '%w: tensor<?xf32> {seqc.range = "0 .. -1"}', 1), run,
         ["'w' has the seqc.range", "expected"]),
        ("a gate beyond its declared range",
         GOOD.replace("%w: tensor<?xf32>", '%w: tensor<?xf32> {seqc.draw = "constant(0.5)", seqc.range = "<= 0"}', 1),
         run + ["--checked"], ["argument 'w' at [b=0] is 0.5", "declared at most 0"]),
        ("a gate beyond its declared range, interpreted",
         GOOD.replace("%w: tensor<?xf32>", '%w: tensor<?xf32> {seqc.draw = "constant(0.5)", seqc.range = "<= 0"}', 1),
         run + ["--checked", "--interpret"], ["argument 'w' at [b=0] is 0.5", "declared at most 0"]),
        ("a wrong rank", GOOD.replace("seq(%x : (b, t))", "seq(%x : (b, t, d))"), run, ["'%x' has rank 2", "its axes name 3"]),
        ("a wrong slice", GOOD.replace("^step(%xt: f32", "^step(%xt: tensor<3xf32>"), run, ["'%xt' expects different type"]),
        ("a wrong element type", GOOD.replace("%w: tensor<?xf32>", "%w: tensor<?xi32>"), run, ["region argument #1 (weight)", "R3"]),
        ("a recurrence without yield", GOOD.replace("    seqc.yield out(%n) carry(%n)\n", ""), run, ["must end in 'seqc.yield'"]),
        ("a yield that forgets the carry", GOOD.replace(" carry(%n)\n", "\n"), run, ["0 carry values, expected 1", "R6"]),
        ("letters of different sizes", EINSUM, run, ["letter 'j'", "size 4", "expected 3", "E4"]),
        ("a letter from nowhere", EINSUM.replace('"ij,j->i"(%a, %b)', '"ij->k"(%a)'), run, ["'k' occurs in no operand", "E5"]),
        ("an operand used before it is defined", GOOD.replace("seq(%x", "seq(%later"), run, ["'%later' must be defined above"]),
        ("no such file", None, run, ["cannot read", "No such file"]),
        ("no such entry", GOOD, run + ["--entry=g"], ["no entry 'g'", "f"]),
        ("an unknown target", GOOD, run + ["--target=tpu"], ["unknown target 'tpu'", "expected one of: cpu, sm_80"]),
        ("a GPU and a CPU", GOOD, run + ["--target=sm_80,cpu"], ["targets 'sm_80,cpu'", "expected GPUs only"]),
        ("a target twice", GOOD, run + ["--target=sm_80,sm_80"], ["target 'sm_80' is named twice"]),
        ("an unknown processor", GOOD, run + ["--cpu=abacus"], ["unknown processor 'abacus'"]),
        ("an extra --in", GOOD, run + [f"--in=z={x}"], ["no tensor 'z'", "expected one of: x, w, s0"]),
        ("--in without a file", GOOD, run + ["--in=x"], ["'x' is not NAME=FILE"]),
        ("--in given twice", GOOD, run + [f"--in=x={x}", f"--in=x={x}"], ["'x' is given twice"]),
        ("an input with a wrong rank", GOOD, run + [f"--in=x={x3}"], ["--in x", "rank 3", "expected 2"]),
        ("an input with a wrong type", GOOD, run + [f"--in=x={xd}"], ["--in x", "'<f8'", "expected '<f4'"]),
        ("inputs that disagree", GOOD, run + [f"--in=x={x}", f"--in=w={w3}"], ["argument 'w'", "dimension 0 is 3", "b = 2", "from 'x'"]),
        ("a file in Fortran order", GOOD, run + [f"--in=x={xf}"], ["Fortran order"]),
        ("a truncated .npy", GOOD, run + [f"--in=x={half}"], ["truncated", "expected 40"]),
        ("a .npy that is none", GOOD, run + [f"--in=x={text}"], ["magic string"]),
        ("a size that is unknown", GOOD.replace(", t = 5", ""), run, ["the size t of 'x' is not known", "--bind t=SIZE"]),
        ("a negative --bind", GOOD, run + ["--bind=b=-3"], ["--bind: b is -3"]),
        ("a --bind of an unknown size", GOOD, run + ["--bind=q=3"], ["no size 'q'", "expected b, t"]),
        ("a --bind that is no number", GOOD, run + ["--bind=b=many"], ["'b=many' is not NAME=SIZE"]),
        ("a --bind beyond 64 bits", GOOD, run + ["--bind=b=99999999999999999999"], ["64-bit"]),
        ("sizes whose bytes overflow", GOOD, run + ["--bind=b=4611686018427387904,t=4611686018427387904"], ["'x': the byte count overflows 64 bits"]),
        ("sizes beyond the memory", GOOD, run + ["--bind=b=1000000,t=100000000"], ["'x' needs", "machine's"]),
        ("a segment table that decreases", PACKED, run + [f"--in=cu={down}", f"--in=x={x5}"], ["argument 'cu'", "entry 2 is 3 after 4"]),
        ("a segment table out of range", PACKED, run + [f"--in=cu={far}", f"--in=x={x5}"], ["argument 'cu'", "entry 1 is 9, beyond t = 5"]),
        ("a segment table that starts late", PACKED, run + [f"--in=cu={late}", f"--in=x={x5}"], ["argument 'cu'", "entry 0 is 1, expected 0"]),
        ("a segment table beyond a length that is fixed", PACKED.replace("tensor<?xf32>", "tensor<5xf32>"),
         run + [f"--in=cu={far}"], ["argument 'cu'", "entry 1 is 9, beyond t = 5"]),
        ("an expert that does not exist", ROUTED, run + [f"--in=i={picks}", "--checked"], ["argument 'i' at [n=1, 0] is 2, declared -1 to 1"]),
        ("a block that does not exist", ROUTED, run + [f"--in=blocks={blocks}", "--checked"], ["argument 'blocks' at [0, 4, 0, 0] is 3, declared -1 to 2"]),
        ("an expert that does not exist, interpreted", ROUTED, run + [f"--in=i={picks}", "--interpret"], ["pick 2 of slot 1 is not one of 2 experts"]),
        ("a gate over more experts than there are", ROUTED.replace("%p, %perm", "%w, %e = seqc.topk 1 of %x\n  %p, %perm").replace(
            "dispatch %i", "dispatch %e"), run, ["has 2 experts, expected 4, the scores that the picks are among (P5)"]),
        ("a query before its cache", CACHE, run + [f"--in=p={before}", "--checked"], ["argument 'p' at [b=1] is -1, declared at least 0"]),
        ("a query beyond its cache, interpreted", CACHE, run + [f"--in=p={beyond}", "--interpret"],
         ["batch element 1 has its queries at 8, expected 0 to 6"]),
        ("states of fewer memories than a dispatch has segments", MEMORIES, run + [f"--in=s0={npy(folder, 'two.npy', np.zeros((2, 4), np.float32))}"],
         ["argument 's0'", "dimension 0 is 2, expected 3"]),
        ("a fixed number of states that is not that of the segments", MEMORIES.replace("%s0: tensor<?x4xf32>", "%s0: tensor<4x4xf32>"), run,
         ["carry operand #0 has size 4 in dimension 0"]),
        ("a capacity below zero", MEMORIES.replace("capacity(1)", "capacity(-1)"), run, ["capacity"]),
        ("segments of attention beyond the queries", SEEN,
         run + [f"--in=cu={far}", f"--in=q={npy(folder, 'q5.npy', np.zeros((5, 1, 4), np.float32))}"], ["argument 'cu'", "beyond t = 5"]),
        ("segments of attention that decrease", SEEN,
         run + [f"--in=cu={down}", f"--in=q={npy(folder, 'q5.npy', np.zeros((5, 1, 4), np.float32))}"], ["argument 'cu'", "entry 2 is 3 after 4"]),
        ("more picks than experts", ROUTED.replace("%p, %perm", "%w, %e = seqc.topk 5 of %x\n  %p, %perm"), run,
         ["k is 5, expected at most 4, the length of a row of scores (T2)"]),
        ("an output that cannot be written", GOOD, run + ["--out=y=/nonexistent/y.npy"], ["cannot write '/nonexistent/y.npy'"]),
        ("a library that cannot be written", GOOD, ["compile", "-o", "/nonexistent/f.so"], ["/nonexistent/f.so"]),
        ("an unknown kind of output", GOOD, ["compile", "--emit=exe", "-o", os.path.join(folder, "f")], ["unknown kind 'exe'", "so, obj, asm, ptx, cubin, llvm or mlir"]),
        ("an unknown stage", GOOD, ["compile", "--emit=mlir", "--stop-after=lunch"], ["unknown stage 'lunch'", "input, structured, formed, problem, solved, tiled or target"]),
        ("an unknown form", GOOD, run + ["--form=best"], ["unknown form 'best'", "auto, sequential, canonical, chunked or scan"]),
        ("a chunk length that is not positive", GOOD, run + ["--chunk=0"], ["--chunk: the length is 0", "1 to 1024 tokens"]),
        ("a form that a program does not allow", GOOD.replace("mulf %wt, %s", "mulf %xt, %s"), run + ["--form=chunked"], ["has no chunked form: no component is a gated sum of outer products"]),
        ("chunks of a scan as it is written", MINUS.replace("subf %l", "addf %l"), run + ["--form=chunked"],
         ["the scan has no chunked form: it is combined as it is written"]),
        ("a gate beyond its declared range, at one token",
         GOOD.replace("%x: tensor<?x?xf32>", '%x: tensor<?x?xf32> {seqc.range = "<= 0"}', 1), run + ["--checked", f"--in=x={gates}"],
         ["argument 'x' at [b=1, t=3] is 2", "declared at most 0"]),
        ("a gate that is not a number", GOOD.replace("%x: tensor<?x?xf32>", '%x: tensor<?x?xf32> {seqc.range = "<= 0"}', 1),
         run + ["--checked", f"--in=x={nan}"], ["argument 'x' at [b=0, t=4] is nan", "declared at most 0"]),
        ("interpreting a stage of loops", GOOD, run + ["--check", "--interpret=tiled"], ["stage 'tiled' is not interpretable"]),
        ("a combine region that is not associative", MINUS, run, ["refuted: the combine region is associative: for x[t=0] = "]),
        ("an identity that is not neutral", MINUS.replace("subf %l", "addf %l").replace("0.0", "1.0"), run, ["refuted: its identity is neutral: for x = "]),
        ("a file without functions", "module {}", run, ["no public function"]),
        ("groups of a reshape out of order", RESHAPE, run, ["groups dimension -9223372036854775808, expected 0: groups list 0 to 2 in order"]),
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--table")
    options = parser.parse_args()
    passed = failed = 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, program, arguments, words in cases(folder):
            path = os.path.join(folder, "program.mlir")
            if program is not None:
                with open(path, "w") as f:
                    f.write(program)
            elif os.path.exists(path):
                os.remove(path)
            before = set(os.listdir(folder))
            result = subprocess.run([options.seqc, arguments[0], path] + arguments[1:],
                                    capture_output=True, text=True)
            message = result.stderr.replace(folder + "/", "")
            problems = [f"lacks {word!r}" for word in words if word not in message]
            if result.returncode not in (1, 2):
                problems.append(f"exit status {result.returncode}")
            left = set(os.listdir(folder)) - before
            if left:
                problems.append(f"left {sorted(left)} behind")
            if "Stack dump" in message or "PLEASE submit" in message:
                problems.append("crashed")
            if problems:
                failed += 1
                print(f"FAIL {title}: {'; '.join(problems)}\n{message.strip()}")
            else:
                passed += 1
            # What depends on the machine has no place in a table.
            message = re.sub(r"machine's \d+", "machine's memory", message)
            first = next((l for l in message.splitlines() if "error:" in l), "").split("error: ", 1)[-1]
            rows.append(f"| {title} | `{first.replace('|', chr(92) + '|')[:150]}` |")
    if options.table:
        with open(options.table, "w") as f:
            f.write("# Bad input\n\nWritten by `test/errors/run.py --table`; each row is a test.  Errors exit with "
                    "status 1 (2 for a wrong command\nline) and leave no file behind.\n\n| what is wrong | what seqc says |\n|---|---|\n"
                    + "\n".join(rows) + "\n")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
