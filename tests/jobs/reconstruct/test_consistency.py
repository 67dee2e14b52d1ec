"""Silhouettes that contradict each other or the poses: what is said before a run, and at its end."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from oracles.photographs import looking

from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.reconstruct.consistency import contradictions, votes, warn_of_silhouettes
from taichi_dr.jobs.reconstruct.silhouettes import check_silhouettes

BALLS = [((0, 0, 0), 0.5), ((0.7, 0.2, 0.1), 0.3), ((0, 0.8, -0.2), 0.2), ((-0.2, -0.5, 0.6), 0.25)]
SIZE, FOCAL = 64, 80.0
OPENCV = np.array([1.0, -1.0, -1.0, 1.0])


def outline(matrix):
    """The silhouette (H, W) of the balls: where a ray passes a ball's centre within its radius."""
    y, x = np.mgrid[0.5:SIZE, 0.5:SIZE]
    local = np.stack([(x - SIZE / 2) / FOCAL, -(y - SIZE / 2) / FOCAL, -np.ones_like(x)], axis=-1)
    rays = local @ matrix[:3, :3].T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    covered = np.zeros((SIZE, SIZE), bool)
    for center, radius in BALLS:
        offset = np.array(center) - matrix[:3, 3]
        covered |= np.linalg.norm(np.cross(rays, offset), axis=-1) < radius
    return covered.astype(np.float32)


def around(views=12):
    angles = 2 * np.pi * np.arange(views) / views
    eyes = np.stack([3.5 * np.cos(angles), 1.5 * np.sin(2.4 * np.arange(views)), 3.5 * np.sin(angles)], axis=1)
    matrices = np.stack([looking(eye, np.zeros(3)) for eye in eyes])
    return PosedImages(
        np.zeros((views, SIZE, SIZE, 3), np.float32),
        np.stack([outline(matrix) for matrix in matrices]),
        matrices,
        np.full((views, 2), FOCAL),
        np.full((views, 2), SIZE / 2),
        tuple(f"r_{i}.png" for i in range(views)),
    )


def test_silhouettes_that_agree_pass_without_a_word():
    posed = around()
    found = votes(posed)
    assert found.explained > 0.98
    assert found.doubt.max() < 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_silhouettes(posed)


@pytest.mark.parametrize(
    ("misread", "said"),
    [
        (lambda m: m * OPENCV, r"if the matrices were camera to world .* \(OpenCV\)"),
        (np.linalg.inv, r"if the matrices were world to camera .* \(OpenGL\)"),
    ],
)
def test_the_convention_in_which_they_agree_is_named(misread, said):
    posed = around()
    with pytest.warns(UserWarning, match=rf"explains \d+% of them; they would agree \(\d+%\) {said}"):
        warn_of_silhouettes(replace(posed, camera_to_world=misread(posed.camera_to_world)))


@pytest.mark.parametrize("wrong", [lambda m: m * OPENCV, lambda m: looking((0, 3.5, 0.1), np.zeros(3))])
def test_an_image_with_a_wrong_pose_is_named(wrong):
    posed = around()
    matrices = posed.camera_to_world.copy()
    matrices[3] = wrong(matrices[3])
    with pytest.warns(UserWarning, match=r"of 1 of 12 images contradict the others.*: r_3\.png \(\d+%\): are"):
        warn_of_silhouettes(replace(posed, camera_to_world=matrices))


def test_poses_in_another_order_are_advised_about():
    posed = around()
    order = np.random.default_rng(1).permutation(12)
    with pytest.warns(
        UserWarning, match=r"contradict each other: .*; check the convention .*, the order of the images"
    ):
        warn_of_silhouettes(replace(posed, camera_to_world=posed.camera_to_world[order]))


def test_inverted_masks_are_told():
    posed = around()
    with pytest.warns(UserWarning, match="in 12 of 12 images the border is covered .*: are the masks inverted"):
        check_silhouettes(replace(posed, alpha=1 - posed.alpha), "here")


def evaluation(*overlaps):
    views = [{"name": f"r_{i}.png", "iou": iou, "iou_half": iou} for i, iou in enumerate(overlaps)]
    return SimpleNamespace(
        mean={key: np.mean([v[key] for v in views]) for key in ("iou", "iou_half")}, by_view=lambda: views
    )


def test_what_is_said_at_the_end():
    assert contradictions(evaluation(0.97, 0.95), evaluation(0.95, 0.92)) == []
    (line,) = contradictions(evaluation(0.97, 0.95), evaluation(0.9, 0.3))
    assert line.startswith(
        "held-out silhouettes are met by 0.60 (IoU), training ones by 0.96; worst r_1.png (0.30), r_0"
    )
    assert "OpenCV" in line
    (line,) = contradictions(evaluation(0.5, 0.7), evaluation(0.9, 0.9))
    assert line.startswith("the silhouettes of the training images are met by 0.60 (IoU) only, worst r_0.png (0.50)")
    opaque = SimpleNamespace(mean={"psnr": 20.0})
    assert contradictions(opaque, opaque) == []
