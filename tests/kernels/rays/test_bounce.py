"""Mirrors and clear surfaces: closed forms, and the adjoint with Fresnel's shares against central differences."""

import numpy as np
import taichi as ti
from oracles import whitted

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays.bounce import go_on, go_on_adjoint
from taichi_dr.kernels.rays.surface import (
    BACK,
    GEOMETRIC,
    MATERIAL,
    MATERIALS,
    NORMAL,
    REFLECTIVITY,
    REFRACTION,
    SEEN,
    SIDE,
)

COUNT, INDEX, SEED = 60, 1.5, 3


def rays():
    """(directions, normals on their side, sides): from outside, and from inside with total reflection or without."""
    rng = np.random.default_rng(0)
    d, n = rng.normal(size=(2, COUNT, 3))
    d, n = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (d, n))
    n *= -np.sign((n * d).sum(axis=1, keepdims=True))
    return d, n, np.where(np.arange(COUNT) % 2, 1.0, -1.0)


def arrays(d, n, side, index, reflectivity=0.0):
    seen, materials = np.zeros((COUNT, SEEN)), np.zeros((1, MATERIALS))
    seen[:, NORMAL : NORMAL + 3] = seen[:, GEOMETRIC : GEOMETRIC + 3] = n
    seen[:, SIDE] = side
    materials[0, REFRACTION], materials[0, REFLECTIVITY] = index, reflectivity
    numbers = array_from(np.arange(COUNT), ti.i32)
    return numbers, array_from(d), array_from(seen), array_from(materials)


def onward(d, n, side, index, reflectivity=0.0):
    """(directions, weights) of the next rays."""
    numbers, directions, seen, materials = arrays(d, n, side, index, reflectivity)
    zeros, hits, ends = make_array((COUNT,), ti.i32), make_array((COUNT, 3)), make_array((COUNT, 2))
    result, weight, path = make_array((COUNT, 3)), make_array((COUNT, 1)), make_array((COUNT,), ti.i32)
    here = numbers, COUNT, zeros, hits, directions, seen, numbers, zeros, materials, SEED, 0
    go_on(*here, make_array((COUNT, 3)), result, ends, path, weight)
    return result.to_numpy(), weight.to_numpy()[:, 0]


def shares(d, n, side, index, reflected):
    """The probability of the way that each ray has gone."""
    cosine, eta = -(d * n).sum(axis=1), np.where(side > 0, 1 / index, index)
    share = np.array([whitted.fresnel(c, e) for c, e in zip(cosine, eta, strict=True)])
    return np.where(reflected, share, 1 - share)


def test_mirrors_keep_the_angle(any32):
    d, n, side = rays()
    result, weight = onward(d, n, side, 0.0, 0.25)
    assert np.allclose((result * n).sum(axis=1), -(d * n).sum(axis=1), atol=1e-6)
    assert np.allclose(np.cross(result, n), np.cross(d, n), atol=1e-6)
    assert (weight == 0.25).all()


def test_refraction_follows_snell(any32):
    d, n, side = rays()
    result, weight = onward(d, n, side, INDEX)
    through = (result * n).sum(axis=1) < 0
    before, after = (np.linalg.norm(np.cross(v, n), axis=1)[through] for v in (d, result))
    assert np.allclose(after, before * np.where(side > 0, 1 / INDEX, INDEX)[through], atol=1e-6)
    assert np.allclose(np.linalg.norm(result, axis=1), 1, atol=1e-6)
    assert (weight == 1).all()
    assert 20 < through.sum() < 50


def test_fresnel_straight_on(any32):
    """Of glass 4 %, ((n - 1) / (n + 1))^2, of 20,000 rays: +- 0.5 % is 3.6 standard deviations."""
    global COUNT
    count, COUNT = COUNT, 20000
    try:
        d, n = np.tile([0.0, 0, -1], (COUNT, 1)), np.tile([0.0, 0, 1], (COUNT, 1))
        result, _ = onward(d, n, np.ones(COUNT), INDEX)
    finally:
        COUNT = count
    assert abs((result[:, 2] > 0).mean() - 0.04) < 0.005


def test_the_adjoint_equals_central_differences(cpu64):
    d, n, side = rays()
    rng = np.random.default_rng(1)
    g, g_weight = rng.normal(size=(COUNT, 3)), rng.normal(size=COUNT)
    result, _ = onward(d, n, side, INDEX)
    reflected = (result * n).sum(axis=1) > 0
    held = shares(d, n, side, INDEX, reflected)

    def losses(d, n, index):
        result, _ = onward(d, n, side, index)
        return (g * result).sum(axis=1) + g_weight * shares(d, n, side, index, reflected) / held

    numbers, directions, seen, materials = arrays(d, n, side, INDEX)
    zeros, weight_adjoint = make_array((COUNT,), ti.i32), array_from(g_weight[:, None])
    back, d_adjoint, seen_adjoint = make_array((COUNT, BACK)), make_array((COUNT, 3)), make_array((COUNT, 9))
    here = numbers, COUNT, zeros, directions, seen, numbers, zeros, materials, SEED, 0
    origins_adjoint = make_array((COUNT, 3))
    go_on_adjoint(*here, origins_adjoint, array_from(g), weight_adjoint, d_adjoint, seen_adjoint, back)
    step = 1e-6
    for k in range(3):
        e = step * np.eye(3)[k]
        by_d = (losses(d + e, n, INDEX) - losses(d - e, n, INDEX)) / (2 * step)
        by_n = (losses(d, n + e, INDEX) - losses(d, n - e, INDEX)) / (2 * step)
        assert np.allclose(d_adjoint.to_numpy()[:, k], by_d, rtol=1e-5, atol=1e-6)
        assert np.allclose(seen_adjoint.to_numpy()[:, NORMAL + k], by_n, rtol=1e-5, atol=1e-6)
    by_index = (losses(d, n, INDEX + step) - losses(d, n, INDEX - step)) / (2 * step)
    assert np.allclose(back.to_numpy()[:, MATERIAL + REFRACTION], by_index, rtol=1e-5, atol=1e-6)
