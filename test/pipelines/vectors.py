"""Compiles the gallery for an AVX-512 processor and looks at the innermost loops."""

import glob
import os
import re
import subprocess
import sys


def innermost_loops(lines):
    """Bodies of loops that contain no other: label ... backward jump to it."""
    labels = {}
    for i, line in enumerate(lines):
        m = re.match(r"(\.LBB\d+_\d+):", line)
        if m:
            labels[m.group(1)] = i
    spans = []
    for i, line in enumerate(lines):
        m = re.match(r"\s+j\w+\s+(\.LBB\d+_\d+)", line)
        if m and labels.get(m.group(1), i + 1) <= i:
            spans.append((labels[m.group(1)], i))
    for a, b in spans:
        if not any((c, d) != (a, b) and a <= c and d <= b for c, d in spans):
            yield lines[a:b + 1]


def main():
    bad = 0
    paths = sorted(glob.glob(os.path.join(sys.argv[1], "*.mlir")))
    for path in paths:
        asm = subprocess.run(["seqc", "compile", path, "--cpu=znver4", "--emit=asm", "-o", "-"],
                             check=True, capture_output=True, text=True).stdout
        lines = asm.split("\n")
        loops = list(innermost_loops(lines))
        problems = []
        if not any("%zmm" in line for loop in loops for line in loop):
            problems.append("no 512-bit vectors in an innermost loop")
        calls = {m.group(1) for line in lines if (m := re.search(r"call\w*\s+(\w+)", line))}
        library = calls & {f + s for f in ("exp", "exp2", "expm1", "log", "log1p", "log2", "tanh", "sqrt", "sin",
                                           "cos", "erf", "pow") for s in ("", "f")}
        if library and "f64" not in path:
            problems.append(f"calls {sorted(library)}")
        if problems:
            bad += 1
            print(f"{os.path.basename(path)}: {'; '.join(problems)}")
    if not paths:
        sys.exit("no examples")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
