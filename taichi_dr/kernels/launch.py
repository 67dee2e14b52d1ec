"""Which way a kernel runs best on the backend in use."""

import taichi as ti


def on_cpu():
    """Whether kernels run on the CPU's cores."""
    return ti.cfg.arch in (ti.x64, ti.arm64)


def is_serial(iterations, limit):
    """Whether a loop should run on one thread: on CPUs, where fewer than ``limit`` iterations do not repay waking them.

    Waking the threads takes about 0.15 ms; on a GPU a serial loop would run on a single one of thousands of lanes.
    """
    return on_cpu() and iterations < limit
