"""Packets of points: one source of a ``ti.func`` of a point, evaluated at several points in SIMD code.

A function that is called with a ``Point``, whose components are packets (a vector with one lane per point), is traced
as it stands: ``p - c[None]``, ``ti.max(p.x, 0.0)``, ``p.xz.norm()``, ``M @ p``.  Everything happens lane by lane, and
the kinds are told apart by class and not by shape: a ``Packet`` stands for a number, a ``Point`` for a vector, however
many lanes they have.  Taichi knows neither (``point``), so that what is not written for them is an error when it is
compiled and never another value: ``misfit`` says which.

What this file changes below Taichi's documented interface, and why:

* ``ops._unary_operation``, ``_binary_operation`` and ``_ternary_operation``, which all operators and functions of
  numbers go through, look for packets among their operands first: ``c[None] - p`` and ``ti.max(r[None], p.x)`` ask
  the operand on the left, which is Taichi's.
* ``matrix_ops.dot`` and ``cross`` do so: ``normal[None].dot(p)``.
* ``matrix.make_matrix`` and ``make_matrix_with_shape``, which ``ti.Vector`` and ``ti.math.vec3`` call, make a ``Point``
  where a component is a packet; a vector of vectors would be a matrix.
* ``impl.expr_init`` and ``expr_init_func``, which make a variable of every value that is assigned or passed, make one
  of packets too, and of numbers that packets are assigned to later.

Gone when Taichi has vectors of vectors.
"""

import taichi as ti
from taichi._lib import core
from taichi.lang import impl, matrix, matrix_ops, ops
from taichi.lang.exception import TaichiTypeError
from taichi.lang.expr import Expr
from taichi.types.primitive_types import real_types

from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.march.point import (
    Assigned,
    Lanes,
    Packet,
    Point,
    as_vector,
    assigning,
    called_by_kernels,
    component_of,
    make_matrix,
    make_variable,
    size_of,
    spread,
)
from taichi_dr.tape import off_tape


def _each_lane(original, taichi_op, python_op, operands):
    """An operation of numbers, lane after lane."""
    lanes = next(operand.lanes.n for operand in operands if isinstance(operand, Packet))
    exprs = [spread(operand, lanes).lanes for operand in operands]
    values = (original(taichi_op, python_op, *(impl.subscript(None, e, k) for e in exprs)) for k in range(lanes))
    return Packet(make_matrix(list(values)))


_WITHOUT_BRANCH = {
    core.expr_logical_and: core.expr_bit_and,
    core.expr_logical_or: core.expr_bit_or,
    core.expr_ifte: core.expr_select,
}
"""Operations that evaluate an operand only where the others ask for it, and those that always do."""


def _lane_by_lane(original):
    """Has one of Taichi's operations look for packets among its operands."""

    def operation(taichi_op, python_op, *operands):
        if not any(isinstance(operand, Lanes) for operand in operands):
            return original(taichi_op, python_op, *operands)
        operands = [_point_or_same(operand) for operand in operands]
        sizes = {size for size in map(size_of, operands) if size is not None}
        if len(sizes) > 1:
            raise TaichiTypeError(f"vectors of {' and '.join(map(str, sorted(sizes)))} components do not match")
        if not sizes:
            return packet_operation(taichi_op, python_op, operands)
        return Point(
            *(
                operation(taichi_op, python_op, *(component_of(operand, k) for operand in operands))
                for k in range(*sizes)
            )
        )

    def packet_operation(taichi_op, python_op, operands):
        if taichi_op in _WITHOUT_BRANCH:
            taichi_op = _WITHOUT_BRANCH[taichi_op]
            lanes = next(operand.lanes.n for operand in operands if isinstance(operand, Packet))
            operands = [spread(operand, lanes) for operand in operands]
        if taichi_op is core.expr_atan2:  # of vectors Taichi takes it in single precision
            return _each_lane(original, taichi_op, python_op, operands)
        exprs = (operand.lanes if isinstance(operand, Packet) else operand for operand in operands)
        return Packet(original(taichi_op, python_op, *exprs))

    return operation


def _vector_of(entries, dtype=None):
    """A point of packets and numbers, None if there is no packet among them."""
    flat = [part for entry in entries for part in (entry if isinstance(entry, Point) else [entry])]
    lanes = next((entry.lanes.n for entry in flat if isinstance(entry, Packet)), None)
    if lanes is None:
        return None
    packets = [spread(entry, lanes) for entry in flat]
    dtype = dtype or matrix._infer_array_dt([impl.subscript(None, packet.lanes, 0) for packet in packets])
    return Point(*packets).cast(dtype)


_make_matrix_with_shape, _expr_init_func = matrix.make_matrix_with_shape, impl.expr_init_func
_dot, _cross = matrix_ops.dot, matrix_ops.cross


def _make_matrix_or_point(arr, dt=None):
    nested = len(arr) and isinstance(arr[0], Point)  # Taichi has it mean a matrix of these rows
    point = None if nested else _vector_of(arr, dt)
    return make_matrix(arr, dt) if point is None else point


def _make_vector_or_point(arr, shape, dt):
    point = _vector_of(arr, dt)
    if point is None:
        return _make_matrix_with_shape(arr, shape, dt)
    if shape != [len(point)]:
        raise TaichiTypeError(f"expected {shape} components, got {len(point)}")
    return point


def _point_or_same(value):
    """A tuple or a list with packets in it as a point."""
    point = _vector_of(value) if isinstance(value, (tuple, list)) else None
    return value if point is None else point


def _make_variable_or_packets(value):
    if Assigned.lanes and (_is_float(value) or _is_float_vector(value)):
        value = _widened(value)
    return value.variable() if isinstance(value, Lanes) else make_variable(value)


def _make_argument(value):
    with assigning(0):
        return _expr_init_func(value)


def _is_float(value):
    if isinstance(value, Expr) and not value.is_tensor() and not value.is_struct():
        return value.ptr.get_rvalue_type() in real_types
    return isinstance(value, float)


def _is_float_vector(value):
    return (
        isinstance(value, Expr)
        and value.is_tensor()
        and len(value.get_shape()) == 1
        and value.element_type() in real_types
    )


def _widened(value):
    """A number or a vector as a packet, as a point."""
    value = make_variable(value)  # evaluated once: it may be the outcome of an assignment
    size = size_of(value)
    if size is None:
        return spread(value, Assigned.lanes)
    return Point(*(spread(component_of(value, k), Assigned.lanes) for k in range(size)))


def _dot_of_either(vec_x, vec_y):
    return vec_y.dot(vec_x) if isinstance(vec_y, Point) else _dot(vec_x, vec_y)


def _cross_of_either(vec_x, vec_y):
    return -vec_y.cross(vec_x) if isinstance(vec_y, Point) else _cross(vec_x, vec_y)


for _name in ("_unary_operation", "_binary_operation", "_ternary_operation"):
    setattr(ops, _name, _lane_by_lane(getattr(ops, _name)))
matrix.make_matrix, matrix.make_matrix_with_shape = _make_matrix_or_point, _make_vector_or_point
matrix_ops.dot, matrix_ops.cross = _dot_of_either, _cross_of_either
impl.expr_init, impl.expr_init_func = _make_variable_or_packets, _make_argument


@called_by_kernels
def point(x, y, z):
    """The points (x[k], y[k], z[k]) of three Taichi vectors with a lane per point, for a function of a point."""
    return Point(Packet(x), Packet(y), Packet(z))


@called_by_kernels
def lanes_of(value, lanes):
    """A Taichi vector with the ``lanes`` lanes of what a function of a point has returned."""
    if isinstance(value, Point):
        raise TaichiTypeError("expected a number per point, got a vector")
    return spread(value, lanes).lanes


@called_by_kernels
def _part(value, k, lanes):
    """The lanes of number k of the four that a function has returned."""
    return lanes_of(component_of(as_vector(value, 4), k), lanes)


@called_by_kernels
def _traced(function, *at):
    """What a function returns of a packet of points, or of points and directions."""
    wide = getattr(getattr(function, "__func__", function), "_assigns_packets", False)
    with assigning(at[0].x.lanes.n if wide else 0):
        return function(*at)


@ti.func
def distances(function: ti.template(), x, y, z):
    """``function((x[k], y[k], z[k]))`` for every lane k of the vectors x, y and z: a vector of as many lanes."""
    value = _traced(function, point(x, y, z))
    return lanes_of(value, ti.static(x.n))


@ti.func
def samples_at(function: ti.template(), x, y, z, dx, dy, dz):
    """The four numbers that a function of points (x, y, z) and directions (dx, dy, dz) returns, as lanes."""
    value = _traced(function, point(x, y, z), point(dx, dy, dz))
    lanes = ti.static(x.n)
    return _part(value, 0, lanes), _part(value, 1, lanes), _part(value, 2, lanes), _part(value, 3, lanes)


@simd
@ti.kernel
def _try_distances(function: ti.template(), lanes: ti.template()):
    for _ in range(1):
        zero = ti.Vector([0.0 for _ in ti.static(range(lanes))])
        distances(function, zero, zero, zero)


@simd
@ti.kernel
def _try_samples(function: ti.template(), lanes: ti.template()):
    for _ in range(1):
        zero = ti.Vector([0.0 for _ in ti.static(range(lanes))])
        samples_at(function, zero, zero, zero, zero, zero, zero + 1.0)


def misfit(function):
    """Why a ``ti.func`` of a point that returns a number cannot be evaluated in packets, with the line; None if it can.

    It is compiled for a packet of two points, and run at the origin.  If that fails, once more with the numbers that it
    assigns as packets: ``d = 1e9``, then ``d = ti.min(d, p.x)``; from then on ``distances`` does so with it.
    """
    return _misfit(function, _try_distances)


def misfit_of_samples(function):
    """The same of a ``ti.func`` of a point and a direction that returns four numbers."""
    return _misfit(function, _try_samples)


@off_tape
def _misfit(function, attempt):
    marked = getattr(function, "__func__", function)
    marked._assigns_packets = getattr(marked, "_assigns_packets", False)  # kernels that are compiled stay as they are
    try:
        attempt(function, 2)
    except Exception as error:
        if marked._assigns_packets:
            return str(error)
        marked._assigns_packets = True
        try:
            attempt(function, 2)
        except Exception:
            return str(error)
    return None
