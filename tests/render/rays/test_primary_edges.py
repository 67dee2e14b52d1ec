"""What moving outlines do to pixels, against exact areas."""

import numpy as np
import pytest
import taichi as ti
from oracles.camera import pack
from oracles.coverage import picture, seen_polygon
from oracles.ray_triangles import first_met

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays.outlines import Outlines, edges_of_mesh, edges_of_sphere
from taichi_dr.render.rays.primary_edges import Film, Moved, add_primary_edges

WIDTH, HEIGHT, NEAR, FAR = 20, 16, 0.1, 100.0
BACKGROUND = np.array([0.2, 0.1, 0.0, 0.0])  # colour and alpha
COLORS = np.array(
    [[1.0, 0.5, 0.3, 1], [0.1, 0.9, 0.6, 1], [0.3, 0.2, 0.9, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
)
PER_PIXEL = 400


def camera(kind="perspective", eye=(0.3, 0.2, 3.0)):
    lens = {"perspective": (0.9, 0.0), "orthographic": (1.2, 0.0)}[kind]
    rows = (eye, (0.0, 0.1, 0.0), (0.1, 1.0, 0.0), np.zeros(6), lens, (0.05, -0.1))
    return pack(*([row] for row in rows), kind=kind, width=WIDTH, height=HEIGHT)


class Polygons:
    """Flat convex polygons (each: rows of ``vertices``), the nearest first, each of one colour.

    ``visible``: how many of them are seen; ``folds``: whether edges between two that are seen count.
    """

    def __init__(self, vertices, polygons, orthographic=False, visible=None, folds=False):
        self.vertices, self.polygons, self.orthographic = np.array(vertices, float), polygons, orthographic
        self.visible, self.folds = visible or len(polygons), folds
        fans = [[(p[0], p[k], p[k + 1]) for k in range(1, len(p) - 1)] for p in polygons]
        self.faces = np.concatenate(fans)
        self.color_of_face = np.repeat(np.arange(len(polygons)), [len(fan) for fan in fans])
        self.edges = edges_of_mesh(self.vertices, self.faces).edges

    def picture(self, vertices, packed):
        seen = [
            seen_polygon(vertices[list(p)], packed[0], self.orthographic, NEAR, WIDTH, HEIGHT)
            for p in self.polygons[: self.visible]
        ]
        return picture(seen, COLORS[: len(seen)], BACKGROUND, WIDTH, HEIGHT)

    def trace(self, origins, directions, ends):
        origins, directions, depth = origins.to_numpy(), directions.to_numpy(), ends.to_numpy()[:, :1]
        t, face, _ = first_met(self.vertices, self.faces, origins + depth * directions, directions)
        radiance = np.where(face[:, None] < 0, BACKGROUND, COLORS[self.color_of_face[face]])
        hits = np.stack([t + depth[:, 0], t, t], axis=1)
        hits[face < 0] = 0
        return array_from(radiance), array_from(face, ti.i32), array_from(hits)

    def adjoints(self, packed, weights, per_pixel=PER_PIXEL, seed=0):
        outlines = Outlines(array_from(self.edges, ti.i32), array_from(self.vertices), make_array((1, 4)))
        return adjoints(outlines, self.trace, packed, self.orthographic, weights, per_pixel, seed, self.folds)


def adjoints(outlines, trace, packed, orthographic, weights, per_pixel=PER_PIXEL, seed=0, folds=False):
    """Adjoints of points, solids and the packed camera, of the sum of ``weights`` times the image."""
    film = Film(array_from(packed), orthographic, WIDTH, HEIGHT, NEAR, FAR)
    moved = Moved(*(make_array(a.shape) for a in (outlines.points, outlines.solids)), make_array(packed.shape))
    folds = array_from(np.full(outlines.edges.shape[0], 0.5 if folds else 0.0))
    image_adjoint = array_from(weights.reshape(-1, weights.shape[-1]))
    add_primary_edges(outlines, folds, film, 0, image_adjoint, trace, per_pixel, seed, moved)
    return {"points": moved.points.to_numpy(), "solids": moved.solids.to_numpy(), "camera": moved.camera.to_numpy()}


def differences(function, values, step=1e-5):
    """Central differences by every number of an array."""
    result = np.zeros(values.shape)
    for index in np.ndindex(values.shape):
        moved = [values.copy(), values.copy()]
        moved[0][index] -= step
        moved[1][index] += step
        result[index] = (function(moved[1]) - function(moved[0])) / (2 * step)
    return result


def assert_close(found, expected, tolerance):
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def weights_of(seed=0):
    return np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH, 4))


TRIANGLE = [(-0.5, -0.4, 0.1), (0.7, -0.2, -0.3), (0.1, 0.8, 0.4)]


def check(scene, kind, tolerance=0.01, eye=(0.3, 0.2, 3.0)):
    packed, weights = camera(kind, eye), weights_of()
    found = scene.adjoints(packed, weights)
    by_points = differences(lambda x: np.sum(weights * scene.picture(x, packed)), scene.vertices)
    by_camera = differences(lambda x: np.sum(weights * scene.picture(scene.vertices, x)), packed)
    assert_close(found["points"], by_points, tolerance)
    assert_close(found["camera"], by_camera, tolerance)


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
def test_a_triangle(cpu64, kind):
    check(Polygons(TRIANGLE, [(0, 1, 2)], kind == "orthographic"), kind)


def test_a_triangle_partly_outside_of_the_image(cpu64):
    vertices = [(-3.5, -0.4, 0.1), (0.7, -4.2, -0.3), (0.1, 1.9, 0.4)]
    check(Polygons(vertices, [(0, 1, 2)]), "perspective")


def test_a_floor_from_behind_the_camera_on(cpu64):
    floor = [(-1.0, -0.6, 6.0), (2.5, -0.6, 6.0), (1.2, -0.6, -4.0), (-0.8, -0.6, -4.0)]
    check(Polygons(floor, [(0, 1, 2, 3)]), "perspective")


def test_what_is_hidden_counts_for_nothing(cpu64):
    behind = [(-0.9, 0.0, -1.0), (0.9, 0.3, -1.2), (-0.2, 0.9, -0.9)]
    check(Polygons(TRIANGLE + behind, [(0, 1, 2), (3, 4, 5)]), "perspective", tolerance=0.02)


def test_a_box_whose_faces_look_different(cpu64):
    """The edges between two faces that are seen count as well."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    turn = np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0]
    quads = np.array([(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)])
    corners, eye = corners @ turn, np.array((0.3, 0.2, 3.0))
    middle = corners[quads].mean(axis=1)
    order = np.argsort(-((eye - middle) * middle).sum(-1))
    quads = quads[order]
    assert (((eye - middle) * middle).sum(-1) > 0).sum() == 3
    scene = Polygons(corners, [tuple(quad) for quad in quads], visible=3, folds=True)
    packed, weights = camera(), weights_of()
    by_points = differences(lambda x: np.sum(weights * scene.picture(x, packed)), scene.vertices)
    found = scene.adjoints(packed, weights)["points"]
    assert_close(found, by_points, 0.02)
    scene.folds = False
    assert np.abs(scene.adjoints(packed, weights)["points"] - by_points).max() > 0.1 * np.abs(by_points).max()


def test_each_pixel(cpu64):
    """Not only sums: every pixel's derivative by a motion of the triangle to the right."""
    scene, packed, step = Polygons(TRIANGLE, [(0, 1, 2)]), camera(), 1e-5
    right = np.array([1.0, 0.0, 0.0])
    measured = scene.picture(scene.vertices + step * right, packed) - scene.picture(
        scene.vertices - step * right, packed
    )
    measured = measured[..., 3] / (2 * step)
    found = np.zeros((HEIGHT, WIDTH))
    for row, column in np.argwhere(measured):
        weights = np.zeros((HEIGHT, WIDTH, 4))
        weights[row, column, 3] = 1
        found[row, column] = scene.adjoints(packed, weights, per_pixel=100)["points"][:, 0].sum()
    assert np.abs(found - measured).max() < 0.02 * np.abs(measured).max()
    assert abs(found.sum() - measured.sum()) < 1e-3 * np.abs(measured).sum()


def test_seams_and_inner_edges_are_no_outlines(cpu64):
    vertices = [
        (-0.5, -0.4, 0.0),
        (0.7, -0.2, 0.0),
        (0.1, 0.8, 0.0),
        (-0.6, 0.5, 0.0),
        (-0.5, -0.4, 0.0),
        (0.1, 0.8, 0.0),
    ]
    scene = Polygons(vertices, [(0, 1, 2)])
    scene.faces, scene.color_of_face = np.array([(0, 1, 2), (4, 5, 3)]), np.array([0, 0])
    mesh = edges_of_mesh(scene.vertices, scene.faces)
    scene.edges = mesh.edges
    assert mesh.first.tolist() == [0, 1, 2, 3, 0, 2]
    packed, weights = camera(), weights_of()
    one = Polygons(vertices[:4], [(0, 1, 2, 3)])
    by_points = differences(lambda x: np.sum(weights * one.picture(x, packed)), one.vertices)
    assert_close(scene.adjoints(packed, weights)["points"][:4], by_points, 0.01)


CENTER, RADIUS = np.array([0.2, -0.1, 0.3]), 0.7


def silhouette(solid, packed, orthographic, count=500):
    """The circle, as a polygon in pixels, in which a sphere ends; by formulas of its own."""
    center, radius = solid[:3], solid[3]
    toward = packed[0, 6:9] if orthographic else packed[0, 9:12] - center
    distance = np.linalg.norm(toward)
    axis, share = toward / distance, 0.0 if orthographic else radius / distance
    p = np.cross(axis, [0.3, 1.0, 0.2])
    p /= np.linalg.norm(p)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)[:, None]
    circle = np.cos(angle) * p + np.sin(angle) * np.cross(axis, p)
    return seen_polygon(
        center + radius * (share * axis + np.sqrt(1 - share**2) * circle), packed[0], orthographic, NEAR, WIDTH, HEIGHT
    )


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
def test_a_sphere(cpu64, kind):
    orthographic, packed, weights = kind == "orthographic", camera(kind), weights_of()
    solid = np.array([*CENTER, RADIUS])

    def trace(origins, directions, ends):
        to = solid[:3] - origins.to_numpy()
        directions = directions.to_numpy()
        middle = (to * directions).sum(-1)
        off = np.linalg.norm(to - middle[:, None] * directions, axis=1)
        met = off < RADIUS
        t = middle - np.sqrt(np.maximum(RADIUS**2 - off**2, 0))
        radiance = np.where(met[:, None], COLORS[0], BACKGROUND)
        return array_from(radiance), array_from(met - 1, ti.i32), array_from(np.stack([t, t, t], axis=1))

    def shown(solid, packed):
        polygon = silhouette(solid, packed, orthographic)
        return np.sum(weights * picture([polygon], COLORS[:1], BACKGROUND, WIDTH, HEIGHT))

    outlines = Outlines(array_from(edges_of_sphere(0), ti.i32), make_array((1, 3)), array_from(solid[None]))
    found = adjoints(outlines, trace, packed, orthographic, weights)
    assert_close(found["solids"][0], differences(lambda x: shown(x, packed), solid), 0.01)
    by_camera = differences(lambda x: shown(solid, x), packed)
    assert_close(found["camera"], by_camera, 0.01)


def test_single_precision(any32):
    packed, weights, scene = camera(), weights_of(), Polygons(TRIANGLE, [(0, 1, 2)])
    by_points = differences(lambda x: np.sum(weights * scene.picture(x, packed)), scene.vertices)
    assert_close(scene.adjoints(packed, weights)["points"], by_points, 0.01)
