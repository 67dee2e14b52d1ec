"""Times of volume rendering: compositing of given samples, and whole renders; forward and backward, by backend.

    python benchmarks/volume.py                       # every backend of this machine, PyTorch too if it is installed
    python benchmarks/volume.py --backends cpu --rows composite
    pip install torch                                 # the peer; what is not installed says so

* ``composite``: 65,536 rays of 128 samples each, densities and colours given, to colours, opacities and distances; the
  gradient of everything by densities and colours.  ``pytorch`` is the plain form of it: ``exp``, ``cumprod``, a sum.
* ``blob``: a function of the point as a ``ti.func``, 256^2 pixels, 128 samples per ray; the gradient by its two fields
  and the camera.
* ``grid``: the same of 32^3 densities that a ``ti.func`` interpolates; the gradient by all of them.

Each row is a process of its own, so that its peak memory is its own.  Times are medians of at least ten launches after
warm-up.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from raster import machine, median_ms, print_row

RAYS, SAMPLES = 1 << 16, 128
SIZE, CELLS = 256, 32
COLUMNS = ("row", "renderer", "backend", "forward_ms", "backward_ms", "peak_MiB")


def main():
    """Runs the table, prints it, and writes it as JSON."""
    options = parse_options()
    if options.one:
        row, renderer, backend = json.loads(options.one)
        print(json.dumps(row_of(row, renderer, backend)))
        return
    rows = []
    print_row(COLUMNS)
    for configuration in configurations(options):
        rows.append(run_row(configuration))
        print_row([rows[-1][name] for name in COLUMNS])
        if "error" in rows[-1]:
            print(f"    {rows[-1]['error']}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    print(f"written to {options.output}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", nargs="+", help="of taichi_dr; default: all that this machine has")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--output", type=Path, default=Path("out/benchmarks/volume.json"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def configurations(options):
    import taichi_dr as dr

    for row in options.rows:
        for backend in options.backends or dr.available_backends():
            yield row, "taichi_dr", backend
    if "composite" in options.rows:
        yield "composite", "pytorch", "cpu"


def run_row(configuration):
    """One row in a process of its own; a row that fails says why instead of its numbers."""
    if configuration[1] == "pytorch" and not importlib.util.find_spec("torch"):
        return without_numbers(configuration, "torch is not installed")
    command = [sys.executable, "-W", "ignore", __file__, "--one", json.dumps(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return without_numbers(configuration, (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def without_numbers(configuration, reason):
    return dict.fromkeys(COLUMNS, "-") | dict(zip(COLUMNS, configuration, strict=False)) | {"error": reason}


def row_of(row, renderer, backend):
    """A row of the table."""
    forward, backward = composite_by_torch() if renderer == "pytorch" else ROWS[row](backend)
    forward_ms, backward_ms = median_ms(forward), median_ms(backward)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return dict(zip(COLUMNS, (row, renderer, backend, forward_ms, backward_ms, peak), strict=True))


def samples_of_rays():
    """(density, colour, length, distance) of every sample of every ray."""
    rng = np.random.default_rng(0)
    density, color = 2 * rng.random((RAYS, SAMPLES), np.float32), rng.random((RAYS, SAMPLES, 3), np.float32)
    distance = np.tile((np.arange(SAMPLES, dtype=np.float32) + 0.5) / SAMPLES, (RAYS, 1))
    return density, color, np.full_like(distance, 1 / SAMPLES), distance


def composite_of_kernels(backend):
    """The kernel pair."""
    import taichi as ti

    import taichi_dr as dr
    from taichi_dr.kernels.base.arrays import array_from, make_array
    from taichi_dr.kernels.volume.composite import SEEN, composite, composite_adjoint

    dr.init(backend)
    density, color, length, distance = samples_of_rays()
    first = array_from(np.arange(RAYS + 1) * SAMPLES, ti.i32)
    values = array_from(np.concatenate([density[..., None], color], axis=-1).reshape(-1, 4))
    places = first, array_from(distance.ravel()), array_from(length.ravel()), values, RAYS, 0.0
    seen, seen_adjoint = make_array((RAYS, SEEN)), make_array((RAYS, SEEN))
    seen_adjoint.fill(1)
    values_adjoint, unused = make_array(values.shape), make_array((1,))

    def forward():
        composite(*places, seen)
        ti.sync()

    def backward():
        composite_adjoint(*places, seen, seen_adjoint, values_adjoint, False, unused, unused)
        ti.sync()

    return forward, backward


def composite_by_torch():
    """The same in PyTorch."""
    import torch

    density, color, length, distance = map(torch.from_numpy, samples_of_rays())
    density.requires_grad_(), color.requires_grad_()

    def seen():
        alpha = 1 - torch.exp(-density * length)
        through = torch.cumprod(torch.cat([torch.ones(RAYS, 1), 1 - alpha + 1e-10], 1), 1)[:, :-1]
        weight = alpha * through
        return (weight[..., None] * color).sum(1), weight.sum(1), (weight * distance).sum(1)

    def forward():
        with torch.no_grad():
            seen()

    def both():
        density.grad = color.grad = None
        sum(part.sum() for part in seen()).backward()

    return forward, both


def renders(make):
    def functions(backend):
        import taichi as ti

        import taichi_dr as dr

        dr.init(backend)
        renderer = dr.VolumeRenderer(make(), SIZE, bounds=dr.Box(0, 1), samples=SAMPLES)
        camera = dr.Camera(eye=(0.5, 0.5, 2.5), target=(0.5, 0.5, 0.5), fov_y=0.6)
        renderer.render(camera).color.grad.fill(1.0)

        def forward():
            renderer.render(camera)
            ti.sync()

        def backward():
            renderer.backward()
            ti.sync()

        return forward, backward

    return functions


def blob():
    """A round cloud, by its place and its density."""
    import taichi as ti

    import taichi_dr as dr

    center, density = ti.Vector.field(3, ti.f32, (), needs_grad=True), ti.field(ti.f32, (), needs_grad=True)
    center[None], density[None] = (0.5, 0.5, 0.5), 40.0

    @ti.func
    def cloud(p, d):
        q = p - center[None]
        return dr.Sample(density[None] * ti.exp(-40.0 * q.dot(q)), (0.8, 0.8, 0.9))

    return cloud


def grid():
    """The same, interpolated."""
    import taichi as ti

    import taichi_dr as dr

    numbers = ti.field(ti.f32, (CELLS, CELLS, CELLS), needs_grad=True)
    axis = np.linspace(-0.5, 0.5, CELLS, dtype=np.float32)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    numbers.from_numpy(40 * np.exp(-40 * (x * x + y * y + z * z)))

    @ti.func
    def cloud(p, d):
        place = ti.min(ti.max(p, 0.0), 0.9999) * (CELLS - 1)
        cell = ti.cast(place, ti.i32)
        u = place - cell
        density = 0.0
        for corner in ti.static(range(8)):
            i, j, k = ti.static(corner // 4, corner // 2 % 2, corner % 2)
            x = u[0] if ti.static(i) else 1.0 - u[0]
            y = u[1] if ti.static(j) else 1.0 - u[1]
            z = u[2] if ti.static(k) else 1.0 - u[2]
            density += x * y * z * numbers[cell[0] + i, cell[1] + j, cell[2] + k]
        return dr.Sample(density, (0.8, 0.8, 0.9))

    return cloud


ROWS = {"composite": composite_of_kernels, "blob": renders(blob), "grid": renders(grid)}

if __name__ == "__main__":
    main()
