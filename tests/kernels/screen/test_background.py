"""Backgrounds laid behind pictures: against the formula, and its adjoint against central differences."""

import numpy as np
import pytest
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.screen.background import Background, composite, composite_adjoint, lay_behind

VIEWS, PIXELS = 3, 7
LAYOUTS = {
    "a colour": ((1,), (0, 0)),
    "a colour for each view": ((VIEWS,), (1, 0)),
    "an image": ((PIXELS,), (0, 1)),
    "an image for each view": ((VIEWS, PIXELS), (PIXELS, 1)),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def inputs(seed=1):
    return {"rgba": np.random.default_rng(seed).uniform(size=(VIEWS * PIXELS, 4))}


def background(layout):
    """As the kernels take it, and as an array (V*P, 3)."""
    shape, steps = layout
    values = np.random.default_rng(2).uniform(size=(*shape, 3))
    spread = values.reshape({(VIEWS,): (VIEWS, 1, 3), (PIXELS,): (1, PIXELS, 3)}.get(shape, values.shape))
    return Background(array_from(values.reshape(-1, 3)), *steps), np.broadcast_to(spread, (VIEWS, PIXELS, 3)).reshape(
        -1, 3
    )


def oracle(rgba, behind):
    return np.concatenate([rgba[:, :3] + (1 - rgba[:, 3:]) * behind, rgba[:, 3:]], axis=1)


@every_layout
def test_pictures_equal_the_oracle(any32, layout):
    rows, behind = background(layout)
    rgba = inputs()["rgba"]
    got = array_from(rgba)
    composite(got, rows, VIEWS)
    np.testing.assert_allclose(got.to_numpy(), oracle(rgba, behind), atol=1e-6)
    color, share = array_from(rgba[:, :3]), array_from(1 - rgba[:, 3])
    lay_behind(color, share, rows, VIEWS)
    np.testing.assert_allclose(color.to_numpy(), oracle(rgba, behind)[:, :3], atol=1e-6)


def adjoint(weights, rows):
    array = array_from(weights)
    composite_adjoint(array, rows, VIEWS)
    return {"rgba": array.to_numpy()}


@every_layout
def test_adjoints_equal_central_differences(cpu64, layout):
    rows, behind = background(layout)
    weights = np.random.default_rng(3).normal(size=(VIEWS * PIXELS, 4))
    errors = relative_errors(
        lambda x: np.sum(weights * oracle(x["rgba"], behind)), inputs(), adjoint(weights, rows), ["rgba"]
    )
    assert errors["rgba"] < 1e-8


def test_adjoints_in_single_precision(any32):
    rows, behind = background(LAYOUTS["an image for each view"])
    weights = np.random.default_rng(3).normal(size=(VIEWS * PIXELS, 4)).astype(np.float32)
    errors = relative_errors(
        lambda x: np.sum(weights * oracle(x["rgba"], behind)), inputs(), adjoint(weights, rows), ["rgba"]
    )
    assert errors["rgba"] < 1e-5
