"""Spot lights in ray tracing: closed forms, invariants, gradients of what they light and of their shadows."""

import numpy as np
from scipy.spatial.transform import Rotation

import taichi_dr as dr

ABOVE = {"eye": (0, 10, 0), "target": (0, 0, 0), "up": (0, 0, -1), "half_height": 2}
FLOOR = dr.Material(albedo=0.5)


def smooth_share(cosine, inner_deg, outer_deg):
    """The share of its light that a spot light sends where the angle to its axis has this cosine."""
    inner, outer = np.cos(np.radians([inner_deg, outer_deg]))
    t = np.clip((cosine - outer) / (inner - outer), 0, 1)
    return t * t * (3 - 2 * t)


def test_a_pool_of_light_and_a_shadow_by_hand(any32):
    """From 2 above, 30 and 45 degrees are 1.155 and 2 from the middle; a blocker of +-0.2 throws a shadow of +-0.4."""
    blocker = dr.Rectangle((0, 1, 0), (0.2, 0, 0), (0, 0, 0.2))
    spot = dr.SpotLight((0, 2, 0), (0, -3, 0), 0.8, inner_deg=30, outer_deg=45)
    scene = dr.Scene([dr.Plane(y=0, material=FLOOR), blocker], dr.Lights(0.1, spot=spot))
    color = dr.RayTracer(16).render(scene, dr.Camera(**ABOVE)).numpy()[0, ..., 0]
    x = (np.arange(16) + 0.5) / 4 - 2
    distance = np.hypot(x[:, None], x)
    cosine = 2 / np.hypot(2, distance)
    share = smooth_share(cosine, 30, 45)
    assert (share[distance < 1.15] == 1).all()
    assert (share[distance > 2] == 0).all()
    blocked = np.maximum(np.abs(x)[:, None], np.abs(x)) < 0.4
    expected = 0.5 * (0.1 + 0.8 * share * cosine * ~blocked)
    under = np.maximum(np.abs(x)[:, None], np.abs(x)) > 0.2  # where the blocker itself is not in front of the floor
    assert np.abs(color - expected)[under].max() < 1e-6


def setting(turn=np.eye(3), shift=(0, 0, 0), **lamp):
    """(scene, camera): a smooth ball, a flat-shaded box, a mirror, and a floor, all turned and shifted."""

    def place(*p):
        return turn @ np.array(p, float) + shift

    ball = dr.shapes.icosphere(2).normalized(0.6)
    ball = dr.Mesh(ball.numpy("vertices")[0] @ turn.T + place(-0.5, 0, 0), ball.topology.faces, colors=(0.9, 0.6, 0.3))
    ball.material = dr.Material(shading="phong", specular=0.4, shininess=8.0)
    box = dr.shapes.box()
    box = dr.Mesh((box.numpy("vertices")[0] * 0.3 + [0.8, -0.3, 0.4]) @ turn.T + shift, box.topology.faces, name="box")
    box.set("colors", 0.7)
    floor = dr.Plane(place(0, -0.6, 0), turn @ (0, 1, 0), material=dr.Material(albedo=0.6, specular=0.2, shininess=4.0))
    mirror = dr.Rectangle(place(0, 0.4, -1.4), turn @ (1.5, 0, 0), turn @ (0, 0.9, 0.2))
    mirror.material = dr.Material(albedo=0.2, reflectivity=0.6)
    lamp = {"intensity": 0.8, "color": (1, 0.9, 0.7), "inner_deg": 12, "outer_deg": 25} | lamp
    lights = dr.Lights(
        0.1,
        point=dr.PointLight(place(-2, 3, 1), 0.2),
        spot=[
            dr.SpotLight(place(1.5, 3, 2.5), turn @ (-1.4, -3.2, -2.3), **lamp),
            dr.SpotLight(place(-2, 2, 3), turn @ (3, -4, -5), 0.5, inner_deg=5, outer_deg=40),
        ],
    )
    camera = dr.Camera(eye=place(0, 1.6, 4), target=place(0, -0.2, 0), up=turn @ (0, 1, 0), fov_y=0.7)
    return dr.Scene([ball, box, floor, mirror], lights), camera


def test_turned_together_with_the_scene_nothing_changes(cpu64):
    tracer = dr.RayTracer((18, 22), samples=4, bounces=2)
    turn = Rotation.from_rotvec([0.7, -1.1, 0.4]).as_matrix()
    before = tracer.render(*setting()).numpy()
    after = tracer.render(*setting(turn, (3, -2, 5))).numpy()
    assert np.abs(before - after).max() < 1e-9
    dark = tracer.render(*setting(intensity=0)).numpy()
    assert 0.05 < (before[..., :3] > dark[..., :3] + 0.01).mean() < 0.9  # some of the picture is in the cone


def test_a_wide_cone_is_a_point_light(cpu64):
    floor, camera = dr.Plane(y=0, material=FLOOR), dr.Camera(**ABOVE)
    tracer, place = dr.RayTracer(8), (0.3, 3, 0.2)
    spot = dr.SpotLight(place, (0, -1, 0), 0.7, inner_deg=80, outer_deg=85)
    as_spot = tracer.render(dr.Scene(floor, dr.Lights(0.1, spot=spot)), camera).numpy()
    as_point = tracer.render(dr.Scene(floor, dr.Lights(0.1, point=dr.PointLight(place, 0.7))), camera).numpy()
    np.testing.assert_array_equal(as_spot, as_point)


def test_all_renderers_shade_alike(cpu64):
    """Without shadows: one ball by the ray tracer, the rasterizer and the soft one, lit from where the camera is."""
    ball = dr.shapes.icosphere(2)
    ball.material = dr.Material(shading="phong", specular=0.3, shininess=6.0)
    lights = dr.Lights(0.1, spot=dr.SpotLight((0.2, 0.1, 4), (0, 0.02, -1), 0.8, inner_deg=6, outer_deg=14))
    camera = dr.Camera(eye=(0.2, 0.1, 4), target=(0, 0, 0), fov_y=0.6)
    traced = dr.RayTracer(24).render(dr.Scene(ball, lights), camera).numpy()[0]
    hard = dr.Rasterizer(24).render(ball, camera, lights).numpy()[0]
    soft = dr.SoftRasterizer(24, sigma=1e-8, gamma=1e-8).render(ball, camera, lights).numpy()[0]
    assert np.ptp(hard[8:16, 8:16]) > 0.1
    inside = np.s_[6:18, 6:18]
    assert np.abs(traced - hard)[inside].max() < 1e-6
    assert np.abs(soft - hard)[inside].max() < 1e-6


def test_gradients_of_a_spot_light_equal_central_differences(cpu64):
    """Of every number of both spot lights, through highlights and a mirror; visibility held constant by short steps."""
    scene, camera = setting()
    tracer, step = dr.RayTracer((18, 22), samples=4, bounces=2), 1e-6
    weight = np.random.default_rng(1).normal(size=(1, 18, 22, 3))
    frame = tracer.render(scene, camera)
    frame.color.grad.from_numpy(weight)
    tracer.backward()
    lights = scene.lights
    for name in ("color", "vector", "axis", "cone"):
        gradient, numbers = lights.gradient(name), lights.numpy(name)
        for index in np.ndindex(numbers[2:].shape):
            values = []
            for sign in (1, -1):
                moved = numbers.copy()
                moved[2:][index] += sign * step
                lights.fields.set(name, moved)
                values.append(float((tracer.render(scene, camera).numpy() * weight).sum()))
            lights.fields.set(name, numbers)
            numeric = (values[0] - values[1]) / (2 * step)
            assert abs(gradient[2:][index] - numeric) < 1e-7 * max(np.abs(gradient[2:]).max(), 1), (name, index)
        if name in ("axis", "cone"):
            assert (gradient[:2] == 0).all()
            assert np.abs(gradient[2:]).min() > 0


SIZE = 16


def shadow(**moved):
    """({name: (owner, field)}, scene, camera): a slab and a ball in a cone, on a floor; ``moved``: by how much."""
    shift = {name: np.zeros(3) for name in ("slab", "ball", "floor", "lamp", "axis")} | moved
    slab = dr.shapes.box()
    slab = dr.Mesh(
        slab.numpy("vertices")[0] * [0.35, 0.08, 0.3] + [0.1, 0.6, -0.1] + shift["slab"],
        slab.topology.faces,
        colors=(1, 1, 1),
        material=dr.Material(shading="flat"),
    )
    ball = dr.Sphere(np.array((-0.75, 0.35, 0.3)) + shift["ball"], 0.3)
    floor = dr.Plane(shift["floor"], (0, 1, 0), material=dr.Material(albedo=0.8))
    place, axis = np.array((0.5, 3, 0.6)) + shift["lamp"], np.array((-0.17, -1, -0.2)) + shift["axis"]
    lights = dr.Lights(0.05, spot=dr.SpotLight(place, axis, inner_deg=10, outer_deg=24))
    owners = {"slab": (slab, "vertices"), "ball": (ball, "center"), "floor": (floor, "point")}
    owners |= {"lamp": (lights, "vector"), "axis": (lights, "axis")}
    return owners, dr.Scene([slab, ball, floor], lights), dr.Camera(eye=(0, 2.6, 3.2), target=(0, 0.2, 0), fov_y=0.75)


def gradients(tracer, owners, scene, camera, weights):
    """{name: (3,)}: the gradients of the sum of ``weights`` (H, W) times the mean of the colours, as each moves."""
    frame = tracer.render(scene, camera)
    before = {name: owner.gradient(field) for name, (owner, field) in owners.items()}
    frame.color.grad.from_numpy(np.broadcast_to(weights[None, ..., None] / 3, (1, SIZE, SIZE, 3)).copy())
    tracer.backward()
    found = {name: owner.gradient(field) - before[name] for name, (owner, field) in owners.items()}
    return {name: gradient.reshape(-1, 3).sum(axis=0) for name, gradient in found.items()}


def slope(direction, names, step=0.04):
    """(H, W): central difference of a finely sampled image as what is named moves."""
    fine = dr.RayTracer(SIZE, samples=4096, bounces=0)
    images = [
        fine.render(*shadow(**dict.fromkeys(names, sign * step * direction))[1:]).numpy()[0].mean(axis=-1)
        for sign in (1, -1)
    ]
    return (images[0].astype(float) - images[1]) / (2 * step)


def test_shadows_in_a_cone_move_as_differences_of_images_say(cpu32):
    """The slab and the ball together: blocks of 4 x 4 pixels, and the sum, on average: one has a noise of 1.4 %."""
    direction = np.array([0.6, 0.1, 0.79])
    expected = slope(direction, ("slab", "ball")).reshape(4, 4, 4, 4).sum(axis=(1, 3))
    tracer = dr.RayTracer(SIZE, samples=576, bounces=0, boundary_gradients=True)
    setting, found, sums = shadow(), np.zeros((4, 4)), []
    for block in np.ndindex(4, 4):
        weights = np.zeros((4, 4))
        weights[block] = 1
        by = gradients(tracer, *setting, np.kron(weights, np.ones((4, 4))))
        found[block] = (by["slab"] + by["ball"]) @ direction
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()
    for tracer.seed in range(12):
        by = gradients(tracer, *setting, np.ones((SIZE, SIZE)))
        sums.append((by["slab"] + by["ball"]) @ direction)
    assert abs(np.mean(sums) - expected.sum()) < 0.01 * abs(expected.sum())


def test_all_that_moves_a_shadow_in_a_cone_equals_differences(cpu32):
    column, row = np.arange(SIZE), np.arange(SIZE)[:, None]
    weights = np.cos(column / 4.0) * np.sin(1 + row / 4.0)
    tracer, setting, runs = dr.RayTracer(SIZE, samples=576, bounces=0, boundary_gradients=True), shadow(), []
    for tracer.seed in range(4):
        runs.append(gradients(tracer, *setting, weights))
    found = {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}
    rng = np.random.default_rng(2)
    for name, gradient in found.items():
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        measured = np.sum(weights * slope(direction, (name,)))
        assert abs(gradient @ direction - measured) < 0.03 * np.linalg.norm(gradient), name
