"""Photographs are read when they are looked at, in a thread while a window is open; what is kept of them is bounded."""

import threading
import time
import warnings
import weakref

import numpy as np
import pytest
from gui.virtual_screen import until

from taichi_dr.errors import DataSetError
from taichi_dr.jobs.view import album
from taichi_dr.jobs.view.album import Album, over_white

NAMES = tuple(f"{letter}.jpg" for letter in "abcdefg")
DAMAGED = 4


def shelf(read, damaged=DAMAGED):
    """An Album whose picture ``view`` is 6 x 8 pixels of red ``view / 10``, half transparent, which notes in a list
    what is read; one picture is damaged."""

    def decoded(view):
        read.append(view)
        if view == damaged:
            raise DataSetError("e.jpg: not a PNG or JPEG, or damaged")
        return np.full((6, 8, 3), [view / 10, 0, 0], np.float32), np.full((6, 8), 0.5, np.float32)

    return Album(NAMES, decoded)


def test_without_a_window_what_is_asked_for_is_read_at_once_and_once():
    read = []
    photographs = shelf(read)
    assert read == []
    np.testing.assert_allclose(photographs.photograph(2)[0, 0], [0.1, 0, 0, 0.5])  # colours times alpha
    np.testing.assert_allclose(over_white(photographs.photograph(2))[5, 7], [0.6, 0.5, 0.5])
    assert read == [2]
    with pytest.raises(DataSetError, match=r"e\.jpg: not a PNG"):
        photographs.photograph(DAMAGED)
    assert photographs.note(2) == photographs.note() == ""
    assert not photographs.arrived()


def test_while_a_window_is_open_nobody_waits_and_the_next_ones_are_read_ahead():
    read, goes_on = [], threading.Semaphore(0)

    def slow(view):
        goes_on.acquire()
        read.append(view)
        return np.full((6, 8, 3), view / 10, np.float32), np.ones((6, 8), np.float32)

    with Album(NAMES, slow) as photographs:
        assert photographs.photograph(0) is None
        assert photographs.note(0) == "reading"
        assert not photographs.arrived()
        goes_on.release()
        until(photographs.arrived, "the first photograph")
        assert not photographs.arrived()  # it was told
        assert photographs.photograph(0).shape == (6, 8, 4)
        assert photographs.note(0) == ""
        goes_on.release(2)
        until(lambda: len(read) == 3, "those beside it")
        assert read == [0, 1, 6]
        time.sleep(0.1)
        assert read == [0, 1, 6]  # nobody asked for others
        assert not photographs.arrived()  # nobody looks at the ones beside
        photographs.photograph(3)
        goes_on.release(3)
        until(lambda: len(read) == 6, "others")
        assert read[3:] == [3, 4, 2]
    assert "photographs" not in [thread.name for thread in threading.enumerate()]


def test_what_cannot_be_read_is_named_once_and_the_others_are_read(recwarn):
    read = []
    with shelf(read) as photographs:
        photographs.photograph(DAMAGED)
        until(lambda: photographs.fault(DAMAGED) and photographs.photograph(5) is not None, "the one behind it")
        assert photographs.photograph(DAMAGED) is None
        until(lambda: photographs.photograph(3) is not None, "the one before it")
        assert photographs.note(DAMAGED) == "e.jpg cannot be read"
        assert "e.jpg" in str(photographs.fault(DAMAGED))
        assert photographs.fault(5) is None
        assert photographs.arrived()
        time.sleep(0.1)
    assert [str(one.message) for one in recwarn] == ["e.jpg: not a PNG or JPEG, or damaged"]
    assert read.count(DAMAGED) == 1


@pytest.mark.filterwarnings("ignore:e.jpg")
def test_small_pictures_of_all_come_once_they_are_asked_for():
    with shelf([]) as photographs:
        assert photographs.note() == ""
        assert photographs.small(0) is None or photographs.small(0).shape == (6, 8, 3)
        until(lambda: photographs.small(6) is not None, "the last one")
        assert photographs.note() == ""  # the damaged one is done with
        np.testing.assert_allclose(photographs.small(6)[3, 3], [0.8, 0.5, 0.5], atol=1e-6)
        assert photographs.small(DAMAGED) is None
        assert not photographs._photographs  # nobody looked at one
    large = Album(("a.jpg",), lambda view: (np.ones((300, 100, 3), np.float32), np.zeros((300, 100), np.float32)))
    assert large.small(0).shape == (128, 43, 3)
    assert large.small(0).min() == 1  # white is behind it


def test_the_last_photographs_are_kept_and_always_those_beside_the_one_looked_at(monkeypatch):
    monkeypatch.setattr(album, "KEPT", 4 * 6 * 8 * 4 * 4)  # four photographs
    read = []
    photographs = shelf(read, damaged=None)
    for view in (0, 1, 2, 3, 0, 5, 0, 2, 3):
        photographs.photograph(view)
    assert read == [0, 1, 2, 3, 5]
    photographs.photograph(1)
    assert read == [0, 1, 2, 3, 5, 1]  # it was given up, as the one that nobody has looked at for longest
    monkeypatch.setattr(album, "KEPT", 0)
    read.clear()
    with shelf(read, damaged=None) as some:
        until(lambda: some.photograph(3) is not None and len(read) >= 3, "three photographs")
        time.sleep(0.1)
        assert read == [3, 4, 2]  # none is given up for the one beside it


@pytest.mark.filterwarnings("ignore:[ab].jpg")
def test_nothing_of_a_file_stays_that_cannot_be_read():
    pixels = []

    def damaged(view):
        data = np.zeros(8)
        pixels.append(weakref.ref(data))
        try:
            raise ValueError(f"at byte {len(data)}")
        except ValueError as error:
            raise DataSetError(f"{NAMES[view]} is damaged") from error

    with Album(NAMES[:2], damaged) as photographs:
        photographs.photograph(0)
        until(lambda: photographs.fault(0) and photographs.fault(1), "what is wrong with both")
        assert [each() for each in pixels] == [None, None]
    assert photographs.fault(1) == "b.jpg is damaged"


@pytest.mark.filterwarnings("ignore:MemoryError", "ignore:.*odd")
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("odd"), ZeroDivisionError("odd")])
def test_whatever_is_wrong_with_one_the_others_are_read(error):
    def read(view):
        if view == 0:
            raise error
        return np.zeros((6, 8, 3), np.float32), np.ones((6, 8), np.float32)

    with Album(NAMES, read) as photographs:
        photographs.photograph(0)
        until(lambda: len(photographs._photographs) == 2, "those beside it")
        assert photographs.fault(0) == (str(error) or "MemoryError")
        assert photographs.note(0) == "a.jpg cannot be read"


@pytest.mark.filterwarnings("ignore:no memory")
def test_what_is_too_large_to_be_kept_is_left_out(monkeypatch):
    def multiplied(colors, alpha):
        if colors[0, 0, 0] == 0:
            raise MemoryError("no memory")
        return np.zeros((6, 8, 4), np.float32)

    monkeypatch.setattr(album, "multiplied", multiplied)
    with shelf([], damaged=None) as photographs:
        photographs.photograph(0)
        until(lambda: len(photographs._photographs) == 2, "those beside it")
        assert photographs.fault(0) == "no memory"


def test_a_warning_that_is_made_an_error_does_not_end_the_reading():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with shelf([]) as photographs:
            photographs.photograph(DAMAGED)
            until(lambda: len(photographs._photographs) == 2, "those beside it")
            assert "e.jpg" in photographs.fault(DAMAGED)
            until(photographs.arrived, "what is wrong")


def test_what_was_not_asked_for_is_not_said_to_be_read():
    with shelf([], damaged=None) as photographs:
        assert photographs.note(3) == ""
        photographs.photograph(0)
        assert photographs.note(3) == ""


@pytest.mark.filterwarnings("ignore:[a-g].jpg")
def test_the_first_that_is_damaged_is_named_and_the_others_are_counted():
    def damaged(view):
        raise DataSetError(f"{NAMES[view]}: damaged")

    with Album(NAMES[:3], damaged) as photographs:
        assert photographs.fault() is None
        photographs.small(0)
        until(lambda: len(photographs._faults) == 3, "all")
    assert photographs.fault() == "a.jpg: damaged (2 more cannot be read)"
    with shelf([]) as photographs:
        photographs.small(0)
        until(lambda: photographs.small(6) is not None, "the last")
    assert photographs.fault() == "e.jpg: not a PNG or JPEG, or damaged"


def test_small_pictures_are_made_of_the_photographs_that_are_there():
    read = []
    photographs = shelf(read, damaged=None)
    for view in range(3):
        photographs.photograph(view)
    np.testing.assert_allclose(photographs.small(2)[3, 3], [0.6, 0.5, 0.5], atol=1e-6)
    assert read == [0, 1, 2]
    read.clear()
    with shelf(read, damaged=None) as photographs:
        photographs.photograph(0)
        until(lambda: len(photographs._photographs) == 3, "three photographs")
        photographs.small(0)
        until(lambda: photographs.small(6) is not None, "the small ones")
    assert sorted(read) == list(range(7))


def test_an_album_that_is_opened_again_while_it_reads_has_one_worker(monkeypatch):
    monkeypatch.setattr(album, "ENDING", 0)
    read, goes_on = [], threading.Event()

    def slow(view):
        read.append(view)
        assert goes_on.wait(60)
        return np.zeros((6, 8, 3), np.float32), np.ones((6, 8), np.float32)

    photographs = Album(NAMES, slow)
    with photographs:
        photographs.photograph(0)
        until(lambda: read, "the first to be begun")
    with photographs:
        assert len([one for one in threading.enumerate() if one.name == "photographs"]) == 1
        goes_on.set()
        until(lambda: len(photographs._photographs) == 3, "three photographs")
        assert read == [0, 1, 6]
    photographs._thread.join(60)
    with photographs:
        photographs.photograph(3)
        until(lambda: {2, 3, 4} <= photographs._photographs.keys(), "others, by another worker")
    photographs._thread.join(60)
