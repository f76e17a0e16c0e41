"""Random routes: what topk, dispatch, combine and block_attention promise, in NumPy.

    properties.py --seqc build/bin/seqc [--count 10] [--seed 1]

Prints "N passed, M failed".
"""

import argparse
import os
import subprocess
import sys
import tempfile
import traceback

import numpy as np


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Runner:
    def __init__(self, seqc):
        self.seqc = seqc

    def __call__(self, program, inputs, *options, threads=2, fails=False):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "f.mlir")
            with open(path, "w") as f:
                f.write(program)
            command = [self.seqc, "run", path, f"--save={folder}/out", *options]
            for name, array in inputs.items():
                np.save(os.path.join(folder, name + ".npy"), array)
                command += ["--in", f"{name}={folder}/{name}.npy"]
            run = subprocess.run(command, capture_output=True, text=True,
                                 env={**os.environ, "OMP_NUM_THREADS": str(threads)})
            if fails:
                assert run.returncode == 1, (run.returncode, run.stderr)
                return run.stderr
            assert run.returncode == 0, program + run.stdout + run.stderr
            return {f[:-4]: np.load(os.path.join(folder, "out", f)) for f in os.listdir(folder + "/out")}


def tensor(shape, element):
    return "tensor<" + "".join(f"{s}x" for s in shape) + element + ">"


def same(a, b):
    np.testing.assert_array_equal(a, b)


def check_topk(run, rng):
    e = int(rng.choice([1, 2, 7, 16, 33, 64, 100, 1024]))
    k = int(rng.choice([1, min(e, 3), min(e, 64)]))
    element, kind = [("f32", np.float32), ("f64", np.float64)][rng.integers(2)]
    s = rng.normal(size=(9, e)).astype(kind)
    s[1] = rng.integers(-2, 3, e)            # ties
    s[2] = 0.0
    s[2, ::2] = -0.0                         # zeros of both signs are one
    s[3, rng.integers(e)] = np.inf
    s[4, rng.random(e) < 0.6] = -np.inf
    s[5] = -np.inf
    s[6, rng.integers(e)] = np.nan
    s[7, rng.random(e) < 0.5] = np.nan
    softmax = ["none", "before", "after"][rng.integers(3)]
    normalize = bool(rng.integers(2))
    clause = (f" softmax({softmax})" if softmax != "none" else "") + (" normalize" if normalize else "")
    program = f"""func.func @f(%s: tensor<9x?x{element}>) -> ({tensor((9, k), element)}, {tensor((9, k), "i32")}) {{
  %w, %i = seqc.topk {k} of %s{clause}
  return %w, %i : {tensor((9, k), element)}, {tensor((9, k), "i32")}
}}"""
    if rng.integers(2):
        program = program.replace("9x?x", f"9x{e}x")
    got = run(program, {"s": s}, "--check")
    for row in range(9):
        x = s[row].astype(float)
        order = sorted((i for i in range(e) if x[i] != -np.inf), key=lambda i: (not np.isnan(x[i]), -x[i] if not np.isnan(x[i]) else 0, i))
        picks = order[:k]
        same(got["i"][row], picks + [-1] * (k - len(picks)))
        with np.errstate(all="ignore"):
            base = order if softmax == "before" else picks
            w = x[picks]
            if softmax != "none" and picks:
                w = np.exp(w - x[order[0]]) / np.exp(x[base] - x[order[0]]).sum()
            if normalize and picks:
                w = w / w.sum()
        tolerance = 1e-5 if element == "f32" else 1e-12
        np.testing.assert_allclose(got["w"][row, :len(picks)], w, rtol=tolerance, atol=tolerance)
        same(got["w"][row, len(picks):], 0)


def check_dispatch(run, rng):
    batch = int(rng.choice([0, 1, 3]))
    n = int(rng.choice([1, 7, 700, 1100]))
    experts = int(rng.choice([1, 2, 5, 64]))
    k = int(rng.integers(1, min(experts, 3) + 1))
    lead = (batch, n) if batch else (n,)
    slots = max(batch, 1) * n * k
    route = rng.integers(3)
    picks = rng.integers(0, experts, lead + (k,))
    if route == 1:
        picks[:] = experts - 1               # all to one, none to the others
    counts = np.bincount(picks.reshape(-1), minlength=experts)
    capacity = [None, 0, 1, int(counts.max()), 3][rng.integers(5)]
    if capacity is not None and route == 2:
        picks[rng.random(picks.shape) < 0.3] = -1
    features = int(rng.choice([1, 16, 21, 80]))
    x = rng.normal(size=lead + (features,)).astype(np.float32)
    w = rng.normal(size=lead + (k,)).astype(np.float32)
    mean = " mean" if rng.integers(2) else ""
    clause = "" if capacity is None else f" capacity({capacity})"
    table = max(batch, 1) * experts + 1 + (capacity is not None)
    xs, ps = tensor(x.shape, "f32"), tensor(picks.shape, "i32")
    outs = [xs, tensor((slots, features), "f32"), tensor((slots,), "i32"), ps, tensor((table,), "i32")]
    program = f"""func.func @f(%x: {xs}, %i: {ps}, %w: {tensor(w.shape, "f32")}) -> ({", ".join(outs)}) {{
  %p, %perm, %inv, %cu = seqc.dispatch %i experts({experts}) tokens(%x){clause}
  %y = seqc.combine %p by %inv weights(%w){mean}
  return %y, %p, %perm, %inv, %cu : {", ".join(outs)}
}}"""
    inputs = {"x": x, "i": picks.astype(np.int32), "w": w}
    got = run(program, inputs, "--check")
    again = run(program, inputs, threads=1)
    for name in got:
        assert got[name].tobytes() == again[name].tobytes(), f"{name} depends on the threads"
    flat = picks.reshape(max(batch, 1), -1)
    segments = [[b * n * k + s for s in np.flatnonzero(flat[b] == e)][:capacity]
                for b in range(len(flat)) for e in range(experts)]
    kept = [slot for segment in segments for slot in segment]
    same(got["perm"], kept + [-1] * (slots - len(kept)))       # a bijection, stable
    inverse = np.full(slots, -1)
    inverse[kept] = np.arange(len(kept))
    same(got["inv"].reshape(-1), inverse)
    cu = np.cumsum([0] + [len(s) for s in segments])
    same(got["cu"], list(cu) + ([slots] if capacity is not None else []))
    rows = np.zeros((slots, features), np.float32)
    rows[:len(kept)] = x.reshape(-1, features)[np.array(kept, int) // k]
    same(got["p"], rows)
    here = (inverse >= 0).reshape(lead + (k,))
    total = (w.astype(float) * here).sum(-1)
    if mean:
        total = total / np.maximum(here.sum(-1), 1)
    np.testing.assert_allclose(got["y"], total[..., None] * x, rtol=1e-4, atol=1e-5)


def check_poison(run, rng):
    """NaN in the tokens of one memory stays there; batch elements do not meet."""
    n, memories = 40, 4
    program = f"""func.func @f(%x: tensor<2x{n}xf32>, %i: tensor<2x{n}x1xi32>) -> tensor<2x{n}xf32> {{
  %p, %perm, %inv, %cu = seqc.dispatch %i experts({memories}) tokens(%x)
  %zero = arith.constant 0.0 : f32
  %o, %oT = seqc.recurrence seq(%p : (t)) carry(%zero : ()) segments(%cu : (s)) {{
  ^step(%xt: f32, %s: f32):
    %r = arith.addf %s, %xt : f32
    seqc.yield out(%r) carry(%r)
  }}
  %y = seqc.combine %o by %inv
  return %y : tensor<2x{n}xf32>
}}"""
    x = rng.normal(size=(2, n)).astype(np.float32)
    picks = rng.integers(0, memories, (2, n, 1)).astype(np.int32)
    clean = run(program, {"x": x, "i": picks}, "--check")["y"]
    bad = x.copy()
    sick = picks[0, :, 0] == 2
    bad[0, sick] = np.nan
    got = run(program, {"x": bad, "i": picks}, "--check")["y"]
    well = np.ones((2, n), bool)
    well[0] = ~sick
    same(got[well], clean[well])
    assert np.isnan(got[~well]).all()


def check_attention(run, rng):
    b, t = 2, int(rng.choice([1, 13, 37]))
    causal = bool(rng.integers(2))
    s = t + int(rng.choice([0, 0, 20]))
    block = int(rng.choice([1, 8, 16, 64]))
    group = int(rng.choice([1, 4]))
    window = [None, 1, 7][rng.integers(3)]
    listed = bool(rng.integers(4))
    heads, shared = 4, int(rng.choice([1, 2, 4]))
    blocks = -(-s // block)
    rows = -(-t // group)
    d, e = [(16, 24), (5, 1)][rng.integers(2)]
    q = rng.normal(size=(b, t, heads, d)).astype(np.float32)
    k = rng.normal(size=(b, s, 2, d)).astype(np.float32)
    v = rng.normal(size=(b, s, 2, e)).astype(np.float32)
    picks = rng.integers(-1, blocks, (b, rows, shared, 3)).astype(np.int32)   # repeats, too
    clause = "" if not listed else " blocks(%i)"
    sizes = (f" block({block})" if listed else "") + (f" window({window})" if window else "")
    sizes += (f" group({group})" if listed else "") + (" causal" if causal else "")
    # A cache with room, rows for distances, and scores that a region makes.
    placed, related, region = (bool(rng.integers(2)) for _ in range(3))
    at = rng.integers(0, s - t + 1, b).astype(np.int32) if placed else np.full(b, s - t, np.int32)
    table = rng.normal(size=(int(rng.choice([5, 90])), 2, d)).astype(np.float32)
    clause = " relative(%e)" * related + clause + " at(%p)" * placed
    hide = """ {
  ^score(%x: f32, %a: index, %b: index, %c: index):
    %c3 = arith.constant 3 : index
    %never = arith.constant 0xFF800000 : f32
    %ab = arith.addi %a, %b : index
    %abc = arith.addi %ab, %c : index
    %m = arith.remui %abc, %c3 : index
    %z = arith.cmpi eq, %m, %first : index
    %y = arith.select %z, %never, %x : f32
    seqc.yield out(%y)
  }""" * region
    outs = [tensor((b, t, heads, e), "f32"), tensor((b, t, heads), "f32")]
    program = f"""func.func @f(%q: {tensor(q.shape, "f32")}, %k: {tensor(k.shape, "f32")}, %v: {tensor(v.shape, "f32")},
    %i: {tensor(picks.shape, "i32")}, %e: {tensor(table.shape, "f32")}, %p: tensor<{b}xi32>) -> ({", ".join(outs)}) {{
  %first = arith.constant 0 : index
  %o, %l = seqc.block_attention q(%q) k(%k) v(%v){clause}{sizes}{hide}
  %r, %m = seqc.merge (%o, %l)
  return %r, %m : {", ".join(outs)}
}}"""
    got = run(program, {"q": q, "k": k, "v": v, "i": picks, "e": table, "p": at}, "--check")
    key = np.arange(s)[None]
    for bi in range(b):
        position = np.arange(t)[:, None] + at[bi]
        nearest = len(table) - 1 if causal else (len(table) - 1) // 2
        for h in range(heads):
            seen = np.zeros((t, s), bool) if listed or window else np.ones((t, s), bool)
            if listed:
                row = picks[bi, np.arange(t) // group, h // (heads // shared)]
                seen |= ((key // block)[:, :, None] == row[:, None, :]).any(-1)
            if window:
                seen |= abs(key - position) < window
            if causal:
                seen &= key <= position
            if region:
                seen &= (position + key + h) % 3 != 0
            logits = q[bi, :, h].astype(float) @ k[bi, :, h // 2].astype(float).T
            if related:
                row = nearest - (position - key)
                dots = q[bi, :, h].astype(float) @ table[:, h // 2].astype(float).T
                there = (row >= 0) & (row < len(table))
                logits += np.where(there, np.take_along_axis(dots, np.where(there, row, 0), 1), 0)
            logits /= np.sqrt(d)
            weights = np.where(seen, np.exp(logits), 0)
            total = weights.sum(-1)
            out = weights @ v[bi, :, h // 2] / np.where(total, total, 1)[:, None]
            np.testing.assert_allclose(got["r"][bi, :, h], out, rtol=1e-4, atol=1e-5)
            with np.errstate(divide="ignore"):
                np.testing.assert_allclose(got["m"][bi, :, h], np.log(total), rtol=1e-4, atol=1e-5)


def check_assign(run, rng):
    batch, heads = int(rng.choice([0, 2])), int(rng.choice([0, 2]))
    n, c, w, d = int(rng.choice([1, 5, 40, 300])), int(rng.choice([1, 3, 9])), int(rng.choice([1, 4, 64])), int(rng.choice([3, 16, 20]))
    element, kind = [("f32", np.float32), ("f64", np.float64)][rng.integers(2)]
    lead, inner = ((batch,) if batch else ()), ((heads,) if heads else ())
    # Small integers: every sum is exact, so that ties are.
    x = rng.integers(-2, 3, lead + (n,) + inner + (d,)).astype(kind)
    mu = rng.integers(-2, 3, inner + (c, d)).astype(kind)
    x.reshape(max(batch, 1), n, -1)[:, rng.integers(n)] = 0
    cosine = bool(rng.integers(2))
    if cosine:
        x, mu = (rng.normal(size=a.shape).astype(kind) for a in (x, mu))
        x.reshape(max(batch, 1), n, -1)[:, rng.integers(n)] = 0
    if rng.integers(2):
        x[(0,) * (x.ndim - 1)] = np.nan
    outs = [tensor(x.shape[:-1], element), tensor(x.shape[:-1], "i32"), tensor(lead + inner + (c, w), element),
            tensor(lead + inner + (c, w), "i32"), tensor(x.shape[:-1] + (c,), "i32")]
    program = f"""func.func @f(%x: {tensor(x.shape, element)}, %mu: {tensor(mu.shape, element)}) -> ({", ".join(outs)}) {{
  %s, %i = seqc.assign %x to %mu{" cosine" * cosine}
  %t, %rows, %inv = seqc.assign %x to %mu{" cosine" * cosine} members({w})
  return %s, %i, %t, %rows, %inv : {", ".join(outs)}
}}"""
    got = run(program, {"x": x, "mu": mu}, "--check")
    again = run(program, {"x": x, "mu": mu}, threads=1)
    for name in got:
        assert got[name].tobytes() == again[name].tobytes(), f"{name} depends on the threads"
    batches, hs = max(batch, 1), max(heads, 1)
    xs, mus = x.reshape(batches, n, hs, d).astype(float), mu.reshape(hs, c, d).astype(float)
    s = np.einsum("bnhd,hcd->bnhc", xs, mus)
    if cosine:
        lengths = np.linalg.norm(xs, axis=-1)[..., None] * np.linalg.norm(mus, axis=-1)
        s = np.where(lengths == 0, 0, s / np.where(lengths == 0, 1, lengths))
    rank = np.where(np.isnan(s), np.inf, s)
    best = np.argmax(rank, -1)
    same(got["i"].reshape(batches, n, hs), best)
    tolerance = 1e-5 if element == "f32" else 1e-12
    np.testing.assert_allclose(got["s"].reshape(best.shape), np.take_along_axis(s, best[..., None], -1)[..., 0], rtol=tolerance, atol=tolerance)
    rows = np.full((batches, hs, c, w), -1)
    inverse = np.full((batches, n, hs, c), -1)
    for b in range(batches):
        for h in range(hs):
            for e in range(c):
                members = np.sort(np.argsort(-rank[b, :, h, e], kind="stable")[:w])
                rows[b, h, e, :len(members)] = (b * n + members) * hs + h
                inverse[b, members, h, e] = ((b * hs + h) * c + e) * w + np.arange(len(members))
                np.testing.assert_allclose(got["t"].reshape(rows.shape)[b, h, e, :len(members)], s[b, members, h, e], rtol=tolerance, atol=tolerance)
    same(got["rows"].reshape(rows.shape), rows)
    same(got["inv"].reshape(inverse.shape), inverse)


def check_special(run, rng):
    """One query is Aaren's last; one block that holds all keys is dense causal attention;
    long rows of scores, and 64 picks of 1024."""
    with open(os.path.join(ROOT, "docs/examples/aaren.mlir")) as f:
        aaren = f.read()
    k, v = (rng.normal(size=(2, 37, 3, 64)).astype(np.float32) for _ in "kv")
    q = rng.normal(size=(3, 64)).astype(np.float32)
    last = run(aaren, {"k": k, "v": v, "q": q})["o"][:, -1:]
    program = """func.func @f(%q: tensor<2x1x3x64xf32>, %k: tensor<2x37x3x64xf32>, %v: tensor<2x37x3x64xf32>) -> tensor<2x1x3x64xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%v) scale(1.0)
  return %o : tensor<2x1x3x64xf32>
}"""
    one = run(program, {"q": np.broadcast_to(q, (2, 1, 3, 64)).copy(), "k": k, "v": v}, "--check")["o"]
    np.testing.assert_allclose(one, last, rtol=2e-4, atol=2e-5)
    program = """func.func @f(%q: tensor<2x37x3x64xf32>, %k: tensor<2x37x3x64xf32>, %v: tensor<2x37x3x64xf32>)
    -> (tensor<2x37x3x64xf32>, tensor<2x37x3x64xf32>) {
  %zero = arith.constant dense<0> : tensor<2x37x1x1xi32>
  %o, %l = seqc.block_attention q(%q) k(%k) v(%v) causal
  %p, %m = seqc.block_attention q(%q) k(%k) v(%v) blocks(%zero) block(64) causal
  return %o, %p : tensor<2x37x3x64xf32>, tensor<2x37x3x64xf32>
}"""
    dense = run(program, {"q": k[::-1].copy(), "k": k, "v": v}, "--check")
    same(dense["o"], dense["p"])
    for e, picks in (1024, 64), (5000, 16):
        s = rng.integers(0, 400, (3, e)).astype(np.float32)
        program = f"""func.func @f(%s: tensor<3x{e}xf32>) -> tensor<3x{picks}xi32> {{
  %w, %i = seqc.topk {picks} of %s
  return %i : tensor<3x{picks}xi32>
}}"""
        same(run(program, {"s": s}, "--check")["i"], np.argsort(-s, axis=-1, kind="stable")[:, :picks])


def check_step(run, rng):
    """One token of MoBA and NSA over a cache is that row of all tokens; what is after it
    does not matter."""
    def gallery(name, inputs):
        with open(os.path.join(ROOT, f"docs/examples/{name}.mlir")) as f:
            return run(f.read(), inputs)["o"]

    at = np.array([int(rng.integers(16)), 16, 79], np.int32)
    q = rng.normal(size=(3, 80, 4, 32)).astype(np.float32)
    gates = {n: rng.random((3, 80, 4)).astype(np.float32) for n in ("gc", "gs", "gw")}
    for heads in (2,), ():
        k, v = (rng.normal(size=(3, 5, 16) + heads + (32,)).astype(np.float32) for _ in "kv")
        full = gallery("moba", {"q": q, "kb": k, "vb": v}) if heads else gallery("nsa", {"q": q, "k": k, "v": v, **gates})
        means = [x.mean(2) for x in (k, v)]
        sums = k.sum(2)
        for b, p in enumerate(at):
            for x in k, v:
                x.reshape((3, 80) + heads + (32,))[b, p + 1:] = np.nan
            for x in means:
                x[b, (p + 1) // 16:] = 0
            sums[b, p // 16:] = np.nan
        rows = (range(3), at)
        got = (gallery("moba-step", {"q": q[rows], "kb": k, "vb": v, "sums": sums, "p": at}) if heads else
               gallery("nsa-step", {"q": q[rows], "k": k, "v": v, "km": means[0], "vm": means[1], "p": at,
                                    **{n: g[rows] for n, g in gates.items()}}))
        np.testing.assert_allclose(got, full[rows], rtol=1e-4, atol=1e-5)


def check_bad(run, rng):
    """Indices beyond the range are named by the interpreter."""
    program = """func.func @f(%x: tensor<3xf32>, %i: tensor<3x1xi32>) -> tensor<3xf32> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(2) tokens(%x)
  return %p : tensor<3xf32>
}"""
    x = np.ones(3, np.float32)
    message = run(program, {"x": x, "i": np.array([[0], [2], [1]], np.int32)}, "--interpret=input", fails=True)
    assert "pick 2 of slot 1 is not one of 2 experts" in message, message
    # Compiled code takes no harm: nothing else moves.
    run(program, {"x": x, "i": np.array([[0], [1 << 30], [-7]], np.int32)})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    run = Runner(options.seqc)
    passed = failed = 0
    for check, count in [(check_topk, options.count), (check_dispatch, options.count),
                         (check_assign, options.count), (check_special, 1), (check_step, 1), (check_poison, 1), (check_attention, options.count), (check_bad, 1)]:
        for i in range(count):
            try:
                check(run, np.random.default_rng([options.seed, i]))
                passed += 1
            except Exception:
                failed += 1
                print(f"FAIL {check.__name__} {i}, seed {options.seed}\n{traceback.format_exc()[-1500:]}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
