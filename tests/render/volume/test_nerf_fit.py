"""A training step of NeRF: its gradient against central differences of its own loss, and that it learns."""

import numpy as np
import pytest
from oracles.differences import relative_errors

from taichi_dr.implicit.radiance.nerf import NeRF
from taichi_dr.render.volume.nerf_fit import KnownRays, NeRFFit

RAYS = 12


def small(coarse):
    return NeRF(2, 1, (8, 8), skips=(1,), features=6, color_hidden=(5,), coarse=coarse, seed=3)


def rays(count=RAYS):
    random = np.random.default_rng(1)
    directions = random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ends = np.stack([np.full(count, 0.5), random.uniform(1.5, 2.5, count)], axis=1)
    known = random.uniform(size=(count, 4)), random.uniform(size=(count, 3))
    return KnownRays(random.uniform(-0.2, 0.2, (count, 3)), directions, ends, *known)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_gradients_of_a_step_equal_central_differences(cpu64, noise):
    nerf = small(coarse=False)
    fit = NeRFFit(nerf, 8, noise=noise, lr=1e-300)
    x = {name: nerf.numpy(name) + (0.3 if name == "trunk" else 0) for name in ("trunk", "color")}

    def error(x):
        for name, numbers in x.items():
            nerf.set(name, numbers)
        return fit.step(rays(), 5)

    error(x)
    found = {name: nerf.gradient(name) for name in x}
    assert max(relative_errors(error, x, found, x, step=1e-6).values()) < 1e-6


def test_both_networks_learn(any32):
    """Grey rays: after 60 steps both networks show them, and the coarse one has a gradient of its own."""
    fit = NeRFFit(small(coarse=True), 8, 8, lr=1e-2)
    grey = rays(60)._replace(pixels=np.tile([0.3, 0.3, 0.3, 1.0], (60, 1)))
    errors = [fit.step(grey, step) for step in range(60)]
    assert errors[-1] < 0.05 * errors[0]
    assert np.abs(fit.nerf.coarse.gradient("trunk")).max() > 0
