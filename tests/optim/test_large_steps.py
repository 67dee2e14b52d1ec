"""Smooth coordinates: exact inverse, exact gradient, smooth steps."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr import losses
from taichi_dr.errors import InputError
from taichi_dr.optim.large_steps import LargeSteps
from taichi_dr.optim.optimizers import UniformAdam
from taichi_dr.runtime import float_dtype
from taichi_dr.scene.mesh import Mesh

FACES = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
CORNERS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float)
VERTICES = CORNERS + np.random.default_rng(1).normal(scale=0.2, size=(2, 6, 3))


def matrix(strength):
    """I + strength (D - A) of the octahedron, in which every vertex sees all but the opposite one."""
    adjacency = np.ones((6, 6)) - np.eye(6) - np.kron(np.eye(3), [[0, 1], [1, 0]])
    return np.eye(6) + strength * (4 * np.eye(6) - adjacency)


def test_coordinates_and_back(cpu64):
    mesh = Mesh(VERTICES, FACES)
    smooth = LargeSteps(mesh, strength=3.0)
    np.testing.assert_allclose(smooth.coordinates.to_numpy(), matrix(3.0) @ VERTICES, rtol=1e-12)
    mesh.vertices.fill(0)
    smooth.apply()
    np.testing.assert_allclose(mesh.vertices.to_numpy(), VERTICES, rtol=1e-12)


def test_gradient_is_the_smoothed_gradient(any32):
    mesh = Mesh(VERTICES, FACES)
    smooth = LargeSteps(mesh, strength=3.0)
    target, loss = VERTICES[::-1].copy(), ti.field(float_dtype(), shape=(), needs_grad=True)
    with ti.ad.Tape(loss):
        smooth.apply()
        losses.mse(mesh.vertices, target, loss)
    expected = np.linalg.solve(matrix(3.0), 2 * (VERTICES - target) / VERTICES.size)
    np.testing.assert_allclose(smooth.coordinates.grad.to_numpy(), expected, atol=1e-6)


def test_optimisation_reaches_the_target(cpu32):
    mesh = Mesh(CORNERS, FACES)
    smooth, loss = LargeSteps(mesh, strength=1.0), ti.field(ti.f32, shape=(), needs_grad=True)
    optimizer = UniformAdam([smooth.coordinates], lr=0.1)
    target = (CORNERS * [1.5, 1.0, 0.7] + [0.3, 0, 0])[None]
    for _ in range(150):
        with ti.ad.Tape(loss):
            smooth.apply()
            losses.mse(mesh.vertices, target, loss)
        optimizer.step()
    np.testing.assert_allclose(mesh.vertices.to_numpy(), target, atol=0.02)


def test_negative_strength_is_refused(cpu64):
    with pytest.raises(InputError, match="strength: expected a number of at least 0, got -1"):
        LargeSteps(Mesh(VERTICES, FACES), strength=-1)
