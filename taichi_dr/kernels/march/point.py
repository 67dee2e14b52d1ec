"""A number per lane, and a vector of such: what a ``ti.func`` of a point gets for a packet of points.

A ``Packet`` stands for a number and a ``Point`` for a vector, however many lanes they have.  Taichi knows neither, so
that what they lack is an error when it is compiled.
"""

import functools
from contextlib import contextmanager

from taichi.lang import impl, matrix, ops
from taichi.lang.common_ops import TaichiOperations
from taichi.lang.exception import TaichiTypeError
from taichi.lang.expr import Expr

from taichi_dr.runtime import in_python_scope

make_variable, make_matrix = impl.expr_init, matrix.make_matrix
"""Taichi's own, which ``packets`` puts others in the place of."""

_LETTERS = ("xyzw", "rgba", "stpq")


def called_by_kernels(function):
    """Spares a Python function Taichi's warning about those that it does not know."""
    function._is_taichi_function = False
    return function


class Assigned:
    """``lanes`` of the packets that numbers become when they are assigned; 0 where they stay numbers."""

    lanes = 0


@contextmanager
def assigning(lanes):
    """Within the block numbers that are assigned become packets of so many lanes."""
    outer, Assigned.lanes = Assigned.lanes, lanes
    try:
        yield
    finally:
        Assigned.lanes = outer


in_python_scope.append(lambda: assigning(0))


class Lanes(TaichiOperations):
    """What packets and points share: operators are Taichi's own, which ``packets`` has reach them."""

    _is_taichi_class = True  # so that ``ti.cast`` asks ``cast``, and an ``if`` is refused

    def __bool__(self):
        raise TaichiTypeError("a packet has a value per lane and cannot decide a branch")

    __hash__ = None


class Packet(Lanes):
    """A number per lane: ``lanes``, a Taichi vector that stands for a number."""

    def __init__(self, lanes):
        self.lanes = lanes

    @called_by_kernels
    def cast(self, dtype):
        """Every lane as a number of this type."""
        return Packet(ops.cast(self.lanes, dtype))

    def variable(self):
        """A copy that may be assigned to."""
        return Packet(make_variable(self.lanes))

    def _assign(self, value):
        self.lanes._assign(value.lanes if isinstance(value, Packet) else scalar(value))
        return self

    def _augassign(self, value, name):
        with assigning(0):
            self.lanes._augassign(value.lanes if isinstance(value, Packet) else scalar(value), name)
        return self


class Point(Lanes):
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

    @called_by_kernels
    def get_shape(self):
        """As of a Taichi vector; products with matrices ask for it."""
        return (len(self),)

    @called_by_kernels
    def cast(self, dtype):
        """Every component as a number of this type."""
        return Point(*(component.cast(dtype) for component in self))

    @called_by_kernels
    def sum(self):
        """The sum of the components."""
        return functools.reduce(ops.add, self)

    @called_by_kernels
    def max(self):
        """The largest component."""
        return functools.reduce(ops.max, self)

    @called_by_kernels
    def min(self):
        """The smallest component."""
        return functools.reduce(ops.min, self)

    @called_by_kernels
    def dot(self, other):
        """The inner product with a vector."""
        require_vector(other, len(self))
        return (self * other).sum()

    @called_by_kernels
    def norm_sqr(self):
        """The squared length."""
        point = self.variable()
        return (point * point).sum()

    @called_by_kernels
    def norm(self, eps=0.0):
        """The length, ``sqrt(norm_sqr() + eps)``."""
        return ops.sqrt(self.norm_sqr() + eps)

    @called_by_kernels
    def norm_inv(self, eps=0.0):
        """One over the length."""
        return ops.rsqrt(self.norm_sqr() + eps)

    @called_by_kernels
    def normalized(self, eps=0.0):
        """The vector of length one."""
        return self * (1.0 / (self.norm() + eps)).variable()

    @called_by_kernels
    def cross(self, other):
        """The cross product with a vector of as many components, 2 or 3."""
        require_vector(other, len(self))
        a, b = self.variable(), [component_of(other, k) for k in range(len(self))]
        if len(self) == 2:
            return a[0] * b[1] - a[1] * b[0]
        (i, j, k), (x, y, z) = a, b
        return Point(j * z - k * y, k * x - i * z, i * y - j * x)

    def variable(self):
        """A copy that may be assigned to."""
        return Point(*(component.variable() for component in self))

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
        value = value.variable() if isinstance(value, Lanes) else value
        if size_of(value) is not None:
            require_vector(value, len(self))
        return [(component, component_of(value, k)) for k, component in enumerate(self)]


def size_of(value):
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


@called_by_kernels
def as_number(value):
    """What a function returns, where that is to be a number.

    Raises:
        TaichiTypeError: it is another kind of value, or none.
    """
    if value is None or size_of(value) is not None:
        raise TaichiTypeError(f"expected a number, got {'nothing' if value is None else f'{size_of(value)} of them'}")
    return value


@called_by_kernels
def as_vector(value, size):
    """The same, where that is to be a vector of so many components."""
    if value is None:
        raise TaichiTypeError(f"expected a vector of {size} components, got nothing")
    require_vector(value, size)
    return value


def require_vector(value, size):
    """Raises TaichiTypeError unless a value has so many components."""
    if size_of(value) != size:
        raise TaichiTypeError(f"expected a vector of {size} components, got {size_of(value) or 'a number'}")


def component_of(value, k):
    """Component k of a vector, or a number as it is."""
    if size_of(value) is None:
        return value
    if isinstance(value, Point):
        return value[k]
    return impl.subscript(None, value if isinstance(value, Expr) else Expr(value), k)


def scalar(value):
    """A number as Taichi's own, to put into every lane."""
    value = value if isinstance(value, Expr) else Expr(value)
    if value.is_tensor():
        raise TaichiTypeError("a vector where a number was expected")
    return value


def spread(value, lanes):
    """A packet with a number in every lane."""
    if isinstance(value, Packet):
        return value
    return Packet(make_matrix([make_variable(scalar(value))] * lanes))
