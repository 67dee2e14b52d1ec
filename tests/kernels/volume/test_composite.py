"""Compositing: closed forms, the oracle, exact zeros behind what is opaque, central differences."""

import numpy as np
import pytest
import taichi as ti
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.volume.composite import SEEN, composite, composite_adjoint
from tests.oracles import volume as oracle
from tests.oracles.differences import relative_errors


class Samples:
    """Packed samples of rays, given as a list of (t, lengths, values) each."""

    def __init__(self, rays, tolerance=0.0):
        self.counts = [len(t) for t, _, _ in rays]
        self.first = array_from(np.concatenate([[0], np.cumsum(self.counts)]), ti.i32)
        self.t, self.lengths, self.values = (array_from(np.concatenate(part)) for part in zip(*rays, strict=True))
        self.tolerance = tolerance

    def seen(self):
        out = make_array((len(self.counts), SEEN))
        composite(self.first, self.t, self.lengths, self.values, len(self.counts), self.tolerance, out)
        return out

    def adjoints(self, seen_adjoint):
        """Of values, t and lengths."""
        total = sum(self.counts)
        out = make_array((total, 4)), make_array((total,)), make_array((total,))
        places = self.first, self.t, self.lengths, self.values, len(self.counts), self.tolerance
        composite_adjoint(*places, self.seen(), array_from(seen_adjoint), out[0], True, *out[1:])
        return [array.to_numpy() for array in out]


def random_ray(rng, count, density=3.0):
    edges = np.sort(rng.uniform(0.5, 2.5, count + 1))
    values = np.column_stack([rng.uniform(0, density, count), rng.random((count, 3))])
    return 0.5 * (edges[1:] + edges[:-1]), np.diff(edges), values


def uniform_ray(count, density, length=2.0):
    edges = np.linspace(1.0, 1.0 + length, count + 1)
    values = np.tile([density, 0.2, 0.5, 0.8], (count, 1))
    return 0.5 * (edges[1:] + edges[:-1]), np.diff(edges), values


@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_equals_the_oracle(cpu64, tolerance):
    rng = np.random.default_rng(0)
    rays = [random_ray(rng, count) for count in (1, 7, 0, 20)]
    found = Samples(rays, tolerance).seen().to_numpy()
    assert np.allclose(found, [oracle.composite(*ray, tolerance) for ray in rays], rtol=0, atol=1e-14)


def test_literal(any32):
    """Half of the light stays at each: alphas 1/2, 1/2; weights 1/2, 1/4; what is left is 1/4."""
    half = np.log(2.0)
    values = np.array([[half, 1.0, 0.0, 0.2], [2 * half, 0.0, 1.0, 0.4]])
    found = Samples([(np.array([1.0, 3.0]), np.array([1.0, 0.5]), values)]).seen().to_numpy()[0]
    assert np.allclose(found, [0.5, 0.25, 0.2, 0.75, 1.25], atol=1e-6)


def test_constant_density_has_its_closed_form(cpu64):
    """C = c (1 - e^(-sigma L)), however many samples there are."""
    for count in (1, 3, 50):
        found = Samples([uniform_ray(count, density=0.7)]).seen().to_numpy()[0]
        assert np.allclose(found[:4], (1 - np.exp(-1.4)) * np.array([0.2, 0.5, 0.8, 1.0]), atol=1e-14)


def test_splitting_a_segment_changes_nothing(cpu64):
    rng = np.random.default_rng(1)
    t, lengths, values = random_ray(rng, 9)
    whole = Samples([(t, lengths, values)]).seen().to_numpy()
    cut = rng.uniform(0.1, 0.9, 9)
    pieces = np.column_stack([cut, 1 - cut]).ravel() * np.repeat(lengths, 2)
    split = Samples([(np.repeat(t, 2), pieces, np.repeat(values, 2, axis=0))]).seen().to_numpy()
    assert np.allclose(split, whole, atol=1e-14)


def test_an_opaque_sample_hides_all_behind_it(any32):
    rng = np.random.default_rng(2)
    t, lengths, values = random_ray(rng, 8)
    values[3, 0], lengths[:] = 1e6, 0.1
    samples = Samples([(t, lengths, values)])
    front = Samples([(t[:4], lengths[:4], values[:4])])
    assert np.array_equal(samples.seen().to_numpy(), front.seen().to_numpy())
    values_adjoint, t_adjoint, lengths_adjoint = samples.adjoints(rng.standard_normal((1, SEEN)))
    assert np.isfinite(values_adjoint).all()
    assert not values_adjoint[4:].any()
    assert not t_adjoint[4:].any()
    assert not lengths_adjoint[4:].any()
    assert values_adjoint[3, 1:].any()


def test_empty_space_is_seen_through_and_knows_what_density_would_do(cpu64):
    """At sigma = 0 nothing is seen, and dC/d sigma_i = delta_i c_i."""
    t, lengths, values = random_ray(np.random.default_rng(3), 6, density=0.0)
    samples = Samples([(t, lengths, values)])
    assert not samples.seen().to_numpy().any()
    values_adjoint, _, _ = samples.adjoints(np.array([[1.0, 10.0, 100.0, 0.0, 0.0]]))
    assert np.allclose(values_adjoint[:, 0], lengths * (values[:, 1:] @ [1.0, 10.0, 100.0]), rtol=1e-13)
    assert not values_adjoint[:, 1:].any()


def test_what_a_tolerance_cuts_off_has_no_gradient(cpu64):
    samples = Samples([uniform_ray(40, density=3.0)], tolerance=1e-2)
    values_adjoint, _, _ = samples.adjoints(np.ones((1, SEEN)))
    last = int(np.ceil(np.log(1e2) / (3.0 * 2.0 / 40)))
    assert values_adjoint[: last - 1, 1].all()
    assert not values_adjoint[last + 1 :].any()


def test_permuting_rays_permutes_what_is_seen(cpu32):
    rng = np.random.default_rng(4)
    rays = [random_ray(rng, count) for count in rng.integers(0, 12, 30)]
    order = rng.permutation(30)
    there = Samples(rays).seen().to_numpy()[order]
    assert np.array_equal(Samples([rays[i] for i in order]).seen().to_numpy(), there)


@pytest.mark.parametrize("tolerance", [0.0, 0.3])
def test_gradient_equals_central_differences(cpu64, tolerance):
    rng = np.random.default_rng(5)
    rays = [random_ray(rng, count) for count in (5, 9, 3)]
    weights = rng.standard_normal((3, SEEN))
    names = ("t", "lengths", "values")
    inputs = dict(zip(names, map(np.concatenate, zip(*rays, strict=True)), strict=True))
    ends = np.cumsum([len(t) for t, _, _ in rays])[:-1]
    values_adjoint, t_adjoint, lengths_adjoint = Samples(rays, tolerance).adjoints(weights)

    def loss(given):
        each = zip(*(np.split(given[name], ends) for name in names), strict=True)
        return (Samples(list(each), tolerance).seen().to_numpy() * weights).sum()

    adjoints = {"t": t_adjoint, "lengths": lengths_adjoint, "values": values_adjoint}
    errors = relative_errors(loss, inputs, adjoints, names, directions=3, components=4)
    assert max(errors.values()) < 1e-7, errors


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    densities=st.lists(st.sampled_from([0.0, 1e-30, 1e-8, 1e-3, 1.0, 50.0, 1e6, 1e30]), min_size=1, max_size=8),
    length=st.sampled_from([1e-8, 1e-3, 1.0, 100.0]),
)
def test_any_density_gives_a_picture_and_a_gradient(cpu32, densities, length):
    count = len(densities)
    values = np.column_stack([densities, np.full((count, 3), 0.5)])
    samples = Samples([(np.arange(1.0, count + 1), np.full(count, length), values)])
    seen = samples.seen().to_numpy()[0]
    assert ((seen >= 0) & (seen <= [0.5000001] * 3 + [1.0, count * 1.000001])).all()
    for adjoint in samples.adjoints(np.ones((1, SEEN))):
        assert np.isfinite(adjoint).all()
