"""Functions of a point in packets: the scalar value, or an error when they are compiled; never another value."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.march.packets import distances, misfit

POINTS = 48
CONSTANT = ti.Vector([0.3, -0.2, 0.1])


class Fields:
    """What the functions below read; made anew for every runtime, by ``fields``."""


@pytest.fixture(autouse=True)
def fields(request):
    """A centre, a radius and a matrix in the runtime of the test."""
    for name in ("cpu32", "cpu64", "any32", "gpu"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    Fields.center, Fields.radius = ti.Vector.field(3, float, ()), ti.field(float, (), needs_grad=True)
    Fields.matrix = ti.Matrix.field(3, 3, float, ())
    Fields.center[None], Fields.radius[None] = [0.1, -0.7, 0.4], 0.6
    Fields.matrix[None] = [[0.5, 0.1, -0.3], [0.2, 0.9, 0.4], [-0.6, 0.3, 0.8]]


@simd
@ti.kernel
def evaluate(function: ti.template(), lanes: ti.template(), points: Rows, scalar: Numbers, packed: Numbers):
    """``scalar`` and ``packed`` (POINTS,) of ``points`` (POINTS, 3), one by one and in packets."""
    for i in range(POINTS):
        scalar[i] = function(row3(points, i))
    for i in range(ti.static(POINTS // lanes)):
        x, y, z = lanes_at(points, i, 0, lanes), lanes_at(points, i, 1, lanes), lanes_at(points, i, 2, lanes)
        values = distances(function, x, y, z)
        for k in ti.static(range(lanes)):
            packed[i * lanes + k] = values[k]


@ti.func
def lanes_at(points: ti.template(), i, c: ti.template(), lanes: ti.template()):
    return ti.Vector([points[i * lanes + k, c] for k in ti.static(range(lanes))])


def both(function, lanes):
    """Values at random points: one by one, and in packets."""
    scalar, packed = make_array((POINTS,)), make_array((POINTS,))
    evaluate(function, lanes, array_from(np.random.default_rng(5).uniform(-2, 2, (POINTS, 3))), scalar, packed)
    return scalar.to_numpy(), packed.to_numpy()


@ti.func
def inner(q, r):
    return q.norm() - r


@ti.func
def squared(x: float) -> float:
    return x * x


@ti.func
def no_point(q: ti.template()):
    return ti.max(q, 0.1)


@ti.func
def minus_field(p):
    return (p - Fields.center[None]).norm() - Fields.radius[None]


@ti.func
def field_minus(p):
    return (Fields.center[None] - p).norm() - Fields.radius[None]


@ti.func
def number_times_vector(p):
    return (Fields.center[None] * p.x + p.y * CONSTANT).dot(p)


@ti.func
def vector_times_vector(p):
    q = p * Fields.center[None] / (p * p + 1.0)
    return q.x + 2.0 * q.y + 3.0 * q.z


@ti.func
def literals(p):
    q = 2.0 * p + p * 0.5 - ti.Vector([1.0, 2.0, 3.0]) + 1 - 3 / (p * p + 2)
    return q.dot(p)


@ti.func
def lists(p):
    return (p - [0.1, 0.2, 0.3]).norm() + p.dot(CONSTANT) + CONSTANT.dot(p) + ti.math.dot(CONSTANT, p)


@ti.func
def indices(p):
    return p[0] + 2 * p[2] - p[1]


@ti.func
def slices(p):
    return p[0:2].norm() - p[1:3].dot(p[0:2])


@ti.func
def static_loop(p):
    total = p[0] * 0.0
    for k in ti.static(range(3)):
        total += p[k] * (k + 1)
    return total


@ti.func
def comprehension(p):
    q = ti.Vector([p[2 - k] * k for k in ti.static(range(3))])
    return q.x - q.y + q.norm()


@ti.func
def negative(p):
    return (-p).norm() + (-p.x) - (+p.y)


@ti.func
def nested(p):
    q = p - Fields.center[None]
    return inner(q, Fields.radius[None]) + minus_field(q) * squared(q.x) + no_point(p).sum() + inner(r=p.y, q=p.xz)


@ti.func
def numbers_max_min(p):
    return ti.max(p.x, ti.min(p.y, 0.3)) + ti.max(p.x, p.y, p.z, 0.1) - min(p.x, p.z) * max(Fields.radius[None], p.y)


@ti.func
def points_max_min(p):
    q = ti.max(ti.abs(p) - Fields.center[None], 0.0)
    return q.norm() + ti.min(Fields.radius[None], p).x + p.max() - p.min() + ti.max(p, -p, 0.2).sum()


@ti.func
def absolute(p):
    q = abs(p) - 0.3
    return q.x + q.y * ti.abs(p.z) + abs(q.z)


@ti.func
def math_functions(p):
    q = ti.math.clamp(p, -0.5, 0.7) + ti.math.mix(p, Fields.center[None], 0.3) + ti.math.fract(p) - ti.math.sign(p)
    r = ti.math.smoothstep(0.1, 0.8, p.x) + ti.math.step(0.2, p.y) + ti.math.mod(p.z, 0.7)
    return ti.math.length(q) + ti.math.dot(p, q) * r + ti.math.distance(p, q)


@ti.func
def math_vectors(p):
    n = ti.math.normalize(p - CONSTANT)
    return ti.math.reflect(p, n).x + ti.math.cross(p, n).y - n.z


@ti.func
def vec3s(p):
    q = ti.math.vec3(p.x, 0.3, p.y) + ti.math.vec3(p.xy, 1.0) + ti.math.vec3(p) + ti.math.vec3([p.z, p.y, 1])
    return q.norm() + q.x - ti.math.vec2(p.x, Fields.radius[None]).norm()


@ti.func
def plane_vectors(p):
    q = ti.Vector([ti.Vector([p.x, p.z]).norm() - 0.8, p.y])
    return q.norm() - 0.2 + ti.Vector([1, p.x]).sum() + ti.Vector([p.x, p.y], ti.f32).cross(q)


@ti.func
def constant_component(p):
    q = ti.Vector([p.x, 1])
    q[1] = 0.5
    return q.x * q.y


@ti.func
def swizzles(p):
    q = p.zxy
    return p.xy.norm() + q.x - p.rgb.g + p.st.t * q.yx.x + p.yyy.sum()


@ti.func
def swizzle_assigned(p):
    q = p
    q.xy = q.yx
    q.z = 2.0
    q[1] += p.z
    return q.x - 3 * q.y + q.z * p.x


@ti.func
def powers(p):
    return p.x**2 + p.x**3.0 + abs(p.y) ** p.x + ti.pow(p.y, 3) - (p**2).sum() + 2.0**p.z + (p * p).norm_sqr() ** 0.5


@ti.func
def divisions(p):
    return p.x // 0.3 + p.y % 0.7 + (p % 0.5).sum() + (p // 0.4).x + 3.0 % (ti.abs(p.z) + 0.5)


@ti.func
def transcendental(p):
    q = ti.sin(p) * ti.cos(p.x) + ti.exp(-p * p) + ti.floor(p * 3) - ti.ceil(p) + ti.tanh(p) + ti.round(p * 5)
    return q.x + q.y * 2 + q.z + ti.log(p.x * p.x + 1) + ti.atan2(p.y, p.x) + ti.sqrt(ti.abs(p.z)) + ti.rsqrt(q.norm())


@ti.func
def selected(p):
    q = ti.select(p.x < 0, -p, p.yzx)
    r = ti.select(p > Fields.center[None], 1.0, p)
    s = ti.select(Fields.radius[None] > 0.5, p.x, 3.0) + ti.select(p.x > p.y, Fields.radius[None], 2)
    return ti.select(p.x < 0, -p.x, p.x) + q.x - q.y + r.dot(q) + s


@ti.func
def conditions(p):
    a = ti.select(p.x < 0 and p.y > 0, 1.0, 2.0) + ti.select(p.x < 0 or p.z > 0, 4.0, 8.0)
    b = ti.select(not p.x < 0, 16.0, 32.0) + ti.select(-0.5 < p.x < 0.5, 64.0, 128.0)
    c = (p.x > 0) * 1.5 + (p.y > 0) + (p.z > 0) - ~ti.cast(p.x > 0, ti.i32)
    return a + b + c + ti.select((p.x < 0) & (p.y != 0), p.x, p.y) + ti.select(p.z == p.z, 3, p.x)


@ti.func
def conditional_expression(p):
    return (p.x if p.y < 0 else p.z) + (1.0 if p.z > 0 else p.y) + (p.x if Fields.radius[None] > 0 else p.y)


@ti.func
def branch_on_a_field(p):
    d = p.x
    if Fields.radius[None] > 0.5:
        d = ti.min(d, p.y)
        d -= 0.25
    else:
        d = 100.0
    return d


@ti.func
def copies_are_copies(p):
    r = p.x
    r += 1.0
    q = p
    q.x *= 3.0
    q -= 1.0
    s = q
    s = p
    s.y = 7.0
    return r + 10 * p.x + 100 * q.x + 1000 * q.y + s.y


@ti.func
def reassigned(p):
    d = p.x
    d = 2.0
    d -= p.y
    d /= 3
    q = p
    q = CONSTANT
    q *= p
    q = q / 2
    return d + q.x * 5 + q.z


@ti.func
def changed_by_itself(p):
    q = p
    q *= q.x
    r = p
    r -= r.yzx
    s = p
    s.xy += s.yx
    t = p
    t = t.zxy + 2 * t
    return q.dot(r) + q.y - 3 * s.x + 5 * t.y + q.z * t.x


@ti.func
def unpacked_tuple(p):
    a, b = p.x, p.y
    a, b = b, a
    return a - 3 * b


@ti.func
def casts(p):
    i = ti.cast(p.x * 10, ti.i32)
    j = int(p.y * 10)
    i += 3
    q = ti.floor(p * 4, ti.i32)
    return i % 4 + float(j) / 3 + ti.cast(q, ti.f32).x + (q % 3).sum() + ti.cast(p.x > 0, float) + i // 2


@ti.func
def truncated(p):
    i = ti.cast(p.x * 10, ti.i32)
    i = p.x * 3.7
    i += 1.6
    i <<= 1
    return i / 4 + i * 0.3 + i


@ti.func
def number_becomes_packet(p):
    d = 0.0
    d = p.x
    return d


@ti.func
def number_adds_packet(p):
    d = 0.0
    d += p.x
    return d


@ti.func
def vector_becomes_point(p):
    q = ti.Vector([0.0, 0.0, 0.0])
    q[0] = p.x
    return q.norm()


@ti.func
def nearest_of_several(p):
    d = 1e9
    total = 0.0
    offset = Fields.center[None]
    for k in ti.static(range(3)):
        offset += CONSTANT * k
        d = ti.min(d, (p - offset).norm())
        total += ti.exp(-d)
    if Fields.radius[None] > 0.5:
        d -= 0.1
    a, b = 0.0, 1.0
    a += p.x
    return d + total + a * b + inner(p - (a, 0.5, b), 0.25)


@ti.func
def changed_copies(q, r, v):
    r += 1.0
    v -= r
    return q.dot(v) * r


@ti.func
def argument_changed(p):
    d = 0.0
    d += changed_copies(p, Fields.radius[None], Fields.center[None])
    return d + Fields.radius[None] + Fields.center[None].x


@ti.func
def lengths(p):
    return p.norm_sqr() + p.normalized().x - p.norm_inv() + p.norm(1e-3) + p.normalized(0.5).y + p.sum()


@ti.func
def crosses(p):
    q = p.cross(Fields.center[None])
    return q.x + p.cross(q).y + p.cross(p.yzx).z + p.xy.cross(p.yz) + Fields.center[None].cross(p).x + p.xy.dot(q.xy)


@ti.func
def product_with_a_matrix(p):
    q = Fields.matrix[None] @ (p - Fields.center[None])
    return q.x + 2 * q.y + 3 * q.z + (p @ Fields.matrix[None].transpose()).x


@ti.func
def no_point_in_it(p):
    return Fields.radius[None] * 2


@ti.func
def a_literal(p):
    return 1


FITTING = [
    minus_field, field_minus, number_times_vector, vector_times_vector, literals, lists, indices, slices,
    static_loop, comprehension, negative, nested, numbers_max_min, points_max_min, absolute, math_functions,
    math_vectors, vec3s, plane_vectors, constant_component, swizzles, swizzle_assigned, powers, divisions,
    transcendental, selected, conditions, conditional_expression, branch_on_a_field, copies_are_copies,
    reassigned, changed_by_itself, unpacked_tuple, casts, truncated, number_becomes_packet, number_adds_packet,
    vector_becomes_point, nearest_of_several, argument_changed, lengths, crosses, product_with_a_matrix,
    no_point_in_it, a_literal,
]  # fmt: skip


@pytest.mark.parametrize("function", FITTING, ids=lambda function: function.__name__)
def test_functions_that_fit_have_the_scalar_value(cpu32, function):
    assert misfit(function) is None
    assert misfit(function) is None  # asked for every renderer of it
    scalar, packed = both(function, 8)
    np.testing.assert_allclose(packed, scalar, rtol=1e-6, atol=1e-6)
    assert np.ptp(scalar) > 0.1 or function in (no_point_in_it, a_literal)


@pytest.mark.parametrize("function", FITTING, ids=lambda function: function.__name__)
def test_packets_of_three_are_not_taken_for_points(cpu64, function):
    assert misfit(function) is None
    scalar, packed = both(function, 3)
    np.testing.assert_allclose(packed, scalar, rtol=1e-13, atol=1e-13)


@ti.func
def branch(p):
    d = p.x
    if d < 0:
        d = -d
    return d


@ti.func
def branch_on_a_point(p):
    d = 1.0
    if (p < 0).any():
        d = 2.0
    return d


@ti.func
def static_branch(p):
    d = 1.0
    if ti.static(p.x):
        d = 2.0
    return d


@ti.func
def loop(p):
    d = p.x
    while d < 0:
        d += 1.0
    return d


@ti.func
def condition_on_what_may_be_a_packet(p):
    d = 0.0
    d = p.x
    r = Fields.radius[None]
    if r > 0.5:
        d = 1.0
    return d


@ti.func
def point_becomes_packet(p):
    d = p.x
    d = p
    return d


@ti.func
def atomic(p):
    d = 0.0
    ti.atomic_max(d, p.x)
    return d


@ti.func
def stored(p):
    Fields.radius[None] = p.x
    return p.x


@ti.func
def index_of_a_field(p):
    return Fields.table[ti.cast(p.x, ti.i32)]


@ti.func
def index_of_a_point(p):
    k = ti.cast(Fields.radius[None] + 1, ti.i32)
    return p[k]


@ti.func
def index_too_high(p):
    return p[3] + p.w


@ti.func
def packet_as_vector(p):
    return p.x.norm()


@ti.func
def packet_component(p):
    return p.x[0]


@ti.func
def packet_dot(p):
    return p.dot(p.x)


@ti.func
def matrix_of_packets(p):
    m = ti.Matrix([[p.x, p.y], [p.y, p.z]])
    return m[0, 0] + m.determinant()


@ti.func
def matrix_of_points(p):
    m = ti.Vector([p, p])
    return m.norm()


@ti.func
def matrix_of_rows(p):
    return ti.Matrix.rows([p, p]).norm()


@ti.func
def matrix_times_packet(p):
    return (Fields.matrix[None] * p.x).norm()


@ti.func
def outer_product(p):
    return p.outer_product(p)[0, 1]


@ti.func
def wrong_sizes(p):
    return (p.xy * p).norm()


@ti.func
def wrong_dot(p):
    return p.xy.dot(Fields.center[None])


@ti.func
def wrong_vector(p):
    return ti.math.vec3(p.x, p.y).norm()


@ti.func
def annotated(p: ti.types.vector(3, float)):
    return p.norm()


@ti.func
def returns_a_point(p):
    return p


@ti.func
def returns_a_vector(p):
    return CONSTANT


@ti.func
def unpacked(p):
    x, y, z = p
    return x + y + z


@ti.func
def bits(p):
    return ti.bit_cast(p.x, ti.i32)


@ti.func
def checked(p):
    assert p.x > 0
    return p.x


REFUSED = [
    branch, branch_on_a_point, static_branch, loop, condition_on_what_may_be_a_packet, point_becomes_packet,
    atomic, stored, index_of_a_field, index_of_a_point, index_too_high, packet_as_vector, packet_component,
    packet_dot, matrix_of_packets, matrix_of_points, matrix_of_rows, matrix_times_packet, outer_product,
    wrong_sizes, wrong_dot, wrong_vector, annotated, returns_a_point, returns_a_vector, unpacked, bits, checked,
]  # fmt: skip


@pytest.mark.parametrize("function", REFUSED, ids=lambda function: function.__name__)
def test_functions_that_do_not_fit_are_refused_with_their_line(cpu32, function):
    Fields.table = ti.field(float, 8)
    assert f"in {function.__name__}:" in misfit(function) or function in (annotated, returns_a_point, returns_a_vector)


@pytest.mark.parametrize(
    "function", [nested, plane_vectors, conditions, product_with_a_matrix], ids=lambda f: f.__name__
)
def test_on_each_backend(any32, function):
    scalar, packed = both(function, 8)
    np.testing.assert_allclose(packed, scalar, rtol=1e-5, atol=1e-5)


def test_after_a_refusal_taichi_compiles_and_differentiates_as_before(any32):
    loss = ti.field(float, (), needs_grad=True)

    @ti.kernel
    def add_distance():
        for _ in range(1):
            loss[None] += 3.0 * minus_field(ti.Vector([1.0, 2.0, 3.0]))

    with ti.ad.Tape(loss):
        assert misfit(branch)
        assert misfit(returns_a_point)
        add_distance()
        assert misfit(loop)
        assert not misfit(minus_field)
    assert Fields.radius.grad[None] == -3.0
    scalar, packed = both(field_minus, 8)
    np.testing.assert_allclose(packed, scalar, rtol=1e-5)


@ti.data_oriented
class Ball:
    def __init__(self, radius):
        self.radius = radius

    @ti.func
    def distance(self, p):
        return (p - CONSTANT).norm() - self.radius


def test_methods_fit(cpu32):
    ball = Ball(0.4)
    assert misfit(ball.distance) is None
    scalar, packed = both(ball.distance, 8)
    np.testing.assert_allclose(packed, scalar, rtol=1e-5, atol=1e-6)
