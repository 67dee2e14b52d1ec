"""Sphere tracing, volumes and rays as modules: gradcheck, the numbers of the Taichi path, renders in between."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import copy
import pickle

import numpy as np
import torch
from torch.autograd import gradcheck
from torch_layer.scenes import CORNERS, FACES, leaf, uniform

import taichi_dr as dr
from taichi_dr.errors import InputError, ShapeError

EYE = [[0.31, 0.42, 2.6]]
BOUNDS = (-1, 1)


def ball(points=4, radius=0.62):
    axis = np.linspace(-1, 1, points)
    x = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1) - [0.03, -0.05, 0.02]
    return np.linalg.norm(x, axis=-1) - radius


def camera(eye=EYE, fov_y=0.9):
    return dr.torch.Camera(eye, fov_y=fov_y, near=0.3, far=9.0)


def lights(color=0.6):
    return dr.torch.Lights(0.2, direction=(0.3, 0.5, 1.0), direction_color=color)


def numbers(grid):
    """Numbers with which samples are neither empty nor opaque."""
    found = np.random.default_rng(3).normal(size=grid.numpy().shape)
    found[:, -1] = uniform(4, len(found))
    return found


def test_sphere_tracing(cpu64):
    """Where no pixel has an edge: the gradient of alpha takes its width for constant, and is held to other pictures."""
    module = dr.torch.SphereTracer((4, 5), bounds=BOUNDS, outputs=("color", "depth", "normal"))
    inputs = [leaf(ball()), leaf(uniform(1, 3, 2, 3, 3)), leaf(EYE), leaf(0.6)]

    def images(values, colors, eye, light):
        return tuple(module(values, camera(eye, 0.25), lights(light), colors=colors))

    assert gradcheck(images, inputs, eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True)


def test_volumes(cpu64):
    grid = dr.radiance.Grid(BOUNDS, 4, degree=1)
    module = dr.torch.VolumeRenderer(
        grid, (3, 4), samples=12, tolerance=0.0, outputs=("color", "alpha", "depth", "transmittance")
    )
    inputs = [leaf(numbers(grid)), leaf(EYE)]
    assert gradcheck(
        lambda n, eye: tuple(module(n, camera(eye))), inputs, eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True
    )


def test_rays(cpu64):
    around = [dr.Plane(y=-1.0, material=dr.Material(reflectivity=0.4))]
    module = dr.torch.RayTracer((4, 5), around=around, bounces=2, outputs=("color", "depth"))
    inputs = [leaf(CORNERS), leaf(uniform(1, 4, 3)), leaf(EYE), leaf(0.6)]
    mirror = dr.Material(shading="flat", reflectivity=0.3)

    def images(vertices, colors, eye, light):
        return tuple(module(vertices, FACES, colors, camera(eye), lights(light), material=mirror))

    assert gradcheck(images, inputs, eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True)


def test_numbers_are_those_of_the_taichi_path_bit_by_bit(any32):
    eye = dr.Camera(EYE[0], fov_y=0.9, near=0.3, far=9.0)
    lamps = dr.Lights(0.2, directional=dr.DirectionalLight((0.3, 0.5, 1.0), 0.6))
    distance = dr.sdf.Grid(ball(9), BOUNDS)
    field = dr.radiance.Grid(BOUNDS, 5, degree=0)
    mesh, floor = dr.Mesh(CORNERS, FACES.numpy(), colors=uniform(1, 4, 3)), dr.Plane(y=-1.0)
    cases = {
        "sphere": (
            dr.SphereTracer(distance, 8, bounds=dr.Box(-1, 1)).render(eye, lamps),
            dr.torch.SphereTracer(8, bounds=BOUNDS, outputs=("color", "steps"))(leaf(ball(9)), eye, lamps),
        ),
        "volume": (
            dr.VolumeRenderer(field, 8, bounds=dr.Box(-1, 1), samples=16).render(eye),
            dr.torch.VolumeRenderer(field, 8, samples=16)(leaf(field.numpy()), eye),
        ),
        "rays": (
            dr.RayTracer(8, samples=4).render(dr.Scene([mesh, floor], lamps), eye),
            dr.torch.RayTracer(8, samples=4, around=[floor], outputs=("color", "object_id"))(
                leaf(CORNERS), FACES, leaf(uniform(1, 4, 3)), eye, lamps
            ),
        ),
    }
    for frame, images in cases.values():
        for name, image in images._asdict().items():
            np.testing.assert_array_equal(image.detach().numpy(), frame.numpy(name))
    for _, images in cases.values():
        images.color.square().sum().backward()


def test_renders_in_between_and_other_shapes(cpu64):
    module = dr.torch.SphereTracer(6, bounds=BOUNDS, outputs=("alpha",))
    alone, together, others = leaf(ball(5)), leaf(ball(5)), leaf(ball(6, 0.5))
    module(alone, camera()).alpha.square().sum().backward()
    alpha = module(together, camera()).alpha
    module(together * 0.9, camera())
    module(others, camera()).alpha.sum().backward()
    alpha.square().sum().backward()
    assert torch.equal(alone.grad, together.grad)
    assert others.grad.shape == (6, 6, 6)

    grid = dr.radiance.Grid(BOUNDS, 4)
    module, first = dr.torch.VolumeRenderer(grid, 4, samples=8), leaf(numbers(grid))
    color = module(first, camera()).color
    module(first * 2, camera())
    for _ in range(2):
        color.sum().backward(retain_graph=True)
    expected = torch.autograd.grad(module(first, camera()).color.sum(), first)[0]
    torch.testing.assert_close(first.grad, 2 * expected)
    np.testing.assert_array_equal(grid.numpy(), dr.radiance.Grid(BOUNDS, 4).numpy())  # the given grid is left alone


def test_functions_are_the_modules(cpu32):
    grid, eye = dr.radiance.Grid(BOUNDS, 4), camera()
    values, points = leaf(ball(5)), leaf(CORNERS)
    floor = dr.Plane(y=-1.0)
    color = dr.torch.trace_sphere(values, eye, lights(), size=6, bounds=BOUNDS, color=[0.1, 0.2, 0.3]).color
    module = dr.torch.SphereTracer(6, bounds=BOUNDS, color=(0.1, 0.2, 0.3))
    assert torch.equal(color, module(values, eye, lights()).color)
    alpha = dr.torch.render_volume(leaf(grid.numpy()), eye, grid=grid, size=6, samples=8).alpha
    assert torch.equal(alpha, dr.torch.VolumeRenderer(grid, 6, samples=8)(leaf(grid.numpy()), eye).alpha)
    traced = dr.torch.trace_rays(points, FACES, None, eye, size=6, around=[floor], outputs=("depth",)).depth
    assert torch.equal(
        traced, dr.torch.RayTracer(6, around=[floor], outputs=("depth",))(points, FACES, None, eye).depth
    )


def test_a_ray_traced_batch_is_seen_view_by_view(cpu32):
    module = dr.torch.RayTracer(8, boundary_gradients=True, samples=4)
    vertices = leaf([CORNERS, 0.7 * np.array(CORNERS)])
    images = module(vertices, FACES, None, dr.Camera.orbit([0, 0]))
    assert images.alpha[1].sum() < images.alpha[0].sum()
    images.alpha[1].sum().backward()
    assert not vertices.grad[0].any()
    assert (vertices.grad[1] * vertices[1]).sum() > 0  # a larger thing covers more


def test_what_cannot_be_rendered_is_refused(cpu32):
    tracer = dr.torch.SphereTracer(8, bounds=BOUNDS)
    wrong = ball(5)
    wrong[1, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"values: expected finite values, got nan at \[1, 2, 3\]"):
        tracer(leaf(wrong), camera())
    with pytest.raises(ShapeError, match=r"values: expected shape \(nx, ny, nz\), got \(5, 5\)"):
        tracer(leaf(ball(5)[0]), camera())
    with pytest.raises(ShapeError, match=r"colors: expected shape \(mx, my, mz, 3\), got \(5, 5, 5\)"):
        tracer(leaf(ball(5)), camera(), colors=leaf(ball(5)))
    with pytest.raises(InputError, match="silhouette_width: expected a finite number > 0, got -1"):
        dr.torch.SphereTracer(8, bounds=BOUNDS, silhouette_width=-1)
    grid = dr.radiance.Grid(BOUNDS, 4)
    volume, values = dr.torch.VolumeRenderer(grid, 4), grid.numpy()
    with pytest.raises(ShapeError, match=r"numbers: expected shape \(8, 13\), got \(8, 12\)"):
        volume(leaf(values[:, 1:]), camera())
    values[3, 2] = np.inf
    with pytest.raises(InputError, match=r"numbers: expected finite numbers, got inf at \(3, 2\)"):
        volume(leaf(values), camera())
    with pytest.raises(InputError, match="grid: expected a Grid object, got 7"):
        dr.torch.VolumeRenderer(7, 4)
    with pytest.raises(InputError, match="view_mesh: ray tracing shows a batch"):
        dr.torch.RayTracer(8)(leaf(CORNERS), FACES, None, camera(), view_mesh=[0])


def test_copies_of_a_ray_tracer_share_what_is_around_it(cpu32):
    module = dr.torch.RayTracer(8, around=[dr.Plane(y=-1.0)], outputs=("object_id",))
    images = [one(leaf(CORNERS), FACES, None, camera()).object_id for one in (module, copy.deepcopy(module))]
    assert torch.equal(*images)
    with pytest.raises(InputError, match=r"RayTracer: what is around it, .* cannot be saved or sent"):
        pickle.dumps(module)
    assert pickle.loads(pickle.dumps(dr.torch.RayTracer(8))).outputs == ("color", "alpha")
