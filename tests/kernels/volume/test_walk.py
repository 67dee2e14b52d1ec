"""Walking along rays in one kernel shows what arrays of samples add up to, on any number of rays."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.implicit.radiance.inline import InlineRadiance
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.composite import SEEN
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.render.volume.ray_march import RayMarch
from taichi_dr.render.volume.samplers import EvenSampler


@ti.func
def blob(p, d):
    return dr.Sample(6.0 * ti.exp(-2.0 * p.dot(p)), (0.5 + 0.5 * p.x, 0.4, 0.5 + 0.5 * d.z))


def some_rays(count):
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ends = np.column_stack([rng.uniform(0, 1, count), rng.uniform(1, 3, count)])
    arrays = map(array_from, (rng.uniform(-1, 1, (count, 3)), directions, ends))
    return RayBatch(*arrays, array_from(np.arange(count), ti.i32), count)


def by_arrays(march, rays):
    seen = make_array((rays.size, SEEN))
    march.add_up(march.evaluate(rays), seen)
    return seen.to_numpy()


@pytest.mark.parametrize(
    ("count", "samples", "stratified", "tolerance"), [(1554, 21, False, 0.0), (600, 40, True, 0.2)]
)
def test_walking_is_what_the_arrays_add_up_to(any32, count, samples, stratified, tolerance):
    buffers, rays = Buffers(), some_rays(count)
    march = RayMarch(buffers, InlineRadiance(blob), EvenSampler(buffers, samples, stratified, seed=2), tolerance)
    seen = make_array((count, SEEN))
    march.forward(rays, seen)
    assert march.walks
    assert np.abs(seen.to_numpy() - by_arrays(march, rays)).max() < 1e-5
