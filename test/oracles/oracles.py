"""The operators of docs/examples in float64 NumPy, written from the mathematics.

Each function takes the example's inputs by name and returns its results by name.
Arrays are [batch, time, heads, features] unless the example says otherwise.  None of
this knows anything of seqc.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def steps(t, reverse=False):
    return range(t - 1, -1, -1) if reverse else range(t)


# Prefix scans ------------------------------------------------------------------


def cumsum(x):
    return {"y": np.cumsum(x, axis=1)}


def running_max(x):
    return {"y": np.maximum.accumulate(x, axis=1)}


def argmax(x, i):
    m = np.maximum.accumulate(x, axis=1)
    at = np.array([[np.argmax(row[: t + 1]) for t in range(len(row))] for row in x])
    return {"m": m, "at": i[at]}


def logsumexp(x):
    return {"y": np.logaddexp.accumulate(x, axis=1)}


def matmul_scan(a, b, c, d):
    m = np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], -2)
    p = np.empty_like(m)
    p[:, 0] = m[:, 0]
    for t in range(1, m.shape[1]):
        p[:, t] = m[:, t] @ p[:, t - 1]
    return {"p": p[..., 0, 0], "q": p[..., 0, 1], "r": p[..., 1, 0], "s": p[..., 1, 1]}


# Elementwise recurrences ---------------------------------------------------------


def affine(a, x, h, axis=1):
    out = np.empty_like(x)
    for t in range(x.shape[axis]):
        at = (slice(None),) * axis + (t,)
        h = a[at] * h + x[at]
        out[at] = h
    return out, h


def affine_scan(a, x, h0):
    h, hT = affine(a, x, h0)
    return {"h": h, "hT": hT}


def hgrn(i, g, h0):
    f = np.exp(g)
    h, hT = affine(f, (1 - f) * silu(i), h0)
    return {"h": h, "hT": hT}


def hgrn_packed(i, g, cu, h0):
    f = np.exp(g)
    x = (1 - f) * silu(i)
    h, hT = np.empty_like(x), h0.copy()
    for s in range(len(cu) - 1):
        for t in steps(int(cu[s + 1] - cu[s]), reverse=True):
            t += int(cu[s])
            hT[s] = f[t] * hT[s] + x[t]
            h[t] = hT[s]
    return {"h": h, "hT": hT}


def mingru(zx, x, h0):
    z = sigmoid(zx)
    h, hT = affine(1 - z, z * x, h0)
    return {"h": h, "hT": hT}


def rg_lru(r, i, x, **rest):
    loga = -8 * np.log1p(np.exp(rest["lambda"])) * r
    h, hT = affine(np.exp(loga), np.sqrt(-np.expm1(2 * loga)) * i * x, rest["h0"])
    return {"h": h, "hT": hT}


def s4d(u, dt, A, B, C, D, h0):
    a = np.exp(dt[:, None] * A)
    h, y = h0, np.empty_like(u)
    for t in range(u.shape[1]):
        h = a * h + B * u[:, t, :, None]
        y[:, t] = (C * h).sum(-1) + D * u[:, t]
    return {"y": y, "hT": h}


def s5(xr, xi, done, ar, ai, hr0, hi0):
    a, x, h = ar + 1j * ai, xr + 1j * xi, hr0 + 1j * hi0
    y = np.empty_like(x)
    for t in range(x.shape[0]):
        h = np.where(done[t][:, None] != 0, 0, h)
        h = a * h + x[t]
        y[t] = h
    return {"yr": y.real, "yi": y.imag, "hr": h.real, "hi": h.imag}


def lmu(u, A, B, m0):
    m, out = m0, np.empty(u.shape + (len(B),))
    for t in range(u.shape[1]):
        m = m @ A.T + B * u[:, t, None]
        out[:, t] = m
    return {"m": out, "mT": m}


def mamba1(u, delta, A, B, C, D, h0):
    h, y = h0, np.empty_like(u)
    for t in range(u.shape[1]):
        dt = delta[:, t, :, None]
        h = np.exp(dt * A) * h + dt * B[:, t, None, :] * u[:, t, :, None]
        y[:, t] = np.einsum("bn,bdn->bd", C[:, t], h) + D * u[:, t]
    return {"y": y, "hT": h}


def biquad(x, b0, b1, b2, a1, a2):
    y = np.empty_like(x)
    for row, out in zip(x, y):
        for t in range(len(row)):
            past = lambda s, k: s[t - k] if t >= k else 0.0
            out[t] = (b0 * row[t] + b1 * past(row, 1) + b2 * past(row, 2)
                      - a1 * past(out, 1) - a2 * past(out, 2))
    return {"y": y}


# Linear attention ------------------------------------------------------------------


def attend(q, k, v, decay, s):
    """decay(t) scales the state; returns outputs and the last state."""
    out = np.empty(v.shape)
    for t in range(v.shape[1]):
        s = decay(t) * s + k[:, t, :, :, None] * v[:, t, :, None, :]
        out[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], s)
    return out, s


def retnet(q, k, v, g, s0):
    o, s = attend(q, k, v, lambda t: np.exp(g)[:, None, None], s0)
    return {"o": o, "sT": s}


def bidirectional_retention(q, k, v, g):
    t = q.shape[1]
    c = np.concatenate([np.zeros_like(g[:, :1]), np.cumsum(g, axis=1)], axis=1)
    i, j = np.arange(t)[:, None], np.arange(t)[None]
    # Decays of the tokens after j up to i, or from i up to the one before j.
    ahead = c[:, 1 + i] - c[:, 1 + j]
    behind = c[:, j] - c[:, i]
    decay = np.exp(np.where((j <= i)[..., None], ahead, behind))
    return {"o": np.einsum("bihk,bjhk,bijh,bjhv->bihv", q, k, decay, v)}


def linear_attention(q, k, v):
    b, t, h, _ = q.shape
    scores = np.einsum("bihk,bjhk->bhij", q, k) * np.tril(np.ones((t, t)))
    o = np.einsum("bhij,bjhv->bihv", scores / scores.sum(-1, keepdims=True), v)
    return {"o": o, "sT": np.einsum("bthk,bthv->bhkv", k, v), "zT": k.sum(1)}


def simple_gla(q, k, v, g, s0):
    q, k = np.repeat(q, 2, axis=2), np.repeat(k, 2, axis=2)
    o, s = attend(q, k, v, lambda t: np.exp(g[:, t])[:, :, None, None], s0)
    return {"o": o, "sT": s}


def gla(q, k, v, g, s0):
    o, s = attend(q, k, v, lambda t: np.exp(g[:, t])[..., None], s0)
    return {"o": o, "sT": s}


gla_f64 = gla


def gla_packed(q, k, v, g, cu, s0):
    o, sT = np.empty_like(v), s0.copy()
    for s in range(len(cu) - 1):
        part = slice(int(cu[s]), int(cu[s + 1]))
        one = gla(q[None, part], k[None, part], v[None, part], g[None, part], s0[None, s])
        o[part], sT[s] = one["o"][0], one["sT"][0]
    return {"o": o, "sT": sT}


def rwkv6(r, k, v, w, u, s0):
    s, o = s0, np.empty_like(v)
    for t in range(v.shape[1]):
        kv = k[:, t, :, :, None] * v[:, t, :, None, :]
        o[:, t] = np.einsum("bhk,bhkv->bhv", r[:, t], s + u[:, :, None] * kv)
        s = np.exp(w[:, t])[..., None] * s + kv
    return {"o": o, "sT": s}


def lightnet(q, k, v):
    # Softmax over time, directly.
    z = np.logaddexp.accumulate(k, axis=1)
    o = np.empty_like(v)
    for t in range(v.shape[1]):
        p = np.exp(k[:, : t + 1] - z[:, t : t + 1])
        s = np.einsum("bjhk,bjhv->bhkv", p, v[:, : t + 1])
        o[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], s)
    return {"o": o, "zT": z[:, -1], "sT": s}


def aaren(k, v, q):
    scores = np.einsum("hk,bthk->bth", q, k)
    o = np.empty_like(v)
    for t in range(v.shape[1]):
        p = np.exp(scores[:, : t + 1] - scores[:, : t + 1].max(1, keepdims=True))
        o[:, t] = np.einsum("bjh,bjhv->bhv", p / p.sum(1, keepdims=True), v[:, : t + 1])
    return {"o": o}


def gsa(q, k, v, g, hk0, hv0):
    hk, hv, o = hk0, hv0, np.empty_like(v)
    for t in range(v.shape[1]):
        a = np.exp(g[:, t])
        s = 1 - a
        hk = hk * a[:, :, None, :] + k[:, t, :, :, None] * s[:, :, None, :]
        z = np.einsum("bhk,bhkm->bhm", q[:, t], hk)
        p = np.exp(z - z.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        hv = a[..., None] * hv + s[..., None] * v[:, t, :, None, :]
        o[:, t] = np.einsum("bhm,bhmv->bhv", p, hv)
    return {"o": o, "hkT": hk, "hvT": hv}


# Delta rules -----------------------------------------------------------------------


def householder(s, k, v, beta):
    """(I - beta k k^T) s + beta k v^T, with explicit matrices."""
    eye = np.eye(k.shape[-1])
    m = eye - beta[..., None, None] * k[..., :, None] * k[..., None, :]
    return m @ s + beta[..., None, None] * k[..., :, None] * v[..., None, :]


def delta(q, k, v, beta, decay, s):
    o = np.empty(v.shape)
    for t in range(v.shape[1]):
        s = householder(decay(t) * s, k[:, t], v[:, t], beta[:, t])
        o[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], s)
    return {"o": o, "sT": s}


def deltanet(q, k, v, beta, s0):
    return delta(q, k, v, beta, lambda t: 1.0, s0)


def gated_deltanet(q, k, v, g, beta, s0):
    q, k = np.repeat(q, 2, axis=2), np.repeat(k, 2, axis=2)
    return delta(q, k, v, beta, lambda t: np.exp(g[:, t])[..., None, None], s0)


def kda(q, k, v, g, beta, s0):
    return delta(q, k, v, beta, lambda t: np.exp(g[:, t])[..., None], s0)


def delta_product(q, k, v, beta, g, s0):
    s, o = s0, np.empty(q.shape)
    for t in range(q.shape[1]):
        s = np.exp(g[:, t])[..., None, None] * s
        for j in range(2):
            s = householder(s, k[:, t, :, j], v[:, t, :, j], beta[:, t, :, j])
        o[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], s)
    return {"o": o, "sT": s}


def rwkv7(r, k, v, kappa, w, rate, s0):
    s, o = s0, np.empty_like(v)
    for t in range(v.shape[1]):
        kap = kappa[:, t]
        m = np.exp(w[:, t])[..., None] * np.eye(kap.shape[-1])
        m = m - (kap * rate[:, t])[..., :, None] * kap[..., None, :]
        s = m @ s + k[:, t, :, :, None] * v[:, t, :, None, :]
        o[:, t] = np.einsum("bhk,bhkv->bhv", r[:, t], s)
    return {"o": o, "sT": s}


# Max-states and test-time gradients ----------------------------------------------------


def mlstm(q, k, v, i, lf, c0, n0, m0):
    # Unstabilised: C = e^m c and so on, for states that start at zero.
    c, n = np.exp(m0)[..., None, None] * c0, np.exp(m0)[..., None] * n0
    m, h = m0, np.empty(v.shape)
    for t in range(v.shape[1]):
        f, g = np.exp(lf[:, t]), np.exp(i[:, t])
        c = f[..., None, None] * c + (g[..., None] * k[:, t])[..., None] * v[:, t, :, None, :]
        n = f[..., None] * n + g[..., None] * k[:, t]
        m = np.maximum(lf[:, t] + m, i[:, t])
        den = np.abs(np.einsum("bhk,bhk->bh", q[:, t], n))
        # max(|den| e^-m, e^-m) in the scaled state is max(|den|, 1) here.
        h[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], c) / np.maximum(den, 1)[..., None]
    return {"h": h, "cT": c * np.exp(-m)[..., None, None], "nT": n * np.exp(-m)[..., None], "mT": m}


def titans(q, k, v, alpha, eta, theta, m0, z0, inner=1):
    m, z, o = m0, z0, np.empty_like(v)
    for t in range(v.shape[1]):
        if t % inner == 0:
            frozen = m
        error = np.einsum("bhk,bhkv->bhv", k[:, t], frozen) - v[:, t]
        gradient = 2 * k[:, t, :, :, None] * error[:, :, None, :]
        z = eta[:, t, :, None, None] * z - theta[:, t, :, None, None] * gradient
        m = (1 - alpha[:, t, :, None, None]) * m + z
        o[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], m)
    return {"o": o, "mT": m, "zT": z}


def titans_chunked(**inputs):
    return titans(**inputs, inner=16)


# Non-linear cells --------------------------------------------------------------------


def elman(x, R, h0):
    h, out = h0, np.empty_like(x)
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] + h @ R.T)
        out[:, t] = h
    return {"h": out, "hT": h}


def gru(x, R, c, h0):
    h, out = h0, np.empty(x.shape[:2] + h0.shape[1:])
    for t in range(x.shape[1]):
        r = sigmoid(x[:, t, 0] + h @ R[0].T)
        z = sigmoid(x[:, t, 1] + h @ R[1].T)
        n = np.tanh(x[:, t, 2] + r * (h @ R[2].T + c))
        h = z * h + (1 - z) * n
        out[:, t] = h
    return {"h": out, "hT": h}


def lstm(x, R, h0, c0):
    h, c, out = h0, c0, np.empty(x.shape[:2] + h0.shape[1:])
    for t in range(x.shape[1]):
        i, f, z, o = (x[:, t, j] + h @ R[j].T for j in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
        h = sigmoid(o) * np.tanh(c)
        out[:, t] = h
    return {"h": out, "hT": h, "cT": c}


def lstm_heads(x, R, h0, c0):
    h, c, out = h0, c0, np.empty(x.shape[:3] + h0.shape[2:])
    for t in range(x.shape[1]):
        i, f, z, o = (x[:, t, :, j] + np.einsum("hde,bhe->bhd", R[:, j], h) for j in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
        h = sigmoid(o) * np.tanh(c)
        out[:, t] = h
    return {"h": out, "hT": h, "cT": c}


def slstm(x, R, h0, c0, n0, m0):
    h, c, n, m = h0, c0, n0, m0
    out = np.empty(x.shape[:3] + h0.shape[2:])
    for t in range(x.shape[1]):
        i, f, z, o = (x[:, t, :, j] + np.einsum("hde,bhe->bhd", R[:, j], h) for j in range(4))
        lf = -np.logaddexp(0, -f)
        new = np.where(n == 0, i, np.maximum(i, lf + m))
        ig, fg = np.exp(i - new), np.exp(lf + m - new)
        c = fg * c + ig * np.tanh(z)
        n = np.maximum(fg * n + ig, 1)
        m = new
        h = sigmoid(o) * c / n
        out[:, t] = h
    return {"h": out, "hT": h, "cT": c, "nT": n, "mT": m}
