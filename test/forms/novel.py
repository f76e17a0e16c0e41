"""Recurrences that nobody published, in every form that each has, against the interpreter.

    novel.py --seqc build/bin/seqc

Each function of test/passes/Structure/derive-structure-novel.mlir, as it is, in reverse, with
reset flags and over packed segments: one token after the other, as a scan, in chunks of several
lengths (both packed layouts), in its canonical form and split over ranks, interpreted in float64
to within 1e-12; then its proofs, the step of one token among them, and prefill and decode in
compiled code.  A form that a program should
have and does not is a failure, and so is the other way round.  Prints "N passed, M failed".
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = os.path.join(ROOT, "test/passes/Structure/derive-structure-novel.mlir")
# What each has beside the sequential form.
FORMS = {
    "gates_on_both_sides": {"scan", "chunked", "split"},
    "coupled_one_way": {"scan", "chunked", "split"},
    "coupled_both_ways": set(),
    "rank_two": {"scan", "chunked", "split"},
    "rotation": {"scan", "split"},
    "bonus_and_reset": {"scan", "chunked", "split"},
    "gated_by_a_maximum": {"scan", "split"},
    "momentum": {"scan", "split"},
    "momentum_of_matrices": {"scan", "chunked", "split"},
    "delay": set(),
    "logistic": set(),
}
LENGTH = 65
CHUNKS = (1, 2, 7, 16, 64, LENGTH)


def programs():
    with open(SOURCE) as f:
        text = f.read()
    return {re.match(r"@(\w+)", body).group(1): "func.func " + body for body in text.split("func.func ")[1:]}


def wider(text, types):
    """The header with a further dimension for each of these types' tensors."""
    return re.sub(types, lambda m: m.group(0).replace("tensor<", "tensor<?x"), text)


def variants(text):
    """(name, program, sizes): the program itself, in reverse, with resets, over packed segments."""
    yield "plain", text, f"t={LENGTH}"
    yield "short", text, "t=1"
    yield "empty", text, "t=0"
    yield "reverse", re.sub(r" \{\n(\s*\^step)", r" reverse {\n\1", text), f"t={LENGTH}"
    head, rest = text.split(") ->", 1)
    flags = rest.replace(" : ()) {\n", ' : ()) resets(%flags : (t)) {\n', 1)
    yield "resets", head + ', %flags: tensor<?xi8> {seqc.draw = "flags(0.2)"}) ->' + flags, f"t={LENGTH}"
    # States have an axis of segments, in the signature and in what is returned.
    head = wider(head, r"%\w+0: tensor<") + ", %cu: tensor<?xi32>"
    types, body = rest.split("{\n", 1)
    states = len(re.findall(r"%\w+0: tensor<", head))
    results = re.findall(r"tensor<[^>]*>", types)
    results = results[:-states] + [r.replace("tensor<", "tensor<?x") for r in results[-states:]]
    listed = ", ".join(results)
    body = re.sub(r"carry\((%[^:]*) : \(\)\) \{", r"carry(\1 : (s)) segments(%cu : (s)) {", body, count=1)
    body = re.sub(r"(return [^:]*:) .*", rf"\1 {listed}", body)
    yield "packed", f"{head}) -> ({listed}) {{\n{body}", f"t={LENGTH},s=7"


def jobs(forms, packed):
    yield "sequential", ["--form=sequential"]
    yield "scan", ["--form=scan"]
    for chunk in CHUNKS:
        yield "chunked", ["--form=chunked", f"--chunk={chunk}"]
        if packed and "chunked" in forms:
            yield "chunked", ["--form=chunked", f"--chunk={chunk}", "--packed=masks"]
    for parts in (2, 5):
        yield "split", ["--form=canonical", f"--split={parts}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seqc", default="build/bin/seqc")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(job):
            title, path, legal, arguments = job
            command = [options.seqc] + arguments
            command.insert(2, path)
            if arguments[0] == "decode":
                command = [sys.executable, os.path.join(ROOT, "test/decode/run.py"), "--seqc", options.seqc, path]
            done = subprocess.run(command, capture_output=True, text=True)
            said = done.stdout + done.stderr
            if legal and done.returncode:
                return f"FAIL {title}\n{said[-600:]}"
            if not legal and not re.search(r"has no (scan|chunked) form|no recurrence is a linear one or a scan", said):
                return f"FAIL {title}: should have no such form\n{said[-600:]}"
            return ""

        work = []
        found = programs()
        assert set(found) == set(FORMS), sorted(set(found) ^ set(FORMS))
        for name, text in found.items():
            for variant, program, bind in variants(text):
                path = os.path.join(folder, f"{name}-{variant}.mlir")
                sizes = bind.replace("=", " = ").replace(",", ", ")
                with open(path, "w") as f:
                    f.write(program.replace(" {\n", f" attributes {{seqc.sizes = {{{sizes}}}}} {{\n", 1))
                for form, arguments in jobs(FORMS[name], variant == "packed"):
                    work.append((f"{name} {variant} {' '.join(arguments)}", path, form == "sequential" or form in FORMS[name],
                                 ["run", "--check", "--interpret", "--random=5", f"--bind={bind}"] + arguments))
                if variant in ("plain", "resets", "packed"):
                    work.append((f"{name} {variant} prove", path, True, ["prove"]))
                    work.append((f"{name} {variant} decode", path, True, ["decode"]))
        bad = [failure for failure in pool.map(run, work) if failure]
    for failure in bad:
        print(failure)
    print(f"{len(work) - len(bad)} passed, {len(bad)} failed")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
