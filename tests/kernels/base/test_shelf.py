"""Dropped arrays go on as new ones: none is lost, handed on twice, or kept beyond what may be."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
import taichi as ti
from hypothesis import given
from hypothesis import strategies as st
from makings import arrays_made
from taichi.lang import impl

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array, new_array, new_vectors
from taichi_dr.kernels.base.shelf import MOST_KEPT, Shelf

MOST = 100
SIZES = {"small": 10, "middle": 25, "large": 70, "huge": 201}


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(list(SIZES))), max_size=60))
def test_each_is_kept_handed_on_or_freed_once(steps):
    kept = []
    shelf = Shelf(lambda left: kept.remove(left), MOST)  # fails if it was freed or handed on before
    shelf.take("small")
    for number, (is_dropped, key) in enumerate(steps):
        if is_dropped:
            kept.append({"runtime": impl.get_runtime(), "key": key, "bytes": SIZES[key], "arr": number})
            shelf.put(kept[-1])
            assert sum(left["bytes"] for left in kept) <= 2 * MOST
        else:
            latest = next((left for left in reversed(kept) if left["key"] == key), None)
            assert shelf.take(key) is latest
            kept = [left for left in kept if left is not latest]
            assert sum(left["bytes"] for left in kept) <= MOST


def test_the_oldest_make_room():
    freed = []
    shelf = Shelf(lambda left: freed.append(left["arr"]), MOST)
    shelf.take("small")
    for number, key in enumerate(["large", "small", "middle", "small"]):
        shelf.put({"runtime": impl.get_runtime(), "key": key, "bytes": SIZES[key], "arr": number})
    assert shelf.take("huge") is None
    assert freed == [0]
    assert [shelf.take(key)["arr"] for key in ("small", "small", "middle")] == [3, 1, 2]


def was_zero_and_is_five(array):
    was_zero = not array.to_numpy().any()
    array.fill(5)
    return was_zero and (array.to_numpy() == 5).all()


def stays_zero(make, made):
    """Whether new arrays are zero whatever those before held, whose memory they have."""
    assert was_zero_and_is_five(make())
    gc.collect()  # compiling leaves circles behind
    before = len(made)
    assert all(was_zero_and_is_five(make()) for _ in range(3))
    return len(made) == before


def test_new_arrays_are_zero(any32, monkeypatch):
    made = arrays_made(monkeypatch)
    assert stays_zero(lambda: make_array((7, 3)), made)
    assert stays_zero(lambda: new_array(ti.i32, 21), made)
    assert stays_zero(lambda: make_array((7, 3), ti.i32), made)
    assert array_from(np.arange(21.0).reshape(7, 3)).to_numpy()[6].tolist() == [18, 19, 20]


def test_new_vectors_are_zero(cpu32, monkeypatch):
    assert stays_zero(lambda: new_vectors(4, ti.f32, (7,)), arrays_made(monkeypatch))


def test_those_in_use_are_left_alone(any32):
    arrays = [array_from(np.full((4, 2), float(k))) for k in range(5)]
    arrays[1:3] = [array_from(np.full((4, 2), 7.0)), array_from(np.full((4, 2), 8.0))]
    assert [array.to_numpy()[3, 1] for array in arrays] == [0, 7, 8, 3, 4]


def test_those_in_circles_go_on_too(cpu32, monkeypatch):
    gc.collect()  # which may fill the shelf: the next array makes room there
    first = array_from([1.0, 2.0, 3.0])
    circle, seen = [first], weakref.ref(first)
    circle.append(circle)
    del first, circle
    gc.collect()
    assert seen() is None
    made = arrays_made(monkeypatch)
    assert array_from([4.0, 5.0, 6.0]).to_numpy().tolist() == [4, 5, 6]
    assert not made


def test_other_threads_make_their_own():
    shelf = Shelf(lambda left: None, MOST)
    shelf.take("small")
    taken = []

    def drop_and_take():
        shelf.put({"runtime": impl.get_runtime(), "key": "small", "bytes": 10, "arr": 1})
        taken.append(shelf.take("small"))

    thread = threading.Thread(target=drop_and_take)
    thread.start()
    thread.join()
    assert taken == [None]
    assert shelf.take("small")["arr"] == 1


def test_large_ones_are_freed(cpu32, monkeypatch):
    freed, program = [], type(impl.get_runtime().prog)
    free = program.delete_ndarray
    monkeypatch.setattr(program, "delete_ndarray", lambda self, handle: freed.append(handle) or free(self, handle))
    array = make_array((MOST_KEPT // 2 + 1,))  # of four bytes
    handle = array.arr
    del array
    assert any(one is handle for one in freed)


class Interrupted(BaseException):
    """Raised between two instructions."""


@given(st.integers(1, 60), st.integers(1, 60))
def test_interrupts_hand_nothing_on_twice_and_break_nothing(first, second):
    handed, freed, number = [], [], 0
    shelf = Shelf(lambda left: freed.append(left["arr"]), MOST)

    def interrupt_after(lines):
        def trace(frame, event, _):
            nonlocal lines
            lines -= event == "line" and frame.f_code.co_filename.endswith("shelf.py")
            if lines < 0:
                sys.settrace(None)
                raise Interrupted
            return trace

        return trace

    for lines in (first, second, None):
        sys.settrace(interrupt_after(lines) if lines else None)
        try:
            for _ in range(12):
                for key in ("large", "small", "small", "middle"):
                    number += 1
                    shelf.put({"runtime": impl.get_runtime(), "key": key, "bytes": SIZES[key], "arr": number})
                for key in ("small", "large", "huge"):
                    handed.append(shelf.take(key))
        except Interrupted:
            pass
        finally:
            sys.settrace(None)
    both = freed + [left["arr"] for left in handed if left is not None]
    assert len(set(both)) == len(both)
    assert handed[-3]["arr"] == number - 1  # it goes on


@pytest.mark.usefixtures("own_runtime")
def test_those_of_a_former_runtime_are_forgotten(monkeypatch):
    dr.init("cpu")
    older = make_array((11,))
    make_array((11,))
    dr.init("cpu")
    made = arrays_made(monkeypatch)
    array = make_array((11,))
    assert len(made) == 1
    del older
    make_array((11,))
    assert len(made) == 2
    del array
    assert make_array((11,)).to_numpy().tolist() == [0] * 11
    assert len(made) == 2
