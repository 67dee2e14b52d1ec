"""Times of the rasterizers: forward and backward separately, over faces x image size x backend.

    python benchmarks/raster.py                       # the whole table on every backend of this machine
    python benchmarks/raster.py --quick               # two mesh sizes, one image size
    python benchmarks/raster.py --backends cpu --renderers soft hard

Each row is a process of its own, so that its peak memory is its own.  A row's time is the median of at least ten
launches after warm-up.  ``compile_s`` is the first forward and backward without Taichi's cache on disk, less one warm
pair.  The scene: an icosphere of radius 1 with vertex colours seen from a distance of 2.7 at fov_y = 60 degrees, which
covers 37 % of the image; sigma = gamma = 1e-4.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

FACES = {1280: 3, 5120: 4, 20480: 5, 81920: 6}  # faces: subdivisions of the icosahedron
SIZES = (256, 512, 1024)
RENDERERS = ("hard", "antialiased", "soft")
COLUMNS = ("renderer", "backend", "faces", "size", "forward_ms", "backward_ms", "peak_MiB", "compile_s")


def main():
    """Runs the table, prints it, and writes it as JSON."""
    options = parse_options()
    if options.row:
        print(json.dumps(measure(*json.loads(options.row))))
        return
    rows = []
    print_row(COLUMNS)
    for configuration in configurations(options):
        row = run_row(configuration)
        rows.append(row)
        print_row([row[name] for name in COLUMNS])
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    print(f"written to {options.output}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", nargs="+", help="default: all that this machine has")
    parser.add_argument("--renderers", nargs="+", choices=RENDERERS, default=RENDERERS)
    parser.add_argument("--faces", nargs="+", type=int, choices=FACES, default=list(FACES))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--quick", action="store_true", help="5,120 and 20,480 faces at 256^2 only")
    parser.add_argument("--output", type=Path, default=Path("out/benchmarks/raster.json"))
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.faces, options.sizes = [5120, 20480], [256]
    return options


def configurations(options):
    import taichi_dr as dr

    for backend in options.backends or dr.available_backends():
        for renderer in options.renderers:
            for faces in options.faces:
                for size in options.sizes:
                    yield renderer, backend, faces, size


def run_row(configuration):
    """One row in a process of its own; a row that fails says why instead of its numbers."""
    command = [sys.executable, __file__, "--row", json.dumps(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return dict.fromkeys(COLUMNS, "-") | dict(zip(COLUMNS, configuration, strict=False)) | {"error": reason}
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(renderer, backend, faces, size):
    """The numbers of one row."""
    import taichi as ti

    import taichi_dr as dr

    dr.init(backend, offline_cache=False)
    mesh, camera = icosphere_scene(FACES[faces])
    target = make_renderer(dr, renderer, size)

    def forward():
        target.render(mesh, camera)
        ti.sync()

    def backward():
        target.backward()
        ti.sync()

    started = time.perf_counter()
    frame = target.render(mesh, camera)
    frame.color.grad.fill(1e-3)
    frame.alpha.grad.fill(1e-3)
    backward()
    first = time.perf_counter() - started
    forward_ms, backward_ms = median_ms(forward), median_ms(backward)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    values = (renderer, backend, faces, size, forward_ms, backward_ms, peak_mib)
    compile_s = first - (forward_ms + backward_ms) / 1e3
    return dict(zip(COLUMNS, (*values, compile_s), strict=True))


def icosphere_scene(subdivisions):
    """A unit icosphere with smooth vertex colours, and the camera that looks at it."""
    import taichi_dr as dr

    sphere = dr.shapes.icosphere(subdivisions)
    vertices = sphere.numpy("vertices")[0]
    mesh = dr.Mesh(vertices, sphere.numpy("faces"), colors=0.5 + 0.5 * vertices)
    return mesh, dr.Camera.orbit(azimuth_deg=30, elevation_deg=20, distance=2.7, fov_y_deg=60)


def make_renderer(dr, name, size):
    if name == "soft":
        return dr.SoftRasterizer(size, sigma=1e-4, gamma=1e-4)
    return dr.Rasterizer(size, antialias=name == "antialiased")


def settled(function):
    """``function``, with what it has launched finished: on GPUs launches return at once."""
    import taichi as ti

    def run():
        function()
        ti.sync()

    return run


def median_ms(function, warm_up=3, repeats=10, seconds=1.0):
    """Median of at least ``repeats`` calls, and of as many as fit into ``seconds``."""
    for _ in range(warm_up):
        function()
    times, started = [], time.perf_counter()
    while len(times) < repeats or time.perf_counter() - started < seconds:
        before = time.perf_counter()
        function()
        times.append((time.perf_counter() - before) * 1e3)
    return statistics.median(times)


def print_row(values):
    cells = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in values]
    print("  ".join(f"{cell:>11}" for cell in cells), flush=True)


def machine():
    cpu = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    return {"cpu": cpu.partition(":")[2].strip() or cpu, "cores": os.cpu_count(), "python": platform.python_version()}


def _lines(path):
    return Path(path).read_text().splitlines() if Path(path).exists() else []


if __name__ == "__main__":
    main()
