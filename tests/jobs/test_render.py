"""``taichi-dr render`` of a solid: a ball of known place, size and colours, drawn by sphere tracing."""

import math

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import cli
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.jobs import render
from taichi_dr.jobs.pictures.poses import distance_for

pytestmark = pytest.mark.usefixtures("own_runtime")

NODES, RADIUS, CENTER, SIZE = 40, 0.3, np.array([2.0, -1.0, 0.5]), 64
UPPER, LOWER = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A ball away from the origin, red above its middle and blue below."""
    lower, spacing = CENTER - 0.4, 0.8 / (NODES - 1)
    points = lower + spacing * np.stack(np.meshgrid(*[np.arange(NODES)] * 3, indexing="ij"), axis=-1)
    colors = np.where(points[..., 1:2] > CENTER[1], UPPER, LOWER)
    path = tmp_path_factory.mktemp("scene") / "scene.npz"
    ColoredSolid(np.linalg.norm(points - CENTER, axis=-1) - RADIUS, colors, lower, spacing).save(path)
    return path


def run(*arguments):
    return cli.main(["render", *map(str, arguments), "--backend", "cpu", "--size", str(SIZE)])


def test_a_solid_is_traced_from_where_a_mesh_would_be_seen(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "supersampled", None)
    flat = "--lighting", "none", "--elevation-deg", 0
    assert run(scene, tmp_path / "ball.png", *flat, "--turntable", tmp_path / "ball.gif", "--frames", 2) == 0
    picture = dr.load_image(tmp_path / "ball.png")
    silhouette = math.asin(1 / distance_for(40.0))  # the ball, made one of radius 1, fills the image but for a margin
    area = math.pi * (math.tan(silhouette) / math.tan(math.radians(20)) / 2) ** 2
    assert picture[..., 3].mean() == pytest.approx(area, rel=2e-3)
    np.testing.assert_allclose(picture[SIZE // 4, SIZE // 2], (*UPPER, 1), atol=0.01)
    np.testing.assert_allclose(picture[3 * SIZE // 4, SIZE // 2], (*LOWER, 1), atol=0.01)
    assert (tmp_path / "ball.gif").stat().st_size > 0


def test_what_is_refused(scene, tmp_path, capsys):
    broken = tmp_path / "broken.npz"
    broken.write_bytes(scene.read_bytes()[:2000])
    cases = {
        (scene, "--soft"): "--soft: has no effect without a mesh",
        (scene, "--shading", "flat"): "--shading: has no effect without a mesh",
        (scene, "--texture", "a.png"): "--texture: has no effect without a mesh",
        (broken,): "broken.npz: is no solid that can be read",
        (tmp_path / "scen.npz",): "no such file, nor a shape",
    }
    for (name, *options), message in cases.items():
        assert run(name, tmp_path / "refused.png", *options) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "refused.png").exists()
