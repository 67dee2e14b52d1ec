"""One scene in every format: the same cameras and pictures whichever it is read from, and each convention by hand."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
from oracles import photographs
from oracles.photographs import HEIGHT, MATRICES, NAMES, WIDTH, photograph, visible_points

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed.bounds import projected
from taichi_dr.io.posed.load import load_posed_images, splits

FOCAL, CENTER = (60.0, 60.0), (32.0, 24.0)  # what LLFF can say, too
ODD_FOCAL, ODD_CENTER = (60.0, 63.0), (30.25, 25.5)
SPHERE = (0.5, -0.25, 1.0, 2.0)


def colmap(folder, focal, center, binary=True, place="sparse/0"):
    photographs.save_photographs(folder / "images", focal, center)
    photographs.write_colmap(folder / place, "PINHOLE", (*focal, *center), binary)


def colmap_text(folder, focal, center):
    colmap(folder, focal, center, binary=False, place="sparse")


def llff(folder, focal, center):
    photographs.save_photographs(folder / "images", focal, center)
    photographs.write_llff(folder / "poses_bounds.npy", focal[0])


def neus(folder, focal, center):
    names = [f"{i:03d}.png" for i in range(len(NAMES))]
    photographs.save_photographs(folder / "image", focal, center, names)
    photographs.write_neus(folder / "cameras_sphere.npz", focal, center, SPHERE)


def record3d(folder, focal, center, every_frame=True):
    names = [f"{i}.png" for i in range(len(NAMES))]
    photographs.save_photographs(folder / "rgb", focal, center, names)
    photographs.write_record3d(folder / "metadata.json", focal, center, every_frame)


def record3d_one_lens(folder, focal, center):
    record3d(folder, focal, center, every_frame=False)


def nerfstudio(folder, focal, center):
    photographs.save_photographs(folder / "images", focal, center)
    photographs.write_nerfstudio(folder / "transforms.json", focal, center)


FORMATS = (colmap, colmap_text, neus, record3d, record3d_one_lens, nerfstudio)


@pytest.mark.parametrize("write", [*FORMATS, llff])
def test_every_format_gives_the_same_cameras_and_pictures(tmp_path, write):
    focal, center = (FOCAL, CENTER) if write is llff else (ODD_FOCAL, ODD_CENTER)
    write(tmp_path, focal, center)
    assert splits(tmp_path) == ["train"]
    posed = load_posed_images(tmp_path)
    np.testing.assert_allclose(posed.camera_to_world, MATRICES, atol=1e-9)
    np.testing.assert_allclose(posed.focal, [focal] * len(NAMES), rtol=1e-9)
    np.testing.assert_allclose(posed.principal_point, [center] * len(NAMES), atol=1e-9)
    expected = np.stack([photograph(matrix, focal, center) for matrix in MATRICES])
    np.testing.assert_allclose(posed.images, expected, atol=0.01)  # a step of 8 bits at the bright end
    assert not posed.has_alpha
    with pytest.raises(DataSetError, match="has no alpha channel, which silhouettes are taken from, and no mask"):
        load_posed_images(tmp_path, require_alpha=True)


LITERAL = {
    "sparse/0/cameras.txt": "1 SIMPLE_PINHOLE 64 48 60 32 24\n",
    "sparse/0/images.txt": "1 0 1 0 0 0 0 5 1 0.png\n\n",  # half a turn about x: down is -y, forward -z
    "metadata.json": json.dumps(
        {"w": 64, "h": 48, "K": [60, 0, 0, 0, 60, 0, 32, 24, 1], "poses": [[0, 0, 0, 1, 0, 0, 5]]}
    ),
    "transforms.json": json.dumps(
        {
            "fl_x": 60,
            "frames": [
                {
                    "file_path": "images/0.png",
                    "transform_matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 5], [0, 0, 0, 1]],
                }
            ],
        }
    ),
    # columns down, right, backward, position, (height, width, focal)
    "poses_bounds.npy": [[0, 1, 0, 0, 48, -1, 0, 0, 0, 64, 0, 0, 1, 5, 60, 4, 6]],
    # K [R t] with R = diag(1, -1, -1), t = (0, 0, 5) and K's centre half a pixel from (32, 24)
    "cameras_sphere.npz": {
        "world_mat_0": [[60, 0, -31.5, 157.5], [0, -60, -23.5, 117.5], [0, 0, -1, 5], [0, 0, 0, 1]],
        "scale_mat_0": np.eye(4),
    },
}


@pytest.mark.parametrize(
    "files", [("sparse/0/cameras.txt", "sparse/0/images.txt"), *((name,) for name in list(LITERAL)[2:])]
)
def test_conventions_by_hand(tmp_path, files):
    """A camera at (0, 0, 5) that looks along -z, y up, sees (1, 0.5, 0) at pixel (32 + 60 / 5, 24 - 60 / 10)."""
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".npy"):
            np.save(path, np.array(LITERAL[name], float))
        elif name.endswith(".npz"):
            np.savez(path, **{key: np.array(value, float) for key, value in LITERAL[name].items()})
        else:
            path.write_text(LITERAL[name])
    folder = {"metadata.json": "rgb", "cameras_sphere.npz": "image"}.get(files[0], "images")
    (tmp_path / folder).mkdir()
    iio.imwrite(tmp_path / folder / "0.png", np.zeros((48, 64, 3), np.uint8))
    for data in (tmp_path, tmp_path / files[0]):  # the folder, or the file that has the cameras
        posed = load_posed_images(data)
        x, y, depth = projected(posed, 0, np.array([[1, 0.5, 0], [0, 0, 6]]))
        np.testing.assert_allclose([x[0], y[0], depth[0]], [44, 18, 5], atol=1e-9)
        assert np.isnan(x[1])
        assert depth[1] == pytest.approx(-1)


def test_what_else_the_formats_know(tmp_path):
    for write in (colmap, colmap_text, llff, neus):
        write(tmp_path / write.__name__, FOCAL, CENTER)
    for name in ("colmap", "colmap_text"):
        posed = load_posed_images(tmp_path / name)
        np.testing.assert_allclose(posed.points, visible_points())
        assert posed.region is None
        np.testing.assert_allclose(posed.depths[0], [5, 5])  # all points lie in z = 0
    posed = load_posed_images(tmp_path / "llff")
    assert posed.depths.tolist() == [[3.5, 6.5]] * len(NAMES)
    assert posed.points is None
    posed = load_posed_images(tmp_path / "neus")
    assert posed.region.tolist() == list(SPHERE)
    assert posed.depths is None


def test_masks_beside_the_pictures_are_alpha(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:30, 20:50] = 255
    neus(tmp_path / "neus", FOCAL, CENTER)
    colmap(tmp_path / "colmap", FOCAL, CENTER)
    for i, name in enumerate(NAMES):
        for path in (tmp_path / "neus" / "mask" / f"{i:03d}.png", tmp_path / "colmap" / "masks" / f"{name}.png"):
            path.parent.mkdir(exist_ok=True)
            iio.imwrite(path, mask)
    for data in ("neus", "colmap"):
        posed = load_posed_images(tmp_path / data, require_alpha=True)
        np.testing.assert_array_equal(posed.alpha, np.tile(mask / 255, (len(NAMES), 1, 1)))
        assert (posed.images[:, 0, 0] == 0).all()


def test_pictures_of_another_size_than_their_lens(tmp_path):
    nerfstudio(tmp_path, ODD_FOCAL, ODD_CENTER)
    whole = load_posed_images(tmp_path)
    for path in (tmp_path / "images").iterdir():
        iio.imwrite(path, iio.imread(path)[::2, ::2])
    half = load_posed_images(tmp_path)
    np.testing.assert_allclose(half.focal, whole.focal / 2)
    np.testing.assert_allclose(half.principal_point, whole.principal_point / 2)


def test_the_first_that_is_there_of_several_formats_is_read(tmp_path):
    llff(tmp_path, FOCAL, CENTER)
    photographs.write_colmap(tmp_path / "sparse" / "0", "PINHOLE", (70, 70, 32, 24), binary=True)
    assert load_posed_images(tmp_path).focal[0, 0] == 70
    assert load_posed_images(tmp_path / "poses_bounds.npy").focal[0, 0] == 60
    photographs.write_nerfstudio(tmp_path / "transforms.json", (80, 80), CENTER)
    assert load_posed_images(tmp_path).focal[0, 0] == 80
    assert load_posed_images(tmp_path / "sparse" / "0" / "images.bin").focal[0, 0] == 70


def test_what_is_no_data_set(tmp_path):
    with pytest.raises(DataSetError, match=r"nor has it a COLMAP model \(sparse/0\), poses_bounds\.npy"):
        load_posed_images(tmp_path)
    (tmp_path / "notes.md").write_text("photographs of a chair")
    with pytest.raises(DataSetError, match=r"notes.md: expected a folder, or a file that has cameras: .json"):
        load_posed_images(tmp_path / "notes.md")
    assert splits(tmp_path) == []
