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
KNOWN_SPILLS = {"gsa": 96, "kda": 128, "mlstm": 12, "rwkv7": 216}
# Gated outer products and delta rules, which run on tensor cores; f32 ones are asked to
# round, and are compiled once more for that.
TILES = ["bidirectional-retention", "deltanet", "gated-deltanet", "gla", "gla-packed", "gsa", "kda",
         "lightnet", "mlstm", "mom-gated-deltanet", "retnet", "rwkv6", "rwkv7", "simple-gla"]
NARROW = ["linear-attention", "mom-gla"]
TILES_TARGET = "sm_90a"
SCANS = ["affine-scan", "argmax", "cumsum", "hgrn", "hgrn-packed", "logsumexp", "mingru", "rg-lru", "running-max"]
REGISTERS = 65536  # of a multiprocessor


def crowded(ptx, report):
    """Kernels whose blocks do not fit a multiprocessor as often as was planned."""
    used = dict(re.findall(r"Compiling entry function '(\w+)'.*?Used (\d+) registers", report, re.S))
    wrong, planned = [], 0
    for name, bounds in re.findall(r"\.entry (\w+)\(.*?\)(.*?)\{", ptx, re.S):
        threads = re.search(r"\.(?:max|req)ntid (\d+)", bounds)
        blocks = re.search(r"\.minnctapersm (\d+)", bounds)
        if not threads or not blocks:
            continue
        planned += int(blocks[1]) > 1
        registers = -(-int(used[name]) // 8) * 8  # are given by eights
        if registers * int(threads[1]) * int(blocks[1]) > REGISTERS:
            wrong.append(f"{name}: {blocks[1]} blocks of {threads[1]} threads with {used[name]} registers")
    return wrong, planned


def compile(ptxas, file, target, narrow=False):
    """Returns what is wrong, or null."""
    made = subprocess.run(["seqc", "compile", file, f"--target={target}", "--emit=ptx"]
                          + ["--factors=bf16"] * narrow, capture_output=True, text=True)
    if made.returncode:
        return made.stderr
    if target == TILES_TARGET and (narrow or file.stem in TILES) and "mma.sync" not in made.stdout:
        return "no mma.sync in its kernels"
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
    wrong, planned = crowded(made.stdout, done.stderr)
    if wrong:
        return f"not as many blocks as planned: {wrong}"
    if file.stem in SCANS and not planned:
        return "no plan of a scan's blocks"
    return None


def main():
    ptxas, examples, *targets = sys.argv[1:]
    files = sorted(pathlib.Path(examples).glob("*.mlir"))
    assert len(files) >= 30, files
    work = [(file, target) for file in files for target in targets]
    work += [(file, TILES_TARGET, True) for file in files if file.stem in NARROW]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = list(pool.map(lambda one: compile(ptxas, *one), work))
    for (file, target, *_), message in zip(work, wrong):
        if message:
            print(f"{file.stem} for {target}: {message}")
    print(f"{sum(not w for w in wrong)} of {len(work)} compile, on tensor cores where they are for them, without spills")
    sys.exit(any(wrong))


main()
