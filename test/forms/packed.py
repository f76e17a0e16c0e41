"""Chunks of packed segments: both layouts agree with one token after the other.

    packed.py --seqc build/bin/seqc

Segments that are empty, of one token, straddle chunks or fill them; chunk lengths 1 to
64; then the same with NaN and infinities in one segment (or between two resets), which
must not reach another.  Prints "N passed, M failed".
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TABLES = {
    "mixed": [0, 0, 1, 8, 8, 23, 24, 40, 69, 70],
    "one": [0, 70, 70, 70, 70, 70, 70, 70, 70, 70],
    "short": [0, 2, 3, 5, 9, 10, 10, 12, 13, 70],
}


def run(seqc, path, inputs, out, *options):
    shutil.rmtree(out, ignore_errors=True)
    given = [f"--in={n}={f}" for n, f in inputs.items()]
    made = subprocess.run([seqc, "run", path, f"--save={out}", *given, *options], capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    return {f[:-4]: np.load(os.path.join(out, f)) for f in os.listdir(out)}


def histories(data):
    """The number of the history that each token belongs to, and how many there are."""
    if "cu" in data:
        counts = np.diff(data["cu"])
        return np.repeat(np.arange(len(counts)), counts), len(counts)
    number = np.cumsum(data["f"] != 0)
    return number, int(number[-1]) + 1


def check(seqc, path, table, poisoned, folder):
    """Lines of what failed, and how many passed, for one file, table and poisoned history."""
    cu = TABLES.get(table)
    with open(path) as f:
        text = f.read()
    bind = [] if "tensor<70x" in text else ["--bind=" + ("t=70,h=2,s=9" if "segments" in text else "t=70,h=2")]
    names = re.findall(r"%(\w+): tensor", text[:text.index("->")])
    inputs = {}
    if cu:
        inputs["cu"] = os.path.join(folder, "cu.npy")
        np.save(inputs["cu"], np.array(cu, np.int32))
    data = run(seqc, path, inputs, os.path.join(folder, "base"), "--random=3", *bind)
    number, count = histories(data)
    if poisoned is not None:
        at = np.flatnonzero(number == poisoned)
        if not len(at):
            return [], 0
        value = np.nan if poisoned == 3 else np.inf
        for n in ("k", "v"):
            data[n][at[len(at) // 2]] = value
        if cu and "s0" in data:
            data["s0"][poisoned] = np.nan
    for n in names:
        inputs[n] = os.path.join(folder, n + ".npy")
        np.save(inputs[n], data[n])
    want = run(seqc, path, inputs, os.path.join(folder, "want"), "--form=sequential", *bind)
    others = number != poisoned
    bad, passed = [], 0
    for layout in ("segments", "masks", "auto") if cu else ("masks",):
        for chunk in (16,) if poisoned or layout == "auto" else (1, 2, 7, 16, 64):
            got = run(seqc, path, inputs, os.path.join(folder, "got"), "--form=chunked", f"--chunk={chunk}",
                      f"--packed={layout}", *bind)
            ok = True
            for n in want:
                if n in names:
                    continue
                a, b = got[n].astype(np.float64), want[n].astype(np.float64)
                if a.shape[0] == 70:
                    a, b = a[others], b[others]
                elif cu:
                    a, b = np.delete(a, poisoned or [], axis=0), np.delete(b, poisoned or [], axis=0)
                elif poisoned == count - 1:
                    continue
                ok &= bool(np.all(np.isfinite(a)))
                ok &= bool(np.sqrt(np.sum((a - b) ** 2)) <= 1e-5 * np.sqrt(np.sum(b ** 2)))
            passed += ok
            if not ok:
                bad.append(f"FAIL {os.path.basename(path)} {table} packed={layout} chunk={chunk} poisoned={poisoned}")
    return bad, passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    options = parser.parse_args()
    passed = failed = 0
    files = [os.path.join(ROOT, "docs/examples/gla-packed.mlir")]
    files += [os.path.join(HERE, "Inputs", f) for f in ("packed-delta.mlir", "static/packed-zero.mlir", "packed-resets.mlir", "packed-bidirectional.mlir")]
    cases = []
    for path in files:
        with open(path) as f:
            tables = TABLES if "segments" in f.read() else ["flags"]
        cases += [(path, table, poisoned) for table in tables for poisoned in (None, 3, 4)]

    def one(case):
        with tempfile.TemporaryDirectory() as folder:
            return check(options.seqc, *case, folder)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for bad, good in pool.map(one, cases):
            passed += good
            failed += len(bad)
            for line in bad:
                print(line)
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
