"""Sets of shapes in 24 views: what is written is read, and what is damaged is named."""

import json

import numpy as np
import pytest

from taichi_dr.errors import DataSetError
from taichi_dr.io.shape_views import (
    NAME,
    ShapeViews,
    load_shape_views,
    pack_voxels,
    save_shape_views,
    view_camera,
    write_description,
)


@pytest.fixture
def made(tmp_path):
    """A folder with a set of two shapes of random numbers, and what is in it."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, 24, 64, 64, 4), np.uint8)
    filled = random.random((2, 32, 32, 32)) < 0.5
    views = ShapeViews(images, pack_voxels(filled), np.array([1, 0], np.uint8), ("hat", "shoe"))
    save_shape_views(tmp_path, "train", views)
    write_description(tmp_path, views.names, {"of": "noise"})
    return tmp_path, views, filled


def test_what_is_written_is_read(made):
    folder, views, filled = made
    read = load_shape_views(folder)
    assert len(read) == 2
    assert read.names == ("hat", "shoe")
    assert isinstance(read.images, np.memmap)
    np.testing.assert_array_equal(read.images, views.images)
    np.testing.assert_array_equal(read.categories, [1, 0])
    np.testing.assert_array_equal(read.voxels(), filled)
    np.testing.assert_array_equal(read.voxels([1]), filled[1:])
    np.testing.assert_array_equal(read.voxels(0), filled[0])


def test_the_description_has_the_cameras(made):
    described = json.loads((made[0] / NAME).read_text())
    cameras = {"azimuth_step_deg": 15.0, "elevation_deg": 30.0, "distance": 2.732, "fov_y_deg": 30.0}
    assert described["cameras"] == cameras
    assert described["made"] == {"of": "noise"}


def test_cameras_go_round_from_z_towards_x(cpu32):
    eye = view_camera([0, 6, 12, 18]).numpy("eye")
    level, height = 2.732 * np.cos(np.pi / 6), 2.732 / 2
    np.testing.assert_allclose(
        eye, [(0, height, level), (level, height, 0), (0, height, -level), (-level, height, 0)], atol=1e-6
    )


def damage(path, how):
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "no array":
        path.write_bytes(b"nothing of the kind")
    elif how == "gone":
        path.unlink()
    elif how == "other":
        np.save(path, np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "cut short or damaged"),
        ("no array", "cut short or damaged"),
        ("gone", "no such file"),
        ("other", r"expected uint8 of shape \(2, 24, 64, 64, 4\), got float32 of \(2, 3\)"),
    ],
)
def test_damaged_arrays_are_named(made, how, said):
    damage(made[0] / "train" / "images.npy", how)
    with pytest.raises(DataSetError, match=rf"images\.npy: {said}"):
        load_shape_views(made[0])


def test_no_set_and_sets_of_other_kinds_are_named(made, tmp_path):
    folder = made[0]
    with pytest.raises(DataSetError, match=r"test.categories\.npy: no such file"):
        load_shape_views(folder, "test")
    contents = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps(contents | {"format": "another"}))
    with pytest.raises(DataSetError, match="expected the format 'taichi_dr shape views 1', got 'another'"):
        load_shape_views(folder)
    (folder / NAME).write_text("{")
    with pytest.raises(DataSetError, match="cannot be read"):
        load_shape_views(folder)
    with pytest.raises(DataSetError, match="nowhere: expected a set of shapes"):
        load_shape_views(tmp_path / "nowhere")


def test_categories_without_a_name(made):
    np.save(made[0] / "train" / "categories.npy", np.array([0, 9], np.uint8))
    with pytest.raises(DataSetError, match="category 9 of 2, which are hat, shoe"):
        load_shape_views(made[0])
