"""Points of lights: what they add up to, against closed forms, and how they move."""

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.rays.light_samples import (
    point_on_light,
    point_on_light_adjoint,
    sample_light,
    sample_light_adjoint,
)
from taichi_dr.kernels.rays.solids import RECTANGLE, SPHERE

LIGHTS = {
    "sphere": (SPHERE, [0.3, 2.0, -0.4, 0.9, 0, 0, 0, 0, 0], [0.5, 0.1, 0.2]),
    "a sphere close by": (SPHERE, [0, 1.01, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0]),
    "a sphere far away": (SPHERE, [0, 1e4, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0]),
    "rectangle": (RECTANGLE, [0.2, 1.5, -0.3, 0.8, 0.1, 0, 0, 0.2, 1.1], [0.3, 0.1, 0.2]),
}


@ti.kernel
def sample(kind: ti.i32, solids: Rows, r: Rows, x: Rows, out: Rows):
    for i in range(r.shape[0]):
        point, solid_angle = sample_light(kind, 0, solids, r[i, 0], r[i, 1], row3(x, 0))
        on, normal, area = point_on_light(kind, 0, solids, r[i, 0], r[i, 1])
        for c in ti.static(range(3)):
            out[i, c], out[i, 4 + c], out[i, 7 + c] = point[c], on[c], normal[c]
        out[i, 3], out[i, 10] = solid_angle, area


@ti.kernel
def move_back(kind: ti.i32, solids: Rows, r: Rows, x: Rows, g: Rows, out: Rows):
    for i in range(r.shape[0]):
        at, solid = sample_light_adjoint(kind, 0, solids, r[i, 0], r[i, 1], row3(x, 0), row3(g, i), g[i, 3])
        normal = ti.Vector([g[i, 7], g[i, 8], g[i, 9]])
        on = ti.Vector([g[i, 4], g[i, 5], g[i, 6]])
        solid += point_on_light_adjoint(kind, 0, solids, r[i, 0], r[i, 1], on, normal, g[i, 10])
        for c in ti.static(range(3)):
            out[i, c] = at[c]
        for c in ti.static(range(9)):
            out[i, 3 + c] = solid[c]


def random_numbers(count=1 << 16):
    """Stratified, as multiples of 2^-24."""
    rng, side = np.random.default_rng(0), int(count**0.5)
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
    return np.floor((cells + rng.random((side * side, 2))) / side * 2**24) / 2**24


def ask(kind, row, x, r):
    out = make_array((len(r), 11))
    sample(kind, array_from(np.array([row], float)), array_from(r), array_from(np.array([x], float)), out)
    out = out.to_numpy().astype(float)
    return out[:, :3], out[:, 3], out[:, 4:7], out[:, 7:10], out[:, 10]


def adjoints(kind, row, x, r, g):
    """(of x, of the solid) of each sample, for g (samples, 11)."""
    out = make_array((len(r), 12))
    arrays = [array_from(np.array(a, float)) for a in ([row], r, [x], g)]
    move_back(kind, *arrays, out)
    out = out.to_numpy().astype(float)
    return out[:, :3], out[:, 3:]


def irradiance(kind, row, x, n):
    """What a light of radiance 1, all of it above the horizon, gives to a surface: closed forms."""
    row, x, n = np.array(row), np.array(x), np.array(n)
    if kind == SPHERE:
        to = row[:3] - x
        return np.pi * row[3] ** 2 * n @ to / np.linalg.norm(to) ** 3
    corners = [row[:3] + a * row[3:6] + b * row[6:] - x for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    total = 0  # Lambert 1760: half the sum of the edges' angles by the cosines of their planes
    for p, q in zip(corners, corners[1:] + corners[:1], strict=True):
        cross = np.cross(p, q)
        angle = np.arctan2(np.linalg.norm(cross), p @ q)
        total += angle * (cross / np.linalg.norm(cross)) @ n
    return abs(total) / 2


def facing(kind, row, x):
    """A normal at x that has the whole light above its horizon."""
    n = np.array(row[:3]) - x if kind == SPHERE else np.array([0.1, 0.9, 0.2])
    return n / np.linalg.norm(n)


@pytest.mark.parametrize("name", LIGHTS)
def test_the_mean_is_the_light_that_arrives(any32, name):
    kind, row, x = LIGHTS[name]
    n = facing(kind, row, x)
    points, solid_angle, *_ = ask(kind, row, x, random_numbers())
    to = points - x
    each = to @ n / np.linalg.norm(to, axis=1) * solid_angle
    error = each.std() / len(each) ** 0.5
    expected = irradiance(kind, row, x, n)
    assert abs(each.mean() - expected) < 3 * error + 2e-6 * expected
    if kind == SPHERE:
        assert each.std() < 0.72 * each.mean()  # 1/sqrt(2) is what a whole hemisphere's cosine leaves


def test_points_are_on_the_side_that_is_seen(any32):
    for kind, row, x in list(LIGHTS.values())[:3]:
        points, _, on, normal, area = ask(kind, row, x, random_numbers(1 << 10))
        m = (points - row[:3]) / row[3]
        far = np.linalg.norm(np.array(row[:3]) - x)
        np.testing.assert_allclose(np.linalg.norm(m, axis=1), 1, atol=1e-6 * far + 1e-6)
        assert ((m * (points - x)).sum(1) / far < 2e-3).all()
        np.testing.assert_allclose(on - row[3] * normal, np.tile(row[:3], (len(on), 1)), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(normal.mean(0), 0, atol=2e-3)
        np.testing.assert_allclose(area, 4 * np.pi * row[3] ** 2, rtol=1e-6)


def test_no_light_from_within_nor_from_behind(any32):
    ball = [0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert (ask(SPHERE, ball, [0.2, 0.3, 0], random_numbers(16))[1] == 0).all()
    tile = [0, 0, 0, 1, 0, 0, 0, 1, 0]  # its normal is +z
    assert (ask(RECTANGLE, tile, [0, 0, 0], random_numbers(16))[1] == 0).all()
    assert (ask(RECTANGLE, tile, [0, 0, -2], random_numbers(16))[1] == 0).all()
    far = ask(RECTANGLE, tile, [0, 0, 100], random_numbers(16))[1]
    np.testing.assert_allclose(far, 4e-4, rtol=1e-3)


def held(kind, row, x, r, base):
    """Points, W, points, normals and area with what ``base`` = (m, K) of a sphere holds: its material points."""
    if kind == SPHERE:
        m, likely, on = base
        points = row[:3] + row[3] * m
        to = points - x
        seen = likely * row[3] ** 2 * -(m * to).sum(1) / np.linalg.norm(to, axis=1) ** 3
        return points, seen, row[:3] + row[3] * on, on, 4 * np.pi * row[3] ** 2 * np.ones(len(r))
    steep = np.cross(row[3:6], row[6:])
    points = row[:3] + (2 * r - 1) @ row[3:].reshape(2, 3)
    to = points - x
    area = np.full(len(r), 4 * np.linalg.norm(steep))
    seen = 4 * np.maximum(-to @ steep, 0) / np.linalg.norm(to, axis=1) ** 3
    return points, seen, points, np.tile(steep / np.linalg.norm(steep), (len(r), 1)), area


@pytest.mark.parametrize("name", ["sphere", "a sphere close by", "rectangle"])
def test_adjoints_equal_central_differences(cpu64, name):
    kind, row, x = LIGHTS[name]
    r = random_numbers(64)
    points, seen, *_, on, _ = ask(kind, row, x, r)
    base = None
    if kind == SPHERE:
        m, to = (points - row[:3]) / row[3], points - x
        base = m, seen * np.linalg.norm(to, axis=1) ** 3 / row[3] ** 2 / -(m * to).sum(1), on
    g = np.random.default_rng(1).normal(size=(len(r), 11))
    x_adjoint, solid = adjoints(kind, row, x, r, g)
    found = {"row": solid.sum(0), "x": x_adjoint.sum(0)}

    def value(given):
        parts = held(kind, given["row"], given["x"], r, base)
        columns = [p if p.ndim == 2 else p[:, None] for p in parts]
        return (g * np.concatenate(columns, 1)).sum()

    inputs = {"row": np.array(row, float), "x": np.array(x, float)}
    errors = relative_errors(value, inputs, found, list(inputs), components=4)
    assert max(errors.values()) < 1e-7, errors


@pytest.mark.parametrize("name", ["sphere", "rectangle"])
def test_the_mean_gradient_is_that_of_the_light_that_arrives(any32, name):
    """Of the light's nine numbers and of the surface's point, by the estimate's own derivative."""
    kind, row, x = LIGHTS[name]
    n, r = facing(kind, row, x), random_numbers()
    points, solid_angle, *_ = ask(kind, row, x, r)
    to = points - x
    length = np.linalg.norm(to, axis=1, keepdims=True)
    cosine = to @ n / length[:, 0]
    g = np.zeros((len(r), 11))
    g[:, 3] = cosine
    g[:, :3] = solid_angle[:, None] * (n - cosine[:, None] * to / length) / length  # of n.D / |D|
    x_adjoint, solid = adjoints(kind, row, x, r, g)
    each = np.concatenate([solid, x_adjoint - g[:, :3]], 1)
    inputs = np.concatenate([row, x])
    used = [0, 1, 2, 3, 9, 10, 11] if kind == SPHERE else range(12)
    for k in used:
        step = np.eye(12)[k] * 1e-5
        ahead, behind = (irradiance(kind, (inputs + s)[:9], (inputs + s)[9:], n) for s in (step, -step))
        error = each[:, k].std() / len(each) ** 0.5
        assert abs(each[:, k].mean() - (ahead - behind) / 2e-5) < 3.5 * error + 1e-5, k
