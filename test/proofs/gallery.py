"""Every obligation of every gallery program is decided and none is refuted, within ten
seconds of processor time a program."""

import argparse
import collections
import glob
import os
import resource
import subprocess
import sys

SECONDS = 10


def prove(seqc, path):
    """The program's verdicts, what is wrong, and the processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([seqc, "prove", path], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    verdicts = collections.Counter(line.split()[0] for line in lines)
    wrong = [line for line in lines if not line.startswith("proved")]
    if done.returncode or not verdicts["proved"]:
        wrong.append(f"exit status {done.returncode}, {verdicts['proved']} proved: "
                     + done.stderr.strip())
    if seconds > SECONDS:
        wrong.append(f"{seconds:.1f} s of processor time, allowed {SECONDS}")
    return verdicts, wrong, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seqc", required=True)
    args = parser.parse_args()
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    passed = failed = obligations = 0
    slowest = (0, "")
    for path in sorted(glob.glob(os.path.join(root, "docs", "examples", "*.mlir"))):
        verdicts, wrong, seconds = prove(args.seqc, path)
        obligations += verdicts["proved"]
        slowest = max(slowest, (seconds, os.path.basename(path)))
        for line in wrong:
            print(f"{os.path.basename(path)}: {line}")
        passed += not wrong
        failed += bool(wrong)
    print(f"{obligations} obligations proved; the slowest, {slowest[1]}, takes "
          f"{slowest[0]:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
