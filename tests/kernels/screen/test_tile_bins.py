"""Tile lists against a test of every box with every tile."""

import numpy as np
import pytest
import taichi as ti
from hypothesis import given, settings
from hypothesis import strategies as st

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.screen.tile_bins import TileBins


def lists(bins, views):
    tiles = bins.tiles_x * bins.tiles_y
    start, faces = bins.lists.start.to_numpy(), bins.lists.faces.to_numpy()
    return [faces[start[t] : start[t + 1]] for t in range(views * tiles)]


def expected_lists(boxes, views, width, height, tile_size):
    """For every tile the faces, ascending, whose boxes share a pixel with it."""
    out = []
    for view in boxes.reshape(views, -1, 4):
        col0, row0, col1, row1 = np.moveaxis(view, -1, 0)
        for top in range(0, height, tile_size):
            for left in range(0, width, tile_size):
                right, bottom = left + tile_size - 1, top + tile_size - 1
                overlap = (np.maximum(col0, left) <= np.minimum(col1, right)) & (
                    np.maximum(row0, top) <= np.minimum(row1, bottom)
                )
                out.append(np.nonzero(overlap)[0])
    return out


def random_boxes(seed, views, faces, width, height, largest):
    generator = np.random.default_rng(seed)
    corner = generator.integers(-largest, [width + largest, height + largest], (views * faces, 2))
    return np.concatenate([corner, corner + generator.integers(-1, largest, (views * faces, 2))], 1).astype(np.int32)


def check(bins, boxes, views, width, height, tile_size):
    bins.build(array_from(boxes, ti.i32), views, len(boxes) // views, width, height, tile_size)
    expected = expected_lists(boxes, views, width, height, tile_size)
    for got, want in zip(lists(bins, views), expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert bins.total == sum(map(len, expected))


def test_every_tile_lists_its_faces_in_order(any32):
    check(TileBins(Buffers()), random_boxes(1, 3, 700, 70, 45, 9), 3, 70, 45, 16)


def test_sizes_above_the_threshold_of_the_parallel_path(cpu32):
    check(TileBins(Buffers()), random_boxes(2, 2, 9001, 130, 70, 5), 2, 130, 70, 16)


def test_buffers_grow_and_are_used_again(cpu32):
    bins = TileBins(Buffers())
    for views, faces, width, largest in [(1, 5, 16, 3), (2, 300, 64, 40), (1, 7, 33, 3), (1, 1, 1, 1)]:
        check(bins, random_boxes(faces, views, faces, width, 20, largest), views, width, 20, 8)


def test_no_faces_at_all_in_view(any32):
    bins = TileBins(Buffers())
    bins.build(array_from(np.tile(np.int32([[1, 1, 0, 0]]), (4, 1)), ti.i32), 1, 4, 20, 20, 8)
    assert bins.total == 0


def test_tile_size_must_be_a_power_of_two(cpu32):
    with pytest.raises(ValueError, match="power of two, got 12"):
        TileBins(Buffers()).build(ti.ndarray(ti.i32, (1, 4)), 1, 1, 20, 20, 12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 40), st.integers(1, 50), st.integers(1, 50))
def check_any(seed, views, faces, width, height):
    check(TileBins(Buffers()), random_boxes(seed, views, faces, width, height, 20), views, width, height, 8)


def test_any_boxes(cpu32):
    check_any()
