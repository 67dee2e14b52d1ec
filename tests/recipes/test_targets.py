"""Images that something is fitted to."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.recipes.targets import read_targets


def square(channels=()):
    """An image of 4 x 6 of a square of 2 x 2."""
    image = np.zeros((4, 6, *channels), np.float32)
    image[1:3, 2:4] = 1
    return image


def test_images_with_alpha_are_composed():
    image = square((4,))
    image[1, 2] = (0.2, 0.4, 0.6, 0.5)
    targets = read_targets(image, 1, behind=(0.5, 0.5, 0.5))
    assert targets.size == (4, 6)
    np.testing.assert_allclose(targets.color[0, 1, 2], [0.35, 0.45, 0.55], rtol=1e-6)
    np.testing.assert_allclose(targets.color[0, 0, 0], 0.5)
    np.testing.assert_array_equal(targets.alpha[0], image[..., 3])


def test_silhouettes_and_colors_alone():
    silhouettes = read_targets(np.stack([square()] * 2), 2)
    assert silhouettes.color is None
    assert silhouettes.alpha.shape == (2, 4, 6)
    colors = read_targets(square((3,)), 1, (0, 0, 0.5))
    assert colors.alpha is None
    assert colors.background == (0, 0, 0.5)


def test_smaller_ones_are_means():
    targets = read_targets(square((4,)), 1).shrunk(2)
    np.testing.assert_allclose(targets.alpha[0], [[0, 0.5, 0], [0, 0.5, 0]], atol=1e-7)
    np.testing.assert_allclose(targets.color[0, 0, 1], 0.5, atol=1e-7)
    assert targets.shrunk(8) is not None
    assert targets.shrunk(8).size == (2, 3), "never larger"


@pytest.mark.parametrize(
    ("images", "arguments", "error", "message"),
    [
        (np.stack([square((4,))] * 2), (1,), dr.ShapeError, r"with V = 1.*got \(2, 4, 6, 4\)"),
        (np.zeros((4, 6, 5, 2, 3)), (1,), dr.ShapeError, "expected"),
        ((square((4,)) * 255).astype(np.uint8), (1,), dr.InputError, "as floats, got uint8"),
        (np.full((4, 6), np.nan), (1,), dr.InputError, r"images\[0, 0, 0\] is not finite: nan; 24 such"),
        (square((3,)), (1,), dr.InputError, "background: .* expected three numbers"),
        (square((4,)), (1, (0, 0, 0)), dr.InputError, "none otherwise, got"),
        (np.stack([square(), 0 * square()]), (2,), dr.InputError, "image 1 shows no pixel of alpha >= 0.5"),
        (np.ones((4, 6, 3)), (1, (1, 1, 1)), dr.InputError, "image 0 shows nothing but the background"),
    ],
)
def test_what_is_refused(images, arguments, error, message):
    with pytest.raises(error, match=message):
        read_targets(images, *arguments)
