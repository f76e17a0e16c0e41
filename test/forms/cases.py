"""Runs random programs and counts which agree with the interpreter."""

import argparse
import os
import random
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor


def run_cases(count, compiled, case):
    """The command line of a test of random programs; returns its exit status.

    `case(rng, number, compiled)` gives a program's text, the arguments that all its runs
    have, and one list of further arguments a run; `compiled` says whether code is made, too.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--compiled", type=int, default=compiled)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(number):
            rng = random.Random(options.seed * 1000003 + number)
            text, common, jobs = case(rng, number, number < options.compiled)
            path = os.path.join(folder, f"{number}.mlir")
            with open(path, "w") as f:
                f.write(text)
            base = [options.seqc, "run", path, f"--random={number + 1}", "--check", *common]
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
