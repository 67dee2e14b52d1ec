"""What a volume renderer shows: closed forms, invariants, backgrounds, seeds, backends, and what it refuses."""

import numpy as np
import pytest
import taichi as ti
from backends import GPUS

import taichi_dr as dr
from taichi_dr.render.volume import volume_renderer

BOX = dr.Box(-1, 1)
OUTPUTS = ("color", "alpha", "depth", "transmittance")


@ti.func
def fog(p, d):
    return dr.Sample(density=0.7, color=(0.2, 0.5, 0.8))


@ti.func
def ramp(p, d):
    return dr.Sample(1.0 - p.z, (1.0, 1.0, 1.0))


@ti.func
def blob(p, d):
    return dr.Sample(
        4.0 * ti.exp(-3.0 * p.dot(p)), ti.Vector([0.5, 0.5, 0.5]) + 0.5 * ti.Vector([p.x, d.y, ti.sin(p.z)])
    )


@ti.func
def branching_blob(p, d):
    density = 4.0 * ti.exp(-3.0 * p.dot(p))
    if density < 0.0:  # packets know no branches
        density = 0.0
    return dr.Sample(density, ti.Vector([0.5, 0.5, 0.5]) + 0.5 * ti.Vector([p.x, d.y, ti.sin(p.z)]))


@ti.func
def wall(p, d):
    return dr.Sample(ti.select(p.z < 0.25, 1e6, 0.0), (1.0, 0.5, 0.25))


def front(**settings):
    return dr.Camera.orthographic(**{"eye": (0, 0, 3), "half_height": 0.7} | settings)


def around():
    return dr.Camera(eye=[(1, 1.5, 2), (0, 0.3, 2.5)], fov_y=0.8)


def images(function, camera, size=(15, 20), bounds=BOX, **settings):
    frame = dr.VolumeRenderer(function, size, bounds=bounds, **settings).render(camera)
    return {name: frame.numpy(name) for name in OUTPUTS}


@pytest.mark.parametrize("samples", [1, 2, 37])
def test_fog_has_its_closed_form(cpu64, samples):
    """Light that crosses L of a constant density: T = e^(-sigma L), and half as much is seen in front of the middle."""
    found = images(fog, front(), samples=samples, tolerance=0)
    through = np.exp(-0.7 * 2)
    assert np.allclose(found["transmittance"], through, atol=1e-12)
    assert np.allclose(found["alpha"], 1 - through, atol=1e-12)
    assert np.allclose(found["color"], (1 - through) * np.array([0.2, 0.5, 0.8]), atol=1e-12)


def test_the_depth_of_fog_has_its_closed_form(cpu64):
    """E[t] of an exponential that is cut off: 1/sigma - L e^(-sigma L) / (1 - e^(-sigma L)), from z = 2 on."""
    found = images(fog, front(), samples=2000, tolerance=0)
    expected = 2 + 1 / 0.7 - 2 * np.exp(-1.4) / (1 - np.exp(-1.4))
    assert np.allclose(found["depth"], expected, atol=1e-6)


def test_a_ball_of_fog_is_as_thick_as_its_chords(cpu64):
    found = images(fog, front(), size=21, bounds=dr.Ball((0.2, 0, 0), 0.6))
    x = (2 * np.arange(21) + 1 - 21) / 21 * 0.7
    chord = 2 * np.sqrt(np.maximum(0.36 - (x[None] - 0.2) ** 2 - x[:, None] ** 2, 0))
    assert np.allclose(found["alpha"][0], 1 - np.exp(-0.7 * chord), atol=1e-12)
    assert np.all(found["depth"][0][chord == 0] == front().far)
    assert np.any(chord == 0)


def test_the_middle_of_a_part_stands_for_all_of_a_linear_density(cpu64):
    """1 - z over z in [-1, 1]: 2 whatever the number of samples."""
    for samples in (1, 5):
        assert np.allclose(images(ramp, front(), samples=samples)["transmittance"], np.exp(-2), atol=1e-12)


def test_near_and_far_cut_the_volume(cpu64):
    found = images(fog, front(near=2.5, far=3.25))
    assert np.allclose(found["transmittance"], np.exp(-0.7 * 0.75), atol=1e-12)


def test_a_wall_is_seen_where_it_is(any32):
    found = images(wall, front(), samples=400)
    assert np.allclose(found["color"], [1.0, 0.5, 0.25], atol=1e-6)
    assert np.abs(found["depth"] - 2.75).max() < 2 / 400


@pytest.mark.parametrize("sampling", ["uniform", "stratified"])
def test_batches_are_the_whole(cpu32, monkeypatch, sampling):
    expected = images(blob, around(), sampling=sampling)
    monkeypatch.setattr(volume_renderer, "RAYS", 7)
    for name, image in images(blob, around(), sampling=sampling).items():
        assert np.array_equal(image, expected[name]), name


def test_several_views_are_the_views(any32):
    together = images(blob, around())
    for view, eye in enumerate([(1, 1.5, 2), (0, 0.3, 2.5)]):
        alone = images(blob, dr.Camera(eye=eye, fov_y=0.8))
        for name in OUTPUTS:
            assert np.allclose(together[name][view], alone[name][0], atol=1e-6), name


def test_moving_camera_and_scene_together_changes_nothing(cpu64):
    shift = ti.Vector.field(3, ti.f64, ())

    @ti.func
    def moved(p, d):
        return blob(p - shift[None], d)

    def image(by):
        shift[None] = by
        camera = dr.Camera(eye=np.add((0.4, 1, 2), by), target=by, fov_y=0.9)
        return images(moved, camera, bounds=dr.Box(np.add(-1, by), np.add(1, by)))["color"]

    assert np.allclose(image((0.5, -0.25, 2.0)), image((0, 0, 0)), atol=1e-9)


def test_packets_and_single_samples_show_the_same(cpu32):
    packets, single = (dr.VolumeRenderer(f, (15, 20), bounds=BOX) for f in (blob, branching_blob))
    assert packets.packets > 1
    assert single.packets == 1
    one, other = packets.render(around()), single.render(around())
    for name in OUTPUTS:
        assert np.allclose(one.numpy(name), other.numpy(name), atol=1e-5), name


@pytest.mark.parametrize("gpu", GPUS)
def test_a_seed_gives_its_picture_on_every_backend(request, cpu32, gpu):
    def pictures():
        renderer = dr.VolumeRenderer(blob, (15, 20), bounds=BOX, samples=16, sampling="stratified", seed=5)
        found = [renderer.render(around()).numpy("color")]
        renderer.seed = 6
        found.append(renderer.render(around()).numpy("color"))
        renderer.seed = 5
        found.append(renderer.render(around()).numpy("color"))
        return found

    expected, other, again = pictures()
    assert np.array_equal(again, expected)
    assert np.abs(other - expected).max() > 1e-3
    request.getfixturevalue(gpu)
    found, other_there, _ = pictures()
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(other_there - other).max() < 1e-4


def test_strata_scatter_around_the_truth(cpu32):
    truth = images(blob, around(), samples=1000)["color"]
    renderer = dr.VolumeRenderer(blob, (15, 20), bounds=BOX, samples=8, sampling="stratified")
    pictures = []
    for renderer.seed in range(64):
        pictures.append(renderer.render(around()).numpy("color"))
    error = np.abs(np.mean(pictures, axis=0) - truth).max()
    assert error < 0.25 * np.abs(pictures[0] - truth).max()


@pytest.mark.parametrize(
    "background",
    [(0.9, 0.3, 0.1), [(0.9, 0.3, 0.1), (0, 0, 1)], np.random.default_rng(0).random((15, 20, 3))],
    ids=["color", "of views", "image"],
)
def test_backgrounds_shine_through(cpu32, background):
    over_nothing = images(blob, around(), background=None)
    found = images(blob, around(), background=background)
    behind = np.asarray(background)
    behind = behind[:, None, None] if behind.shape == (2, 3) else behind
    assert np.allclose(
        found["color"], over_nothing["color"] + over_nothing["transmittance"][..., None] * behind, atol=1e-6
    )


@ti.func
def broken(p, d):
    return dr.Sample(ti.sqrt(p.x), (1.0, 1.0, 1.0))


@ti.func
def negative(p, d):
    return dr.Sample(p.x, (1.0, 1.0, 1.0))


@ti.func
def endless(p, d):
    return dr.Sample(ti.select(p.x > 0.0, 1e38 * 1e38, 0.0), (1.0, 1.0, 1.0))


@ti.func
def colorless(p, d):
    return dr.Sample(1.0, (0.0, ti.log(-1.0 - p.x * p.x), 0.0))


@ti.func
def of_a_point(p):
    return dr.Sample(1.0, (1.0, 1.0, 1.0))


@ti.func
def number(p, d):
    return 1.0


@ti.func
def looping(p, d):
    total = 0.0
    for k in range(3):
        total += p[k]
    return dr.Sample(total, (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (broken, "densities are NaN"),
        (negative, "densities are negative"),
        (endless, "densities are infinite"),
        (colorless, "colours are not finite"),
    ],
)
def test_densities_that_are_none_are_counted(any32, function, words):
    with pytest.raises(dr.InputError, match=rf"[1-9]\d* of \d+ {words}"):
        images(function, front())


@pytest.mark.parametrize(
    ("function", "settings", "error", "words"),
    [
        (of_a_point, {}, dr.InputError, "of a point and a direction, got one of"),
        (number, {}, dr.InputError, "returns dr.Sample"),
        (looping, {}, dr.GradientError, "a loop that is not ti.static"),
        (fog, {"samples": 0}, dr.InputError, "samples: expected a whole number of at least 1, got 0"),
        (fog, {"tolerance": 1.0}, dr.InputError, "tolerance"),
        (fog, {"sampling": "random"}, dr.InputError, '"uniform" or "stratified"'),
        (fog, {"seed": -1}, dr.InputError, "seed"),
        (fog, {"bounds": (-1, 1)}, dr.InputError, "a dr.Box, a dr.Ball or dr.Unbounded"),
    ],
)
def test_bad_arguments_are_named(cpu32, function, settings, error, words):
    with pytest.raises(error, match=words):
        dr.VolumeRenderer(function, 8, **{"bounds": BOX} | settings)


def test_empty_bounds_are_refused():
    with pytest.raises(dr.InputError, match="low < high"):
        dr.Box(1, 1)


def test_bounds_out_of_sight_show_the_background(any32):
    found = images(blob, dr.Camera(eye=(0, 0, 3), target=(0, 0, 6)), background=(0.25, 0.5, 1.0))
    assert np.allclose(found["color"], [0.25, 0.5, 1.0])
    assert not found["alpha"].any()
