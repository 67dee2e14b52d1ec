"""The network: what it makes of images, whatever its weights are, and how it begins."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.scene import shapes  # noqa: E402
from taichi_dr.torch.single_image.network import SingleImageNetwork  # noqa: E402
from taichi_dr.torch.single_image.predict import predict  # noqa: E402


@pytest.fixture
def network():
    torch.manual_seed(3)
    return SingleImageNetwork()


def images(count, seed=0):
    """Discs of many colours, in front of nothing."""
    random = torch.Generator().manual_seed(seed)
    pixels = torch.rand(count, 64, 64, 4, generator=random)
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    pixels[..., 3] = ((x - 30) ** 2 + (y - 34) ** 2 < 400).float()
    return pixels


def test_it_begins_with_the_sphere(cpu32, network):
    vertices, colors = network(images(3))
    assert vertices.shape == colors.shape == (3, 642, 3)
    sphere = shapes.icosphere(3)
    np.testing.assert_array_equal(network.faces.numpy(), sphere.numpy("faces"))
    expected = np.tanh(2 * 0.35 * sphere.numpy("vertices")[0]) / 2
    np.testing.assert_allclose(vertices.detach().numpy(), np.broadcast_to(expected, (3, 642, 3)), atol=0.12)


def test_no_vertex_leaves_the_cube(cpu32, network):
    for layer in (network.shape_decoder.displacements, network.shape_decoder.centroid):
        layer.weight.data *= 1e4
    assert network(images(2))[0].abs().max() <= 0.5


def test_displacements_are_smoothed(cpu32, network):
    smooth = network.shape_decoder.smooth.double()
    torch.testing.assert_close(smooth, smooth.T, atol=1e-7, rtol=0)
    one = torch.ones(642, dtype=torch.float64)
    torch.testing.assert_close(
        smooth @ one, (smooth @ one)[0] * one, atol=1e-5, rtol=0
    )  # what moves all stays as it is
    assert smooth.norm(dim=1).max().item() == pytest.approx(1)
    spike = smooth[:, 0]
    assert (spike > 0).all()
    assert spike[0] == spike.max()


def test_colors_are_mixed_of_the_objects_own(cpu32, network):
    for layer in network.color_decoder.children():
        layer.weight.data *= 30
    two = images(4)
    red = two[..., 0] > 0.5
    two[..., :3] = torch.stack([red.float(), torch.zeros_like(red).float(), (~red).float()], dim=-1)
    two[..., 1] = torch.where(two[..., 3] > 0, two[..., 1], 1.0)  # green behind what is transparent
    colors = network(two)[1]
    assert colors.min() >= 0
    assert colors[..., 1].max() < 1e-3
    torch.testing.assert_close(colors.sum(dim=-1), torch.ones(4, 642), atol=2e-3, rtol=0)


def test_colors_are_chosen_as_the_image_has_them(cpu32, network):
    one = images(1)
    one[..., :3] = torch.tensor([0.9, 0.5, 0.1])
    torch.testing.assert_close(network(one)[1], torch.tensor([0.9, 0.5, 0.1]).expand(1, 642, 3), atol=1e-4, rtol=0)


def test_what_is_behind_the_object_is_not_seen(cpu32, network):
    given = images(2)
    other = given.clone()
    other[..., :3] = torch.where(given[..., 3:] > 0, given[..., :3], torch.rand(given[..., :3].shape))
    for one, another in zip(network.eval()(given), network(other), strict=True):
        torch.testing.assert_close(one, another)


def test_gradients_reach_every_parameter(cpu32, network):
    vertices, colors = network(images(4))
    random = torch.Generator().manual_seed(1)
    (vertices * torch.randn(vertices.shape, generator=random)).sum().backward(retain_graph=True)
    (colors * torch.randn(colors.shape, generator=random)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_prediction_does_not_depend_on_its_company(cpu32, network):
    given = (images(3) * 255).to(torch.uint8).numpy()
    together, alone = predict(network, given), predict(network, given[1:2])
    for many, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(many[1:2], one, atol=1e-5)
