"""The gallery on extreme inputs, in every form, against the float64 interpreter.

    extremes.py --seqc build/bin/seqc [FILES ...]

Which values an operand gets follows from how it is drawn (`seqc.draw`):

* log gates (logsigmoid, or declared at most 0): 0, -50, -10000, and all of them mixed.
* factors and rates (sigmoid): 0, 1, mixed; 2 where the keys have norm 1.
* keys of norm 1: one key repeated at every token.
* other operands of tokens without a range: 80 times as large, within -80 .. 80; -inf where
  every result of the program is a maximum or a log-sum-exp of its inputs.

The interpreter runs once for each set of inputs, every form's library on the same.  Prints one line a failure, and "N passed, M failed".
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

FORMS = [("--form=sequential",), ("--form=scan",), ("--form=chunked", "--chunk=16"), ("--form=chunked", "--chunk=7"),
         ("--form=chunked", "--chunk=64")]
# Products of matrices have no bound.
MODEST = {"matmul-scan", "titans", "titans-chunked"}
TOLERANCE = {"f64": 1e-12, "f32": 1e-5, "bf16": 5e-3, "f16": 5e-3}
MAXIMA = {"logsumexp", "running-max", "argmax"}


def narrow(values, like):
    """`values` with the element type in which `like` was saved."""
    if like.dtype == np.uint16:
        return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return values.astype(like.dtype)


def operands(path):
    """[(name, how it is drawn, element type, declared at most 0)] of the entry's float operands."""
    with open(path) as f:
        text = f.read()
    head = text[text.index("func.func"):text.index("->")]
    found = []
    for name, type_, attributes in re.findall(r"%(\w+): (tensor<[^>]*>|\w+)(?: \{([^}]*)\})?", head):
        kind = re.search(r"(bf16|f16|f32|f64)>?$", type_)
        if kind:
            how = re.search(r'seqc.draw = "(\w+)', attributes or "")
            found.append((name, how.group(1) if how else "normal", kind.group(1), '"<= 0"' in (attributes or "")))
    return found


def variants(path, data, tokens):
    """(title, {operand: values}) of one file; `tokens` are the operands that name t."""
    rng = np.random.default_rng(5)
    args = operands(path)
    name = os.path.basename(path)[:-len(".mlir")]
    gates = [a for a in args if a[1] == "logsigmoid" or a[3]]
    rates = [a for a in args if a[1] == "sigmoid"]
    units = [a for a in args if a[1] == "unit"]
    plain = [a for a in args if a[1] == "normal" and not a[3] and a[0] in tokens]

    def filled(which, value):
        return {n: narrow(np.full(data[n].shape, value), data[n]) for n, *_ in which}

    def mixed(which, values):
        return {n: narrow(rng.choice(values, data[n].shape), data[n]) for n, *_ in which}

    if gates:
        for value in (0.0, -50.0, -1e4):
            yield f"gates {value:g}", filled(gates, value)
        yield "gates mixed", mixed(gates, [0.0, -1e-6, -0.5, -50.0, -1e4])
    if rates:
        for value in (0.0, 1.0) + ((2.0,) if units else ()):
            yield f"rates {value:g}", filled(rates, value)
        yield "rates mixed", mixed(rates, [0.0, 1.0])
    if units:
        time = 0 if data[units[0][0]].ndim < 3 else 1
        same = {n: np.repeat(np.take(data[n], [0], axis=time), data[n].shape[time], axis=time) for n, *_ in units}
        yield "one key", same
        if rates:
            yield "one key, rates 1", {**same, **filled(rates, 1.0)}
        if gates:
            yield "one key, gates mixed", {**same, **mixed(gates, [0.0, -1e-6, -50.0, -1e4])}
    if plain and not units and name not in MODEST:
        def times(n, factor):
            wide = data[n] if data[n].dtype != np.uint16 else (data[n].astype(np.uint32) << 16).view(np.float32)
            return narrow(np.clip(wide * factor, -80, 80), data[n])

        yield "80 times", {n: times(n, 80.0) for n, *_ in plain}
    if name in MAXIMA:
        yield "-inf", filled(plain, -np.inf)
        yield "-inf mixed", mixed(plain, [-np.inf, 1.0, -80.0])


def compare(library, data, reference):
    """What is wrong with the library's results, or nothing."""
    arrays, results, narrowest = [], {}, "f64"
    for direction, name, kind, _ in library.full:
        if direction == "in":
            arrays.append(np.array(data[name], order="C").view(NUMPY[kind]))
        else:
            results[name] = np.full(reference[name].shape, 0x7FC0 if kind == "bf16" else -1).astype(NUMPY[kind])
            arrays.append(results[name])
        if kind in TOLERANCE and TOLERANCE[kind] > TOLERANCE[narrowest]:
            narrowest = kind
    library.call(arrays)
    for _, name, kind, _ in library.full:
        if name not in results:
            continue
        got, want = widen(results[name], kind), reference[name]
        finite = np.isfinite(want)
        if not np.array_equal(got[~finite], want[~finite], equal_nan=True) or not np.isfinite(got[finite]).all():
            return f"{name}: {np.sum(~finite)} values are not finite in the interpreter, {np.sum(~np.isfinite(got))} here"
        error = np.sqrt(np.mean((got[finite] - want[finite]) ** 2) / max(np.mean(want[finite] ** 2), 1e-300)) if finite.any() else 0
        if not error <= (TOLERANCE[narrowest] if kind in TOLERANCE else 0):
            return f"{name}: relative RMS {error:.1e}"
    return None


def check(seqc, path, folder):
    """[(form, title, failure or None)] of one file."""
    libraries = []
    for number, form in enumerate(FORMS):
        place = os.path.join(folder, str(number))
        os.makedirs(place)
        try:
            libraries.append((form, Library(seqc, path, place, *form)))
        except RuntimeError as error:
            if not re.search(r"has no (chunked|scan) form", str(error)):
                return [(form, "compile", str(error))]
    signature = libraries[0][1].full
    tokens = {n for d, n, _, dims in signature if d == "in" and "t" in dims}
    interpreted = ("--random=13", "--interpret=input")
    base = draw(seqc, path, os.path.join(folder, "data"), *interpreted)
    found = []
    for number, (title, values) in enumerate(variants(path, base, tokens)):
        place = os.path.join(folder, f"variant{number}")
        os.makedirs(place)
        arguments = []
        for name, array in values.items():
            file = os.path.join(folder, f"{number}-{name}.npy")
            np.save(file, array)
            arguments.append(f"--in={name}={file}")
        reference = draw(seqc, path, place, *interpreted, *arguments)
        found += [(form, title, compare(library, reference, reference)) for form, library in libraries]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = options.files or sorted(glob.glob(os.path.join(ROOT, "docs/examples/*.mlir")))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: check(options.seqc, path, os.path.join(folder, os.path.basename(path))), files)
        for path, found in zip(files, results):
            for form, title, bad in found:
                passed += bad is None
                failed += bad is not None
                if bad is not None:
                    print(f"FAIL {os.path.basename(path)} {' '.join(form)}, {title}: {bad}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
