"""``reconstruct --as hash``: a torus from small pictures, resumed, exported, drawn."""

import json

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct.radiance.hash import HashReconstruction
from taichi_dr.jobs.reconstruct.radiance.scene import load_scene
from taichi_dr.jobs.reconstruct.run import REPORTS, reconstruct
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.hash import HashSettings

pytestmark = pytest.mark.usefixtures("own_runtime")

STEPS = 150
OUTPUTS = {*REPORTS, "scene.npz", "depth.png", "mesh.ply"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "torus"
    make_dataset(DatasetSettings("torus", folder, views=16, test_views=3, size=40, samples=2, backend="cpu"))
    return folder


def settings(data, out, **changes):
    given = {"steps": STEPS, "levels": 4, "finest": 64, "log2_rows": 12, "samples": 4096, "mesh_resolution": 48}
    return HashSettings(data, out, **given | {"export": "mesh.ply", "backend": "cpu"} | changes)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    return reconstruct(settings(data, tmp_path_factory.mktemp("run") / "whole"))


def test_every_output_is_written(finished):
    names = {path.name for path in finished.folder.iterdir()}
    assert names in (OUTPUTS | {"orbit.mp4"}, OUTPUTS | {"orbit.gif"})
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    assert (metrics["as"], metrics["steps"]) == ("hash", STEPS)
    assert set(metrics["files"]) == names - set(REPORTS)
    model = metrics["model"]
    assert model["levels"] == [16, 25, 40, 64]
    assert 0 < model["occupied"] < 1
    assert model["rays_per_second"] > 0


def test_the_torus_is_seen(finished):
    assert finished.metrics["held_out"]["psnr"] > 24
    assert finished.metrics["held_out"]["iou"] > 0.85


def test_the_mesh_is_a_torus_in_world_units(finished):
    mesh = dr.load_mesh(finished.folder / "mesh.ply")
    assert np.abs(mesh.numpy("vertices")[0]).max() == pytest.approx(1.0, abs=0.1)
    assert mesh.has("colors")


def test_a_run_in_two_parts_ends_as_one(data):
    header, arrays = stepped(data, 0, 50)
    resumed_header, resumed = stepped(data, 23, 50, stepped(data, 0, 23))
    assert {name for name in header if header[name] != resumed_header[name]} <= {"seconds"}
    for name, values in arrays.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


def stepped(data, first, last, state=None, **changes):
    """The state after some steps of a budget, from the beginning or from another state."""
    model = started(data, state, **changes)
    for step in range(first, last):
        model.step(step / STEPS)
    return model.state()


def started(data, state=None, **changes):
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = HashReconstruction(settings(data, "out", **changes), fit.to_unit(train), fit)
    model.start() if state is None else model.restore(*state)
    return model


def test_the_scene_is_drawn_from_its_file(data, finished):
    dr.init("cpu")
    train = load_posed_images(data)
    scene = load_scene(finished.folder / "scene.npz")
    seen = HashReconstruction.drawing(scene.arrays)(train.moved(scene.center, scene.radius).subset([0, 5]))
    assert seen.color.shape == (2, 40, 40, 3)
    assert np.abs(seen.alpha - train.alpha[[0, 5]]).mean() < 0.05
    assert np.median(seen.depth[seen.alpha > 0.9]) * scene.radius == pytest.approx(
        np.linalg.norm(train.camera_to_world[0, :3, 3]), rel=0.3
    )


def test_distortion_makes_what_is_seen_on_a_ray_thinner(data):
    spread = []
    for weight in (0.0, 0.3):
        model = started(data, distortion=weight)
        for step in range(60):
            model.step(step / STEPS)
        spread.append(model._fit.distortion_of(model._batches.at(10_000, 256)))
    assert spread[1] < 0.8 * spread[0]
