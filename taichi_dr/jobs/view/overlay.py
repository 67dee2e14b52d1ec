"""Photographs laid over the render of what was made of them, seen through the cameras that took them."""

import numpy as np

from taichi_dr.jobs.reconstruct.radiance.orbit import upwards
from taichi_dr.jobs.view.album import Album, multiplied
from taichi_dr.jobs.view.content import Content
from taichi_dr.jobs.view.looks import laid_over
from taichi_dr.jobs.view.photographs import POINT_SIZE, poses_of

SAME = 1e-4  # by which a camera and that of a photograph may differ: in directions, in distances to the target


class Overlay(Content):
    """Another Content, and the PosedImages of it, in its own axes: each is seen through its camera alone, exactly where
    that camera has it, as opaque as ``Choice.images``; up is where it is for the cameras.

    ``album``: their photographs, if ``posed`` has none.
    """

    opacity = 0.5

    def __init__(self, content, posed, album=None):
        self._content, self._posed, self.album = content, posed, album or Album.of(posed)
        self.home, self.radius, self.missing = content.home._replace(up=_up(posed)), content.radius, content.missing
        distance = np.linalg.norm(posed.camera_to_world[:, :3, 3] - content.home.target, axis=1)
        distance = np.where(distance > POINT_SIZE, distance, 1.0)  # a camera in the very centre looks ahead
        self.poses = poses_of(posed, self.home.up, distance)

    @property
    def best(self):
        return self._content.best

    def missing_looks(self, renderer):
        return self._content.missing_looks(renderer)

    def switches(self, renderer):
        return self._content.switches(renderer)

    def draw(self, camera, size, choice):
        picture = self._content.draw(camera, size, choice)
        if not choice.images or choice.current is None or not is_at(camera, self.poses[choice.current]):
            return picture
        if (photograph := self.album.photograph(choice.current)) is None:
            return picture
        return laid_over(picture, seen_through(camera, size, self._posed, choice.current, photograph), choice.images)


def _up(posed):
    return tuple(upwards(posed).tolist())


def is_at(camera, pose):
    """Whether the first view of a camera is that of a Pose."""
    u, v, w, eye = (part[0] for part in camera.frames())
    ways = np.abs(np.stack([u, v, w]) - pose.axes).max(), np.abs(eye - pose.eye).max() / pose.distance
    return max(*ways, abs(float(np.rad2deg(camera.numpy("fov_y")[0])) - pose.fov_y_deg)) < SAME


def seen_through(camera, size, posed, view, photograph=None):
    """The picture (H, W, 4), linear RGB with straight alpha, that a view's photograph is for a camera of its pose.

    What is ``(x, y)`` in the camera's own image, one before it, is ``principal_point + focal (x, -y)`` in the
    photograph, between whose pixels is interpolated; outside of it there is NaN.  ``photograph`` (H, W, 4): it, its
    colours multiplied by alpha; if None, what ``posed`` has.
    """
    height, width = size
    _, _, matrix = (part[0] for part in camera.to_opencv(width, height))
    x = (np.arange(width) + 0.5 - matrix[0, 2]) / matrix[0, 0]
    y = (np.arange(height) + 0.5 - matrix[1, 2]) / matrix[1, 1]
    columns = posed.principal_point[view, 0] + posed.focal[view, 0] * x
    rows = posed.principal_point[view, 1] + posed.focal[view, 1] * y
    if photograph is None:
        photograph = multiplied(posed.images[view], posed.alpha[view])
    seen = _interpolated(_interpolated(photograph, rows), columns, axis=1)
    seen[..., :3] /= np.maximum(seen[..., 3:], 1e-6)
    seen[(rows < 0) | (rows > posed.height)] = np.nan
    seen[:, (columns < 0) | (columns > posed.width)] = np.nan
    return seen


def _interpolated(picture, places, axis=0):
    """A picture at places, in pixels from its edge, along an axis; beyond the middle of its last pixel, that pixel."""
    count = picture.shape[axis]
    places = np.clip(places - 0.5, 0, count - 1)
    low = np.minimum(places.astype(int), max(count - 2, 0))
    part = (places - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    next_one = np.minimum(low + 1, count - 1)
    return (1 - part) * np.take(picture, low, axis=axis) + part * np.take(picture, next_one, axis=axis)
