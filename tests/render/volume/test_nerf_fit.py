"""A training step of NeRF: its gradient against central differences of its own loss, and that it learns."""

import numpy as np
import pytest
from oracles.differences import relative_errors

from taichi_dr.implicit.radiance.nerf import NeRF
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.volume.regress import color_error_adjoint
from taichi_dr.render.volume.nerf_fit import NeRFFit

RAYS = 12


def small(coarse):
    return NeRF(2, 1, (8, 8), skips=(1,), features=6, color_hidden=(5,), coarse=coarse, seed=3)


def rays(count=RAYS):
    random = np.random.default_rng(1)
    directions = random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    near, far = np.full(count, 0.5), random.uniform(1.5, 2.5, count)
    return random.uniform(-0.2, 0.2, (count, 3)), directions, random.uniform(size=(count, 3)), near, far


def test_errors_and_their_adjoint(cpu64):
    random = np.random.default_rng(2)
    seen, targets, errors, g = (
        random.uniform(size=(4, 5)),
        random.uniform(size=(4, 3)),
        make_array((6,)),
        make_array((4, 5)),
    )

    def error(x):
        return 0.25 * np.sum((x["seen"][:, :3] + (1 - x["seen"][:, 3:4]) * 0.7 - targets) ** 2)

    color_error_adjoint(array_from(seen), array_from(targets), 4, 0.7, errors, 2, 0.25, g)
    assert errors.to_numpy()[2:].sum() * 0.25 == pytest.approx(error({"seen": seen}), rel=1e-12)
    assert relative_errors(error, {"seen": seen}, {"seen": g.to_numpy()}, ["seen"])["seen"] < 1e-7


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_gradients_of_a_step_equal_central_differences(cpu64, noise):
    nerf = small(coarse=False)
    fit = NeRFFit(nerf, 8, noise=noise, lr=1e-300)
    x = {name: nerf.numpy(name) + (0.3 if name == "trunk" else 0) for name in ("trunk", "color")}

    def error(x):
        for name, numbers in x.items():
            nerf.set(name, numbers)
        return fit.step(*rays(), 5)

    error(x)
    found = {name: nerf.gradient(name) for name in x}
    assert max(relative_errors(error, x, found, x, step=1e-6).values()) < 1e-6


def test_both_networks_learn(any32):
    """Grey rays: after 60 steps both networks show them, and the coarse one has a gradient of its own."""
    fit = NeRFFit(small(coarse=True), 8, 8, lr=1e-2)
    origins, directions, _, near, far = rays(60)
    errors = [fit.step(origins, directions, np.full((60, 3), 0.3), near, far, step) for step in range(60)]
    assert errors[-1] < 0.05 * errors[0]
    assert np.abs(fit.nerf.coarse.gradient("trunk")).max() > 0
