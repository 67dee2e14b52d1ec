"""Signed distances against brute force: values, bounds, gradients; one by one and in packets."""

import functools

import numpy as np
import pytest
import taichi as ti
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from implicit.sdf.cases import COMBINED, SOLIDS, Fields, make_fields, parameters, sdf
from implicit.sdf.evaluation import gradients, packed_values, values
from oracles import sdf as oracle
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.march.packets import misfit

CASES = SOLIDS + COMBINED


@pytest.fixture(autouse=True)
def fields(request):
    """The parameters' fields, in the runtime of the test."""
    for name in ("cpu64", "any32"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
            make_fields()


def name_of(case):
    return case.function.__name__


def random_points(count=80, seed=3):
    random = np.random.default_rng(seed)
    return np.concatenate([random.uniform(-1.5, 1.5, (count // 2, 3)), random.uniform(-0.6, 0.6, (count // 2, 3))])


@functools.cache
def expected_of(name):
    """The oracle's values at the random points."""
    case = next(case for case in CASES if name_of(case) == name)
    return case.oracle(random_points(), parameters())


def find(name):
    """The function of the case of this name."""
    return next(case.function for case in CASES if name_of(case) == name)


each_case = pytest.mark.parametrize("case", CASES, ids=name_of)


@each_case
def test_values_equal_the_oracle(cpu64, case):
    expected = expected_of(name_of(case))
    np.testing.assert_allclose(values(case.function, random_points()), expected, atol=1e-9)
    np.testing.assert_allclose(packed_values(case.function, random_points()), expected, atol=1e-9)
    assert expected.min() < 0 < expected.max()


@each_case
def test_values_in_single_precision(any32, case):
    expected = expected_of(name_of(case))
    np.testing.assert_allclose(values(case.function, random_points()), expected, atol=2e-6)
    assert misfit(case.function) is None
    np.testing.assert_allclose(packed_values(case.function, random_points()), expected, atol=2e-6)


def test_a_repeated_box_is_as_near_as_the_nearest_of_its_copies(cpu64):
    x, near = parameters(), np.arange(-2, 3)
    steps = np.stack(np.meshgrid(near, near, near), axis=-1).reshape(-1, 3) * x["period"]
    points = 2 * random_points()
    expected = np.min([oracle.box(points - step, x["half"]) for step in steps], axis=0)
    np.testing.assert_allclose(values(find("repeat"), points), expected, atol=1e-12)


@pytest.mark.parametrize("radii", [(1, 0.5, 0.25), (1, 1, 0.05), (0.05, 0.05, 1), (1, 1, 1), (0.3, 2, 1)])
def test_ellipsoids_of_any_shape(any32, restored, radii):
    points, radii = random_points(400), np.array(radii)
    expected = oracle.ellipsoid(points, radii)
    errors = np.abs(case_values("ellipsoid", points, radii=radii) - expected)
    assert errors[expected > -0.02 * radii.min()].max() < 2e-6
    assert errors.max() < 2e-3 * radii.max()


LIPSCHITZ = {"twist": (0.8 * 1.7 + np.sqrt((0.8 * 1.7) ** 2 + 4)) / 2}
"""Constants that are not 1: a rate of 0.8, points up to 1.7 from the axis."""


@each_case
def test_lipschitz_constants(cpu64, case):
    random = np.random.default_rng(7)
    p = random.uniform(-1.2, 1.2, (20000, 3))
    q = np.clip(p + random.normal(size=p.shape) * 10 ** random.uniform(-5, 0.3, (20000, 1)), -1.2, 1.2)
    change, way = np.abs(values(case.function, p) - values(case.function, q)), np.linalg.norm(p - q, axis=1)
    slope = np.max(change[way > 1e-6] / way[way > 1e-6])
    constant = LIPSCHITZ.get(name_of(case), 1.0)
    assert 0.6 * constant < slope < constant * (1 + 1e-6)


@each_case
def test_gradients_equal_central_differences(cpu64, case):
    points, weights = random_points(60, seed=11), np.random.default_rng(12).normal(size=60)
    at_points, at_parameters = parameter_gradients(case, points, weights)
    inputs = parameters() | {"points": points}
    errors = relative_errors(
        lambda x: weighted_sum(case, x, weights),
        inputs,
        at_parameters | {"points": at_points},
        [*at_parameters, "points"],
    )
    weighted_sum(case, inputs, weights)  # leaves the fields as they were
    assert max(errors.values()) < 1e-7, errors


def parameter_gradients(case, points, weights):
    return gradients(case.function, points, weights, {name: getattr(Fields, name) for name in case.names.split()})


def weighted_sum(case, x, weights):
    """By the kernel, at these parameters."""
    for name in case.names.split():
        getattr(Fields, name)[None] = x[name]
    return np.sum(weights * values(case.function, x["points"]))


@each_case
def test_gradients_in_single_precision(any32, case):
    points, weights = random_points(60, seed=11), np.random.default_rng(12).normal(size=60)
    at_points, at_parameters = parameter_gradients(case, points, weights)
    errors = relative_errors(
        lambda x: np.sum(weights * case.oracle(x["points"], x)),
        parameters() | {"points": points},
        at_parameters | {"points": at_points},
        [*at_parameters, "points"],
        directions=1,
        step=1e-5,
    )
    assert max(errors.values()) < 1e-4, errors


@pytest.mark.parametrize("case", [case for case in CASES if case.exact], ids=name_of)
def test_on_the_surface_the_gradient_is_a_unit_normal(any32, case):
    points, ones = random_points(60, seed=2), np.ones(60)
    for _ in range(3):
        normals, _ = parameter_gradients(case, points, ones)
        points = points - values(case.function, points)[:, None] * normals
    on_surface = np.abs(values(case.function, points)) < 1e-6
    normals, _ = parameter_gradients(case, points, ones)
    lengths = np.linalg.norm(normals, axis=1)[on_surface]
    assert on_surface.mean() > 0.8
    assert np.mean(np.abs(lengths - 1) < 1e-4) > 0.95  # an edge has two normals, which may be 0


SPECIAL = np.array(
    [[0, 0, 0], [0.5, 0, 0], [0, 0.7, 0], [0, -0.7, 0], [0, 0.3, 0], [0.6, 0, 0], [0.6, 0.7, 0], [0.6, -0.7, 0]]
    + [
        [0.5, 0.8, 0.3],
        [-0.5, 0.8, 0],
        [0.15, -0.1, 0.25],
        [0, 0, 0.6],
        [0.35, 0, 0],
        [-0.3, 0.2, 0.1],
        [0.4, -0.3, 0.5],
    ]
    + [[0.9, 0, 0], [0, 0.5, 0], [0, 0, 0.3], [0.3, 0, 0.3], [1e3, -1e3, 1e3], [1e-20, 0, -1e-20], [0.85, 1.1, 1.25]]
)
"""Centres, axes, tips, corners, edges, ends and surfaces."""


@each_case
def test_gradients_are_finite_everywhere(any32, case):
    at_points, at_parameters = parameter_gradients(case, SPECIAL, np.ones(len(SPECIAL)))
    assert np.isfinite(at_points).all()
    assert np.linalg.norm(at_points, axis=1).max() < 2.5
    assert all(np.isfinite(gradient).all() for gradient in at_parameters.values())


@ti.func
def nothing_smooth(p):
    return sdf.smooth_union(
        p.x, sdf.capsule(p, Fields.center[None], Fields.center[None], 0.5), 0.0 * Fields.width[None]
    )


def test_a_capsule_without_length_is_a_ball_and_a_fillet_without_width_an_edge(any32):
    points = random_points()
    ball = np.linalg.norm(points - parameters()["center"], axis=1) - 0.5
    np.testing.assert_allclose(values(nothing_smooth, points), np.minimum(points[:, 0], ball), atol=1e-6)
    used = {"center": Fields.center, "width": Fields.width}
    at_points, at_parameters = gradients(nothing_smooth, SPECIAL, np.ones(len(SPECIAL)), used)
    assert np.isfinite(at_points).all()
    assert all(np.isfinite(gradient).all() for gradient in at_parameters.values())


FACES = {
    "box": ([[0.5, 0, 0.1], [0, -0.8, 0.1], [0.1, 0, 0.3]], [[1, 0, 0], [0, -1, 0], [0, 0, 1]]),
    "cylinder": ([[0.1, 0.7, 0.2], [0.1, -0.7, 0.2]], [[0, 1, 0], [0, -1, 0]]),
    "cone": ([[0.1, -0.7, 0.2]], [[0, -1, 0]]),
    "difference": ([[-0.5, 0.6, 0]], [[-1, 0, 0]]),
}


@pytest.mark.parametrize("name", FACES)
def test_gradients_where_the_distance_is_zero(any32, name):
    case = next(case for case in CASES if name_of(case) == name)
    points, normals = (np.array(column, dtype=float) for column in FACES[name])
    assert np.abs(values(case.function, points)).max() < 1e-11
    np.testing.assert_allclose(parameter_gradients(case, points, np.ones(len(points)))[0], normals, atol=1e-6)


def test_where_two_balls_are_as_near_a_smooth_union_turns_to_neither(cpu64):
    half, _ = gradients(two_balls, np.array([[0.0, 1.0, 0.0]]), np.ones(1), {})
    np.testing.assert_allclose(half, [[0.0, np.sqrt(0.5), 0.0]], atol=1e-12)


@ti.func
def two_balls(p):
    return sdf.smooth_union(sdf.sphere(p - (1, 0, 0), 0.5), sdf.sphere(p + ti.Vector([1, 0, 0]), 0.5), 0.2)


@ti.kernel
def literals(out: Numbers):
    for _ in range(1):
        out[0] = sdf.sphere(ti.Vector([3, 4, 12]), 1)
        out[1] = sdf.plane(ti.Vector([1, 2, 3]), (0, 2, 0), 0.5)
        out[2] = sdf.plane(ti.Vector([1, 2, 3]), (0, 2, 0))
        out[3] = sdf.box(ti.Vector([4.0, 1.0, 5.0]), (1, 2, 1))
        out[4] = sdf.box(ti.Vector([0.5, 0.0, 0.0]), 1)
        out[5] = sdf.rounded_box(ti.Vector([4, 1, 5]), 1.5, 0.5)
        out[6] = sdf.torus(ti.Vector([4, 4, 0]), 1, 0.5)
        out[7] = sdf.capsule(ti.Vector([5, 3, 0]), (0, 0, 0), (2, 0, 0), 1)
        out[8] = sdf.cylinder(ti.Vector([4, 6, 0]), 1, 2)
        out[9] = sdf.cone(ti.Vector([0, 5, 0]), 1, 2)
        out[10] = sdf.ellipsoid(ti.Vector([0, 5, 0]), (1, 2, 3))
        out[11] = sdf.smooth_union(1, 1, 0.4)
        out[12] = sdf.smooth_intersection(1.0, 1.0, 0.4)
        out[13] = sdf.difference(-3.0, -1.0)
        out[14] = sdf.smooth_difference(0.2, 5.0, 0.1)


def test_values_by_hand(any32):
    out = make_array((15,))
    literals(out)
    expected = [12, 1.5, 2, 5, -0.5, 4.5, 4.5, np.sqrt(18) - 1, 5, 3, 3, 0.9, 1.1, 1, 0.2]
    np.testing.assert_allclose(out.to_numpy(), expected, atol=2e-6)


@ti.kernel
def moved(out: Rows):
    for _ in range(1):
        for c in ti.static(range(3)):
            out[0, c] = sdf.translate(ti.Vector([1.0, 2.0, 3.0]), (1, 0, 5))[c]
            out[1, c] = sdf.rotate(ti.Vector([0, 0, -1]), (0, 1, 0), np.pi / 2)[c]
            out[2, c] = sdf.repeat(ti.Vector([1.9, 0.2, -0.6]), 1)[c]
            out[3, c] = sdf.repeat(ti.Vector([1.9, 0.2, -0.6]), (1, 2, 4))[c]
            out[4, c] = sdf.twist(ti.Vector([0, 1, -1]), np.pi / 2)[c]


def test_points_by_hand(any32):
    out = make_array((5, 3))
    moved(out)
    expected = [[0, 2, -2], [1, 0, 0], [-0.1, 0.2, 0.4], [-0.1, 0.2, -0.6], [1, 1, 0]]
    np.testing.assert_allclose(out.to_numpy(), expected, atol=1e-6)


@ti.func
def all_literal(p):
    q = sdf.repeat(sdf.rotate(sdf.twist(sdf.translate(p, (0.1, 0, 0)), 1), (0, 1, 0), 0.3), (2, 3, 2))
    a = sdf.smooth_union(sdf.capsule(q, (0, 0, 0), (1, 0, 0), 0.2), sdf.ellipsoid(q, (1, 0.5, 0.3)), 0.1)
    return sdf.difference(sdf.intersection(a, sdf.plane(q, (0, 1, 1))), sdf.box(q, (0.1, 1, 0.2)))


def test_tuples_and_whole_numbers_fit_packets(cpu32):
    assert misfit(all_literal) is None
    points = random_points()
    np.testing.assert_allclose(packed_values(all_literal, points), values(all_literal, points), atol=1e-6)


numbers = st.floats(-2, 2, allow_subnormal=False)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
lengths = st.floats(0.05, 1.5)
some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def restored():
    """Hands the parameters' fields back as they were."""
    yield
    for name, value in parameters().items():
        getattr(Fields, name)[None] = value


def case_values(case, points, **settings):
    """The case's function with some parameters set to other values."""
    for name, value in settings.items():
        getattr(Fields, name)[None] = value
    return values(find(case), points)


@some
@given(p=vectors, half=st.tuples(lengths, lengths, lengths).map(np.array), radius=lengths, height=lengths)
def test_mirror_images_have_the_same_distance(cpu64, restored, p, half, radius, height):
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    for name in ("box", "ellipsoid", "cylinder", "torus", "sphere", "rounded_box"):
        found = case_values(name, p * signs, half=half, radii=half, radius=radius, half_height=height)
        np.testing.assert_allclose(found, found[0], atol=1e-12)
    for name in ("cone", "cylinder", "torus"):  # solids of revolution
        turned = np.stack([oracle.rotation(np.array([0, 1.0, 0]), angle) @ p for angle in (0, 1, 2)])
        found = case_values(name, turned, radius=radius, half_height=height)
        np.testing.assert_allclose(found, found[0], atol=1e-12)


@some
@given(p=vectors, half=st.tuples(lengths, lengths, lengths).map(np.array), center=vectors, axis=vectors, angle=numbers)
def test_moved_shapes_at_moved_points(cpu64, restored, p, half, center, axis, angle):
    axis = axis + np.array([2.5, 0, 0])
    at_home = case_values("box", p[None], half=half)
    np.testing.assert_allclose(case_values("translate", (p + center)[None], center=center), at_home, atol=1e-12)
    turned = oracle.rotation(axis, angle) @ p
    np.testing.assert_allclose(case_values("rotate", turned[None], axis=axis, angle=angle), at_home, atol=1e-12)


@some
@given(p=vectors, factor=lengths, radius=lengths, period=lengths, cell=st.integers(-3, 3))
def test_scaled_and_repeated_shapes(cpu64, restored, p, factor, radius, period, cell):
    at_home = case_values("cone", p[None], radius=radius)
    np.testing.assert_allclose(case_values("scale", factor * p[None], factor=factor), factor * at_home, atol=1e-12)
    inside = p / 4.1 * period
    found = case_values("repeat", np.stack([inside, inside + cell * period]), period=np.full(3, period))
    np.testing.assert_allclose(found, case_values("box", inside[None])[0], atol=1e-12)


@some
@given(p=vectors, center=vectors, radius=lengths, width=lengths)
def test_combinations_lie_where_they_must(cpu64, restored, p, center, radius, width):
    given = {"center": center, "radius": radius, "width": width}
    ball, ring = case_values("sphere", (p - center)[None], **given), case_values("torus", p[None])
    smooth = case_values("smooth_union", p[None])
    np.testing.assert_array_equal(case_values("union", p[None]), np.minimum(ball, ring))
    assert np.minimum(ball, ring) - width / 4 - 1e-12 <= smooth <= np.minimum(ball, ring) + 1e-12
    block = case_values("box", p[None])
    cut, smooth_cut = case_values("difference", p[None]), case_values("smooth_difference", p[None])
    np.testing.assert_array_equal(cut, np.maximum(block, -ball))
    assert cut - 1e-12 <= smooth_cut <= cut + width / 4 + 1e-12
