"""Times of the sphere tracer beside other ways to render a signed distance: forward and backward, by backend.

    python benchmarks/sdf.py                          # every backend of this machine, and what peers are installed
    python benchmarks/sdf.py --renderers taichi_dr --backends cpu
    pip install torch mitsuba                         # the peers; what is not installed says so

Two scenes, lit by one directional and ambient light, seen at 512^2 from (0, 0.8, 2.5):

* ``primitives``: a sphere, a torus and a box, blended; gradients for the sphere's centre and the torus's radius;
* ``grid``: the same distance in 64^3 numbers, interpolated linearly; gradients for all of them.

Each row is a process of its own, so that its peak memory is its own.  Times are medians of at least ten launches after
warm-up.  Backward is of the sum of the picture: through colours, light and normals, and with ``taichi_dr`` through
silhouettes, which the peers leave out.  ``cold_s`` and ``warm_s``: from ``dr.init`` to the first picture as an array,
in a process of its own, without kernels in the cache and with those of the run before.

* ``pytorch``: the rays that are still on their way are kept together; implicit hits, normals by the same differences.
* ``mitsuba``: its ``sdfgrid`` under ``direct``, one sample per pixel, no ambient light; backward renders once more, and
  that is taken off.  It needs LLVM 17 or later (``DRJIT_LIBLLVM_PATH``).
"""

import argparse
import importlib.util
import json
import math
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from raster import machine, median_ms, print_row

SCENES = ("primitives", "grid")
RENDERERS = {"taichi_dr": "taichi_dr", "pytorch": "torch", "mitsuba": "mitsuba"}  # and what they need
COLUMNS = ("renderer", "scene", "backend", "size", "forward_ms", "backward_ms", "peak_MiB", "cold_s", "warm_s")
EYE, TARGET, FOV_Y = (0.0, 0.8, 2.5), (0.0, 0.05, 0.0), 2 * math.atan(0.5)
RADIUS = 1.2  # of the ball outside of which nothing is looked for
CENTER, MAJOR, MINOR = (0.1, 0.0, 0.0), 0.8, 0.2
BOX, HALF, BLENDS = (-0.3, 0.4, 0.1), 0.25, (0.1, 0.05)
ALBEDO, AMBIENT, DIFFUSE, LIGHT = (0.8, 0.6, 0.5), 0.3, 0.7, (0.0, 1.0, 1.0)
CELLS = 64


def main():
    """Runs the table, prints it, and writes it as JSON."""
    options = parse_options()
    if options.row:
        print(json.dumps(ROWS[json.loads(options.row)[0]](*json.loads(options.row)[1:])))
        return
    rows = []
    print_row(COLUMNS)
    for configuration in configurations(options):
        row = run_row(configuration)
        rows.append(row)
        print_row([row[name] for name in COLUMNS])
        if "error" in row:
            print(f"    {row['error']}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    print(f"written to {options.output}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", nargs="+", help="of taichi_dr; default: all that this machine has")
    parser.add_argument("--renderers", nargs="+", choices=RENDERERS, default=list(RENDERERS))
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=SCENES)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--output", type=Path, default=Path("out/benchmarks/sdf.json"))
    parser.add_argument("--row", help=argparse.SUPPRESS)
    return parser.parse_args()


def configurations(options):
    import taichi_dr as dr

    for scene in options.scenes:
        for renderer in options.renderers:
            if (renderer, scene) != ("mitsuba", "primitives"):  # it has no distances but grids
                for backend in (options.backends or dr.available_backends()) if renderer == "taichi_dr" else ("cpu",):
                    yield renderer, scene, backend, options.size


def run_row(configuration):
    """One row in a process of its own; a row that fails says why instead of its numbers."""
    package = RENDERERS[configuration[0]]
    if not importlib.util.find_spec(package):
        return without_numbers(configuration, f"{package} is not installed")
    command = [sys.executable, "-W", "ignore", __file__, "--row", json.dumps(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return without_numbers(configuration, (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def without_numbers(configuration, reason):
    return dict.fromkeys(COLUMNS, "-") | dict(zip(COLUMNS, configuration, strict=False)) | {"error": reason}


def row_of(renderer, scene, backend, size, forward, backward, first=("-", "-")):
    """A row of the table, with the medians of both functions."""
    forward_ms, backward_ms = median_ms(forward), median_ms(backward)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return dict(zip(COLUMNS, (renderer, scene, backend, size, forward_ms, backward_ms, peak_mib, *first), strict=True))


def measure_taichi_dr(scene, backend, size):
    import taichi as ti

    import taichi_dr as dr

    with tempfile.TemporaryDirectory() as cache:
        first = [first_picture(scene, backend, size, cache) for _ in range(2)]
    dr.init(backend, offline_cache=False)
    tracer, camera, lights = sphere_tracer(scene, size)
    frame = tracer.render(camera, lights)
    frame.color.grad.fill(1.0)

    def forward():
        tracer.render(camera, lights)
        ti.sync()

    def backward():
        tracer.backward()
        ti.sync()

    return row_of("taichi_dr", scene, backend, size, forward, backward, first)


def first_picture(scene, backend, size, cache):
    """Seconds to the first picture of another process that keeps its kernels in the folder ``cache``."""
    program = f"""if True:
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import sdf, taichi, taichi_dr as dr
        began = time.perf_counter()
        dr.init({backend!r}, offline_cache_file_path={cache!r})
        tracer, camera, lights = sdf.sphere_tracer({scene!r}, {size})
        tracer.render(camera, lights).numpy()
        print("seconds", time.perf_counter() - began)
        taichi.reset()
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout.split("seconds ")[1].split()[0])


def sphere_tracer(scene, size):
    """The tracer of a scene, its camera and lights."""
    import taichi_dr as dr

    function = primitives() if scene == "primitives" else dr.sdf.Grid(sampled(), (-RADIUS, RADIUS))
    tracer = dr.SphereTracer(function, size, bounds=dr.Ball(radius=RADIUS), color=ALBEDO)
    lights = dr.Lights(ambient=AMBIENT, directional=[dr.DirectionalLight(LIGHT, DIFFUSE)])
    return tracer, dr.Camera(eye=EYE, target=TARGET, fov_y=FOV_Y), lights


def primitives():
    """Three blended primitives, reading two fields."""
    import taichi as ti

    import taichi_dr as dr

    center = ti.Vector.field(3, ti.f32, shape=(), needs_grad=True)
    major = ti.field(ti.f32, shape=(), needs_grad=True)
    center[None], major[None] = CENTER, MAJOR

    @ti.func
    def scene(p):
        ball, ring = dr.sdf.sphere(p - center[None], 0.5), dr.sdf.torus(p, major[None], MINOR)
        cube = dr.sdf.box(p - ti.Vector(BOX), ti.Vector([HALF, HALF, HALF]))
        return dr.sdf.smooth_union(dr.sdf.smooth_union(ball, ring, BLENDS[0]), cube, BLENDS[1])

    return scene


def sampled(cells=CELLS):
    """The same distance in NumPy, at the corners of ``cells - 1`` cells a side of the bounds: (x, y, z)."""
    axis = np.linspace(-RADIUS, RADIUS, cells)
    p = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    ball = np.linalg.norm(p - CENTER, axis=-1) - 0.5
    ring = np.hypot(np.hypot(p[..., 0], p[..., 2]) - MAJOR, p[..., 1]) - MINOR
    q = np.abs(p - BOX) - HALF
    cube = np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(axis=-1), 0)
    return blended(blended(ball, ring, BLENDS[0], np), cube, BLENDS[1], np).astype(np.float32)


def blended(a, b, width, numbers):
    """The smooth union of ``dr.sdf``; ``numbers`` is NumPy or PyTorch."""
    h = numbers.clip(width - numbers.abs(a - b), 0, None) / width
    return numbers.minimum(a, b) - h * h * width / 4


def camera_rays(size):
    """The eye, and the unit directions (H*W, 3) of all pixels."""
    back = np.subtract(EYE, TARGET) / np.linalg.norm(np.subtract(EYE, TARGET))
    right = np.cross((0, 1, 0), back)
    right /= np.linalg.norm(right)
    pixels = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(pixels, -pixels)
    up, reach = np.cross(back, right), math.tan(FOV_Y / 2)
    directions = reach * (x[..., None] * right + y[..., None] * up) - back
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.float32(EYE), directions.reshape(-1, 3).astype(np.float32)


def measure_pytorch(scene, backend, size):
    import torch

    parameters, function = torch_scene(scene)
    eye, directions = (torch.from_numpy(array) for array in camera_rays(size))
    light = torch.tensor(LIGHT) / math.sqrt(2)
    albedo, corners = torch.tensor(ALBEDO), torch.tensor([[1.0, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])
    state = {}

    def forward():
        with torch.no_grad():
            hit, t = torch_march(function, eye, directions)
            points = eye + t[:, None] * directions[hit]
            gradients = torch_gradient(function, points, corners)
            slopes = (gradients * directions[hit]).sum(dim=1).clamp(max=-0.05)
        points = points - (function(points) / slopes)[:, None] * directions[hit]
        normals = torch.nn.functional.normalize(torch_gradient(function, points, corners), dim=1)
        shaded = albedo * (AMBIENT + DIFFUSE * (normals @ light).clamp(min=0))[:, None]
        state["image"] = torch.zeros(size * size, 3).index_put((hit,), shaded)

    def backward():
        for parameter in parameters:
            parameter.grad = None
        state["image"].sum().backward(retain_graph=True)

    forward()
    return row_of("pytorch", scene, backend, size, forward, backward)


def torch_scene(scene):
    """``(parameters, function of points (P, 3))``."""
    import torch

    if scene == "grid":
        numbers = torch.from_numpy(sampled()).permute(2, 1, 0)[None, None].contiguous().requires_grad_()

        def interpolated(p):
            return torch.nn.functional.grid_sample(numbers, (p / RADIUS).view(1, 1, 1, -1, 3), align_corners=True).view(
                -1
            )

        return [numbers], interpolated
    center, major = torch.tensor(CENTER, requires_grad=True), torch.tensor(MAJOR, requires_grad=True)
    place = torch.tensor(BOX)

    def analytic(p):
        ball = (p - center).norm(dim=1) - 0.5
        ring = torch.hypot(torch.hypot(p[:, 0], p[:, 2]) - major, p[:, 1]) - MINOR
        q = (p - place).abs() - HALF
        cube = q.clamp(min=0).norm(dim=1) + q.amax(dim=1).clamp(max=0)
        return blended(blended(ball, ring, BLENDS[0], torch), cube, BLENDS[1], torch)

    return [center, major], analytic


def torch_march(function, eye, directions, steps=64):
    """Which rays hit, and where; those on their way are kept together."""
    import torch

    along = directions @ eye
    inside = along**2 - eye @ eye + RADIUS**2
    rays = torch.nonzero(inside > 0)[:, 0]
    t, last = -along[rays] - inside[rays].sqrt(), -along[rays] + inside[rays].sqrt()
    hit, found = [], []
    for _ in range(steps):
        value = function(eye + t[:, None] * directions[rays])
        done = value.abs() < 1e-4 * t
        hit.append(rays[done])
        found.append(t[done])
        t = t + value
        going = ~done & (t < last)
        rays, t, last = rays[going], t[going], last[going]
    return torch.cat(hit), torch.cat(found)


def torch_gradient(function, points, corners, step=1e-3):
    """By differences at the corners of a tetrahedron, as ``taichi_dr`` takes it."""
    return sum(corner * function(points + step * corner)[:, None] for corner in corners) / (4 * step)


def measure_mitsuba(scene, backend, size):
    import drjit
    import mitsuba

    mitsuba.set_variant("llvm_ad_rgb")
    to_world = mitsuba.ScalarTransform4f
    numbers = np.ascontiguousarray(sampled().transpose(2, 1, 0))[..., None]
    place = to_world().translate([-RADIUS] * 3).scale(2 * RADIUS)
    made = mitsuba.load_dict(
        {
            "type": "scene",
            "integrator": {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0},
            "sensor": {
                "type": "perspective",
                "fov": math.degrees(FOV_Y),
                "to_world": to_world().look_at(origin=EYE, target=TARGET, up=(0, 1, 0)),
                "film": {"type": "hdrfilm", "width": size, "height": size, "rfilter": {"type": "box"}},
                "sampler": {"type": "independent", "sample_count": 1},
            },
            "shape": {
                "type": "sdfgrid",
                "grid": mitsuba.TensorXf(numbers / (2 * RADIUS)),
                "to_world": place,
                "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(ALBEDO)}},
            },
            "light": {"type": "directional", "direction": [-x for x in LIGHT], "irradiance": DIFFUSE * math.pi},
        }
    )
    parameters = mitsuba.traverse(made)
    drjit.enable_grad(parameters["shape.grid"])
    parameters.update()

    def forward():
        drjit.eval(mitsuba.render(made, parameters, spp=1))
        drjit.sync_thread()

    def backward():
        drjit.backward(drjit.sum(mitsuba.render(made, parameters, spp=1), axis=None))
        drjit.eval(drjit.grad(parameters["shape.grid"]))
        drjit.sync_thread()

    row = row_of("mitsuba", scene, backend, size, forward, backward)
    return row | {"backward_ms": row["backward_ms"] - row["forward_ms"]}  # which renders first


ROWS = {"taichi_dr": measure_taichi_dr, "pytorch": measure_pytorch, "mitsuba": measure_mitsuba}


if __name__ == "__main__":
    main()
