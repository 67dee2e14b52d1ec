"""A long simulation as one operation on the tape, of which a few steps at a time are in memory.

Steps ``x_(k+1) = f(x_k)`` are kept one segment of S of them at a time, in the S + 1 rows of the user's fields; of N
steps the N / S states at which segments begin are copied.  On the way back each segment is computed again from its
copy, and then taken back, the last one first: every step runs twice, and S + N / S states are held in place of N.

Source: Griewank, *Achieving logarithmic growth of temporal and spatial complexity in reverse automatic
differentiation*, Optimization Methods and Software 1, 1992, with one level of checkpoints.
"""

import math
import weakref
from collections.abc import Callable, Sequence
from numbers import Integral
from weakref import WeakKeyDictionary

import taichi as ti
from taichi.lang import impl

from taichi_dr.errors import GradientError, InputError, ShapeError
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.elements import unflatten
from taichi_dr.runtime import (
    check_field_runtime,
    check_runtime,
    current_tape,
    recording_tape,
    require_init,
    runtime_token,
)
from taichi_dr.tape import go_back, noted, off_tape, tape_operation, unnoted
from taichi_dr.types import Field

FROM_FIELD, TO_FIELD = range(2)


def checkpointed(
    step: Callable[[int, int], object],
    states: Field | Sequence[Field],
    steps: int,
    scratch: Field | Sequence[Field] = (),
) -> Callable[[], None]:
    """A callable that runs all steps of a simulation, as one operation on an open tape, and holds few of them.

    ``step(row, number)`` runs kernels of yours that read row ``row`` of the fields ``states`` and write the next row,
    for every ``number`` from 0 to ``steps - 1``.  Rows are the fields' first axis: with S + 1 of them S steps are held
    at a time, best about ``sqrt(steps)``.  Write the start into row 0, in the tape, then call what this returns; the
    state after the last step is in the last row, and those before it in the rows before.  All rows may be read in the
    tape, with gradients, if ``steps >= S``; with fewer steps the start stays in row 0, and rows between are left alone.
    What a step shows while it passes, vertices of a moment for example, it writes into fields of yours, and those get
    gradients as always.

    The gradient is that of all steps on the tape, number for number but for rounding.  Time: each step runs twice
    forward.  Memory: S + 1 rows, and ``steps / S + 2`` copies of one.

    Off the tape (none is open, or ``ti.ad.no_grad(run)()``) it plays the simulation, and a step may do what it likes:
    render, save pictures, write whole fields.  On it steps run again on the way back, and so:

    * they give the same numbers when they are called again: no ``ti.random``;
    * they assign (``=``) to what is not their own: what they add to elsewhere is added to twice, and its gradient alone
      is right.  The tape's loss is an exception: steps may add to it, and it is as it was when the tape closed;
    * fields that a step adds to in a row of its own (the grid of particles) are cleared by the step, with a kernel, and
      named in ``scratch``: their gradients are cleared between segments;
    * from Python they write single elements of fields (``field[i] = value``), and no ``ti.ndarray``;
    * when the tape has closed, the last row still holds the last state and row 0 the start; rows between, ``scratch``
      and what steps write from Python are as the first segment left them.

    Args:
        step: ``step(row, number)``; may call kernels, operations of ``tape_operation`` and losses; on a tape no
            renderer.
        states: fields with gradients, scalars, vectors or matrices, all with S + 1 rows: everything that a step needs
            of the one before.
        steps: how many; at least 1.
        scratch: fields with gradients that no step needs of the one before.

    Raises:
        InputError: a state without gradients, no state, a number of steps that is no integer or less than one.
        ShapeError: fewer than two rows, or states with different numbers of them.
        GradientError: on a tape a step renders, or writes whole fields from Python (``from_numpy``, ``fill``).
        GradientError: called within a tape after a run over the same states, its own or another one's, which would be
            overwritten before its gradient is found.
        RuntimeStateError: called after another ``ti.init``.

    >>> import taichi as ti
    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> x, loss = ti.field(ti.f32, 11, needs_grad=True), ti.field(ti.f32, (), needs_grad=True)
    >>> start = ti.field(ti.f32, (), needs_grad=True)
    >>> start[None] = 2.0
    >>> @ti.kernel
    ... def release():
    ...     x[0] = start[None]
    >>> @ti.kernel
    ... def advance(row: int):
    ...     x[row + 1] = 0.99 * x[row]
    >>> @ti.kernel
    ... def finish():
    ...     loss[None] += x[10]
    >>> run = dr.checkpointed(lambda row, number: advance(row), x, steps=100)
    >>> with ti.ad.Tape(loss):
    ...     release()
    ...     run()
    ...     finish()
    >>> round(start.grad[None], 4)  # 0.99^100
    0.366
    >>> round(x[10], 4)  # still there after the tape
    0.7321
    """
    return _Simulation(step, _listed(states), steps, _listed(scratch)).run


def _listed(fields):
    return [fields] if isinstance(fields, ti.Field) else list(fields)


class _Simulation:
    """The steps of a simulation, and the states at which segments begin."""

    def __init__(self, step, states, steps, scratch):
        require_init()
        if not isinstance(steps, Integral):
            raise InputError(f"steps: expected an integer, got {steps!r}")
        if steps < 1:
            raise InputError(f"steps: expected at least 1, got {steps}")
        if not states:
            raise InputError("states: expected at least one field")
        for kind, fields in (("states", states), ("scratch", scratch)):
            for index, field in enumerate(fields):
                _check_gradient(f"{kind}[{index}]", field)
        rows = [field.shape[0] if field.shape else 0 for field in states]
        if min(rows) < 2 or min(rows) != max(rows):
            raise ShapeError(
                f"states: expected fields with one number of rows (their first axis), at least 2, got {rows}"
            )
        self.step, self.states, self.steps, self.scratch = step, states, steps, scratch
        self.size = rows[0] - 1
        self.segments = -(-steps // self.size)
        self.token, self.tape, self.copies = runtime_token(), None, None
        self.operation = tape_operation(self._forward, self._adjoint)

    def run(self):
        check_runtime(self.token, "simulation")
        self._refuse_overwriting()
        tape = recording_tape()
        self.tape = None if tape is None else weakref.ref(tape)
        self.operation()
        if tape is not None:
            _runs.setdefault(tape, []).append(self)

    def _refuse_overwriting(self):
        """Raises GradientError if a run over the same states is on the tape, whether this one is to be or not."""
        tape = current_tape()
        for other in () if tape is None else _runs.get(tape, ()):
            if other is self:
                raise GradientError(
                    "this simulation has run within this tape before, and a second run overwrites what the first one's"
                    " gradient needs: make another one, with fields of its own"
                )
            if _overlap(self.states, (*other.states, *other.scratch)) or _overlap(self.scratch, other.states):
                raise GradientError(
                    "another simulation over the same states has run within this tape before, and this one would"
                    " overwrite what the other one's gradient needs: give it fields of its own, or let one step do"
                    " what both do, as it is told its number"
                )

    def _forward(self):
        if self.copies is None:
            self.copies = self._arrays(self.segments)
            self.carried, self.last = self._arrays(1), self._arrays(1)
        for segment in range(self.segments):
            self._copy(self.states, self.copies, self.size if segment else 0, segment, FROM_FIELD)
            self._begin(segment)
            if self.tape is None:  # nobody comes back: a step may do what it likes
                self._advance(segment)
            else:
                unnoted(self._advance, segment)

    @off_tape
    def _adjoint(self):
        loss = self._loss()
        value = _value(loss)
        self._copy(self.states, self.last, self.size, 0, FROM_FIELD)
        for segment in reversed(range(self.segments)):
            self._begin(segment)
            go_back(noted(self._advance, segment))
            if segment:
                self._carry_gradients()
        if self._row(0):
            for field in self.states:
                _take_row(field.grad, self._row(0), 0, *_sizes(field))
        self._copy(self.states, self.copies, 0, 0, TO_FIELD)
        self._copy(self.states, self.last, self.size, 0, TO_FIELD)
        _write(loss, value)

    def _carry_gradients(self):
        """From the row that a segment began in to that in which the one before ended; those of all others are zero."""
        gradients = [field.grad for field in self.states]
        self._copy(gradients, self.carried, 0, 0, FROM_FIELD)
        for field in (*self.states, *self.scratch):
            field.grad.fill(0)
        self._copy(gradients, self.carried, self.size, 0, TO_FIELD)

    def _loss(self):
        """The tape's field or array, to which steps may have added; None if it has another kind of loss."""
        loss = getattr(self.tape and self.tape(), "loss", None)
        return loss if isinstance(loss, ti.Field | ti.Ndarray) else None

    def _row(self, segment):
        """The row that a segment begins in: all end in the last one, and the first segment may be shorter."""
        return 0 if segment else self.segments * self.size - self.steps

    def _begin(self, segment):
        self._copy(self.states, self.copies, self._row(segment), segment, TO_FIELD)

    def _advance(self, segment):
        for row in range(self._row(segment), self.size):
            self.step(row, self.steps - (self.segments - segment) * self.size + row)

    def _arrays(self, rows):
        return [make_array((rows, _count(field)), field.dtype) for field in self.states]

    def _copy(self, fields, arrays, row, place, direction):
        for field, array in zip(fields, arrays, strict=True):
            _copy_row(field, array, row, place, *_sizes(field), direction)


def _value(loss):
    if isinstance(loss, ti.Field):
        return loss[None]
    return None if loss is None else loss.to_numpy()


def _write(loss, value):
    if isinstance(loss, ti.Field):
        loss[None] = value
    elif loss is not None:
        loss.from_numpy(value)


_runs = WeakKeyDictionary()  # of a tape: the simulations on it


def _overlap(fields, others):
    """Whether any numbers are in fields of both."""
    one, other = (
        {id(member) for field in group for member in field._get_field_members()} for group in (fields, others)
    )
    return not one.isdisjoint(other)


def _check_gradient(name, field):
    if not isinstance(field, ti.Field):
        raise InputError(f"{name}: expected a field with a gradient, got {type(field).__name__}")
    check_field_runtime(name, field)
    impl.get_runtime().materialize()  # a field placed since the last launch has no tree to ask yet
    if isinstance(field, ti.StructField) or not field.snode.ptr.has_adjoint():
        raise InputError(f"{name}: expected a field of numbers with a gradient (needs_grad=True)")


def _sizes(field):
    """Elements of a row, and rows and columns of an element: (0, 0) for a scalar, (n, 0) for a vector."""
    return math.prod(field.shape[1:]), getattr(field, "n", 0), field.m if getattr(field, "ndim", 0) == 2 else 0


def _count(field):
    elements, n, m = _sizes(field)
    return elements * max(n, 1) * max(m, 1)


@ti.kernel
def _copy_row(
    field: ti.template(),
    array: ti.types.ndarray(ndim=2),
    row: int,
    place: int,
    elements: ti.template(),
    n: ti.template(),
    m: ti.template(),
    direction: ti.template(),
):
    """``array[place, ...] = field[row, ...]``, or the other way round."""
    for i in range(elements):
        index = unflatten(row * elements + i, field.shape)
        for a, b in ti.static(ti.ndrange(max(n, 1), max(m, 1))):
            column = (i * ti.static(max(n, 1)) + a) * ti.static(max(m, 1)) + b
            if ti.static(direction == FROM_FIELD):
                array[place, column] = _entry(field, index, a, b, n, m)
            elif ti.static(m > 0):
                field[index][a, b] = array[place, column]
            elif ti.static(n > 0):
                field[index][a] = array[place, column]
            else:
                field[index] = array[place, column]


@ti.func
def _entry(field: ti.template(), index, a: ti.template(), b: ti.template(), n: ti.template(), m: ti.template()):
    """A number of an element."""
    if ti.static(m > 0):
        return field[index][a, b]
    elif ti.static(n > 0):
        return field[index][a]
    else:
        return field[index]


@ti.kernel
def _take_row(
    field: ti.template(), source: int, target: int, elements: ti.template(), n: ti.template(), m: ti.template()
):
    """Adds a row of gradients to another one and clears it."""
    for i in range(elements):
        index, other = unflatten(source * elements + i, field.shape), unflatten(target * elements + i, field.shape)
        field[other] += field[index]
        field[index] = field[index] * 0.0
