"""A torus from its pictures as a signed distance: hull and ball, files, resuming, what is refused."""

import json
import os
import signal

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import cli, shapes
from taichi_dr.errors import FileError, GradientError, InputError
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.run import REPORTS, reconstruct
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene
from taichi_dr.jobs.reconstruct.sdf import LEVELS, SdfReconstruction
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.sdf import SdfSettings
from taichi_dr.measure.connectivity import connectivity

pytestmark = pytest.mark.usefixtures("own_runtime")

STEPS = 32


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "torus"
    make_dataset(DatasetSettings("torus", folder, views=16, test_views=3, size=64, samples=3, backend="cpu"))
    return folder


def settings(data, out, **changes):
    return SdfSettings(data, out, **{"steps": STEPS, "resolution": 48, "pixels": 8000, "backend": "cpu"} | changes)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    return reconstruct(settings(data, tmp_path_factory.mktemp("run") / "whole"))


def test_every_output_is_written(finished):
    files = {"scene.npz", "mesh.obj", "mesh.ply", "mesh.glb"}
    assert {path.name for path in finished.folder.iterdir()} == {*REPORTS, *files}
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    assert (metrics["as"], metrics["steps"], set(metrics["files"])) == ("sdf", STEPS, files)
    assert (metrics["model"]["parts"], metrics["model"]["genus"]) == (1, 1)
    assert metrics["held_out"]["iou"] > 0.95  # of 64 x 64 pixels; the torus itself has 0.965
    assert metrics["held_out"]["iou_half"] > 0.98
    assert metrics["held_out"]["psnr"] > 25


def test_mesh_and_grid_lie_where_the_object_is(finished):
    solid = ColoredSolid.load(finished.folder / "scene.npz")
    mesh = load_mesh(finished.folder / "mesh.obj")
    assert connectivity(mesh).is_watertight
    difference = dr.compare_meshes(mesh, shapes.torus().normalized())
    assert difference.chamfer < 0.02
    assert difference.shape.volume == pytest.approx(difference.reference.volume, rel=0.05)
    again = solid.mesh()
    np.testing.assert_allclose(again.numpy("vertices"), mesh.numpy("vertices"), atol=1e-3)
    # Distances in world units: of the middle of the torus' hole, and of the middle of its tube.
    index = np.round((np.zeros(3) - solid.lower) / solid.spacing).astype(int)
    assert solid.distances[tuple(index)] == pytest.approx(0.4, abs=0.04)
    assert solid.distances.min() == pytest.approx(-0.3, abs=0.05)


def test_the_grid_is_rendered(finished, tmp_path):
    assert cli.main(["render", str(finished.folder / "scene.npz"), str(tmp_path / "a.png"), "--size", "48"]) == 0
    picture = dr.load_image(tmp_path / "a.png")
    assert 0.2 < picture[..., 3].mean() < 0.7


def test_a_run_in_two_parts_ends_as_one(data):
    header, arrays = stepped(data, 0, STEPS)
    resumed_header, resumed = stepped(data, 20, STEPS, stepped(data, 0, 20))
    assert resumed_header == header
    for name, values in arrays.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


def stepped(data, first, last, state=None):
    """The state after some steps of a budget, from the beginning or from another state."""
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = SdfReconstruction(settings(data, "out"), fit.to_unit(train), fit)
    model.start() if state is None else model.restore(*state)
    for step in range(first, last):
        model.step(step / STEPS)
    return model.state()


def test_an_interrupted_run_resumes_to_the_same_solid(data, finished, tmp_path, monkeypatch):
    plain_step = SdfReconstruction.step

    def step_then_interrupt(self, fraction):
        losses = plain_step(self, fraction)
        if self._step == 10:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    monkeypatch.setattr(SdfReconstruction, "step", step_then_interrupt)
    out = tmp_path / "out"
    first = reconstruct(settings(data, out))
    monkeypatch.undo()
    assert first.interrupted
    assert first.metrics["steps"] < STEPS
    assert {path.name for path in out.iterdir()} == {path.name for path in finished.folder.iterdir()}
    whole_checkpoint = (out / checkpoint.NAME).read_bytes()
    (out / checkpoint.NAME).write_bytes(whole_checkpoint[: len(whole_checkpoint) // 2])
    with pytest.raises(FileError, match="is no checkpoint that can be read"):
        reconstruct(settings(data, out, resume=True))
    (out / checkpoint.NAME).write_bytes(whole_checkpoint)

    second = reconstruct(SdfSettings(data, out, resume=True, backend="cpu"))
    assert (second.interrupted, second.metrics["steps"]) == (False, STEPS)
    found, expected = ColoredSolid.load(out / "scene.npz"), ColoredSolid.load(finished.folder / "scene.npz")
    np.testing.assert_array_equal(found.distances, expected.distances)
    np.testing.assert_array_equal(found.colors, expected.colors)


def test_a_ball_becomes_a_torus(data):
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    chosen = settings(data, "out", init="ball", resolution=64, pixels=16000)
    model = SdfReconstruction(chosen, fit.to_unit(train), fit)
    model.start()
    assert connectivity(model._surface()).genus == 0
    steps = 160
    levels = 0
    for step in range(round(LEVELS["ball"][2].start * steps)):
        model.step(step / steps)
        levels += model.changed()
    assert levels == 1
    shape = connectivity(model._surface())
    assert (shape.parts, shape.genus) == (1, 1)


def test_a_mesh_that_is_open_is_a_start(data, tmp_path):
    mesh = shapes.icosphere(2)
    save_mesh(dr.Mesh(0.7 * mesh.numpy("vertices")[0], mesh.topology.faces[1:]), tmp_path / "start.obj")
    found = reconstruct(settings(data, tmp_path / "out", steps=2, resolution=64, init=str(tmp_path / "start.obj")))
    assert found.metrics["steps"] == 2


def test_what_is_refused(data, finished, tmp_path):
    with pytest.raises(FileError, match="no such file; expected hull, ball or a mesh file"):
        reconstruct(settings(data, tmp_path / "out", init="nothing.obj"))
    with pytest.raises(InputError, match="--resolution: expected 32 to 320 points, got 8"):
        reconstruct(settings(data, tmp_path / "out", resolution=8))
    broken = tmp_path / "scene.npz"
    broken.write_bytes((finished.folder / "scene.npz").read_bytes()[:5000])
    with pytest.raises(FileError, match="is no solid that can be read"):
        ColoredSolid.load(broken)


def test_a_surface_that_is_gone_ends_the_run(data):
    dr.init("cpu")
    train = load_posed_images(data)
    fit = fit_scene(train)
    model = SdfReconstruction(settings(data, "out"), fit.to_unit(train), fit)
    model.start()
    model._fit.distances.write(np.ones((*model._nodes.shape, 1)))
    with pytest.raises(GradientError, match="the surface is gone"):
        model._redistance()
