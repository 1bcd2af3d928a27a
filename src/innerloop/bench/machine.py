"""The machine: what it is, and the most arithmetic that it does in a second."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

FMA = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
typedef float V __attribute__((vector_size(64)));
enum { CHAINS = 12, ROUNDS = 100000000 };
static V spin(V a, V b) {
  V c[CHAINS];
  for (int k = 0; k < CHAINS; k++) c[k] = a + (float)k;
  for (long r = 0; r < ROUNDS; r++)
    for (int k = 0; k < CHAINS; k++) c[k] = c[k] * a + b;
  for (int k = 1; k < CHAINS; k++) c[0] += c[k];
  return c[0];
}
static void *work(void *seed) {
  V a, b;
  for (int k = 0; k < 16; k++) { a[k] = 0.999f; b[k] = *(float *)seed; }
  V c = spin(a, b);
  *(float *)seed = c[0];
  return 0;
}
int main(int n, char **argument) {
  int threads = n > 1 ? atoi(argument[1]) : 1;
  pthread_t each[256];
  float seed[256];
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int t = 0; t < threads; t++) { seed[t] = t + 1; pthread_create(each + t, 0, work, seed + t); }
  for (int t = 0; t < threads; t++) pthread_join(each[t], 0);
  clock_gettime(CLOCK_MONOTONIC, &b);
  double s = b.tv_sec - a.tv_sec + 1e-9 * (b.tv_nsec - a.tv_nsec);
  double flop = 2.0 * 16 * CHAINS * ROUNDS * threads;
  fprintf(stderr, "%g\n", seed[0]);
  printf("%g\n", flop / s / 1e9);
}
"""
SIZE, REPEATS, TRIES = 2048, 3, 5


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peaks(counts: list[int]) -> dict[str, dict[int, float]]:
    """{"fma": {cores: GFLOP/s}, "gemm": {cores: GFLOP/s}} in single precision, the best of five;
    without "fma" where there is no C compiler."""
    found = {"gemm": {count: gemm(count) for count in counts}}
    fma = fused(counts)
    return {"fma": fma, **found} if fma else found


def fused(counts: list[int]) -> dict[int, float]:
    """Multiply-and-adds in registers, by a small C program."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="innerloop-fma-") as folder:
        source, program = Path(folder) / "fma.c", Path(folder) / "fma"
        source.write_text(FMA)
        build = [compiler, "-O3", "-march=native", "-ffp-contract=fast", "-pthread"]
        try:
            subprocess.run([*build, source, "-o", program], check=True, capture_output=True)
            return {c: max(ran(program, c) for _ in range(TRIES)) for c in counts}
        except (OSError, subprocess.CalledProcessError, ValueError):
            return {}


def ran(program: Path, threads: int) -> float:
    done = subprocess.run([program, str(threads)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def gemm(threads: int) -> float:
    """A large matrix product by torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        a, b = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
        a @ b
        best = float("inf")
        for _ in range(TRIES):
            began = time.perf_counter()
            for _ in range(REPEATS):
                a @ b
            best = min(best, time.perf_counter() - began)
        return 2.0 * SIZE**3 * REPEATS / best / 1e9
    finally:
        torch.set_num_threads(before)


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, and how busy it was."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": processor(),
        "cores": cores(),
        "memory_gb": memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": load,
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
