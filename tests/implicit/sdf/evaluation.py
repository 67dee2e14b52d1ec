"""Functions of a point at arrays of points: one by one, in packets, and Taichi's reverse of them."""

import functools

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.march.packets import distances
from taichi_dr.runtime import runtime_token

LANES = 4


@ti.kernel
def evaluate(function: ti.template(), points: Rows, out: Numbers):
    for i in range(points.shape[0]):
        out[i] = function(row3(points, i))


@ti.kernel
def evaluate_in_packets(function: ti.template(), points: Rows, out: Numbers, packets: int):
    for i in range(packets):
        x = ti.Vector([points[LANES * i + k, 0] for k in ti.static(range(LANES))])
        y = ti.Vector([points[LANES * i + k, 1] for k in ti.static(range(LANES))])
        z = ti.Vector([points[LANES * i + k, 2] for k in ti.static(range(LANES))])
        values = distances(function, x, y, z)
        for k in ti.static(range(LANES)):
            out[LANES * i + k] = values[k]


@ti.kernel
def add_weighted(function: ti.template(), points: ti.template(), weights: ti.template(), loss: ti.template()):
    for i in points:
        loss[None] += weights[i] * function(points[i])


def values(function, points):
    """At points (P, 3), one by one."""
    out = make_array((len(points),))
    evaluate(function, array_from(np.asarray(points, dtype=float)), out)
    return out.to_numpy()


def packed_values(function, points):
    """At points (P, 3), P a multiple of LANES, in packets."""
    out = make_array((len(points),))
    evaluate_in_packets(function, array_from(np.asarray(points, dtype=float)), out, len(points) // LANES)
    return out.to_numpy()


SLOTS = 80
"""Points that ``gradients`` takes, so that every function is compiled once."""


def gradients(function, points, weights, fields):
    """Of ``sum weights f(points)``, by Taichi: of the points (P, 3), and of every field of ``fields`` by name."""
    at, scale, loss = _slots(runtime_token())
    for field, rows in ((at, points), (scale, weights)):
        padded = np.zeros(field.to_numpy().shape, field.to_numpy().dtype)
        padded[: len(rows)] = rows
        field.from_numpy(padded)
    for field in (at, scale, *fields.values()):
        field.grad.fill(0)
    loss.grad[None] = 1.0
    add_weighted.grad(function, at, scale, loss)
    found = {name: np.asarray(field.grad.to_numpy(), dtype=float) for name, field in fields.items()}
    return at.grad.to_numpy()[: len(points)].astype(float), found


@functools.cache
def _slots(runtime):
    """Fields of points, weights and their sum, once for a runtime."""
    at = ti.Vector.field(3, float, SLOTS, needs_grad=True)
    return at, ti.field(float, SLOTS, needs_grad=True), ti.field(float, (), needs_grad=True)
