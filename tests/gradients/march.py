"""Sphere tracing, from every output to every field that the function, the colour, the camera and the lights have.

Pixels beside silhouettes are left out: coverage holds the width of an edge constant, and what it says is compared with
supersampled images (``tests/render/march/test_silhouettes.py``).
"""

import numpy as np
import taichi as ti
from scipy.ndimage import binary_erosion

import taichi_dr as dr
from taichi_dr.implicit.voxel_grid import positions
from taichi_dr.kernels.march.rows import COVERED, FIXED
from tests.gradients.program import Operation, TapeProgram, add_scalars, add_vectors, new_field, single
from tests.render.mesh.test_gradients import some_lights, spot_lights, two_views

SIZE = 24
OUTPUTS = ("color", "depth", "normal", "position")
BOUNDS = dr.Box(-1.3, 1.3)
BESIDE = 0.05  # cells: nearer to the next one, slopes by differences are those of both
STEEP, STEP = 0.25, 1e-3  # slope along a ray; points move by one over it, and single precision's error by its square
STEEPEST = 0.08  # change of depth from pixel to pixel, world units: no silhouette, nor steep for single precision


class Solids:
    """A ball, a ring and a box, blended, in a colour that depends on the place; every number of it is a field."""

    def __init__(self, rng):
        numbers = {
            "center": np.array([0.3, 0.1, 0.2]),
            "ring": np.array([0.75, 0.25]),
            "box": np.array([0.4, 0.4, 0.35]),
            "width": np.array([0.15]),
            "tint": np.array([0.3, 0.2, 0.4]),
        }
        self.fields = {
            name: new_field(single(value * rng.uniform(0.95, 1.05, value.shape)), value.size)
            for name, value in numbers.items()
        }
        center, ring, box, width, tint = self.fields.values()

        @ti.func
        def distance(p):
            round_ones = dr.sdf.smooth_union(
                dr.sdf.sphere(p - center[None], 0.45), dr.sdf.torus(p, ring[None][0], ring[None][1]), width[None][0]
            )
            q = dr.sdf.rotate(p - ti.Vector([-0.4, 0.3, 0.1]), (1, 2, 0), 0.5)
            return dr.sdf.smooth_union(round_ones, dr.sdf.rounded_box(q, box[None], 0.1), 0.1)

        @ti.func
        def color(p):
            return ti.Vector([0.5, 0.5, 0.5]) + tint[None] * ti.Vector([p.x, p.y, ti.sin(p.z)])

        self.function, self.color, self.settings = distance, color, {}


class Learned:
    """A network that is nearly a ball."""

    def __init__(self, rng):
        self.function = dr.sdf.Latent(code_size=3, hidden=(12, 12), skips=(), radius=0.8, beta=20.0)
        weights = self.function.numpy("weights")
        self.function.set("weights", weights + 0.02 * np.abs(weights).mean() * rng.standard_normal(weights.shape))
        self.function.set("code", 0.1 * rng.standard_normal(3))
        self.fields = {"code": self.function.code, "weights": self.function.weights}
        self.color, self.settings = (0.8, 0.5, 0.3), {"scale": 0.7}


class Sampled:
    """Distances and colours at the points of two grids, the cells of the one halves of the other's."""

    def __init__(self, rng):
        bounds = (-1.2, 1.2)
        x, y, z = np.moveaxis(positions(bounds, (15, 15, 15)), -1, 0)
        ring, ball = np.hypot(np.hypot(x, z) - 0.75, y) - 0.27, np.sqrt((x - 0.3) ** 2 + (y - 0.2) ** 2 + z**2) - 0.5
        noise = 0.005 * rng.standard_normal(x.shape)
        self.function = dr.sdf.Grid(single(np.minimum(ring, ball) + noise), bounds)
        self.color = dr.VoxelGrid(single(rng.uniform(0.2, 0.9, (8, 8, 8, 3))), bounds)
        self.fields = {"values": self.function.values, "colors": self.color.values}
        self.settings = {"scale": 0.8}


def orthographic():
    return dr.Camera.orthographic(eye=(1.1, 0.8, 2.1), half_height=1.2, near=0.3, far=6.0)


def traced(
    make_scene,
    outputs=OUTPUTS,
    make_camera=two_views,
    make_lights=some_lights,
    background=(0.1, 0.4, 0.2),
    bounds=BOUNDS,
):
    """A program: the outputs of one render, weighted with random numbers away from silhouettes and added up."""

    def make(rng):
        scene, camera, lights = make_scene(rng), make_camera(), make_lights()
        material = dr.Material("phong", specular=0.3, shininess=7.0)
        settings = {"bounds": bounds, "color": scene.color, "material": material, "background": background}
        tracer = dr.SphereTracer(scene.function, SIZE, **settings, **scene.settings)
        frame = tracer.render(camera, lights)
        inner = _away_from_silhouettes(tracer, frame)
        if isinstance(scene, Sampled):
            inner &= _away_from_borders(frame, camera, scene.function)
        weights = {name: _weights(rng, frame, name, inner) for name in outputs}

        def run(loss):
            frame = tracer.render(camera, lights)
            for name, weight in weights.items():
                (add_scalars if name == "depth" else add_vectors)(frame.field(name), weight, loss)

        owners = {"camera": camera} | ({"lights": lights} if lights else {})
        fields = {f"{owner}.{name}": field for owner, of in owners.items() for name, field in of.fields.fields.items()}
        return TapeProgram({f"function.{name}": field for name, field in scene.fields.items()} | fields, run)

    return make


def _away_from_silhouettes(tracer, frame):
    """Where a pixel and its neighbours show one surface alone."""
    rows = tracer._latest.rows
    first, edge = rows.first.to_numpy(), rows.edge.to_numpy()
    alone = (np.diff(first) == 1) & np.isin(edge[np.minimum(first[:-1], len(edge) - 1)], (COVERED, FIXED))
    whole = np.stack([binary_erosion(view) for view in alone.reshape(frame.shape)])
    slopes = np.abs(np.gradient(frame.numpy("depth"), axis=(1, 2))).max(axis=0)
    return whole & (slopes < STEEPEST)


def _away_from_borders(frame, camera, grid):
    """Where rays meet a grid steeply, and so far from its cells' borders that no difference looks across one."""
    points = frame.numpy("position").astype(np.float64)
    place = (points - grid.lower) / grid.spacing
    ahead = points - camera.frames()[3][:, None, None]
    ahead *= STEP / np.linalg.norm(ahead, axis=-1, keepdims=True)
    steep = grid.at(points - ahead) - grid.at(points + ahead) > 2 * STEP * STEEP
    return steep & (np.abs(place - np.round(place)) > BESIDE).all(axis=-1)


def _weights(rng, frame, name, inner):
    vector = name != "depth"
    weights = rng.standard_normal((*frame.shape, 3) if vector else frame.shape)
    return new_field(single(weights * (inner[..., None] if vector else inner)), 3 * vector, needs_grad=False)


OPERATIONS = [
    Operation(
        "renderers",
        "SphereTracer",
        {
            "every output": traced(Solids),
            "without lights": traced(Solids, make_lights=lambda: None),
            "orthographic": traced(Solids, ("color",), orthographic),
            "over nothing": traced(Solids, ("color",), background=None),
            "spot lights": traced(Solids, make_lights=spot_lights),
            "cut by bounds": traced(Solids, bounds=dr.Ball(radius=0.8)),
            "a network": traced(Learned),
            "grids": traced(Sampled),
        },
        {
            "alpha, closest": "the width of an edge is held constant; compared with supersampled images",
            "steps": "an integer",
            "borders of a grid's cells": "slopes jump there; left out, with rays that graze a grid",
            "what is seen": "a choice; coverage differentiates where its edges are",
            "bounds, background, material, and other settings": "plain numbers",
            "camera.near, .far": "plain numbers: they say what is cut",
        },
    ),
]
