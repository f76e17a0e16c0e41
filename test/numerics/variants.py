"""Modifiers, sizes, element types and extremes, against the float64 interpreter.

    variants.py --seqc build/bin/seqc [--seed 3]

Programs are put together from a few steps and every modifier that applies; each runs
with --check, which fills outputs with NaN first.  Prints "N passed, M failed".
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# Steps: (name, carry slice, per-token arguments, body).  {E} is the element type.
CHANNEL = dict(
    carry=[("f32", "normal")],
    seq=[("%a", "f32", "sigmoid"), ("%x", "{E}", "normal")],
    args="%at: f32, %xt: f32, %s: f32{EXTRA}",
    body="""
    %m = arith.mulf %at, %s : f32
    %n = arith.addf %m, %xt : f32
    {USE}
    seqc.yield out(%o) carry(%n)""",
    state="f32", out="f32", axes="d")
MATRIX = dict(
    carry=[("{K}x{V}xf32", "normal")],
    seq=[("%k", "{K}x{E}", "unit"), ("%v", "{V}x{E}", "normal"), ("%g", "f32", "logsigmoid")],
    args="%kt: tensor<{K}x{E}>, %vt: tensor<{V}x{E}>, %gt: f32, %s: tensor<{K}x{V}xf32>{EXTRA}",
    body="""
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %ve = seqc.einsum "v->v"(%vt)
    %d = arith.subf %ve, %r : tensor<{V}xf32>
    %kd = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %kd : tensor<{K}x{V}xf32>
    {USE}
    seqc.yield out(%o) carry(%n)""",
    state="tensor<{K}x{V}xf32>", out="tensor<{V}xf32>", axes="h")


def program(step, axes, modifiers, element="f32", key=8, value=12, clause=""):
    """One function with the step over `axes` (t among them) and the modifiers."""
    def fill(text):
        return text.replace("{K}", str(key)).replace("{V}", str(value)).replace("{E}", element)

    packed, resets, restart = ("segments" in modifiers, "resets" in modifiers, "restart" in modifiers)
    position, snapshot = "position" in modifiers, "snapshot" in modifiers
    arguments, names = [], []
    for name, slice_, draw in step["seq"]:
        arguments.append(f'{name}: tensor<{"?x" * len(axes)}{fill(slice_)}> {{seqc.draw = "{draw}"}}')
        names.append(name)
    states = [("s" if packed else None) if a == "t" else a for a in axes]
    states = [a for a in states if a]
    carry = fill(step["carry"][0][0])
    arguments.append(f'%s0: tensor<{"?x" * len(states)}{carry}>')
    clauses = [f'seq({", ".join(names)} : ({", ".join(axes)}))', f'carry(%s0 : ({", ".join(states)}))']
    scalar = step["state"] == "f32"
    if restart:
        arguments.append(f'%z0: {"f32" if scalar else f"tensor<{carry}>"} {{seqc.draw = "normal"}}')
        clauses.append("restart(%z0 : ())")
    if packed:
        arguments.append("%cu: tensor<?xi32>")
        clauses.append("segments(%cu : (s))")
    if resets:
        flags = [a for a in axes if a in ("b", "t")] or ["t"]
        arguments.append(f'%f: tensor<{"?x" * len(flags)}i8> {{seqc.draw = "flags(0.2)"}}')
        clauses.append(f'resets(%f : ({", ".join(flags)}))')
    extra, use = "", "%o = arith.negf %n : f32" if scalar else 'seqc.einsum "k,kv->v"(%kt, %n)'
    if not scalar:
        use = "%o = " + use
    if clause:
        clauses.append(clause)
    if snapshot:
        clauses.append("snapshot(0 every 3)")
        extra += f", %old3: {fill(step['state'])}"
        use = ("%o = arith.subf %n, %old3 : f32" if scalar
               else '%o = seqc.einsum "k,kv->v"(%kt, %old3)')
    if position:
        clauses.append("position first")
        extra += ", %pos: index, %isfirst: i1"
        cast = ("\n    %pi = arith.index_cast %pos : index to i32\n    %pf = arith.sitofp %pi : i32 to f32"
                "\n    %one = arith.constant 100.0 : f32\n    %zero = arith.constant 0.0 : f32"
                "\n    %fi = arith.select %isfirst, %one, %zero : f32\n    %pp = arith.addf %pf, %fi : f32")
        use = use.replace("%o =", "%o0 =") + cast
        if scalar:
            use += "\n    %o = arith.addf %o0, %pp : f32"
        else:
            use += (f"\n    %ps = tensor.splat %pp : tensor<{value}xf32>"
                    f"\n    %o = arith.addf %o0, %ps : tensor<{value}xf32>")
    if "reverse" in modifiers:
        clauses.append("reverse")
    out = "?x" * len(axes) + ("f32" if scalar else f"{value}xf32")
    args = fill(step["args"]).replace("{EXTRA}", extra)
    body = fill(step["body"]).replace("{USE}", use)
    text = (f"func.func @f({', '.join(arguments)}) -> (tensor<{out}>, tensor<{'?x' * len(states)}{carry}>) {{\n"
            f"  %y, %sT = seqc.recurrence {' '.join(clauses)} {{\n  ^step({args}):{body}\n  }}\n"
            f"  return %y, %sT : tensor<{out}>, tensor<{'?x' * len(states)}{carry}>\n}}\n")
    return text


def scan(axes, flags="", initial=False, segments=False, resets=False):
    shape = "?x" * len(axes)
    arguments, clauses = [f"%x: tensor<{shape}f32>"], [f'seq(%x : ({", ".join(axes)}))', "identity(%zero)"]
    states = [a for a in ["s" if a == "t" and segments else a for a in axes] if a != "t"]
    if initial:
        arguments.append(f'%x0: tensor<{"?x" * len(states)}f32>')
        clauses.append(f'initial(%x0 : ({", ".join(states)}))')
    if segments:
        arguments.append("%cu: tensor<?xi64>")
        clauses.append("segments(%cu : (s))")
    if resets:
        arguments.append('%f: tensor<?xi8> {seqc.draw = "flags(0.3)"}')
        clauses.append("resets(%f : (t))")
    results, types, names = "%y", f"tensor<{shape}f32>", "%y"
    if "final" in flags:
        results, names = "%y, %total", "%y, %total"
        types += f', tensor<{"?x" * len(states)}f32>'
    return (f"func.func @f({', '.join(arguments)}) -> ({types}) {{\n  %zero = arith.constant 0.0 : f32\n"
            f"  {results} = seqc.scan {' '.join(clauses)} {flags} {{\n  ^combine(%l: f32, %r: f32):\n"
            f"    %s = arith.addf %l, %r : f32\n    seqc.yield out(%s)\n  }}\n  return {names} : {types}\n}}\n")


def cases():
    """(title, program, --bind)."""
    for name, step in (("channel", CHANNEL), ("matrix", MATRIX)):
        feature = step["axes"]
        for count in range(4):
            for modifiers in itertools.combinations(("reverse", "position", "snapshot", "resets"), count):
                axes = ["b", "t", feature]
                yield f"{name} {modifiers}", program(step, axes, modifiers), f"b=2,t=19,{feature}=21"
        for extra in ((), ("reverse",), ("position", "snapshot"), ("reverse", "position")):
            yield (f"{name} packed {extra}", program(step, ["t", feature], ("segments",) + extra),
                   f"t=23,{feature}=5,s=6")
        yield f"{name} restart", program(step, ["b", "t", feature], ("resets", "restart")), f"b=2,t=19,{feature}=3"
        for element in ("bf16", "f16"):
            yield f"{name} {element}", program(step, ["b", "t", feature], (), element), f"b=2,t=9,{feature}=20"
        for order in (["t", "b", feature], [feature, "t"], ["b", feature, "t"], [feature, "b", "t"], ["t"]):
            sizes = ",".join(f"{a}={n}" for a, n in (("t", 18), ("b", 2), (feature, 19)) if a in order)
            yield f"{name} axes {order}", program(step, order, ()), sizes
        for t in (0, 1, 2, 257):
            yield f"{name} t={t}", program(step, ["b", "t", feature], ()), f"b=2,t={t},{feature}=17"
        for n in (0, 1, 15, 16, 17, 255, 256, 257, 513) if name == "channel" else (0, 1, 2):
            yield f"{name} {feature}={n}", program(step, ["b", "t", feature], ()), f"b=2,t=5,{feature}={n}"
        yield (f"{name} out order", program(step, ["b", "t", feature], (), clause=f"out((t, {feature}, b))"),
               f"b=2,t=5,{feature}=7")
    for key, value in ((1, 1), (3, 3), (3, 100), (60, 100), (100, 60), (128, 128), (5, 300), (1, 64), (64, 1)):
        yield f"matrix {key}x{value}", program(MATRIX, ["b", "t", "h"], (), key=key, value=value), "b=1,t=7,h=2"
    for axes in (["b", "t"], ["t", "d"], ["b", "t", "d"], ["t"]):
        sizes = lambda t: ",".join(f"{a}={n}" for a, n in (("b", 3), ("t", t), ("d", 20)) if a in axes)
        for t in (0, 1, 15, 16, 17, 255, 256, 257, 1000):
            yield f"scan {axes} t={t}", scan(axes), sizes(t)
        for flags in ("exclusive", "reverse", "final", "exclusive reverse final"):
            yield f"scan {axes} {flags}", scan(axes, flags), sizes(40)
            if axes != ["t"]:
                yield f"scan {axes} {flags} initial", scan(axes, flags, initial=True), sizes(40)
    for flags in ("", "exclusive", "reverse", "final"):
        yield f"scan packed {flags}", scan(["t", "d"], flags, True, True), "t=40,d=20,s=7"
        yield f"scan resets {flags}", scan(["t", "d"], flags, True, False, True), "t=40,d=20"
    # One-signed terms: rounding must not pile up.
    yield "cumsum of 2^26", scan(["t"]).replace("%x: tensor<?xf32>", '%x: tensor<?xf32> {seqc.draw = "uniform(0,1)"}'), f"t={2**26}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(job):
            number, (title, text, sizes) = job
            path = os.path.join(folder, f"{number}.mlir")
            with open(path, "w") as f:
                f.write(text)
            command = [options.seqc, "run", path, f"--bind={sizes}", f"--random={options.seed}", "--check"]
            forms = [[]]
            # An elementwise affine step is a scan, too, unless it looks at its position.
            if title.startswith("channel") and not any(m in title for m in ("snapshot", "position", "restart")):
                forms += [["--form=scan"], ["--form=scan", "--interpret"]]
            for form in forms:
                result = subprocess.run(command + form, capture_output=True, text=True)
                if result.returncode:
                    title += f" {form}"
                    break
            return title, text, result

        for title, text, result in pool.map(run, enumerate(cases())):
            ok = result.returncode == 0
            passed += ok
            failed += not ok
            if not ok:
                print(f"FAIL {title}\n{text}{result.stdout}{result.stderr[-600:]}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
