"""Clamped differences and the prior of codes, by hand and against central differences."""

import numpy as np

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks.regression import clamped_l1_adjoint, prior_adjoint

REACH = 0.1


def losses_and_adjoints(values, targets, seed=1.0):
    count = len(values)
    losses, adjoint = make_array((count, 1)), make_array((count, 1))
    arrays = array_from(np.reshape(values, (-1, 1))), 0, array_from(np.reshape(targets, (-1, 1))), 0
    clamped_l1_adjoint(*arrays, losses, adjoint, count, REACH, seed, False)
    return losses.to_numpy()[:, 0], adjoint.to_numpy()[:, 0]


def test_differences_by_hand(cpu64):
    targets = [0.05, 0.05, 0.2, 0.2, 0.2, -0.2, -0.2]
    values = [0.08, -0.3, 0.3, 0.1, 0.05, -0.5, 0.0]
    losses, adjoints = losses_and_adjoints(values, targets, seed=0.5)
    np.testing.assert_allclose(losses, [0.03, 0.35, 0, 0, 0.05, 0, 0.1], atol=1e-15)
    np.testing.assert_allclose(adjoints, [0.5, -0.5, 0, 0, -0.5, 0, 0.5])


def test_adjoints_equal_central_differences(cpu64):
    values, targets = np.random.default_rng(1).uniform(-0.3, 0.3, (2, 50))
    plus, minus = (losses_and_adjoints(values + step, targets)[0] for step in (1e-6, -1e-6))
    np.testing.assert_allclose(losses_and_adjoints(values, targets)[1], (plus - minus) / 2e-6, atol=1e-7)


def test_rows_from_anywhere(any32):
    values, targets = np.random.default_rng(2).uniform(-0.3, 0.3, (2, 30))
    losses, adjoint = make_array((30, 1)), make_array((30, 1))
    arrays = array_from(values[:, None]), 10, array_from(targets[:, None]), 5
    clamped_l1_adjoint(*arrays, losses, adjoint, 12, REACH, 2.0, False)
    expected = losses_and_adjoints(values[10:22], targets[5:17], 2.0)
    np.testing.assert_allclose(losses.to_numpy()[:, 0], np.pad(expected[0], (10, 8)), atol=1e-7)
    np.testing.assert_allclose(adjoint.to_numpy()[:, 0], np.pad(expected[1], (0, 18)))


def test_the_prior_pulls_towards_zero(any32):
    adjoint = array_from(np.ones((5, 1)))
    prior_adjoint(array_from([[9.0], [1.0], [-2.0], [3.0], [9.0]]), 1, 3, adjoint, 0.5)
    np.testing.assert_allclose(adjoint.to_numpy()[:, 0], [1, 2, -1, 4, 1])
