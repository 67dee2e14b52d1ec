"""The background's share of soft pixels, and pictures without it: against the formula and central differences."""

import numpy as np
import pytest
from backends import SINGLE
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.soft.background import LEAST_SHARE, fade, fade_adjoint
from tests.kernels.soft.test_soft_pass import Scene

PIXELS = 9


@pytest.mark.parametrize("color", ["softmax", "hard"])
@pytest.mark.parametrize("packet", [(1, 1), (4, 2)])
def test_the_share_is_the_weight_of_the_background(cpu64, packet, color):
    """Over white with black faces, a pixel's colour is the background's share."""
    scene = Scene(1, views=2)
    scene.attributes[:], scene.background[:] = 0, 1
    soft = scene.soft_pass(packet=packet, color=color)
    expected = [scene.oracle(view, color=color)[0][..., 0] for view in range(2)]
    scene.forward(soft)
    share = soft.background_shares().to_numpy().reshape(2, scene.height, scene.width)
    assert 0 < share.mean() < 1
    np.testing.assert_allclose(share, expected, atol=1e-12)


def inputs():
    """Colours of faces over black: they have the share 1 - share of a mean colour; one of them has nearly nothing."""
    random = np.random.default_rng(4)
    share = np.append(random.uniform(size=PIXELS - 1), 1 - LEAST_SHARE / 2)
    return {
        "color": random.uniform(size=(PIXELS, 3)) * (1 - share[:, None]),
        "alpha": random.uniform(size=PIXELS),
    }, share


def oracle(x, share):
    faces = 1 - share[:, None]
    return np.where(faces > LEAST_SHARE, x["alpha"][:, None] * x["color"] / faces, 0)


def faded(x, share):
    color, out = array_from(x["color"]), make_array((PIXELS, 3))
    fade(color, array_from(share), array_from(x["alpha"]), out)
    return color, out


def adjoints(x, share, weights):
    mean, _ = faded(x, share)
    color_adjoint, alpha_adjoint = make_array((PIXELS, 3)), make_array((PIXELS,))
    arrays = (mean, array_from(share), array_from(x["alpha"]), array_from(weights))
    fade_adjoint(*arrays, color_adjoint, alpha_adjoint)
    return {"color": color_adjoint.to_numpy(), "alpha": alpha_adjoint.to_numpy()}


def test_pictures_equal_the_oracle(any32):
    x, share = inputs()
    _, out = faded(x, share)
    np.testing.assert_allclose(out.to_numpy(), oracle(x, share), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("fixture", "limit"), [("cpu64", 1e-8), *((name, 1e-5) for name in SINGLE)])
def test_adjoints_equal_central_differences(request, fixture, limit):
    request.getfixturevalue(fixture)
    x, share = inputs()
    weights = np.random.default_rng(5).normal(size=(PIXELS, 3))
    errors = relative_errors(lambda x: np.sum(weights * oracle(x, share)), x, adjoints(x, share, weights), x)
    assert max(errors.values()) < limit
