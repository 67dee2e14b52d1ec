"""Every demo at a small size: it runs, writes its pictures, and the number it prints is right."""

import importlib
import sys
from pathlib import Path

import pytest

import taichi_dr as dr

DEMOS = Path(__file__).parents[2] / "demos"


@pytest.fixture
def run(cpu32, tmp_path, monkeypatch):
    """Runs the demo of a name with small settings; returns its results and the names of the files it wrote."""
    monkeypatch.syspath_prepend(DEMOS)
    monkeypatch.setattr(dr, "init", lambda *_, **__: cpu32)  # one runtime for all, so that they share their kernels

    def call(name, *arguments, **settings):
        demo = importlib.import_module(name)
        for setting, value in settings.items():
            monkeypatch.setattr(demo, setting, value)
        results = demo.main(["--out", str(tmp_path), *arguments])
        files = sorted(tmp_path.iterdir())
        assert all(dr.load_image(path).std() > 0.01 for path in files), "an empty picture"
        return results, [path.name for path in files]

    yield call
    for module in [name for name, module in sys.modules.items() if _is_demo(module)]:
        del sys.modules[module]


def _is_demo(module):
    return str(DEMOS) == str(Path(getattr(module, "__file__", None) or "/").parent)


def test_the_pipeline_covers_what_it_projects(run):
    results, files = run("pipeline", "--size", "96")
    assert results["silhouette_off_by_pixels"] < 1
    assert results["pixels_covered"] > 500
    assert len(files) == 5


def test_larger_sigma_and_gamma_reach_further(run):
    results, files = run("sigma_gamma", "--size", "48")
    reached = results["vertices_colored_by_picture"]
    assert reached[-1] > 0.99, "at gamma 1 every vertex counts"
    assert reached[0] < 0.6, "at a small gamma hidden vertices do not"
    assert files == ["gamma_gradients.png", "grid.png", "sigma_gradients.png"]


def test_a_few_steps_fit_the_silhouettes_better(run):
    results, files = run("deform_mesh", "--steps", "20", "--views", "20")
    assert results["car_soft_iou"] > 0.75
    assert results["airplane_soft_iou"] > 0.5
    assert files == ["deform.gif", "stages.png"]


def test_colors_are_found(run):
    results, files = run("fit_colors", "--steps", "30", SIZE=64, VIEWS=6, TEXTURE=(32, 64))
    before, after = (float(part) for part in results["car_psnr"].removesuffix(" dB").split(" -> "))
    assert after > before + 10
    before, after = (float(part) for part in results["globe_psnr"].removesuffix(" dB").split(" -> "))
    assert after > before + 10
    assert files == ["renders.png", "texture.png"]


def test_the_camera_is_found(run):
    results, files = run("estimate_pose", "--steps", "40")
    assert results["first_angle_error_deg"] == pytest.approx(60, abs=2)
    assert results["angle_error_deg"] < 1
    assert files == ["poses.png", "search.gif"]


def test_the_throw_is_found(run):
    results, files = run("simulate_and_render", "--steps", "30")
    assert results["largest_error"] < 0.5, "it began 2.2 m/s off"
    assert files == ["fit.gif", "flight.png"]
