"""Random scenes for every renderer: pictures and gradients of which every number has to make sense.

A scene is a function of a random generator and a ``Stage``; it renders, goes back, and returns ``Findings``.  Kernels
are few (switches are drawn from short lists, functions of a point are the stage's), so that they compile once: what
grows from scene to scene is what the package itself keeps.
"""

from typing import NamedTuple

import numpy as np
import taichi as ti

import taichi_dr as dr

SIZES = ((17, 40), 32, 64, (96, 61))
SHAPES = (
    lambda r: dr.shapes.icosphere(int(r.integers(0, 5))),
    lambda r: dr.shapes.torus(segments=int(r.integers(3, 60)), sides=int(r.integers(3, 40))),
    lambda r: dr.shapes.box(r.uniform(0.01, 2, 3)),
    lambda r: dr.shapes.cylinder(segments=int(r.integers(3, 80))),
    lambda r: dr.shapes.plane(segments=int(r.integers(1, 30))),
    lambda r: dr.shapes.car(),
    lambda r: dr.shapes.airplane(),
)
SLACK = 1e-3  # of what alpha and depth are between, relative to each bound that is not zero
APART = 1e-5  # of a ray's reach, hits from where their rays say: at most 2e-6 in 200 scenes


class Findings(NamedTuple):
    """A frame's outputs and gradients by name, the depths between which pixels are, and how far hits are off."""

    pictures: dict
    gradients: dict
    near: float
    far: float
    apart: float = 0.0

    def wrong(self):
        """What makes no sense, in words; empty if all does."""
        for name, values in (self.pictures | self.gradients).items():
            if count := np.count_nonzero(~np.isfinite(values)):
                return f"{name}: {count} of {values.size} numbers are not finite"
        for name, least, most in (("color", 0, np.inf), ("alpha", 0, 1), ("depth", self.near, self.far)):
            low, high = (float(pick(self.pictures[name])) for pick in (np.min, np.max))
            if low < least - SLACK * (abs(least) or 1) or high > most + SLACK * (abs(most) or 1):
                return f"{name}: from {low:g} to {high:g}, expected from {least:g} to {most:g}"
        return "" if self.apart <= APART else f"a hit is {self.apart:g} of its ray's reach from where the ray is"


def pick(random, *choices):
    """One of the choices."""
    return choices[random.integers(len(choices))]


def random_mesh(random):
    """A shape of any scale, whose corners may lie anywhere and whose faces may have no area; and its scale."""
    mesh = pick(random, *SHAPES)(random)
    vertices, faces = mesh.numpy("vertices")[0], mesh.numpy("faces")
    if random.random() < 0.5:
        vertices = vertices + random.normal(scale=10.0 ** random.uniform(-4, -0.5), size=vertices.shape)
    if random.random() < 0.3:
        some = random.integers(len(vertices), size=(2, 1 + len(vertices) // 50))
        vertices[some[0]] = vertices[some[1]]
    look = pick(random, "colors", "face_colors", "texture")
    looks = {
        "colors": {"colors": random.random(vertices.shape)},
        "face_colors": {"face_colors": random.random((len(faces), 3))},
        "texture": {
            "texture": random.random((pick(random, 1, 8, 33), 16, 3)),
            "uv": random.normal(size=(len(vertices), 2)),
        },
    }
    scale = 10.0 ** random.uniform(-2, 4)
    material = dr.Material(pick(random, "none", "flat", "gouraud", "phong"), specular=pick(random, 0.0, 0.4))
    return dr.Mesh(vertices * scale, faces, material=material, **looks[look]), scale


def random_camera(random, scale, views=1):
    """Cameras anywhere, inside of things too, of any field of view; perspective or parallel."""
    distance, target = scale * 10.0 ** random.uniform(-1, 1), scale * random.normal(scale=0.3, size=3)
    if random.random() < 0.2:
        eyes = target + distance * random.normal(size=(views, 3))
        return dr.Camera.orthographic(eyes, target, half_height=scale * random.uniform(0.2, 2))
    azimuth, elevation = random.uniform(0, 360, views), random.uniform(-89, 89, views)
    return dr.Camera.orbit(azimuth, elevation, distance, random.uniform(5, 120), target)


def random_lights(random, scale):
    """No lights, or some of every kind."""
    if random.random() < 0.2:
        return None
    suns = [dr.DirectionalLight(random.normal(size=3), color=random.random(3)) for _ in range(random.integers(3))]
    return dr.Lights(
        ambient=random.random(),
        directional=suns,
        point=[dr.PointLight(scale * random.normal(scale=2, size=3), 1.0) for _ in range(random.integers(2))],
    )


class Stage:
    """What all scenes of a process share, since kernels are compiled for it: the loss, and functions of a point."""

    def __init__(self):
        self.loss = ti.field(float, shape=(), needs_grad=True)
        self.blob = ti.Vector.field(4, float, shape=3, needs_grad=True)  # centres and radii
        self.thickness = ti.field(float, shape=(), needs_grad=True)
        blob, thickness = self.blob, self.thickness

        @ti.func
        def distance(p):
            first = dr.sdf.sphere(p - blob[0].xyz, blob[0].w)
            second = dr.sdf.rounded_box(p - blob[1].xyz, ti.Vector([0.4, 0.3, 0.5]) * blob[1].w, 0.05)
            return dr.sdf.smooth_union(first, ti.min(second, dr.sdf.torus(p - blob[2].xyz, 0.5, 0.3 * blob[2].w)), 0.1)

        @ti.func
        def cloud(p, d):
            density = thickness[None] * ti.exp(-4.0 * ti.max(distance(p), -1.0))
            return dr.Sample(density, ti.Vector([0.9, 0.6, 0.3]) * (0.6 + 0.4 * d.y))

        self.functions = {"inline": distance, "grid": dr.sdf.Grid(np.zeros((12, 12, 12)), (-1, 1))}
        self.clouds = {
            "inline": cloud,
            "grid": dr.radiance.Grid((-1, 1), 9),
            "hash": dr.radiance.HashNeRF(levels=4, most_rows=1 << 10, finest=64),
            "nerf": dr.radiance.NeRF(hidden=(32, 32), skips=(), features=32, color_hidden=(16,), coarse=False),
        }

    def shuffle(self, random):
        """Draws the numbers that the functions of a point read."""
        blobs = np.concatenate([random.uniform(-0.5, 0.5, (3, 3)), random.uniform(0.1, 0.6, (3, 1))], axis=1)
        self.blob.from_numpy(blobs.astype(np.float32))
        self.thickness[None] = 10.0 ** random.uniform(-2, 3)


def there_and_back(stage, render, camera, outputs, gradients):
    """Renders in a tape whose loss is the mean squared difference of the outputs from 0.3; ``gradients()`` are those to
    look at, by name."""
    with ti.ad.Tape(stage.loss):
        frame = render()
        for name in outputs:
            dr.losses.mse(frame.field(name), np.full(frame.numpy(name).shape, 0.3), stage.loss)
    pictures = {name: frame.numpy(name) for name in frame.outputs}
    return Findings(pictures, gradients() | {"loss": np.array(stage.loss[None])}, camera.near, camera.far)


def gradients_of(*owners):
    """``gradients`` of (owner, names of its fields)."""
    return lambda: {f"gradient of {name}": owner.gradient(name) for owner, names in owners for name in names}


def _rasterized(random, stage, renderer, outputs=("color", "alpha")):
    mesh, scale = random_mesh(random)
    camera, lights = random_camera(random, scale, int(random.integers(1, 4))), random_lights(random, scale)
    own = next(name for name in ("colors", "face_colors", "texture") if mesh.has(name))
    owners = [(mesh, ["vertices", own]), (camera, ["eye"]), *([(lights, ["color"])] if lights else [])]
    return there_and_back(stage, lambda: renderer.render(mesh, camera, lights), camera, outputs, gradients_of(*owners))


def rasterizer(random, stage):
    """Hard, or antialiased; with depth and normals in the loss."""
    renderer = dr.Rasterizer(
        pick(random, *SIZES),
        antialias=pick(random, False, True),
        background=pick(random, None, random.random(3)),
        cull_back=pick(random, False, True),
    )
    return _rasterized(random, stage, renderer, pick(random, ("color", "alpha"), ("color", "depth", "normal")))


def soft_rasterizer(random, stage):
    """Any softness."""
    sigma, gamma = 10.0 ** random.uniform(-7, -2, 2)
    renderer = dr.SoftRasterizer(
        pick(random, *SIZES), sigma, gamma, background=pick(random, None, random.random(3)),
        alpha=pick(random, "product", "product", "sum"),
    )  # fmt: skip
    return _rasterized(random, stage, renderer)


def ray_tracer(random, stage):
    """A mesh, a mirror, glass and a floor under lights of every kind."""
    mesh, scale = random_mesh(random)
    camera = random_camera(random, scale, int(random.integers(1, 3)))
    glass = dr.Material(index_of_refraction=random.uniform(1.0, 2.0))
    things = [
        mesh,
        dr.Sphere(scale * random.normal(size=3), scale * random.uniform(0.1, 1), material=glass),
        dr.Sphere(scale * random.normal(size=3), scale * 0.5, material=dr.Material(reflectivity=random.random())),
        dr.Plane(y=-scale * random.uniform(0.5, 2)),
    ]
    lamp = dr.SphereLight(scale * random.normal(scale=2, size=3), scale * 0.3, radiance=5)
    lights = dr.Lights(0.1, [dr.DirectionalLight(random.normal(size=3), 0.8)], area=lamp)
    scene = dr.Scene(things[: random.integers(1, 5)], lights)
    tracer = dr.RayTracer(
        pick(random, *SIZES), samples=pick(random, 1, 4), bounces=pick(random, 0, 4), seed=int(random.integers(1000)),
        boundary_gradients=pick(random, False, True),
    )  # fmt: skip
    return there_and_back(
        stage, lambda: tracer.render(scene, camera), camera, ("color",),
        gradients_of((mesh, ["vertices"]), (camera, ["eye"]), (lamp, ["radiance"])),
    )  # fmt: skip


def ray_caster(random, stage):
    """Rays at a mesh, from anywhere: hits are where they say."""
    mesh, scale = random_mesh(random)
    origins, directions = scale * random.normal(scale=2, size=(500, 3)), random.normal(size=(500, 3))
    hits = dr.RayCaster(mesh).closest(origins, directions)
    met = hits.face_id >= 0
    corners = mesh.numpy("vertices")[0][mesh.numpy("faces")[hits.face_id[met]]]
    on_face = np.einsum("rk,rkd->rd", hits.barycentrics[met], corners)
    apart = np.linalg.norm(on_face - origins[met] - hits.t[met, None] * directions[met], axis=1)
    reach = np.linalg.norm(origins[met], axis=1) + hits.t[met] * np.linalg.norm(directions[met], axis=1)
    return Findings({"color": met, "alpha": met, "depth": met}, {}, 0, 1, float(np.max(apart / reach, initial=0.0)))


def sphere_tracer(random, stage):
    """A function of one's own, or a grid of random distances."""
    stage.shuffle(random)
    kind = pick(random, *stage.functions)
    function = stage.functions[kind]
    if kind == "grid":
        function.fields.set("values", random.normal(scale=0.3, size=(12, 12, 12)) + random.uniform(-0.2, 0.4))
    tracer = dr.SphereTracer(function, pick(random, *SIZES), bounds=dr.Box(-1, 1))
    camera = random_camera(random, 1.0, int(random.integers(1, 3)))
    lights = random_lights(random, 1.0)

    def gradients():
        own = stage.blob.grad.to_numpy() if kind == "inline" else function.gradient("values")
        return {"gradient of the function": own} | gradients_of((camera, ["eye"]))()

    return there_and_back(stage, lambda: tracer.render(camera, lights), camera, ("color", "alpha"), gradients)


def volume_renderer(random, stage):
    """A function of one's own, a grid, or a network's field."""
    stage.shuffle(random)
    kind = pick(random, *stage.clouds)
    function = stage.clouds[kind]
    scale = 10.0 ** random.uniform(-2, 1)
    names = {"hash": ["table", "density_weights"], "nerf": ["trunk", "color"]}.get(kind, [])
    for name in names:
        function.fields.set(name, random.normal(scale=scale, size=function.numpy(name).shape))
    if kind == "grid":
        function.set(random.normal(scale=scale, size=function.numpy().shape))
    renderer = dr.VolumeRenderer(
        function, pick(random, *SIZES), bounds=dr.Box(-1, 1), samples=pick(random, 8, 48),
        sampling=pick(random, "uniform", "stratified"),
    )  # fmt: skip
    camera = random_camera(random, 1.0, int(random.integers(1, 3)))

    def gradients():
        own = {"inline": lambda: stage.blob.grad.to_numpy(), "grid": lambda: function.gradient()}.get(kind)
        found = {"gradient of the function": own()} if own else {}
        return found | gradients_of((function, names), (camera, ["eye"]))()

    return there_and_back(stage, lambda: renderer.render(camera), camera, ("color", "alpha"), gradients)


SCENES = {
    scene.__name__: scene
    for scene in (rasterizer, soft_rasterizer, ray_tracer, ray_caster, sphere_tracer, volume_renderer)
}
