"""The squared error of rays over backgrounds, and its adjoint, on each backend."""

import numpy as np

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.volume.composite import SEEN
from taichi_dr.kernels.volume.squared_error import compare
from tests.oracles.differences import relative_errors

COUNT = 9


def inputs():
    random = np.random.default_rng(1)
    return {
        "seen": random.uniform(size=(COUNT, SEEN)),
        "pixels": random.uniform(size=(COUNT, 4)),
        "backgrounds": random.uniform(size=(COUNT, 3)),
    }


def oracle(x):
    opacity, alpha = x["seen"][:, 3:4], x["pixels"][:, 3:]
    ours = x["seen"][:, :3] + (1 - opacity) * x["backgrounds"]
    theirs = alpha * x["pixels"][:, :3] + (1 - alpha) * x["backgrounds"]
    return ((ours - theirs) ** 2).sum(axis=1)


def compared(x, weight):
    errors, adjoint = make_array((COUNT + 1,)), make_array((COUNT + 1, SEEN))
    compare(*(array_from(x[name]) for name in ("seen", "pixels", "backgrounds")), COUNT, weight, errors, adjoint)
    assert not adjoint.to_numpy()[COUNT].any()
    return errors.to_numpy()[:COUNT], {"seen": adjoint.to_numpy()[:COUNT]}


def test_errors_and_gradients(cpu64):
    x = inputs()
    errors, adjoint = compared(x, 0.3)
    np.testing.assert_allclose(errors, oracle(x), atol=1e-14)
    assert relative_errors(lambda x: 0.3 * oracle(x).sum(), x, adjoint, ["seen"])["seen"] < 1e-7


def test_single_precision(any32):
    x = inputs()
    errors, adjoint = compared(x, 1.0)
    np.testing.assert_allclose(errors, oracle(x), rtol=1e-4, atol=1e-6)
    assert relative_errors(lambda x: oracle(x).sum(), x, adjoint, ["seen"])["seen"] < 1e-4


def test_what_is_transparent_and_looks_so_has_no_error(cpu32):
    x = inputs()
    x["seen"][:], x["pixels"][:, 3] = 0, 0
    errors, adjoint = compared(x, 1.0)
    assert not errors.any()
    assert not adjoint["seen"].any()
