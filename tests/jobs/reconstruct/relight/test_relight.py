"""Light, albedo and highlight through the ray tracer."""

import json
import re

import numpy as np
import pytest
import taichi as ti
from PIL import Image

import taichi_dr as dr
from taichi_dr.errors import FileError, InputError
from taichi_dr.fields.variable import Variable
from taichi_dr.io.meshes import load_mesh
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.pictures.raytrace import RayTraced
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct import mesh as mesh_reconstruction
from taichi_dr.jobs.reconstruct.light import Light, described, vertex_normals
from taichi_dr.jobs.reconstruct.relight import start
from taichi_dr.jobs.reconstruct.relight.fit import LightFit
from taichi_dr.jobs.reconstruct.relight.kind import LightReconstruction
from taichi_dr.jobs.reconstruct.relight.tell import is_reached, tell_light
from taichi_dr.jobs.reconstruct.relight.terms import difference, few_colors
from taichi_dr.jobs.reconstruct.run import reconstruct
from taichi_dr.jobs.reconstruct.view_groups import ViewGroups
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.light import LightSettings

SUN = np.array([0.5, 1.0, 0.7]) / np.sqrt(1.74)
RED, GREY = (0.7, 0.2, 0.1), (0.5, 0.5, 0.5)


def angle_deg(one, other):
    return np.degrees(np.arccos(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other)))


def rows(values):
    """A Variable of 3-vectors."""
    variable = Variable("rows", (len(values),), 3)
    variable.from_numpy(np.asarray(values, float))
    return variable


def value_and_gradient(term, variable):
    loss = ti.field(ti.f64, shape=(), needs_grad=True)
    with ti.ad.Tape(loss):
        term(variable, loss)
    return loss[None], variable.gradient_to_numpy()


def test_the_difference_is_of_pixels_in_the_mask(cpu64):
    mask = np.array([True, False, True])
    term = lambda color, loss: difference(color, np.zeros((3, 3)), mask, loss)  # noqa: E731
    value, gradient = value_and_gradient(term, rows([(1, 1, 1), (9, 9, 9), (-1, 0.5, 0.5)]))
    assert value == pytest.approx(5 / 6)
    np.testing.assert_allclose(gradient, np.array([(1, 1, 1), (0, 0, 0), (-1, 1, 1)]) / 6)


def test_a_pair_of_colours(cpu64):
    """log(1 + log(2)^2 / 0.01), in one channel; the second channel is too dark to be told."""
    term = lambda albedo, loss: few_colors(albedo, np.array([[0, 1]]), loss, 2.0)  # noqa: E731
    value, _ = value_and_gradient(term, rows([(0.2, 0.001, 0.3), (0.4, 0.5, 0.3)]))
    assert value == pytest.approx(2 * np.log(1 + np.log(2) ** 2 / 0.01))


def test_the_gradient_of_few_colours_against_central_differences(cpu64):
    random = np.random.default_rng(0)
    values, pairs = random.uniform(0.1, 0.9, (6, 3)), random.integers(6, size=(20, 2))
    term = lambda albedo, loss: few_colors(albedo, pairs, loss, 0.7)  # noqa: E731
    _, gradient = value_and_gradient(term, rows(values))
    for direction in random.normal(size=(3, 6, 3)):
        moved = [value_and_gradient(term, rows(values + step * direction))[0] for step in (1e-6, -1e-6)]
        assert np.sum(gradient * direction) == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-6)


def two_balls():
    """A red and grey ball in the shadow of a small grey one, towards the sun."""
    large, small = dr.shapes.icosphere(4), dr.shapes.icosphere(2)
    points, others = large.numpy("vertices")[0], small.numpy("vertices")[0]
    colors = np.where(points[:, :1] > 0.1, RED, GREY)
    vertices = np.concatenate([0.65 * points, 0.22 * others + 0.95 * np.array([0.1, 0.9, 0.4])])
    faces = np.concatenate([large.topology.faces, small.topology.faces + len(points)])
    return vertices, faces, np.concatenate([colors, np.tile(GREY, (len(others), 1))])


@pytest.fixture(scope="module")
def seen():
    """``(vertices, faces, albedo, PosedImages)``: the balls in the sun, with a highlight."""
    dr.init("cpu")
    vertices, faces, albedo = two_balls()
    shiny = dr.Material("phong", specular=0.25, shininess=24)
    mesh = dr.Mesh(vertices, faces, colors=albedo, material=shiny)
    azimuth = np.arange(8) * 45.0
    camera = dr.Camera.orbit(azimuth, np.where(azimuth % 90 == 0, 35.0, -5.0), 3.6, 40)
    lights = dr.Lights(0.25, dr.DirectionalLight(SUN, 0.75))
    pictures = RayTraced([mesh], lights, samples=16, bounces=0)(camera, 64)
    matrices = np.tile(np.eye(4), (8, 1, 1))
    matrices[:, :3] = np.stack(camera.frames(), axis=-1)
    focal, middle = np.full((8, 2), 32 / np.tan(np.deg2rad(20))), np.full((8, 2), 32.0)
    names = tuple(f"view {i}" for i in range(8))
    return vertices, faces, albedo, PosedImages(pictures[..., :3], pictures[..., 3], matrices, focal, middle, names)


def shown_of(vertices, faces, albedo):
    """The Mesh with the colours that images show of it, without the highlight."""
    mesh = dr.Mesh(vertices, faces, colors=albedo)
    normals = vertex_normals(mesh)
    share = np.maximum(normals @ SUN, 0) * is_reached(mesh, normals, SUN)
    mesh.set("colors", albedo * (0.25 + 0.75 * share[:, None]))
    return mesh, normals, share


@pytest.mark.usefixtures("own_runtime")
def test_the_light_is_told_beside_shadows(seen):
    dr.init("cpu")
    vertices, faces, albedo, _ = seen
    mesh, normals, share = shown_of(vertices, faces, albedo)
    assert ((normals @ SUN > 0.3) & (share == 0)).sum() > 30
    light, found = tell_light(mesh, mesh.numpy("colors")[0].astype(float), [0])
    assert angle_deg(light.direction, SUN) < 1
    np.testing.assert_allclose(light.color / light.ambient, 3, rtol=0.05)
    well = (share > 0) | (normals @ SUN < 0)  # where a shadow ends, vertices are on either side
    np.testing.assert_allclose(found[well] / 0.4375, albedo[well], rtol=0.05)  # in 0.25 + 0.75 / 4, the mean light


@pytest.mark.usefixtures("own_runtime")
def test_a_result_begins_with_what_images_show_of_it_in_shadows_too(seen, monkeypatch):
    dr.init("cpu")
    vertices, faces, albedo, _ = seen
    mesh, normals, _ = shown_of(vertices, faces, albedo)
    light = described(Light(np.full(3, 0.25), np.full(3, 0.75), SUN))
    metrics = {"as": "light", "model": {"light": light}}
    monkeypatch.setattr(start, "start_mesh", lambda *_: dr.Mesh(vertices, faces, colors=albedo))
    monkeypatch.setattr(start, "read_metrics", lambda _: metrics)
    found = start.shown_mesh("out", None, None, len(faces)).numpy("colors")
    np.testing.assert_allclose(found, mesh.numpy("colors"), atol=1e-6)
    metrics["as"] = "mesh"  # whose light has no shadows: neither have its colours
    found = start.shown_mesh("out", None, None, len(faces)).numpy("colors")[0]
    lit = 0.25 + 0.75 * np.maximum(normals @ SUN, 0)[:, None]
    np.testing.assert_allclose(found, albedo * lit, atol=1e-6)
    metrics["model"]["light"] = {"ambient": 1}
    with pytest.raises(FileError, match=r"metrics\.json: model: light"):
        start.shown_mesh("out", None, None, len(faces))


@pytest.mark.usefixtures("own_runtime")
def test_gradients_find_light_albedo_and_highlight_from_a_light_that_is_off(seen):
    """A light 11 degrees off and too weak; albedo that has a shadow in it, and noise.  The truth, where the mean light
    is 1: a highlight of 0.25 * 0.4375 = 0.109 and 24."""
    dr.init("cpu")
    vertices, faces, albedo, posed = seen
    mesh, normals, _ = shown_of(vertices, faces, albedo)
    off = SUN + 0.2 * np.cross(SUN, (0, 0, 1))
    off /= np.linalg.norm(off)
    begin = Light(np.full(3, 0.7), np.full(3, 1.2), off)
    first = mesh.numpy("colors")[0] / begin.on(normals) * np.random.default_rng(0).uniform(0.9, 1.1, (len(normals), 1))
    mesh.set("colors", np.clip(first, 0.01, 1))
    fit = LightFit(mesh, begin, ViewGroups(posed, 2, [0]), 0)
    assert error(fit, albedo) > 0.07
    for step in range(STEPS):
        assert fit.step(step / STEPS)[0]
    light, _, specular, shininess = fit.found()
    assert angle_deg(light.direction, SUN) < 1
    np.testing.assert_allclose(light.color / light.ambient, 3, rtol=0.04)
    np.testing.assert_allclose(light.ambient + light.color / 4, 1)
    assert specular == pytest.approx(0.109, rel=0.1)
    assert shininess == pytest.approx(24, rel=0.1)
    assert error(fit, albedo) < 0.01


STEPS = 50


def error(fit, albedo):
    """The mean error of the albedo, in the scale that fits best."""
    found = fit.found()[1]
    scale = (found * albedo).sum(axis=0) / (found**2).sum(axis=0)
    return float(np.abs(scale * found - albedo).mean())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A clay ball in the sun."""
    folder = tmp_path_factory.mktemp("data") / "ball"
    options = {"views": 6, "test_views": 2, "size": 32, "samples": 2, "lighting": "sun", "backend": "cpu"}
    make_dataset(DatasetSettings("icosphere", folder, **options))
    return folder


@pytest.fixture
def one_level(monkeypatch):
    """The mesh's second level alone, of few faces."""
    level = mesh_reconstruction.LEVELS[1]
    monkeypatch.setattr(mesh_reconstruction, "LEVELS", (mesh_reconstruction.Level(0.0, 32, 320, level.sigma, 1.0),))


@pytest.mark.usefixtures("own_runtime", "one_level")
def test_the_whole_way_resuming_and_beginning_with_a_result(data, tmp_path, monkeypatch):
    options = {"steps": 10, "faces": 320, "backend": "cpu"}
    whole = reconstruct(LightSettings(data, tmp_path / "whole", **options))
    written = {path.name for path in whole.folder.iterdir()}
    assert written > set(LightReconstruction.FILES) == set(whole.metrics["files"])
    told = json.loads((whole.folder / "light.json").read_text())
    assert told["highlight"] == whole.metrics["model"]["highlight"]
    assert told["ambient"] == whole.metrics["model"]["light"]["ambient"]
    assert len(set(told["ambient"])) == 1
    assert load_mesh(whole.folder / "mesh.glb").face_count == whole.metrics["model"]["faces"]
    with Image.open(whole.folder / "light.png") as picture:
        assert picture.width > 5 * 32

    plain_step, steps = LightReconstruction.step, []

    def step_then_stop(self, fraction):
        steps.append(fraction)
        if len(steps) == 9:
            raise KeyboardInterrupt
        return plain_step(self, fraction)

    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run._Run.finish", lambda self, *_: {"interrupted": False})
    monkeypatch.setattr(LightReconstruction, "step", step_then_stop)
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        reconstruct(LightSettings(data, tmp_path / "parts", **options))
    monkeypatch.setattr(LightReconstruction, "step", plain_step)
    assert checkpoint.load_state(tmp_path / "parts" / checkpoint.NAME)[0]["steps"] == 8  # two of the light
    reconstruct(LightSettings(data, tmp_path / "parts", resume=True, backend="cpu"))
    states = [checkpoint.load_state(tmp_path / name / checkpoint.NAME)[1] for name in ("whole", "parts")]
    for name in ("colors", "lights/color", "lights/vector", "material/specular"):
        np.testing.assert_array_equal(*(state[f"model/light/{name}"] for state in states))

    again = LightSettings(data, tmp_path / "again", init=str(whole.folder), steps=1, backend="cpu")
    reconstruct(again)
    kept = [checkpoint.load_state(tmp_path / name / checkpoint.NAME)[1] for name in ("whole", "again")]
    points = [state["model/light/vertices"] for state in kept]
    np.testing.assert_allclose(*points, atol=1e-5)


def test_what_is_refused(data, tmp_path):
    with pytest.raises(FileError, match=re.escape("--init moon.ply: no such file")):
        reconstruct(LightSettings(data, tmp_path / "out", init="moon.ply", backend="cpu"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="holds no finished reconstruction"):
        reconstruct(LightSettings(data, tmp_path / "out", init=str(tmp_path / "empty"), backend="cpu"))
    for wrong in ({"faces": 3}, {"batch": 0}):
        with pytest.raises(InputError, match=f"--{next(iter(wrong))}: expected at least"):
            LightSettings(data, tmp_path / "out", **wrong).check()
    assert not (tmp_path / "out").exists()
