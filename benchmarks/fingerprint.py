"""Whether two states of the package compute the same numbers: images, gradients, losses and optimisation steps.

    python benchmarks/fingerprint.py record before.npz                     # float32 on the CPU, and the command line
    python benchmarks/fingerprint.py record before64.npz --float64
    python benchmarks/fingerprint.py record before-vulkan.npz --arch vulkan
    ...                                                                     # change the package
    python benchmarks/fingerprint.py record after.npz
    python benchmarks/fingerprint.py compare before.npz after.npz          # exit status 0: identical

``record`` keeps every output and every gradient of small scenes as ``case/name``, where the adjoints of the outputs are
fixed random numbers.  It knows the package by its public interface and its commands alone, and makes its scenes itself,
so that this one file can record trees whose insides differ: copy it, and set PYTHONPATH to the tree.

``compare`` prints a row for every case.  Results are equal bit by bit between two runs on one machine, except gradients
of textures, which are summed by atomics: these count as identical while they agree within rounding.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import taichi as ti

import taichi_dr as dr

SIZE = (29, 37)  # neither square nor a multiple of a tile
SOFT = {"sigma": 3e-3, "gamma": 3e-3}
MODES = tuple(product(("product", "sum", "hard"), ("softmax", "hard"), ("euclidean", "barycentric", "hard")))
RENDERERS = {
    "hard": dr.Rasterizer,
    "hard-culled": partial(dr.Rasterizer, cull_back=True),
    "antialiased": partial(dr.Rasterizer, antialias=True),
    "antialiased-culled": partial(dr.Rasterizer, antialias=True, cull_back=True),
    "soft": partial(dr.SoftRasterizer, **SOFT),
} | {
    "-".join(("soft", *modes)): partial(dr.SoftRasterizer, alpha=modes[0], color=modes[1], distance=modes[2], **SOFT)
    for modes in MODES
}
MAIN = ("hard", "antialiased", "soft")
SHADINGS = ("none", "flat", "gouraud", "phong")
TEXTURES = {"texture": (24, 40), "fine-texture": (128, 128), "coarse-texture": (4, 4)}
MESH_ARRAYS = ("vertices", "faces", "colors", "coordinates")  # of a checkpoint
CAMERA_PARAMETERS = ("eye", "target", "up", "pose", "lens", "principal")
ATOMIC = "texture.grad"
ROUNDING = {"float32": 1e-4, "float64": 1e-12}  # of the largest number of an array


@dataclass(frozen=True)
class Case:
    """One render and its gradient.  Strings name entries of the tables of renderers, shapes, surfaces and cameras."""

    name: str
    renderer: str
    shape: str = "ring"
    surface: str = "vertex"
    shading: str = "gouraud"
    camera: str = "perspective"
    size: tuple = SIZE
    background: tuple = (0.0, 0.0, 0.0)
    view_mesh: tuple | None = None


def cases():
    """Every render to record."""
    for renderer, surface, shading in product(MAIN, ("vertex", "face", "texture"), SHADINGS):
        yield Case(f"surface/{renderer}/{surface}/{shading}", renderer, surface=surface, shading=shading)
    for renderer in MAIN:
        yield from cases_of_renderer(renderer)
    for renderer in ("hard-culled", "antialiased-culled"):
        yield Case(f"{renderer}/whole", renderer)
        yield Case(f"{renderer}/cut", renderer, camera="inside")
    for modes in MODES:
        renderer = "-".join(("soft", *modes))
        yield Case(f"modes/{renderer}", renderer)
    for renderer in ("soft-product-softmax-barycentric", "soft-sum-softmax-euclidean", "soft-hard-hard-hard"):
        yield Case(f"modes/{renderer}/phong-texture", renderer, surface="texture", shading="phong")
        yield Case(f"modes/{renderer}/cut", renderer, camera="inside")
    yield Case("large/soft/phong-texture", "soft", shape="large", surface="texture", shading="phong", size=(64, 64))


def cases_of_renderer(renderer):
    lit_texture = {"surface": "texture", "shading": "phong"}
    for surface in ("fine-texture", "coarse-texture"):
        yield Case(f"texture/{renderer}/{surface}", renderer, surface=surface, shading="none")
    for camera in ("inside", "orthographic", "pinhole"):
        yield Case(f"camera/{renderer}/{camera}", renderer, camera=camera)
        yield Case(f"camera/{renderer}/{camera}/phong-texture", renderer, camera=camera, **lit_texture)
    yield Case(f"batch/{renderer}/one-mesh", renderer, camera="three")
    yield Case(f"batch/{renderer}/mesh-per-view", renderer, shape="three-rings", camera="three")
    yield Case(f"batch/{renderer}/view-mesh", renderer, shape="two-rings", camera="three", view_mesh=(1, 0, 1))
    yield Case(f"batch/{renderer}/phong-texture", renderer, shape="three-rings", camera="three", **lit_texture)
    yield Case(f"background/{renderer}", renderer, background=(0.2, 0.5, 0.9))
    for size in ((16, 16), (5, 70)):
        yield Case(f"size/{renderer}/{size[0]}x{size[1]}", renderer, size=size)
    yield Case(f"large/{renderer}", renderer, shape="large", size=(128, 128))


class Recording(dict):
    """Arrays by ``case/name``."""

    def add(self, case, **arrays):
        """Keeps the arrays of a case, of which none may have been kept before."""
        for name, values in arrays.items():
            key = f"{case}/{name}"
            assert key not in self, key
            self[key] = np.asarray(values)

    def add_gradients(self, case, **fields):
        """Keeps the gradients of fields as ``name.grad``."""
        self.add(case, **{f"{name}.grad": field.grad.to_numpy() for name, field in fields.items()})


def noise(name, shape):
    """Random numbers of the normal distribution, the same for the same name in every run."""
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)


def fill(field, values):
    """Writes an array into a Taichi field of either precision."""
    dtype = np.float64 if field.dtype == ti.f64 else np.float32
    field.from_numpy(np.ascontiguousarray(values, dtype=dtype))


@cache
def ring(segments, sides, radius=0.7, tube=0.3):
    """A bumpy torus about the y axis: vertices, faces, texture coordinates with a seam, and the faces that use them."""
    around, across = np.arange(segments + 1), np.arange(sides + 1)
    long, short = np.meshgrid(2 * np.pi * around / segments, 2 * np.pi * across / sides, indexing="ij")
    thickness = tube * (1 + 0.15 * np.sin(3 * long + 1) * np.cos(2 * short))
    distance = radius + thickness * np.cos(short)
    vertices = np.stack([distance * np.sin(long), thickness * np.sin(short), distance * np.cos(long)], axis=-1)
    uv = np.stack(np.meshgrid(2 * around / segments, across / sides, indexing="ij"), axis=-1)
    faces, uv_faces = (grid_faces(segments, sides, segments + k, sides + k) for k in (0, 1))
    return vertices[:-1, :-1].reshape(-1, 3), faces, uv.reshape(-1, 2), uv_faces


def grid_faces(segments, sides, rows, columns):
    """Two triangles for each cell of a grid of indices, which wrap at ``rows`` and ``columns``."""
    i, j = (index.reshape(-1) for index in np.meshgrid(np.arange(segments), np.arange(sides), indexing="ij"))
    here, below = i * columns, (i + 1) % rows * columns
    right = (j + 1) % columns
    corners = np.stack([here + j, below + j, below + right, here + right], axis=1)
    return corners[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)


@cache
def make_mesh(shape, surface, shading):
    vertices, faces, uv, uv_faces = ring(26, 25) if shape == "large" else ring(8, 6)
    batch = {"two-rings": 2, "three-rings": 3}.get(shape, 1)
    vertices = vertices + 0.05 * noise(shape, (batch, *vertices.shape)) * (shape != "large")
    material = dr.Material(shading, specular=0.4, shininess=12.0)
    if surface in TEXTURES:
        texture = bounded_noise(surface, (*TEXTURES[surface], 3))
        return dr.Mesh(vertices, faces, uv=uv, uv_faces=uv_faces, texture=texture, material=material)
    rows = len(faces) if surface == "face" else vertices.shape[1]
    colors = bounded_noise(surface, (batch, rows, 3))
    return dr.Mesh(vertices, faces, material=material, **{"face_colors" if surface == "face" else "colors": colors})


def bounded_noise(name, shape):
    """Colours: random numbers between 0 and 1."""
    return 0.5 + 0.5 * np.tanh(noise(name, shape))


@cache
def make_camera(name):
    eye, pose = (0.9, 1.2, 1.6), (0.03, -0.05, 0.1, 0.05, -0.02, 0.04)
    if name == "inside":  # the near plane cuts the faces below and beside the eye; some lie behind it
        return dr.Camera((0.0, 0.5, 0.75), (0.3, 0.0, -0.5), fov_y=1.5, near=0.25, pose=pose)
    if name == "orthographic":
        return dr.Camera(eye, half_height=0.9, pose=pose)
    if name == "pinhole":
        return dr.Camera(eye, focal=(1.9, 1.6), principal=(0.1, -0.2), pose=pose)
    if name == "three":
        return dr.Camera.orbit(azimuth_deg=[10, 130, 250], elevation_deg=[15, 35, -20], distance=2.4, fov_y_deg=50)
    return dr.Camera(eye, fov_y=0.9, pose=pose)


@cache
def make_lights():
    return dr.Lights(
        ambient=(0.2, 0.25, 0.3),
        directional=[dr.DirectionalLight((0.3, 1.0, 0.5), 0.6, (1.0, 0.9, 0.8))],
        point=[dr.PointLight((1.5, 1.0, 1.0), 0.5)],
    )


@cache
def make_renderer(name, size):
    return RENDERERS[name](size)


def record_render(recording, case):
    """The outputs of one render, and the gradients of everything that has some."""
    renderer, mesh = make_renderer(case.renderer, case.size), make_mesh(case.shape, case.surface, case.shading)
    camera, lights = make_camera(case.camera), make_lights()
    renderer.background = case.background
    frame = renderer.render(mesh, camera, lights, view_mesh=case.view_mesh)
    names = ["color", "alpha", "depth", "normal"]
    if isinstance(renderer, dr.Rasterizer):
        names.append("barycentric")
    outputs = {name: frame.field(name) for name in names}
    recording.add(case.name, **{name: frame.numpy(name) for name in [*names, "face_id"]})
    ti.ad.clear_all_gradients()
    for name, field in outputs.items():
        fill(field.grad, noise(name, field.to_numpy().shape))
    renderer.backward()
    recording.add_gradients(case.name, **differentiable(mesh, camera, lights))


def differentiable(mesh, camera, lights):
    """The fields of a scene by name."""
    names = ["vertices", "colors"] + ["uv", "texture"] * mesh.has("texture")
    fields = {name: getattr(mesh, name) for name in names} | {name: getattr(camera, name) for name in CAMERA_PARAMETERS}
    return fields | {"light-color": lights.color, "light-vector": lights.vector}


def record_fit(recording, renderer_name):
    """Three steps towards an image in a tape that uses colour and alpha only, with LargeSteps and two optimisers."""
    case = f"fit/{renderer_name}"
    vertices, faces, *_ = ring(8, 6)
    mesh = dr.Mesh(vertices, faces, colors=(0.5, 0.6, 0.7))
    camera, renderer = make_camera("three"), RENDERERS[renderer_name](SIZE)
    smooth = dr.LargeSteps(mesh, strength=5.0)
    optimizers = dr.UniformAdam([smooth.coordinates], lr=0.03), dr.Adam([mesh.colors], lr=0.02)
    loss = ti.field(float, shape=(), needs_grad=True)
    target = bounded_noise("target", (3, *SIZE, 3))
    losses = []
    for _ in range(3):
        loss[None] = 0
        with ti.ad.Tape(loss):
            smooth.apply()
            frame = renderer.render(mesh, camera)
            dr.losses.iou(frame.alpha, target[..., 0].copy(), loss)
            dr.losses.l1(frame.color, target, loss)
        losses.append(loss[None])
        for optimizer in optimizers:
            optimizer.step()
    recording.add(case, losses=losses, vertices=mesh.numpy("vertices"), colors=mesh.numpy("colors"))
    recording.add_gradients(case, coordinates=smooth.coordinates, vertices=mesh.vertices, colors=mesh.colors)


def record_losses(recording):
    """Value and gradient of every loss."""
    shape = (2, 23, 31)
    image, alpha = ti.Vector.field(3, float, shape, needs_grad=True), ti.field(float, shape, needs_grad=True)
    fill(image, bounded_noise("image", (*shape, 3)))
    fill(alpha, bounded_noise("alpha", shape))
    images, silhouettes = bounded_noise("images", (*shape, 3)), bounded_noise("silhouettes", shape)
    mesh, other = make_mesh("three-rings", "vertex", "none"), make_mesh("ring", "vertex", "none")
    loss = ti.field(float, shape=(), needs_grad=True)
    table = {
        "mse": (image, partial(dr.losses.mse, image, images)),
        "l1": (image, partial(dr.losses.l1, image, images)),
        "huber": (image, partial(dr.losses.huber, image, images)),
        "ssim": (image, partial(dr.losses.ssim, image, images)),
        "ssim-alpha": (alpha, partial(dr.losses.ssim, alpha, silhouettes)),
        "iou": (alpha, partial(dr.losses.iou, alpha, silhouettes)),
        "edge_length": (mesh.vertices, partial(dr.losses.edge_length, mesh)),
        "edge_length-target": (mesh.vertices, partial(dr.losses.edge_length, mesh, target=0.3)),
        "normal_consistency": (mesh.vertices, partial(dr.losses.normal_consistency, mesh)),
        "flatten": (mesh.vertices, partial(dr.losses.flatten, mesh)),
        "laplacian": (mesh.vertices, partial(dr.losses.laplacian, mesh)),
        "laplacian-cotangent": (mesh.vertices, partial(dr.losses.laplacian, mesh, kind="cotangent")),
        "chamfer": (mesh.vertices, partial(dr.losses.chamfer, mesh, other, samples=500)),
    }
    for name, (field, function) in table.items():
        loss[None] = 0
        with ti.ad.Tape(loss):
            function(loss=loss, weight=0.7)
        recording.add(f"loss/{name}", value=loss[None])
        recording.add_gradients(f"loss/{name}", prediction=field)


def record_optimizers(recording):
    """Three steps of every optimiser along fixed gradients."""
    table = {
        "sgd": partial(dr.SGD, lr=0.1),
        "sgd-nesterov": partial(dr.SGD, lr=0.1, momentum=0.9, nesterov=True),
        "adam": partial(dr.Adam, lr=0.1),
        "adam-clipped": partial(dr.Adam, lr=0.1, clip_norm=1.0, clip_value=0.5, weight_decay=0.01),
        "uniform-adam": partial(dr.UniformAdam, lr=0.1),
    }
    for name, make in table.items():
        field = ti.Vector.field(3, float, 300, needs_grad=True)
        fill(field, noise("start", (300, 3)))
        optimizer = make([field])
        for step in range(3):
            fill(field.grad, noise(f"gradient {step}", (300, 3)))
            optimizer.step()
        recording.add(f"optimizer/{name}", parameter=field.to_numpy())


def record_shapes(recording):
    """The procedural shapes, and a subdivided mesh."""
    for name in ("icosphere", "sphere", "box", "torus", "plane", "cylinder", "cone", "car", "airplane"):
        mesh = getattr(dr.shapes, name)()
        recording.add(f"shape/{name}", vertices=mesh.numpy("vertices"), faces=mesh.numpy("faces"))
    mesh = make_mesh("ring", "texture", "none").subdivide()
    recording.add("shape/subdivided", **{name: mesh.numpy(name) for name in ("vertices", "faces", "uv")})


def record_commands(recording):
    """Images from the command ``dataset``, and three steps of the command ``reconstruct`` from them."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        run_command("dataset", "car", data, "--views", 4, "--test-views", 1, "--size", 48)
        views = dr.load_posed_images(data)
        recording.add("command/dataset", images=views.images, alpha=views.alpha, poses=views.camera_to_world)
        for renderer in ("antialiased", "soft"):
            out = Path(folder, renderer)
            run_command("reconstruct", data, out, "--steps", 3, "--renderer", renderer)
            held_out = json.loads((out / "metrics.json").read_text())["held_out"]
            with np.load(out / "state.npz") as state:
                arrays = {Path(name).name: state[name] for name in state.files if Path(name).name in MESH_ARRAYS}
            recording.add(f"command/reconstruct-{renderer}", **arrays, **held_out)


def run_command(*arguments):
    """``python -m taichi_dr`` on the CPU, from the package that is imported here."""
    environment = os.environ | {"PYTHONPATH": str(Path(dr.__file__).parents[1])}
    command = [sys.executable, "-m", "taichi_dr", *map(str, arguments), "--backend", "cpu"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def record(options):
    """Records everything to a file; returns the exit status."""
    dr.init(options.arch, float64=options.float64)
    print(f"recording {Path(dr.__file__).parent}")
    recording = Recording()
    for case in cases():
        record_render(recording, case)
    for renderer in MAIN:
        record_fit(recording, renderer)
    record_losses(recording)
    record_optimizers(recording)
    record_shapes(recording)
    if options.arch == "cpu" and not options.float64:
        record_commands(recording)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.output, **recording)
    print(f"{len(recording)} arrays of {len({split(key)[0] for key in recording})} cases written to {options.output}")
    return 0


def split(key):
    """(case, name) of a key of the file."""
    case, _, name = key.rpartition("/")
    return case, name


def compare(options):
    """Prints how two files differ, case by case; returns the exit status."""
    with np.load(options.first) as first, np.load(options.second) as second:
        first, second = dict(first), dict(second)
    by_case = {}
    for key in first.keys() & second.keys():
        case, name = split(key)
        by_case.setdefault(case, {})[name] = Difference.between(name, first[key], second[key])
    width = max(map(len, by_case), default=0)
    for case, differences in sorted(by_case.items()):
        print(f"{case:{width}}  {verdict(differences)}")
    alone = first.keys() ^ second.keys()
    for key in sorted(alone):
        print(f"{key}: only in {options.first if key in first else options.second}")
    different = sum(not all(d.is_identical for d in differences.values()) for differences in by_case.values())
    print(f"{len(by_case) - different} cases identical, {different} different; {len(alone)} arrays in one file only")
    return int(different > 0 or len(alone) > 0)


@dataclass(frozen=True)
class Difference:
    """How two arrays differ: bit by bit, at most, and in proportion to the largest number of the first."""

    is_identical: bool
    absolute: float = 0.0
    relative: float = 0.0

    @classmethod
    def between(cls, name, a, b):
        if a.shape != b.shape or a.dtype != b.dtype:
            return cls(False, np.inf, np.inf)
        if a.tobytes() == b.tobytes():
            return cls(True)
        a, b, kind = a.astype(np.float64), b.astype(np.float64), a.dtype.name
        absolute = np.abs(a - b).max()
        relative = absolute / max(np.abs(a).max(), np.finfo(np.float64).tiny)
        return cls(name == ATOMIC and relative <= ROUNDING[kind], absolute, relative)


def verdict(differences):
    """A case's cell of the table."""
    worst = max(differences, key=lambda name: (not differences[name].is_identical, differences[name].relative))
    difference = differences[worst]
    if difference.relative == 0 and difference.is_identical:
        return "identical"
    text = f"{worst}: {difference.absolute:.1e} absolute, {difference.relative:.1e} relative"
    return f"identical but for {text} (sums by atomics)" if difference.is_identical else text


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="record | compare")
    recorder = commands.add_parser("record", help="write the numbers of this tree to a file")
    recorder.add_argument("output", type=Path, metavar="OUT.npz")
    recorder.add_argument("--arch", choices=("cpu", "vulkan", "cuda"), default="cpu")
    recorder.add_argument("--float64", action="store_true")
    recorder.set_defaults(run=record)
    comparer = commands.add_parser("compare", help="compare two files")
    comparer.add_argument("first", type=Path, metavar="A.npz")
    comparer.add_argument("second", type=Path, metavar="B.npz")
    comparer.set_defaults(run=compare)
    return parser.parse_args()


if __name__ == "__main__":
    options = parse_options()
    sys.exit(options.run(options))
