"""What cannot be rendered is refused, with what was expected and what was got."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import numpy as np
import taichi as ti
import torch
from torch_layer.scenes import CORNERS, FACES, leaf, uniform

import taichi_dr as dr
from taichi_dr.errors import CameraError, GeometryError, GradientError, InputError, RuntimeStateError, ShapeError


def render(vertices=None, faces=FACES, colors=None, camera=None, lights=None, **others):
    vertices = leaf(CORNERS) if vertices is None else vertices
    camera = dr.Camera.orbit([0, 90]) if camera is None else camera
    return dr.torch.rasterize(vertices, faces, colors, camera, lights, size=8, **others)


def with_nan():
    points = np.stack([CORNERS] * 2)
    points[1, 2, 0] = np.nan
    return leaf(points)


WRONG = {
    "type": (lambda: {"vertices": leaf(CORNERS).double()}, InputError, "vertices: expected torch.float32, .* float64"),
    "device": (lambda: {"vertices": torch.zeros(4, 3, device="meta")}, InputError, "vertices: .* on 'cpu', .* 'meta'"),
    "colors' device": (
        lambda: {"colors": torch.zeros(4, 3, device="meta")},
        InputError,
        "colors: .* got one on 'meta'",
    ),
    "half": (lambda: {"vertices": leaf(CORNERS).half()}, InputError, "vertices: .* got torch.float16"),
    "sparse": (lambda: {"vertices": leaf(CORNERS).to_sparse()}, InputError, "vertices: expected a dense tensor, .*coo"),
    "no tensor": (lambda: {"vertices": CORNERS}, InputError, "vertices: expected a tensor, got list"),
    "shape": (
        lambda: {"vertices": leaf([1.0, 2.0])},
        ShapeError,
        r"mesh.vertices: expected shape \(N, 3\) or \(B, N, 3",
    ),
    "colors": (
        lambda: {"colors": leaf(uniform(1, 5, 3))},
        ShapeError,
        r"colors: expected shape \(4, 3\) .* got \(5, 3",
    ),
    "faces": (lambda: {"faces": FACES + 1}, GeometryError, "face 1 refers to row 4 of 4"),
    "faces' type": (lambda: {"faces": FACES.float()}, InputError, "mesh.faces: expected integers, got float32"),
    "item": (lambda: {"vertices": with_nan()}, GeometryError, r"mesh.vertices\[1, 2\] is not finite"),
    "views": (lambda: {"vertices": leaf([CORNERS] * 3)}, ShapeError, "2 views of 3 meshes"),
    "no camera": (lambda: {"camera": 7}, InputError, "camera: expected a dr.Camera, or a dr.torch.Camera"),
    "no lights": (lambda: {"lights": 7}, InputError, "lights: expected dr.Lights, or dr.torch.Lights"),
    "area": (lambda: {"lights": dr.Lights(area=dr.SphereLight((0, 1, 0), 0.5))}, InputError, "are for the RayTracer"),
    "outputs": (lambda: {"outputs": ("colour",)}, InputError, r"outputs: expected some of color, .* got \('colour',\)"),
    "setting": (lambda: {"background": (1, 2)}, ShapeError, "background: expected"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_rendered_is_refused(what, cpu32):
    arguments, error, message = WRONG[what]
    for _ in range(2):  # the second time some of it has been made before
        with pytest.raises(error, match=message):
            render(**arguments())


def test_a_number_that_is_not_finite_is_named_in_a_mesh_that_was_rendered_before(cpu32):
    module, camera = dr.torch.SoftRasterizer(8), dr.Camera.orbit([0, 90])
    alpha = module(leaf([CORNERS] * 2), FACES, None, camera).alpha
    with pytest.raises(GeometryError, match=r"mesh.vertices\[1, 2\] is not finite"):
        module(with_nan(), FACES, None, camera)
    alpha.sum().backward()  # the earlier render goes back all the same


def test_cameras_and_lights(cpu32):
    with pytest.raises(CameraError, match=r"camera.eye: expected 3 numbers or \(3, 3\), got shape \(2, 3\)"):
        dr.torch.Camera(torch.ones(2, 3), torch.zeros(3, 3))
    with pytest.raises(InputError, match="camera: expected one lens, got fov_y and half_height"):
        dr.torch.Camera((0, 0, 3), fov_y=1.0, half_height=1.0)
    with pytest.raises(CameraError, match="camera, view 1: expected eye and target apart"):
        render(camera=dr.torch.Camera(leaf([[0, 0, 3], [0, 0, 0]])))
    with pytest.raises(ShapeError, match=r"lights.direction: expected shape \(3,\) or \(lights, 3\), got \(2,\)"):
        dr.torch.Lights(direction=(0, 1))
    with pytest.raises(
        ShapeError, match=r"lights.direction_color: expected shape \(\), \(3,\) or \(1, 3\), got \(2, 3"
    ):
        dr.torch.Lights(direction=(0, 1, 0), direction_color=torch.ones(2, 3))
    with pytest.raises(InputError, match="light 1: expected three finite numbers as direction"):
        render(lights=dr.torch.Lights(direction=leaf((np.nan, 0, 0))))
    with pytest.raises(ShapeError, match=r"lights.inner_deg: expected shape \(\), \(1,\) or \(1,\), got \(2,\)"):
        dr.torch.Lights(spot_position=(0, 2, 0), spot_direction=(0, -1, 0), inner_deg=(10, 20))
    with pytest.raises(InputError, match="light 1: expected a cone of cosines 1 > inner > outer > 0"):
        render(lights=dr.torch.Lights(spot_position=(0, 2, 0), spot_direction=(0, -1, 0), inner_deg=40))


def test_without_init(own_runtime):
    ti.reset()
    with pytest.raises(RuntimeStateError, match="Taichi is not initialised: call"):
        dr.torch.Rasterizer(8)


@pytest.mark.parametrize("kind", ["Rasterizer", "SoftRasterizer"])
def test_second_derivatives_are_refused(kind, cpu32):
    vertices = leaf(CORNERS)
    color = getattr(dr.torch, kind)(8)(vertices, FACES, None, dr.Camera.orbit()).color
    (gradient,) = torch.autograd.grad(color.square().sum(), vertices, create_graph=True)
    with pytest.raises(GradientError, match="second derivatives of a render or a loss of taichi_dr: there are none"):
        gradient.square().sum().backward()
