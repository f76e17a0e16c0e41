"""What runs of one compiled program have to do with each other.

    invariants.py --seqc build/bin/seqc [FILES ...]

Compiles every gallery file, and those in Inputs/, in each of its forms and calls its C function through DLPack:

* repeat: the same bits twice; arguments and guards around results stay as they were.
* batch: a row of the batch alone gives the bits that it has among others, and NaN in
  another row does not reach it.
* segments: a packed sequence alone gives what it gives among others; NaN in one does not
  reach another.
* resets: NaN before a reset does not reach what follows it.
* carry: [0, t) and then [t, T) from the carried state equals one run.
* reverse: the program with `reverse` equals flip, run, flip.

A property returns False where the program has nothing to look at.

Prints one line a property that failed, and "N passed, M failed".
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

FORMS = [(), ("--form=sequential",), ("--form=scan",), ("--form=chunked", "--chunk=16", "--factors=f32"),
         ("--form=chunked", "--chunk=7")]
GUARD = 64  # elements on either side of a result
# Relative RMS that two orders of the same sums may differ by.
TOLERANCE = {"f64": 1e-12, "f32": 5e-6, "bf16": 4e-3, "f16": 5e-4}
# The same where chunks of bf16 tokens may round the factors of their products to bf16.
ROUNDED = 5e-3


class Case:
    """One library with one draw of its inputs."""

    def __init__(self, library, data, form=()):
        self.library, self.data = library, data
        self.exact = "--factors=f32" in form or "--form=sequential" in form or "--form=scan" in form
        self.inputs = [(n, k, dims) for d, n, k, dims in library.full if d == "in"]
        self.outputs = [(n, k, dims) for d, n, k, dims in library.full if d == "out"]
        self.kinds = {n: k for n, k, _ in self.inputs + self.outputs}
        self.dims = {n: dims for n, _, dims in self.inputs + self.outputs}
        self.exact |= "bf16" not in [kind for _, kind, _ in self.inputs]
        for name, kind, _ in self.inputs:
            data[name] = np.array(data[name], order="C").view(NUMPY[kind])
        self.sizes = {}
        for name, _, dims in self.inputs:
            for axis, size in zip(dims, data[name].shape):
                if axis.isidentifier():
                    self.sizes[axis] = size
        self.table = next((n for n, _, dims in self.inputs if any(re.fullmatch(r"\w+\+1", d) for d in dims)), None)
        self.segment_axis = None if self.table is None else self.dims[self.table][0][:-2]
        self.flags = [n for n, k, dims in self.inputs if k == "i8" and "t" in dims]

    def axis(self, name, axis):
        dims = self.dims[name]
        return dims.index(axis) if axis in dims else None

    def run(self, inputs=None, sizes=None):
        """Results by name for these inputs; results and guards hold NaN or -1 before."""
        inputs = inputs or self.data
        sizes = {**self.sizes, **(sizes or {})}
        arrays, results, whole = [], {}, {}
        for name, _, _ in self.inputs:
            arrays.append(np.array(inputs[name], order="C"))
        before = [a.tobytes() for a in arrays]
        for name, kind, dims in self.outputs:
            shape = [sizes[d] if d.isidentifier() else int(d) for d in dims]
            count = int(np.prod(shape, dtype=np.int64))
            fill = np.nan if NUMPY[kind] in (np.float16, np.float32, np.float64) else 0x7FC0 if kind == "bf16" else -1
            whole[name] = np.full(count + 2 * GUARD, fill).astype(NUMPY[kind])
            results[name] = whole[name][GUARD:GUARD + count].reshape(shape)
            arrays.append(results[name])
        edge = {n: (w[:GUARD].tobytes(), w[-GUARD:].tobytes()) for n, w in whole.items()}
        self.library.call(arrays)
        for array, old in zip(arrays, before):
            if array.tobytes() != old:
                raise AssertionError("an argument has changed")
        for name, w in whole.items():
            if (w[:GUARD].tobytes(), w[-GUARD:].tobytes()) != edge[name]:
                raise AssertionError(f"written beside {name}")
        return results

    def take(self, axis, index, inputs=None):
        """The inputs with `axis` cut to `index` (a slice)."""
        inputs = inputs or self.data
        return {n: inputs[n] if self.axis(n, axis) is None
                else np.take(inputs[n], range(*index.indices(inputs[n].shape[self.axis(n, axis)])), axis=self.axis(n, axis))
                for n, _, _ in self.inputs}

    def cut(self, name, array, axis, index):
        place = self.axis(name, axis)
        return array if place is None else array[(slice(None),) * place + (index,)]

    def poisoned(self, where):
        """The inputs with NaN in every float operand at `where`, {axis: slice}, if it names all."""
        inputs = dict(self.data)
        for name, kind, dims in self.inputs:
            if kind in ("f16", "f32", "f64", "bf16") and all(a in dims for a in where):
                array = inputs[name].copy()
                index = tuple(where.get(d, slice(None)) for d in dims)
                array[index] = 0x7FC0 if kind == "bf16" else np.nan
                inputs[name] = array
        return inputs


def same_bits(got, want, what):
    if got.tobytes() != want.tobytes():
        raise AssertionError(f"{what}: other bits")


def close(case, name, got, want, what):
    kind = case.kinds[name]
    if kind not in TOLERANCE:
        return same_bits(got, want, f"{what}: {name}")
    got, want = widen(got, kind), widen(want, kind)
    if got.shape != want.shape or not np.array_equal(np.isfinite(got), np.isfinite(want)):
        raise AssertionError(f"{what}: {name} is not finite where the other is")
    finite = np.isfinite(want)
    error = np.sqrt(np.mean((got[finite] - want[finite]) ** 2) / max(np.mean(want[finite] ** 2), 1e-300)) if finite.any() else 0
    if not error <= (TOLERANCE[kind] if case.exact else max(TOLERANCE[kind], ROUNDED)):
        raise AssertionError(f"{what}: {name} differs by {error:.1e} relative RMS")


def repeat(case):
    first, second = case.run(), case.run()
    for name in first:
        same_bits(second[name], first[name], f"second run: {name}")


def batch(case):
    """The axis that only tells sequences apart: named in every sequence operand that has time."""
    if case.sizes.get("b", 0) < 2:
        return False
    # An operand whose batch has a name of its own would not be cut with the others.
    if any(re.fullmatch(r"n\d+", dims[0]) for _, _, dims in case.inputs if dims):
        return False
    base = case.run()
    alone = case.run(case.take("b", slice(1, 2)), {"b": 1})
    beside = case.run(case.poisoned({"b": slice(0, 1)}))
    for name, _, dims in case.outputs:
        if "b" in dims:
            same_bits(alone[name], case.cut(name, base[name], "b", slice(1, 2)), f"a row alone: {name}")
            same_bits(case.cut(name, beside[name], "b", slice(1, None)), case.cut(name, base[name], "b", slice(1, None)),
                      f"NaN in another row: {name}")


def segments(case):
    if case.table is None:
        return False
    axis, table = case.segment_axis, case.data[case.table]
    base = case.run()
    for s in range(len(table) - 1):
        begin, end = int(table[s]), int(table[s + 1])
        inputs = case.take(axis, slice(s, s + 1), case.take("t", slice(begin, end)))
        inputs[case.table] = np.array([0, end - begin], table.dtype)
        alone = case.run(inputs, {"t": end - begin, axis: 1})
        for name, _, dims in case.outputs:
            part = case.cut(name, case.cut(name, base[name], "t", slice(begin, end)), axis, slice(s, s + 1))
            close(case, name, alone[name], part, f"segment {s} alone")
        if begin == end:
            continue
        inputs = case.poisoned({"t": slice(begin, end)})
        for name, array in case.poisoned({axis: slice(s, s + 1)}).items():
            if case.axis(name, axis) is not None:
                inputs[name] = array
        beside = case.run(inputs)
        for name, _, dims in case.outputs:
            for other in range(len(table) - 1):
                if other == s:
                    continue
                pick = {"t": slice(int(table[other]), int(table[other + 1])), axis: slice(other, other + 1)}
                got, want = beside[name], base[name]
                for a, index in pick.items():
                    got, want = case.cut(name, got, a, index), case.cut(name, want, a, index)
                same_bits(got, want, f"NaN in segment {s}, in segment {other}: {name}")


def resets(case):
    if not case.flags:
        return False
    flags = case.flags[0]
    place, length = case.axis(flags, "t"), case.sizes["t"]
    middle = length // 2
    inputs = dict(case.data)
    marks = np.moveaxis(inputs[flags].copy(), place, 0)
    marks[middle] = 1
    case.data[flags] = np.ascontiguousarray(np.moveaxis(marks, 0, place))
    base, beside = case.run(), case.run(case.poisoned({"t": slice(0, middle)}))
    for name, _, dims in case.outputs:
        same_bits(case.cut(name, beside[name], "t", slice(middle, None)), case.cut(name, base[name], "t", slice(middle, None)),
                  f"NaN before a reset: {name}")


def carry(case):
    """Needs a step, whose states tell which results continue which arguments."""
    step = case.library.step
    if step is None or case.table is not None:
        return False
    states = [n for d, n, _, _ in step if d == "in, out"]
    finals = [n for n, _, dims in case.outputs if "t" not in dims]
    if len(states) != len(finals) or not set(states) <= {n for n, _, _ in case.inputs}:
        return False
    length, base = case.sizes["t"], case.run()
    for middle in (1, length // 2, length - 1):
        first = case.run(case.take("t", slice(0, middle)), {"t": middle})
        inputs = case.take("t", slice(middle, length))
        inputs.update({s: first[f] for s, f in zip(states, finals)})
        second = case.run(inputs, {"t": length - middle})
        for name, _, dims in case.outputs:
            got = second[name] if "t" not in dims else np.concatenate((first[name], second[name]), case.axis(name, "t"))
            close(case, name, got, base[name], f"in two runs, cut at {middle}")


def flipped(case, arrays):
    """Arrays by name with time reversed, each segment in its place."""
    out = {}
    for name, array in arrays.items():
        place = case.axis(name, "t") if name in case.dims else None
        if place is None:
            out[name] = array
            continue
        order = np.arange(array.shape[place])
        if case.table is not None:
            table = case.data[case.table]
            order = np.concatenate([np.arange(table[s], table[s + 1])[::-1] for s in range(len(table) - 1)]
                                   + [np.arange(table[-1], array.shape[place])]).astype(int)
        else:
            order = order[::-1]
        out[name] = np.take(array, order, axis=place)
    return out


def reverse(case, seqc, path, folder, form):
    with open(path) as f:
        text = f.read()
    # Routes and causal attention have an order of their own.
    routed = re.search(r"seqc\.(assign|dispatch|block_attention)", text)
    if routed or re.search(r"\breverse\b", text.split("func.func", 1)[1]) or "final {" in text:
        return False
    text = re.sub(r" \{\n(\s*\^(?:step|combine)\()", r" reverse {\n\1", text)
    os.makedirs(folder, exist_ok=True)
    other = os.path.join(folder, "reverse.mlir")
    with open(other, "w") as f:
        f.write(text)
    backward = Case(Library(seqc, other, folder, *form), dict(case.data))
    got = backward.run()
    want = flipped(case, case.run(flipped(case, case.data)))
    for name in got:
        close(case, name, got[name], want[name], "reverse against flip, run, flip")


def check(seqc, path, folder, form):
    """[(property, failure or None)] of one file in one form; [] if it has no such form."""
    os.makedirs(folder)
    try:
        library = Library(seqc, path, folder, *form)
        data = draw(seqc, path, os.path.join(folder, "data"), "--random=11", *form)
    except RuntimeError as error:
        if form and re.search(r"has no (chunked|scan) form", str(error)):
            return []
        return [("compile", str(error))]
    found = []
    properties = [repeat, batch, segments, resets, carry,
                  lambda case: reverse(case, seqc, path, os.path.join(folder, "reverse"), form)]
    names = ["repeat", "batch", "segments", "resets", "carry", "reverse"]
    for name, prop in zip(names, properties):
        try:
            if prop(Case(library, dict(data), form)) is not False:
                found.append((name, None))
        except (AssertionError, RuntimeError) as failure:
            found.append((name, str(failure)))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = options.files or sorted(f for p in ("docs/examples", "test/forms/Inputs") for f in glob.glob(os.path.join(ROOT, p, "*.mlir")))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(path, form) for path in files for form in FORMS]
        results = pool.map(lambda job: check(options.seqc, job[1][0], os.path.join(folder, str(job[0])), job[1][1]),
                           enumerate(jobs))
        for (path, form), found in zip(jobs, results):
            for name, failure in found:
                passed += failure is None
                failed += failure is not None
                if failure is not None:
                    print(f"FAIL {os.path.basename(path)} {' '.join(form)} {name}: {failure}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
