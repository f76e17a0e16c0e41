"""Feeds mutated gallery files to seq-opt and seqc: no text may crash them.

    mutate.py --bin build/bin [--count 2000] [--seed 1] [--keep DIR]

The mutants are the same for the same seed.  Prints "N passed, M failed".
"""

import argparse
import concurrent.futures
import glob
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOKEN = re.compile(r"%\w+|[A-Za-z_][\w.]*|-?\d+(?:\.\d+)?|\"[^\"]*\"|\S")
NUMBERS = ["0", "1", "-1", "2", "3", "16", "9223372036854775807", "-9223372036854775808",
           "18446744073709551616", "4294967296"]


def mutate(rng, texts):
    text = rng.choice(texts)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        spans = [m.span() for m in TOKEN.finditer(text)]
        if not spans:
            return text
        kind = rng.randrange(9)
        a, b = rng.choice(spans)
        if kind == 0:  # delete a token
            text = text[:a] + text[b:]
        elif kind == 1:  # duplicate it
            text = text[:b] + " " + text[a:b] + text[b:]
        elif kind == 2:  # another token of the same text in its place
            c, d = rng.choice(spans)
            text = text[:a] + text[c:d] + text[b:]
        elif kind == 3:  # a number
            numbers = [s for s in spans if re.fullmatch(r"-?\d+", text[s[0]:s[1]])]
            if numbers:
                a, b = rng.choice(numbers)
                text = text[:a] + rng.choice(NUMBERS) + text[b:]
        elif kind == 4:  # a size inside a type
            sizes = list(re.finditer(r"(?<=[<x])(\d+|\?)(?=x)", text))
            if sizes:
                m = rng.choice(sizes)
                text = text[:m.start()] + rng.choice(["0", "1", "3", "?", "65", "128"]) + text[m.end():]
        elif kind == 5:  # an element type
            types = list(re.finditer(r"\b(f32|bf16|f16|f64|i8|i32|index)\b", text))
            if types:
                m = rng.choice(types)
                text = (text[:m.start()]
                        + rng.choice(["f32", "bf16", "f16", "f64", "i1", "i8", "i32", "i64", "index", "none"])
                        + text[m.end():])
        elif kind == 6:  # a line elsewhere
            lines = text.split("\n")
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines.insert(j, lines.pop(i))
            text = "\n".join(lines)
        elif kind == 7:  # cut
            text = text[:rng.randrange(len(text))]
        else:  # a byte
            i = rng.randrange(len(text))
            text = text[:i] + chr(rng.randrange(1, 256)) + text[i + 1:]
    return text


def crashed(result):
    text = result.stderr
    return (result.returncode < 0 or result.returncode >= 128 or b"Assertion" in text
            or b"PLEASE submit" in text or b"Stack dump" in text or b"ERROR: AddressSanitizer" in text
            or b"runtime error:" in text)


def run(job):
    commands, path, timeout = job
    for command in commands:
        try:
            result = subprocess.run(command + [path], capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)}: no end within {timeout} s"
        if crashed(result):
            return f"{' '.join(command)}: exit {result.returncode}\n{result.stderr[-400:].decode(errors='replace')}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=20)
    parser.add_argument("--keep", help="keep crashing texts here")
    options = parser.parse_args()
    texts = []
    for path in sorted(glob.glob(os.path.join(ROOT, "docs/examples/*.mlir"))):
        with open(path) as f:
            texts.append(f.read())
    # Every mutant is parsed, canonicalised and described by both tools; those that
    # verify are lowered to machine code too.
    commands = [[os.path.join(options.bin, "seq-opt"), "-canonicalize", "-cse"],
                [os.path.join(options.bin, "seqc"), "compile", "--emit=asm", "-o", "-"]]
    rng = random.Random(options.seed)
    failures = 0
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        jobs = []
        for i in range(options.count):
            path = os.path.join(folder, f"{i}.mlir")
            with open(path, "w", encoding="latin-1") as f:
                f.write(mutate(rng, texts))
            # Proofs take longer: some mutants.
            proofs = [[os.path.join(options.bin, "seqc"), "prove"]] if i % 10 == 0 else []
            jobs.append((commands + proofs, path, options.timeout))
        for job, message in zip(jobs, pool.map(run, jobs)):
            if message is None:
                continue
            failures += 1
            print(f"FAIL {os.path.basename(job[1])}: {message}")
            if options.keep:
                os.makedirs(options.keep, exist_ok=True)
                with open(job[1], encoding="latin-1") as f, \
                        open(os.path.join(options.keep, os.path.basename(job[1])), "w", encoding="latin-1") as g:
                    g.write(f.read())
    print(f"{options.count - failures} passed, {failures} failed")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
