"""Charts in a square: none where another one is, and room around each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taichi_dr.errors import InputError
from taichi_dr.texture.packing import pack


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([64, 300, 1024]), st.integers(0, 3))
def test_boxes_keep_their_distance(seed, count, size, margin):
    random = np.random.default_rng(seed)
    chart = np.sort(np.append(np.arange(count), random.integers(0, count, 2 * count)))
    low = random.uniform(0, 1, (len(chart), 2)) * random.choice([0.1, 1, 5], (len(chart), 1))
    for c in range(count):
        low[chart == c] -= low[chart == c].min(axis=0)
    high = low + random.uniform(0, 1, low.shape)
    scale, corners = pack(low, high, chart, size, margin)
    assert scale > 0
    assert corners.dtype.kind == "i"
    first = low * scale + corners[chart]
    last = high * scale + corners[chart]
    assert first.min() >= margin
    assert last.max() <= size - margin
    apart = np.maximum(first[:, None] - last[None], first[None] - last[:, None]).max(axis=2)
    other = chart[:, None] != chart[None]
    assert apart[other].min(initial=np.inf) >= 2 * margin


def test_small_charts_go_into_the_gaps_of_large_ones():
    frame = np.array([[0, 0, 10, 1], [0, 9, 10, 10], [0, 0, 1, 10], [9, 0, 10, 10.0]])
    boxes = np.concatenate([frame, [[0, 0, 6.0, 6.0]]])
    scale, corners = pack(boxes[:, :2], boxes[:, 2:], np.array([0, 0, 0, 0, 1]), 100, 1)
    assert 9 < scale <= 9.8
    assert (corners[1] > corners[0]).all()
    assert (corners[1] + 6 * scale < corners[0] + 10 * scale).all()


def test_more_charts_than_have_room_are_refused():
    boxes = np.ones((50, 2))
    with pytest.raises(InputError, match="50 charts have no room in 16 x 16 texels: a larger size is needed"):
        pack(0 * boxes, boxes, np.arange(50), 16, 1)
