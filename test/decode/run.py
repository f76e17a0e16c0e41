"""Prefill, then one token at a time, equals the full run.

    run.py --seqc build/bin/seqc [FILES ...]

Compiles every gallery file to a shared library and calls its C functions through DLPack:
NAME on all T tokens, and NAME on the first P followed by NAME_step on each of the others,
with the state updated in place.  Prints "N passed, M failed".
"""

import argparse
import glob
import os
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test"))
from support.library import NUMPY, Library, draw, widen  # noqa: E402


def check(seqc, path, folder):
    """Returns (ok, message); ok is None if the file has no step."""
    try:
        library = Library(seqc, path, folder)
        full, step = library.full, library.step
        if step is None:
            return None, "has no step"
        data = draw(seqc, path, os.path.join(folder, library.name), "--random=5")
    except RuntimeError as error:
        return False, str(error)
    kinds = {n: k for _, n, k, _ in full}
    time = {n: dims.index("t") for _, n, _, dims in full if "t" in dims}
    length = next(data[n].shape[d] for n, d in time.items())
    states = [n for d, n, _, _ in step if d == "in, out"]
    results = {n: data[n] for d, n, _, _ in full if d == "out"}

    # The state after each prefix is the final result of the full form on it.  States
    # that the entry does not return start where the program starts them.
    finals = [n for d, n, _, dims in full if d == "out" and "t" not in dims]
    prefix = length // 2 if len(finals) == len(states) and finals else 0
    if not prefix and any(s not in data for s in states):
        return None, "its states are not arguments of the entry"
    state = {}
    if prefix:
        arrays = []
        outs = {}
        for direction, n, kind, dims in full:
            if direction == "out":
                shape = list(data[n].shape)
                if n in time:
                    shape[time[n]] = prefix
                outs[n] = np.full(shape, np.nan if kind in ("f32", "f64", "f16") else 0).astype(NUMPY[kind])
                arrays.append(outs[n])
            else:
                a = data[n]
                if n in time:
                    a = np.take(a, range(prefix), axis=time[n])
                arrays.append(np.ascontiguousarray(a).view(NUMPY[kind]))
        library.call(arrays)
        for s, f in zip(states, finals):
            state[s] = outs[f]
    else:
        for s in states:
            state[s] = np.ascontiguousarray(data[s]).copy()
    produced = {n: [] for n in results if n in time}
    for t in range(prefix, length):
        arrays, outs = [], {}
        for direction, n, kind, dims in step:
            if direction == "in, out":
                arrays.append(state[n])
            elif direction == "out":
                shape = list(data[n].shape)
                del shape[time[n]]
                outs[n] = np.zeros(shape, NUMPY[kind])
                arrays.append(outs[n])
            else:
                a = data[n]
                if n in time:
                    a = np.take(a, t, axis=time[n])
                arrays.append(np.ascontiguousarray(a).view(NUMPY[kind]))
        library.call_step(arrays)
        for n in produced:
            produced[n].append(outs[n])
    worst = 0.0
    pairs = [(n, np.stack(v, axis=time[n]), np.take(results[n], range(prefix, length), axis=time[n]))
             for n, v in produced.items()]
    if prefix:
        pairs += [(f, state[s], results[f]) for s, f in zip(states, finals)]
    for n, got, want in pairs:
        got, want = widen(got, kinds[n]), widen(want.view(NUMPY[kinds[n]]), kinds[n])
        if got.shape != want.shape or not np.array_equal(np.isnan(got), np.isnan(want)):
            return False, f"{n}: shapes {got.shape}, {want.shape}, or NaN"
        error = np.sqrt(np.mean((got - want) ** 2) / max(np.mean(want ** 2), 1e-300))
        worst = max(worst, error)
        # A sum that the two forms round differently in f32 can fall on either side of a
        # rounding boundary of a narrower result: one unit in the last place, and rarely.
        unit = {"bf16": 2.0 ** -7, "f16": 2.0 ** -10}.get(kinds[n], 0.0)
        if unit and np.any(np.abs(got - want) > unit * np.maximum(np.abs(got), np.abs(want)) + 1e-6):
            return False, f"{n}: more than one unit in the last place between the step and the full form"
        if not error <= (unit / 32 if unit else 2e-6):
            return False, f"{n}: relative RMS {error:.1e} between the step and the full form"
    return True, f"{length - prefix} steps after {prefix} tokens: relative RMS {worst:.1e}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in options.files or sorted(glob.glob(os.path.join(ROOT, "docs/examples/*.mlir"))):
            ok, message = check(options.seqc, path, folder)
            print(f"{'ok  ' if ok else '--  ' if ok is None else 'FAIL'} {os.path.basename(path):24} {message}")
            passed += ok is True
            failed += ok is False
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
