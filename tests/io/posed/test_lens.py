"""Distortion: the formula by hand, its inverse, and undistorted photographs beside those that a pinhole would take."""

import json
from pathlib import Path

import numpy as np
import pytest
from oracles import photographs
from oracles.photographs import HEIGHT, MATRICES, WIDTH, photograph
from scipy.spatial.transform import Rotation

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed.bounds import projected
from taichi_dr.io.posed.lens import Lens, straight_lens, undistorted
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.io.posed.parts.poses import of_opencv
from taichi_dr.io.posed_images import PosedImages

PROJECTED = Path(__file__).parents[4] / "shared/data/reference/pytorch3d/cv_project_points_precomputed.json"
FOCAL, CENTER = (60.0, 62.0), (31.0, 24.5)
BARREL = {"k1": -0.2, "k2": 0.03, "p1": 0.004, "p2": -0.003}
CUSHION = {"k1": 0.15, "k2": -0.02, "p1": -0.003, "p2": 0.002}


def lens_of(k1=0.0, k2=0.0, p1=0.0, p2=0.0):
    return Lens(WIDTH, HEIGHT, FOCAL, CENTER, (k1, k2), (), (p1, p2))


def test_distortion_by_hand():
    x, y = Lens(2, 2, (1, 1), (1, 1), (0.1, 0.2, 0.4), (0.5,), (0.02, 0.01)).distorted(0.5, 1.0)
    # r^2 = 1.25: (1 + 0.125 + 0.3125 + 0.78125) / (1 + 0.625) = 2.21875 / 1.625
    scale = 2.21875 / 1.625
    assert x == pytest.approx(0.5 * scale + 2 * 0.02 * 0.5 + 0.01 * (1.25 + 0.5))
    assert y == pytest.approx(1.0 * scale + 0.02 * (1.25 + 2.0) + 2 * 0.01 * 0.5)


@pytest.mark.parametrize(
    ("k3", "divisor", "pixels"),
    [
        ((), (), [[526.40625, 667.44375], [1.533, 380.01846], [365.81725, -43.04337]]),
        ((0.01,), (), [[531.289062, 677.404688], [0.850108, 380.316981], [365.842576, -43.198368]]),
        ((0.01,), (0.1, -0.02, 0.003), [[512.092584, 638.243872], [16.427655, 373.507368], [364.289991, -33.696545]]),
    ],
)
def test_distortion_is_that_of_opencv(k3, divisor, pixels):
    """Against projectPoints of OpenCV 5.0: k1 -0.2, k2 0.05, p1 0.004, p2 -0.003, focal lengths 500 and 510."""
    lens = Lens(640, 480, (500, 510), (320, 240), (-0.2, 0.05, *k3), divisor, (0.004, -0.003))
    x, y = lens.distorted(np.array([0.5, -0.7, 0.1]), np.array([1.0, 0.3, -0.6]))
    np.testing.assert_allclose(np.stack([500 * x + 320, 510 * y + 240], axis=1), pixels, atol=1e-6)


@pytest.mark.skipif(not PROJECTED.is_file(), reason="the reference values are not on this machine")
def test_cameras_of_opencv_against_the_values_of_others():
    """Rotation vector, translation and camera matrix of PyTorch3D's values of OpenCV's projectPoints, 7 digits."""
    compared = 0
    for case in json.loads(PROJECTED.read_text()):
        (fx, _, cx), (_, fy, cy), _ = case["camera_matrix"]
        matrix = of_opencv("", Rotation.from_rotvec(case["rvec"]).as_matrix(), np.array(case["tvec"]))
        posed = PosedImages(
            np.zeros((1, 1, 1, 3), np.float32),
            np.ones((1, 1, 1), np.float32),
            matrix[None],
            np.array([[fx, fy]]),
            np.array([[cx, cy]]),
            ("a",),
        )
        x, y, depth = projected(posed, 0, np.array(case["pts"]))
        ahead = depth > 0.1  # what is nearer multiplies the rounding of the points
        compared += ahead.sum()
        np.testing.assert_allclose(np.stack([x, y], axis=1)[ahead], np.array(case["pts_proj"])[ahead], atol=1e-5)
    assert compared >= 30


@pytest.mark.parametrize("distortion", [BARREL, CUSHION])
def test_rays_undo_the_distortion(distortion):
    lens = lens_of(**distortion)
    column, row = np.meshgrid(np.linspace(0, WIDTH, 9), np.linspace(0, HEIGHT, 7))
    x, y = photographs.distorted(*lens.rays(column, row), **distortion)
    np.testing.assert_allclose(FOCAL[0] * x + CENTER[0], column, atol=1e-6)
    np.testing.assert_allclose(FOCAL[1] * y + CENTER[1], row, atol=1e-6)


@pytest.mark.parametrize("distortion", [BARREL, CUSHION, {"k1": -0.1}, {"k1": 1e-7}])
def test_undistorted_photographs_are_those_of_a_pinhole(distortion):
    lens = lens_of(**distortion)
    taken = photograph(MATRICES[1], FOCAL, CENTER, **distortion)
    pinhole = straight_lens(lens)
    assert pinhole.focal == FOCAL
    expected = photograph(MATRICES[1], FOCAL, pinhole.center, (pinhole.height, pinhole.width))
    error = np.abs(undistorted(taken, lens) - expected)
    assert error.max() < 0.01
    assert error.mean() < 3e-4
    unmoved = np.abs(photograph(MATRICES[1], FOCAL, CENTER) - taken).max()
    assert unmoved > 0.05 or distortion["k1"] == 1e-7  # what is tested makes a difference


def test_the_picture_grows_for_a_barrel_and_loses_its_edges_for_a_cushion():
    grown, shrunk = straight_lens(lens_of(k1=-0.3)), straight_lens(lens_of(k1=0.15))
    assert grown.width > WIDTH
    assert grown.height > HEIGHT
    assert shrunk.width < WIDTH
    assert shrunk.height < HEIGHT
    assert straight_lens(lens_of(k1=1e-9)) == lens_of()._replace(radial=(), center=CENTER)
    for lens, pinhole in ((lens_of(k1=-0.3), grown), (lens_of(k1=0.15), shrunk)):  # and every pixel was seen
        column, row = np.meshgrid([0, pinhole.width / 2, pinhole.width], [0, pinhole.height / 2, pinhole.height])
        x, y = lens.distorted(*pinhole.rays(column, row))
        x, y = FOCAL[0] * x + CENTER[0], FOCAL[1] * y + CENTER[1]
        assert (x > -0.1).all()
        assert (x < WIDTH + 0.1).all()
        assert (y > -0.1).all()
        assert (y < HEIGHT + 0.1).all()


@pytest.mark.parametrize(
    ("k1", "message"),
    [
        (-1.5, r"the lens distortion \(radial -1.5, 0, .* is not one to one over the picture"),
        (-1e9, "is not one to one over the picture"),
        (1e9, "the lens distortion leaves no rectangle of the picture"),
    ],
)
def test_distortions_that_make_no_sense_are_refused(k1, message):
    with pytest.raises(DataSetError, match=message):
        straight_lens(Lens(100, 100, (50, 50), (50, 50), (k1, 0.0)))
    with pytest.raises(DataSetError, match=r"makes pictures of 100 × 100 pixels more than 3 times"):
        straight_lens(Lens(100, 100, (50, 50), (50, 50), (1.0,), (100.0,)))


@pytest.mark.parametrize(
    ("model", "numbers"),
    [
        ("SIMPLE_PINHOLE", ()),
        ("SIMPLE_RADIAL", ("k1",)),
        ("RADIAL", ("k1", "k2")),
        ("OPENCV", ("k1", "k2", "p1", "p2")),
        ("FULL_OPENCV", ("k1", "k2", "p1", "p2")),
    ],
)
@pytest.mark.parametrize("binary", [True, False])
def test_every_camera_model_of_colmap(tmp_path, model, numbers, binary):
    focal = (FOCAL[0],) * 2 if model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL") else FOCAL
    given = {name: BARREL[name] for name in numbers}
    photographs.save_photographs(tmp_path / "images", focal, CENTER, **given)
    lens = focal if focal[0] != focal[1] else focal[:1]
    rest = (0.0,) * 4 if model == "FULL_OPENCV" else ()
    photographs.write_colmap(tmp_path / "sparse" / "0", model, (*lens, *CENTER, *given.values(), *rest), binary)
    check(load_posed_images(tmp_path), focal)


def test_distortion_of_transforms(tmp_path):
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER, **CUSHION)
    photographs.write_nerfstudio(tmp_path / "transforms.json", FOCAL, CENTER, **CUSHION)
    posed = load_posed_images(tmp_path)
    check(posed, FOCAL)
    assert posed.width < WIDTH


def check(posed, focal):
    np.testing.assert_allclose(posed.camera_to_world, MATRICES, atol=1e-9)
    np.testing.assert_allclose(posed.focal, [focal] * len(MATRICES))
    size = posed.height, posed.width
    expected = np.stack([photograph(matrix, focal, posed.principal_point[0], size) for matrix in MATRICES])
    error = np.abs(posed.images - expected)
    assert error.max() < 0.02  # 8 bits on the way
    assert error.mean() < 2e-3


def test_alpha_is_undistorted_with_its_colors(tmp_path):
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER, **CUSHION)
    photographs.write_nerfstudio(tmp_path / "transforms.json", FOCAL, CENTER, mask_path="mask.png", **CUSHION)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, WIDTH // 2 :] = 255
    photographs.iio.imwrite(tmp_path / "mask.png", mask)
    posed = load_posed_images(tmp_path)
    assert (posed.alpha[:, :, -5:] > 0.99).all()
    assert (posed.alpha[:, :, :5] < 0.01).all()
    assert ((posed.alpha >= 0) & (posed.alpha <= 1)).all()
    assert ((posed.images >= 0) & (posed.images <= 1)).all()
