"""What images of a data set show."""

from pathlib import Path

import numpy as np
import pytest

from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.settings.dataset import DatasetSettings


def images(folder, mesh):
    """Training images of a mesh (V, H, W, 4)."""
    make_dataset(DatasetSettings(mesh, folder, views=8, test_views=0, size=48, samples=2, backend="cpu"))
    posed = load_posed_images(folder, "train")
    return np.concatenate([posed.images, posed.alpha[..., None]], axis=-1)


@pytest.mark.usefixtures("own_runtime")
def test_a_mesh_without_colours_stands_out_from_white_and_shows_its_shape(tmp_path):
    for picture in images(tmp_path / "out", "sphere"):
        shades = over_white(picture)[picture[..., 3] == 1].mean(axis=-1)
        assert shades.max() < 0.85
        assert np.ptp(shades) > 0.15


@pytest.mark.usefixtures("own_runtime")
def test_colours_of_a_mesh_are_hardly_shaded(tmp_path):
    (tmp_path / "square.obj").write_text(
        "v 0 0 0 1 0 0\nv 1 0 0 1 0 0\nv 1 0 1 1 0 0\nv 0 0 1 1 0 0\nf 1 3 2\nf 1 4 3\nf 1 2 3\nf 1 3 4\n"
    )
    pictures = images(tmp_path / "out", str(tmp_path / "square.obj"))
    seen = pictures[pictures[..., 3] == 1]
    assert seen[:, 1:3].max() == 0
    assert seen[:, 0].min() > 0.65


@pytest.mark.usefixtures("own_runtime")
def test_a_folder_may_be_called_as_its_shape(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert images(Path("torus"), "torus").shape == (8, 48, 48, 4)
