"""Every demo at a small size: it runs, writes its pictures, and the number it prints is right."""

import ast
import importlib
import re
import runpy
import sys
from pathlib import Path

import numpy as np
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
    stages = [name for name in files if name[0].isdigit()]
    assert [name[0] for name in stages] == list("12345678")
    assert files == [*stages, "pipeline.png"]


def test_sphere_tracing_has_the_gradient_of_its_picture(run):
    results, files = run("sphere_tracing", "--size", "96")
    assert results["gradient_by_tape"] == pytest.approx(results["gradient_by_differences"], rel=0.05)
    assert 2 < results["steps_per_ray"] < 12
    assert 0.2 < results["pixels_covered"] / 96**2 < 0.5
    stages = [name for name in files if name[0].isdigit()]
    assert [name[0] for name in stages] == list("12345678")
    assert files == [*stages, "sphere_tracing.png"]


def test_volume_rendering_has_the_closed_form(run):
    results, files = run("volume_rendering", "--size", "96", MANY=64, COUNTS=(5, 16), SEEDS=2)
    assert results["pixel_by_renderer"] == pytest.approx(results["pixel_by_hand"], abs=2e-4)
    assert results["transmittance_off_at_most"] < 2e-5
    assert results["error_uniform"] < 0.5 * results["error_stratified"]
    stages = [name for name in files if name[0].isdigit()]
    assert [name[0] for name in stages] == list("12345678")
    assert files == [*stages, "volume_rendering.gif", "volume_rendering.png"]


def test_ray_tracing_shades_by_the_formula(run):
    results, files = run("ray_tracing", "--size", "96", "--samples", "4")
    assert results["floor_by_renderer"] == pytest.approx(results["floor_by_hand"], abs=1e-3)
    assert 0.03 < results["pixels_in_shadow"] < 0.1
    stages = [name for name in files if name[0].isdigit()]
    assert [name[0] for name in stages] == list("12345678")
    assert files == [*stages, "ray_tracing.png"]


def test_a_lamp_is_found_by_its_shadows(run):
    sizes = {"SIZE": 40, "SHOWN": 160, "SAMPLES": {"hard": 4, "soft": 4}}
    results, files = run("inverse_lighting", "--steps", "80", RATE={"place": 0.15, "albedo": 0.05}, **sizes)
    assert results["hard_lamp_off_with"] < 0.2, "it began 2.2 off"
    assert results["hard_lamp_off_with"] < 0.5 * results["hard_lamp_off_without"]
    assert results["soft_lamp_off_with"] < results["soft_lamp_off_without"] < 0.4
    assert files == ["inverse_lighting.png"]


def test_a_globe_is_found_in_a_mirror(run):
    results, files = run("mirror", "--steps", "120", SIZE=32, SHOWN=64)
    assert results["with_off"] < 0.1, "it began 0.9 off"
    assert results["with_off"] < results["without_off"]
    assert results["with_turned_too_far_deg"] < 3, "it began 46 degrees too far"
    assert files == ["mirror.png"]


def test_shadows_become_a_heart_and_a_star(run):
    results, files = run("shadow_art", "--steps", "60", SIZE=40, FINE=80, ROOM=64, SUBDIVISIONS=3, RATE=0.15)
    assert results["heart_iou"] > 0.93, "it began at 0.53"
    assert results["star_iou"] > 0.76, "it began at 0.68"
    assert files == ["shadow_art.gif", "shadow_art.png"]


def test_a_scene_of_solids_is_found_in_one_picture(run):
    results, files = run("csg_inverse", "--steps", "150", SIZE=96, LEVELS={48: 0.8, 96: 0.2})
    assert results["error"] < 0.5 * results["first_error"]
    assert results["unseen_view_psnr"] > 20
    assert files == ["csg_inverse.gif", "csg_inverse.png"]


def test_a_ball_gets_a_hole_and_a_handle(run):
    results, files = run("fit_sdf_multiview", "--steps", "84", SHARE=0.85, FINE=(63, 64), TRUTH=64)
    assert results["torus_genus"] == results["teapot_genus"] == 1
    assert results["torus_iou"] > 0.95
    assert results["teapot_iou"] > 0.92
    assert files == ["fit_sdf_multiview.gif"]


def test_larger_sigma_and_gamma_reach_further(run):
    results, files = run("sigma_gamma", "--size", "48")
    reached = results["vertices_colored_by_picture"]
    assert reached[-1] > 0.99, "at gamma 1 every vertex counts"
    assert reached[0] < 0.6, "at a small gamma hidden vertices do not"
    assert files == ["sigma_gamma.png", "sigma_gamma_gradients.png"]


def test_a_few_steps_fit_the_silhouettes_better(run):
    results, files = run("deform_mesh", "--steps", "30", VIEWS=20, SIZE=64, TILE=64)
    assert results["car_iou"] > 0.85
    assert results["airplane_iou"] > 0.6
    assert results["car_pixels_that_show_the_inside"] < 0.01
    assert files == ["deform_mesh.gif", "deform_mesh.png"]


def test_colors_are_found(run):
    results, files = run("fit_colors", "--steps", "10", SIZE=64, VIEWS=6, TEXTURE=(32, 64))
    before, after = (float(part) for part in results["car_psnr"].removesuffix(" dB").split(" -> "))
    assert after > before + 8
    before, after = (float(part) for part in results["globe_psnr"].removesuffix(" dB").split(" -> "))
    assert after > before + 8
    assert files == ["fit_colors.png"]


def test_the_camera_is_found(run):
    results, files = run("estimate_pose", "--steps", "40")
    assert results["first_angle_error_deg"] == pytest.approx(60, abs=2)
    assert results["angle_error_deg"] < 1
    assert results["eye_error"] < 0.05
    assert results["last_angle_error_deg"] < 0.05
    assert max(map(abs, results["sigmas_off"])) < 3.5
    np.testing.assert_allclose(results["error_bars"], [0.008, 0.008, 0.005, 0.0004, 0.0004, 0.0002], rtol=0.5)
    assert files == ["estimate_pose.gif", "estimate_pose.png"]


def test_the_throw_is_found(run):
    results, files = run("simulate_and_render", "--steps", "40")
    assert results["largest_error"] < 0.2, "it began 2.2 m/s off"
    assert files == ["simulate_and_render.gif", "simulate_and_render.png"]


def test_error_bars_are_the_scatter(run):
    results, files = run("error_bars", "--steps", "60", REPEATS=24)
    assert 0.5 < results["mean_square"] < 1.7, "of chi^2 of 72, divided by that: 0.54 to 1.62 in 99.9 %"
    assert max(map(abs, results["sigmas_off"])) < 3.5
    assert results["newton_steps"] < 20
    assert files == ["error_bars.png"]


def test_the_joints_of_an_arm_are_found(run):
    results, files = run("robot_arm", "--steps", "140", SIZES=(48, 96), SHOWN=64)
    assert results["error_deg"] < 1.5, "the guesses were 39 degrees off"
    assert results["unseen_view_psnr"] > 30
    assert files == ["robot_arm.gif", "robot_arm.png"]


def test_the_throw_and_the_spin_are_found(run):
    results, files = run("rigid_body", "--steps", "80", SIZE=(48, 64), SHOWN=(48, 64))
    assert results["gradient_error"] < 0.01
    assert results["velocity_error"] < 0.3, "it began 1.3 off"
    assert results["spin_error"] < 0.5, "it began 3.5 off"
    assert files == ["rigid_body.gif", "rigid_body.png"]


def test_the_balls_of_a_lamp_are_found(run):
    results, files = run("metaballs", "--steps", "45", LEVELS={32: 0.8, 64: 0.2}, SHOWN=80, FRAMES=2, RATE=0.06)
    assert results["slope_by_tape"] == pytest.approx(results["slope_by_differences"], rel=0.1)
    assert results["place_error"] < 0.02, "it began 0.13 off"
    assert results["speed_error"] < 0.05, "it began 0.19 off"
    assert files == ["metaballs.gif", "metaballs.png"]


def test_how_stiff_jellies_are_is_found(run):
    sizes = {"STEPS": 120, "SEGMENT": 12, "MOMENTS": (40, 80, 120), "SIDE": 5, "COUNT": 125, "SIZE": (48, 96)}
    results, files = run("jelly_mpm", "--steps", "10", SHOWN=(48, 96), **sizes)
    assert results["slope_by_tape"] == pytest.approx(results["slope_by_differences"], rel=0.1)
    assert results["relative_error"] < 0.2, "they began at 2 and 1/2 times the truth"
    assert files == ["jelly_mpm.gif", "jelly_mpm.png"]


def test_the_start_of_the_drops_is_found(run):
    results, files = run("sdf_in_simulation", "--steps", "100", LEVELS=((32, 2, 0.5), (48, 3, 0.5)), SIZE=48, SHOWN=32)
    assert results["slope_by_tape"] == pytest.approx(results["slope_by_differences"], rel=0.05)
    assert results["place_error"] < 0.06, "it began 0.14 off"
    assert results["velocity_error"] < 0.35, "it began 0.63 off"
    assert files == ["sdf_in_simulation.gif", "sdf_in_simulation.png"]


def test_the_start_of_the_smoke_is_found(run):
    sizes = {"GRID": 16, "CELL": 1 / 8, "SLICES": (4, 8), "STEPS": 9, "MOMENTS": (3, 9), "SIZE": 16, "SAMPLES": 16}
    results, files = run("smoke_inverse", "--steps", "40", SHOWN=24, **sizes)
    assert results["slope_by_tape"] == pytest.approx(results["slope_by_differences"], rel=0.02)
    assert results["relative_error"] < 0.7, "it began at 1"
    assert results["correlation"] > 0.7
    assert results["unseen_view_psnr"] > 25
    assert files == ["smoke_inverse.gif", "smoke_inverse.png"]


def test_highlights_need_the_direction(run):
    sizes = {"VIEWS": 40, "SIZE": 24, "POINTS": 16, "SAMPLES": 24, "SHOWN": 32, "TURN": (0, 90)}
    results, files = run("view_dependence", "--steps", "60", **sizes)
    without, with_direction = (results[f"held-out psnr {name} direction"] for name in ("without", "with"))
    assert with_direction > without + 0.5
    assert with_direction > 18
    assert files == ["view_dependence.gif", "view_dependence.png"]


def test_a_coarse_network_says_where_a_fine_one_looks(run):
    sizes = {"VIEWS": 20, "SIZE": 24, "HIDDEN": (32, 32, 32), "SKIPS": (), "SAMPLES": 16, "ADDED": 16, "RATE": 5e-3}
    results, files = run("nerf", "--steps", "200", SHOWN=128, FILMED=32, FRAMES=3, OTHERS=(40, 200), **sizes)
    np.testing.assert_allclose(results["pixel_by_renderer"], results["pixel_by_hand"], atol=2e-3)
    assert results["held_out_psnr_fine"] > 16, "white pictures have 12"
    assert results["added_near_the_surface"] > 1.5 * results["samples_near_the_surface"]
    assert files == ["nerf.gif", "nerf.png"]


def test_meshes_of_single_images_look_like_them(run):
    pytest.importorskip("torch", reason="torch is not installed")
    results, files = run("single_image", KINDS=("boat", "car", "cupboard", "lamp"), TILE=64)
    assert results["silhouettes_overlap_from_the_same_side"] > 0.75
    assert results["silhouettes_overlap_from_the_other_side"] > 0.65
    assert files == ["single_image.png"]


def test_unseen_mugs_are_found(run):
    learning = {"MUGS": 40, "SAMPLES": 2048, "HIDDEN": (64, 64, 64), "CODE": 8, "BATCH": (8, 256), "GRID": 40}
    pictures = {"SIZES_OF_DEPTH": (32,), "SIZES_OF_SILHOUETTES": (32, 48), "STEPS_OF_CODE": 30, "VIEWS": 3}
    shown = {"TILE": 48, "SHOWN": 2, "FRAMES": 2, "UNSEEN": {"depth": 8, "silhouettes": 8}}  # a large one
    results, files = run("latent_shapes", "--steps", "700", **learning, **pictures, **shown)
    for given in ("depth", "silhouettes"):
        assert results[f"{given}_off_by"] < 0.75 * results[f"{given}_off_by_before"]
        assert 0.2 < results[f"{given}_iou"] < 1
    assert files == ["latent_shapes.gif", "latent_shapes.png"]


def test_waves_learn_an_image(run):
    results, files = run("fit_image", "--size", "32", "--steps", "150", HIDDEN=(64, 64), LEARNING_RATE=3e-3, SIGMA=2.0)
    assert results["none_psnr"] < results["basic_psnr"] < results["gaussian_psnr"]
    assert results["gaussian_psnr"] > 18
    assert files == ["fit_image.png"]


def test_tensors_are_optimised_through_renders(run, monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.delitem(sys.modules, "torch_layer", raising=False)  # the folder of tests of that name
    results, files = run("torch_layer", "--steps", "12", SIZE=32, TILE=48, VIEWS=6, BATCH=4, UNSEEN=8)
    off, iou, texture, eye = (
        [float(number) for number in re.findall(r"\d+\.\d+", results[name])]
        for name in ("network", "silhouettes", "texture", "camera")
    )
    assert off[1] < off[0]
    assert iou[1] > iou[0] + 0.1
    assert texture[1] > texture[0] + 3
    assert eye[1] < eye[0] - 0.1
    assert files == ["torch_layer.png"]


def test_a_volume_becomes_what_it_is_told(run):
    """Neither empty nor full, from all around."""
    pytest.importorskip("torch", reason="torch is not installed")
    results, files = run("dream", "--steps", "60", RATE=0.1)
    assert 0.1 < results["covered_with_guidance"] < 0.6
    assert files == ["dream.gif", "dream.png"]


def test_two_sides_become_digits(run):
    pytest.importorskip("torch", reason="torch is not installed")
    demo = importlib.import_module("two_digits")
    if not demo.MODEL.exists():
        pytest.skip("needs the shared data")
    results, files = run("two_digits", "--steps", "150", SAMPLES=24, SHOWN=56, TURN=(30, 60), RATE=0.15)
    for side in ("front", "side"):
        assert results[f"error_{side}"] < 0.75 * results["error_at_45_degrees"], "an angle that nothing guides"
        assert results[f"error_{side}"] < 0.8 * results["error_with_new_noise"]
        assert results[f"{side}_like_own_of_same_noise"] > 0.6
        assert results[f"{side}_like_own_of_same_noise"] > results["front_like_side"] + 0.2
    assert files == ["two_digits.gif", "two_digits.png"]


def test_rows_of_pictures_keep_their_pixels(cpu32, monkeypatch):
    monkeypatch.syspath_prepend(DEMOS)
    common = importlib.import_module("common")
    red, grey = np.full((10, 20, 3), (255, 0, 0), np.uint8), np.full((16, 12, 3), 0.5)
    page = common.sheet([[red, grey], [None, red]])
    assert page.shape == (16 + common.GAP + 10, 20 + common.GAP + 20, 3)
    assert (page[:10, :20] == red).all()
    assert (page[:16, 20 + common.GAP :][:, :12] == 188).all(), "linear pictures are shown as sRGB"
    assert (page[-10:, -20:] == red).all()
    titled = common.sheet([[red]], ["title"], ["row"])
    assert (titled[-10:, -20:] == red).all()
    assert titled[: common.LINE].min() < 128, "the title is written"


def test_demos_import_the_public_names_alone():
    scripts = [*DEMOS.glob("*.py"), DEMOS.parent / "docs" / "make.py"]
    imports = {
        f"{path.name}: {ast.unparse(node)}"
        for path in scripts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom) and "taichi_dr" in ast.unparse(node)
    }
    assert imports == {f"{path.name}: import taichi_dr as dr" for path in DEMOS.glob("*.py")}


def test_every_picture_of_the_docs_is_one_that_make_docs_makes():
    docs = DEMOS.parent / "docs"
    make = runpy.run_path(str(docs / "make.py"))
    made = {
        *make["RECONSTRUCTION"].values(),
        *make["COMPARED"].values(),
        *(name for names in make["DEMOS"].values() for name in names),
    }
    made |= {*make["PROGRAMS"], *make["INSPECTED"], *make["FIELDS"], *make["DREAMS"], make["LIT"], make["VIEWED"]}
    assert made == {path.name for path in docs.iterdir() if path.suffix in (".png", ".gif")}
    assert set(make["DEMOS"]) == {path.stem for path in DEMOS.glob("*.py")} - {"common"}
