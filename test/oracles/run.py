"""Runs the gallery against the reference interpreter and the NumPy oracles.

    run.py --seqc build/bin/seqc [--seed 7] [--table OUT.md] [FILES ...]

Prints one line per operator and "N passed, M failed".
"""

import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import oracles  # noqa: E402
import routing  # noqa: E402


def widen(array, kind):
    """An array as saved, in float64; bf16 travels as uint16."""
    if kind == "bf16":
        return (array.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def element_types(text):
    """Element types by argument name, and of the results in order."""
    head = text[text.index("func.func"):text.index("attributes")]
    arguments, results = head.split("->")
    types = dict(re.findall(r"%(\w+): (?:tensor<[^>]*x)?(\w+)>?", arguments))
    return types, re.findall(r"tensor<[^>]*x(\w+)>", results)


def check(seqc, path, seed, form=()):
    """Returns (ok, message, dtypes) for one example; ok is None if it has no such form."""
    name = os.path.basename(path)[:-len(".mlir")].replace("-", "_")
    oracle = getattr(oracles, name, None) or getattr(routing, name, None)
    if oracle is None:
        return False, "has no oracle", []
    with open(path) as f:
        types, results = element_types(f.read())
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([seqc, "run", path, f"--random={seed}", "--check", f"--save={folder}", *form],
                             capture_output=True, text=True)
        if run.returncode != 0 and form and re.search("has no (chunked|scan) form", run.stderr):
            return None, "has no such form", []
        if run.returncode != 0:
            return False, (run.stdout + run.stderr).strip(), []
        loaded = {f[:-4]: np.load(os.path.join(folder, f)) for f in os.listdir(folder)}
    inputs = {n: widen(loaded[n], t) for n, t in types.items()}
    expected = oracle(**inputs)
    kinds = set(types.values()) | set(results)
    tolerance = 5e-3 if kinds & {"bf16", "f16"} else 1e-5 if "f32" in kinds else 1e-12
    worst = 0.0
    missing = set(loaded) - set(inputs) - set(expected)
    if missing:
        return False, f"the oracle lacks {sorted(missing)}", []
    for (result, want), kind in zip(expected.items(), results):
        got = widen(loaded[result], kind)
        if got.shape != want.shape:
            return False, f"{result} has shape {got.shape}, the oracle {want.shape}", []
        if not np.array_equal(np.isnan(got), np.isnan(want)):
            return False, f"{result}: NaN where the oracle has none, or the reverse", []
        error = np.sqrt(np.mean((got - want) ** 2) / max(np.mean(want.astype(float) ** 2), 1e-300))
        worst = max(worst, error)
        if not error <= (0 if kind.startswith("i") else tolerance):
            return False, f"{result}: relative RMS {error:.1e}, tolerance {tolerance:.0e}", []
    return True, f"relative RMS {worst:.1e}, tolerance {tolerance:.0e}", sorted(kinds)


def modifiers(text):
    found = [word for word in ("segments", "resets", "reverse", "snapshot", "position")
             if re.search(rf"\b{word}\(|\b{word}\b(?= {{)|\) {word}\b", text)]
    if "floordiv" in text:
        found.append("grouped heads")
    if re.search(r"carry\([^)]*%\w+0", text):
        found.append("initial state")
    return found


def every_form(seqc, path, seed):
    """([(ok, message)] of each form that one example has, [its row of the table])."""
    ok, message, kinds = check(seqc, path, seed)
    results = [(ok, message)]
    if not ok:
        return results, []
    with open(path) as f:
        text = f.read()
    form = "blocked scan" if "seqc.scan" in text and re.search(r"\(b, t\)", text) else "sequential"
    chunks = []
    for length in (16, 64) if "seqc.recurrence" in text else ():
        chunked, message, _ = check(seqc, path, seed, ("--form=chunked", f"--chunk={length}"))
        if chunked is not None:
            results.append((chunked, f"{message}, chunks of {length}"))
        if chunked:
            chunks.append(str(length))
    if "seqc.recurrence" in text:
        scanned, message, _ = check(seqc, path, seed, ("--form=scan",))
        if scanned is not None:
            results.append((scanned, f"{message}, scan"))
        if scanned:
            form += "; scan"
    if chunks:
        form += f"; chunked ({', '.join(chunks)})"
    return results, [f"| {os.path.basename(path)[:-5]} | {form} | CPU | {', '.join(kinds)} | "
                     f"{', '.join(modifiers(text)) or 'none'} |"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--table", help="write a table of what passed")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = options.files or sorted(glob.glob(os.path.join(ROOT, "docs/examples/*.mlir")))
    passed = failed = 0
    rows = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (results, row) in zip(files, pool.map(lambda f: every_form(options.seqc, f, options.seed), files)):
            for ok, message in results:
                print(f"{'ok  ' if ok else 'FAIL'} {os.path.basename(path):24} {message}")
                passed += ok
                failed += not ok
            rows += row
    if options.table:
        with open(options.table, "w") as f:
            f.write("# Operators\n\nWritten by `test/oracles/run.py --table` from what passed: each row ran on "
                    "random inputs and agreed with\nthe float64 interpreter and with a NumPy oracle.\n\n"
                    "| operator | form | target | element types | modifiers |\n|---|---|---|---|---|\n")
            f.write("\n".join(rows) + "\n")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
