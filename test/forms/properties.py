"""Random steps of known class: every form equals the step, in float64.

    properties.py --seqc build/bin/seqc [--count 500] [--seed 1] [--compiled 100]

A generator (steps.py) puts together steps from gates, writes, low-rank corrections, small
matrices and reads in several spellings, over three semirings, with every modifier.  The
formed program is interpreted in float64 and compared with the interpreted input (relative
RMS 1e-12); the first `compiled` ones are also compiled.  Prints "N passed, M failed".
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import run_cases  # noqa: E402
from steps import program  # noqa: E402


def case(rng, number, compiled):
    text, bind, chunk, forms = program(rng)
    jobs = [["--interpret=structured", "--form=canonical"], ["--interpret", "--form=canonical"]]
    if "chunked" in forms:
        # Ranks that each hold a part, emulated.
        jobs.append(["--interpret", "--form=canonical", f"--split={2 + number % 4}"])
    for form in forms:
        forced = [f"--form={form}"] + ([f"--chunk={chunk}"] if form == "chunked" else [])
        jobs.append(["--interpret"] + forced)
        if form == "chunked" and " segments(" in text:
            jobs.append(["--interpret", "--packed=masks"] + forced)
        if compiled:
            jobs.append(forced)
    return text, [f"--bind={bind}"], jobs


if __name__ == "__main__":
    sys.exit(run_cases(500, 100, case))
