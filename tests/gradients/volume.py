"""Volume rendering, from every output to every field that the function, the background and the camera have."""

from typing import Any, NamedTuple

import numpy as np
import taichi as ti

import taichi_dr as dr
from tests.gradients.march import orthographic
from tests.gradients.program import Operation, TapeProgram, add_scalars, add_vectors, new_field, single
from tests.render.mesh.test_gradients import two_views

SIZE = (7, 9)
SAMPLES = 12
OUTPUTS = ("color", "alpha", "depth", "transmittance")
BOX, BALL = dr.Box(-0.9, (0.8, 0.9, 0.7)), dr.Ball((0.1, 0, 0), 0.9)
SEEN = 1e-2  # opacity from which a depth says something in single precision


class Cloud:
    """A blob of fog, dense where bounds cut it off, that glows differently from every side."""

    def __init__(self, rng):
        numbers = {
            "center": np.array([0.1, 0.05, -0.02]),
            "tint": np.array([0.3, 0.2, 0.1]),
            "density": np.array([1.7]),
        }
        self.fields = {
            name: new_field(single(value * rng.uniform(0.9, 1.1, value.shape)), value.size)
            for name, value in numbers.items()
        }
        center, tint, density = self.fields.values()

        @ti.func
        def fog(p, d):
            q = p - center[None]
            color = ti.Vector([0.5, 0.4, 0.6]) + tint[None] * ti.Vector([p.x, ti.sin(p.y), d.x + d.z * p.z])
            return dr.Sample(density[None][0] * ti.exp(-q.dot(q)), color)

        self.function = fog


class Surface:
    """A ball as the density of its distance, as sharp as a field says."""

    def __init__(self, rng):
        radius, beta = (new_field(single(value * rng.uniform(0.9, 1.1, 1)), 1) for value in (0.5, 0.15))
        self.fields = {"radius": radius, "beta": beta}

        @ti.func
        def ball(p, d):
            distance = p.norm(1e-12) - radius[None][0]
            return dr.Sample(dr.radiance.sdf_density(distance, beta[None][0]), (0.9, 0.5, 0.2))

        self.function = ball


class Learned(NamedTuple):
    """A field of ``dr.radiance`` and what it reads."""

    function: Any
    fields: dict


def nerf(**settings):
    """A small NeRF that is fog of a density of about 1 to begin with."""

    def make(rng):
        shape = {"direction_frequencies": 1, "hidden": (9, 8), "skips": (1,), "features": 6, "color_hidden": (5,)}
        function = dr.radiance.NeRF(2, **(shape | settings), coarse=False)
        numbers = {name: function.numpy(name) for name in function.fields.arrays}
        function.layers("trunk", numbers["trunk"])[-1][1][0] = 1.0
        for name, values in numbers.items():
            function.set(name, values + 0.05 * rng.standard_normal(values.shape))
        return Learned(function, {name: function.fields.field(name) for name in numbers})

    return make


def hash_nerf(**settings):
    """A small hash grid, whose table says something, with its networks."""

    def make(rng):
        sizes = {"levels": 2, "width": 2, "coarsest": 2, "finest": 5, "most_rows": 64} | settings
        function = dr.radiance.HashNeRF((-0.9, 0.9), **sizes, density_hidden=(8,), color_hidden=(8,))
        function.set("table", rng.standard_normal(function.numpy("table").shape))
        return Learned(function, {name: function.fields.field(name) for name in function.fields.arrays})

    return make


def volume(make_scene, make_camera=two_views, bounds=BOX, behind=None, **settings):
    """A program: the outputs of one render, weighted with random numbers and added up."""

    def make(rng):
        scene, camera = make_scene(rng), make_camera()
        background, fields = behind(rng) if behind else ((0.1, 0.4, 0.2), {})
        given = {"bounds": bounds, "samples": SAMPLES, "background": background} | settings
        renderer = dr.VolumeRenderer(scene.function, SIZE, **given)
        frame = renderer.render(camera)
        seen = frame.numpy("alpha") > SEEN
        weights = {}
        for name in OUTPUTS:
            values = rng.standard_normal(frame.numpy(name).shape)
            weights[name] = new_field(
                single(values * seen if name == "depth" else values), 3 * (name == "color"), False
            )

        def run(loss):
            frame = renderer.render(camera)
            for name, weight in weights.items():
                (add_vectors if name == "color" else add_scalars)(frame.field(name), weight, loss)

        fields |= {f"function.{name}": field for name, field in scene.fields.items()}
        fields |= {f"camera.{name}": field for name, field in camera.fields.fields.items()}
        return TapeProgram(fields, run)

    return make


def field_behind(rng):
    field = new_field(single(rng.random((*SIZE, 3))), 3)
    return field, {"background": field}


def sky(rng):
    blue = new_field(single(rng.uniform(0.5, 0.9, 3)), 3)

    @ti.func
    def color(d):
        return blue[None] * (1.0 + d.y) + ti.Vector([0.2 * d.x, 0.1, d.z * d.x])

    return color, {"sky.color": blue}


def environment(rng):
    texels = dr.Environment(single(rng.random((5, 9, 3))))
    return texels, {"environment.texels": texels.texels}


OPERATIONS = [
    Operation(
        "renderers",
        "VolumeRenderer",
        {
            "in a box": volume(Cloud),
            "in a ball": volume(Cloud, bounds=BALL),
            "stratified": volume(Cloud, sampling="stratified", seed=3),
            "orthographic": volume(Cloud, orthographic),
            "stops early": volume(Cloud, tolerance=0.3),
            "a field behind": volume(Cloud, behind=field_behind),
            "a sky behind": volume(Cloud, behind=sky),
            "an environment behind": volume(Cloud, behind=environment),
            "the density of a distance": volume(Surface, background=None),
        },
        {
            "where a ray stops": "a choice; what is behind has no more than the tolerance of the light",
            "bounds, samples, seed, and other settings": "plain numbers",
            "camera.near, .far": "plain numbers: they say what is cut",
        },
    ),
    Operation(
        "radiance fields",
        "radiance.NeRF",
        {
            "as published": volume(nerf(), tolerance=0),
            "without directions": volume(nerf(direction_frequencies=None), tolerance=0),
            "other nonlinearities": volume(
                nerf(skips=(), activations=("linear", "relu"), feature_activation="relu"), tolerance=0
            ),
        },
        {"where the coarse network has samples added": "a choice"},
    ),
    Operation(
        "radiance fields",
        "radiance.HashNeRF",
        {
            "points share a row": volume(hash_nerf(), tolerance=0),
            "a row for each point": volume(hash_nerf(most_rows=512), tolerance=0),
        },
        {
            "borders of cells, bends of ReLU": "slopes jump there",
            "which cells are empty": "a choice",
        },
    ),
]
