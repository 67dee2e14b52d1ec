"""Whole vectors: what Taichi has no instruction for has the values that Taichi's own way has, lane by lane."""

import numpy as np
import pytest
import taichi as ti
from backends import SINGLE

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows

LANES = 2


@ti.func
def put(rows: ti.template(), row: ti.template(), value):
    for lane in ti.static(range(LANES)):
        rows[row, lane] = value[lane]


@ti.func
def operations(x, y, g, rows: ti.template()):
    i, j = ti.cast(3.0 * x, ti.i32), ti.cast(y, ti.i32)
    values = ti.static(
        (
            (-x, ti.abs(x), ti.sqrt(x * x), ti.rsqrt(x * x), ti.floor(x), ti.ceil(x), ti.round(x), ti.exp(x)),
            (ti.log(x * x), ti.sin(x), ti.tanh(x), ti.acos(0.2 * x), ti.pow(ti.abs(x), y), x**3, x**-2),
            (x + 1, 1 - x, 3 * x, x / 3, g * x, g - x, x % y, x // y, ti.max(x, 0), ti.min(0.5, x), ti.max(x, y)),
            (-i, abs(i), i + j, i * 2, i // 2, i % 3, i / 2, i << 1, i >> 1, ti.max(i, j), i * x, i + 0.5),
            (ti.math.sign(x), ti.math.clamp(x, -1.0, 1.0), ti.math.mix(x, y, 0.3), ti.math.smoothstep(0.0, 1.0, x)),
            (ti.select(x < y, x, y), ti.select(x > 0, 1, 2) * y, ti.select(x > 0, 1, y), ti.select(g > 0.0, x, y)),
            (ti.select(i, x, y), ti.select(i > j, i, y), x * (x < y), ti.cast(x < y, float), ti.cast(i, float)),
            (ti.select((x < y) & (x > 0.0), x, y), ti.select((x < y) | (x > 0.0), x, y), ti.select(not x < y, x, y)),
            (ti.select(x < y and y > 0.0, x, y), ti.select((x > 0.0) == (y > 0.0), x, y), x + x[1], x * x.sum()),
            (ti.select(ti.math.isnan(ti.log(x)), y, x), ti.select((x > 0.0)[1], x, y), ti.cast(x, ti.f64) * 2.0),
        )
    )
    for group in ti.static(range(len(values))):
        for k in ti.static(range(len(values[group]))):
            put(rows, 16 * group + k, values[group][k] * 1.0)


@ti.func
def statements(x, y, g, field: ti.template(), rows: ti.template()):
    a = x * 1.0
    a += y
    a -= g
    a *= 2
    a /= 3
    put(rows, 160, a)
    i = ti.cast(4.0 * x, ti.i32)
    i += 1.6  # becomes 1 first
    put(rows, 161, i * 1.0)
    i = y
    put(rows, 162, i * 1.0)
    z = 0.0 * x
    for k in range(4):
        z = ti.select(x > z, z + x, ti.min(ti.abs(y), k))
    put(rows, 163, z)
    inside = x > 9.0
    for k in range(4):
        inside = inside | (x > k - 2.0)
    put(rows, 164, ti.select(inside, x, y))
    if (y > 0.0)[1]:
        z = y * 1.0
    put(rows, 165, z)
    m = ti.Matrix([[1.0, 2.0], [3.0, g]])
    put(rows, 166, x * (m @ ti.Vector([g, 2.0]))[1] + ti.sin(m)[0, 1] - (-m.transpose())[0, 1])
    put(rows, 167, x * field[None].dot(ti.Vector([1.0, 2.0, 3.0])) + ti.abs(field[None] * 2.0)[1])
    put(rows, 168, ti.atan2(ti.cast(x, ti.f32), ti.cast(y, ti.f32)))


def compute(x: Numbers, g: float, field: ti.template(), rows: Rows, lanes: ti.template()):
    for first in range(1):
        a = ti.Vector([x[first + lane] for lane in ti.static(range(lanes))])
        b = ti.Vector([x[first + lanes + lane] for lane in ti.static(range(lanes))])
        operations(a, b, g, rows)
        statements(a, b, g, field, rows)


apart, whole = ti.kernel(compute), simd(ti.kernel(compute))


@pytest.mark.parametrize("backend", [*SINGLE, "cpu64"])
def test_whole_vectors_have_the_values_of_numbers(request, backend):
    request.getfixturevalue(backend)
    field = ti.Vector.field(3, float, ())
    field[None] = [0.4, -1.5, 2.5]
    numbers = array_from(np.random.default_rng(0).uniform(-3, 3, 2 * LANES))
    rows = []
    for kernel in (apart, whole):
        out = make_array((170, LANES))
        out.fill(0)
        kernel(numbers, 0.7, field, out, LANES)
        rows.append(out.to_numpy())
    assert np.count_nonzero(np.any(rows[0] != 0, axis=1)) > 65
    tolerance = 1e-13 if backend == "cpu64" else 2e-6
    np.testing.assert_allclose(rows[1][:168], rows[0][:168], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(rows[1][168], rows[0][168], rtol=1e-6)


def test_other_kernels_stay_as_they_are(cpu32):
    assert ti.cfg.real_matrix_scalarize
    with pytest.raises(ti.TaichiRuntimeTypeError):
        whole("numbers", 0.7, None, None, LANES)
    assert ti.cfg.real_matrix_scalarize
