"""What is said of posed images, the picture of their cameras, and what is warned of."""

import json
import warnings

import imageio.v3 as iio
import numpy as np
import pytest
from oracles import photographs
from oracles.photographs import MATRICES, NAMES

from taichi_dr.jobs.inspect import inspect
from taichi_dr.jobs.report.cameras import _basis, _corners, _points
from taichi_dr.jobs.settings.inspect import InspectSettings

FOCAL, CENTER = (60.0, 63.0), (30.25, 25.5)


def colmap(folder):
    photographs.save_photographs(folder / "images", FOCAL, CENTER)
    photographs.write_colmap(folder / "sparse" / "0", "PINHOLE", (*FOCAL, *CENTER), binary=True)
    return folder


def said(folder, capsys, **options):
    picture = folder / "inspect.png"
    posed = inspect(InspectSettings(folder, picture, **options))
    lines = [line.split("  ", 1) for line in capsys.readouterr().out.splitlines() if "  " in line]
    assert iio.imread(picture).shape[2] == 3
    return posed, {line[0].strip(): line[1].strip() for line in lines}


def test_what_is_understood_is_printed_and_drawn(tmp_path, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, facts = said(colmap(tmp_path), capsys)
    assert facts["format"].startswith("COLMAP, cameras from")
    assert facts["photographs"].startswith("5 images of 64 × 48 pixels, opaque: no silhouettes; --background")
    assert facts["lenses"] == "1, focal length 60 to 63 pixels, 56.14° wide, 41.71° high"
    assert facts["distortion"] == "none"
    assert facts["seen together"].endswith("is in 5 of 5 images")
    assert facts["points"].startswith("12, of which ")
    assert "where the viewing axes meet" in facts["centre"]
    assert facts["depths"].endswith("of the data")


def test_other_facts(tmp_path, capsys):
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER, k1=-0.1)
    photographs.write_nerfstudio(tmp_path / "transforms.json", FOCAL, CENTER, k1=-0.1, test_filenames=["images/a.png"])
    (tmp_path / "images" / "b.png").unlink()
    with pytest.warns(UserWarning, match=r"1 missing images are left out: images/b\.png"):
        posed, facts = said(tmp_path, capsys, skip_missing=True)
    assert len(posed) == 4
    assert facts["distortion"].startswith("taken out of 4 images (of the first: radial -0.1, 0, 0, 0, tangential 0, 0)")
    assert facts["test images"] == "a set of their own"
    assert facts["depths"].endswith("of the sphere")


MISREADINGS = {
    "camera to world with axes right, down, forward": lambda m: m * [1, -1, -1, 1],
    "world to camera with axes right, up, backward": np.linalg.inv,
    "world to camera with axes right, down, forward": lambda m: np.linalg.inv(m * [1, -1, -1, 1]),
}


def around(views=12):
    """Cameras on two rings around a point that is not the origin."""
    angles = np.linspace(0, 2 * np.pi, views, endpoint=False)
    eyes = np.stack([4 * np.cos(angles), np.where(np.arange(views) % 2, 1.0, 2.5), 4 * np.sin(angles)], axis=1)
    return np.stack([photographs.looking(eye + [1, 0, 2], np.array([1.0, 0, 2])) for eye in eyes])


@pytest.mark.parametrize("convention", MISREADINGS)
def test_the_convention_that_would_fit_is_named(tmp_path, capsys, convention):
    frames = []
    for i, matrix in enumerate(around()):
        iio.imwrite(tmp_path / f"{i}.png", np.full((8, 8, 3), 100, np.uint8))
        frames.append({"file_path": f"{i}.png", "transform_matrix": MISREADINGS[convention](matrix).tolist()})
    (tmp_path / "transforms.json").write_text(json.dumps({"camera_angle_x": 0.7, "frames": frames}))
    expected = f"do not look at a common region: .*; 100% would see one place if the matrices were {convention}"
    with pytest.warns(UserWarning, match=expected):
        said(tmp_path, capsys)


def test_cameras_at_one_place_are_warned_of(tmp_path, capsys):
    frames = []
    for i, matrix in enumerate(around()):
        iio.imwrite(tmp_path / f"{i}.png", np.full((8, 8, 3), 100, np.uint8))
        matrix[:3, 3] = 1, 0, 2
        frames.append({"file_path": f"{i}.png", "transform_matrix": matrix.tolist()})
    (tmp_path / "transforms.json").write_text(json.dumps({"camera_angle_x": 0.7, "frames": frames}))
    with pytest.warns(UserWarning, match="all cameras stand at one place: without parallax nothing can be reconstruc"):
        said(tmp_path, capsys)


def test_what_the_picture_draws_is_where_it_should_be(tmp_path, capsys):
    posed, _ = said(colmap(tmp_path), capsys)
    corners = _corners(posed, 0, 2.0)  # at (0, 0, 5), looking along -z: 2 units ahead z is 3
    np.testing.assert_allclose(corners[:, 2], 3)
    np.testing.assert_allclose(corners[0], [-30.25 / 60 * 2, 25.5 / 63 * 2, 3], atol=1e-12)  # the upper left one
    sideways, depth, up = _basis(posed)
    assert up.tolist() == [0, 1, 0]
    np.testing.assert_allclose([sideways @ up, depth @ up, sideways @ depth], 0, atol=1e-12)
    points, colors = _points(posed)  # their colours are those of the plane
    expected = photographs.paint(points[:, :2])
    srgb = np.where(expected <= 0.0031308, 12.92 * expected, 1.055 * np.maximum(expected, 0) ** (1 / 2.4) - 0.055)
    assert np.abs(colors - srgb).max() < 0.06
    assert len(points) == 12
    assert len(MATRICES) == len(NAMES) == len(posed)


def test_missing_test_images_are_warned_of(tmp_path, capsys):
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER)
    photographs.write_nerfstudio(tmp_path / "transforms_train.json", FOCAL, CENTER)
    contents = json.loads((tmp_path / "transforms_train.json").read_text())
    contents["frames"][1]["file_path"] = "images/none.jpg"
    (tmp_path / "transforms_test.json").write_text(json.dumps(contents))
    with pytest.warns(UserWarning, match=r"1 of 5 test images are missing: images/none\.jpg; .* --skip-missing"):
        said(tmp_path, capsys)
