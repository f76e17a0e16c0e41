"""Tensors of more than 2^31 elements: the last batch row has the bits of a call on it alone.

    large.py --seqc build/bin/seqc

Needs about 10 GB of memory.  A matrix recurrence, one token after the other and in chunks, and a
scan.  The row alone is small and is compared with the interpreter by other tests.  Prints
"N passed, M failed".
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "support"))
import library  # noqa: E402

MATRIX = """
func.func @large(%q: tensor<?x?x128xbf16>, %k: tensor<?x?x128xbf16>, %v: tensor<?x?x8xbf16>,
                 %g: tensor<?x?xf32> {seqc.range = "<= 0"}, %s0: tensor<?x128x8xf32>)
    -> (tensor<?x?x8xbf16>, tensor<?x128x8xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t)) carry(%s0 : (b)) {
  ^step(%qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %vt: tensor<8xbf16>, %gt: f32, %s: tensor<128x8xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<128x8xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    %ob = arith.truncf %ot : tensor<8xf32> to tensor<8xbf16>
    seqc.yield out(%ob) carry(%n)
  }
  return %o, %sT : tensor<?x?x8xbf16>, tensor<?x128x8xf32>
}
"""
SCAN = """
func.func @large(%x: tensor<?x?xbf16>) -> tensor<?x?xbf16> {
  %lowest = arith.constant 0xFF80 : bf16
  %y = seqc.scan seq(%x : (b, t)) identity(%lowest) {
  ^combine(%l: bf16, %r: bf16):
    %m = arith.maximumf %l, %r : bf16
    seqc.yield out(%m)
  }
  return %y : tensor<?x?xbf16>
}
"""


def drawn(shape, dtype, random):
    """An array that repeats a block of odd length, cheaply."""
    block = random.standard_normal(1_000_003).astype(np.float32) * 0.25
    if dtype == np.uint16:
        block = (block.view(np.uint32) >> 16).astype(np.uint16)  # bf16
    return np.resize(block, shape).astype(dtype, copy=False)


def matrix(rows, tokens, random):
    gates = -np.abs(drawn((rows, tokens), np.float32, random))
    return ([drawn((rows, tokens, 128), np.uint16, random), drawn((rows, tokens, 128), np.uint16, random),
             drawn((rows, tokens, 8), np.uint16, random), gates, np.zeros((rows, 128, 8), np.float32)],
            ["bf16", "bf16", "bf16", "f32", "f32"], [((rows, tokens, 8), "bf16"), ((rows, 128, 8), "f32")])


def scan(rows, tokens, random):
    return [drawn((rows, tokens), np.uint16, random)], ["bf16"], [((rows, tokens), "bf16")]


CASES = [("sequential", MATRIX, matrix, 17, 990_001, ["--form=sequential"]),
         ("chunked", MATRIX, matrix, 17, 990_001, ["--form=chunked"]),
         ("scan", SCAN, scan, 2049, 1_048_577, [])]


def compare(name, text, make, rows, tokens, options, seqc, folder):
    """What is wrong, or nothing."""
    source, shared = os.path.join(folder, "large.mlir"), os.path.join(folder, name + ".so")
    with open(source, "w") as f:
        f.write(text)
    subprocess.run([seqc, "compile", source, "--split=1", "--no-step", "--emit=so", "-o", shared] + options, check=True)
    function = library.ctypes.CDLL(shared).large
    inputs, kinds, results = make(rows, tokens, np.random.default_rng(5))
    if max(a.size for a in inputs) <= 2 ** 31:
        return "no tensor has more than 2^31 elements"
    every = [np.full(shape, 0x7FC0 if kind == "bf16" else np.nan, library.NUMPY[kind]) for shape, kind in results]
    kinds += [kind for _, kind in results]
    library.call(function, inputs + every, kinds)
    last = [np.zeros((1,) + shape[1:], library.NUMPY[kind]) for shape, kind in results]
    library.call(function, [a[-1:] for a in inputs] + last, kinds)
    for array, alone in zip(every, last):
        if array[-1:].tobytes() != alone.tobytes():
            return "the last row differs from a call on it alone"
        if not np.any(array[0] != array[-1]):
            return "the first row is the last one"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seqc", required=True)
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            wrong = compare(*case, args.seqc, folder)
            print(f"{case[0]}: {wrong or 'ok'}")
            failed += bool(wrong)
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
