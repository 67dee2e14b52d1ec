"""The derivatives of the soft rasterizer's formulas, each by its name, against central differences of the formula."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.soft import modes as names
from taichi_dr.kernels.soft.cut_face import cut_pair
from taichi_dr.kernels.soft.modes import Modes, Softness
from taichi_dr.kernels.soft.packets import Packets
from taichi_dr.kernels.soft.pair import normalized_adjoint
from taichi_dr.kernels.soft.weights import alpha_slope, coverage, exponent_adjoint, pair_weight
from taichi_dr.kernels.soft.whole_face import (
    clipped_barycentric,
    clipped_barycentric_adjoint,
    load_reach,
    load_whole,
    nearest_of_whole,
    screen_barycentric,
    screen_barycentric_gradient,
    squared_and_inside,
    squared_distance_adjoint,
    squared_smallest_adjoint,
    whole_distance,
    whole_row,
)
from tests.kernels.soft.test_soft_pass import Scene

STEP = 1e-6
EUCLIDEAN = Modes(names.ALPHA_PRODUCT, names.COLOR_SOFTMAX, names.DISTANCE_EUCLIDEAN)
_rows = ti.types.ndarray(ndim=2)


def values_and_slopes(kernel, x, *arguments):
    """What the kernel writes at x (N, K): columns of values, of slopes, and central differences of the former."""
    outs = []
    for shifted in (x, x + STEP, x - STEP):
        out = make_array((len(x), 2))
        kernel(array_from(shifted), out, *arguments)
        outs.append(out.to_numpy())
    return outs[0], (outs[1][:, 0] - outs[2][:, 0]) / (2 * STEP)


@ti.kernel
def _alpha(x: _rows, out: _rows, modes: ti.template()):
    """Alpha and its slope of one face behind others that let ``1 - 0.4`` through, over x = +-d^2 / sigma."""
    for i in range(x.shape[0]):
        v = ti.Vector([x[i, 0]])
        cover, uncover = coverage(ti.abs(v), v, v * 0.0 + 1.0, 1.0, modes, True)
        through = 1.0
        out[i, 0] = 0.4 + cover[0]
        if ti.static(modes.alpha == names.ALPHA_PRODUCT):
            out[i, 0] = 1.0 - 0.6 * uncover[0]
            through = 0.6 * uncover[0]
        out[i, 1] = through * alpha_slope(cover, uncover, modes)[0]


@pytest.mark.parametrize("alpha", [names.ALPHA_PRODUCT, names.ALPHA_SUM])
def test_alpha_of_a_face(cpu64, alpha):
    got, expected = values_and_slopes(_alpha, np.linspace(-9, 9, 20)[:, None], EUCLIDEAN._replace(alpha=alpha))
    np.testing.assert_allclose(got[:, 1], expected, atol=1e-9)


def test_hard_alpha_has_no_slope(cpu64):
    got, _ = values_and_slopes(_alpha, np.linspace(-9, 9, 4)[:, None], EUCLIDEAN._replace(alpha=names.ALPHA_HARD))
    assert not got[:, 1].any()


@ti.kernel
def _softmax(x: _rows, out: _rows):
    """The blend of two faces, values 3 and -2, over the depth of the first, and ``-k dL/de`` of that."""
    for i in range(x.shape[0]):
        k, z, other, one = 5.0, ti.Vector([x[i, 0]]), ti.Vector([1.4]), ti.Vector([1.0])
        weight = pair_weight(0.7 * one, z, 1.2 * one, 0, k, ti.static(EUCLIDEAN), True)
        rest = pair_weight(0.9 * one, other, 1.2 * one, 0, k, ti.static(EUCLIDEAN), True)
        total = weight + rest
        mean = (3.0 * weight - 2.0 * rest) / total
        out[i, 0] = mean[0]
        out[i, 1] = -k * exponent_adjoint(weight / total, 3.0 * one, mean, ti.static(EUCLIDEAN))[0]


def test_softmax_weight(cpu64):
    got, expected = values_and_slopes(_softmax, np.linspace(1.3, 2.5, 7)[:, None])
    np.testing.assert_allclose(got[:, 1], expected, atol=1e-8)


@ti.kernel
def _normalized(x: _rows, out: _rows):
    """``sum h_k p_k``, ``p = q / sum q``, over q_0, and the adjoint of q_0."""
    for i in range(x.shape[0]):
        q = [ti.Vector([x[i, 0]]), ti.Vector([0.5]), ti.Vector([1.7])]
        h = [ti.Vector([0.3]), ti.Vector([-2.0]), ti.Vector([1.1])]
        r = 1.0 / (q[0] + q[1] + q[2])
        p = [q[k] * r for k in ti.static(range(3))]
        f = normalized_adjoint(p, h)
        out[i, 0] = (h[0] * p[0] + h[1] * p[1] + h[2] * p[2])[0]
        out[i, 1] = (f[0] * r)[0]


def test_normalised_barycentrics(cpu64):
    got, expected = values_and_slopes(_normalized, np.linspace(0, 2, 5)[:, None])
    np.testing.assert_allclose(got[:, 1], expected, atol=1e-9)


@ti.kernel
def _whole(at: _rows, records: _rows, item: ti.i32, out: _rows):
    """At each (x, y): the squared distance and twice the vector (dx, dy); w_0 and its gradient."""
    for i in range(at.shape[0]):
        packets = ti.static(Packets(1, 1, (1, 1), True))
        face = ti.static(load_whole(records, item, ti.static(load_reach(records, item))))
        row = ti.static(whole_row(face, ti.Vector([at[i, 1]]), packets))
        distance = ti.static(whole_distance(row, ti.Vector([at[i, 0]])))
        squared, _inside = squared_and_inside(distance, ti.static(EUCLIDEAN))
        dx, dy, _b0, _b1, _b2 = nearest_of_whole(distance)
        gradient_x, gradient_y = screen_barycentric_gradient(face, 0)
        out[i, 0], out[i, 1], out[i, 2] = squared[0], 2.0 * dx[0], 2.0 * dy[0]
        out[i, 3], out[i, 4], out[i, 5] = screen_barycentric(distance, 0)[0], gradient_x, gradient_y


def test_distance_and_barycentric_of_a_whole_face(cpu64):
    scene = Scene(1)
    soft = scene.soft_pass()
    scene.forward(soft)
    at = np.random.default_rng(0).uniform(-1, 1, (50, 2))

    def probe(shift):
        out = make_array((50, 6))
        _whole(array_from(at + shift), soft.records, 2, out)
        return out.to_numpy()

    got = probe([0, 0])
    for axis in range(2):
        step = STEP * np.eye(2)[axis]
        expected = (probe(step) - probe(-step)) / (2 * STEP)
        np.testing.assert_allclose(got[:, 1 + axis], expected[:, 0], atol=1e-7)
        np.testing.assert_allclose(got[:, 4 + axis], expected[:, 3], atol=1e-7)


@ti.kernel
def _clipped(x: _rows, out: _rows, records: _rows, item: ti.i32, corner: ti.template()):
    """``q_k`` at (x, 0.1) and its derivative by x; then, in a third column, ``w_k``."""
    for i in range(x.shape[0]):
        packets = ti.static(Packets(1, 1, (1, 1), True))
        face = ti.static(load_whole(records, item, ti.static(load_reach(records, item))))
        row = ti.static(whole_row(face, ti.Vector([0.1]), packets))
        distance = ti.static(whole_distance(row, ti.Vector([x[i, 0]])))
        w, one = screen_barycentric(distance, corner), ti.Vector([1.0])
        gradient_x, _gradient_y = screen_barycentric_gradient(face, corner)
        out[i, 0] = clipped_barycentric(distance, corner)[0]
        out[i, 1] = (clipped_barycentric_adjoint(w, face, corner, one) * gradient_x)[0]
        if out.shape[1] > 2:
            out[i, 2] = w[0]


@pytest.mark.parametrize("corner", range(3))
def test_clipped_barycentric(cpu64, corner):
    """Along a line that begins and ends outside of a face: below 0, between, and above 1."""
    scene = Scene(1)
    soft = scene.soft_pass()
    scene.forward(soft)
    x, out = np.linspace(-20, 20, 401)[:, None], make_array((401, 3))
    _clipped(array_from(x), out, soft.records, 2, corner)
    w = out.to_numpy()[:, 2]
    assert w.min() < 0
    assert w.max() > 1
    assert ((w > 0) & (w < 1)).any()
    assert np.minimum(abs(w), abs(w - 1)).min() > 1e-4  # no kink within a step
    got, expected = values_and_slopes(_clipped, x, soft.records, 2, corner)
    inverse_w = 1 / scene.clip[0, scene.faces[2, corner], 2]
    np.testing.assert_allclose(got[:, 0], np.clip(w, 0, 1) * inverse_w, atol=1e-14)
    np.testing.assert_allclose(got[:, 1], expected, atol=1e-7)


@ti.kernel
def _cut(at: _rows, records: _rows, item: ti.i32, out: _rows):
    for i in range(at.shape[0]):
        packets, softness = ti.static(Packets(1, 1, (1, 1), True), Softness(1.0, 5.0, 1.0, 1.0, 1.0))
        x, y = ti.Vector([at[i, 0]]), ti.Vector([at[i, 1]])
        pair = ti.static(cut_pair(records, item, x, y, softness, packets))
        out[i, 0], out[i, 1], out[i, 2] = pair.squared[0], 2.0 * pair.distance.d[0][0], 2.0 * pair.distance.d[1][0]


def test_distance_of_a_cut_face(cpu64):
    scene = Scene(0, faces=4, depth=(0.3, 2.0))
    soft = scene.soft_pass()
    scene.forward(soft)
    item = int(np.flatnonzero(soft.kinds.to_numpy() > 1)[0])
    at = np.random.default_rng(0).uniform(-1, 1, (50, 2))

    def probe(shift):
        out = make_array((50, 3))
        _cut(array_from(at + shift), soft.records, item, out)
        return out.to_numpy()

    got = probe([0, 0])
    for axis in range(2):
        step = STEP * np.eye(2)[axis]
        expected = (probe(step) - probe(-step)) / (2 * STEP)
        np.testing.assert_allclose(got[:, 1 + axis], expected[:, 0], atol=1e-7)


@ti.kernel
def _squared(x: _rows, out: _rows, smallest_of_three: ti.template()):
    """A tenth of ``d_x^2 + 0.3^2``, or of ``m^2`` with m the smallest of x, 0.2 and 0.5; and the slope by x."""
    for i in range(x.shape[0]):
        v = ti.Vector([x[i, 0]])
        squared, slope = v * v + 0.09, 2.0 * v
        if ti.static(smallest_of_three):
            smallest = ti.min(v, 0.2)
            squared, slope = smallest * smallest, squared_smallest_adjoint(v, smallest, 0.1 + 0.0 * v)
        else:
            slope, _ = squared_distance_adjoint(v, 0.3 + 0.0 * v, 0.1 + 0.0 * v)
        out[i, 0], out[i, 1] = 0.1 * squared[0], slope[0]


@pytest.mark.parametrize("smallest_of_three", [False, True])
def test_squared_distances_of_both_modes(cpu64, smallest_of_three):
    got, expected = values_and_slopes(_squared, np.linspace(-0.65, 0.6, 9)[:, None], smallest_of_three)
    np.testing.assert_allclose(got[:, 1], expected, atol=1e-9)
