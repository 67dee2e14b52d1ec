"""Densities of logits: literal values, and what their adjoint lets through where they are largest."""

import numpy as np

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks.densities import exponentiate, exponentiate_adjoint


def test_densities_are_exponentials_up_to_a_largest_one(any32):
    found = make_array((4, 4))
    exponentiate(array_from([[9.0, 0.0], [9.0, 1.0], [9.0, 15.0], [9.0, 90.0]]), 1, found, 4)
    np.testing.assert_allclose(found.to_numpy()[:, 0], np.exp([0.0, 1.0, 15.0, 15.0]), rtol=1e-5)


def test_the_largest_densities_only_fall(any32):
    adjoint, g = make_array((4, 2)), np.zeros((4, 4))
    g[:, 0] = 2.0, -2.0, 2.0, -2.0
    exponentiate_adjoint(array_from([[0.0, 1.0], [0.0, 1.0], [0.0, 20.0], [0.0, 20.0]]), 1, array_from(g), adjoint, 4)
    expected = 2 * np.exp([1.0, 1.0, 15.0, 15.0]) * [1, -1, 1, 0]
    np.testing.assert_allclose(adjoint.to_numpy()[:, 1], expected, rtol=1e-5)
    assert (adjoint.to_numpy()[:, 0] == 0).all()
