"""Any format becomes that of NeRF: cameras, pictures, alpha and points survive."""

import imageio.v3 as iio
import numpy as np
import pytest
from oracles import photographs
from oracles.photographs import HEIGHT, NAMES, WIDTH

from taichi_dr.errors import FileError
from taichi_dr.io.posed.load import load_posed_images, splits
from taichi_dr.jobs.convert import convert
from taichi_dr.jobs.settings.convert import ConvertSettings

FOCAL, CENTER = (60.0, 63.0), (30.25, 25.5)


def same(one, other):
    np.testing.assert_allclose(one.camera_to_world, other.camera_to_world, atol=1e-12)
    np.testing.assert_allclose(one.focal, other.focal, rtol=1e-12)
    np.testing.assert_allclose(one.principal_point, other.principal_point, rtol=1e-12)
    np.testing.assert_allclose(one.alpha, other.alpha, atol=1 / 500)
    assert one.has_alpha == other.has_alpha


def test_photographs_of_colmap_with_distortion(tmp_path):
    photographs.save_photographs(tmp_path / "data" / "images", FOCAL, CENTER, k1=-0.1, k2=0.01)
    photographs.write_colmap(tmp_path / "data" / "sparse" / "0", "OPENCV", (*FOCAL, *CENTER, -0.1, 0.01, 0, 0), True)
    convert(ConvertSettings(tmp_path / "data", tmp_path / "out"))
    one, other = load_posed_images(tmp_path / "data"), load_posed_images(tmp_path / "out")
    same(one, other)
    np.testing.assert_allclose(one.images, other.images, atol=0.005)  # bytes again, after undistortion
    np.testing.assert_allclose(one.points, other.points, atol=1e-7)  # single precision in the PLY
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["train", "transforms_train.json"]


def test_pictures_that_stay_as_they_are_stay_to_the_byte(tmp_path):
    photographs.save_photographs(tmp_path / "data" / "image", FOCAL, CENTER)
    photographs.write_neus(tmp_path / "data" / "cameras_sphere.npz", FOCAL, CENTER, (0, 0, 0, 1))
    convert(ConvertSettings(tmp_path / "data", tmp_path / "out"))
    for i, name in enumerate(NAMES):
        one, other = tmp_path / "data" / "image" / name, tmp_path / "out" / "train" / f"r_{i}.png"
        np.testing.assert_array_equal(iio.imread(one), iio.imread(other))
    same(load_posed_images(tmp_path / "data"), load_posed_images(tmp_path / "out"))


def test_splits_masks_and_sizes(tmp_path):
    extra = {"train_filenames": ["images/a.png", "images/c.png"], "test_filenames": ["images/b.png"]}
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER)
    photographs.write_nerfstudio(tmp_path / "transforms.json", FOCAL, CENTER, mask_path="mask.png", **extra)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[8:24, 16:40] = 255
    iio.imwrite(tmp_path / "mask.png", mask)
    settings = ConvertSettings(tmp_path, tmp_path / "out", size=32)
    written = convert(settings)
    assert {split: len(posed) for split, posed in written.items()} == {"train": 2, "test": 1}
    assert splits(tmp_path / "out") == ["train", "test"]
    for split in ("train", "test"):
        other = load_posed_images(tmp_path / "out", split, require_alpha=True)
        same(load_posed_images(tmp_path, split, size=32), other)
        assert other.images.shape[1:] == (24, 32, 3)
        assert other.alpha.mean() == pytest.approx(16 * 24 / (WIDTH * HEIGHT), abs=1e-6)
    with pytest.raises(FileError, match="out exists and is not empty: --overwrite replaces it"):
        convert(settings)
    convert(ConvertSettings(tmp_path, tmp_path / "out", size=100, overwrite=True))  # no larger than they are
    assert load_posed_images(tmp_path / "out").width == WIDTH


def test_a_conversion_that_fails_leaves_nothing(tmp_path):
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER)
    photographs.write_nerfstudio(tmp_path / "transforms.json", FOCAL, CENTER)
    (tmp_path / "images" / "d.png").write_bytes(b"\x89PNG")
    with pytest.raises(FileError, match=r"d\.png: not a PNG or JPEG, or damaged"):
        convert(ConvertSettings(tmp_path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
