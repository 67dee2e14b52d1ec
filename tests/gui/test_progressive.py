"""When which picture is drawn how finely, and that a mean is one; no window."""

import numpy as np
import pytest

from taichi_dr.gui.progressive import Progressive, jitter

FULL = np.zeros((80, 160, 3), np.float32)


def drawn(progressive, part, seconds, value=0.0):
    return progressive.drawn(FULL[:: part.shrink, :: part.shrink] + value, seconds)


def test_slow_pictures_are_small_while_something_moves_and_grow_once_it_is_still():
    progressive = Progressive(passes=3)
    part = progressive.next(True, 0.0)
    assert part == (8, 0, (0.0, 0.0))  # nothing is known yet
    drawn(progressive, part, 0.4 / 64)  # 0.4 s in full size: 0.1 s at a half, 0.025 s at a quarter
    part = progressive.next(True, 0.02)
    assert part.shrink == 4
    drawn(progressive, part, 0.025)
    assert progressive.next(False, 0.1) is None  # it may go on moving
    shrinks, now = [], 0.2
    while (part := progressive.next(False, now)) is not None:
        shrinks.append((part.shrink, part.number))
        drawn(progressive, part, 0.4 / part.shrink**2)
        now += 0.5
    assert shrinks == [(2, 0), (1, 0), (1, 1), (1, 2)]
    assert progressive.finished
    assert progressive.next(True, now).shrink == 4
    assert not progressive.finished


def test_fast_pictures_are_whole_always():
    progressive = Progressive()
    drawn(progressive, progressive.next(True, 0.0), 0.001 / 64)
    assert progressive.next(True, 0.01).shrink == 1


def test_where_the_scene_moves_and_the_camera_does_not_pictures_are_whole():
    assert Progressive().next(True, 0.0, full=True).shrink == 1


def test_what_is_shown_is_the_mean_of_the_full_pictures_alone():
    progressive = Progressive(passes=3)
    drawn(progressive, progressive.next(True, 0.0), 1e-6, 7.0)
    means = []
    for now, value in ((1.0, 9.0), (1.1, 9.0), (1.2, 1.0), (1.3, 2.0), (1.4, 6.0)):
        part = progressive.next(False, now)
        means.append((part.shrink, float(drawn(progressive, part, 1e-6, value)[0, 0, 0])))
    assert means == [(4, 9), (2, 9), (1, 1), (1, 1.5), (1, 3)]


def test_places_in_a_pixel_are_haltons():
    assert jitter(0) == (0, 0)
    assert jitter(1) == pytest.approx((0, 1 / 3 - 1 / 2))
    assert jitter(6) == pytest.approx((3 / 8 - 1 / 2, 2 / 9 - 1 / 2))
    places = np.array([jitter(i) for i in range(64)])
    assert np.abs(places.mean(axis=0)).max() < 0.02
