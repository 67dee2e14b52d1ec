"""Samples a few at a time show what all of them show, and end where nothing more is to be seen."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.volume.composite import SEEN
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.render.volume.occupancy import OccupancySampler
from taichi_dr.render.volume.ray_march import RayMarch
from taichi_dr.render.volume.samplers import EvenSampler, round_sizes

RAYS, SAMPLES, TOLERANCE = 700, 150, 0.01


@ti.kernel
def evaluate_blob(points: Rows, values: Rows, count: ti.i32):
    for i in range(count):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        values[i, 0] = 200.0 * ti.exp(-6.0 * (x * x + y * y + z * z))
        values[i, 1], values[i, 2], values[i, 3] = 0.5 + 0.5 * x, 0.4, 0.5 + 0.5 * z


class Blob(RadianceFunction):
    """A dense blob that counts how often it is asked."""

    asked = 0

    def check(self):
        pass

    def forward(self, points, directions, values, count):
        self.asked += count
        evaluate_blob(points, values, count)

    def adjoint(self, *_):
        raise AssertionError("nothing goes back")


def some_rays():
    """From around the blob, most of them towards it."""
    rng = np.random.default_rng(0)
    origins = rng.normal(size=(RAYS, 3))
    origins *= 0.9 / np.linalg.norm(origins, axis=1, keepdims=True)
    directions = rng.normal(0, 0.3, (RAYS, 3)) - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ends = np.column_stack([np.zeros(RAYS), rng.uniform(1, 2, RAYS)])
    return RayBatch(*map(array_from, (origins, directions, ends)), array_from(np.arange(RAYS), ti.i32), RAYS)


def even():
    return EvenSampler(Buffers(), SAMPLES, True, seed=2)


def in_cells():
    sampler = OccupancySampler(Buffers(), (-2, 2), 2 / SAMPLES, cells=24, seed=2)
    sampler.update(evaluate_blob)
    return sampler


@pytest.mark.parametrize("make", [even, in_cells])
def test_rounds_show_what_all_samples_show(any32, make):
    blob, rays, seen, whole = Blob(), some_rays(), make_array((RAYS, SEEN)), make_array((RAYS, SEEN))
    march = RayMarch(Buffers(), blob, make(), TOLERANCE)
    march.forward(rays, seen)
    in_rounds, blob.asked = blob.asked, 0
    march.add_up(march.evaluate(rays), whole)
    np.testing.assert_allclose(seen.to_numpy(), whole.to_numpy(), atol=1e-6)
    assert in_rounds < 0.7 * blob.asked
    assert (whole.to_numpy()[:, 3] > 1 - TOLERANCE).mean() > 0.5  # many see nothing of what is behind


@pytest.mark.parametrize("make", [even, in_cells])
def test_rounds_have_all_samples_in_their_order(any32, make):
    rays, sampler = some_rays(), make()
    found = [[] for _ in range(RAYS)]
    for samples in sampler.rounds(rays, Blob(), array_from(np.ones(RAYS)), 0.5):
        first = samples.first.to_numpy()
        numbers = np.column_stack([each.to_numpy()[: samples.size] for each in (samples.t, samples.lengths)])
        for r in range(RAYS):
            found[r].extend(numbers[first[r] : first[r + 1]])
    samples = sampler.sample(rays, Blob())
    numbers = np.column_stack([each.to_numpy()[: samples.size] for each in (samples.t, samples.lengths)])
    np.testing.assert_array_equal(np.concatenate([each for each in found if each]), numbers)
    assert samples.size > 64 * RAYS / 2  # more than three rounds


def test_rays_that_have_seen_enough_have_no_samples(any32):
    rays = some_rays()
    for sampler in (even(), in_cells()):
        assert not list(sampler.rounds(rays, Blob(), array_from(np.full(RAYS, 0.4)), 0.5))


def test_rounds_grow():
    assert [most for most, _ in zip(round_sizes(), range(6), strict=False)] == [8, 8, 16, 32, 32, 32]


def test_a_density_that_is_none_is_named_in_rounds_too(cpu32):
    class Wrong(Blob):
        def forward(self, points, directions, values, count):
            values.fill(-1)

    with pytest.raises(dr.InputError, match="negative"):
        RayMarch(Buffers(), Wrong(), even(), TOLERANCE).forward(some_rays(), make_array((RAYS, SEEN)))
