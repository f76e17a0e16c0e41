"""lit's configuration: FileCheck tests over seq-opt and seqc."""

import ctypes
import os
import shutil

import lit.formats

config.name = "seqc"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.excludes = ["oracles", "embed", "fuzz", "errors", "lib", "runtime", "numerics", "forms", "decode", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.seqc_obj_root + "/test"
config.environment["PATH"] = os.pathsep.join(
    [config.seqc_obj_root + "/bin", config.llvm_tools_dir, os.environ["PATH"]])
config.substitutions.append(("%python", "/usr/bin/python3"))
config.substitutions.append(("%examples", config.seqc_src_root + "/docs/examples"))

# Tests of GPU code need no GPU; some need NVIDIA's assembler.
_ptxas = shutil.which("ptxas", path=os.pathsep.join(
    [os.environ.get("CUDA_HOME", "/usr/local/cuda") + "/bin", os.environ["PATH"]]))
if _ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", _ptxas))

try:
    ctypes.CDLL("libcuda.so.1")
    config.available_features.add("cuda-driver")
except OSError:
    pass
