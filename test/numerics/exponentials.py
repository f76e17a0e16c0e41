"""Scans that add exponentials, along rows and time-major, compared with numpy.logaddexp.

    exponentials.py --seqc build/bin/seqc

Compiled code keeps sums behind an anchor where it can: inputs here climb, fall, jump beyond
what an anchor allows, begin low, and hold infinite values and NaN.  Errors, relative to the larger
of the result and 1: 1e-6 along rows, 1e-5 where every token rounds.  Prints "N passed, M failed".
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

COMBINE = """
    %m = arith.maximumf %l, %r : f32
    %d = arith.subf %l, %r : f32
    %a = math.absf %d : f32
    %n = arith.negf %a : f32
    %e = math.exp %n : f32
    %p = math.log1p %e : f32
    %s = arith.addf %m, %p : f32
    %none = arith.cmpf oeq, %m, %lowest : f32
    %z = arith.select %none, %m, %s : f32
    seqc.yield out(%z)"""

PROGRAM = """func.func @f(%x: tensor<{shape}xf32>, %h: tensor<?xf32>) -> (tensor<{shape}xf32>, tensor<?xf32>) {{
  %lowest = arith.constant 0xFF800000 : f32
  %y, %last = seqc.scan seq(%x : ({axes})) identity(%lowest) initial(%h : ({carry})) final {{
  ^combine(%l: f32, %r: f32):{combine}
  }}
  return %y, %last : tensor<{shape}xf32>, tensor<?xf32>
}}
"""
ROWS, LONG = 4, 3001


def inputs():
    rng = np.random.default_rng(5)
    normal = rng.normal(size=(ROWS, LONG)) * 5
    time = np.arange(LONG)
    yield "normal", normal
    for name, value in (("infinite", np.inf), ("nan", np.nan)):
        x = normal.copy()
        x[1, 1000] = value
        yield name, x
    x = normal.copy()
    x[:, :300] = -np.inf
    yield "nothing at first", x
    yield "nothing", np.full((ROWS, LONG), -np.inf)
    for slope in (0.5, 0.1, 0.05, -0.5):
        yield f"slope {slope}", normal + time * slope
    yield "far apart", normal * 1e4
    yield "large", normal * 1e-3 + 1e6
    yield "huge", normal * 1e-3 - 1e30
    yield "zero", np.zeros((ROWS, LONG))
    x = normal.copy()
    x[:, ::97] += 40
    yield "peaks", x
    x = normal - 29
    x[:, 0] = -60
    yield "low first", x


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seqc", default="build/bin/seqc")
    args = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        names, stacked = zip(*inputs())
        x = np.concatenate([x.astype(np.float32) for x in stacked])
        for layout in ("rows", "time-major"):
            rows = layout == "rows"
            program = folder / f"{layout}.mlir"
            program.write_text(PROGRAM.format(
                shape="?x?", axes="b, t" if rows else "t, b", carry="b", combine=COMBINE))
            for initial in (-np.inf, 3.0):
                np.save(folder / "x.npy", x if rows else x.T.copy())
                np.save(folder / "h.npy", np.full(len(x), initial, np.float32))
                done = subprocess.run(
                    [args.seqc, "run", program, "--in", f"x={folder}/x.npy", "--in",
                     f"h={folder}/h.npy", "--out", f"y={folder}/y.npy",
                     "--out", f"last={folder}/last.npy"],
                    capture_output=True, text=True)
                if done.returncode:
                    print(f"FAIL {layout}: {done.stderr.strip()[:300]}")
                    failed += len(names)
                    continue
                y = np.load(folder / "y.npy").astype(np.float64)
                y = y if rows else y.T
                last = np.load(folder / "last.npy")
                with np.errstate(all="ignore"):
                    full = np.concatenate(
                        [np.full((len(x), 1), initial), x.astype(np.float64)], axis=1)
                    want = np.logaddexp.accumulate(full, axis=1)[:, 1:]
                    error = np.abs(y - want) / np.maximum(1, np.abs(want))
                same = np.where(np.isnan(want), np.isnan(y), y == want)
                good = np.where(np.isfinite(want), error <= (1e-6 if rows else 1e-5), same).all(1)
                good &= np.isclose(last, y[:, -1], rtol=1e-6, atol=1e-6, equal_nan=True)
                for name, some in zip(names, good.reshape(-1, ROWS)):
                    if not some.all():
                        print(f"FAIL {layout}, {name}, initial {initial}")
                    passed, failed = passed + some.all(), failed + (not some.all())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
