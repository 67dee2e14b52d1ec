"""What an open tape records of the package: whole operations, and nothing of what is kept off it."""

import pytest
import taichi as ti

from taichi_dr.tape import off_tape, tape_operation


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
