"""Small kernels in C++, built by the system's compiler the first time they are wanted.

Where there is no compiler, or it fails, `library()` is None and plain torch operations are used.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from innerloop.tasks.cache import cache_folder

SOURCES = ("norm.cpp", "dense.cpp")
FLAGS: tuple[str, ...] = ("-std=c++17", "-O3", "-march=native", "-fopenmp-simd", "-fPIC", "-shared")
FLAGS += ("-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
COMPILERS = ("g++", "clang++", "c++")
SUFFIX = {torch.float32: "float", torch.float64: "double"}
NUMBER = {torch.float32: ctypes.c_float, torch.float64: ctypes.c_double}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels, or None where they cannot be had; `INNERLOOP_KERNELS=torch` asks for none."""
    if os.environ.get("INNERLOOP_KERNELS") == "torch":
        return None
    chosen = os.environ.get("CXX")
    compiler = (
        shutil.which(chosen) if chosen else next(filter(None, map(shutil.which, COMPILERS)), None)
    )
    if compiler is None:
        return None
    try:
        return ctypes.CDLL(str(built(compiler)))
    except (OSError, subprocess.SubprocessError):
        return None


def kernels() -> str:
    """What small operations are done by: "native" (these kernels) or "torch"."""
    return "torch" if library() is None else "native"


def built(compiler: str) -> Path:
    """The library's file, in the user's cache under a name that changes with all that it is
    made of, the processor included."""
    here = Path(__file__).parent
    sources = [here / name for name in SOURCES]
    key = hashlib.sha256(" ".join((compiler, *FLAGS, processor())).encode())
    for source in sources:
        key.update(source.read_bytes())
    path = cache_folder() / "kernels" / f"{key.hexdigest()[:24]}.so"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as beside:
            half = Path(beside) / path.name
            command = [compiler, *FLAGS, *map(str, sources), "-o", str(half)]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            half.replace(path)  # whole or not at all, also where several processes build it
    return path


def processor() -> str:
    """What `-march=native` looks at."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = sorted({line for line in lines if line.startswith(("flags", "Features", "model"))})
    except OSError:
        told = [platform.processor()]
    return " ".join([platform.machine(), *told])


def call(name: str, *arguments: Tensor | int | float) -> None:
    """Run a kernel on tensors of one type on the processor, sizes (int) and numbers (float)."""
    given = [a.contiguous() if isinstance(a, Tensor) and a.dim() < 2 else a for a in arguments]
    numbers = [a for a in given if isinstance(a, Tensor) and a.is_floating_point()]
    kind = numbers[0].dtype
    if any(a.dtype != kind or a.device.type != "cpu" for a in numbers):
        raise TypeError(f"{name} takes numbers of one type on the processor")
    function, number = getattr(library(), f"{name}_{SUFFIX[kind]}"), NUMBER[kind]
    failed = function(
        *(
            ctypes.c_void_p(a.data_ptr())
            if isinstance(a, Tensor)
            else ctypes.c_long(a)
            if isinstance(a, int)
            else number(a)
            for a in given
        )
    )
    if failed:
        raise MemoryError(f"{name} could not have the memory that it needs")
