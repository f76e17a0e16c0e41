"""Random steps of known class: every form equals the step, in float64.

    properties.py --seqc build/bin/seqc [--count 500] [--seed 1] [--compiled 100]

A generator (steps.py) puts together steps from gates, writes, low-rank corrections, small
matrices and reads in several spellings, over three semirings, with every modifier.  The
formed program is interpreted in float64 and compared with the interpreted input (relative
RMS 1e-12); the first `compiled` ones are also compiled.  Prints "N passed, M failed".
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from steps import program  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--compiled", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(number):
            rng = random.Random(options.seed * 1000003 + number)
            text, bind, chunk, form = program(rng)
            path = os.path.join(folder, f"{number}.mlir")
            with open(path, "w") as f:
                f.write(text)
            base = [options.seqc, "run", path, f"--bind={bind}", f"--random={number + 1}", "--check"]
            jobs = [["--interpret=structured", "--form=canonical"], ["--interpret", "--form=canonical"]]
            if form == "chunked":
                # Ranks that each hold a part, emulated.
                jobs.append(["--interpret", "--form=canonical", f"--split={2 + number % 4}"])
            if form:
                forced = [f"--form={form}"] + ([f"--chunk={chunk}"] if form == "chunked" else [])
                jobs.append(["--interpret"] + forced)
                if form == "chunked" and " segments(" in text:
                    jobs.append(["--interpret", "--packed=masks"] + forced)
                if number < options.compiled:
                    jobs.append(forced)
            bad = ""
            for job in jobs:
                result = subprocess.run(base + job, capture_output=True, text=True)
                if result.returncode:
                    bad += f"FAIL {' '.join(base[3:] + job)}\n{result.stdout}{result.stderr[-800:]}"
            return bad and f"case {number}:\n{text}{bad}"

        for bad in pool.map(run, range(options.count)):
            passed += not bad
            failed += bool(bad)
            if bad:
                print(bad)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
