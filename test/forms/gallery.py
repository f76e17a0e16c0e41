"""Every form of every gallery program in float64, against the interpreter of the step.

    gallery.py --seqc build/bin/seqc

Chunks of 1, 2, 7, 16, 64 and T tokens, lengths around a chunk, both layouts of packed
segments, scans, and splits over 2, 3 and 5 ranks, to within 1e-12.  A form that a program
should have and does not is a failure, and so is the other way round.  Prints
"N passed, M failed".
"""

import argparse
import glob
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHUNKED = {"bidirectional-retention", "biquad", "delta-product", "deltanet", "gated-deltanet", "gla-f64",
           "gla-packed", "gla", "gsa", "kda", "lightnet", "linear-attention", "lmu", "mlstm",
           "mom-gated-deltanet", "mom-gla", "retnet", "rwkv6", "rwkv7", "s4d", "s5", "seqboat", "simple-gla"}
SCANS = {"aaren", "affine-scan", "biquad", "centroid-update", "hgrn-packed", "hgrn", "lightnet", "linear-attention",
         "mamba1", "mingru", "mlstm", "rg-lru", "s4d", "s5", "seqboat"}
# A scan as it is written has that form only.
WRITTEN = {"argmax", "cumsum", "logsumexp", "matmul-scan", "running-max"}
# Their recurrences have no state: every form is the same.
UNFORMED = {"permute", "combiner", "routing-transformer"}
T = 65


def jobs(name, text):
    """(options, length, whether the program has this form) to run."""
    packed = "segments(" in text
    for chunk in (1, 2, 7, 16, 64, T) if name in CHUNKED else (16,):
        yield ["--form=chunked", f"--chunk={chunk}"], T, name in CHUNKED
    if name in CHUNKED:
        for length in (0, 1, 15, 16, 17):
            yield ["--form=chunked", "--chunk=16"], length, True
        if packed:
            for chunk in (1, 7, 64):
                yield ["--form=chunked", f"--chunk={chunk}", "--packed=masks"], T, True
    if name not in WRITTEN:
        for length in (T, 1) if name in SCANS else (T,):
            yield ["--form=scan"], length, name in SCANS
    if name in CHUNKED | SCANS:
        for parts in (2, 3, 5):
            yield [f"--split={parts}"], T, True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seqc", required=True)
    parser.add_argument("--only", default="", help="programs whose name has this")
    args = parser.parse_args()
    work = []
    for path in sorted(glob.glob(os.path.join(ROOT, "docs/examples/*.mlir"))):
        name = os.path.basename(path)[:-len(".mlir")]
        with open(path) as f:
            text = f.read()
        if args.only not in name or name in UNFORMED or "seqc.recurrence" not in text:
            continue
        for options, length, has in jobs(name, text):
            sizes = dict(re.findall(r"(\w+) = (\d+)", re.search(r"seqc.sizes = \{([^}]*)\}", text).group(1)))
            sizes["t" if "t" in sizes else "n"] = length
            # One sequence of one head, where heads are not in groups.
            for axis in "bh":
                if sizes.get(axis) in ("2", "3"):
                    sizes[axis] = 1
            bind = ",".join(f"{axis}={size}" for axis, size in sizes.items())
            work.append((path, options + [f"--bind={bind}"], has))

    def run(job):
        path, options, has = job
        done = subprocess.run([args.seqc, "run", path, "--check", "--interpret"] + options, capture_output=True,
                              text=True, timeout=300)
        absent = re.search(r"has no (chunked|scan) form|no form", done.stderr)
        if has == (done.returncode == 0) and (has or absent):
            return ""
        return f"{os.path.basename(path)} {' '.join(options)}: {done.stderr.strip() or done.stdout.strip()}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [failure for failure in pool.map(run, work) if failure]
    for failure in bad:
        print(failure)
    print(f"{len(work) - len(bad)} passed, {len(bad)} failed")
    return bool(bad) or not work


if __name__ == "__main__":
    sys.exit(main())
