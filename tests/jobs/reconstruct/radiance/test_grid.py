"""``reconstruct --as grid``: a torus from small pictures, resumed, interrupted, exported, drawn."""

import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import cli
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.io.posed.transforms import save_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct.radiance.grid import GridReconstruction
from taichi_dr.jobs.reconstruct.radiance.scene import load_scene
from taichi_dr.jobs.reconstruct.run import REPORTS, reconstruct
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.grid import GridSettings
from taichi_dr.jobs.terminal.listener import Terminal
from taichi_dr.kernels.radiance_grid.fit import TILE

pytestmark = pytest.mark.usefixtures("own_runtime")

STEPS = 120
OUTPUTS = {*REPORTS, "scene.npz", "depth.png", "mesh.ply"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "torus"
    make_dataset(DatasetSettings("torus", folder, views=16, test_views=3, size=40, samples=2, backend="cpu"))
    return folder


def settings(data, out, **changes):
    given = {"steps": STEPS, "resolution": 40, "tiles": 64, "lr": 0.1, "mesh_resolution": 48, "export": "mesh.ply"}
    return GridSettings(data, out, **given | {"backend": "cpu"} | changes)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    return reconstruct(settings(data, tmp_path_factory.mktemp("run") / "whole"))


def test_every_output_is_written(finished):
    names = {path.name for path in finished.folder.iterdir()}
    assert names in (OUTPUTS | {"orbit.mp4"}, OUTPUTS | {"orbit.gif"})
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    assert (metrics["as"], metrics["steps"]) == ("grid", STEPS)
    assert set(metrics["files"]) == names - set(REPORTS)
    model = metrics["model"]
    assert max(model["grid"]) >= 40
    assert 1000 < model["vertices"] < np.prod(model["grid"])
    assert model["rays_per_second"] > 0


def test_the_torus_is_seen(finished):
    assert finished.metrics["held_out"]["psnr"] > 24
    assert finished.metrics["held_out"]["iou"] > 0.85


def test_the_mesh_is_a_torus_in_world_units(finished):
    mesh = dr.load_mesh(finished.folder / "mesh.ply")
    points = mesh.numpy("vertices")[0]
    assert np.abs(points).max() == pytest.approx(1.0, abs=0.1)
    assert mesh.has("colors")


def test_a_run_in_two_parts_ends_as_one(data):
    header, arrays = stepped(data, 0, STEPS)
    resumed_header, resumed = stepped(data, 70, STEPS, stepped(data, 0, 70))
    different = {name for name in header if header[name] != resumed_header[name]}
    assert different <= {"seconds"}
    for name, values in arrays.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


def stepped(data, first, last, state=None):
    """The state after some steps of a budget, from the beginning or from another state."""
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = GridReconstruction(settings(data, "out"), fit.to_unit(train), fit)
    model.start() if state is None else model.restore(*state)
    for step in range(first, last):
        model.step(step / STEPS)
    return model.state()


def test_ctrl_c_keeps_what_was_reached_and_resuming_ends_as_one_run(data, finished, tmp_path, monkeypatch):
    plain_step = GridReconstruction.step

    def step_then_interrupt(self, fraction):
        losses = plain_step(self, fraction)
        if self._step == 60:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    monkeypatch.setattr(GridReconstruction, "step", step_then_interrupt)
    first = reconstruct(settings(data, tmp_path / "out"))
    monkeypatch.undo()
    assert first.interrupted
    assert {path.name for path in first.folder.iterdir()} == {path.name for path in finished.folder.iterdir()}
    second = reconstruct(GridSettings(data, tmp_path / "out", resume=True, backend="cpu"))
    assert not second.interrupted
    one, other = (load_scene(run.folder / "scene.npz").arrays for run in (finished, second))
    for name, values in one.items():
        np.testing.assert_array_equal(other[name], values, err_msg=name)


def test_a_mesh_is_exported_of_a_finished_run(data, finished, tmp_path, capsys):
    out = shutil.copytree(finished.folder, tmp_path / "run")
    again = GridSettings(data, out, resume=True, export="mesh.glb", mesh_resolution=20, backend="cpu")
    resumed = reconstruct(again, Terminal())
    assert resumed.metrics["steps"] == STEPS
    assert "mesh.glb" in resumed.metrics["files"]
    assert 100 < dr.load_mesh(out / "mesh.glb").vertex_count < dr.load_mesh(out / "mesh.ply").vertex_count / 2
    capsys.readouterr()
    reconstruct(again, Terminal())
    assert "everything is written already" in capsys.readouterr().out


def test_tiles_of_every_view_come_once_an_epoch(data):
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = GridReconstruction(settings(data, "out"), fit.to_unit(train), fit)
    model.start()
    photographs = model._photographs
    count = len(photographs.tiles)
    drawn = np.concatenate([photographs.batch(0, step, 7) for step in range(count)])
    assert (np.unique(drawn, axis=0, return_counts=True)[1] == 7).all()
    assert (drawn[:, 1:] + TILE <= 40).all()


def test_the_scene_is_rendered(finished, tmp_path):
    """Without an image as well; the torus lies in the plane that y is normal to, so that it is broad from a height."""
    scene = str(finished.folder / "scene.npz")
    assert cli.main(["render", scene, str(tmp_path / "a.png"), "--size", "48", "--elevation-deg", "80"]) == 0
    picture = dr.load_image(tmp_path / "a.png")
    assert 0.2 < picture[..., 3].mean() < 0.7
    assert picture[24, 24, 3] < 0.3  # its hole
    assert cli.main(["render", scene, "--turntable", str(tmp_path / "a.gif"), "--size", "16", "--frames", "2"]) == 0
    assert (tmp_path / "a.gif").exists()


def test_a_scene_cut_short_is_refused(finished, tmp_path, capsys):
    whole = (finished.folder / "scene.npz").read_bytes()
    (tmp_path / "scene.npz").write_bytes(whole[: len(whole) // 2])
    assert cli.main(["render", str(tmp_path / "scene.npz"), str(tmp_path / "a.png")]) == 2
    assert "scene.npz: is no" in capsys.readouterr().err


def test_nothing_to_write_is_refused(capsys):
    assert cli.main(["render", "car"]) == 2
    assert "give an image to write, or --turntable FILE" in capsys.readouterr().err


def test_a_grid_in_which_nothing_is_seen_any_more_starts_again_from_all_of_its_cells(data):
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = GridReconstruction(settings(data, "out"), fit.to_unit(train), fit)
    model.start()
    every = model._fit.grid.cells
    model._fit.grid.keep_cells(np.arange(every.shape[0])[:, None, None] < 5)
    with pytest.warns(UserWarning, match="nothing is seen in the grid any more"):
        model._fit.prune(0.5)
    np.testing.assert_array_equal(model._fit.grid.cells, every)


def test_opaque_images_are_taken_as_they_are(data, tmp_path):
    posed = load_posed_images(data)
    blank = np.ones_like(posed.alpha)
    over = dataclasses.replace(posed, images=posed.over((0.2, 0.4, 0.6)).astype(np.float32), alpha=blank)
    save_posed_images(tmp_path / "data", over)
    found = reconstruct(settings(tmp_path / "data", tmp_path / "out", export=None)).metrics
    assert found["held_out"]["psnr"] > 12
