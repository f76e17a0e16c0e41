"""Routed operators of docs/examples in float64 NumPy, written from the mathematics.

As in oracles.py: each function takes the example's inputs by name and returns its results
by name, and none of this knows anything of seqc.
"""

import numpy as np


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def largest(scores, k):
    """Indices of the k largest along the last axis, equal ones by index."""
    return np.argsort(-scores, axis=-1, kind="stable")[..., :k]


def gate(scores, k):
    """Indices and probabilities that sum to 1."""
    i = largest(scores, k)
    p = np.take_along_axis(softmax(scores), i, -1)
    return i, p / p.sum(-1, keepdims=True)


def topk(logits):
    i, w = gate(logits, 8)
    return {"w": w, "i": i.astype(np.int32)}


def permute(x, scores):
    w = softmax(np.take_along_axis(scores, largest(scores, 2), -1))
    return {"y": 0.5 * w.sum(-1, keepdims=True) * x}


def moe(x, router, w):
    i, p = gate(router, 2)
    y = np.zeros((len(x), w.shape[2]))
    taken = np.zeros(8, int)
    for n in range(len(x)):
        for j in range(2):
            expert = i[n, j]
            taken[expert] += 1
            if taken[expert] <= 24:
                y[n] += p[n, j] * (x[n] @ w[expert])
    return {"y": y}


def mom_gla(q, k, v, g, router, s0):
    i, w = gate(router, 2)
    s, y = s0.copy(), np.zeros_like(v)
    for n in range(len(q)):
        for memory, weight in [(i[n, 0], w[n, 0]), (i[n, 1], w[n, 1]), (4, 1.0)]:
            s[memory] = np.exp(g[n])[..., None] * s[memory] + k[n][..., None] * v[n][:, None, :]
            y[n] += weight * np.einsum("hk,hkv->hv", q[n], s[memory])
    return {"y": y, "sT": s}


def mom_gated_deltanet(q, k, v, g, beta, router):
    i, w = gate(router, 2)
    y = np.zeros_like(v)
    for b in range(len(q)):
        s = np.zeros((4, 2, 32, 32))
        for n in range(q.shape[1]):
            for memory, weight in zip(i[b, n], w[b, n]):
                kept = np.exp(g[b, n])[:, None, None] * s[memory]
                error = beta[b, n][:, None] * (v[b, n] - np.einsum("hkv,hk->hv", kept, k[b, n]))
                s[memory] = kept + k[b, n][..., None] * error[:, None, :]
                y[b, n] += weight * np.einsum("hk,hkv->hv", q[b, n], s[memory])
    return {"y": y}


def attend(q, k, v, seen):
    """q [t, d], k [s, d], v [s, e], seen [t, s]: outputs and log-sum-exp."""
    logits = np.where(seen, q @ k.T / np.sqrt(q.shape[-1]), -np.inf)
    top = np.where(seen.any(-1), logits.max(-1, initial=-np.inf), 0)
    e = np.exp(logits - top[:, None])
    total = e.sum(-1)
    some = total > 0
    with np.errstate(divide="ignore"):
        lse = np.where(some, top + np.log(total), -np.inf)
    return (e @ v) / np.where(some, total, 1)[:, None], lse


def attention(q, k, v, cu):
    o, lse = np.empty(q.shape), np.empty(q.shape[:2])
    for s in range(len(cu) - 1):
        part = slice(int(cu[s]), int(cu[s + 1]))
        n = part.stop - part.start
        for h in range(4):
            o[part, h], lse[part, h] = attend(q[part, h], k[part, h // 2], v[part, h // 2],
                                              np.tri(n, dtype=bool))
    return {"o": o, "lse": lse}


def moba(q, kb, vb):
    batch, t = q.shape[:2]
    k, v = (x.reshape(batch, -1, 2, 32) for x in (kb, vb))
    own = np.arange(t) // 16
    o = np.empty_like(q)
    for b in range(batch):
        for h in range(4):
            means = kb[b, :, :, h // 2].mean(1)
            score = q[b, :, h] @ means.T
            seen = np.zeros((t, k.shape[1]), bool)
            for i in range(t):
                for block in [own[i], *largest(score[i, :own[i]], 2)]:
                    seen[i, 16 * block:16 * block + 16] = True
            seen &= np.tri(t, k.shape[1], dtype=bool)
            o[b, :, h] = attend(q[b, :, h], k[b, :, h // 2], v[b, :, h // 2], seen)[0]
    return {"o": o}


def nsa(q, k, v, gc, gs, gw):
    batch, t = q.shape[:2]
    means, vmeans = k.mean(2), v.mean(2)
    blocks = k.shape[1]
    keys, values = k.reshape(batch, -1, 32), v.reshape(batch, -1, 32)
    position, key = np.arange(t)[:, None], np.arange(keys.shape[1])[None]
    complete = np.arange(blocks)[None] < (position + 1) // 16
    o = np.empty_like(q)
    for b in range(batch):
        p = np.zeros((4, t, blocks))
        for h in range(4):
            with np.errstate(all="ignore"):
                e = np.where(complete, np.exp(q[b, :, h] @ means[b].T / np.sqrt(32)), 0)
            p[h] = e / np.maximum(e.sum(-1, keepdims=True), 1e-300)
        importance = p.sum(0)
        chosen = np.zeros((t, blocks), bool)
        for i in range(t):
            chosen[i, i // 16] = True
            chosen[i, largest(importance[i, :i // 16], 2)] = True
        causal = key <= position
        for h in range(4):
            selected = attend(q[b, :, h], keys[b], values[b], causal & np.repeat(chosen, 16, axis=1))[0]
            near = attend(q[b, :, h], keys[b], values[b], causal & (position - key < 24))[0]
            o[b, :, h] = (gc[b, :, h, None] * (p[h] @ vmeans[b]) + gs[b, :, h, None] * selected
                          + gw[b, :, h, None] * near)
    return {"o": o}


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def routing_transformer(x, v, mu):
    batch, t, heads = x.shape[:3]
    k = unit(x)
    y = np.zeros_like(v)
    for b in range(batch):
        for h in range(heads):
            times = np.zeros(t)
            for c in range(4):
                members = np.sort(largest(k[b, :, h] @ unit(mu[h, c]), 16))
                n = len(members)
                logits = k[b, members, h] @ k[b, members, h].T / np.sqrt(32)
                logits[np.eye(n, dtype=bool)] = -5e4
                logits[~np.tri(n, dtype=bool)] = -np.inf
                y[b, members, h] += softmax(logits) @ v[b, members, h]
                times[members] += 1
            y[b, :, h] /= np.maximum(times, 1)[:, None]
    return {"y": y}


def centroid_update(x, mu):
    x = unit(x)
    nearest = np.argmax(x @ unit(mu).T, axis=-1)
    new = mu.copy()
    for c in range(len(mu)):
        if (nearest == c).any():
            new[c] = 0.999 * mu[c] + 0.001 * unit(x[nearest == c].sum(0))
    return {"new": new}


def seqboat(x, q, k, v, u, a, w):
    y = np.zeros_like(v)
    for b in range(len(x)):
        h, active = np.zeros(32), []
        for n in range(x.shape[1]):
            h = a * h + x[b, n]
            if h @ w > 0:
                active = (active + [n])[-8:]
                for head in range(2):
                    o, _ = attend(q[b, n:n + 1, head], k[b, active, head], v[b, active, head],
                                  np.ones((1, len(active)), bool))
                    y[b, n, head] = u[b, n, head] * o[0] / (1 + np.exp(-h @ w))
    return {"gated": y}


def combiner(q, k, v):
    batch, blocks = q.shape[:2]
    o = np.empty_like(q)
    for b in range(batch):
        for h in range(2):
            inner = softmax(np.einsum("nd,nid->ni", q[b, :, :, h].mean(1), k[b, :, :, h]) / np.sqrt(32))
            means, vmeans = k[b, :, :, h].mean(1), np.einsum("ni,nid->nd", inner, v[b, :, :, h])
            for n in range(blocks):
                for i in range(16):
                    keys = np.concatenate([k[b, n, :i + 1, h], means[:n]])
                    values = np.concatenate([v[b, n, :i + 1, h], vmeans[:n]])
                    o[b, n, i, h] = softmax(keys @ q[b, n, i, h] / np.sqrt(32)) @ values
    return {"o": o}


def longvq(q, k, v, codes, a):
    code = np.argmax(k @ unit(codes).T, axis=-1)
    y = np.empty_like(v)
    for b in range(len(q)):
        h = np.zeros(32)
        for t in range(q.shape[1]):
            h = a * h + (1 - a) * v[b, t]
            p = softmax(codes[code[b, :t + 1]] @ q[b, t] / 4)   # every key is its code
            y[b, t] = p @ v[b, :t + 1] / (1 + np.exp(-h))
    return {"y": y}


def music_transformer(q, k, v, e):
    batch, t = q.shape[:2]
    rows = np.zeros((t, 2, 16))                     # of all distances
    rows[max(0, t - 40):] = e[max(0, 40 - t):]
    o = np.empty_like(q)
    for b in range(batch):
        for h in range(2):
            qe = q[b, :, h] @ rows[:, h].T
            skewed = np.pad(qe, ((0, 0), (1, 0))).reshape(t + 1, t)[1:]
            logits = np.where(np.tri(t, dtype=bool), (q[b, :, h] @ k[b, :, h].T + skewed) / 4, -np.inf)
            o[b, :, h] = softmax(logits) @ v[b, :, h]
    return {"o": o}


def moba_step(q, kb, vb, sums, p):
    o = np.empty_like(q)
    for b in range(len(q)):
        own = p[b] // 16
        for h in range(4):
            blocks = [own, *largest(sums[b, :own, h // 2] @ q[b, h], 2)]
            keys = [16 * n + i for n in blocks for i in range(16) if 16 * n + i <= p[b]]
            k, v = (x[b, :, :, h // 2].reshape(-1, 32)[keys] for x in (kb, vb))
            o[b, h] = attend(q[b, h][None], k, v, np.ones((1, len(keys)), bool))[0][0]
    return {"o": o}


def nsa_step(q, k, v, km, vm, gc, gs, gw, p):
    o = np.empty_like(q)
    for b in range(len(q)):
        own, complete = p[b] // 16, (p[b] + 1) // 16
        prob = softmax(q[b] @ km[b, :complete].T / np.sqrt(32))
        chosen = [own, *largest(prob.sum(0)[:own], 2)]
        selected = [16 * n + i for n in chosen for i in range(16) if 16 * n + i <= p[b]]
        near = range(max(0, p[b] - 23), p[b] + 1)
        keys, values = k[b].reshape(-1, 32), v[b].reshape(-1, 32)
        for h in range(4):
            o[b, h] = gc[b, h] * (prob[h] @ vm[b, :complete])
            for gate, part in (gs, list(selected)), (gw, list(near)):
                o[b, h] += gate[b, h] * attend(q[b, h][None], keys[part], values[part], np.ones((1, len(part)), bool))[0][0]
    return {"o": o}
