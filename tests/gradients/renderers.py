"""Whole renders, from every output to every field of mesh, camera and lights.

The scenes are small and general (two overlapping tetrahedra in two views): visibility, which is a choice, and the soft
rasterizer's cut-off at a coverage of 1e-4 must not change within the differences.
"""

from functools import partial

import numpy as np
import taichi as ti

import taichi_dr as dr
from tests.gradients.program import Operation, TapeProgram, new_field, single
from tests.render.mesh.primitives import test_primitives as primitives
from tests.render.mesh.test_gradients import some_lights, spot_lights, two_views

SIZE = (11, 14)
BACKGROUND = (0.1, 0.4, 0.2)
IMAGES = np.random.default_rng(7).random((2, *SIZE, 3))
VECTORS = ("color", "normal", "barycentric")
CORNERS = np.array([[0.6, 0.5, 0.4], [-0.7, -0.4, 0.5], [-0.3, 0.7, -0.6], [0.5, -0.6, -0.3]])
FACES = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])

SHADINGS = ("none", "flat", "gouraud", "phong")


def tetrahedra(rng, coloring="vertex colours", shading="gouraud", batch=1):
    """Two overlapping tetrahedra in general position, different in every mesh of the batch."""
    vertices = np.concatenate([CORNERS, 0.7 * CORNERS[:, [1, 2, 0]] + (0.25, 0.1, 0.35)])
    vertices = vertices + 0.05 * rng.standard_normal((batch, 8, 3))
    own = "face_colors" if coloring == "face colours" else "colors"
    extras = {own: rng.random((batch, 8, 3)), "material": dr.Material(shading, specular=0.3, shininess=7.0)}
    return dr.Mesh(vertices, np.concatenate([FACES, FACES + 4]), **extras)


def panes(rng, shading):
    """Textured triangles that overlap and face ``front_views``, so that texels are magnified.

    Where they are minified, as on faces seen edge-on, the derivative of the level of detail would be missed.
    """
    corners = np.array([[-0.9, -0.6, 0.0], [0.8, -0.7, 0.1], [0.1, 0.9, -0.1]])
    vertices = np.concatenate([corners, 0.7 * corners[[1, 2, 0]] + (0.1, 0.1, -0.5), 0.5 * corners + (0.4, 0.2, 0.4)])
    vertices = vertices + 0.05 * rng.standard_normal((9, 3))
    uv, texture = 0.3 + 0.4 * rng.random((9, 2)), rng.random((2, 3, 3))
    faces, material = np.arange(9).reshape(3, 3), dr.Material(shading, specular=0.3, shininess=7.0)
    return dr.Mesh(vertices, faces, uv=uv, texture=texture, material=material)


def front_views():
    return two_views(azimuth_deg=[-14, 23], elevation_deg=[11, -9])


def orthographic():
    return dr.Camera.orthographic(eye=(1.1, 0.8, 2.1), half_height=1.2, near=0.3, far=6.0)


def pinhole():
    pose = np.random.default_rng(6).normal(scale=0.05, size=6)
    return dr.Camera((1.3, 0.7, 2.2), focal=(2.2, 2.4), principal=(0.1, -0.05), pose=pose, near=0.5, far=6.0)


def crossing():
    """The near plane cuts the tetrahedra."""
    return two_views(distance=0.9, near=0.55)


def three_views():
    return two_views(azimuth_deg=[10, 70, 200], elevation_deg=10)


def shown(make_renderer, outputs, make_mesh, make_camera=two_views, lit=True, make_lights=some_lights, **arguments):
    """A program: the outputs of one render, weighted with random numbers and added up."""

    def make(rng):
        mesh, camera, lights = make_mesh(rng), make_camera(), make_lights() if lit else None
        renderer = make_renderer()
        frame = renderer.render(mesh, camera, lights, **arguments)
        weights = {name: _weights(rng, frame, name) for name in outputs}

        def run(loss):
            frame = renderer.render(mesh, camera, lights, **arguments)
            for name, weight in weights.items():
                add = _add_vectors if name in VECTORS else _add_scalars
                add(frame.field(name), weight, loss)

        return TapeProgram(_fields(mesh, camera, lights), run)

    return make


def _fields(mesh, camera, lights):
    """Every field with a gradient; a texture takes the place of the colours."""
    skipped = {"mesh": {"colors"} if mesh.texture is not None else set(), "camera": set(), "lights": set()}
    owners = {"mesh": mesh, "camera": camera} | ({"lights": lights} if lights else {})
    return {
        f"{owner}.{name}": field
        for owner, holder in owners.items()
        for name, field in holder.fields.fields.items()
        if name not in skipped[owner]
    }


def _weights(rng, frame, name):
    components = 3 if name in VECTORS else 0
    shape = (*frame.shape, components) if components else frame.shape
    return new_field(single(rng.standard_normal(shape)), components, needs_grad=False)


@ti.kernel
def _add_vectors(image: ti.template(), weight: ti.template(), loss: ti.template()):
    for index in ti.grouped(image):
        loss[None] += image[index].dot(weight[index])


@ti.kernel
def _add_scalars(image: ti.template(), weight: ti.template(), loss: ti.template()):
    for index in ti.grouped(image):
        loss[None] += image[index] * weight[index]


def surfaces(make_renderer, outputs):
    """Every shading of every colouring."""
    cases = {}
    for shading in SHADINGS:
        lit = shading != "none"
        for coloring in ("vertex colours", "face colours"):
            mesh = partial(tetrahedra, coloring=coloring, shading=shading)
            cases[f"{shading}, {coloring}"] = shown(make_renderer, outputs, mesh, lit=lit)
        if lit:
            mesh = partial(tetrahedra, shading=shading)
            cases[f"{shading}, spot lights"] = shown(make_renderer, outputs, mesh, make_lights=spot_lights)
        textured = partial(panes, shading=shading)
        cases[f"{shading}, texture"] = shown(make_renderer, outputs, textured, front_views, lit=lit)
    return cases


def scenes(make_renderer, outputs, all_outputs):
    """Other outputs, cameras and batches, of vertex colours under Gouraud shading or none."""
    plain = {"make_mesh": tetrahedra, "lit": False}
    batch = {"make_mesh": lambda rng: tetrahedra(rng, batch=2)}
    return {
        "every output": shown(make_renderer, all_outputs, **plain),
        "orthographic": shown(make_renderer, outputs, make_camera=orthographic, **plain),
        "pinhole": shown(make_renderer, outputs, make_camera=pinhole, **plain),
        "cut by the near plane": shown(make_renderer, outputs, make_camera=crossing, **plain),
        "a mesh for each view": shown(make_renderer, outputs, **batch),
        "over images": shown(over(IMAGES, make_renderer), outputs, **plain),
        "over nothing": shown(over(None, make_renderer), outputs, **plain),
        "view_mesh": shown(make_renderer, outputs, make_camera=three_views, view_mesh=[1, 0, 1], **batch),
    }


def rasterizer(**settings):
    return lambda: dr.Rasterizer(SIZE, background=BACKGROUND, **settings)


def soft_rasterizer(**settings):
    return lambda: dr.SoftRasterizer(SIZE, sigma=3e-3, gamma=2e-2, background=BACKGROUND, **settings)


def over(background, make_renderer):
    """A renderer with another background."""

    def make():
        renderer = make_renderer()
        renderer.background = background
        return renderer

    return make


def shader(**scene):
    """A program of all primitives with a kernel of one's own between them."""

    def make(rng):
        made = primitives.Program(**scene)

        def run(loss):
            made.loss = loss
            made.run()

        return TapeProgram(made.parameters, run)

    return make


def soft_modes():
    outputs = ("color", "alpha", "depth")
    plain = {"outputs": outputs, "make_mesh": tetrahedra, "lit": False}
    modes = [("alpha", "sum"), ("color", "hard"), ("distance", "barycentric"), ("distance", "hard")]
    return {f'{name}="{mode}"': shown(soft_rasterizer(**{name: mode}), **plain) for name, mode in modes}


SETTINGS = {
    "material.specular, .shininess": "plain numbers, not fields",
    "camera.near, .far": "plain numbers: they say what is cut, and scale gamma",
    "background": "plain numbers; render over nothing and composite in a kernel of your own",
    "the level of detail of a texture": "held constant: missing where texels are minified (faces seen edge-on)",
    "the side of a face that flat shading lights": "a choice",
    "face_id": "an integer",
}
HARD = SETTINGS | {"visibility": "a choice; `antialias=True` or `SoftRasterizer` differentiate it"}
ANTIALIASED = SETTINGS | {
    "which surfaces meet between two pixels": "a choice; where their edge crosses is differentiated",
    "depth, normal, barycentric at edges": "those of the pixel's centre: not antialiased",
}
SOFT = SETTINGS | {
    "sigma, gamma": "plain numbers",
    'alpha="hard"': "1 or 0: no gradient",
    "barycentric": "of the face of the largest weight: a choice",
    "pairs with a coverage below 1e-4": "cut off: a step of 1e-4 at most",
}

OPERATIONS = [
    Operation(
        "renderers",
        "Rasterizer",
        surfaces(rasterizer(), ("color", "depth"))
        | scenes(rasterizer(), ("color", "depth"), ("color", "depth", "normal", "barycentric")),
        HARD,
    ),
    Operation(
        "renderers",
        "Rasterizer(antialias=True)",
        surfaces(rasterizer(antialias=True), ("color", "alpha"))
        | scenes(rasterizer(antialias=True), ("color", "alpha"), ("color", "alpha", "depth", "normal", "barycentric")),
        ANTIALIASED,
    ),
    Operation(
        "renderers",
        "Primitives",
        {"one mesh": shader(), "view_mesh": shader(batch=2, view_mesh=[1, 0, 1])},
        {
            "visibility": "a choice; `antialias` differentiates where silhouettes are",
            "the level of detail of a texture": SETTINGS["the level of detail of a texture"],
            "face_id": "an integer",
        },
    ),
    Operation(
        "renderers",
        "SoftRasterizer",
        surfaces(soft_rasterizer(), ("color", "alpha", "depth"))
        | scenes(soft_rasterizer(), ("color", "alpha", "depth"), ("color", "alpha", "depth", "normal"))
        | soft_modes(),
        SOFT,
    ),
]
