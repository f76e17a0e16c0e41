"""Calls compiled libraries from Python: DLPack tensors through ctypes."""

import ctypes
import os
import re
import subprocess

import numpy as np


class Device(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class DType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", Device), ("ndim", ctypes.c_int32), ("dtype", DType),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("message", ctypes.c_char * 508)]


CODES = {"f16": (2, 16), "f32": (2, 32), "f64": (2, 64), "bf16": (4, 16), "i8": (0, 8), "i32": (0, 32),
         "i64": (0, 64), "i1": (1, 8)}
NUMPY = {"f16": np.float16, "f32": np.float32, "f64": np.float64, "bf16": np.uint16, "i8": np.int8,
         "i32": np.int32, "i64": np.int64, "i1": np.uint8}


def view(array, kind, keep):
    shape = (ctypes.c_int64 * max(1, array.ndim))(*array.shape)
    keep.append(shape)
    code, bits = CODES[kind]
    return DLTensor(array.ctypes.data, Device(1, 0), array.ndim, DType(code, bits, 1), shape, None, 0)


def call(function, arrays, kinds):
    keep = []
    tensors = [view(a, k, keep) for a, k in zip(arrays, kinds)]
    error = Error()
    code = function(*[ctypes.byref(t) for t in tensors], ctypes.byref(error))
    if code:
        raise RuntimeError(error.message.decode())


def call_on_gpu(function, arrays, kinds):
    """The same for code for a GPU, through copies of the arrays; needs PyTorch."""
    import torch
    keep, tensors = [], []
    copies = [torch.from_numpy(a.reshape(-1).view(np.uint8)).cuda() for a in arrays]
    for array, copy, kind in zip(arrays, copies, kinds):
        tensors.append(view(array, kind, keep))
        tensors[-1].data, tensors[-1].device = copy.data_ptr(), Device(2, 0)
    error = Error()
    torch.cuda.synchronize()
    code = function(*[ctypes.byref(t) for t in tensors], None, None, ctypes.byref(error))
    torch.cuda.synchronize()
    if code:
        raise RuntimeError(error.message.decode())
    for array, copy in zip(arrays, copies):
        array.reshape(-1).view(np.uint8)[:] = copy.cpu().numpy()


def widen(array, kind):
    if kind == "bf16":
        return (array.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return array.astype(np.float64)


def signature(header, name):
    """[(direction, name, kind, dims)] of a function from the header's comment."""
    found = re.search(r"/\*((?:(?!\*/).)*)\*/\s*int32_t %s\(" % name, header, re.S)
    if not found:
        return None
    return [(d.strip(), n, k, dims.split(", ") if dims else [])
            for d, n, k, dims in re.findall(r"^   (in, out|in|out) +(\w+): (\w+)\[(.*)\](?:, starts at \S+)?$",
                                            found.group(1), re.M)]


class Library:
    """A compiled entry and what its C functions take.

    `full` and `step` are signatures ([(direction, name, element type, sizes)]); `step` is
    None where the entry has none, and `starts` has the numbers that its states start at
    where no argument of the entry has them.  `said` is what the compiler printed.  Raises
    RuntimeError with seqc's words if it does not compile.  With `gpu` the library, for a
    GPU, is in `folder` already.
    """

    def __init__(self, seqc, path, folder, *options, gpu=False):
        with open(path) as f:
            self.name = re.search(r"func.func @(\w+)", f.read()).group(1)
        library, header = os.path.join(folder, self.name + ".so"), os.path.join(folder, self.name + ".h")
        self.invoke, self.said = call_on_gpu if gpu else call, ""
        if not gpu:
            made = subprocess.run([seqc, "compile", path, "-o", library, f"--header={header}", *options],
                                  capture_output=True, text=True)
            if made.returncode:
                raise RuntimeError(made.stderr.strip())
            self.said = made.stderr
        with open(header) as f:
            header = f.read()
        self.full, self.step = signature(header, self.name), signature(header, self.name + "_step")
        self.starts = {n: float(start) for n, start in re.findall(r"(\w+): \w+\[.*\], starts at (\S+)$", header, re.M)}
        self.code = ctypes.CDLL(library)

    def call(self, arrays):
        """Runs the entry on one array per parameter, results included."""
        self.invoke(getattr(self.code, self.name), arrays, [k for _, _, k, _ in self.full])

    def call_step(self, arrays):
        self.invoke(getattr(self.code, self.name + "_step"), arrays, [k for _, _, k, _ in self.step])


def draw(seqc, path, folder, *options):
    """Inputs and results of one `seqc run`, by name, as saved."""
    drawn = subprocess.run([seqc, "run", path, f"--save={folder}", *options], capture_output=True, text=True)
    if drawn.returncode:
        raise RuntimeError(drawn.stderr.strip())
    return {f[:-4]: np.load(os.path.join(folder, f)) for f in os.listdir(folder)}
