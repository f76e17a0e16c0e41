"""Compiles programs for GPUs and reads what ptxas says of them.

usage: gpu-gallery.py PTXAS EXAMPLES TARGET...
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

# Bytes of registers that do not fit, outside the loops' products.
KNOWN_SPILLS = {"kda": 24}


def compile(ptxas, file, target):
    """Returns what is wrong, or null."""
    made = subprocess.run(["seqc", "compile", file, f"--target={target}", "--emit=ptx"],
                          capture_output=True, text=True)
    if made.returncode:
        return made.stderr
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as ptx:
        ptx.write(made.stdout)
        ptx.flush()
        done = subprocess.run([ptxas, "-arch", target, "-v", "-o", "/dev/null", ptx.name],
                              capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    spills = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    if not spills:
        return "no kernel in " + done.stderr
    allowed = KNOWN_SPILLS.get(pathlib.Path(file).stem, 0)
    if any(int(size) > allowed for pair in spills for size in pair):
        return f"spills: {spills}"
    return None


def main():
    ptxas, examples, *targets = sys.argv[1:]
    files = sorted(pathlib.Path(examples).glob("*.mlir"))
    assert len(files) >= 30, files
    work = [(file, target) for file in files for target in targets]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = list(pool.map(lambda pair: compile(ptxas, *pair), work))
    for (file, target), message in zip(work, wrong):
        if message:
            print(f"{file.stem} for {target}: {message}")
    print(f"{sum(not w for w in wrong)} of {len(work)} compile without spills")
    sys.exit(any(wrong))


main()
