"""Random steps of known class, and programs around them, for the tests of forms."""


class Step:
    """The text of one step, value by value."""

    def __init__(self, rng):
        self.rng = rng
        self.lines = []
        self.count = 0
        self.seq = []      # (name, slice, draw)
        self.weights = []

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

    def respelled(self, value, type_):
        """The same value, now and then by way of another one: wider, scaled or transposed."""
        kind = self.rng.randrange(12)
        if kind == 0:
            wide = type_.replace("f32", "f64")
            value = self.op(f"arith.extf {value} : {type_} to {wide}")
            return self.op(f"arith.truncf {value} : {wide} to {type_}")
        if kind == 1:
            for factor in self.rng.choice([("2.0", "0.5"), ("0.25", "4.0"), ("-1.0", "-1.0")]):
                factor = f"dense<{factor}>" if "tensor" in type_ else factor
                value = self.binary("arith.mulf", value, self.op(f"arith.constant {factor} : {type_}"), type_)
        if kind == 2 and type_.count("x") == 2:
            return self.einsum("vk->kv", self.einsum("kv->vk", value))
        if kind == 3:
            return self.unary("arith.negf", self.unary("arith.negf", value, type_), type_)
        return value


class Program:
    """A step with its carries [(name, type, next)], outputs [(value, type)], the forms that
    it has beside the sequential one, and the elements of a state."""

    def __init__(self, step, carries, outs, forms, elements, restarts=False):
        self.step, self.carries, self.outs, self.forms, self.elements = step, carries, outs, forms, elements
        self.restarts = restarts  # may start anew from given values


def matrix_step(rng):
    """One state [K, V]: gates, low-rank corrections, writes and reads in several spellings."""
    sizes = [1, 3, 5, 8] if rng.random() < 0.9 else [1, 3, 60, 100, 128]
    key, value = rng.choice(sizes), rng.choice(sizes)
    kt, vt, st = f"tensor<{key}xf32>", f"tensor<{value}xf32>", f"tensor<{key}x{value}xf32>"
    s = Step(rng)
    gate_draw = rng.choice(["logsigmoid", "logsigmoid", "uniform(-50,0)", "uniform(-0.001,0)", "constant(0)",
                            "constant(-50)", "constant(-10000)"])
    kind = rng.choice(["none", "scalar", "rows", "columns", "fixed", "both", "scalar-rows"])
    pairs = rng.choice([0, 0, 1, 1, 2])
    dense = 1 < key < 60 and rng.random() < 0.12  # one matrix for all tokens
    if dense:
        kind, pairs = "none", 0
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
        gates.append(("k", s.unary("math.exp", s.operand(kt, "uniform(-9,0)", True), kt)))
    if kind == "fixed" and not pairs and rng.random() < 0.3:
        gates.append(("v", s.unary("math.exp", s.operand(vt, "uniform(-2,0)", True), vt)))
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
    kept = s.respelled(state if late else decay(state), st)
    if dense:
        a = s.operand(f"tensor<{key}x{key}xf32>", f"normal({0.5 / key ** 0.5:.3f})", True)
        kept = rng.choice([lambda: s.einsum("ij,jv->iv", a, kept), lambda: s.einsum("jv,ji->iv", kept, a)])()
    total = kept
    for p in range(pairs):
        right = s.operand(kt, "unit")
        tied = rng.random() < 0.6
        left = right if tied else s.operand(kt, "unit")
        beta = s.operand("f32", "uniform(0,1)")
        if rng.random() < 0.1:  # a correction that no token changes
            right = s.operand(kt, "unit", True)
            left = right if tied else s.operand(kt, "unit", True)
            beta = s.operand("f32", "uniform(0,1)", True)
        source = kept if rng.random() < 0.7 else state
        if rng.random() < 0.5:  # k beta (v - S^T k)
            read = s.einsum("k,kv->v", right, source)
            v = s.operand(vt, "normal")
            diff = s.binary("arith.subf", v, read, vt)
            if rng.random() < 0.5:
                update = s.einsum(",k,v->kv", beta, left, diff)
            else:
                update = s.einsum("v,k->kv", s.einsum("v,->v", diff, beta), left)
            total = s.binary("arith.addf", total, s.respelled(update, st), st)
        else:  # - beta k k^T S
            scaled = s.einsum(",k->k", beta, left)
            read = s.einsum("kv,k->v", source, right)
            update = s.einsum("k,v->kv", scaled, read)
            total = s.binary("arith.subf", total, update, st)
    writes = []
    for w in range(rng.choice([1, 1, 2])):
        same = rng.random() < 0.15  # the same at every token
        k, v = s.operand(kt, "normal(0.3)", rng.random() < 0.15 or same), s.operand(vt, "normal", same)
        k = s.respelled(k, kt)
        if rng.random() < 0.3:
            k = s.unary("math.tanh", k, kt)
        if rng.random() < 0.4:
            beta = s.operand("f32", "sigmoid", same)
            kv = s.einsum(",k,v->kv", beta, k, v)
            writes.append((beta, k))
        else:
            writes.append((None, k))
            kv = s.einsum("v,k->kv", v, k)
        total = s.binary("arith.addf", total, kv, st) if rng.random() < 0.5 else \
            s.binary("arith.addf", kv, total, st)
    nxt = s.respelled(decay(total) if late else total, st)
    # A vector that decays and is written as the state is: a normaliser.
    column = None
    if key > 1 and not late and not dense and all(letters != "v" for letters, _ in gates) and rng.random() < 0.4:
        n = "%n"
        for letters, gate in gates:
            n = s.einsum(f"{letters},k->k", gate, n)
        beta, k = rng.choice(writes)
        k = s.einsum(",k->k", beta, k) if beta else s.einsum("k->k", k)
        column = s.binary("arith.addf", n, k, kt)
    outs = []
    for r in range(rng.choice([1, 1, 2])):
        source = rng.choice([state, nxt])
        if rng.random() < 0.75:
            q, equation, type_ = s.operand(kt, "normal(0.3)"), "k,kv->v", vt
        else:
            q, equation, type_ = s.operand(vt, "normal(0.3)"), "v,kv->k", kt
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
        if column and equation == "k,kv->v" and rng.random() < 0.7:
            den = s.einsum("k,k->", q, rng.choice(["%n", column]))
            divide = rng.random() < 0.5
            if divide:  # a guarded division
                one = s.op("arith.constant 1.0 : f32")
                den = s.binary("arith.maximumf", s.unary("math.absf", den, "f32"), one, "f32")
            full = s.op(f"tensor.splat {den} : {type_}")
            y = s.binary("arith.divf" if divide else "arith.mulf", y, full, type_)
        outs.append((y, type_))
    # A correction of one row is a gate that is a difference, of any sign.
    chunkable = not pairs or (kind != "both" and key > 1)
    carries = [("%s", st, nxt)] + ([("%n", kt, column)] if column else [])
    return Program(s, carries, outs, ["chunked"] if chunkable else [], key * value)


def vector_step(rng):
    """States of one number or a short vector, affine over one of the three semirings."""
    s = Step(rng)
    kind = rng.choice(["diagonal", "cascade", "coupled", "complex", "dense", "reflection", "momentum", "max", "logsumexp", "bonus"])
    n = rng.choice([2, 3, 4]) if kind in ("dense", "reflection") else rng.choice([0, 0, 1, 3, 7])
    constant = rng.random() < 0.4  # the transition is the same at every token
    scans = True
    if kind == "dense" and constant and rng.random() < 0.4:
        n, scans = rng.choice([9, 12]), False  # too large for the elements of a scan
    type_ = f"tensor<{n}xf32>" if n else "f32"

    def add(a, b):
        total = s.binary("arith.addf", *((a, b) if rng.random() < 0.5 else (b, a)), type_)
        return s.respelled(total, type_)

    def mul(a, b):
        return s.binary("arith.mulf", *((a, b) if rng.random() < 0.5 else (b, a)), type_)

    def gate():
        draw = rng.choice(["logsigmoid", "uniform(-50,0)", "constant(0)", "constant(-50)", "constant(-10000)"])
        return s.unary("math.exp", s.operand(type_, draw), type_)

    def factor(weight=False):
        return s.operand(type_, "uniform(-0.6,0.6)", weight)

    x = s.operand(type_, "normal")
    h, g = "%h0", "%h1"
    if kind == "diagonal":
        nexts = [add(mul(factor(True) if constant else rng.choice([gate, factor])(), h), x)]
    elif kind == "cascade":  # the second memory reads the first
        first = add(mul(gate(), h), x)
        nexts = [first, add(mul(factor(), g), mul(s.operand(type_, "normal"), rng.choice([h, first])))]
    elif kind == "coupled":
        weight = constant
        nexts = [add(add(mul(factor(weight), h), mul(factor(weight), g)), x),
                 add(mul(factor(weight), h), mul(factor(weight), g))]
    elif kind == "complex":
        weight = constant
        a, b = factor(weight), factor(weight)
        nexts = [add(s.binary("arith.subf", mul(a, h), mul(b, g), type_), x), add(mul(b, h), mul(a, g))]
    elif kind == "dense":
        matrix = s.operand(f"tensor<{n}x{n}xf32>", f"uniform({-1.6 / n:.2f},{1.6 / n:.2f})", constant)
        nexts = [add(s.einsum("ij,j->i", matrix, h) if rng.random() < 0.5 else s.einsum("i,ji->j", h, matrix), x)]
    elif kind == "reflection":  # (I - beta k k^T) a h + x
        key, beta = s.operand(type_, "unit"), s.operand("f32", "uniform(0,2)")
        kept = mul(gate(), h)
        back = s.einsum(",i->i", beta, s.einsum(",i->i", s.einsum("i,i->", key, kept), key))
        nexts = [add(s.binary("arith.subf", kept, back, type_), x)]
    elif kind == "momentum":
        eta = factor(True) if constant else s.operand(type_, "sigmoid")
        speed = s.binary("arith.subf", mul(eta, h), mul(s.operand(type_, "sigmoid(0.2)"), x), type_)
        nexts = [speed, add(mul(factor(True) if constant else gate(), g), speed)]
    elif kind == "max":
        kept = add(s.operand(type_, "logsigmoid"), h)
        nexts = [s.binary("arith.maximumf", *rng.choice([(kept, x), (x, kept)]), type_)]
    elif kind == "logsumexp":
        kept = add(s.operand(type_, "logsigmoid"), h) if rng.random() < 0.6 else h
        top = s.binary("arith.maximumf", kept, x, type_)
        parts = [s.unary("math.exp", s.binary("arith.subf", part, top, type_), type_) for part in (kept, x)]
        nexts = [add(top, s.unary("math.log", add(*parts), type_))]
    else:  # bonus: what is read sees this token's input otherwise than the state does
        nexts = [add(mul(gate(), h), x)]
        g = add(h, mul(s.operand(type_, "normal", True), x))
    carries = [(f"%h{i}", type_, value) for i, value in enumerate(nexts)]
    outs = [(g if kind == "bonus" else rng.choice(nexts + [h]), type_)]
    if rng.random() < 0.4:
        y = mul(outs[0][0], s.operand(type_, "normal"))
        outs = [(s.unary("math.tanh", y, type_), type_)]
    fixed = constant and kind in ("diagonal", "coupled", "complex", "dense", "momentum")
    if fixed and n and rng.random() < 0.3:  # a number read from the state
        outs.append((s.einsum("i,i->", s.operand(type_, "normal", rng.random() < 0.5), rng.choice([h, nexts[0]])), "f32"))
    return Program(s, carries, outs, ["scan"] * scans + ["chunked"] * fixed, n or 1, True)


def program(rng):
    """A module's text, --bind, a chunk length and the forms that it has."""
    p = (matrix_step if rng.random() < 0.7 else vector_step)(rng)
    s, outs = p.step, p.outs
    packed = rng.random() < 0.3
    resets = not packed and rng.random() < 0.3
    axes = ["t", "h"] if packed else rng.choice([["b", "t", "h"], ["t", "b"], ["t"], ["b", "t"]])
    states = ["s" if a == "t" else a for a in axes if a != "t" or packed]
    dims = lambda n: "?x" * n
    arguments, clauses = [], []

    def tensor(slice_, count, element="f32"):
        inner = slice_[len("tensor<"):-1] if slice_.startswith("tensor") else slice_
        return f"tensor<{dims(count)}{inner[:-len('f32')]}{element}>"

    # What tokens bring may be stored narrower than the step computes; gates are not.
    narrow = rng.choice(["f32", "f32", "bf16", "f16"])

    maps = []
    for i, (name, slice_, draw) in enumerate(s.seq):
        own = axes
        # Some operands lack an axis: they are the same along it.
        if i and len(axes) > 1 and rng.random() < 0.2:
            own = [a for a in axes if a == "t" or rng.random() < 0.5]
        element = narrow if draw.startswith(("normal", "unit")) else "f32"
        arguments.append(f'{name}: {tensor(slice_, len(own), element)} {{seqc.draw = "{draw}"}}')
        maps.append(f'{name} : ({", ".join(own)})')
    clauses.append(f'seq({", ".join(maps)})')
    heads = [a for a in axes if a in ("h", "b")][-1:]
    if s.weights:
        ws = []
        for name, slice_, draw in s.weights:
            arguments.append(f'{name}: {tensor(slice_, len(heads))} {{seqc.draw = "{draw}"}}')
            ws.append(f'{name} : ({", ".join(heads)})')
        clauses.append(f'weight({", ".join(ws)})')
    for name, type_, _ in p.carries:
        arguments.append(f'{name}0: {tensor(type_, len(states))}')
    clauses.append(f'carry({", ".join(name + "0" for name, _, _ in p.carries)} : ({", ".join(states)}))')
    if packed:
        arguments.append("%cu: tensor<?xi32>")
        clauses.append("segments(%cu : (s))")
    if resets:
        flags = [a for a in axes if a in ("b", "t")]
        arguments.append(f'%f: tensor<{dims(len(flags))}i8> {{seqc.draw = "flags(0.2)"}}')
        again = f'resets(%f : ({", ".join(flags)}))'
        if p.restarts and rng.random() < 0.4:
            # What a flagged token starts from.
            for name, type_, _ in p.carries:
                arguments.append(f'{name}r: {tensor(type_, len(heads))}')
            again = f'restart({", ".join(name + "r" for name, _, _ in p.carries)} : ({", ".join(heads)})) ' + again
        clauses.append(again)
    if rng.random() < 0.3:
        clauses.append("reverse")
    block = [f"{n}t: {t}" for n, t, _ in s.seq] + [f"{n}t: {t}" for n, t, _ in s.weights] + [f"{n}: {t}" for n, t, _ in p.carries]
    results = [tensor(t, len(axes)) for _, t in outs] + [tensor(t, len(states)) for _, t, _ in p.carries]
    names = [f"%y{i}" for i in range(len(outs))] + [f"{n}T" for n, _, _ in p.carries]
    text = (f"func.func @f({', '.join(arguments)}) -> ({', '.join(results)}) {{\n"
            f"  {', '.join(names)} = seqc.recurrence {' '.join(clauses)} {{\n  ^step({', '.join(block)}):\n"
            + "\n".join(s.lines)
            + f"\n    seqc.yield out({', '.join(y for y, _ in outs)}) carry({', '.join(n for _, _, n in p.carries)})\n  }}\n"
            f"  return {', '.join(names)} : {', '.join(results)}\n}}\n")
    # The interpreter takes a while over large states.
    lengths = [0, 1, 2, 5, 15, 16, 17, 33, 64, 65, 130, 257] if p.elements < 1000 else [0, 1, 2, 16, 33]
    sizes = {"t": rng.choice(lengths), "b": rng.choice([1, 2, 3]),
             "h": rng.choice([1, 3]), "s": rng.choice([1, 2, 5])}
    bind = ",".join(f"{a}={sizes[a]}" for a in axes + (["s"] if packed else []))
    chunk = rng.choice([1, 2, 3, 7, 16, 20, 64, max(1, sizes["t"])])
    return text, bind, chunk, p.forms
