"""The rasterizers as modules: the numbers of the Taichi path bit by bit, batches, and what a module keeps."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import copy
import gc
import pickle

import numpy as np
import torch
from torch_layer.scenes import CORNERS, FACES, leaf, uniform

import taichi_dr as dr
from taichi_dr.torch.owners import TensorMesh

CAMERA = {"azimuth_deg": [10, 130], "elevation_deg": 20, "distance": 2.7}
KINDS = {
    "soft": (dr.SoftRasterizer, {"sigma": 1e-3, "gamma": 1e-2}),
    "antialiased": (dr.Rasterizer, {"antialias": True, "background": (0.1, 0.2, 0.3)}),
}


def batch():
    """Two tetrahedra (2, 4, 3) and their colours."""
    corners = np.array(CORNERS)
    return np.stack([corners, 0.8 * corners[::-1]]), uniform(4, 2, 4, 3)


def weights(shape):
    return np.random.default_rng(5).normal(size=shape)


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_gradients_are_those_of_the_taichi_path_bit_by_bit(kind, any32):
    renderer, settings = KINDS[kind]
    points, colors = batch()
    lamps = {"directional": dr.DirectionalLight((0.3, 0.5, 1.0), 0.6), "point": dr.PointLight((2, 1, 1), 0.3)}
    mesh, camera = dr.Mesh(points, FACES.numpy(), colors=colors), dr.Camera.orbit(**CAMERA)
    lights = dr.Lights(0.2, **lamps)
    expected = renderer(12, **settings)
    frame = expected.render(mesh, camera, lights)
    variables = {name: frame.variable(name) for name in ("color", "depth")}
    for variable in variables.values():
        variable.gradient.from_numpy(weights(variable.gradient.shape).astype(np.float32))
    expected.backward()

    module = getattr(dr.torch, renderer.__name__)(12, outputs=("color", "face_id", "depth"), **settings)
    vertices, own = leaf(points), leaf(colors)
    eye = dr.torch.Camera.like(camera)
    eye.eye.requires_grad_()
    color = leaf(lights.numpy("color"))
    sources = dr.torch.Lights(
        color[0], direction=(0.3, 0.5, 1.0), direction_color=color[1], position=(2, 1, 1), position_color=color[2]
    )
    images = module(vertices, FACES, own, eye, sources)
    assert images._fields == ("color", "face_id", "depth")
    assert not images.face_id.requires_grad
    for name, image in images._asdict().items():
        np.testing.assert_array_equal(image.detach().numpy(), frame.numpy(name))
    torch.autograd.backward(
        [images.color, images.depth],
        [torch.from_numpy(variable.gradient_to_numpy()) for variable in variables.values()],
    )
    np.testing.assert_array_equal(vertices.grad.numpy(), mesh.gradient("vertices"))
    np.testing.assert_array_equal(own.grad.numpy(), mesh.gradient("colors"))
    np.testing.assert_array_equal(eye.eye.grad.numpy(), camera.gradient("eye"))
    np.testing.assert_array_equal(color.grad.numpy(), lights.gradient("color"))


def test_lights_without_gradients_are_those_of_the_taichi_path(cpu32):
    spot = dr.SpotLight((0.4, 0.5, 2.5), (-0.1, -0.2, -1.0), inner_deg=9, outer_deg=33)
    lights, camera = dr.Lights(0.2, dr.DirectionalLight((0, 1, 1)), spot=spot), dr.Camera.orbit(20, 10)
    expected = dr.Rasterizer(12).render(dr.Mesh(CORNERS, FACES.numpy()), camera, lights).numpy("color")
    np.testing.assert_array_equal(
        dr.torch.rasterize(leaf(CORNERS), FACES, None, camera, lights, size=12).color.detach(), expected
    )


def test_renders_between_a_render_and_its_way_back_do_not_harm(cpu64):
    module = dr.torch.SoftRasterizer(8, sigma=3e-3)
    camera = dr.Camera.orbit(**CAMERA)
    alone, together = leaf(CORNERS), leaf(CORNERS)
    module(alone, FACES, None, camera).alpha.square().sum().backward()
    module(alone * 0.7, FACES, None, camera).color.square().sum().backward()

    alpha = module(together, FACES, None, camera).alpha
    color = module(together * 0.7, FACES, None, camera).color
    loss = alpha.square().sum() + color.square().sum()
    module.renderer.sigma = 1e-2
    with torch.no_grad():
        module(together[:3], torch.tensor([[0, 1, 2]]), None, camera[0])
    loss.backward(retain_graph=True)
    np.testing.assert_allclose(together.grad, alone.grad, rtol=1e-13, atol=1e-13)
    loss.backward()
    np.testing.assert_allclose(together.grad, 2 * alone.grad, rtol=1e-13, atol=1e-13)
    assert module.renderer.sigma == 1e-2


def test_a_way_back_twice_without_another_render_gives_the_same(cpu64):
    picture = uniform(6, 8, 8, 3)
    for module in (
        dr.torch.SoftRasterizer(8, background=None),
        dr.torch.SoftRasterizer(8, background=picture),
        dr.torch.Rasterizer(8, antialias=True),
        dr.torch.Rasterizer(8, antialias=True, background=picture),
        dr.torch.Rasterizer(8, antialias=True, background=None),
    ):
        vertices = leaf(CORNERS)
        loss = module(vertices, FACES, leaf(uniform(7, 4, 3)), dr.Camera.orbit(**CAMERA)).color.square().sum()
        first, second = (torch.autograd.grad(loss, vertices, retain_graph=True)[0] for _ in range(2))
        assert torch.equal(first, second)
        assert first.abs().max() > 0.1


def test_a_number_that_is_written_to_in_between_is_noticed_by_torch(cpu32):
    vertices = leaf(CORNERS)
    moved = vertices + 0.1
    alpha = dr.torch.rasterize(moved, FACES, None, dr.Camera.orbit(), size=8, antialias=True).alpha
    moved.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        alpha.sum().backward()


def test_views_may_show_meshes_as_they_are_told(cpu32):
    points, colors = batch()
    camera = dr.Camera.orbit([0, 0, 0, 90])
    images = dr.torch.rasterize(
        torch.tensor(points, dtype=torch.float32), FACES, leaf(colors), camera, size=8, view_mesh=[1, 0, 1, 1]
    )
    assert images.color.shape == (4, 8, 8, 3)
    assert torch.equal(images.color[0], images.color[2])
    assert not torch.equal(images.color[0], images.color[1])


def test_nothing_is_remembered_without_gradients(cpu32):
    vertices = leaf(CORNERS)
    with torch.no_grad():
        images = dr.torch.soft_rasterize(vertices, FACES, None, dr.Camera.orbit(), size=8)
    assert images.color.grad_fn is None
    assert not images.color.requires_grad
    assert not dr.torch.soft_rasterize(vertices.detach(), FACES, None, dr.Camera.orbit(), size=8).alpha.requires_grad


def test_faces_are_looked_at_again_when_they_are_written_to(cpu32):
    module, camera, faces = dr.torch.Rasterizer(16), dr.Camera.orbit(), FACES.clone()
    whole = module(leaf(CORNERS), faces, None, camera).alpha.sum()
    faces[1:] = faces[0]
    assert module(leaf(CORNERS), faces, None, camera).alpha.sum() < whole


def test_new_faces_in_every_call_leave_nothing_behind(cpu32):
    module, camera = dr.torch.Rasterizer(8), dr.Camera.orbit()

    def render(count):
        grid = torch.stack(torch.meshgrid(torch.arange(count), torch.arange(2), indexing="ij"), -1).reshape(-1, 2)
        points = torch.cat([grid / count, torch.zeros(2 * count, 1)], 1).requires_grad_()
        corners = torch.tensor([[2 * i, 2 * i + 1, 2 * i + 2] for i in range(count - 1)])
        module(points, corners, None, camera).color.sum().backward()

    for count in range(2, 40):
        render(count)
    gc.collect()
    assert sum(type(thing) is TensorMesh for thing in gc.get_objects()) < 20


def test_a_module_is_copied_sent_and_follows_another_init(own_runtime):
    dr.init("cpu")
    module = dr.torch.SoftRasterizer(8, sigma=2e-3)
    first = module(leaf(CORNERS), FACES, None, dr.Camera.orbit()).alpha
    others = [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    assert "size=8, sigma=0.002, outputs=('color', 'alpha')" in repr(module)
    dr.init("cpu")
    for other in [module, *others]:
        assert torch.equal(other(leaf(CORNERS), FACES, None, dr.Camera.orbit()).alpha, first)
