"""A scene of more solids than are looked at one by one shows what it shows when they are."""

import numpy as np

import taichi_dr as dr
from taichi_dr.kernels.rays import solid_boxes


def pictures():
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(np.arange(-3, 4), np.arange(-3, 4)), -1).reshape(-1, 2) * 0.5
    materials = [dr.Material(albedo=tuple(rng.random(3)), reflectivity=0.3 * (i % 3)) for i in range(len(places))]
    balls = [dr.Sphere((x, 0, z), 0.22, material=m) for (x, z), m in zip(places, materials, strict=True)]
    lights = dr.Lights(0.2, directional=dr.DirectionalLight((1, 2, 1), 0.8), area=dr.SphereLight((0, 3, 0), 0.4, 5))
    scene = dr.Scene([*balls, dr.Plane(y=-0.22)], lights)
    tracer = dr.RayTracer((24, 32), samples=4)
    frame = tracer.render(scene, dr.Camera(eye=(2, 2, 4), target=(0, 0, 0), fov_y=0.8))
    return frame.numpy("color"), frame.numpy("object_id")


def test_boxes_change_nothing(cpu32, monkeypatch):
    color, shown = pictures()
    assert len(np.unique(shown)) > 30
    monkeypatch.setattr(solid_boxes, "FEW", 1000)
    for one, other in zip((color, shown), pictures(), strict=True):
        assert (one == other).all()
