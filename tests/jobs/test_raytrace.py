"""``taichi-dr render --raytrace`` and ``dataset --raytrace``: passes, shadows, ground, environments, files."""

import json

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import cli
from taichi_dr.errors import InputError
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.pictures import raytrace
from taichi_dr.jobs.pictures.raytrace import RayTraced, ground_below, ground_color
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.rays import RaySettings
from taichi_dr.jobs.settings.render import RenderSettings

SIZE = 32


def run(command, *arguments):
    return cli.main([command, *map(str, arguments), "--backend", "cpu", "--size", str(SIZE)])


def table(folder):
    """A white board above a white floor, of which it shades a part."""
    path = folder / "table.obj"
    corners = [(x, y, z) for y, half in ((0, 1), (0.3, 0.4)) for x, z in ((-1, -1), (-1, 1), (1, 1), (1, -1))]
    scaled = [(half * x, y, half * z) for (x, y, z), half in zip(corners, [1] * 4 + [0.4] * 4, strict=True)]
    lines = [f"v {x} {y} {z} 1 1 1" for x, y, z in scaled] + ["f 1 2 3 4", "f 5 6 7 8"]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.usefixtures("own_runtime")
def test_rays_find_the_shadow_that_rasterizers_do_not(tmp_path, capsys):
    options = "--lighting", "sun", "--shading", "flat", "--azimuth-deg", 0, "--elevation-deg", 89
    assert run("render", table(tmp_path), tmp_path / "flat.png", *options) == 0
    hard = *options, "--raytrace", "--spp", 16, "--light-angle-deg", 0
    assert run("render", table(tmp_path), tmp_path / "rays.png", *hard) == 0
    assert "rendering: 100%  4 of 4 passes" in capsys.readouterr().out
    flat, rays = (dr.load_image(tmp_path / f"{name}.png") for name in ("flat", "rays"))
    assert rays[..., 3].mean() == pytest.approx(flat[..., 3].mean(), rel=0.01)
    inside = (flat[..., 3] == 1) & (rays[..., 3] == 1)
    shaded = inside & (rays[..., 0] < 0.5 * flat[..., 0])
    assert 0.02 < shaded.sum() / inside.sum() < 0.2
    np.testing.assert_allclose(rays[shaded & (rays[..., 0] < 0.26)][:, 0], 0.25, atol=0.01)  # ambient alone
    same = inside & ~shaded
    assert np.median(np.abs(rays - flat)[same]) < 0.005
    soft = dr.load_image(picture(tmp_path, "soft.png", *options, "--raytrace", "--spp", 16, "--light-angle-deg", 8))
    between = lambda image: (inside & (image[..., 0] > 0.3) & (image[..., 0] < 0.75)).sum()  # noqa: E731
    assert between(soft) > between(rays)


def picture(folder, name, *options):
    assert run("render", table(folder), folder / name, *options) == 0
    return folder / name


@pytest.mark.usefixtures("own_runtime")
def test_a_ground_has_no_end_in_lights_without_a_place(tmp_path):
    seen = "--elevation-deg", 5, "--azimuth-deg", 0, "--distance", 8
    options = "--raytrace", "--ground", "--spp", 4, "--light-angle-deg", 0, "--lighting", "sun", *seen
    assert run("render", "icosphere", tmp_path / "a.png", *options) == 0
    pixels = dr.load_image(tmp_path / "a.png")
    assert (pixels[..., 3] == 1).all()
    borders = np.concatenate([pixels[0], pixels[:, -1]])  # the shadow is on the left
    assert np.ptp(borders, axis=0).max() < 0.01
    assert pixels[..., 0].min() < 0.5 * borders[0, 0]
    lights = dr.Lights(0.5, [dr.DirectionalLight((0, 2, 0), 0.25), dr.DirectionalLight((0, -1, 0), 9.0)])
    np.testing.assert_allclose(ground_color(lights), 0.8 * 0.75, rtol=1e-6)
    assert ground_color(None) == (0.8, 0.8, 0.8)
    box = dr.shapes.box()
    lowest = box.numpy("vertices")[..., 1].min()
    assert lowest - 1e-3 < ground_below([box]).numpy("point")[0, 1] < lowest


@pytest.mark.usefixtures("own_runtime")
def test_an_environment_is_behind_all_and_lights_it(tmp_path):
    dr.init("cpu")
    sky = np.zeros((8, 16, 3), np.float32)
    sky[...] = 0.5, 1.0, 3.0
    dr.save_image(tmp_path / "sky.exr", sky)
    options = "--raytrace", "--environment", tmp_path / "sky.exr", "--spp", 16
    assert run("render", "icosphere", tmp_path / "a.exr", *options) == 0
    pixels = dr.load_image(tmp_path / "a.exr")
    np.testing.assert_allclose(pixels[0, 0], (0.5, 1.0, 3.0), rtol=1e-5)  # brighter than 1 is kept
    clay = np.array((0.55, 0.47, 0.4)) * (0.5, 1.0, 3.0)  # a white furnace: the environment's light once more
    middle = pixels[SIZE // 2 - 4 : SIZE // 2 + 4, SIZE // 2 - 4 : SIZE // 2 + 4].mean(axis=(0, 1))
    np.testing.assert_allclose(middle, clay, rtol=0.05)
    assert run("render", "icosphere", tmp_path / "b.exr", *options, "--background", "black", "--reflectivity", 1) == 0
    pixels = dr.load_image(tmp_path / "b.exr")
    np.testing.assert_allclose(pixels[0, 0], 0)
    np.testing.assert_allclose(pixels[SIZE // 2, SIZE // 2], (0.5, 1.0, 3.0), rtol=1e-3)


def test_passes_are_averaged_and_lights_are_put_back(cpu32):
    ball, camera = dr.shapes.icosphere(2), dr.Camera.orbit([0.0, 40.0], distance=3.2, fov_y_deg=40)
    lights = dr.Lights(0.2, dr.DirectionalLight((1, 1, 1), 0.8))
    told = []
    drawing = RayTraced([ball], lights, samples=10, light_angle_deg=3)
    pictures = drawing(camera, SIZE, lambda done, total: told.append((done, total)))
    assert told == [(i, 6) for i in range(1, 7)]  # of 4, 4 and 2 samples
    assert pictures.shape == (2, SIZE, SIZE, 4)
    assert set(np.round(np.unique(pictures[..., 3]) * 10, 4)) <= set(range(11))
    np.testing.assert_array_equal(lights.numpy("vector")[1], 1)
    np.testing.assert_array_equal(drawing(camera, SIZE), pictures)


def test_lights_sway_over_a_disc(cpu32):
    vectors = np.array([[0.0, 0, 0], [0, 5, 0], [1, 0, 1]])
    swayed = np.stack([raytrace._swayed(vectors, 10, i, 200) for i in range(200)])
    assert (swayed[:, 0] == 0).all()
    for k in (1, 2):
        units = swayed[:, k] / np.linalg.norm(swayed[:, k], axis=1, keepdims=True)
        axis = vectors[k] / np.linalg.norm(vectors[k])
        angles = np.degrees(np.arccos(np.clip(units @ axis, -1, 1)))
        assert 9.5 < angles.max() <= 10
        assert np.mean(angles < 5) == pytest.approx(0.25, abs=0.02)  # equal areas
        np.testing.assert_allclose(units.mean(axis=0), axis * (units @ axis).mean(), atol=5e-3)


@pytest.mark.usefixtures("own_runtime")
def test_a_data_set_says_in_which_light_it_was_made(tmp_path):
    options = "--raytrace", "--views", 4, "--test-views", 1, "--samples", 2
    assert run("dataset", "icosphere", tmp_path / "sun", "--lighting", "sun", *options) == 0
    said = json.loads((tmp_path / "sun" / "light.json").read_text())
    assert said["ambient"] == [0.25] * 3
    assert said["directional"][0]["color"] == [0.75] * 3
    np.testing.assert_allclose(said["directional"][0]["direction"], (0.5, 1, 0.7), rtol=1e-6)
    sky = np.full((4, 8, 3), 0.5, np.float32)
    dr.save_image(tmp_path / "sky.exr", sky)
    more = "--environment", tmp_path / "sky.exr", "--ground"
    assert run("dataset", "icosphere", tmp_path / "sky", *more, *options) == 0
    said = json.loads((tmp_path / "sky" / "light.json").read_text())
    assert said == {"ambient": [0.0] * 3, "directional": [], "environment": "environment.exr"}
    np.testing.assert_array_equal(dr.load_image(tmp_path / "sky" / "environment.exr"), sky)
    posed = load_posed_images(tmp_path / "sky", "train")
    assert not posed.has_alpha
    assert (posed.camera_to_world[:, 1, 3] > 0).all()  # cameras are above the ground
    assert run("dataset", "icosphere", tmp_path / "sky", "--overwrite", *options) == 0
    assert not (tmp_path / "sky" / "environment.exr").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ground": True}, "--ground: has no effect without --raytrace"),
        ({"environment": "a.hdr"}, "--environment: has no effect without --raytrace"),
        ({"bounces": 2}, "--bounces: has no effect without --raytrace"),
        ({"light_angle_deg": 1.0}, "--light-angle-deg: has no effect without --raytrace"),
        ({"raytrace": True, "bounces": -1}, "--bounces: expected at least 0, got -1"),
        ({"raytrace": True, "light_angle_deg": 90.0}, "--light-angle-deg: expected 0 to 45 degrees, got 90.0"),
        ({"raytrace": True, "reflectivity": 1.5}, "--reflectivity: expected 0 to 1 as a share, got 1.5"),
    ],
)
def test_what_makes_no_sense_is_refused(given, message, tmp_path):
    rays = RaySettings(**given)
    for settings in (RenderSettings("car", tmp_path / "a.png", rays=rays), DatasetSettings("car", tmp_path, rays=rays)):
        with pytest.raises(InputError, match=message):
            settings.check()


def test_what_needs_rays_and_what_needs_a_rasterizer(tmp_path):
    with pytest.raises(InputError, match="--samples: has no effect without --raytrace"):
        RenderSettings("car", tmp_path / "a.png", samples=8).check()
    with pytest.raises(InputError, match="--soft: has no effect without a rasterizer: give it or --raytrace, not both"):
        RenderSettings("car", tmp_path / "a.png", soft=True, rays=RaySettings(raytrace=True)).check()


@pytest.mark.usefixtures("own_runtime")
def test_nothing_is_left_of_what_is_interrupted(tmp_path, monkeypatch, capsys):
    plain = raytrace.RayTracer.render

    def interrupted(self, *arguments):
        if self.seed == 1:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(raytrace.RayTracer, "render", interrupted)
    assert run("render", "icosphere", tmp_path / "a.png", "--raytrace") == 130
    assert list(tmp_path.iterdir()) == []
