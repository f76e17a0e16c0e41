"""lit's configuration: FileCheck tests over seq-opt and seqc."""

import os

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
