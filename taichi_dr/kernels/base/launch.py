"""Which way a kernel runs best on the backend in use."""

from functools import cache, lru_cache
from pathlib import Path

import taichi as ti

from taichi_dr.runtime import runtime_token


def on_cpu():
    """Whether kernels run on the CPU's cores."""
    return _is_cpu(runtime_token())


@lru_cache(maxsize=1)
def _is_cpu(token):
    return ti.cfg.arch in (ti.x64, ti.arm64)


@cache
def has_long_vectors():
    """Whether the processor has AVX-512, as far as the system tells."""
    about = Path("/proc/cpuinfo")
    return about.is_file() and "avx512f" in about.read_text()


GRAIN = 512
"""On CPUs Taichi cuts a parallel loop into one run of iterations for each thread, but of no fewer than these: shorter
loops stay on one thread, whatever an iteration does (``block_dim`` has no effect).  So a loop over few large pieces of
work has ``pieces * ti.static(grain())`` iterations, of which every ``grain()``-th does something.  Gone when
``cpu_parallel_range_for`` respects ``block_dim`` with ``cpu_block_dim_adaptive``.
"""


def grain():
    """Iterations per piece of a parallel loop over few large pieces; see ``GRAIN``."""
    return GRAIN if on_cpu() else 1


def cpu_threads():
    """Threads that a parallel loop runs on, on a CPU."""
    return ti.cfg.cpu_max_num_threads


SERIAL_PIXELS = 1 << 17
PIXELS_PER_FACE = 8  # that take as long as a face


def is_small_image(pixels, faces=0):
    """``is_serial`` of passes over an image's pixels, a mesh's (view, face) pairs, or both; measured on two threads."""
    return is_serial(max(pixels, faces * PIXELS_PER_FACE), SERIAL_PIXELS)


def is_serial(iterations, limit):
    """Whether a loop should run on one thread: on CPUs, where fewer than ``limit`` iterations do not repay waking them.

    Waking threads that have slept for a millisecond takes 0.15 to 0.3 ms; on a GPU a serial loop would run on a single
    one of thousands of lanes.
    """
    return on_cpu() and iterations < limit and runtime_token() is not _on_all_threads


_on_all_threads = None  # a runtime


def stay_on_all_threads():
    """From now on, in this runtime, ``is_serial`` says no: what it decides for has one variant to compile, not two.

    For programs that soon have large work and launch small work seldom enough not to mind waking threads.
    """
    global _on_all_threads
    _on_all_threads = runtime_token()
