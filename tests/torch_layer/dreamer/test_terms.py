"""The terms that keep a volume a thing, against closed forms and central differences."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

import taichi_dr as dr  # noqa: E402
from taichi_dr.torch.dreamer.dream import random_rays  # noqa: E402
from taichi_dr.torch.dreamer.pictures import camera  # noqa: E402
from taichi_dr.torch.dreamer.terms import SAMPLES, Lattice, opacity  # noqa: E402


@pytest.fixture
def doubles():
    """Tensors in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def lattice(resolution=9):
    return Lattice(dr.radiance.Grid((-1, 1), resolution, degree=0))


def ramp(resolution=9, axis=2, steepness=3.0, level=-3.0):
    """(n, n, n): a density number that rises evenly along an axis."""
    x = steepness * torch.linspace(-1, 1, resolution) + level
    return x.view([-1 if k == axis else 1 for k in range(3)]).expand(resolution, resolution, resolution)


def test_opacity(doubles):
    alpha = torch.tensor([[[0.0, 0.5, 1.0]]], requires_grad=True)
    value = opacity(alpha)
    assert value.item() == pytest.approx((0.1 + math.sqrt(0.26) + math.sqrt(1.01)) / 3)
    value.backward()
    expected = [0, 0.5 / math.sqrt(0.26) / 3, 1 / math.sqrt(1.01) / 3]
    np.testing.assert_allclose(alpha.grad.flatten(), expected, rtol=1e-12)
    assert opacity(torch.zeros(2, 4, 4)).item() == pytest.approx(0.1)


def test_a_density_is_where_its_vertex_is(cpu32):
    grid = dr.radiance.Grid((-1, 1), 4, degree=0)
    numbers = torch.zeros(8, 4)
    numbers[:, 3] = torch.arange(8.0)
    density = Lattice(grid).density(numbers, -8.0)
    assert density.shape == (4, 4, 4)
    assert (density == -8.0).sum() == 56
    for value, place in enumerate(grid.vertices()):
        assert density[tuple(place)] == value


def test_roughness_by_hand(cpu32):
    """3^3 vertices, 18 pairs along each axis; a step of 2 in one of them counts in up to six pairs."""
    flat = torch.zeros(3, 3, 3)
    found = lattice(4)
    assert found.roughness(flat).item() == 0
    middle, corner = flat.clone(), flat.clone()
    middle[1, 1, 1] = corner[0, 0, 0] = 2.0
    assert found.roughness(middle).item() == pytest.approx(3 * 2 * 4 / 18)
    assert found.roughness(corner).item() == pytest.approx(3 * 4 / 18)
    assert found.roughness(ramp(3, axis=0, steepness=5.0)).item() == pytest.approx(25)
    assert found.roughness(flat + 7).item() == 0


def along_z(direction, count=40):
    """Rays parallel to the z axis that come from outside."""
    xy = torch.from_numpy(np.random.default_rng(0).uniform(-0.8, 0.8, (count, 2))).to(torch.get_default_dtype())
    z = torch.full((count, 1), -3.0 * direction)
    return torch.cat([xy, z], dim=1), torch.tensor([0.0, 0.0, direction]).expand(count, 3)


def through(numbers_along_ray, length):
    """What is lost of the light on the way, sample by sample, and in all."""
    return 1 - np.exp(-np.logaddexp(0, numbers_along_ray).sum() * length)


def test_a_surface_that_faces_the_camera_costs_nothing_and_one_that_looks_away_all_that_is_seen(cpu32, doubles):
    """A ramp's normal is the same everywhere: the term is what is seen, times the square of a cosine."""
    density, found = ramp(), lattice()
    assert found.orientation(density, *along_z(1.0)).item() == 0  # denser and denser: the normal is towards the camera
    spacing, step = 0.25, 2 / SAMPLES
    z = -1 + (np.arange(SAMPLES) + 0.5) * step
    seen = through(3 * z - 3, step / spacing)
    assert 0.1 < seen < 0.9
    assert found.orientation(density, *along_z(-1.0)).item() == pytest.approx(seen, rel=1e-5)
    assert found.orientation(ramp(axis=0), *along_z(1.0)).item() == 0  # seen from the side


def test_slanting_rays_count_by_the_square_of_the_cosine(cpu32, doubles):
    """Through thin fog, where what is seen is the optical depth."""
    density, found = ramp(level=-16.0, steepness=0.5), lattice()
    for slant in (0.0, 0.3, 0.6):
        direction = torch.tensor([[slant, 0.0, -1.0]]) / math.hypot(slant, 1)
        away = found.orientation(density, -3.0 * direction, direction).item()
        length = 2 * math.hypot(slant, 1)  # from z = 1 to z = -1: the slant is less than the cube is wide
        z = -1 + (np.arange(SAMPLES) + 0.5) * 2 / SAMPLES
        depth = np.exp(0.5 * z - 16).sum() * length / SAMPLES / 0.25
        assert away == pytest.approx(depth / (1 + slant**2), rel=1e-4)


def test_rays_that_miss_count_as_nothing(cpu32, doubles):
    origins, directions = along_z(-1.0)
    found = lattice()
    hit = found.orientation(ramp(), origins, directions).item()
    both = found.orientation(ramp(), torch.cat([origins, origins + 5]), torch.cat([directions, directions])).item()
    assert both == pytest.approx(hit / 2, rel=1e-12)
    assert found.orientation(ramp(), origins, -directions).item() == 0  # the grid is behind the camera


def test_no_slope_has_no_direction(cpu32, doubles):
    density = torch.zeros(9, 9, 9, requires_grad=True)
    value = lattice().orientation(density, *along_z(1.0))
    value.backward()
    assert value.item() == 0
    assert torch.isfinite(density.grad).all()


def test_the_gradient_of_the_orientation_leaves_the_weights_alone(cpu32, doubles):
    """Scaled by s around a level, a density keeps its normals: but for the weights nothing changes along that way."""
    random = torch.Generator().manual_seed(1)
    density = (ramp() + 0.5 * torch.randn(9, 9, 9, generator=random)).requires_grad_()
    found = lattice()
    value = found.orientation(density, *along_z(-1.0))
    value.backward()
    assert value.item() > 0.05
    assert density.grad.abs().max() > 1e-3
    along = (density.grad * (density.detach() + 3)).sum().item()
    assert abs(along) < 1e-4 * (density.grad.abs() * (density.detach() + 3).abs()).sum().item()
    assert abs(density.grad.sum().item()) < 1e-12  # nor if all numbers become larger


def test_the_gradient_of_the_orientation_equals_central_differences(cpu32, doubles):
    """Where what is seen is the same whatever the density: behind a first sample that hides the rest."""
    random = torch.Generator().manual_seed(2)
    noise = torch.randn(9, 9, 9, generator=random)
    density = (40 + ramp() + 0.5 * noise).requires_grad_()  # opaque at once: the weights are 1 and 0
    found, rays = lattice(), along_z(-1.0)
    found.orientation(density, *rays).backward()
    for seed in range(3):
        way = torch.randn(9, 9, 9, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            ends = [found.orientation(density + sign * 1e-6 * way, *rays).item() for sign in (1, -1)]
        measured = (ends[0] - ends[1]) / 2e-6
        assert (density.grad * way).sum().item() == pytest.approx(measured, rel=1e-4)


def test_rays_are_those_of_the_pictures(cpu32):
    seen = camera([90.0, 0.0], [0.0, 60.0])
    origins, directions = random_rays(seen, np.random.default_rng(1), 500)
    assert origins.shape == directions.shape == (500, 3)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(500))
    eyes = torch.tensor([[2.8, 0, 0], [0, 2.8 * math.sin(math.pi / 3), 1.4]])
    nearest = torch.cdist(origins, eyes).min(dim=1)
    assert nearest.values.max() < 1e-5
    assert 150 < nearest.indices.sum() < 350  # both views
    cosines = (directions * -torch.nn.functional.normalize(origins, dim=1)).sum(dim=1)
    assert cosines.min() >= 1 / math.sqrt(1 + 2 * math.tan(math.pi / 8) ** 2) - 1e-6  # the corner of the picture
    assert cosines.min() < math.cos(math.pi / 8)
