"""Kernels whose vectors are the processor's: one register, or a few, and one instruction for all lanes.

Taichi takes vectors apart into numbers and leaves it to LLVM to find out which of these can be handled together: LLVM
15 finds four at once on processors that are newer than it, and is long about it.  With ``real_matrix_scalarize`` off
vectors stay whole.  Then Taichi's code for CPUs knows sums, products, quotients, ``min``, ``max``, roots, roundings,
comparisons and ``select``, of operands of one type, and ends the process at anything else.  So, while such a kernel is
read, this file puts everything else in other words, and it is all that it changes below Taichi's documented interface:

* ``ops._unary_operation``, ``_binary_operation`` and ``_ternary_operation``, which all operators and functions go
  through, spread numbers over the lanes, make types equal, and do lane by lane what there is no instruction for;
* ``core.value_cast`` and ``bits_cast`` change types lane by lane, as ``ops.assign`` does where they differ;
* ``ops.atomic_add`` and others, which are ``+=`` of a variable, become a sum that is assigned;
* ``impl.subscript`` does not look for a lane of truth values, which are bits in memory, but of numbers made of them;
  it reads vectors of fields number by number.

Gone when Taichi's code for vectors is complete.
"""

import functools
import inspect
from contextlib import contextmanager, nullcontext

import taichi as ti
from taichi._lib import core
from taichi.lang import impl, matrix, ops
from taichi.lang.expr import Expr
from taichi.types.primitive_types import integer_types, real_types

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.runtime import in_python_scope

_NATIVE = {
    getattr(core, f"expr_{name}")
    for name in (
        *("add", "sub", "mul", "div", "truediv", "floordiv", "mod", "max", "min", "sqrt", "floor", "ceil", "round"),
        *("cmp_lt", "cmp_le", "cmp_gt", "cmp_ge", "cmp_eq", "cmp_ne", "bit_and", "bit_or", "bit_xor", "bit_not"),
        *("logic_not", "select"),
    )
}
"""What there are instructions for."""

_OF_TRUTH = {core.expr_logical_and: core.expr_bit_and, core.expr_logical_or: core.expr_bit_or}

_make_variable, _make_matrix = impl.expr_init, matrix.make_matrix

_whole = False  # whether vectors of the kernel that is being read stay whole


def simd(kernel):
    """Has a kernel with a parameter ``lanes`` compiled with whole vectors, if that is more than one, on CPUs."""
    place = list(inspect.signature(kernel).parameters).index("lanes")

    @functools.wraps(kernel)
    def launch(*arguments):
        if arguments[place] == 1 or not on_cpu():
            return kernel(*arguments)
        with _vectors(whole=True):
            return kernel(*arguments)

    return launch


@contextmanager
def _vectors(whole):
    """Within the block kernels are compiled with whole vectors, or with vectors that are taken apart."""
    global _whole
    before = ti.cfg.real_matrix_scalarize, _whole
    ti.cfg.real_matrix_scalarize, _whole = not whole, whole
    try:
        yield
    finally:
        ti.cfg.real_matrix_scalarize, _whole = before


# A kernel may be the first to name a field, which is then made and filled by other kernels.
in_python_scope.append(lambda: _vectors(whole=False) if _whole else nullcontext())


def _is_vector(value):
    return isinstance(value, Expr) and value.is_tensor()


def _type_of(expr):
    """Of a number, or of the elements of a vector."""
    return expr.element_type() if expr.is_tensor() else expr.ptr.get_rvalue_type()


def _vector(make_element, shape):
    """Of one or two dimensions."""
    if len(shape) == 1:
        return _make_matrix([make_element(i) for i in range(shape[0])])
    return _make_matrix([[make_element(i, j) for j in range(shape[1])] for i in range(shape[0])])


def _lane_by_lane(function, *operands):
    operands = [_make_variable(operand) for operand in operands]
    shape = next(operand.get_shape() for operand in operands if operand.is_tensor())

    def at(*index):
        return function(*(impl.subscript(None, x, *index) if x.is_tensor() else x for x in operands))

    return _vector(at, shape)


def _spread(expr, like):
    """A number as a vector of the shape of another one."""
    if expr.is_tensor():
        return expr
    number = _make_variable(expr)
    return _vector(lambda *_: number, like.get_shape())


def _truth(expr):
    return expr if _type_of(expr) == ti.u1 else expr != 0


def _of_one_type(operands):
    types = [_type_of(operand) for operand in operands]
    order = (ti.f64, ti.f32, ti.f16, ti.u64, ti.i64, ti.u32, ti.i32, types[0])
    common = next(dtype for dtype in order if dtype in types)
    return [x if dtype == common else ops.cast(x, common) for x, dtype in zip(operands, types, strict=True)]


def _of_whole_vectors(original):
    """An operation that looks for whole vectors among its operands."""

    def operation(taichi_op, python_op, *operands):
        if not (_whole and any(map(_is_vector, operands))):
            return original(taichi_op, python_op, *operands)
        operands = [operand if isinstance(operand, Expr) else Expr(operand) for operand in operands]
        like = next(filter(_is_vector, operands))
        if taichi_op is core.expr_neg:
            return like * (-1 if _type_of(like) in integer_types else -1.0)
        if taichi_op is core.expr_abs and _type_of(like) in real_types:
            like = _make_variable(like)
            return ops.select(like < 0.0, like * -1.0, like)
        if taichi_op is core.expr_logic_not or taichi_op in _OF_TRUTH:
            operands = [_truth(operand) for operand in operands]
        taichi_op = _OF_TRUTH.get(taichi_op, taichi_op)
        if taichi_op not in _NATIVE:
            return _lane_by_lane(functools.partial(original, taichi_op, python_op), *operands)
        if taichi_op is core.expr_select:
            operands = [_truth(operands[0]), *_of_one_type(operands[1:])]
        elif len(operands) == 2:
            operands = _of_one_type(operands)
        return original(taichi_op, python_op, *(_spread(operand, like) for operand in operands))

    return operation


def _casting(original):
    def cast(ptr, dtype):
        expr = Expr(ptr)
        if not (_whole and expr.is_tensor()):
            return original(ptr, dtype)
        if _type_of(expr) == dtype:
            return ptr
        if dtype == ti.u1:
            return _truth(expr).ptr
        if _type_of(expr) == ti.u1:
            one, zero = (Expr(original(Expr(value).ptr, dtype)) for value in (1, 0))
            return ops.select(expr, one, zero).ptr
        return _lane_by_lane(lambda number: Expr(original(number.ptr, dtype)), expr).ptr

    return cast


def _assigning(original):
    def assign(target, value):
        if _whole and _is_vector(target):
            value = _make_matrix(value) if isinstance(value, list | tuple) else Expr(value)
            value = _spread(ops.cast(value, _type_of(target)), target)
        return original(target, value)

    return assign


def _changing(original, change):
    def assign(target, value):
        if not (_whole and _is_vector(target)):
            return original(target, value)
        before = _make_variable(target)
        ops.assign(target, change(before, ops.cast(Expr(value), _type_of(target))))
        return before

    return assign


def _looking_up(original):
    def subscript(builder, value, *indices, **keywords):
        if _whole and _is_vector(value) and _type_of(value) == ti.u1:
            return original(builder, _make_variable(ops.cast(value, ti.i32)), *indices, **keywords) != 0
        if _whole and isinstance(value, matrix.MatrixField):
            value._get_field_members()  # as Taichi does: fields want to know
            shape = (value.n, value.m)[: value.ndim]
            return _vector(lambda *at: original(builder, value.get_scalar_field(*at), *indices, **keywords), shape)
        return original(builder, value, *indices, **keywords)

    return subscript


for _name in ("_unary_operation", "_binary_operation", "_ternary_operation"):
    setattr(ops, _name, _of_whole_vectors(getattr(ops, _name)))
core.value_cast, core.bits_cast = _casting(core.value_cast), _casting(core.bits_cast)
ops.assign, impl.subscript = _assigning(ops.assign), _looking_up(impl.subscript)
for _name in ("add", "sub", "mul"):
    setattr(ops, f"atomic_{_name}", _changing(getattr(ops, f"atomic_{_name}"), getattr(ops, _name)))
