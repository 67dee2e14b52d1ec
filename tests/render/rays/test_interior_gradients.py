"""Gradients of everything through hit points, shading and bounces, against central differences in double precision.

What is seen where, and whether a light is blocked, is held constant: steps are so small that hardly a ray changes.
"""

import numpy as np
import pytest

import taichi_dr as dr

SIZE, STEP = (20, 24), 2e-7


def scene_and_camera():
    rng = np.random.default_rng(0)
    smooth = dr.shapes.icosphere(1).normalized(0.8)
    smooth.set("colors", rng.uniform(0.2, 0.9, smooth.numpy("colors").shape))
    smooth.material = dr.Material(shading="phong", specular=0.3, shininess=8.0, reflectivity=0.2)
    box = dr.shapes.box()
    textured = dr.Mesh(
        box.numpy("vertices")[0] * 0.4 + [1.1, 0, 0.3],
        box.topology.faces,
        uv=rng.uniform(0, 1, (box.vertex_count, 2)),
        texture=rng.uniform(0.1, 0.9, (5, 4, 3)),
        material=dr.Material(shading="flat", albedo=(0.9, 0.8, 0.7), specular=0.1),
        name="textured",
    )
    faceted = dr.Mesh(
        box.numpy("vertices")[0] * 0.3 + [-1.2, -0.5, 0.6],
        box.topology.faces,
        face_colors=rng.uniform(0.1, 0.9, (12, 3)),
        material=dr.Material(shading="flat"),
        name="faceted",
    )
    objects = [
        smooth,
        textured,
        faceted,
        dr.Sphere((1.4, -0.3, -0.9), 0.6, material=dr.Material(albedo=(0.9, 0.5, 0.9), reflectivity=0.7, specular=0.2)),
        dr.Plane((0, -0.9, 0), (0.1, 1, 0), material=dr.Material(albedo=0.5, emission=0.1, reflectivity=0.3)),
        dr.Rectangle((-0.5, 0.6, -1), (1, 0.1, 0), (0, 0.8, 0.2), material=dr.Material(specular=0.5, shininess=4.0)),
    ]
    lamp = dr.RectangleLight((0.2, 3, 1), u=(0.8, 0, 0.1), v=(0, 0.1, 0.7), radiance=(5, 6, 7))
    point, directional = dr.PointLight((2, 4, 3), 0.8), dr.DirectionalLight((-1, 1, 0.5), 0.3)
    lights = dr.Lights(0.15, point=point, directional=directional, area=lamp)
    return dr.Scene(objects, lights), dr.Camera(eye=(0, 0.6, 4), target=(0, -0.1, 0), fov_y=0.7)


@pytest.fixture
def setting(cpu64):
    """(names of everything that has gradients: (owner, field), value of the loss)."""
    scene, camera = scene_and_camera()
    tracer = dr.RayTracer(SIZE, samples=4, bounces=3)
    weight = np.random.default_rng(1).normal(size=(1, *SIZE, 3))
    owners = {
        f"{type(owner).__name__.lower()}_{i}": owner
        for i, owner in enumerate([*scene.objects, *scene.area_lights, scene.lights, scene, camera])
    }

    def value():
        return float((tracer.render(scene, camera).numpy() * weight).sum())

    frame = tracer.render(scene, camera)
    frame.color.grad.from_numpy(weight)
    tracer.backward()
    return owners, value


def slope(owner, name, index, value):
    """Central difference of the loss by one number of a field."""
    numbers, results = owner.fields.get(name), []
    for step in (STEP, -STEP):
        moved = numbers.copy()
        moved[index] += step
        owner.fields.set(name, moved)
        results.append(value())
    owner.fields.set(name, numbers)
    return (results[0] - results[1]) / (2 * STEP)


def test_gradients_equal_central_differences(setting):
    owners, value = setting
    rng, checked = np.random.default_rng(2), {}
    for title, owner in owners.items():
        for name in owner.fields.fields:
            gradient = owner.gradient(name)
            largest = np.argwhere(np.abs(gradient) > 0.05 * np.abs(gradient).max())
            for index in map(tuple, rng.permutation(largest)[:2]):
                numeric = slope(owner, name, index, value)
                checked[title, name, index] = abs(gradient[index] - numeric) / max(abs(numeric), 0.1)
    names = {(title.split("_")[0], name) for title, name, _ in checked}
    assert {("mesh", name) for name in ("vertices", "colors", "uv", "texture")} <= names
    assert {("sphere", "center"), ("sphere", "radius"), ("plane", "point"), ("plane", "normal")} <= names
    assert {("rectangle", name) for name in ["center", "u", "v"]} <= names
    assert {("rectanglelight", name) for name in ["center", "u", "v", "radiance"]} <= names
    assert {("scene", name) for name in ("albedo", "emission", "specular", "shininess", "reflectivity")} <= names
    assert {("lights", "color"), ("lights", "vector")} <= names
    assert {("camera", name) for name in ("eye", "target", "up")} <= names
    worst = max(checked, key=checked.get)
    assert checked[worst] < 1e-5, (worst, checked[worst])


def test_colors_gradient_stays_when_depth_is_asked_for(cpu64):
    gradients = []
    for names in (("color",), ("color", "depth")):
        scene, camera = scene_and_camera()
        tracer = dr.RayTracer(SIZE, bounces=3)
        frame = tracer.render(scene, camera)
        for name in names:
            frame.field(name).grad.fill(float(name == "color"))
        tracer.backward()
        gradients.append(scene.gradient("reflectivity"))
    assert (gradients[0] == gradients[1]).all()
    assert gradients[0].any()


def test_depth_normal_and_position(cpu64):
    scene, camera = scene_and_camera()
    tracer = dr.RayTracer(SIZE)
    rng = np.random.default_rng(3)
    frame = tracer.render(scene, camera)
    seen = frame.numpy("object_id") >= 0
    weights = {name: rng.normal(size=frame.numpy(name).shape) for name in ("depth", "normal", "position")}
    for name, weight in weights.items():
        weight[~seen] = 0
        frame.field(name).grad.from_numpy(weight)
    tracer.backward()

    def value():
        frame = tracer.render(scene, camera)
        return sum(float((frame.numpy(name) * weight).sum()) for name, weight in weights.items())

    owners = {"smooth": (scene.objects[0], "vertices"), "ball": (scene.objects[3], "center"), "camera": (camera, "eye")}
    for title, (owner, name) in owners.items():
        gradient = owner.gradient(name)
        index = tuple(np.argwhere(np.abs(gradient) == np.abs(gradient).max())[0])
        numeric = slope(owner, name, index, value)
        assert abs(gradient[index] - numeric) < 1e-5 * abs(numeric), title
