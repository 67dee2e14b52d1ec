"""The smooth visual hull: of a ball, of a torus in views that were not used, and of what has none."""

from dataclasses import replace

import numpy as np
import pytest
from skimage.measure import euler_number, marching_cubes

import taichi_dr as dr
from taichi_dr.errors import DataSetError
from taichi_dr.implicit.sdf.hull import visual_hull
from taichi_dr.io.posed_images import PosedImages

SIZE, FOCAL, DISTANCE = 96, 120.0, 4.0


def views(count):
    """(count, 4, 4): camera-to-world matrices from all around, looking at the origin."""
    i = np.arange(count) + 0.5
    z, angle = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    backward = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)
    right = np.cross([0.0, 0.1, 1.0], backward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3] = np.stack([right, np.cross(backward, right), backward, DISTANCE * backward], axis=2)
    return matrices


def ball(radius, count=24):
    """Silhouettes of a ball about the origin: discs, whose edges are a pixel wide."""
    matrices = views(count)
    y, x = np.mgrid[0.5:SIZE, 0.5:SIZE] - SIZE / 2
    edge = FOCAL * radius / np.sqrt(DISTANCE**2 - radius**2)
    alpha = np.clip(edge - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)
    alpha = np.tile(alpha, (count, 1, 1))
    names = tuple(map(str, range(count)))
    centers = np.full((count, 2), SIZE / 2)
    return PosedImages(
        np.zeros((*alpha.shape, 3), np.float32), alpha, matrices, np.full((count, 2), FOCAL), centers, names
    )


def nodes(n, half):
    axis = np.linspace(-half, half, n)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def test_the_hull_of_a_ball_is_the_ball(any32):
    """Of 96 views: between them it stands out by a little, nowhere is it missing."""
    p = nodes(40, 1.2)
    found = visual_hull(ball(0.9, 96), (-1.2,) * 3, 2.4 / 39, (40, 40, 40))
    exact = np.linalg.norm(p, axis=-1) - 0.9
    error = (found - exact)[np.abs(exact) < 0.1]
    assert error.min() > -0.04
    assert error.max() < 0.02  # half a pixel
    assert abs(error.mean()) < 0.01


def test_a_torus_has_its_hole_and_its_silhouettes(cpu32):
    """26 views, of 96 pixels; 4 are held out: IoU of what is covered by half at least."""
    matrices = views(30)
    camera = dr.Camera.from_blender(matrices, fov_y=2 * np.arctan(SIZE / 2 / FOCAL))
    alpha = dr.supersampled(dr.shapes.torus(), camera, SIZE, samples=3)[..., 3]
    posed = replace(ball(0.9, 30), alpha=alpha)
    others = np.setdiff1d(np.arange(30), [2, 9, 17, 26])
    found = visual_hull(posed.subset(others), (-1.1, -1.1, -1.1), (2.2 / 63, 2.2 / 63, 2.2 / 79), (64, 64, 80))
    assert euler_number(np.asarray(found < 0), connectivity=3) == 0  # one part with one hole
    assert iou(found, posed, [2, 9, 17, 26]) > 0.98


def iou(values, posed, chosen):
    spacing = 2.2 / (np.array(values.shape) - 1)
    vertices, faces, _, _ = marching_cubes(values.astype(np.float32), 0.0, spacing=tuple(spacing))
    mesh = dr.Mesh(vertices - 1.1, faces[:, ::-1].astype(np.int32))
    camera = dr.Camera.from_blender(posed.camera_to_world[chosen], fov_y=2 * np.arctan(SIZE / 2 / FOCAL))
    found, wanted = dr.supersampled(mesh, camera, SIZE, samples=3)[..., 3] > 0.5, posed.alpha[chosen] > 0.5
    return (found & wanted).sum() / (found | wanted).sum()


def test_what_a_border_cuts_off_is_free(cpu32):
    """Opaque pictures allow everything: with one view cut to its middle, the hull is that of the others."""
    posed = ball(0.9, 8)
    open_view = replace(posed, alpha=np.concatenate([np.ones_like(posed.alpha[:1]), posed.alpha[1:]]))
    grid = (-1.1,) * 3, 2.2 / 19, (20, 20, 20)
    others = visual_hull(posed.subset(slice(1, None)), *grid)
    np.testing.assert_allclose(visual_hull(open_view, *grid), others, atol=0.03)


def test_silhouettes_without_a_common_volume_are_refused(cpu32):
    posed = ball(0.9, 6)
    empty = posed.alpha.copy()
    empty[2] = 0
    with pytest.raises(DataSetError, match=r"no silhouette \(alpha above 0.5\) in 2"):
        visual_hull(replace(posed, alpha=empty), (-1.1,) * 3, 0.1, (23, 23, 23))
    with pytest.raises(DataSetError, match="no volume in common"):
        visual_hull(posed, (2.0, 2.0, 2.0), 0.05, (10, 10, 10))
