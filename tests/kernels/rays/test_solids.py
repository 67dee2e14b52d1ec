"""Rays and solids: where they meet, against float64 NumPy, and how that place and its normal move."""

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.rays.solids import (
    PLANE,
    RECTANGLE,
    SPHERE,
    closest_solids,
    occluded_solids,
    solid_adjoint,
    solid_at,
)

KINDS = [SPHERE, PLANE, RECTANGLE]


def sphere(center, radius):
    return [*center, radius, 0, 0, 0, 0, 0]


def plane(point, normal):
    return [*point, *normal, 0, 0, 0]


def ask(solids, kinds, origins, directions, ends=(0, 1e30), there=None):
    """(what, hits, met) of the kernels; solids have the codes 10, 11, ...; ``there``: (what, t) of each ray before."""
    directions = np.asarray(directions, float) / np.linalg.norm(directions, axis=-1, keepdims=True)
    count = len(directions)
    rays = [array_from(np.broadcast_to(x, (count, n))) for x, n in ((origins, 3), (directions, 3), (ends, 2))]
    there = ([-1] * count, [0] * count) if there is None else there
    what, hits = array_from(np.array(there[0]), ti.i32), array_from(np.outer(there[1], [1, 0, 0]))
    met = make_array((count,), ti.i32)
    solids, kinds = array_from(np.array(solids, float)), array_from(np.array(kinds), ti.i32)
    closest_solids(solids, kinds, 10, *rays, count, what, hits)
    occluded_solids(solids, kinds, *rays, count, met)
    return what.to_numpy(), hits.to_numpy(), met.to_numpy()


def distances(kind, row, o, d):
    """All t at which lines meet a solid, (rays, 2), NaN where they do not: from the implicit equations."""
    with np.errstate(all="ignore"):
        if kind == SPHERE:
            b, c = ((o - row[:3]) * d).sum(1), ((o - row[:3]) ** 2).sum(1) - row[3] ** 2
            a = (d**2).sum(1)
            root = np.sqrt(b * b - a * c)
            return np.stack([(-b - root) / a, (-b + root) / a], 1)
        normal = row[3:6] if kind == PLANE else np.cross(row[3:6], row[6:9])
        t = ((row[:3] - o) @ normal) / (d @ normal)
        if kind == RECTANGLE:
            p = o + t[:, None] * d - row[:3]
            inside = np.abs(np.linalg.lstsq(row[3:].reshape(2, 3).T, p.T, rcond=None)[0]).max(0) <= 1
            t = np.where(inside, t, np.nan)
        return np.stack([t, t], 1)


def nearest(solids, kinds, o, d, ends):
    best, what = np.full(len(d), np.inf), np.full(len(d), -1)
    for s, (kind, row) in enumerate(zip(kinds, solids, strict=True)):
        t = distances(kind, row, o, d)
        t = np.where((t >= ends[:, :1]) & (t < ends[:, 1:]), t, np.inf).min(1)
        what, best = np.where(t < best, 10 + s, what), np.minimum(t, best)
    return what, best


def test_nearest_equals_numpy(any32):
    rng = np.random.default_rng(0)
    kinds = np.repeat(KINDS, 6)
    solids = np.float32(rng.normal(size=(18, 9)) * 0.7)
    solids[:6, 3] = np.abs(solids[:6, 3])
    solids[6:12, :3] *= 4
    o, d = np.float32(rng.normal(size=(4000, 3))), rng.normal(size=(4000, 3))
    d = np.float32(d / np.linalg.norm(d, axis=1, keepdims=True))
    ends = np.float32(rng.uniform([0, 1], [1, 5], (4000, 2)))
    what, hits, met = ask(solids, kinds, o, d, ends)
    expected, t = nearest(solids.astype(float), kinds, o.astype(float), d.astype(float), ends.astype(float))
    assert (what != expected).mean() < 1e-3
    assert len(set(what)) > 15
    same = (what == expected) & (what >= 0)
    assert np.abs(hits[same, 0] / t[same] - 1).max() < 1e-6
    assert (met == (what >= 0)).all()


def test_what_is_nearer_stays(any32):
    ball = [sphere((0, 0, -5), 1)]
    there = [3, 3, 3, -1], [3.0, 4.0, 4.5, 3.0]
    what, hits, _ = ask(ball, [SPHERE], (0, 0, 0), [(0, 0, -1)] * 4, there=there)
    assert what.tolist() == [3, 3, 10, 10]
    assert hits[:, 0].tolist() == [3, 4, 4, 4]


def test_occlusion_keeps_what_is_met(any32):
    met = array_from(np.array([1, 0]), ti.i32)
    rays = [array_from(np.array(x, float)) for x in ([[0, 0, 0]] * 2, [[1, 0, 0]] * 2, [[0, 10]] * 2)]
    solid, kind = array_from(np.array([sphere((0, 5, 0), 1)], float)), array_from(np.array([SPHERE]), ti.i32)
    occluded_solids(solid, kind, *rays, 2, met)
    assert met.to_numpy().tolist() == [1, 0]


def test_a_sphere_from_inside_and_past_its_ends(any32):
    ball = [sphere((0, 0, 0), 2)]
    for ends, t in (((0, 9), 2), ((0, 1.9), None), ((2.1, 9), None)):
        what, hits, met = ask(ball, [SPHERE], (0, 0, 0), [(0, 1, 0)], ends)
        assert (what[0], met[0]) == ((-1, 0) if t is None else (10, 1))
        assert t is None or hits[0, 0] == t
    assert ask(ball, [SPHERE], (0, 0, 5), [(0, 0, -1)], (3.5, 9))[1][0, 0] == 7  # cut open: its far side


@pytest.mark.parametrize("kind", KINDS)
def test_a_million_away(any32, kind):
    solid = {
        SPHERE: sphere((3e5, -6e5, 7e5), 2),
        PLANE: plane((3e5, -6e5, 7e5), (0.1, 0.5, -1e-3)),
        RECTANGLE: [3e5, -6e5, 7e5, 2, 0.5, 0, 0, 2, 0.5],
    }[kind]
    rng = np.random.default_rng(1)
    o = np.float32(rng.normal(size=(500, 3)))
    d = np.array(solid[:3]) + rng.normal(size=(500, 3)) - o
    d = np.float32(d / np.linalg.norm(d, axis=1, keepdims=True))
    rows = np.array(solid, np.float32).astype(float)[None]
    ends = np.array([[0, 1e30]]).repeat(500, 0)
    expected, t = nearest(rows, [kind], o.astype(float), d.astype(float), ends)
    # not by ``ask``, which would make the directions unit vectors once more, and move them by an ulp
    what, hits = array_from(np.full(500, -1), ti.i32), make_array((500, 3))
    rays = array_from(o), array_from(d), array_from(ends)
    closest_solids(array_from(rows), array_from(np.array([kind]), ti.i32), 10, *rays, 500, what, hits)
    assert (what.to_numpy() != expected).mean() < 0.01
    found = (what.to_numpy() == 10) & (expected == 10)
    assert found.mean() > 0.3
    assert np.abs(hits.to_numpy()[found, 0] / t[found] - 1).max() < 2e-7


def test_a_ray_that_begins_on_a_large_sphere(any32):
    """The ground of many scenes: a ball of radius 1000, a small step above which rays begin."""
    what, hits, _ = ask([sphere((0, -1000, 0), 1000)], [SPHERE], (0, 1e-3, 0), [(0, -1, 0), (0, 1, 0)])
    assert what.tolist() == [10, -1]
    assert abs(hits[0, 0] - 1e-3) < 1e-9


def test_what_is_met_is_on_a_large_sphere(any32):
    """Of directions that are unit vectors as far as single precision goes, and of rays from close by."""
    rng = np.random.default_rng(5)
    o, d = np.float32(rng.uniform([-5, 0.1, -5], [5, 3, 5], (2000, 3))), rng.normal(size=(2000, 3))
    d = np.float32(d / np.linalg.norm(d, axis=1, keepdims=True) * [1, -1, 1]) * np.float32(1 + 2e-7)
    d[:, 1] = -np.abs(d[:, 1])
    what, hits = array_from(np.full(2000, -1), ti.i32), make_array((2000, 3))
    rays = array_from(o), array_from(d), array_from(np.tile([0, 1e30], (2000, 1)))
    ground = array_from(np.array([sphere((0, -1000, 0), 1000)], float)), array_from([SPHERE], ti.i32)
    closest_solids(*ground, 10, *rays, 2000, what, hits)
    t = hits.to_numpy()[:, :1].astype(float)
    near = (what.to_numpy() == 10) & (t[:, 0] < 20)
    assert near.mean() > 0.7
    height = np.linalg.norm(o.astype(float) + t * d - [0, -1000, 0], axis=1) - 1000
    assert np.abs(height)[near].max() < 2e-6


def test_planes_and_rectangles_seen_edge_on(any32):
    flat = [plane((0, 0, 0), (0, 3, 0)), [0, 0, 0, 1, 0, 0, 0, 0, 1]]
    along = [(1, 0, 0), (0, 0, -1), (1, 0, 1)]
    for height in (0, 1e-6, 1):
        assert ask(flat, [PLANE, RECTANGLE], (0, height, 0), along)[0].tolist() == [-1] * 3
    what, hits, _ = ask(flat[:1], [PLANE], (0, 1, 0), [(1, -1e-6, 0), (1, 1e-6, 0)])
    assert what.tolist() == [10, -1]
    assert abs(hits[0, 0] / 1e6 - 1) < 1e-6


def test_a_rectangle_ends_at_its_edges(any32):
    """A parallelogram: center + a u + b v with u = (2, 0, 0) and v = (1, 1, 0)."""
    places = np.array([(1, 1), (-1, 1), (0.5, -1), (1.01, 0), (0, -1.01), (0.25, 0.75)])
    targets = places @ [[2, 0, 0], [1, 1, 0]] * 0.9999
    what, hits, _ = ask([[0, 0, 0, 2, 0, 0, 1, 1, 0]], [RECTANGLE], targets + [0, 0, 4], [(0, 0, -1)] * 6)
    assert what.tolist() == [10, 10, 10, -1, -1, 10]
    np.testing.assert_allclose(hits[[0, 1, 2, 5], 1:], places[[0, 1, 2, 5]] * 0.9999, atol=1e-5)


@ti.kernel
def normals(kinds: Ints, solids: Rows, points: Rows, out: Rows):
    for i in range(points.shape[0]):
        n = solid_at(kinds[i], i, solids, row3(points, i))
        for c in ti.static(range(3)):
            out[i, c] = n[c]


@ti.kernel
def move_back(
    kinds: Ints, solids: Rows, origins: Rows, directions: Rows, t: Numbers, places: Rows, normals: Rows, out: Rows
):
    for i in range(t.shape[0]):
        o, d, solid = solid_adjoint(
            kinds[i], i, solids, row3(origins, i), row3(directions, i), t[i], row3(places, i), row3(normals, i)
        )
        for c in ti.static(range(3)):
            out[i, c], out[i, 3 + c] = o[c], d[c]
        for c in ti.static(range(9)):
            out[i, 6 + c] = solid[c]


def scene():
    """Rays and solids that they meet, one each, steeply enough for differences."""
    rng = np.random.default_rng(3)
    kinds = np.repeat(KINDS, 8)
    solids = rng.normal(size=(24, 9))
    solids[:8, 3] = rng.uniform(0.5, 2, 8)
    d = rng.normal(size=(24, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    on = np.zeros((24, 3))
    for i, (kind, row) in enumerate(zip(kinds, solids, strict=True)):
        if kind == SPHERE:
            n = -d[i] + 0.6 * rng.normal(size=3)
            on[i] = row[:3] + row[3] * n / np.linalg.norm(n) * (1 if i % 2 else -1)  # half of them from inside
        else:
            on[i] = row[:3] + rng.uniform(-0.8, 0.8, 2) @ row[3:].reshape(2, 3)
            if kind == PLANE:
                on[i] = row[:3] + np.cross(row[3:6], rng.normal(size=3))
    t = rng.uniform(1, 3, 24)
    return kinds, {"solids": solids, "origins": on - t[:, None] * d, "directions": d}, t


def oracle(kinds, x, near):
    """Places and unit normals: of a sphere's two, the one whose t is close to ``near``."""
    places, found = [], []
    for kind, row, o, d, close in zip(kinds, x["solids"], x["origins"], x["directions"], near, strict=True):
        t = distances(kind, row, o[None], d[None])[0]
        p = o + t[np.argmin(np.abs(t - close))] * d
        n = {SPHERE: p - row[:3], PLANE: row[3:6], RECTANGLE: np.cross(row[3:6], row[6:])}[kind]
        places.append(p)
        found.append(n / np.linalg.norm(n))
    return np.array(places), np.array(found)


def adjoints(kinds, x, t, g, h):
    out = make_array((24, 15))
    arrays = [array_from(a) for a in (x["solids"], x["origins"], x["directions"], t, g, h)]
    move_back(array_from(kinds, ti.i32), *arrays, out)
    out = out.to_numpy()
    return {"origins": out[:, :3], "directions": out[:, 3:6], "solids": out[:, 6:]}


def test_normals_equal_the_oracle(any32):
    kinds, x, t = scene()
    places, expected = oracle(kinds, x, t)
    out = make_array((24, 3))
    normals(array_from(kinds, ti.i32), array_from(x["solids"]), array_from(places), out)
    np.testing.assert_allclose(out.to_numpy(), expected, atol=2e-6)


def test_places_and_normals_move_as_central_differences_say(cpu64):
    kinds, x, t = scene()
    g, h = np.random.default_rng(4).normal(size=(2, 24, 3))
    for kind in KINDS:  # each by itself: the largest adjoint of one hides none of another's
        one = (kinds == kind)[:, None]
        g_one, h_one = g * one, h * one

        def value(given, g=g_one, h=h_one):
            places, n = oracle(kinds, given, t)
            return (g * places).sum() + (h * n).sum()

        errors = relative_errors(value, x, adjoints(kinds, x, t, g_one, h_one), list(x), components=4)
        assert max(errors.values()) < 2e-8, (kind, errors)


def test_adjoints_in_single_precision(any32):
    kinds, x, t = scene()
    g, h = np.random.default_rng(4).normal(size=(2, 24, 3))

    def value(given):
        places, n = oracle(kinds, given, t)
        return (g * places).sum() + (h * n).sum()

    errors = relative_errors(value, x, adjoints(kinds, x, t, g, h), list(x))
    assert max(errors.values()) < 1e-4
