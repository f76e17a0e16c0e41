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
