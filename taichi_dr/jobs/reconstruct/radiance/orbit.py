"""Cameras that go around the scene, for the video."""

import numpy as np

from taichi_dr.jobs.reconstruct.radiance.film import film, framed, unit

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
    across = unit(np.cross(up, matrices[0, :3, 0]))
    turn = 2 * np.pi * np.arange(frames)[:, None] / frames
    around = np.cos(turn) * across + np.sin(turn) * np.cross(up, across)
    places = height * up + np.sqrt(distance**2 - height**2) * around
    cameras = np.stack([looking(place, up) for place in places])
    return film(posed, cameras, posed.focal[0], size, "orbit")


def upwards(posed):
    """Which way is up (3,): the cameras' own, on average, and an axis of the world if it is near to one."""
    up = unit(posed.camera_to_world[:, :3, 1].mean(axis=0))
    nearest = np.zeros(3)
    nearest[np.abs(up).argmax()] = np.sign(up[np.abs(up).argmax()])
    return nearest if nearest @ up > NEAR_AXIS else up


def looking(eye, up):
    """The camera-to-world matrix (4, 4) of a camera that looks at the origin."""
    return framed(up, eye, eye)
