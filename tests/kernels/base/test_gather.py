"""Corner and view sums against NumPy's unbuffered additions."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base import gather
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.scene.topology import build_adjacency, group_by_owner

I32 = np.int32


def _faces(rng, count, rows):
    return np.stack([rng.permutation(rows)[:3] for _ in range(count)]).astype(I32) if count else np.zeros((0, 3), I32)


def _ints(values):
    return array_from(values, ti.i32)


def _check_corners(rng, views, faces, rows, first, count, tolerance):
    index = _faces(rng, faces, rows)
    values = rng.normal(size=(views * faces * 3, first + count + 1))
    initial = rng.normal(size=(views * rows, count))
    expected = initial.copy()
    for v in range(views):
        part = values[v * faces * 3 : (v + 1) * faces * 3, first : first + count]
        np.add.at(expected, v * rows + index.ravel(), part)
    start, corners = build_adjacency(index, rows)
    out = array_from(initial)
    gather.gather_corners(array_from(values), first, count, _ints(start), _ints(corners), out, views, faces)
    np.testing.assert_allclose(out.to_numpy(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("views", "faces", "rows", "first", "count"), [(1, 1, 3, 0, 1), (3, 50, 31, 2, 4), (2, 9, 40, 0, 3)]
)
def test_gather_corners_adds_each_corner_to_its_row(cpu64, views, faces, rows, first, count):
    _check_corners(np.random.default_rng(1), views, faces, rows, first, count, 1e-13)


@pytest.mark.parametrize("shared", [True, False])
def test_clip_and_attributes_are_gathered_as_one_by_one(cpu64, shared):
    rng, views, faces, rows, channels = np.random.default_rng(3), 2, 40, 25, 5
    values = array_from(rng.normal(size=(views * faces * 3, 4 + channels)))
    adjacency = [_ints(x) for x in build_adjacency(_faces(rng, faces, rows), rows)]
    own = adjacency if shared else [_ints(x) for x in build_adjacency(_faces(rng, faces, rows + 7), rows + 7)]
    initial = [rng.normal(size=(views * (len(a[0].to_numpy()) - 1), n)) for a, n in ((adjacency, 4), (own, channels))]
    expected, got = [array_from(x) for x in initial], [array_from(x) for x in initial]
    gather.gather_corners(values, 0, 4, *adjacency, expected[0], views, faces)
    gather.gather_corners(values, 4, channels, *own, expected[1], views, faces)
    gather.gather_clip_and_attributes(values, channels, adjacency, own, *got, views, faces)
    for want, have in zip(expected, got, strict=True):
        np.testing.assert_allclose(have.to_numpy(), want.to_numpy(), rtol=1e-13, atol=1e-13)


def _check_views(rng, view_mesh, meshes, rows, components, tolerance):
    values = rng.normal(size=(len(view_mesh), rows, components))
    initial = rng.normal(size=(meshes, rows, components))
    expected = initial.copy()
    np.add.at(expected, view_mesh, values)
    start, views = group_by_owner(view_mesh, meshes)
    out = array_from(initial.reshape(-1, components))
    gather.sum_views(array_from(values.reshape(-1, components)), _ints(start), _ints(views), out, rows)
    np.testing.assert_allclose(out.to_numpy(), expected.reshape(-1, components), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("view_mesh", "meshes"), [([0], 1), ([0, 0, 0], 1), ([2, 0, 2, 3], 4)])
def test_sum_views_adds_the_views_of_each_mesh(cpu64, view_mesh, meshes):
    _check_views(np.random.default_rng(2), np.array(view_mesh, I32), meshes, 13, 3, 1e-13)


def test_sums_are_the_same_in_single_precision(any32):
    _check_corners(np.random.default_rng(3), 3, 50, 31, 2, 4, 1e-5)
    _check_views(np.random.default_rng(4), np.array([1, 0, 1], I32), 2, 13, 3, 1e-5)


def test_gather_is_the_same_every_time(cpu32):
    rng = np.random.default_rng(5)
    faces = _faces(rng, 2000, 50)
    start, corners = (_ints(a) for a in build_adjacency(faces, 50))
    values = array_from(rng.normal(size=(6000, 3)))
    sums = []
    for _ in range(5):
        out = make_array((50, 3))
        gather.gather_corners(values, 0, 3, start, corners, out, 1, 2000)
        sums.append(out.to_numpy())
    assert all((s == sums[0]).all() for s in sums)
