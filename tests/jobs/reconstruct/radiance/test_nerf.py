"""``reconstruct --as nerf``: a torus from very small pictures by small networks, resumed, exported, drawn."""

import json

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct.radiance.nerf import NeRFReconstruction
from taichi_dr.jobs.reconstruct.radiance.orbit import orbit
from taichi_dr.jobs.reconstruct.radiance.scene import load_scene
from taichi_dr.jobs.reconstruct.radiance.space import space_from
from taichi_dr.jobs.reconstruct.run import REPORTS, reconstruct
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.nerf import NerfSettings

pytestmark = pytest.mark.usefixtures("own_runtime")

STEPS = 120
SMALL = {"width": 32, "depth": 3, "frequencies": 4, "rays": 128, "samples": 16, "added": 16, "lr": 3e-3, "warm_up": 10}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "torus"
    make_dataset(DatasetSettings("torus", folder, views=12, test_views=2, size=24, samples=2, backend="cpu"))
    return folder


def settings(data, out, **changes):
    return NerfSettings(data, out, **{"steps": STEPS, "backend": "cpu"} | SMALL | changes)


def test_a_torus_is_seen(data, tmp_path, monkeypatch):
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.radiance.kind.orbit", lambda posed: orbit(posed, frames=2, size=16))
    finished = reconstruct(settings(data, tmp_path / "out"))
    names = {path.name for path in finished.folder.iterdir()}
    assert names in ({*REPORTS, "scene.npz", "depth.png", film} for film in ("orbit.mp4", "orbit.gif"))
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    assert (metrics["as"], metrics["steps"]) == ("nerf", STEPS)
    assert metrics["model"]["hidden"] == [32, 32, 32]
    assert metrics["held_out"]["psnr"] > 16
    train = load_posed_images(data)
    few = fit_scene(train).to_unit(train).subset([0])
    drawn = NeRFReconstruction.drawing(load_scene(finished.folder / "scene.npz").arrays)(few)
    wanted = few.over()
    found = drawn.color + (1 - drawn.alpha[..., None])
    assert np.mean((found - dr.linear_to_srgb(wanted)) ** 2) < 0.03, "its own file draws the torus"


def stepped(data, first, last, state=None):
    """The state after some steps of a budget, from the beginning or from another state."""
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = NeRFReconstruction(settings(data, "out"), fit.to_unit(train), fit)
    model.start() if state is None else model.restore(*state)
    for step in range(first, last):
        model.step(step / STEPS)
    return model.state()


def test_a_run_in_two_parts_ends_as_one(data):
    header, arrays = stepped(data, 0, 14)
    resumed_header, resumed = stepped(data, 8, 14, stepped(data, 0, 8))
    assert {name for name in header if header[name] != resumed_header[name]} <= {"seconds"}
    for name, values in arrays.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


@pytest.mark.parametrize("background", ["white", "random"])
def test_rays_are_compared_over_backgrounds(data, background):
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = NeRFReconstruction(settings(data, "out", behind=background), fit.to_unit(train), fit)
    model.start()
    batch = model._pixels.at(0, 200)
    behind = model._known(batch, np.ones((200, 2))).backgrounds
    np.testing.assert_array_equal(model._known(batch, np.ones((200, 2))).backgrounds, behind)
    assert (behind == 1).all() if background == "white" else 0.2 < behind.std() < 0.4


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"samples": 2}, "samples"), ({"added": -1}, "added"), ({"lr": 0}, "lr"), ({"width": 1}, "width")],
)
def test_settings_out_of_their_domain_are_refused(changes, message):
    with pytest.raises(dr.InputError, match=message):
        settings("data", "out", **changes).check()


@pytest.mark.parametrize(
    ("arrays", "bounds", "said"),
    [
        ({}, np.zeros((2, 1, 3)), "bounds: expected"),
        ({}, np.ones(2), "bounds: expected lower < upper"),
        ({}, [[0, 0, 0], [1, np.nan, 1]], "bounds: expected lower < upper"),
        ({"unbounded": np.array([1.0, np.inf])}, None, "unbounded: expected two finite numbers, got 1.0 and inf"),
        ({"unbounded": np.array([1.0])}, None, "not enough values"),
    ],
)
def test_a_space_of_senseless_numbers_is_refused(arrays, bounds, said):
    with pytest.raises(ValueError, match=said):
        space_from(arrays, bounds)
