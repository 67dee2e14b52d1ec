"""COLMAP's own reconstruction of 23 photographs: its points meet its observations to within its own errors."""

from pathlib import Path

import numpy as np
import pytest

from taichi_dr.io.posed import colmap
from taichi_dr.io.posed.bounds import in_view, projected, scene_bounds
from taichi_dr.io.posed.load import load_posed_images

DATA = Path(__file__).parents[4] / "shared" / "data" / "posed" / "colmap_dsc23"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="COLMAP's photographs are not on this machine")


@pytest.fixture(scope="module")
def posed():
    return load_posed_images(DATA, size=(200, 305))


def observations():
    """``{image name: ((n, 2) places, (n,) numbers of points)}`` and ``{number: error}``, from the text files."""
    lines = [
        line.split() for line in (DATA / "sparse_txt" / "0" / "images.txt").read_text().splitlines() if line[0] != "#"
    ]
    seen = {}
    for image, points in zip(lines[::2], lines[1::2], strict=True):
        rows = np.array(points, float).reshape(-1, 3)
        rows = rows[rows[:, 2] >= 0]
        seen[image[9]] = rows[:, :2], rows[:, 2].astype(int)
    lines = (DATA / "sparse_txt" / "0" / "points3D.txt").read_text().splitlines()
    errors = {int(words[0]): float(words[7]) for words in map(str.split, lines) if words[0] != "#"}
    return seen, errors


def test_points_meet_their_observations():
    """0.296 pixels on average over 5,931 observations; of each point, what COLMAP wrote down for it."""
    capture = colmap.read(DATA / "sparse" / "0" / "cameras.bin")
    numbers, places = colmap._points_bin(DATA / "sparse" / "0" / "points3D.bin")
    where = dict(zip(numbers.tolist(), places, strict=True))
    seen, errors = observations()
    found = {}
    for view in capture.views:
        pixels, ids = seen[view.name]
        matrix, lens = view.camera_to_world, view.lens
        local = (np.array([where[i] for i in ids]) - matrix[:3, 3]) @ matrix[:3, :3]
        assert (local[:, 2] < 0).all()  # in front
        x = lens.center[0] + lens.focal[0] * local[:, 0] / -local[:, 2]
        y = lens.center[1] - lens.focal[1] * local[:, 1] / -local[:, 2]
        for number, distance in zip(ids.tolist(), np.hypot(x - pixels[:, 0], y - pixels[:, 1]), strict=True):
            found.setdefault(number, []).append(distance)
    every = np.concatenate([np.array(distances) for distances in found.values()])
    assert len(every) == 5931
    assert every.mean() == pytest.approx(0.296, abs=0.001)
    ratio = np.array([np.mean(found[number]) / errors[number] for number in found])
    assert np.median(ratio) == pytest.approx(0.33, abs=0.001)  # COLMAP's are in pixels of larger originals
    assert (np.abs(ratio / 0.33 - 1) < 0.1).mean() > 0.97, np.percentile(ratio, [1, 5, 50, 95, 99])


def test_text_and_binary_agree(posed):
    text = load_posed_images(DATA / "sparse_txt" / "0" / "cameras.txt", size=(200, 305))
    for name in ("camera_to_world", "focal", "principal_point", "points", "depths", "images"):
        np.testing.assert_array_equal(getattr(posed, name), getattr(text, name))
    assert posed.names == text.names


def test_photographs_of_many_heights_become_one_size(posed):
    """1000 x 656 to 662: cut to 656, so that the middle of each stays its principal point to half a pixel."""
    whole = load_posed_images(DATA)
    assert (whole.height, whole.width, len(whole)) == (656, 1000, 23)
    assert not whole.has_alpha
    np.testing.assert_allclose(whole.principal_point, [[500, 328]] * 23, atol=0.51)
    np.testing.assert_allclose(whole.focal[0], [2048.0527, 2046.5576], atol=1e-3)
    np.testing.assert_allclose(posed.fov_x, whole.fov_x)


def test_bounds_and_points(posed):
    bounds = scene_bounds(posed)
    assert bounds.share == 1
    assert bounds.source == "where the viewing axes meet"
    eyes = posed.camera_to_world[:, :3, 3]
    np.testing.assert_allclose(np.linalg.norm(eyes - bounds.center, axis=1), 5.75, atol=0.6)
    assert 0.5 < bounds.radius < 1.2
    assert (bounds.near > 4).all()
    assert (bounds.far < 12).all()
    for view in range(len(posed)):
        x, y, depth = projected(posed, view, posed.points)
        inside = in_view(posed, view, posed.points)
        assert ((x[inside] >= 0) & (y[inside] >= 0) & (depth[inside] > 0)).all()
        assert inside.mean() > 0.3
