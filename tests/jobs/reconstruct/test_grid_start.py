"""Where a grid lies, and what it begins as: boxes, and a ball and a mesh of known distance."""

from types import SimpleNamespace

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import shapes
from taichi_dr.io.meshes import save_mesh
from taichi_dr.jobs.reconstruct.grid_start import BALL, MARGIN, Nodes, Start

CENTER, HALF = np.array([0.1, 0.0, -0.2]), np.array([0.9, 0.2, 0.4])
SCENE = SimpleNamespace(hull_extent=lambda: (CENTER, HALF), from_world=lambda points: points - 5)


def test_cubes_cover_a_box_and_little_more():
    box = np.array([CENTER - HALF, CENTER + HALF])
    nodes = Nodes.over(box, 33)
    lower, upper = nodes.bounds
    assert nodes.spacing == pytest.approx(1.8 / 32)
    assert nodes.shape == (33, 9, 16)
    assert (lower <= box[0] + 1e-9).all()
    assert (upper >= box[1] - 1e-9).all()
    assert (upper - lower < 2 * HALF + nodes.spacing).all()
    np.testing.assert_allclose((lower + upper) / 2, CENTER, atol=1e-12)
    np.testing.assert_allclose(nodes.positions()[-1, -1, -1], upper)


def test_other_nodes_have_the_same_linear_function(cpu64):
    coarse, fine = (Nodes.over(np.array([CENTER - HALF, CENTER + HALF]), n) for n in (9, 17))
    slopes = np.array([1.0, -2.0, 3.0])
    found = coarse.resampled(coarse.positions() @ slopes, fine)
    inside = np.clip(fine.positions(), *coarse.bounds)
    np.testing.assert_allclose(found, inside @ slopes, atol=1e-12)


def test_a_ball_and_its_box():
    start = Start("ball", SCENE)
    radius = BALL * 0.9
    np.testing.assert_allclose(start.box[0], CENTER - [0.9, radius, radius] - MARGIN)
    nodes = Nodes.over(start.box, 20)
    found = start.distances(None, nodes)
    np.testing.assert_allclose(found, np.linalg.norm(nodes.positions() - CENTER, axis=-1) - radius)
    assert min(found[0].min(), found[:, 0].min(), found[:, :, -1].min()) > 0  # whole within the grid


def test_a_mesh_larger_than_the_hull_is_whole_within_the_grid(cpu32, tmp_path):
    mesh = shapes.icosphere(3)
    moved = 5 + CENTER + 1.5 * mesh.numpy("vertices")[0]
    save_mesh(dr.Mesh(moved, mesh.topology.faces), tmp_path / "start.obj")
    start = Start(str(tmp_path / "start.obj"), SCENE)
    np.testing.assert_allclose(start.box, [CENTER - 1.5 - MARGIN, CENTER + 1.5 + MARGIN], atol=0.02)
    nodes = Nodes.over(start.box, 24)
    expected = np.linalg.norm(nodes.positions() - CENTER, axis=-1) - 1.5
    found, near = start.distances(None, nodes), np.abs(expected) < nodes.spacing
    np.testing.assert_allclose(found[near], expected[near], atol=0.01)  # the icosphere's faces are as far inside
    far = np.abs(expected) > 0.01
    np.testing.assert_array_equal(found[far] < 0, expected[far] < 0)
