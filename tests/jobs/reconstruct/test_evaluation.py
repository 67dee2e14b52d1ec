"""Held-out images and where the object is, of data in other formats than NeRF's."""

import imageio.v3 as iio
import numpy as np
import pytest
from oracles import photographs
from oracles.photographs import HEIGHT, MATRICES, NAMES, WIDTH

from taichi_dr.errors import DataSetError
from taichi_dr.jobs.reconstruct.evaluation import held_out_split
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene

FOCAL, CENTER, DISTORTION = (60.0, 60.0), (32.0, 24.0), {"k1": -0.1, "p1": 0.004}
RADIUS = 0.6


def ball_mask(matrix):
    """Where a ball about the origin is seen, through a distorted lens: rays nearer to its centre than its radius."""
    row, column = np.mgrid[0.5:HEIGHT, 0.5:WIDTH]
    wanted = (column - CENTER[0]) / FOCAL[0], (row - CENTER[1]) / FOCAL[1]
    x, y = wanted
    for _ in range(100):
        at = photographs.distorted(x, y, **DISTORTION)
        x, y = x + wanted[0] - at[0], y + wanted[1] - at[1]
    rays = np.stack([x, -y, -np.ones_like(x)], axis=-1) @ matrix[:3, :3].T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    return np.linalg.norm(np.cross(rays, matrix[:3, 3]), axis=-1) < RADIUS


@pytest.fixture
def data(tmp_path):
    """Photographs as COLMAP has them, with masks of a ball."""
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER, **DISTORTION)
    numbers = (*FOCAL, *CENTER, DISTORTION["k1"], 0, DISTORTION["p1"], 0)
    photographs.write_colmap(tmp_path / "sparse" / "0", "OPENCV", numbers, binary=True)
    (tmp_path / "masks").mkdir()
    for name, matrix in zip(NAMES, MATRICES, strict=True):
        iio.imwrite(tmp_path / "masks" / name, 255 * ball_mask(matrix).astype(np.uint8))
    return tmp_path


def test_the_object_is_found_in_photographs_of_colmap(data):
    train, held_out, note = held_out_split(data)
    assert held_out.names == ("e.png",)
    assert train.names == ("a.png", "b.png", "c.png", "d.png")
    assert "every 8th image is held out (1)" in note
    fit = fit_scene(train)
    center, half = fit.hull_extent()
    center, half = fit.to_world(center), half * fit.radius
    np.testing.assert_allclose(center[:2], 0, atol=0.1)
    np.testing.assert_allclose(half[:2], RADIUS, rtol=0.25)  # the hull of four views from above is longer along z
    assert half[2] > RADIUS
    moved = fit.to_unit(train)
    np.testing.assert_allclose(moved.points * fit.radius + fit.center, train.points)


def test_missing_photographs_are_left_out_if_asked(data):
    (data / "images" / "b.png").unlink()
    with pytest.raises(
        DataSetError, match=r"1 of 5 images are missing: images/b\.png; skip_missing \(--skip-missing\)"
    ):
        held_out_split(data)
    with (
        pytest.warns(UserWarning, match="1 missing images are left out"),
        pytest.raises(DataSetError, match="4 training images are too few: at least 5 are needed"),
    ):
        held_out_split(data, skip_missing=True)
