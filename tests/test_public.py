"""The public names: all there, imported when first asked for, found by tools, and objects that say what they are."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr


@ti.func
def _fog(p, d):
    return dr.Sample(1.0, (1.0, 1.0, 1.0))


@ti.func
def _ball(p):
    return p.norm() - 1.0


def test_every_public_name_is_there_and_listed():
    names = {}
    exec("from taichi_dr import *", names)
    assert (
        {"Mesh", "losses", "shapes", "schedules", "__version__"} <= set(dr.__all__) == names.keys() - {"__builtins__"}
    )
    assert dir(dr) == sorted(dr.__all__)


def test_rooms_of_the_package_are_attributes():
    assert dr.kernels.__name__ == "taichi_dr.kernels"


def posed_images():
    names = ("a.png", "b.png", "c.png")
    shapes = (3, 4, 5, 3), (3, 4, 5), (3, 4, 4), (3, 2), (3, 2)
    return dr.PosedImages(*map(np.zeros, shapes), names)


def gauss_newton():
    return dr.GaussNewton(lambda: np.ones(2), {"x": dr.Camera.orbit().fov_y})


OBJECTS = {
    "Camera": (lambda: dr.Camera.orbit([0, 90]), "2 views, near=0.27, far=99.9; fields: eye, target, up, pose, fov_y"),
    "ColorFit": (lambda: dr.ColorFit(dr.shapes.box(), np.array([0.5, 2])), "'box', 1 of 2 rows seen, not begun"),
    "CoordinateNetwork": (lambda: dr.CoordinateNetwork(hidden=(4,)), "2 -> 3, Plain, hidden=(4,); field: weights"),
    "DirectionalLight": (lambda: dr.DirectionalLight((0, 1, 1), 0.7), "direction=(0, 1, 1), intensity=0.7"),
    "Frame": (lambda: dr.Rasterizer((4, 6)).render(dr.shapes.box(), dr.Camera.orbit()), "1 view of 4 x 6: color, alph"),
    "Estimate": (lambda: dr.Estimate(("a",), np.ones(1), np.eye(1), 9, 9.0, 1.0), "1 number of 10 residuals"),
    "GaussNewton": (gauss_newton, "x; 1 number, 0 steps, loss 1"),
    "KnownRays": (lambda: dr.KnownRays(*"odepb"), "origins='o', directions='d', ends="),
    "LargeSteps": (lambda: dr.LargeSteps(dr.shapes.box()), "box, 8 vertices, strength=19; field: coordinates"),
    "Lights": (dr.Lights.default, "ambient, 3 directional, 0 point; fields: color, vector"),
    "Material": (lambda: dr.Material("flat"), "shading='flat', specular=0.0, shininess=32.0"),
    "Mesh": (dr.shapes.box, "'box', batch 1, 8 vertices, 12 faces; fields: vertices, colors"),
    "NeRFFit": (lambda: dr.NeRFFit(dr.radiance.NeRF(2, None, (4,), skips=())), "64 + 128 samples, NeRF(L = 2 / None"),
    "Plane": (lambda: dr.Plane(y=-1), "'plane'; fields: point, normal"),
    "PointLight": (lambda: dr.PointLight((0, 2, 0)), "position=(0, 2, 0), intensity=1.0"),
    "SpotLight": (lambda: dr.SpotLight((0, 2, 0), (0, -1, 0)), "position=(0, 2, 0), direction=(0, -1, 0)"),
    "PoseFit": (lambda: dr.PoseFit(None, [0.5, 0.25]), "loss 0.25 after 1 steps"),
    "PosedImages": (posed_images, "3 views of 4 x 5, with alpha: a.png, b.png, ..."),
    "RayCaster": (lambda: dr.RayCaster(dr.shapes.box()), "Mesh('box', batch 1, 8 vertices, 12 faces; fields: vert"),
    "Unbounded": (lambda: dr.Unbounded((0, 1, 0), 2.0), "center=(0.0, 1.0, 0.0), radius=2.0"),
    "Unrolled": (lambda: dr.Unrolled(3), "terms=3"),
    "Ball": (lambda: dr.Ball((0, 1, 0), 0.5), "center=(0.0, 1.0, 0.0), radius=0.5"),
    "Box": (lambda: dr.Box(-1, 1), "low=(-1.0, -1.0, -1.0), high=(1.0, 1.0, 1.0)"),
    "Rectangle": (lambda: dr.Rectangle((0, 1, 0), (2, 0, 0), (0, 0, 1)), "'rectangle'; fields: center, u, v"),
    "RectangleLight": (lambda: dr.RectangleLight((0, 1, 0), (2, 0, 0), (0, 0, 1)), "'rectangle_light'; fields: cen"),
    "SphereLight": (lambda: dr.SphereLight((0, 1, 0), 0.5), "'sphere_light'; fields: center, radius, radiance"),
    "Sphere": (lambda: dr.Sphere((0, 1, 0), 0.5), "'sphere'; fields: center, radius"),
    "SphereTracer": (lambda: dr.SphereTracer(_ball, 8, bounds=dr.Box(-1, 1)), "size=(8, 8), background="),
    "Primitives": (lambda: dr.Primitives(8), "size=(8, 8), background=None, cull_back=False"),
    "Rasterizer": (lambda: dr.Rasterizer(8), "size=(8, 8), background=(0.0, 0.0, 0.0), antialias=False, cull_back=F"),
    "ShapeFit": (lambda: dr.ShapeFit(dr.shapes.box()), "'box', 12 faces, not begun"),
    "Implicit": (lambda: dr.Implicit(_ball, dr.Box(-1, 1)), "'implicit' within Box(low="),
    "RayTracer": (lambda: dr.RayTracer(8), "size=(8, 8), background=(0.0, 0.0, 0.0), samples=1, bounces=4, seed=0"),
    "Scene": (lambda: dr.Scene(dr.Sphere((0, 0, 0), 1.0)), "1 object, no lights, no environment"),
    "SoftRasterizer": (lambda: dr.SoftRasterizer((4, 6)), "size=(4, 6), background=(0.0, 0.0, 0.0), sigma=0.0001, gam"),
    "Supersampler": (lambda: dr.Supersampler(8), "size=(8, 8), samples=4"),
    "Texture": (lambda: dr.Texture(np.ones((4, 8, 3)), ("clamp", "repeat")), "4 x 8, wrap=('clamp', 'repeat')"),
    "Environment": (lambda: dr.Environment(np.ones((4, 8, 3))), "4 x 8)"),
    "VolumeRenderer": (lambda: dr.VolumeRenderer(_fog, 8, bounds=dr.Box(-1, 1)), "size=(8, 8), background="),
    "VoxelGrid": (lambda: dr.VoxelGrid(np.zeros((2, 3, 4, 3)), (0, 1)), "2x3x4 of 3-vectors, trilinear, bounds (0.0, "),
    **{
        name: (lambda name=name: getattr(dr, name)({"v": dr.shapes.box().vertices}, lr=0.1), "v; lr=0.1, 0 steps")
        for name in ("SGD", "Adam", "UniformAdam")
    },
}


def test_every_public_object_says_what_it_is(cpu32):
    kinds = {name for name in dr.__all__ if inspect.isclass(getattr(dr, name))}
    assert {name for name in kinds if not issubclass(getattr(dr, name), Exception)} == set(OBJECTS)
    for name, (make, expected) in OBJECTS.items():
        assert repr(make()).startswith(f"{name}({expected}")


def test_objects_of_another_runtime_still_say_what_they_are(own_runtime):
    dr.init("cpu")
    made = {name: make() for name, (make, _) in OBJECTS.items()}
    dr.init("cpu")
    for name, item in made.items():
        assert repr(item).startswith(f"{name}({OBJECTS[name][1]}")


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="module 'taichi_dr' has no attribute 'nonsense'"):
        dr.nonsense  # noqa: B018
    with pytest.raises(ImportError, match="nonsense"):
        from taichi_dr import nonsense  # noqa: F401


def test_the_import_alone_loads_nothing():
    program = "import sys, taichi_dr; print({'taichi', 'numpy'} & sys.modules.keys()); print(taichi_dr.Mesh.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\nMesh\n"
