"""How the package's kernels join the user's ``ti.ad.Tape``: as one operation with an adjoint of its own.

``off_tape`` raises ``grad_replaced``, the flag by which Taichi's own ``ti.ad.no_grad`` and ``ti.ad.grad_replaced`` keep
kernels off the tape.  Theirs cannot be nested: the inner one is recorded although the outer one is not, and resets the
flag on leaving, so that the rest of the outer one is back on the tape.  So ``_count_nesting`` has the flag count, which
serves functions that were decorated before this file is imported as well, and tapes record what is not nested alone.  A
tape that is opened within either recorded nothing, and one within another ended the other one's recording without a
word: the first records, the second is refused.  Gone when Taichi does all of that.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import taichi as ti
from taichi.lang import impl

from taichi_dr.errors import GradientError
from taichi_dr.runtime import current_tape, recording_tape

Function = TypeVar("Function", bound=Callable[..., Any])


def _count_nesting():
    """Has Taichi's flag count how deep what it keeps off the tape is nested, in ``times_off``, and tapes mind it."""
    kind, tape = type(impl.get_runtime()), ti.ad.Tape
    enter, leave, insert = tape.__enter__, tape.__exit__, tape.insert

    def count(runtime, is_off):
        runtime.times_off = max(runtime.times_off + (1 if is_off else -1), 0)

    def enter_alone(self):
        if current_tape() is not None:
            if _is_held(self.runtime):
                raise GradientError(
                    "a ti.ad.Tape within another one: Taichi has one at a time, and the outer one would record nothing"
                    " more and find gradients of the inner one in its fields: open this one before or after the other"
                )
            with suppress(RuntimeError):  # it has ended already
                self.runtime.target_tape.end_turn()
        self.times_off = self.runtime.times_off
        try:
            result, self.runtime.times_off = enter(self), 0
        except BaseException:  # Ctrl-C among them: it is not to be left open
            if self.runtime.target_tape is self:
                self.runtime.target_tape = None
            raise
        return result

    def leave_as_before(self, *error):
        try:
            return leave(self, *error)
        finally:
            if self.runtime.target_tape in (None, self):  # not another thread's, which may have opened one meanwhile
                self.runtime.target_tape, self.runtime.times_off = None, self.times_off

    def insert_outermost(self, function, arguments):
        if not _is_nested():
            insert(self, function, arguments)

    kind.times_off = 0
    impl.get_runtime().times_off = int(impl.get_runtime().grad_replaced)
    kind.grad_replaced = property(lambda runtime: runtime.times_off > 0, count)
    tape.__enter__, tape.__exit__, tape.insert = enter_alone, leave_as_before, insert_outermost


def _is_held(runtime):
    """Whether somebody but the runtime holds the open tape: a ``with`` does, until an interrupt between two of its
    instructions leaves the tape open for good.
    """
    return sys.getrefcount(runtime.target_tape) > _HELD_BY_ONE


_one = SimpleNamespace(target_tape=object())
_HELD_BY_ONE = sys.getrefcount(_one.target_tape)


def _is_nested():
    """Whether what is to be recorded is part of something that is recorded, or kept off the tape, as a whole."""
    return impl.get_runtime().times_off > 1


_count_nesting()


def off_tape(function: Function) -> Function:
    """Decorates a function whose kernels an open tape must not record; may be nested."""

    @wraps(function)
    def run(*arguments, **keywords):
        runtime = impl.get_runtime()
        runtime.times_off += 1
        try:
            return function(*arguments, **keywords)
        finally:
            runtime.times_off -= 1

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
        elif not _is_nested() and not _own_name(function).endswith(("_to_ext_arr", "_image")):  # NumPy: no gradient
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
        self.tape, self.clear_gradients = tape, tape.clear_gradients

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

    For operations whose adjoint calls it again by ``noted``: unlike within ``off_tape``, what could not be is refused.
    """
    tape = impl.get_runtime().target_tape
    with _in_place_of_the_tape(None if tape is None else _Nobody(tape)):
        function(*arguments)


def enclosing_tape() -> object:
    """The open ``ti.ad.Tape``, also while nothing of it records what is called now, or None.

    Raises:
        GradientError: another thread has opened it.
    """
    tape = current_tape()
    return tape.tape if isinstance(tape, _Nobody) else tape


def is_stand_in(tape: object) -> bool:
    """Whether it is what stands for a tape while ``noted`` or ``unnoted`` call something."""
    return isinstance(tape, _Calls | _Nobody)


@contextmanager
def _in_place_of_the_tape(recorder):
    """Within the block it is ``recorder`` that records, and neither a tape nor ``recorded``."""
    global _record
    runtime = impl.get_runtime()
    outer = runtime.target_tape, runtime.times_off, _record
    runtime.target_tape, runtime.times_off, _record = recorder, 0, None
    try:
        yield
    finally:
        runtime.target_tape, runtime.times_off, _record = outer


def without_tape() -> AbstractContextManager[None]:
    """Within the block it is as if no tape were open, and nothing kept off it: for Taichi's forward mode."""
    return _in_place_of_the_tape(None)


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
    runtime = impl.get_runtime()
    outer = _record, runtime.times_off
    _record, runtime.times_off = [], 0
    try:
        yield _record
    finally:
        _record, runtime.times_off = outer


def _refuse_forward_mode():
    """Raises GradientError within ``ti.ad.FwdMode``, where kernels with hand-written adjoints would give zeros."""
    runtime = impl.get_runtime()
    if runtime.fwd_mode_manager is not None and not runtime.grad_replaced:
        raise GradientError(
            "renderers, losses and tape operations have adjoints, written by hand, and no forward mode (ti.ad.FwdMode):"
            ' use ti.ad.Tape, or dr.jacobian(program, parameters, way="differences")'
        )


def tape_operation(forward: Callable[..., object], adjoint: Callable[..., object]) -> Callable[..., None]:
    """A callable that runs ``forward(*arguments)``; an open tape calls ``adjoint(*arguments)`` on its way back.

    Not if it was called off the tape (inside ``off_tape``, ``ti.ad.no_grad`` or another operation): it just runs then.
    Not if ``forward`` raised: Taichi records a call before running it and goes back after an exception as well, and
    what an adjoint of half a call raises would take the exception's place.

    Raises, when called within ``ti.ad.FwdMode``, but for what is under ``ti.ad.no_grad`` or ``ti.ad.grad_replaced``
    there, of which Taichi takes no derivative:
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
