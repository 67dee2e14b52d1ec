"""Two states of the package in turn: by how much the rasterizers have become faster or slower.

    git worktree add ../before HEAD~1
    python benchmarks/paired.py ../before .                     # the rows below
    python benchmarks/paired.py ../before . --row soft 5120 256

Each tree has a process of its own, and both work in turns of a fraction of a second on the scene of ``raster.py``: what
slows a shared machine slows both.  Printed are the medians and the median of the ratios of the turns, new to old.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROWS = (
    ("soft", 5120, 256),
    ("soft", 20480, 256),
    ("antialiased", 5120, 256),
    ("antialiased", 20480, 256),
    ("antialiased", 81920, 1024),
    ("hard", 5120, 256),
    ("hard", 20480, 256),
)
SECONDS = 0.15  # of a turn


def main():
    """Runs the rows; as a worker, takes turns until its input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="a checkout of the package")
    parser.add_argument("new", type=Path, help="another one")
    parser.add_argument("--row", nargs=3, metavar=("RENDERER", "FACES", "SIZE"), help="this row only")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = [(options.row[0], int(options.row[1]), int(options.row[2]))] if options.row else ROWS
    if options.worker:
        work(options.old.resolve(), options.backend, *rows[0])
    for row in rows if not options.worker else ():
        compare(options, row)


def compare(options, row):
    """Prints one row, forward and backward."""
    workers = [start(tree, options.backend, row) for tree in (options.old, options.new)]
    turns = []
    for number in range(options.turns):
        order = workers if number % 2 else workers[::-1]
        times = {worker: turn(worker) for worker in order}
        turns.append([times[worker] for worker in workers])
    for worker in workers:
        worker.stdin.close()
        worker.wait()
    for k, what in enumerate(("forward", "backward")):
        old, new = (statistics.median(pair[tree][k] for pair in turns) for tree in (0, 1))
        ratio = statistics.median(pair[1][k] / pair[0][k] for pair in turns)
        name = "  ".join(f"{value!s:>11}" for value in (*row, what))
        print(f"{name}  old {old:8.2f} ms  new {new:8.2f} ms  ratio {ratio:.3f}", flush=True)


def start(tree, backend, row):
    """A worker on a tree, ready for its first turn."""
    command = [sys.executable, __file__, tree, tree, "--worker", "--backend", backend, "--row", *row]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": str(tree.resolve())}
    worker = subprocess.Popen([str(part) for part in command], text=True, env=environment, **pipes)
    turn(worker)
    return worker


def turn(worker):
    """Median milliseconds of forward and backward in a turn of the worker."""
    worker.stdin.write("\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def work(tree, backend, renderer, faces, size):
    """Renders a turn for each line of input."""
    sys.path.insert(0, str(tree / "benchmarks"))
    raster, dr, ti = (importlib.import_module(name) for name in ("raster", "taichi_dr", "taichi"))
    if tree not in Path(dr.__file__).resolve().parents:
        raise SystemExit(f"{tree}: expected a checkout of taichi_dr, and imported {dr.__file__}")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed meanwhile is no number
    dr.init(backend)
    mesh, camera = raster.icosphere_scene(raster.FACES[faces])
    target = raster.make_renderer(dr, renderer, size)
    frame = target.render(mesh, camera)
    frame.color.grad.fill(1e-3)
    frame.alpha.grad.fill(1e-3)
    for _ in sys.stdin:
        target.render(mesh, camera)
        target.backward()
        times = []
        while sum(map(sum, times)) < 1e3 * SECONDS or len(times) < 2:
            times.append(timed(lambda: target.render(mesh, camera), ti) + timed(target.backward, ti))
        print(json.dumps([statistics.median(column) for column in zip(*times, strict=True)]), file=out, flush=True)


def timed(function, ti):
    """Milliseconds of a call, as a list of one."""
    before = time.perf_counter()
    function()
    ti.sync()
    return [(time.perf_counter() - before) * 1e3]


if __name__ == "__main__":
    main()
