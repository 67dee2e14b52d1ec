"""What moving shadows do to pixels, against exact areas."""

import numpy as np
import pytest
import taichi as ti
from oracles.camera import pack
from oracles.coverage import covered, seen_polygon
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays.bvh import BVH
from taichi_dr.kernels.rays.closest import closest
from taichi_dr.kernels.rays.outlines import Outlines, edges_of_mesh, edges_of_sphere
from taichi_dr.kernels.rays.solids import PLANE, RECTANGLE, SPHERE, closest_solids
from taichi_dr.render.rays.primary_edges import Film, Moved
from taichi_dr.render.rays.shadow_edges import ShadowLight, Surfaces, add_shadow_edges

WIDTH, HEIGHT, NEAR, FAR = 14, 12, 0.1, 100.0
ADDED = np.array([0.7, 0.4, 0.2])  # what the light adds where it is not blocked
PER_PIXEL = 1600
OCCLUDER = np.array([(-0.5, 1.0, -0.3), (0.6, 1.2, -0.4), (0.1, 1.1, 0.7)])
FLOOR = np.array([(-9.0, 0.1, 9.0), (9.0, -0.2, 9.0), (0.0, 0.0, -19.0)])
LIGHT = np.array([0.4, 3.0, 0.6])


def camera(kind="perspective"):
    lens = {"perspective": (0.8, 0.0), "orthographic": (1.0, 0.0)}[kind]
    rows = ((0.2, 0.9, 3.0), (-0.1, -0.2, -0.3), (0.1, 1.0, 0.0), np.zeros(6), lens, (0.05, -0.1))
    return pack(*([row] for row in rows), kind=kind, width=WIDTH, height=HEIGHT)


def weights_of(smooth=False):
    if smooth:
        return np.cos(np.arange(WIDTH) / 3.0) * np.sin(1 + np.arange(HEIGHT) / 4.0)[:, None]
    return np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 3))


def shadow(outline, light, floor):
    """Where the shadow of points (K, 3) falls on the plane through ``floor`` (3, 3); ``light`` (4,) with a 1 or a 0."""
    normal = np.cross(floor[1] - floor[0], floor[2] - floor[0])
    direction = outline * light[3] - light[:3]
    return outline + direction * (((floor[0] - outline) @ normal) / (direction @ normal))[:, None]


def darkened(outline, light, floor, packed, orthographic=False):
    """(H, W): how much of each pixel is in shadow."""
    return covered(
        seen_polygon(shadow(outline, light, floor), packed[0], orthographic, NEAR, WIDTH, HEIGHT), WIDTH, HEIGHT
    )


class Tracing:
    """What rays meet of triangles and solids; a light that adds one colour everywhere."""

    def __init__(self, vertices, faces, solids, kinds):
        self.vertices, self.faces = array_from(vertices), array_from(faces, ti.i32)
        self.solids, self.kinds = array_from(solids), array_from(kinds, ti.i32)
        self.bvh = BVH()
        self.bvh.build(self.vertices, self.faces)

    def closest(self, origins, directions, ends):
        what, hits = make_array((origins.shape[0],), ti.i32), make_array((origins.shape[0], 3))
        rays = origins, directions, ends, origins.shape[0], what, hits
        closest(*self.bvh.arrays, self.bvh.order, *rays)
        closest_solids(self.solids, self.kinds, self.faces.shape[0], *rays)
        return what, hits

    def lit(self, view, places, origins, directions, what, hits):
        return array_from(np.broadcast_to(ADDED, (origins.shape[0], 3)))


NOWHERE = np.full((1, 9), 1e6)  # a sphere: kernels need one solid at least


def adjoints(
    vertices, faces, edges, light, packed, orthographic=False, solids=NOWHERE, kinds=(SPHERE,), row=-1, weights=None
):
    """Adjoints of the sum of ``weights_of`` times the image, by name, of the shadows alone."""
    tracing = Tracing(vertices, faces, solids, kinds)
    outlines = Outlines(array_from(edges, ti.i32), array_from(vertices), tracing.solids)
    surfaces = Surfaces(outlines, tracing.kinds, tracing.faces)
    film = Film(array_from(packed), orthographic, WIDTH, HEIGHT, NEAR, FAR)
    moved = Moved(make_array(np.shape(vertices)), make_array(np.shape(solids)), make_array(packed.shape))
    image_adjoint = array_from((weights_of() if weights is None else weights).reshape(-1, 3))
    shining = ShadowLight(row, array_from(light[None]))
    place = add_shadow_edges(surfaces, film, 0, shining, image_adjoint, tracing, PER_PIXEL, 0, moved)
    names = zip(("points", "solids", "camera"), moved, strict=True)
    return {name: array.to_numpy() for name, array in names} | {"light": place}


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
@pytest.mark.parametrize("far", [1.0, 0.0])
def test_the_shadow_of_a_triangle(cpu64, kind, far):
    """Of a lamp and of the sun; by the triangle, the floor, the light and the camera."""
    vertices, faces = np.concatenate([OCCLUDER, FLOOR]), np.array([(0, 1, 2), (3, 4, 5)])
    place = LIGHT if far else LIGHT / np.linalg.norm(LIGHT)
    inputs = {"points": vertices, "light": place, "camera": camera(kind)}

    def shown(x):
        light = np.array([*x["light"], far])
        dark = darkened(x["points"][:3], light, x["points"][3:], x["camera"], kind == "orthographic")
        return -np.sum(weights_of() * dark[..., None] * ADDED)

    edges = edges_of_mesh(vertices, faces).edges
    found = adjoints(vertices, faces, edges, np.array([*place, far]), inputs["camera"], kind == "orthographic")
    errors = relative_errors(shown, inputs, found, inputs, step=1e-5)
    assert max(errors.values()) < 0.005, errors


def test_the_shadow_of_a_sphere_on_a_plane(cpu64):
    """Both solids, and a lamp."""
    solids = np.zeros((2, 9))
    solids[0, :4], solids[1, :6] = (0.0, 1.0, 0.0, 0.4), (0.3, -0.1, 0.2, 0.1, 2.0, -0.1)
    light = np.array([0.4, 3.0, 0.6, 1.0])
    inputs = {"solids": solids, "light": light[:3], "camera": camera()}

    def shown(x):
        (center, radius), place = (x["solids"][0, :3], x["solids"][0, 3]), x["light"]
        to = place - center
        distance = np.linalg.norm(to)
        p = np.cross(to, [0.3, 0.2, 1.0])
        p /= np.linalg.norm(p)
        angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)[:, None]
        share = radius / distance
        circle = np.cos(angle) * p + np.sin(angle) * np.cross(to / distance, p)
        outline = center + radius * (share * to / distance + np.sqrt(1 - share**2) * circle)
        normal, point = x["solids"][1, 3:6], x["solids"][1, :3]
        u = np.cross(normal, [0.0, 0.0, 1.0])
        floor = np.array([point, point + u, point + np.cross(normal, u)])
        dark = darkened(outline, np.array([*place, 1.0]), floor, x["camera"])
        return -np.sum(weights_of() * dark[..., None] * ADDED)

    far_away = np.array([(1e3, 1e3, 1e3), (1e3, 1e3 + 1, 1e3), (1e3, 1e3, 1e3 + 1)])
    edges = edges_of_sphere(0)
    found = adjoints(far_away, [(0, 1, 2)], edges, light, inputs["camera"], False, solids, (SPHERE, PLANE))
    errors = relative_errors(shown, inputs, found, inputs, step=1e-5)
    assert max(errors.values()) < 0.005, errors


def test_the_soft_shadow_of_a_rectangle(cpu64):
    """By the rectangle that shines as well, each of its places fixed to it."""
    vertices, faces = np.concatenate([OCCLUDER, FLOOR]), np.array([(0, 1, 2), (3, 4, 5)])
    solids = np.array([[*LIGHT, 0.4, 0.1, 0.1, 0.1, -0.1, -0.3]])
    inputs = {"points": vertices, "solids": solids, "camera": camera()}
    weights = np.repeat(weights_of(smooth=True)[..., None], 3, axis=-1)
    places, shares = np.polynomial.legendre.leggauss(6)
    area = np.linalg.norm(np.cross(solids[0, 3:6], solids[0, 6:]))

    def shown(x):
        total = 0.0
        for a, b in np.ndindex(6, 6):
            place = x["solids"][0].reshape(3, 3).T @ (1.0, places[a], places[b])
            dark = darkened(x["points"][:3], np.array([*place, 1.0]), x["points"][3:], x["camera"])
            total -= shares[a] * shares[b] * area * np.sum(weights * dark[..., None] * ADDED)
        return total

    edges = edges_of_mesh(vertices, faces).edges
    middle = np.array([*LIGHT, 1.0])
    packed = inputs["camera"]
    found = adjoints(vertices, faces, edges, middle, packed, False, solids, (RECTANGLE,), 0, weights)
    errors = relative_errors(shown, inputs, found, inputs, step=1e-5, directions=1, components=1)
    assert max(errors.values()) < 0.02, errors


def test_a_small_sphere_is_a_lamp_as_large_as_what_is_seen_of_it(cpu64):
    vertices, faces = np.concatenate([OCCLUDER, FLOOR]), np.array([(0, 1, 2), (3, 4, 5)])
    edges, middle, radius = edges_of_mesh(vertices, faces).edges, np.array([*LIGHT, 1.0]), 0.02
    weights = np.repeat(weights_of(smooth=True)[..., None], 3, axis=-1)
    lamp = adjoints(vertices, faces, edges, middle, camera(), weights=weights)
    solids = np.array([[*LIGHT, radius, 0, 0, 0, 0, 0]])
    sphere = adjoints(vertices, faces, edges, middle, camera(), False, solids, (SPHERE,), 0, weights)
    for name in ("points", "camera"):
        expected = 2 * np.pi * radius**2 * lamp[name]
        assert np.abs(sphere[name] - expected).max() < 0.03 * np.abs(expected).max()
    expected = 2 * np.pi * radius**2 * lamp["light"]
    assert np.abs(sphere["solids"][0, :3] - expected).max() < 0.03 * np.abs(expected).max()


def test_single_precision(any32):
    vertices, faces = np.concatenate([OCCLUDER, FLOOR]), np.array([(0, 1, 2), (3, 4, 5)])
    inputs = {"points": vertices, "light": LIGHT, "camera": camera()}

    def shown(x):
        dark = darkened(x["points"][:3], np.array([*x["light"], 1.0]), x["points"][3:], x["camera"])
        return -np.sum(weights_of() * dark[..., None] * ADDED)

    found = adjoints(vertices, faces, edges_of_mesh(vertices, faces).edges, np.array([*LIGHT, 1.0]), inputs["camera"])
    errors = relative_errors(shown, inputs, found, inputs, step=1e-5)
    assert max(errors.values()) < 0.01, errors
