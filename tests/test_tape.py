"""What an open tape records of the package: whole operations, and nothing of what is kept off it."""

import sys
import threading

import pytest
import taichi as ti

from taichi_dr.errors import GradientError
from taichi_dr.tape import off_tape, recorded, tape_operation


@ti.kernel
def add(x: ti.template(), y: ti.template(), factor: float):
    y[None] += factor * x[None]


def two_fields():
    fields = [ti.field(ti.f32, (), needs_grad=True) for _ in range(2)]
    fields[0][None] = 3.0
    return fields


def test_nothing_off_the_tape_is_recorded(cpu32):
    x, y = two_fields()

    @off_tape
    def unseen(factor):
        add(x, y, factor)
        return factor

    @off_tape
    def nested():
        unseen(factor=2.0)
        add(x, y, 1.0)

    with ti.ad.Tape(y) as tape:
        nested()
        assert unseen(4.0) == 4.0
        with pytest.raises(ZeroDivisionError):
            off_tape(lambda: 1 / 0)()
        assert tape.calls == []
        add(x, y, 5.0)
    assert (y[None], x.grad[None]) == (36.0, 5.0)


def test_an_operation_that_raised_has_no_adjoint(cpu32):
    x, y = two_fields()

    def forward(factor, fails):
        add(x, y, factor)
        if fails:
            raise ValueError("half done")

    def adjoint(factor, fails):
        assert not fails
        x.grad[None] += 10 * factor * y.grad[None]

    operation = tape_operation(forward, adjoint)

    def program():
        operation(1.0, False)
        operation(2.0, True)

    with pytest.raises(ValueError, match="half done"), ti.ad.Tape(y):
        program()
    assert (y[None], x.grad[None]) == (9.0, 10.0)


@pytest.mark.parametrize("decorator", [off_tape, ti.ad.no_grad], ids=["off_tape", "no_grad"])
def test_an_operation_off_the_tape_just_runs(cpu32, decorator):
    x, y = two_fields()
    adjoints = []
    operation = tape_operation(lambda factor: add(x, y, factor), adjoints.append)

    @decorator
    def unseen():
        operation(1.0)
        add(x, y, 1.0)  # still off the tape

    with ti.ad.Tape(y) as tape:
        unseen()
        assert len(tape.calls) == (decorator is ti.ad.no_grad)  # which is recorded itself, and has an empty adjoint
        operation(2.0)
        add(x, y, 4.0)
    assert (y[None], adjoints, x.grad[None]) == (24.0, [2.0], 4.0)


def test_an_operation_within_another_is_part_of_it(cpu32):
    x, y = two_fields()
    adjoints = []
    inner = tape_operation(lambda: add(x, y, 1.0), lambda: adjoints.append("inner"))

    def forward():
        inner()
        add(x, y, 1.0)

    outer = tape_operation(forward, lambda: adjoints.append("outer"))
    with ti.ad.Tape(y):
        outer()
    assert (y[None], adjoints, x.grad[None]) == (6.0, ["outer"], 0.0)


def nested(*decorators):
    """``call(function)`` runs it under all of the decorators, the first one outermost, after a call of another."""
    nothing = ti.ad.no_grad(lambda: None)

    def call(function):
        def run():
            nothing()
            function()

        for decorator in reversed(decorators):
            run = decorator(run)
        run()

    return call


NESTINGS = {
    "no_grad": nested(ti.ad.no_grad),
    "off_tape": nested(off_tape),
    "no_grad in no_grad": nested(ti.ad.no_grad, ti.ad.no_grad),
    "off_tape in no_grad": nested(ti.ad.no_grad, off_tape),
    "no_grad in off_tape": nested(off_tape, ti.ad.no_grad),
}


@pytest.mark.parametrize("call", NESTINGS.values(), ids=NESTINGS)
def test_nothing_is_recorded_after_what_is_nested(cpu32, call):
    """Taichi's inner ``no_grad`` put the rest of the outer one back on the tape."""
    x, y = two_fields()
    with ti.ad.Tape(y) as tape:
        add(x, y, 1.0)
        call(lambda: add(x, y, 2.0))
        assert all(not arguments for _, arguments in tape.calls[1:])  # of ``no_grad`` alone, whose adjoint is empty
        add(x, y, 4.0)
    assert (y[None], x.grad[None]) == (21.0, 5.0)


@pytest.mark.parametrize("call", NESTINGS.values(), ids=NESTINGS)
def test_a_gradient_of_ones_own_is_not_taken_of_what_has_none(cpu32, call):
    x, y = two_fields()
    adjoints = []
    tripled = ti.ad.grad_replaced(lambda: add(x, y, 3.0))
    ti.ad.grad_for(tripled)(lambda: adjoints.append(3.0))
    with ti.ad.Tape(y):
        call(tripled)
        tripled()
    assert (y[None], adjoints) == (18.0, [3.0])


@pytest.mark.parametrize("decorator", [off_tape, ti.ad.no_grad], ids=["off_tape", "no_grad"])
def test_a_tape_or_list_that_is_opened_off_the_tape_records(cpu32, decorator):
    x, y = two_fields()
    operation = tape_operation(lambda: add(x, y, 2.0), lambda: None)

    def take():
        with ti.ad.Tape(y):
            add(x, y, 5.0)
            ti.ad.no_grad(lambda: add(x, y, 1.0))()
        with recorded() as calls:
            operation()
        assert len(calls) == 1

    decorator(take)()
    assert x.grad[None] == 5.0
    with ti.ad.Tape(y):
        add(x, y, 3.0)
    assert x.grad[None] == 3.0


@pytest.mark.parametrize("decorator", [lambda function: function, ti.ad.no_grad], ids=["in it", "in no_grad"])
def test_a_tape_within_a_tape_is_refused(cpu32, decorator):
    """Taichi's outer one recorded nothing from then on, without a word if the inner one was under ``no_grad``."""
    x, y = two_fields()
    other = ti.field(ti.f32, (), needs_grad=True)

    def inner():
        with ti.ad.Tape(other):
            add(x, other, 1.0)

    with ti.ad.Tape(y):
        add(x, y, 2.0)
        with pytest.raises(GradientError, match=r"a ti\.ad\.Tape within another one"):
            decorator(inner)()
        add(x, y, 4.0)
    assert (y[None], x.grad[None]) == (18.0, 6.0)


@pytest.mark.parametrize(("name", "event"), [("__enter__", "return"), ("__exit__", "call")])
def test_an_interrupt_leaves_no_tape_open(cpu32, name, event):
    """Ctrl-C while Taichi opens a tape, or closes it: the next one is not within it."""
    x, y = two_fields()

    def interrupt(frame, happens, _):
        code = frame.f_code
        if (happens, code.co_name) == (event, name) and code.co_filename.endswith("_ad.py"):  # Taichi's own
            sys.setprofile(None)
            raise KeyboardInterrupt

    def take(factor):
        with ti.ad.Tape(y):
            add(x, y, factor)

    take(1.0)
    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            take(2.0)
    finally:
        sys.setprofile(None)
    take(5.0)
    assert x.grad[None] == 5.0


def test_a_tape_that_nobody_will_close_makes_room(cpu32):
    """As after an interrupt between two instructions of a ``with`` statement."""
    x, y = two_fields()
    for factor in (3.0, 5.0):
        ti.ad.Tape(y).__enter__()
        with ti.ad.Tape(y):
            add(x, y, factor)
        assert x.grad[None] == factor
    held = ti.ad.Tape(y)
    held.__enter__()
    with pytest.raises(GradientError, match="within another one"), ti.ad.Tape(y):
        pass
    held.__exit__(None, None, None)


def test_a_thread_that_opens_a_tape_as_another_is_closed_keeps_it(cpu32):
    """The first one's last steps come after its turn."""
    x, y = two_fields()
    z = ti.field(ti.f32, (), needs_grad=True)
    is_released, is_open, found = threading.Event(), threading.Event(), []

    def second():
        is_released.wait(60)
        with ti.ad.Tape(z):
            is_open.set()
            first.join(60)
            add(x, z, 7.0)
        found.append(x.grad[None])

    def take():
        with ti.ad.Tape(y):
            add(x, y, 1.0)
            sys.setprofile(hand_over)

    def hand_over(frame, happens, _):
        if (happens, frame.f_code.co_name) == ("return", "leave_alone"):
            sys.setprofile(None)
            is_released.set()
            is_open.wait(60)

    with ti.ad.Tape(y):
        add(x, y, 1.0)  # compiled
    first, other = threading.Thread(target=take), threading.Thread(target=second)
    for thread in (first, other):
        thread.start()
    for thread in (first, other):
        thread.join(120)
    assert found == [7.0]
