"""Packets of points: one source of a ``ti.func`` of a point, evaluated at several points in SIMD code.

A function that is called with a ``Point``, whose components are packets (a vector with one lane per point), is traced
as it stands: ``p - c[None]``, ``ti.max(p.x, 0.0)``, ``p.xz.norm()``, ``M @ p``.  Everything happens lane by lane, and
the kinds are told apart by class and not by shape: a ``Packet`` stands for a number, a ``Point`` for a vector, however
many lanes they have.  Taichi knows neither, so that what is not written here is an error when it is compiled and never
another value: ``misfit`` says which.

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

import functools
from contextlib import contextmanager

import taichi as ti
from taichi._lib import core
from taichi.lang import impl, matrix, matrix_ops, ops
from taichi.lang.common_ops import TaichiOperations
from taichi.lang.exception import TaichiTypeError
from taichi.lang.expr import Expr
from taichi.types.primitive_types import real_types

from taichi_dr.tape import off_tape

_LETTERS = ("xyzw", "rgba", "stpq")


def _called_by_kernels(function):
    """Spares a Python function Taichi's warning about those that it does not know."""
    function._is_taichi_function = False
    return function


class _Lanes(TaichiOperations):
    """What packets and points share: operators are Taichi's own, which ``_lane_by_lane`` makes to reach them."""

    _is_taichi_class = True  # so that ``ti.cast`` asks ``cast``, and an ``if`` is refused

    def __bool__(self):
        raise TaichiTypeError("a packet has a value per lane and cannot decide a branch")

    __hash__ = None


class Packet(_Lanes):
    """A number per lane: ``lanes``, a Taichi vector that stands for a number."""

    def __init__(self, lanes):
        self.lanes = lanes

    @_called_by_kernels
    def cast(self, dtype):
        """Every lane as a number of this type."""
        return Packet(ops.cast(self.lanes, dtype))

    def _variable(self):
        return Packet(_expr_init(self.lanes))

    def _assign(self, value):
        self.lanes._assign(value.lanes if isinstance(value, Packet) else _scalar(value))
        return self

    def _augassign(self, value, name):
        with _assigning(0):
            self.lanes._augassign(value.lanes if isinstance(value, Packet) else _scalar(value), name)
        return self


class Point(_Lanes):
    """A vector whose components are packets, with what Taichi's vectors have."""

    def __init__(self, *components):
        self._components = components

    def __getitem__(self, index):
        if not isinstance(index, (int, slice)):
            raise TaichiTypeError(f"a component of a packet of points: expected a constant, got {type(index).__name__}")
        picked = self._components[index]
        return Point(*picked) if isinstance(index, slice) else picked

    def __iter__(self):
        return iter(self._components)

    def __len__(self):
        return len(self._components)

    def __getattr__(self, name):
        for letters in _LETTERS:
            if 0 < len(name) <= 4 and set(name) <= set(letters[: len(self)]):
                picked = [self[letters.index(letter)] for letter in name]
                return picked[0] if len(picked) == 1 else Point(*picked)
        raise AttributeError(f"a packet of points has no {name!r}")

    @_called_by_kernels
    def get_shape(self):
        """As of a Taichi vector; products with matrices ask for it."""
        return (len(self),)

    @_called_by_kernels
    def cast(self, dtype):
        """Every component as a number of this type."""
        return Point(*(component.cast(dtype) for component in self))

    @_called_by_kernels
    def sum(self):
        """The sum of the components."""
        return functools.reduce(ops.add, self)

    @_called_by_kernels
    def max(self):
        """The largest component."""
        return functools.reduce(ops.max, self)

    @_called_by_kernels
    def min(self):
        """The smallest component."""
        return functools.reduce(ops.min, self)

    @_called_by_kernels
    def dot(self, other):
        """The inner product with a vector."""
        _require_vector(other, len(self))
        return (self * other).sum()

    @_called_by_kernels
    def norm_sqr(self):
        """The squared length."""
        point = self._variable()
        return (point * point).sum()

    @_called_by_kernels
    def norm(self, eps=0.0):
        """The length, ``sqrt(norm_sqr() + eps)``."""
        return ops.sqrt(self.norm_sqr() + eps)

    @_called_by_kernels
    def norm_inv(self, eps=0.0):
        """One over the length."""
        return ops.rsqrt(self.norm_sqr() + eps)

    @_called_by_kernels
    def normalized(self, eps=0.0):
        """The vector of length one."""
        return self * (1.0 / (self.norm() + eps))._variable()

    @_called_by_kernels
    def cross(self, other):
        """The cross product with a vector of as many components, 2 or 3."""
        _require_vector(other, len(self))
        a, b = self._variable(), [_component(other, k) for k in range(len(self))]
        if len(self) == 2:
            return a[0] * b[1] - a[1] * b[0]
        (i, j, k), (x, y, z) = a, b
        return Point(j * z - k * y, k * x - i * z, i * y - j * x)

    def _variable(self):
        return Point(*(component._variable() for component in self))

    def _assign(self, value):
        for component, part in self._pairs(value):
            component._assign(part)
        return self

    def _augassign(self, value, name):
        for component, part in self._pairs(value):
            component._augassign(part, name)
        return self

    def _pairs(self, value):
        """Every component, with that of a vector or with a number, as they are before any changes: ``v *= v.x``."""
        value = value._variable() if isinstance(value, _Lanes) else value
        if _size(value) is not None:
            _require_vector(value, len(self))
        return [(component, _component(value, k)) for k, component in enumerate(self)]


def _size(value):
    """Components of a vector, None of a number."""
    if isinstance(value, Packet):
        return None
    if isinstance(value, Point):
        return len(value)
    value = value if isinstance(value, Expr) else Expr(value)
    if not value.is_tensor():
        return None
    if len(value.get_shape()) != 1:
        raise TaichiTypeError("a matrix where a number or a vector was expected")
    return value.get_shape()[0]


def _require_vector(value, size):
    if _size(value) != size:
        raise TaichiTypeError(f"expected a vector of {size} components, got {_size(value) or 'a number'}")


def _component(value, k):
    """Component k of a vector, or a number as it is."""
    if _size(value) is None:
        return value
    if isinstance(value, Point):
        return value[k]
    return impl.subscript(None, value if isinstance(value, Expr) else Expr(value), k)


def _scalar(value):
    """A number as Taichi's own, to put into every lane."""
    value = value if isinstance(value, Expr) else Expr(value)
    if value.is_tensor():
        raise TaichiTypeError("a vector where a number was expected")
    return value


def _spread(value, lanes):
    """A packet with a number in every lane."""
    if isinstance(value, Packet):
        return value
    return Packet(_make_matrix([_expr_init(_scalar(value))] * lanes))


def _each_lane(original, taichi_op, python_op, operands):
    """An operation of numbers, lane after lane."""
    lanes = next(operand.lanes.n for operand in operands if isinstance(operand, Packet))
    exprs = [_spread(operand, lanes).lanes for operand in operands]
    values = (original(taichi_op, python_op, *(impl.subscript(None, e, k) for e in exprs)) for k in range(lanes))
    return Packet(_make_matrix(list(values)))


_WITHOUT_BRANCH = {
    core.expr_logical_and: core.expr_bit_and,
    core.expr_logical_or: core.expr_bit_or,
    core.expr_ifte: core.expr_select,
}
"""Operations that evaluate an operand only where the others ask for it, and those that always do."""


def _lane_by_lane(original):
    """Has one of Taichi's operations look for packets among its operands."""

    def operation(taichi_op, python_op, *operands):
        if not any(isinstance(operand, _Lanes) for operand in operands):
            return original(taichi_op, python_op, *operands)
        operands = [_point_or_same(operand) for operand in operands]
        sizes = {size for size in map(_size, operands) if size is not None}
        if len(sizes) > 1:
            raise TaichiTypeError(f"vectors of {' and '.join(map(str, sorted(sizes)))} components do not match")
        if not sizes:
            return packet_operation(taichi_op, python_op, operands)
        return Point(
            *(operation(taichi_op, python_op, *(_component(operand, k) for operand in operands)) for k in range(*sizes))
        )

    def packet_operation(taichi_op, python_op, operands):
        if taichi_op in _WITHOUT_BRANCH:
            taichi_op = _WITHOUT_BRANCH[taichi_op]
            lanes = next(operand.lanes.n for operand in operands if isinstance(operand, Packet))
            operands = [_spread(operand, lanes) for operand in operands]
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
    packets = [_spread(entry, lanes) for entry in flat]
    dtype = dtype or matrix._infer_array_dt([impl.subscript(None, packet.lanes, 0) for packet in packets])
    return Point(*packets).cast(dtype)


_expr_init, _make_matrix, _make_matrix_with_shape = impl.expr_init, matrix.make_matrix, matrix.make_matrix_with_shape
_expr_init_func, _dot, _cross = impl.expr_init_func, matrix_ops.dot, matrix_ops.cross


def _make_matrix_or_point(arr, dt=None):
    nested = len(arr) and isinstance(arr[0], Point)  # Taichi has it mean a matrix of these rows
    point = None if nested else _vector_of(arr, dt)
    return _make_matrix(arr, dt) if point is None else point


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


_lanes = 0  # of packets that numbers become when they are assigned; 0 where they stay numbers


def _make_variable(value):
    if _lanes and (_is_float(value) or _is_float_vector(value)):
        value = _widened(value)
    return value._variable() if isinstance(value, _Lanes) else _expr_init(value)


def _make_argument(value):
    with _assigning(0):
        return _expr_init_func(value)


@contextmanager
def _assigning(lanes):
    """Within the block numbers that are assigned become packets."""
    global _lanes
    outer, _lanes = _lanes, lanes
    try:
        yield
    finally:
        _lanes = outer


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
    value = _expr_init(value)  # evaluated once: it may be the outcome of an assignment
    size = _size(value)
    if size is None:
        return _spread(value, _lanes)
    return Point(*(_spread(_component(value, k), _lanes) for k in range(size)))


def _dot_of_either(vec_x, vec_y):
    return vec_y.dot(vec_x) if isinstance(vec_y, Point) else _dot(vec_x, vec_y)


def _cross_of_either(vec_x, vec_y):
    return -vec_y.cross(vec_x) if isinstance(vec_y, Point) else _cross(vec_x, vec_y)


for _name in ("_unary_operation", "_binary_operation", "_ternary_operation"):
    setattr(ops, _name, _lane_by_lane(getattr(ops, _name)))
matrix.make_matrix, matrix.make_matrix_with_shape = _make_matrix_or_point, _make_vector_or_point
matrix_ops.dot, matrix_ops.cross = _dot_of_either, _cross_of_either
impl.expr_init, impl.expr_init_func = _make_variable, _make_argument


@_called_by_kernels
def point(x, y, z):
    """The points (x[k], y[k], z[k]) of three Taichi vectors with a lane per point, for a function of a point."""
    return Point(Packet(x), Packet(y), Packet(z))


@_called_by_kernels
def lanes_of(value, lanes):
    """A Taichi vector with the ``lanes`` lanes of what a function of a point has returned."""
    if isinstance(value, Point):
        raise TaichiTypeError("expected a number per point, got a vector")
    return _spread(value, lanes).lanes


@_called_by_kernels
def _traced(function, at):
    """What a function returns of a packet of points."""
    wide = getattr(getattr(function, "__func__", function), "_assigns_packets", False)
    with _assigning(at.x.lanes.n if wide else 0):
        return function(at)


@ti.func
def distances(function: ti.template(), x, y, z):
    """``function((x[k], y[k], z[k]))`` for every lane k of the vectors x, y and z: a vector of as many lanes."""
    value = _traced(function, point(x, y, z))
    return lanes_of(value, ti.static(x.n))


@ti.kernel
def _try(function: ti.template()):
    for _ in range(1):
        zero = ti.Vector([0.0, 0.0])
        distances(function, zero, zero, zero)


@off_tape
def misfit(function):
    """Why a ``ti.func`` of a point cannot be evaluated in packets, with the line; None if it can.

    It is compiled for a packet of two points, and run at the origin.  If that fails, once more with the numbers that it
    assigns as packets: ``d = 1e9``, then ``d = ti.min(d, p.x)``; from then on ``distances`` does so with it.
    """
    marked = getattr(function, "__func__", function)
    marked._assigns_packets = False
    try:
        _try(function)
    except Exception as error:
        marked._assigns_packets = True
        try:
            _try(function)
        except Exception:
            return str(error)
    return None
