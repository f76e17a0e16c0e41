"""Prefill, then one token at a time, equals the full run.

    run.py --seqc build/bin/seqc [FILES ...]
    run.py --seqc seqc --libraries DIR      on a GPU: for libraries and headers that are
                                            compiled for it (--target=sm_90a) in DIR

Compiles every gallery file, and those of Inputs, to a shared library and calls its C functions through DLPack:
NAME on all T tokens, and NAME on the first P followed by NAME_step on each of the others,
with the state updated in place.  Packed sequences are prefilled together and decoded as a
batch of those that have a token left.  Prints "N passed, M failed".
"""

import argparse
import glob
import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test"))
from support.library import NUMPY, Library, draw, widen  # noqa: E402


def sizes_of(signature, data):
    """Sizes of the symbols that the arguments' dimensions name."""
    sizes = {}
    for _, n, _, dims in signature:
        for d, size in zip(dims, data[n].shape):
            if d.isidentifier():
                sizes[d] = size
            elif d.endswith("+1"):
                sizes[d[:-2]] = size - 1
    return sizes


def allocate(dims, kind, sizes, value=0.0):
    shape = [sizes[d] if d in sizes else int(d) for d in dims]
    if kind == "bf16":
        return (np.full(shape, value, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return np.full(shape, value).astype(NUMPY[kind])


def tokens(a, axis, at):
    """The slices of `a` at the tokens `at`: their axis stays, or goes for a single number."""
    return np.array(np.take(a, at, axis=axis), order="C")


def invoke(function, signature, values, sizes):
    """Calls `function` with `values` by name; outputs are new, states are updated."""
    outs, arrays = {}, []
    for direction, n, kind, dims in signature:
        if direction == "out":
            outs[n] = allocate(dims, kind, sizes, np.nan if kind[0] in "fb" else 0)
            arrays.append(outs[n])
        else:
            arrays.append(values[n])
    function(arrays)
    return outs


def check(seqc, path, folder, libraries):
    """Returns (ok, message); ok is None if the file has no step."""
    try:
        # The step multiplies in f32: so does the full form that it is compared with.
        library = Library(seqc, path, libraries or folder, "--factors=f32", gpu=bool(libraries))
        full, step = library.full, library.step
        if step is None and libraries:
            return None, "has no step"
        if step is None:
            # The compiler has to say why, where there is a state; reasons in the gallery
            # are reverse and routes.
            with open(path) as f:
                text = f.read()
            reason = re.search(r"\breverse\b|seqc\.(topk|assign|dispatch|block_attention)", text)
            said = re.search(r"no one-token step: (.*)", library.said)
            if reason and (said or " carry(" not in text):
                return None, "has no step" + (f": {said.group(1)}" if said else "")
            return False, "has no step"
        data = draw(seqc, path, os.path.join(folder, library.name), "--random=5", "--factors=f32")
    except RuntimeError as error:
        return False, str(error)
    kinds = {n: k for _, n, k, _ in full}
    for n in data:
        data[n] = np.array(data[n], order="C").view(NUMPY[kinds[n]])
    sizes = sizes_of(full, data)
    axis = "t" if "t" in sizes else "n"    # of tokens that are routed
    time = {n: dims.index(axis) for _, n, _, dims in full if axis in dims}
    table = next((n for _, n, _, dims in full if dims and dims[0].endswith("+1")), None)
    states = [(n, k, dims) for d, n, k, dims in step if d == "in, out"]
    kept = [n for n, _, _ in states if not n.endswith("_snapshot")]
    results = {n: data[n] for d, n, _, _ in full if d == "out"}
    finals = [n for n in results if n not in time]

    # Sequences as spans of the time axis: one, or those of the table.
    spans = [range(sizes[axis])]
    if table:
        segment = next(dims[0][:-2] for _, n, _, dims in full if n == table)
        spans = [range(int(a), int(b)) for a, b in zip(data[table], data[table][1:])]
    # The state after a prefix is the final result of the full form on it.  States that
    # the entry does not return start where the program starts them.
    cut = [len(s) // 2 if len(finals) == len(kept) else 0 for s in spans]
    if len(kept) < len(states):
        cut = [c // 16 * 16 for c in cut]  # where the next token takes a new snapshot
    state = {}
    for n, kind, dims in states:
        state[n] = data[n].copy() if n in data else allocate(dims, kind, sizes, library.starts.get(n, 0.0))
    if any(cut):
        head = [t for s, c in zip(spans, cut) for t in s[:c]]
        values = {n: tokens(data[n], time[n], head) if n in time else data[n] for d, n, _, _ in full if d == "in"}
        if table:
            values[table] = np.cumsum([0] + cut).astype(data[table].dtype)
        outs = invoke(library.call, full, values, {**sizes, axis: len(head)})
        for s, f in zip(kept, finals):
            state[s] = outs[f]
    produced = {n: np.full_like(results[n], 0) for n in results if n in time}
    rounds = max(len(s) - c for s, c in zip(spans, cut))
    for r in range(rounds):
        # The sequences that have a token left, and those tokens.
        live = [i for i, (s, c) in enumerate(zip(spans, cut)) if c + r < len(s)]
        now = [spans[i][cut[i] + r] for i in live]
        values = {}
        batch = dict(sizes)
        if table:
            batch[segment] = len(live)
        for direction, n, kind, dims in step:
            if direction == "in, out":
                values[n] = tokens(state[n], dims.index(segment), live) if table else state[n]
            elif n == "position":
                values[n] = np.array([cut[i] + r for i in live], np.int64) if table else allocate(dims, kind, batch, cut[0] + r)
            elif direction == "in":
                values[n] = tokens(data[n], time[n], now if table else now[0]) if n in time else data[n]
        outs = invoke(library.call_step, step, values, batch)
        for n, _, dims in states:
            if table:
                at = (slice(None),) * dims.index(segment)
                state[n][at + (live,)] = values[n]
        for n in produced:
            at = (slice(None),) * time[n]
            produced[n][at + (now if table else now[0],)] = outs[n]
    worst = 0.0
    tail = [t for s, c in zip(spans, cut) for t in s[c:]]
    pairs = [(n, tokens(v, time[n], tail), tokens(results[n], time[n], tail)) for n, v in produced.items()]
    if len(finals) == len(kept):
        pairs += [(f, state[s], results[f]) for s, f in zip(kept, finals)]
    for n, got, want in pairs:
        got, want = widen(got, kinds[n]), widen(want, kinds[n])
        if got.shape != want.shape or not np.array_equal(np.isnan(got), np.isnan(want)):
            return False, f"{n}: shapes {got.shape}, {want.shape}, or NaN"
        # Infinities (the maximum of nothing) are compared, not subtracted.
        differ = got != want
        off = np.where(differ, got - np.where(differ, want, 0), 0)
        error = np.sqrt(np.mean(off ** 2) / max(np.mean(np.where(np.isfinite(want), want, 0) ** 2), 1e-300))
        worst = max(worst, error)
        # A sum that the two forms round differently in f32 can fall on either side of a
        # rounding boundary of a narrower result: one unit in the last place, and rarely.
        unit = {"bf16": 2.0 ** -7, "f16": 2.0 ** -10}.get(kinds[n], 0.0)
        if unit and np.any(np.abs(off) > unit * np.maximum(np.abs(got), np.abs(want)) + 1e-6):
            return False, f"{n}: more than one unit in the last place between the step and the full form"
        if not error <= (unit / 32 if unit else 2e-6):
            return False, f"{n}: relative RMS {error:.1e} between the step and the full form"
    return True, f"{len(tail)} tokens of {len(spans)} sequences after {sum(cut)}: relative RMS {worst:.1e}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--libraries", default="")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    files = options.files or [file for folder in ("docs/examples", "test/decode/Inputs")
                              for file in sorted(glob.glob(os.path.join(ROOT, folder, "*.mlir")))]
    # A GPU's calls share one driver.
    workers = 1 if options.libraries else os.cpu_count()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        results = pool.map(lambda path: check(options.seqc, path, folder, options.libraries), files)
        for path, (ok, message) in zip(files, results):
            print(f"{'ok  ' if ok else '--  ' if ok is None else 'FAIL'} {os.path.basename(path):24} {message}")
            passed += ok is True
            failed += ok is False
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
