"""What calls of a module leave for one another: nothing, whoever comes between a render and its way back."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import threading

import torch
from torch_layer.scenes import CORNERS, FACES, leaf

import taichi_dr as dr
from taichi_dr.errors import RuntimeStateError


def ball(points):
    x = torch.linspace(-1, 1, points)
    return (torch.stack(torch.meshgrid(x, x, x, indexing="ij")).norm(dim=0) - 0.5).requires_grad_()


def test_grids_of_two_shapes_in_one_graph(cpu32):
    """Each has a renderer of its own, but both see one camera and one light."""
    module = dr.torch.SphereTracer(8, bounds=(-1, 1), outputs=("color",))

    def loss(values, eye, direction):
        lights = dr.torch.Lights(0.2, direction=direction)
        return module(values, dr.torch.Camera(eye), lights).color.square().sum()

    first = ball(9), leaf([0.0, 0.0, 3.0]), leaf([0.0, 1.0, 1.0])
    alone = torch.autograd.grad(loss(*first), first)
    waiting = loss(*first)
    loss(ball(11), leaf([2.0, 1.0, 1.0]), leaf([-1.0, 0.3, -1.0]))
    for expected, found in zip(alone, torch.autograd.grad(waiting, first), strict=True):
        assert torch.equal(expected, found)


def test_other_outputs_from_now_on(cpu32):
    module, camera, vertices = dr.torch.Rasterizer(8), dr.Camera.orbit(), leaf(CORNERS)

    def gradient(render):
        return torch.autograd.grad(render(vertices, FACES, None, camera).depth.sum(), vertices)[0]

    module(vertices, FACES, leaf(CORNERS).abs(), camera).color.square().sum().backward()
    module.outputs = ("depth",)
    assert torch.equal(gradient(module), gradient(dr.torch.Rasterizer(8, outputs=("depth",))))


def test_threads_take_turns(cpu32):
    module, camera = dr.torch.Rasterizer(8, antialias=True, outputs=("alpha",)), dr.Camera.orbit()

    def gradient(scale):
        vertices = leaf(CORNERS)
        loss = module(scale * vertices, FACES, None, camera).alpha.square().sum()
        loss = loss + dr.torch.losses.laplacian(scale * vertices, FACES)
        return torch.autograd.grad(loss, vertices)[0]

    scales = (0.3, 0.5, 0.7, 0.9)
    expected, found = [gradient(scale) for scale in scales], {}
    threads = [
        threading.Thread(target=lambda scale=scale: found.update({scale: [gradient(scale) for _ in range(8)]}))
        for scale in scales
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for scale, wanted in zip(scales, expected, strict=True):
        assert all(torch.equal(wanted, one) for one in found[scale]), f"the thread of scale {scale}"


def test_compiled_around_losses(cpu32):
    smooth = dr.torch.LargeSteps(leaf(CORNERS), FACES)

    def loss(points):
        vertices = smooth.vertices(torch.sin(points))
        chamfer = dr.torch.losses.chamfer(vertices, 2 * points.detach())
        return chamfer + dr.torch.losses.laplacian(vertices, FACES)

    plain, compiled = leaf(CORNERS), leaf(CORNERS)
    loss(plain).backward()
    torch.compile(loss, backend="aot_eager")(compiled).backward()
    torch.testing.assert_close(compiled.grad, plain.grad)


def test_a_background_that_was_written_to(cpu32):
    """The functions keep a module for each setting: a tensor is not the same setting once its numbers are others."""
    background = torch.zeros(3)
    for value in (0.0, 0.5):
        background.fill_(value)
        images = dr.torch.rasterize(
            leaf(CORNERS), FACES, None, dr.Camera.orbit(), size=8, background=background, outputs="color"
        )
        assert images.color[0, 0, 0].tolist() == [value] * 3


def test_the_first_render_and_the_first_loss_are_of_the_thread_of_init(own_runtime):
    """Elsewhere Taichi fails to make fields, and makes none in any thread from then on."""
    dr.init("cpu")
    said = []

    def elsewhere(compute):
        def work():
            try:
                compute()
                said.append("nothing")
            except RuntimeStateError as error:
                said.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)

    def loss():
        return dr.torch.losses.laplacian(leaf(CORNERS), FACES)

    def render():
        return dr.torch.Rasterizer(8)(leaf(CORNERS), FACES, None, dr.Camera.orbit())

    elsewhere(render)
    render()
    elsewhere(render)
    elsewhere(loss)
    loss()
    elsewhere(loss)
    first, later = said[::2], said[1::2]
    assert all("in the thread that has called taichi_dr.init() alone" in words for words in first)
    assert later == ["nothing", "nothing"]
