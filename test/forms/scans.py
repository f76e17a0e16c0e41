"""Random recurrences that are affine over a semiring: scans equal the step, in float64.

    scans.py --seqc build/bin/seqc [--count 160] [--seed 1] [--compiled 24]

Every kind of element (elementwise, complex, several states, small matrices, states of
different rank, (max,+), (logaddexp,+)) meets every modifier (segments, resets, restart
values, reverse) and length.  The scan form, and the scan split over 1, 2, 3 or 5 parts as
ranks would hold them, are interpreted and compared with the step (1e-12); the first
`compiled` ones are also compiled.  Prints "N passed, M failed".
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import run_cases  # noqa: E402

KINDS = ["elementwise", "sum", "complex", "momentum", "matrix", "ranks", "delta", "max", "log", "viterbi"]


class Step:
    """A step's operands, lines, states and what it yields."""

    def __init__(self):
        self.lines, self.seq, self.weights, self.states, self.nexts = [], [], [], [], []
        self.count = 0

    def op(self, text):
        self.count += 1
        self.lines.append(f"    %v{self.count} = {text}")
        return f"%v{self.count}"

    def x(self, type_, draw="normal", weight=False):
        group = self.weights if weight else self.seq
        name = f"%{'w' if weight else 'x'}{len(group)}"
        group.append((name, type_, draw))
        return name + "t"

    def state(self, type_):
        name = f"%s{len(self.states)}"
        self.states.append((name, type_))
        return name + "t"

    def add(self, a, b, t, what="arith.addf"):
        return self.op(f"{what} {a}, {b} : {t}")

    def einsum(self, equation, *values):
        return self.op(f'seqc.einsum "{equation}"({", ".join(values)})')


def logaddexp(s, a, b, t):
    m = s.add(a, b, t, "arith.maximumf")
    d = s.add(a, b, t, "arith.subf")
    n = s.op(f"arith.negf {s.op(f'math.absf {d} : {t}')} : {t}")
    return s.add(m, s.op(f"math.log1p {s.op(f'math.exp {n} : {t}')} : {t}"), t)


def step(rng, kind):
    s = Step()
    size = rng.choice([1, 2, 3, 5])
    vector = rng.random() < 0.5
    t = f"tensor<{size}xf32>" if vector else "f32"
    gate = lambda type_=t: s.x(type_, rng.choice(["uniform(0,1)", "uniform(-1,1)", "sigmoid"]), rng.random() < 0.2)
    if kind in ("elementwise", "sum"):
        h = s.state(t)
        kept = h
        if kind == "elementwise" and vector and rng.random() < 0.4:
            kept = s.einsum(",d->d", gate("f32"), h)
        elif kind == "elementwise":
            kept = s.add(gate(), h, t, "arith.mulf")
        s.nexts = [s.add(s.x(t), kept, t)]
    elif kind in ("complex", "momentum"):
        r, i = s.state(t), s.state(t)
        a, b = gate(), s.x(t, "uniform(-0.3,0.3)")
        mul = lambda p, q: s.add(p, q, t, "arith.mulf")
        if kind == "complex":
            n0 = s.add(s.add(mul(a, r), mul(b, i), t, "arith.subf"), s.x(t), t)
            n1 = s.add(s.add(mul(i, a), mul(r, b), t), s.x(t), t)
        else:
            n1 = s.add(s.add(mul(a, i), mul(b, r), t, "arith.subf"), s.x(t), t)
            n0 = s.add(r, n1, t)
        s.nexts = [n0, n1]
    elif kind == "matrix":
        d = rng.choice([2, 3, 8])
        t = f"tensor<{d}xf32>"
        h = s.state(t)
        moved = s.einsum("ij,j->i", s.x(f"tensor<{d}x{d}xf32>", "uniform(-0.2,0.2)", rng.random() < 0.3), h)
        if rng.random() < 0.5:
            moved = s.add(moved, s.add(s.x(t, "uniform(-0.5,0.5)"), h, t, "arith.mulf"), t)
        s.nexts = [s.add(moved, s.x(t), t)]
    elif kind == "ranks":
        t = "tensor<3xf32>"
        h, c = s.state(t), s.state("f32")
        n0 = s.add(s.einsum(",d->d", gate("f32"), h), s.einsum("d,->d", s.x(t, "uniform(-0.3,0.3)"), c), t)
        n1 = s.add(s.einsum("d,d->", h, s.x(t, "uniform(-0.3,0.3)")), s.x("f32"), "f32")
        s.nexts = [s.add(n0, s.x(t), t), n1]
    elif kind == "delta":
        h = s.state("tensor<3x2xf32>")
        k = s.x("tensor<3xf32>", "unit")
        kept = s.einsum("k,kv->kv", s.x("tensor<3xf32>", "uniform(0,1)"), h)
        d = s.add(s.x("tensor<2xf32>"), s.einsum("k,kv->v", k, kept), "tensor<2xf32>", "arith.subf")
        s.nexts = [s.add(kept, s.einsum("k,v->kv", k, d), "tensor<3x2xf32>")]
    elif kind in ("max", "log"):
        m = s.state(t)
        shifted = s.add(m, s.x(t, "uniform(-2,0)"), t) if rng.random() < 0.6 else m
        s.nexts = [s.add(shifted, s.x(t), t, "arith.maximumf") if kind == "max" else logaddexp(s, shifted, s.x(t), t)]
    else:  # two states of a trellis
        a, b = s.state("f32"), s.state("f32")
        best = lambda: s.add(s.add(a, s.x("f32"), "f32"), s.add(s.x("f32"), b, "f32"), "f32", "arith.maximumf")
        s.nexts = [best(), best()]
    return s


def program(rng, number):
    kind = KINDS[number % len(KINDS)]
    s = step(rng, kind)
    packed = rng.random() < 0.3
    resets = not packed and rng.random() < 0.4
    axes = ["t", "h"] if packed else rng.choice([["b", "t", "h"], ["b", "t"], ["t", "b"], ["t"]])
    states = ["s" if a == "t" else a for a in axes if a != "t" or packed]
    arguments, clauses = [], []

    def tensor(type_, count):
        inner = type_[len("tensor<"):-1] if type_.startswith("tensor") else type_
        return f"tensor<{'?x' * count}{inner}>"

    def operands(group, own):
        maps = []
        for name, type_, draw in group:
            arguments.append(f'{name}: {tensor(type_, len(own))} {{seqc.draw = "{draw}"}}')
            maps.append(f'{name} : ({", ".join(own)})')
        return ", ".join(maps)

    clauses.append(f"seq({operands(s.seq, axes)})")
    if s.weights:
        clauses.append(f"weight({operands(s.weights, [a for a in axes if a != 't'][:1])})")
    for name, type_ in s.states:
        arguments.append(f"{name}: {tensor(type_, len(states))}")
    clauses.append(f"carry({', '.join(n + ' : (' + ', '.join(states) + ')' for n, _ in s.states)})")
    if resets:
        flags = [a for a in axes if a in ("b", "t")]
        if rng.random() < 0.5:
            again = operands([(f"%a{i}", t, "normal") for i, (_, t) in enumerate(s.states)], states)
            clauses.append(f"restart({again})")
        arguments.append(f'%f: tensor<{"?x" * len(flags)}i8> {{seqc.draw = "flags(0.2)"}}')
        clauses.append(f'resets(%f : ({", ".join(flags)}))')
    if packed:
        arguments.append("%cu: tensor<?xi32>")
        clauses.append("segments(%cu : (s))")
    if rng.random() < 0.3:
        clauses.append("reverse")
    outs = []
    for (name, type_), nxt in zip(s.states, s.nexts):
        which = rng.choice(["before", "after", "both", "none"])
        value = {"before": name + "t", "after": nxt}.get(which)
        if which == "both":
            value = s.op(f"math.tanh {s.add(nxt, name + 't', type_, 'arith.subf')} : {type_}")
        if value:
            outs.append((value, type_))
    block = [f"{n}t: {t}" for n, t, _ in s.seq + s.weights] + [f"{n}t: {t}" for n, t in s.states]
    results = [tensor(t, len(axes)) for _, t in outs] + [tensor(t, len(states)) for _, t in s.states]
    names = [f"%y{i}" for i in range(len(results))]
    yields = (f"out({', '.join(v for v, _ in outs)}) " if outs else "") + f"carry({', '.join(s.nexts)})"
    # The parser takes resets and segments in one place, restart before them.
    text = (f"func.func @f({', '.join(arguments)}) -> ({', '.join(results)}) {{\n"
            f"  {', '.join(names)} = seqc.recurrence {' '.join(clauses)} {{\n  ^step({', '.join(block)}):\n"
            + "\n".join(s.lines) + f"\n    seqc.yield {yields}\n  }}\n"
            f"  return {', '.join(names)} : {', '.join(results)}\n}}\n")
    sizes = {"t": rng.choice([0, 1, 2, 7, 41, 257]), "b": rng.choice([1, 2, 3]), "h": rng.choice([1, 3]),
             "s": rng.choice([1, 2, 5])}
    return text, ",".join(f"{a}={sizes[a]}" for a in axes + (["s"] if packed else []))


def case(rng, number, compiled):
    text, bind = program(rng, number)
    parts = f"--split={rng.choice([1, 2, 3, 5])}"
    jobs = [["--interpret=structured"], ["--interpret", parts]]
    if compiled:
        jobs.append([parts])
    return text, [f"--bind={bind}", "--form=scan"], jobs


if __name__ == "__main__":
    sys.exit(run_cases(160, 24, case))
