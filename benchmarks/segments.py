"""Memory and time of a long simulation, all steps on the tape and in segments: the jellies of demos/jelly_mpm.py.

    python benchmarks/segments.py           # a table, each row in a process of its own
    python benchmarks/segments.py 240 16    # one row: steps, steps in memory; 0: all of them, without checkpoints

Each row: megabytes of fields and copies (values and gradients), what the process took more at its peak than before the
fields were made, and the median of three times of the forward pass and of the whole gradient, compiled before.
"""

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import taichi as ti

import taichi_dr as dr

ROWS = ((240, 0), (240, 60), (240, 16), (240, 4), (960, 0), (960, 32))


def peak():
    """The most memory that the process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(function):
    """Seconds that a call takes, what it computes included."""
    ti.sync()
    begin = time.perf_counter()
    function()
    ti.sync()
    return time.perf_counter() - begin


def row(steps, segment):
    """Measures one row and prints it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demos"))
    import jelly_mpm

    dr.init("cpu", force_scalarize_matrix=True)
    jelly_mpm.STEPS, jelly_mpm.MOMENTS = steps, tuple(steps * k // 6 for k in range(1, 7))
    before = peak()
    jelly = jelly_mpm.Jelly(segment or steps)
    if not segment:
        jelly.run = lambda: [jelly.step(number, number) for number in range(steps)]
    jelly.set(jelly_mpm.GUESS)
    loss = ti.field(ti.f32, (), needs_grad=True)
    target = np.zeros((*jelly.mesh.vertices.shape, 3))

    def gradient():
        with ti.ad.Tape(loss):
            jelly.simulate()
            dr.losses.mse(jelly.mesh.vertices, target, loss)

    gradient()
    forward = statistics.median(timed(jelly.simulate) for _ in range(3))
    whole = statistics.median(timed(gradient) for _ in range(3))
    names = ("place", "velocity", "affine", "strain")
    states = [getattr(jelly, name) for name in names]
    held = [*states, jelly.mass, jelly.momentum, jelly.flow]
    size = 8 * sum(np.prod(field.shape) * getattr(field, "n", 1) * getattr(field, "m", 1) for field in held)
    if segment:
        size += 4 * -(-steps // segment) * 2 * jelly_mpm.COUNT * 24  # numbers of a particle's state
    slopes = ", ".join(f"{slope:.6f}" for slope in jelly.logarithm.grad.to_numpy())
    print(
        f"{steps:6d} {segment or 'all':>5} {size / 1e6:8.0f} MB {peak() - before:8.0f} MB"
        f" {forward:8.2f} s {whole:8.2f} s   gradient {slopes}",
        flush=True,
    )


def main():
    """All rows, or the one that is asked for."""
    if len(sys.argv) == 3:
        row(int(sys.argv[1]), int(sys.argv[2]))
        return
    print(" steps  held    fields    process  forward gradient")
    for steps, segment in ROWS:
        subprocess.run([sys.executable, __file__, str(steps), str(segment)], check=True)


if __name__ == "__main__":
    main()
