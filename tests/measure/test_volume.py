"""Volumes and overlaps of bodies of known size."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.measure.volume import enclosed_volume, overlap, voxels


def triangles(mesh):
    return mesh.numpy("vertices")[0].astype(float)[mesh.topology.faces]


BOX = triangles(dr.shapes.box())


def test_volumes():
    assert enclosed_volume(BOX) == pytest.approx(1)
    assert enclosed_volume(BOX[:, ::-1] + 7) == pytest.approx(-1)
    ring = triangles(dr.shapes.torus(0.7, 0.3, segments=300, sides=200))
    assert enclosed_volume(ring) == pytest.approx(2 * np.pi**2 * 0.7 * 0.3**2, rel=5e-4)


def test_concentric_balls():
    ball = triangles(dr.shapes.icosphere(5))
    assert overlap(ball, 0.8 * ball) == pytest.approx(0.8**3, abs=1e-3)


def test_a_shifted_cube():
    for shift in ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)):
        assert overlap(BOX, BOX + shift) == pytest.approx(1 / 3, abs=0.01)
    assert overlap(BOX, BOX + (0.25, 0.25, 0)) == pytest.approx(0.75**2 / (2 - 0.75**2), abs=0.01)
    assert overlap(BOX, BOX + (3, 0, 0)) == 0
    assert overlap(BOX, BOX) == 1


def test_parts_that_overlap_enclose_what_they_share_once():
    both = np.concatenate([BOX, BOX + (0.5, 0, 0)])
    assert overlap(both, BOX * (1.5, 1, 1) + (0.25, 0, 0)) == pytest.approx(1, abs=0.01)


def test_inside_out_encloses_the_same():
    assert overlap(BOX, BOX[:, ::-1]) == 1


def test_voxels_of_a_cube_and_a_ball():
    half = voxels(0.5 * BOX, 32)
    assert half.shape == (32, 32, 32)
    assert half.sum() == 16**3
    assert half[8:24, 8:24, 8:24].all()
    ball = voxels(0.5 * triangles(dr.shapes.icosphere(4)), 32)
    assert ball.sum() / 32**3 == pytest.approx(np.pi / 6, rel=0.01)
    np.testing.assert_array_equal(ball, ball[::-1])  # the centres are the centres
    np.testing.assert_array_equal(ball, ball[:, ::-1, ::-1])


def test_voxels_are_along_x_y_and_z():
    corner = voxels(0.25 * BOX + (0.375, -0.375, 0.125), 4)
    assert np.argwhere(corner).tolist() == [[3, 0, 2]]
    assert not voxels(BOX + 2, 4).any()
