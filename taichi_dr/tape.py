"""How the package's kernels join the user's ``ti.ad.Tape``: as one operation with an adjoint of its own.

``off_tape`` sets ``grad_replaced``, the flag by which Taichi's own ``ti.ad.no_grad`` and ``ti.ad.grad_replaced`` keep
kernels off the tape.  Theirs cannot be nested: the inner one is recorded although the outer one is not, and resets the
flag on leaving, so that the rest of the outer one is back on the tape; so ``tape_operation`` looks at the flag first.
Gone when they can.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import taichi as ti
from taichi.lang import impl

from taichi_dr.errors import GradientError
from taichi_dr.runtime import recording_tape

Function = TypeVar("Function", bound=Callable[..., Any])


def off_tape(function: Function) -> Function:
    """Decorates a function whose kernels an open tape must not record; may be nested."""

    @wraps(function)
    def run(*arguments, **keywords):
        runtime = impl.get_runtime()
        outer, runtime.grad_replaced = runtime.grad_replaced, True
        try:
            return function(*arguments, **keywords)
        finally:
            runtime.grad_replaced = outer

    return cast(Function, run)


class _Calls:
    """What stands where an open tape stands while calls are noted."""

    clear_gradients = False  # of variables that it meets: those of the tape on its way back are not to be lost

    grad_checker = SimpleNamespace(to_check=())  # where there is one, Taichi inserts what Python writes into fields

    def __init__(self):
        self.calls, self._written = [], {}

    def insert(self, function, arguments):
        _require_no_whole_write(function)
        if not hasattr(function, "grad"):
            self._insert_write(function, *arguments)
        elif not _own_name(function).endswith(("_to_ext_arr", "_image")):  # shows NumPy numbers: no gradient
            self.calls.append((function, arguments))

    def _insert_write(self, write, place, value):
        """Has ``go_back`` write what was written there before: kernels before are to read what they have read."""
        before = self._written.get((write, place), value)
        self._written[write, place] = value
        self.calls.append((SimpleNamespace(grad=write), (place, before)))


def _own_name(function):
    """The name of a kernel by which Taichi itself copies or fills; empty for all others."""
    kernel = getattr(function, "func", None)
    return kernel.__name__ if getattr(kernel, "__module__", None) == "taichi._kernels" else ""


def _require_no_whole_write(function):
    """Raises GradientError for a kernel by which Taichi writes whole fields or arrays: what was there is lost."""
    if (name := _own_name(function)).startswith(("ext_arr_to", "fill_", "field_fill")):
        raise GradientError(
            f"a step of dr.checkpointed writes whole fields from Python ({name}: from_numpy, fill or the"
            " like), and the way back would not know what was there before: write them in a kernel of yours, or single"
            " elements (field[i] = value)"
        )


class _Nobody:
    """What stands where an open tape stands while nothing is recorded: it meets variables in the tape's place."""

    grad_checker = None  # looked for when Python writes into a field

    def __init__(self, tape):
        self.clear_gradients = tape.clear_gradients

    def insert(self, function, arguments):
        _require_no_whole_write(function)


def noted(function: Callable[..., object], *arguments: Any) -> list[tuple[Any, tuple]]:
    """Calls ``function(*arguments)`` and returns the kernels and operations that a tape would have recorded.

    For operations whose adjoint runs kernels of a user's again: ``go_back`` takes the list.  No tape may be open but
    one that is on its way back.
    """
    notes = _Calls()
    with _in_place_of_the_tape(notes):
        function(*arguments)
    return notes.calls


def unnoted(function: Callable[..., object], *arguments: Any) -> None:
    """Calls ``function(*arguments)``, of which no tape records anything.

    For operations that run a user's kernels: unlike ``off_tape``, it holds after a call of what is under Taichi's
    ``ti.ad.no_grad`` or ``ti.ad.grad_replaced`` as well.
    """
    tape = impl.get_runtime().target_tape
    with _in_place_of_the_tape(None if tape is None else _Nobody(tape)):
        function(*arguments)


def is_stand_in(tape: object) -> bool:
    """Whether it is what stands for a tape while ``noted`` or ``unnoted`` call something."""
    return isinstance(tape, _Calls | _Nobody)


@contextmanager
def _in_place_of_the_tape(recorder):
    """Within the block it is ``recorder`` that records, and neither a tape nor ``recorded``."""
    global _record
    runtime = impl.get_runtime()
    outer = runtime.target_tape, runtime.grad_replaced, _record
    runtime.target_tape, runtime.grad_replaced, _record = recorder, False, None
    try:
        yield
    finally:
        runtime.target_tape, runtime.grad_replaced, _record = outer


def go_back(calls: list[tuple[Any, tuple]]) -> None:
    """Runs the gradients of noted calls, the last one first, as a tape does."""
    for function, arguments in reversed(calls):
        function.grad(*arguments)


@dataclass
class _Call:
    """One use of an operation."""

    arguments: tuple
    complete: bool = False


_record: list | None = None


@contextmanager
def recorded() -> Iterator[list[tuple[Callable[..., object], tuple]]]:
    """Within the block operations are noted in a list, ``(adjoint, arguments)`` each, in place of a tape.

    For those who go back by themselves: ``for adjoint, arguments in reversed(calls): adjoint(*arguments)``.
    """
    global _record
    outer, _record = _record, []
    try:
        yield _record
    finally:
        _record = outer


def _refuse_forward_mode():
    """Raises GradientError within ``ti.ad.FwdMode``, where kernels with hand-written adjoints would give zeros."""
    if impl.get_runtime().fwd_mode_manager is not None:
        raise GradientError(
            "renderers, losses and tape operations have adjoints, written by hand, and no forward mode (ti.ad.FwdMode):"
            ' use ti.ad.Tape, or dr.jacobian(program, parameters, way="differences")'
        )


def tape_operation(forward: Callable[..., object], adjoint: Callable[..., object]) -> Callable[..., None]:
    """A callable that runs ``forward(*arguments)``; an open tape calls ``adjoint(*arguments)`` on its way back.

    Not if it was called off the tape (inside ``off_tape``, ``ti.ad.no_grad`` or another operation): it just runs then.
    Not if ``forward`` raised: Taichi records a call before running it and goes back after an exception as well, and
    what an adjoint of half a call raises would take the exception's place.

    Raises, when called within ``ti.ad.FwdMode``:
        GradientError: it has no forward mode.
    """

    def run(call):
        forward(*call.arguments)
        call.complete = True

    def run_adjoint(call):
        if call.complete:
            adjoint(*call.arguments)

    operation = ti.ad.grad_replaced(run)
    ti.ad.grad_for(operation)(run_adjoint)
    alone = off_tape(forward)

    def start(*arguments):
        _refuse_forward_mode()
        if _record is not None and not impl.get_runtime().grad_replaced:
            alone(*arguments)
            _record.append((adjoint, arguments))
        elif recording_tape() is None:
            forward(*arguments)
        else:
            operation(_Call(arguments))

    return start
