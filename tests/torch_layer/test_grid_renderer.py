"""Pictures of grids as a module: gradcheck, the numbers of ``Grid.render``, renders in between, views and sizes."""

import copy
import pickle

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import numpy as np
import torch
from torch.autograd import gradcheck
from torch_layer.scenes import leaf

import taichi_dr as dr
from taichi_dr.errors import GradientError, InputError, ShapeError

BOUNDS = (-1, 1)
AZIMUTHS, ELEVATIONS = [20.0, 110.0, 250.0], [10.0, -5.0, 40.0]


def around():
    """Three views."""
    return dr.Camera.orbit(AZIMUTHS, ELEVATIONS, 2.8, 45.0)


def numbers(grid, seed=3):
    """Numbers with which rays go through all that is there: no more than 40 % are lost in a cell."""
    found = np.random.default_rng(seed).normal(size=grid.numpy().shape)
    found[:, -1] = np.random.default_rng(seed + 1).uniform(-3, -0.5, len(found))
    return found


def seeds(shape, seed=5):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("step", [1.0, 0.4])
def test_gradcheck(cpu64, degree, step):
    grid = dr.radiance.Grid(BOUNDS, 5, degree=degree)
    module = dr.torch.GridRenderer(grid, (5, 9), step)
    assert gradcheck(lambda n: tuple(module(n, around())), [leaf(numbers(grid))], eps=1e-6, atol=1e-6, fast_mode=True)


def test_gradcheck_number_by_number_and_of_parallel_rays(cpu64):
    grid = dr.radiance.Grid(BOUNDS, 4, degree=0)
    eye = dr.Camera((0.5, 0.7, 2.6), half_height=1.1)
    module = dr.torch.GridRenderer(grid, 3)
    assert gradcheck(lambda n: tuple(module(n, eye)), [leaf(numbers(grid))], eps=1e-6, atol=1e-7)


def test_pictures_and_gradients_are_those_of_the_volume_renderer(cpu64):
    """Where all numbers are the same, density is constant within the cells: both count the same light."""
    grid = dr.radiance.Grid(BOUNDS, 12, degree=0)
    values = np.tile([0.3, -0.4, 0.2, -1.0], (grid.count, 1))
    eye = dr.Camera.orbit(30, 20, 2.8, 45.0)
    fine = dr.torch.GridRenderer(grid, 6, 0.02)
    other = dr.torch.VolumeRenderer(grid, 6, samples=1024, tolerance=0.0)
    found = []
    for module in (fine, other):
        inputs = leaf(values)
        images = module(inputs, eye)
        ((images.color * seeds((1, 6, 6, 3))).sum() + (images.alpha * seeds((1, 6, 6), 6)).sum()).backward()
        found.append((images.color.detach(), images.alpha.detach(), inputs.grad))
    for one, another in zip(*found, strict=True):
        assert (one - another).abs().max() < 0.01 * another.abs().max()


def test_numbers_are_those_of_the_grid_bit_by_bit(any32):
    grid = dr.radiance.Grid(BOUNDS, 9, degree=1)
    grid.set(3 + numbers(grid))
    for step in (1.0, 0.5):
        seen = grid.render(around(), (13, 20), step)
        images = dr.torch.GridRenderer(grid, (13, 20), step)(leaf(grid.numpy()), around())
        assert images.color.shape == (3, 13, 20, 3)
        np.testing.assert_array_equal(images.color.detach().cpu().numpy(), seen.color)
        np.testing.assert_array_equal(images.alpha.detach().cpu().numpy(), seen.alpha)
    assert seen.alpha.max() > 0.9


def gradient(grid, values, size, camera):
    """The gradient of a weighted sum of all outputs."""
    inputs = leaf(values)
    images = dr.torch.GridRenderer(grid, size)(inputs, camera)
    weights = [seeds(images.color.shape).to(images.color), seeds(images.alpha.shape, 6).to(images.alpha)]
    ((images.color * weights[0]).sum() + (images.alpha * weights[1]).sum()).backward()
    return inputs.grad.cpu().double()


@pytest.fixture(scope="module")
def in_double_precision():
    """(numbers, their gradient) as the CPU has them in float64."""
    dr.init("cpu", float64=True)
    grid = dr.radiance.Grid(BOUNDS, 6, degree=1)
    return numbers(grid), gradient(grid, numbers(grid), (11, 7), around())


def test_single_precision(in_double_precision, any32):
    values, expected = in_double_precision
    found = gradient(dr.radiance.Grid(BOUNDS, 6, degree=1), values, (11, 7), around())
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("size", [(1, 1), (3, 17), (16, 8), (9, 8)])
def test_views_and_sizes_do_not_matter_to_a_pixel(cpu64, size):
    """Tiles are 8 x 8: sizes that they do not divide have pixels that are none."""
    grid = dr.radiance.Grid(BOUNDS, 6, degree=0)
    module, inputs = dr.torch.GridRenderer(grid, size), leaf(numbers(grid))
    together = module(inputs, around())
    weights = seeds((3, *size, 3))
    total = torch.autograd.grad((together.color * weights).sum(), inputs)[0]
    one_by_one = torch.zeros_like(total)
    for view, angles in enumerate(zip(AZIMUTHS, ELEVATIONS, strict=True)):
        alone = module(inputs, dr.Camera.orbit(*angles, 2.8, 45.0))
        torch.testing.assert_close(alone.color[0], together.color[view], atol=1e-13, rtol=0)
        torch.testing.assert_close(alone.alpha[0], together.alpha[view], atol=1e-13, rtol=0)
        one_by_one += torch.autograd.grad((alone.color[0] * weights[view]).sum(), inputs)[0]
    torch.testing.assert_close(total, one_by_one, atol=1e-12, rtol=1e-10)
    assert total.abs().max() > 1e-4


def test_several_renders_and_ways_back_in_any_order(cpu64):
    grid = dr.radiance.Grid(BOUNDS, 5, degree=0)
    module = dr.torch.GridRenderer(grid, 8)
    near, far = dr.Camera.orbit(0, 0, 2.5), dr.Camera.orbit(70, 30, 3.5)
    first, second = leaf(numbers(grid)), leaf(numbers(grid, 8))

    def alone(inputs, eye):
        return torch.autograd.grad(module(inputs, eye).color.square().sum(), inputs)[0]

    expected = alone(first, near), alone(second, far)
    for order in ((0, 1), (1, 0)):
        losses = [module(one, eye).color.square().sum() for one, eye in ((first, near), (second, far))]
        for k in order:
            assert torch.equal(torch.autograd.grad(losses[k], (first, second)[k])[0], expected[k])
    loss = module(first, near).color.square().sum()
    module(second, near)
    for _ in range(2):
        loss.backward(retain_graph=True)
    torch.testing.assert_close(first.grad, 2 * expected[0])
    both = leaf(numbers(grid))
    (module(both, near).color.square().sum() + module(both, far).alpha.sum()).backward()
    torch.testing.assert_close(both.grad, expected[0] + torch.autograd.grad(module(first, far).alpha.sum(), first)[0])


def test_the_given_grid_is_copied_and_left_alone(cpu32):
    grid = dr.radiance.Grid(BOUNDS, 5, degree=0)
    module = dr.torch.GridRenderer(grid, 4)
    module(leaf(numbers(grid)), dr.Camera((0, 0, 3))).alpha.sum().backward()
    np.testing.assert_array_equal(grid.numpy(), dr.radiance.Grid(BOUNDS, 5, degree=0).numpy())
    assert not grid.gradient().any()
    seen = module(leaf(numbers(grid)), dr.Camera((0, 0, 3))).color
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(leaf(numbers(grid)), dr.Camera((0, 0, 3))).color, seen)
    assert repr(module) == "GridRenderer(size=(4, 4), step=1.0)"


def test_cells_that_the_grid_does_not_look_into_have_no_gradient(cpu64):
    grid = dr.radiance.Grid(BOUNDS, 6, degree=0)
    cells = grid.cells
    cells[:3] = False
    grid.keep_cells(cells)
    inputs = leaf(numbers(grid))
    dr.torch.GridRenderer(grid, 8)(inputs, around()).alpha.sum().backward()
    used = inputs.grad[:, -1].numpy() != 0
    assert not used[grid.vertices()[:, 0] < 3].any()
    assert used[grid.vertices()[:, 0] > 3].mean() > 0.9


def test_nothing_where_rays_miss_the_grid(cpu64):
    grid = dr.radiance.Grid(BOUNDS, 5, degree=0)
    away = dr.Camera((0, 0, 3), target=(0, 0, 6))
    inputs = leaf(numbers(grid))
    images = dr.torch.GridRenderer(grid, 4)(inputs, away)
    assert not images.color.any()
    assert not images.alpha.any()
    (images.color.sum() + images.alpha.sum()).backward()
    assert not inputs.grad.any()


def test_what_cannot_be_rendered_is_refused(cpu32):
    grid = dr.radiance.Grid(BOUNDS, 4, degree=1)
    module, values, eye = dr.torch.GridRenderer(grid, 4), grid.numpy(), dr.Camera((0, 0, 3))
    with pytest.raises(ShapeError, match=r"numbers: expected shape \(8, 13\), got \(8, 12\)"):
        module(leaf(values[:, 1:]), eye)
    with pytest.raises(InputError, match="numbers: expected"):
        module(torch.from_numpy(values).double(), eye)
    with pytest.raises(InputError, match="camera: expected a Camera object, got 7"):
        module(leaf(values), 7)
    with pytest.raises(InputError, match="grid: expected a Grid object, got 7"):
        dr.torch.GridRenderer(7, 4)
    for step in (0, -1.0, float("nan")):
        with pytest.raises(InputError, match=f"step: expected a number > 0, got {step}"):
            dr.torch.GridRenderer(grid, 4, step)
    values[3, 2] = np.inf
    with pytest.raises(InputError, match=r"numbers: expected finite numbers, got inf at \(3, 2\)"):
        module(leaf(values), eye)
    inputs = leaf(grid.numpy())
    first = torch.autograd.grad(module(inputs, eye).color.square().sum(), inputs, create_graph=True)[0]
    with pytest.raises(GradientError, match="second derivatives"):
        first.sum().backward()
