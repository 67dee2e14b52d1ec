"""``taichi-dr reconstruct --as network``: pictures as the network wants them, files, and where a mesh fits best."""

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch is not installed")

import taichi_dr as dr  # noqa: E402
from taichi_dr import cli  # noqa: E402
from taichi_dr.errors import FileError, InputError  # noqa: E402
from taichi_dr.jobs.single_image.picture import network_picture  # noqa: E402
from taichi_dr.jobs.single_image.reconstruct import FILES, best_view, model_file  # noqa: E402
from taichi_dr.jobs.single_image.shape_views import Cameraman  # noqa: E402
from taichi_dr.scene.procedural.categories import random_shape  # noqa: E402
from taichi_dr.torch.single_image.checkpoint import SHIPPED, save_network  # noqa: E402
from taichi_dr.torch.single_image.network import SingleImageNetwork  # noqa: E402


def write(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


def rectangle(height, width, rows, columns, color=(200, 100, 50)):
    """RGBA bytes: a rectangle of one colour in front of nothing."""
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[rows, columns] = (*color, 255)
    return pixels


def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path):
    pixels = rectangle(64, 64, slice(20, 50), slice(10, 30))
    found, note = network_picture(write(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(found, pixels)
    assert note == "64 × 64 pixels, as they are"


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [((300, 200), (100, 260), (20, 100)), ((40, 50), (0, 20), (40, 50)), ((64, 65), (30, 50), (5, 15))],
)
def test_other_pictures_are_framed(tmp_path, size, rows, columns):
    pixels = rectangle(*size, slice(*rows), slice(*columns))
    found, note = network_picture(write(tmp_path / "a.png", pixels))
    assert note == f"{size[1]} × {size[0]} pixels: framed, and resized to 64 × 64"
    alpha = found[..., 3] / 255
    assert alpha.sum(axis=0).max() == pytest.approx(0.58 * 64, abs=1)  # twice as high as wide
    assert alpha.sum(axis=1).max() == pytest.approx(0.29 * 64, abs=1)
    middle = np.argwhere(alpha > 0.5).mean(axis=0)
    np.testing.assert_allclose(middle, 31.5, atol=0.6)
    assert (np.abs(found[alpha > 0.1][:, :3].astype(int) - (200, 100, 50)) <= 2).all()  # not darker at the edges


def test_pictures_that_show_no_object_are_refused(tmp_path):
    pixels = rectangle(80, 60, slice(20, 50), slice(10, 30))
    with pytest.raises(
        InputError, match=r"a.png: expected RGBA with a transparent background, got an opaque picture of 60 x 80 pixels"
    ):
        network_picture(write(tmp_path / "a.png", pixels[..., :3]))
    with pytest.raises(InputError, match=r"expected RGBA with a transparent background"):
        network_picture(write(tmp_path / "a.png", np.full((64, 64, 4), 255, np.uint8)))
    with pytest.raises(InputError, match=r"a.png: its alpha channel shows no object"):
        network_picture(write(tmp_path / "a.png", pixels // 255 * 100))
    with pytest.raises(FileError, match="no such file"):
        network_picture(tmp_path / "none.png")


@pytest.mark.parametrize(("category", "view"), [("chair", 3), ("sofa", 20), ("boat", 9)])
def test_a_mesh_fits_best_from_where_its_picture_was_taken(cpu32, category, view):
    mesh = random_shape(category, 11)
    image = Cameraman(0).take(mesh)[view]
    best, iou = best_view(mesh, image)
    assert best == view
    assert iou > 0.88  # edges are soft
    assert best_view(mesh, image[:, ::-1])[0] == (12 - view) % 24  # these are symmetric, front to back is not


@pytest.mark.usefixtures("own_runtime")
def test_the_files_that_are_written(tmp_path, capsys):
    torch.manual_seed(0)
    save_network(tmp_path / "model" / "model.npz", SingleImageNetwork(), {})
    image = write(tmp_path / "cup.png", rectangle(200, 100, slice(50, 150), slice(20, 80)))
    command = ["reconstruct", image, tmp_path / "out", "--as", "network", "--model", tmp_path / "model"]
    command = [*map(str, command), "--backend", "cpu"]
    assert cli.main(command) == 0
    assert "100 × 200 pixels: framed, and resized to 64 × 64" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    for name in ("mesh.obj", "mesh.glb"):
        mesh = dr.load_mesh(tmp_path / "out" / name)
        assert (mesh.vertex_count, mesh.face_count) == (642, 1280)
        shown = dr.linear_to_srgb(mesh.numpy("colors")) * 255
        np.testing.assert_allclose(shown.reshape(-1, 3), np.broadcast_to((200, 100, 50), (642, 3)), atol=3)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert 0 < metrics["silhouette_iou"] <= 1
    assert metrics["azimuth_deg"] % 15 == 0
    assert cli.main(command) == 2
    assert "exists and is not empty: --overwrite replaces it" in capsys.readouterr().err
    assert cli.main([*command, "--overwrite"]) == 0


@pytest.mark.usefixtures("own_runtime")
def test_networks_that_are_not_there_or_damaged(tmp_path, capsys):
    image = write(tmp_path / "cup.png", rectangle(64, 64, slice(10, 40), slice(20, 50)))
    command = ["reconstruct", str(image), str(tmp_path / "out"), "--as=network", "--model"]
    assert cli.main([*command, str(tmp_path / "none.npz")]) == 2
    assert "none.npz: no such file" in capsys.readouterr().err
    (tmp_path / "cut.npz").write_bytes(b"PK nothing")
    assert cli.main([*command, str(tmp_path / "cut.npz")]) == 2
    assert "cut.npz: cut short, or no network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_which_file_a_model_is(tmp_path):
    assert model_file(None) == SHIPPED
    assert model_file(tmp_path) == tmp_path / "model.npz"
    assert model_file(tmp_path / "a.npz") == tmp_path / "a.npz"
