"""Random steps of known class: every form equals the step, in float64.

    properties.py --seqc build/bin/seqc [--count 500] [--seed 1] [--compiled 100]

A generator puts together steps from gates, writes, low-rank corrections and reads in
several spellings, with every modifier.  The formed program is interpreted in float64 and
compared with the interpreted input (relative RMS 1e-12); the first `compiled` ones are
also compiled.  Prints "N passed, M failed".
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor


class Step:
    """The text of one step, value by value."""

    def __init__(self, rng):
        self.rng = rng
        self.lines = []
        self.count = 0
        self.seq = []      # (name, slice, draw, axes)
        self.weights = []
        self.args = {}

    def op(self, text):
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"    {name} = {text}")
        return name

    def operand(self, slice_, draw, weight=False):
        group = self.weights if weight else self.seq
        name = f"%{'w' if weight else 'x'}{len(group)}"
        group.append((name, slice_, draw))
        return name + "t"

    def einsum(self, equation, *values):
        return self.op(f'seqc.einsum "{equation}"({", ".join(values)})')

    def unary(self, name, value, type_):
        return self.op(f"{name} {value} : {type_}")

    def binary(self, name, a, b, type_):
        return self.op(f"{name} {a}, {b} : {type_}")


def matrix_step(rng):
    """A step over one state [K, V]; returns (text, whether a chunked form exists)."""
    key, value = rng.choice([1, 3, 5, 8]), rng.choice([1, 2, 4, 9])
    kt, vt, st = f"tensor<{key}xf32>", f"tensor<{value}xf32>", f"tensor<{key}x{value}xf32>"
    s = Step(rng)
    gate_draw = rng.choice(["logsigmoid", "logsigmoid", "uniform(-50,0)", "uniform(-0.001,0)"])
    kind = rng.choice(["none", "scalar", "rows", "columns", "fixed", "both", "scalar-rows"])
    pairs = rng.choice([0, 0, 1, 1, 2])
    if pairs and kind == "columns":
        kind = "rows"
    gates = []
    if kind in ("scalar", "scalar-rows"):
        gates.append(("", s.unary("math.exp", s.operand("f32", gate_draw), "f32")))
    if kind in ("rows", "both", "scalar-rows"):
        gates.append(("k", s.unary("math.exp", s.operand(kt, gate_draw), kt)))
    if kind in ("columns", "both"):
        gates.append(("v", s.unary("math.exp", s.operand(vt, gate_draw), vt)))
    if kind == "fixed":
        gates.append(("", s.unary("math.exp", s.operand("f32", "uniform(-2,0)", True), "f32")))
    if kind == "fixed" and rng.random() < 0.4:
        half = s.op("arith.constant 0.5 : f32")
        gates.append(("", half))
    late = pairs == 0 and gates and rng.random() < 0.3  # the gate after the write

    def decay(state):
        for letters, gate in gates:
            order = rng.random() < 0.5
            state = (s.einsum(f"{letters},kv->kv", gate, state) if order
                     else s.einsum(f"kv,{letters}->kv", state, gate))
        return state

    state = "%s"
    if rng.random() < 0.2:
        state = s.einsum("vk->kv", s.einsum("kv->vk", state))
    kept = state if late else decay(state)
    total = kept
    for p in range(pairs):
        right = s.operand(kt, "unit")
        tied = rng.random() < 0.6
        left = right if tied else s.operand(kt, "unit")
        beta = s.operand("f32", "uniform(0,1)")
        source = kept if rng.random() < 0.7 else state
        if rng.random() < 0.5:  # k beta (v - S^T k)
            read = s.einsum("k,kv->v", right, source)
            v = s.operand(vt, "normal")
            diff = s.binary("arith.subf", v, read, vt)
            if rng.random() < 0.5:
                update = s.einsum(",k,v->kv", beta, left, diff)
            else:
                update = s.einsum("v,k->kv", s.einsum("v,->v", diff, beta), left)
            total = s.binary("arith.addf", total, update, st)
        else:  # - beta k k^T S
            scaled = s.einsum(",k->k", beta, left)
            read = s.einsum("kv,k->v", source, right)
            update = s.einsum("k,v->kv", scaled, read)
            total = s.binary("arith.subf", total, update, st)
    for w in range(rng.choice([1, 1, 2])):
        k, v = s.operand(kt, "normal(0.3)"), s.operand(vt, "normal")
        if rng.random() < 0.3:
            k = s.unary("math.tanh", k, kt)
        if rng.random() < 0.4:
            kv = s.einsum(",k,v->kv", s.operand("f32", "sigmoid"), k, v)
        else:
            kv = s.einsum("v,k->kv", v, k)
        total = s.binary("arith.addf", total, kv, st) if rng.random() < 0.5 else \
            s.binary("arith.addf", kv, total, st)
    nxt = decay(total) if late else total
    outs = []
    for r in range(rng.choice([1, 1, 2])):
        source = rng.choice([state, nxt])
        if rng.random() < 0.75:
            q, equation, type_, size = s.operand(kt, "normal(0.3)"), "k,kv->v", vt, value
        else:
            q, equation, type_, size = s.operand(vt, "normal(0.3)"), "v,kv->k", kt, key
        if rng.random() < 0.3:
            c = s.op("arith.constant 0.125 : f32")
            y = s.einsum("," + equation, c, q, source)
        else:
            y = s.einsum(equation, q, source)
        if rng.random() < 0.3:  # pointwise epilogue
            z = s.operand(type_, "sigmoid")
            y = s.binary("arith.mulf", y, z, type_)
            if rng.random() < 0.5:
                y = s.unary("math.tanh", y, type_)
        if rng.random() < 0.2:  # a direct term
            y = s.binary("arith.addf", y, s.operand(type_, "normal"), type_)
        outs.append((y, size, type_))
    # A correction of one row is a gate that is a difference, of any sign.
    chunkable = not pairs or (kind != "both" and key > 1)
    return s, st, [key, value], nxt, outs, chunkable


def program(rng):
    s, st, sizes, nxt, outs, chunkable = matrix_step(rng)
    packed = rng.random() < 0.3
    resets = not packed and rng.random() < 0.3
    axes = ["t", "h"] if packed else rng.choice([["b", "t", "h"], ["t", "b"], ["t"], ["b", "t"]])
    states = ["s" if a == "t" else a for a in axes if a != "t" or packed]
    dims = lambda n: "?x" * n
    arguments, clauses = [], []

    def tensor(slice_, count):
        inner = slice_[len("tensor<"):-1] if slice_.startswith("tensor") else slice_
        return f"tensor<{dims(count)}{inner}>"

    maps = []
    for i, (name, slice_, draw) in enumerate(s.seq):
        own = axes
        # Some operands lack an axis: they are the same along it.
        if i and len(axes) > 1 and rng.random() < 0.2:
            own = [a for a in axes if a == "t" or rng.random() < 0.5]
        arguments.append(f'{name}: {tensor(slice_, len(own))} {{seqc.draw = "{draw}"}}')
        maps.append(f'{name} : ({", ".join(own)})')
    clauses.append(f'seq({", ".join(maps)})')
    heads = [a for a in axes if a in ("h", "b")][-1:]
    if s.weights:
        ws = []
        for name, slice_, draw in s.weights:
            arguments.append(f'{name}: {tensor(slice_, len(heads))} {{seqc.draw = "{draw}"}}')
            ws.append(f'{name} : ({", ".join(heads)})')
        clauses.append(f'weight({", ".join(ws)})')
    arguments.append(f'%s0: {tensor(st, len(states))}')
    clauses.append(f'carry(%s0 : ({", ".join(states)}))')
    if packed:
        arguments.append("%cu: tensor<?xi32>")
        clauses.append("segments(%cu : (s))")
    if resets:
        flags = [a for a in axes if a in ("b", "t")]
        arguments.append(f'%f: tensor<{dims(len(flags))}i8> {{seqc.draw = "flags(0.2)"}}')
        clauses.append(f'resets(%f : ({", ".join(flags)}))')
    if rng.random() < 0.3:
        clauses.append("reverse")
    block = [f"{n}t: {t}" for n, t, _ in s.seq] + [f"{n}t: {t}" for n, t, _ in s.weights] + [f"%s: {st}"]
    results = [tensor(t, len(axes)) for _, _, t in outs] + [tensor(st, len(states))]
    names = [f"%y{i}" for i in range(len(outs))] + ["%sT"]
    text = (f"func.func @f({', '.join(arguments)}) -> ({', '.join(results)}) {{\n"
            f"  {', '.join(names)} = seqc.recurrence {' '.join(clauses)} {{\n  ^step({', '.join(block)}):\n"
            + "\n".join(s.lines)
            + f"\n    seqc.yield out({', '.join(y for y, _, _ in outs)}) carry({nxt})\n  }}\n"
            f"  return {', '.join(names)} : {', '.join(results)}\n}}\n")
    sizes = {"t": rng.choice([0, 1, 2, 5, 15, 16, 17, 33, 70, 130]), "b": rng.choice([1, 2, 3]),
             "h": rng.choice([1, 3]), "s": rng.choice([1, 2, 5])}
    bind = ",".join(f"{a}={sizes[a]}" for a in axes + (["s"] if packed else []))
    chunk = rng.choice([1, 2, 3, 7, 16, 20, 64, max(1, sizes["t"])])
    return text, bind, chunk, chunkable


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--compiled", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(number):
            rng = random.Random(options.seed * 1000003 + number)
            text, bind, chunk, chunkable = program(rng)
            path = os.path.join(folder, f"{number}.mlir")
            with open(path, "w") as f:
                f.write(text)
            base = [options.seqc, "run", path, f"--bind={bind}", f"--random={number + 1}", "--check"]
            jobs = [["--interpret=structured", "--form=canonical"], ["--interpret", "--form=canonical"]]
            if " segments(" not in text and chunkable:
                # Ranks that each hold a part, emulated.
                jobs.append(["--interpret", "--form=canonical", f"--split={2 + number % 4}"])
            if chunkable:
                jobs.append(["--interpret", "--form=chunked", f"--chunk={chunk}"])
                if number < options.compiled:
                    jobs.append(["--form=chunked", f"--chunk={chunk}"])
            bad = ""
            for job in jobs:
                result = subprocess.run(base + job, capture_output=True, text=True)
                if result.returncode:
                    bad += f"FAIL {' '.join(base[3:] + job)}\n{result.stdout}{result.stderr[-800:]}"
            return bad and f"case {number}:\n{text}{bad}"

        for bad in pool.map(run, range(options.count)):
            passed += not bad
            failed += bool(bad)
            if bad:
                print(bad)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
