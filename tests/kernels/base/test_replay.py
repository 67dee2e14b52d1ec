"""Launches that are made again do what Taichi's own do, whatever has changed in between."""

import sys

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.base import replay
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Numbers

launches = []


@replayed
@ti.kernel
def weigh(numbers: Numbers, rows: IntRows, factor: float, shift: ti.i32, twice: ti.template(), out: Numbers) -> ti.i32:
    for i in range(out.shape[0]):
        total = shift
        for k in range(rows.shape[1]):
            total += rows[i, k]
        out[i] = factor * numbers[i] * total
        if ti.static(twice):
            out[i] *= 2.0
    return out.shape[0] + shift


def expected(numbers, rows, factor, shift, twice):
    return (2 if twice else 1) * factor * numbers * (rows.sum(axis=1) + shift)


@pytest.fixture
def fast(monkeypatch):
    """Counts the launches that are made again."""
    launches.clear()
    call = replay._Launch.__call__
    monkeypatch.setattr(replay._Launch, "__call__", lambda self, given: launches.append(1) or call(self, given))
    return launches


def weighed(numbers, rows, factor, shift, twice):
    """Of arrays, and the count that is returned."""
    out = make_array(numbers.shape)
    count = weigh(numbers, rows, factor, shift, twice, out)
    return out.to_numpy(), count


def test_changed_numbers_of_the_same_arrays_are_seen(any32, fast):
    random = np.random.default_rng(0)
    numbers, rows, out = make_array((5,)), array_from(np.arange(10).reshape(5, 2), ti.i32), make_array((5,))
    for _ in range(4):
        values = random.normal(size=5).astype(np.float32)
        numbers.from_numpy(values)
        assert weigh(numbers, rows, 0.5, 3, True, out) == 8
        np.testing.assert_allclose(
            out.to_numpy(), expected(values, np.arange(10).reshape(5, 2), 0.5, 3, True), rtol=1e-6
        )
    assert len(fast) == (2 if any32 == "cpu" else 0)


def test_other_numbers_templates_and_arrays_are_told_apart(cpu32, fast):
    random = np.random.default_rng(1)
    few = [
        (array_from(random.normal(size=n)), array_from(random.integers(9, size=(n, k)), ti.i32))
        for n in (3, 4)
        for k in (1, 2)
    ]
    for _ in range(3):
        for numbers, rows in few:
            for factor, shift, twice in ((1.0, 0, False), (2.0, 0, False), (1.0, 1, False), (1.0, 1, True)):
                found, count = weighed(numbers, rows, factor, shift, twice)
                right = expected(numbers.to_numpy(), rows.to_numpy(), factor, shift, twice)
                np.testing.assert_allclose(found, right, rtol=1e-6)
                assert count == numbers.shape[0] + shift


def test_keywords_are_passed_on(cpu32):
    numbers, rows, out = array_from(np.ones(4)), array_from(np.ones((4, 1)), ti.i32), make_array((4,))
    for shift in (0, 1, 1, 1):
        assert weigh(numbers, rows, 1.0, shift=shift, twice=False, out=out) == 4 + shift
        assert out.to_numpy().tolist() == [1 + shift] * 4


def test_an_array_in_the_place_of_one_that_died_is_another(cpu32, fast):
    rows = array_from(np.ones((4, 1)), ti.i32)
    for k in range(60):  # Python gives a new object the address of one that is no more
        numbers, out = array_from(np.full(4, float(k))), make_array((4,))
        weigh(numbers, rows, 1.0, 0, False, out)
        assert out.to_numpy().tolist() == [k] * 4
    assert not fast


def test_arrays_of_numpy_are_places_in_memory(cpu32, fast):
    memory, rows, out = np.arange(12, dtype=np.float32), array_from(np.ones((4, 1)), ti.i32), make_array((4,))
    for _ in range(3):
        for first in (0, 4, 8):
            weigh(memory[first : first + 4], rows, 1.0, 0, False, out)
            assert out.to_numpy().tolist() == memory[first : first + 4].tolist()
        memory += 1
    assert len(fast) == 3


def test_an_array_of_numpy_that_is_not_in_order_is_refused_each_time(cpu32):
    rows, out = array_from(np.ones((4, 1)), ti.i32), make_array((4,))
    numbers = np.arange(8, dtype=np.float32)
    for _ in range(3):
        weigh(numbers[:4], rows, 1.0, 0, False, out)  # at the same place, and of the same shape
        with pytest.raises(ValueError, match="contiguous"):
            weigh(numbers[::2], rows, 1.0, 0, False, out)
    for _ in range(2):
        with pytest.raises(ValueError, match="contiguous"):
            weigh(np.arange(8, dtype=np.float32)[::2], rows, 1.0, 0, False, out)


def test_few_lists_of_arrays_are_kept(cpu32, fast):
    numbers, rows = array_from(np.ones(4)), array_from(np.ones((4, 1)), ti.i32)
    outs = [make_array((4,)) for _ in range(2 * replay.MOST_KEPT)]

    def weigh_in(out):
        weigh(numbers, rows, 1.0, 0, False, out)
        assert out.to_numpy().tolist() == [1] * 4
        out.fill(0)

    for out in outs:
        weigh_in(out)
        weigh_in(out)
    for out in outs[-4:]:
        weigh_in(out)
    assert len(fast) == 4
    weigh_in(outs[0])  # long forgotten
    assert len(fast) == 4


@replayed
@ti.kernel
def put(real: float, double: ti.f64, signed: ti.i32, unsigned: ti.u32, out: ti.types.ndarray(dtype=ti.f64, ndim=1)):
    out[0], out[1], out[2], out[3] = real, double, signed, unsigned


def test_numbers_of_every_type_are_put_in_their_places(cpu32, fast):
    out = make_array((4,), ti.f64)
    for k in range(4):
        given = 0.5 * k, 0.1 * k, -3 * k, 2**32 - 1 - k
        put(*given, out)
        assert out.to_numpy().tolist() == list(given)
    put(np.float32(0.25), 2, np.int64(-7), np.uint32(2**31), out)
    assert out.to_numpy().tolist() == [0.25, 2, -7, 2**31]
    assert len(fast) == 3


def test_a_number_that_is_none_leaves_the_next_launch_right(cpu32, fast):
    out = make_array((4,), ti.f64)
    for _ in range(3):
        put(1.0, 2.0, 3, 4, out)
    with pytest.raises(TypeError):
        put(9.0, 9.0, 0.5, 4, out)
    put(1.0, 2.0, 3, 4, out)
    assert out.to_numpy().tolist() == [1, 2, 3, 4]


@replayed
@ti.kernel
def copy(fields: ti.template(), out: Numbers):
    for i in range(out.shape[0]):
        out[i] = fields[0][i] + 2 * fields[1][i]


def test_fields_are_known_by_themselves_and_not_held(cpu32, fast):
    first, second, out = ti.field(ti.f32, 4), ti.field(ti.f32, 4), make_array((4,))
    for k in range(3):
        first.fill(k)
        second.fill(1)
        for fields, right in (((first, second), k + 2), ((second, first), 2 * k + 1)):
            copy(fields, out)
            assert out.to_numpy().tolist() == [right] * 4
    assert len(fast) == 2
    before = sys.getrefcount(first)
    copy((first, second), out)
    assert sys.getrefcount(first) == before


@pytest.mark.usefixtures("own_runtime")
def test_another_run_begins_anew(fast):
    for is_double in (False, True, False):
        dr.init("cpu", float64=is_double)
        numbers, rows, out = array_from(np.arange(4.0)), array_from(np.ones((4, 1)), ti.i32), make_array((4,))
        for _ in range(3):
            weigh(numbers, rows, 0.1, 0, False, out)
            np.testing.assert_allclose(out.to_numpy(), 0.1 * np.arange(4), rtol=1e-15 if is_double else 1e-6)
    assert len(fast) == 3


def test_an_open_tape_still_sees_it(cpu32, fast):
    numbers, rows, out = array_from(np.ones(4)), array_from(np.ones((4, 1)), ti.i32), make_array((4,))
    for _ in range(2):
        weigh(numbers, rows, 1.0, 0, False, out)
    loss = ti.field(ti.f32, (), needs_grad=True)
    with ti.ad.Tape(loss):
        weigh(numbers, rows, 1.0, 0, False, out)
        tape = ti.lang.impl.get_runtime().target_tape
        assert len(tape.calls) == 1
        tape.calls.clear()
    assert not fast


def test_what_is_neither_array_nor_number_nor_template_is_refused():
    with pytest.raises(TypeError, match=r"scale: vector is a .*expected an array, number or template"):

        @replayed
        @ti.kernel
        def scale(vector: ti.types.vector(3, ti.f32), out: Numbers):
            out[0] = vector[0]
