"""Gradients of visibility: of outlines and shadows, by everything that moves them."""

from pathlib import Path

import numpy as np
import pytest

import taichi_dr as dr

REFERENCES = Path(__file__).resolve().parents[4] / "shared" / "data" / "reference" / "mitsuba_ad"


def gradients(tracer, scene, camera, weights, owners):
    """{name: gradient} of the sum of ``weights`` (H, W) times the image, by fields {name: (owner, field)}."""
    frame = tracer.render(scene, camera)
    before = {name: owner.gradient(field) for name, (owner, field) in owners.items()}
    frame.color.grad.from_numpy(np.broadcast_to(weights[None, ..., None], (camera.views, *weights.shape, 3)).copy())
    tracer.backward()
    return {name: owner.gradient(field) - before[name] for name, (owner, field) in owners.items()}


FOV = np.radians(34.02)
MITSUBA = {"eye": (0, 0, 4), "target": (0, 0, 0), "fov_y": FOV}


def test_a_light_that_is_partly_outside_of_the_image(any32):
    """Nothing but its left edge moves over pixels, if it moves to the right; 52.3 pixels of 128 are one unit."""
    size = 128
    light = dr.RectangleLight((1.25, 0, 0), (1, 0, 0), (0, 1, 0), radiance=1)
    scene, camera = dr.Scene([], dr.Lights(0, area=light)), dr.Camera(**MITSUBA)
    tracer = dr.RayTracer(size, samples=16, bounces=0, boundary_gradients=True)
    unit = size / 2 / np.tan(FOV / 2) / 4
    found = gradients(tracer, scene, camera, np.ones((size, size)) / 3, {"center": (light, "center")})["center"][0]
    assert abs(found[0] + 2 * unit**2) < 1e-3 * 2 * unit**2
    assert abs(found[1]) < 0.01 * unit**2  # as much comes in above as goes out below
    column = int(size / 2 + 0.25 * unit)
    weights = np.zeros((size, size))
    weights[size // 2, column] = 1 / 3
    found = gradients(tracer, scene, camera, weights, {"center": (light, "center")})["center"][0]
    assert abs(found[0] + unit) < 0.01 * unit


def strips(image, count):
    """Sums (2, count) over bands of rows and of columns."""
    size = len(image)
    bands = image.reshape(count, size // count, size).sum((1, 2)), image.reshape(size, count, -1).sum((0, 2))
    return np.array(bands)


@pytest.mark.skipif(not REFERENCES.exists(), reason="no reference images")
def test_the_soft_shadow_of_a_sphere_that_moves_as_mitsuba_has_it(cpu32):
    """What differs besides noise: its sphere has faces, and its derivatives are finite differences."""
    size, count = 128, 4
    path = REFERENCES / "test_translate_occluder_area_light_image_fwd_ref.exr"
    expected = strips(np.asarray(dr.load_image(path), float).mean(axis=-1), count)
    grey = dr.Material(albedo=0.5)
    occluder = dr.Sphere((2, 0, 2), 0.25, material=grey)
    receiver = dr.Rectangle((0, 0, 0), (1, 0, 0), (0, 1, 0), material=grey)
    light = dr.SphereLight((4, 0, 4), 0.05, radiance=1000)
    scene, camera = dr.Scene([receiver, occluder], dr.Lights(0, area=light)), dr.Camera(**MITSUBA)
    tracer = dr.RayTracer(size, samples=64, bounces=0, boundary_gradients=True)
    found = np.zeros((2, count))
    for axis, k in np.ndindex(2, count):
        weights = np.zeros((size, size))
        band = slice(k * size // count, (k + 1) * size // count)
        weights[(band, slice(None)) if axis == 0 else (slice(None), band)] = 1 / 3
        found[axis, k] = gradients(tracer, scene, camera, weights, {"it": (occluder, "center")})["it"][0, 0]
    assert np.abs(found - expected).max() < 0.01 * np.abs(expected).max()
    assert abs(found.sum() - expected.sum()) < 0.02 * abs(expected.sum())


SIZE = 18, 22
TURN = np.array([(1.0, 0, 0), (0, 0, 1), (0, -1, 0)])
SLANTED = np.array([(-0.5, 0.7, -0.3), (0.7, 0.95, -0.4), (0.05, 0.75, 0.7)])


def setting(**moved):
    """(owners by name, scene, camera); ``moved``: by how much each is."""
    shift = {name: np.zeros(3) for name in ("mesh", "sphere", "card", "floor", "lamp", "eye", "glow")} | moved
    things = {
        "mesh": dr.Mesh(SLANTED + shift["mesh"], [(0, 1, 2)], material=dr.Material(shading="flat")),
        "sphere": dr.Sphere(np.array((0.75, -0.1, 0.3)) + shift["sphere"], 0.3),
        "card": dr.Rectangle(np.array((-0.8, 0.05, -0.2)) + shift["card"], (0.3, 0.1, 0), (0, 0.3, 0.1)),
        "floor": dr.Plane(np.array((0, -0.55, 0)) + shift["floor"], (0.1, 1, 0)),
    }
    lamp = dr.PointLight(np.array((0.4, 3, 0.6)) + shift["lamp"], 0.7)
    glow = dr.RectangleLight(np.array((-1.2, 2.5, 1)) + shift["glow"], (0.3, 0, 0), (0, 0, 0.3), radiance=4)
    lights = dr.Lights(0.1, point=lamp, area=glow)
    camera = dr.Camera(eye=np.array((0, 1.6, 4)) + shift["eye"], target=np.array((0, 0, 0)) + shift["eye"], fov_y=0.7)
    return things | {"lights": lights, "glow": glow}, dr.Scene(list(things.values()), lights), camera


FIELDS = {
    "mesh": ("mesh", "vertices"),
    "sphere": ("sphere", "center"),
    "card": ("card", "center"),
    "floor": ("floor", "point"),
    "lamp": ("lights", "vector"),
    "glow": ("glow", "center"),
}


def test_all_that_moves_equals_differences_of_finely_sampled_images(cpu64):
    """Interior and boundary together; what both sides have of noise is a third of the tolerance."""
    column, row = np.arange(SIZE[1]), np.arange(SIZE[0])[:, None]
    weights = np.cos(column / 4.0) * np.sin(1 + row / 4.0)
    owners, scene, camera = setting()
    tracer = dr.RayTracer(SIZE, samples=256, bounces=0, boundary_gradients=True)
    asked = {name: (owners[owner], field) for name, (owner, field) in FIELDS.items()}
    found = gradients(tracer, scene, camera, weights, asked | {"eye": (camera, "eye"), "target": (camera, "target")})
    found["eye"] = found["eye"] + found.pop("target")
    fine, step = dr.RayTracer(SIZE, samples=2304, bounces=0), 0.02
    rng = np.random.default_rng(2)
    for name, gradient in found.items():
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        values = [
            np.sum(weights[..., None] * fine.render(*setting(**{name: sign * step * direction})[1:]).numpy())
            for sign in (-1, 1)
        ]
        measured = (values[1] - values[0]) / (2 * step)
        along = np.sum(gradient.reshape(-1, 3) @ direction)
        assert abs(along - measured) < 0.03 * np.linalg.norm(gradient.reshape(-1, 3).sum(axis=0)), name


def test_views_of_a_batch_see_elements_of_their_own(cpu32):
    shifts = np.array([(0.0, 0.0, 0.0), (0.2, 0.1, 0.0)])
    floor, lights = dr.Plane((0, -0.55, 0), (0.1, 1, 0)), dr.Lights(0.1, point=dr.PointLight((0.4, 3, 0.6)))
    weights = np.random.default_rng(0).normal(size=SIZE)
    tracer = dr.RayTracer(SIZE, samples=16, bounces=0, boundary_gradients=True)

    def found(vertices, eyes):
        mesh, camera = dr.Mesh(vertices, [(0, 1, 2)]), dr.Camera(eye=eyes, target=(0, 0, 0), fov_y=0.7)
        asked = {"mesh": (mesh, "vertices"), "eye": (camera, "eye")}
        return gradients(tracer, dr.Scene([mesh, floor], lights), camera, weights, asked)

    eyes = np.array([(0, 1.6, 4.0), (0.5, 1.6, 4)])
    both = found(SLANTED + shifts[:, None], eyes)
    for k in range(2):
        alone = found(SLANTED + shifts[k], eyes[k])
        for name in both:
            assert np.abs(both[name].reshape(2, -1)[k] - alone[name].ravel()).max() < 1e-3 * np.abs(alone[name]).max()


def test_says_what_it_counts(cpu32):
    tracer = dr.RayTracer(8)
    assert not tracer.boundary_gradients
    assert "not counted, but by boundary_gradients=True: shadows" in tracer.describe_gradients()
    tracer.boundary_gradients = True
    lines = tracer.describe_gradients().splitlines()
    assert [line.startswith("counted") for line in lines] == [True] * 4 + [False] * 5
    with pytest.raises(dr.InputError, match="boundary_gradients: expected True or False, got 'yes'"):
        tracer.boundary_gradients = "yes"


def test_outlines_in_a_mirror_equal_differences(cpu64):
    """What moves is behind the camera and seen in a mirror alone; the mirror and the camera move it as well."""
    column, row = np.arange(SIZE[1]), np.arange(SIZE[0])[:, None]
    weights = np.cos(column / 4.0) * np.sin(1 + row / 4.0)

    def setting(**moved):
        shift = {name: np.zeros(3) for name in ("mesh", "sphere", "mirror", "eye")} | moved
        mirror = dr.Material(reflectivity=0.8, albedo=0.1)
        u, v = np.array((1.2, 0.1, 0)), np.array((0, 0.9, 0.2)) + 0.5 * shift["mirror"]
        things = {
            "mesh": dr.Mesh(SLANTED * 1.5 @ TURN + [0.5, 0, 6] + shift["mesh"], [(0, 1, 2)]),
            "sphere": dr.Sphere(np.array((-1.3, 0.4, 5)) + shift["sphere"], 0.45),
            "mirror": dr.Rectangle(np.array((0, 0, 0)) + shift["mirror"], u, v, material=mirror),
        }
        camera = dr.Camera(eye=np.array((0.2, 0.1, 3)) + shift["eye"], target=shift["eye"], fov_y=0.6)
        return things, dr.Scene(list(things.values())), camera

    owners, scene, camera = setting()
    tracer = dr.RayTracer(SIZE, samples=256, bounces=1, boundary_gradients=True)
    asked = {"mesh": (owners["mesh"], "vertices"), "sphere": (owners["sphere"], "center")}
    asked |= {"mirror": (owners["mirror"], "center"), "v": (owners["mirror"], "v")}
    asked |= {"eye": (camera, "eye"), "target": (camera, "target")}
    found = {name: g.reshape(-1, 3).sum(axis=0) for name, g in gradients(tracer, scene, camera, weights, asked).items()}
    found["eye"] += found.pop("target")
    found["mirror"] += 0.5 * found.pop("v")
    fine, step = dr.RayTracer(SIZE, samples=2304, bounces=1), 0.02
    rng = np.random.default_rng(2)
    for name, gradient in found.items():
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        values = [
            np.sum(weights[..., None] * fine.render(*setting(**{name: sign * step * direction})[1:]).numpy())
            for sign in (-1, 1)
        ]
        measured = (values[1] - values[0]) / (2 * step)
        assert abs(gradient @ direction - measured) < 0.03 * np.linalg.norm(gradient), name


def slab_over(ground, light, seed=0):
    """The gradient by the place of a slab that throws a shadow, of pixels weighted from left to right."""
    slab = dr.shapes.box()
    slab = dr.Mesh(slab.numpy("vertices")[0] * [1.2, 0.1, 1.2], slab.topology.faces, colors=(1, 1, 1), name="slab")
    tracer = dr.RayTracer(24, samples=16, boundary_gradients=True, seed=seed)
    camera = dr.Camera(eye=(0.5, 2.5, 4), target=(0, -0.5, 0), fov_y=0.8)
    weights = np.broadcast_to(np.linspace(-1, 1, 24), (24, 24))
    owners = {"slab": (slab, "vertices")}
    return gradients(tracer, dr.Scene([slab, ground], light), camera, weights, owners)["slab"][0].sum(axis=0)


def test_shadows_do_not_depend_on_how_far_the_ground_goes_on(cpu32):
    sun = dr.Lights(0.1, directional=dr.DirectionalLight((0.5, 1, 0.2)))
    near, *far = (slab_over(dr.Rectangle((0, -1, 0), (h, 0, 0), (0, 0, -h)), sun) for h in (5, 50, 5e4))
    for found in far:
        assert np.abs(near - found).max() < 0.1 * np.abs(near).max()


def test_shadows_of_what_is_just_above_the_ground(cpu32):
    """They begin where its outline ends: nothing jumps by that, the closer they are."""
    sun = dr.Lights(0.1, directional=dr.DirectionalLight((0.5, 1, 0.2)))
    high, low = (slab_over(dr.Plane(y=-0.05 - gap), sun) for gap in (1e-2, 1e-4))
    assert np.abs(high - low).max() < 0.1 * np.abs(high).max()


def test_a_plane_is_the_same_wherever_its_point_is(cpu32):
    sun = dr.Lights(0.1, directional=dr.DirectionalLight((0.5, 1, 0.2)))
    here, there = (slab_over(dr.Plane((x, -1, 0), (0, 1, 0)), sun) for x in (0, 1e4))
    assert np.abs(here - there).max() < 0.01 * np.abs(here).max()


def test_how_many_rays_are_traced_at_once_does_not_matter(cpu32, monkeypatch):
    lamp, results = dr.Lights(0.1, point=dr.PointLight((1, 4, 2))), []
    for rays in (1 << 18, 1 << 10):
        monkeypatch.setattr("taichi_dr.render.rays.ray_tracer.RAYS", rays)
        results.append(slab_over(dr.Plane(y=-1), lamp))
    assert np.abs(results[0] - results[1]).max() < 1e-3 * np.abs(results[0]).max()


@pytest.mark.parametrize("is_wound", [True, False])
def test_faces_that_are_seen_edge_on_do_not_double_outlines(any32, is_wound):
    """A box from straight ahead, and its shadow from straight above: its sides are seen edge-on.

    A unit is 8 pixels: if the box moves by one to the right, so do 8 rows of its right edge, by 8 pixels of a light of
    1 each.  Its shadow's do the same, to where there was light.
    """
    size, faces = 16, dr.shapes.box().topology.faces.copy()
    if not is_wound:
        faces[::2] = faces[::2, ::-1]
    weights = np.zeros((size, size))
    weights[:, size // 2 :] = 1 / 3
    ahead = dr.Camera.orthographic((0, 0, 3))
    below = dr.Camera.orthographic((0, -1, 0), (0, -3, 0), up=(0, 0, -1), near=0.01)
    floor = dr.Plane(y=-2, material=dr.Material(albedo=1))
    sun = dr.Lights(0, directional=dr.DirectionalLight((0, 1, 0)))
    tracer = dr.RayTracer(size, samples=4, bounces=0, boundary_gradients=True)
    for camera, things, lights, expected in ((ahead, [], dr.Lights(1), 64), (below, [floor], sun, -64)):
        box = dr.Mesh(dr.shapes.box().numpy("vertices"), faces, colors=(1, 1, 1))
        scene = dr.Scene([box, *things], lights)
        found = gradients(tracer, scene, camera, weights, {"box": (box, "vertices")})["box"][0].sum(axis=0)
        assert np.abs(found - [expected, 0, 0]).max() < 1e-3 * 64
