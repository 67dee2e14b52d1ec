"""Telling light from colours."""

import json

import numpy as np
import pytest

from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct import mesh as mesh_reconstruction
from taichi_dr.jobs.reconstruct.light import EVEN, LIT, Light, _spread, find_light
from taichi_dr.jobs.reconstruct.mesh import MeshReconstruction
from taichi_dr.jobs.reconstruct.run import reconstruct
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.mesh import MeshSettings

SUN = np.array([0.5, 1.0, 0.7]) / np.sqrt(1.74)  # of --lighting sun, whose light is 0.25 + 0.75 max(n.l, 0)


def angle_deg(one, other):
    return np.degrees(np.arccos(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other)))


def scattered(count=2000):
    normals = np.random.default_rng(1).normal(size=(count, 3))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def test_a_tinted_light_is_found_among_colours_and_shadows():
    normals, random = scattered(), np.random.default_rng(2)
    light = Light(np.array([0.2, 0.3, 0.4]), np.array([0.9, 0.6, 0.3]), SUN)
    colors = np.array([[0.8, 0.2, 0.1], [0.7, 0.7, 0.7], [0.1, 0.3, 0.2]])[random.integers(3, size=len(normals))]
    shown = colors * light.on(normals) * np.exp(random.normal(size=(len(normals), 1), scale=0.02))
    shaded = random.uniform(size=len(normals)) < 0.15
    shown[shaded] = (colors * light.ambient)[shaded]
    found = find_light(shown, normals, 0)
    assert angle_deg(found.direction, SUN) < 2
    np.testing.assert_allclose(found.color / found.ambient, light.color / light.ambient, rtol=0.06)
    np.testing.assert_allclose(found.ambient + LIT * found.color, 1)


def test_channels_that_are_nearly_black_do_not_make_the_light_weak():
    """Red paint, whose green is 0.008 in ambient light, which 8 bits of sRGB hold to a twentieth and logarithms see."""
    normals, random = scattered(), np.random.default_rng(4)
    light = Light(np.full(3, 0.25), np.full(3, 0.75), SUN)
    colors = np.array([[0.8, 0.03, 0.03], [0.02, 0.02, 0.02], [0.7, 0.7, 0.6]])[random.integers(3, size=len(normals))]
    found = find_light(colors * light.on(normals), normals, 0)
    assert angle_deg(found.direction, SUN) < 1
    np.testing.assert_allclose(found.color / found.ambient, 3, rtol=0.05)


def test_even_light_is_no_light_to_be_found():
    normals = scattered()
    found = find_light(np.full((len(normals), 3), 0.4), normals, 0)
    assert found.color.max() < 1e-3
    np.testing.assert_array_equal(EVEN.on(normals), 1)


def test_the_mean_light_over_all_directions_is_one():
    light = find_light(Light(np.full(3, 0.3), np.full(3, 0.9), SUN).on(scattered()), scattered(), 0)
    assert light.on(scattered(100000)).mean() == pytest.approx(1, abs=0.01)


def test_the_gradient_of_the_spread_against_central_differences():
    random = np.random.default_rng(3)
    logs, normals = random.normal(size=(50, 2, 3)), scattered(100).reshape(50, 2, 3)
    known = random.uniform(size=(50, 3)) < 0.8
    at, step = np.array([0.4, 1.1, -0.7, 0.1, -0.2, 0.3]), 1e-6
    gradient = _spread(at, logs, known, normals)[1]
    for k, direction in enumerate(np.eye(6) * step):
        difference = _spread(at + direction, logs, known, normals)[0] - _spread(at - direction, logs, known, normals)[0]
        assert gradient[k] == pytest.approx(difference / (2 * step), rel=1e-6, abs=1e-9)


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    """A clay ball in the sun, with shadows."""
    folder = tmp_path_factory.mktemp("data") / "ball"
    options = {"views": 8, "test_views": 3, "size": 48, "samples": 2, "lighting": "sun", "backend": "cpu"}
    make_dataset(DatasetSettings("icosphere", folder, **options))
    return folder


@pytest.fixture(autouse=True)
def one_level(monkeypatch):
    """The second level alone: the first has no colours, every further one would compile for seconds."""
    level = mesh_reconstruction.LEVELS[1]
    monkeypatch.setattr(mesh_reconstruction, "LEVELS", (mesh_reconstruction.Level(0.0, 48, 1280, level.sigma, 1.0),))


@pytest.mark.usefixtures("own_runtime")
def test_shading_is_not_in_the_colours_and_resuming_ends_alike(lit, tmp_path, monkeypatch):
    """Reports of one run are enough: they take most of a short one's time."""
    options = {"steps": 60, "batch": 4, "light": True, "backend": "cpu"}
    whole = reconstruct(MeshSettings(lit, tmp_path / "whole", **options))
    light = json.loads((whole.folder / "light.json").read_text())
    assert light == whole.metrics["model"]["light"]
    assert "light.json" in whole.metrics["files"]
    assert angle_deg(light["directional"][0]["direction"], SUN) < 3
    ratio = np.divide(light["directional"][0]["color"], light["ambient"])
    np.testing.assert_allclose(ratio, 3, rtol=0.15)
    finish = {"interrupted": False, "steps": 60}
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run._Run.finish", lambda self, *arguments: finish)
    colors = checkpoint.load_state(whole.folder / checkpoint.NAME)[1]["model/colors"][0]
    assert np.std(np.log(colors)) < 0.35 * np.std(np.log(baked(lit, tmp_path)))

    plain_step, steps = MeshReconstruction.step, []

    def step_then_stop(self, fraction):
        steps.append(fraction)
        if len(steps) == 31:
            raise KeyboardInterrupt
        return plain_step(self, fraction)

    monkeypatch.setattr(MeshReconstruction, "step", step_then_stop)
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        reconstruct(MeshSettings(lit, tmp_path / "parts", **options))
    monkeypatch.setattr(MeshReconstruction, "step", plain_step)
    assert checkpoint.load_state(tmp_path / "parts" / checkpoint.NAME)[0]["steps"] == 30
    reconstruct(MeshSettings(lit, tmp_path / "parts", resume=True, backend="cpu"))
    states = [checkpoint.load_state(tmp_path / name / checkpoint.NAME)[1] for name in ("whole", "parts")]
    for name in ("vertices", "colors", "light"):
        np.testing.assert_array_equal(*(state[f"model/{name}"] for state in states))


def baked(lit, tmp_path):
    """Colours of a run that does not look for light."""
    run = reconstruct(MeshSettings(lit, tmp_path / "baked", steps=60, batch=4, backend="cpu"))
    return checkpoint.load_state(run.folder / checkpoint.NAME)[1]["model/colors"][0]


def test_what_is_too_dark_tells_nothing():
    normals = np.random.default_rng(0).normal(size=(2000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert find_light(np.full((2000, 3), 0.01), normals, 0) is EVEN
