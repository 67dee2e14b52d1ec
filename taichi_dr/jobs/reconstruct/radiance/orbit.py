"""Cameras that go around the scene, for the video."""

import numpy as np

from taichi_dr.io.posed_images import PosedImages

FRAMES = 60
NEAR_AXIS = 0.94  # cosine: 20 degrees


def orbit(posed, frames=FRAMES, size=400):
    """PosedImages without pictures (black, transparent) of cameras on a circle around the origin of the unit scene.

    The circle goes about the cameras' mean upward axis, at their mean height and distance, with the lens of the first.
    """
    matrices = posed.camera_to_world
    up = upwards(posed)
    eyes = matrices[:, :3, 3]
    distance, height = np.linalg.norm(eyes, axis=1).mean(), (eyes @ up).mean()
    height = np.clip(height, -0.8 * distance, 0.8 * distance)
    across = _unit(np.cross(up, matrices[0, :3, 0]))
    turn = 2 * np.pi * np.arange(frames)[:, None] / frames
    around = np.cos(turn) * across + np.sin(turn) * np.cross(up, across)
    places = height * up + np.sqrt(distance**2 - height**2) * around
    side = min(size, max(posed.height, posed.width))
    view = posed.subset([0]).resized(side)
    blank = np.zeros((frames, view.height, view.width, 3), np.float32)
    return PosedImages(
        blank,
        blank[..., 0],
        np.stack([looking(place, up) for place in places]),
        np.repeat(view.focal, frames, axis=0),
        np.tile([view.width / 2, view.height / 2], (frames, 1)),
        tuple(f"orbit {i}" for i in range(frames)),
    )


def upwards(posed):
    """Which way is up (3,): the cameras' own, on average, and an axis of the world if it is near to one."""
    up = _unit(posed.camera_to_world[:, :3, 1].mean(axis=0))
    nearest = np.zeros(3)
    nearest[np.abs(up).argmax()] = np.sign(up[np.abs(up).argmax()])
    return nearest if nearest @ up > NEAR_AXIS else up


def looking(eye, up):
    """The camera-to-world matrix (4, 4) of a camera that looks at the origin."""
    backward = _unit(eye)
    right = _unit(np.cross(up, backward))
    matrix = np.eye(4)
    matrix[:3] = np.stack([right, np.cross(backward, right), backward, eye], axis=1)
    return matrix


def _unit(v):
    return v / np.linalg.norm(v)
