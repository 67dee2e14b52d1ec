"""The numbers of metrics.json against closed forms and scikit-image."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from taichi_dr.errors import ShapeError
from taichi_dr.jobs.report.metrics import compare, compare_views, over_white, psnr, soft_iou, ssim


@pytest.fixture
def pictures():
    random = np.random.default_rng(0)
    target = random.uniform(size=(2, 32, 40, 4))
    return np.clip(target + random.normal(0, 0.1, target.shape), 0, 1), target


def test_iou_of_overlapping_squares():
    one, other = np.zeros((2, 10, 10))
    one[:6], other[3:] = 1, 1
    assert soft_iou(one, other) == pytest.approx(30 / 100)


def test_iou_of_fractional_silhouettes():
    assert soft_iou(np.array([0.5]), np.array([0.5])) == pytest.approx(0.25 / 0.75)


def test_iou_of_pixels_that_are_covered_by_half():
    one, other = np.zeros((2, 1, 16, 16, 4))
    one[:, :6, :, 3], one[:, 6, :, 3] = 1, 0.4  # of an edge that agrees, soft_iou is 0.4^2 / (0.8 - 0.4^2)
    other[:, 3:6, :, 3], other[:, 6, :, 3] = 1, 0.4
    assert compare(one, other)["iou_half"] == 3 / 6
    assert compare(one, one)["iou_half"] == 1 > compare(one, one)["iou"]


def test_iou_of_empty_silhouettes_is_one():
    assert soft_iou(np.zeros(4), np.zeros(4)) == 1.0


def test_psnr_agrees_with_scikit_image(pictures):
    one, other = pictures
    assert psnr(one, other) == pytest.approx(peak_signal_noise_ratio(other, one, data_range=1.0))


def test_psnr_of_equal_pictures_is_finite():
    assert psnr(np.ones(3), np.ones(3)) == 100.0


def test_ssim_agrees_with_scikit_image(pictures):
    one, other = (picture[0, ..., :3] for picture in pictures)
    expected = structural_similarity(
        one, other, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(one, other) == pytest.approx(expected)


@pytest.mark.parametrize("side", [1, 2, 3, 6, 10, 11])
def test_ssim_of_small_equal_pictures_is_one(side):
    picture = np.random.default_rng(1).uniform(size=(side, side, 3))
    assert ssim(picture, picture) == pytest.approx(1.0)


def test_transparent_pixels_are_white_and_opaque_ones_srgb():
    picture = np.array([[0.3, 0.2, 0.1, 0.0], [0.5, 0.5, 0.5, 1.0]])
    assert over_white(picture) == pytest.approx(np.array([[1, 1, 1], [0.735357] * 3]), abs=1e-5)


def test_compare_is_the_mean_over_views(pictures):
    views = compare_views(*pictures)
    assert compare(*pictures)["psnr"] == pytest.approx(np.mean([view["psnr"] for view in views]))
    assert set(views[0]) == {"iou", "iou_half", "psnr", "ssim"}


def test_shapes_that_differ_are_refused(pictures):
    with pytest.raises(ShapeError, match="32, 40, 4"):
        compare(pictures[0], pictures[1][:, :-1])
