"""Where the viewer's camera is and looks: a point, a direction in angles about an axis that is up, a distance."""

import math
from typing import NamedTuple

import numpy as np

from taichi_dr.scene.camera import Camera
from taichi_dr.types import Array

STEEPEST = 89.0  # degrees that one may turn to: at 90 nothing says which way is up in the image
LEVEL = 1e-3  # degrees of roll that are rounding
STRAIGHT = 89.999  # degrees, of a camera that looks straight up or down


class Pose(NamedTuple):
    """A camera that looks at ``target`` from ``distance``, ``elevation_deg`` above the plane across ``up``.

        eye = target + distance (cos e sin a  right + sin e  up + cos e cos a  front)

    where ``front``, ``up``, ``right`` are the world's z, y, x if ``up`` is y (so that the angles are those of
    ``Camera.orbit``), else these turned by the least angle that takes y to ``up``.  ``fov_y_deg`` is the full vertical
    angle; by ``roll_deg`` the camera is then turned about its axis, what is right of it upwards.

    >>> Pose((0.0, 0.0, 0.0), 90.0, 0.0, 2.0).eye.round(6).tolist()
    [2.0, 0.0, 0.0]
    """

    target: tuple[float, ...]
    azimuth_deg: float
    elevation_deg: float
    distance: float
    up: tuple[float, ...] = (0.0, 1.0, 0.0)
    fov_y_deg: float = 40.0
    roll_deg: float = 0.0

    @property
    def backward(self) -> Array:
        """(3,) unit vector from the target to the eye."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        flat = math.cos(elevation)
        along = np.array([flat * math.sin(azimuth), math.sin(elevation), flat * math.cos(azimuth)])
        return rotation_of(self.up) @ along

    @property
    def eye(self) -> Array:
        """(3,): where the camera is, in world units."""
        return np.asarray(self.target) + self.distance * self.backward

    @property
    def axes(self) -> tuple[Array, Array, Array]:
        """(u, v, w): right, up and backward of the camera, each (3,)."""
        w = self.backward
        u = np.cross(self.up, w)
        u /= np.linalg.norm(u)
        v, roll = np.cross(w, u), math.radians(self.roll_deg)
        return math.cos(roll) * u + math.sin(roll) * v, math.cos(roll) * v - math.sin(roll) * u, w

    def moved(self, offset: Array) -> "Pose":
        """The same direction from a place that is ``offset`` (3,) from here."""
        return self._replace(target=tuple((np.asarray(self.target) + offset).tolist()))

    def turned(self, azimuth_deg: float, elevation_deg: float) -> "Pose":
        """Turned about the target by so much, no steeper than 89 degrees and without roll; by nothing, as it was."""
        if azimuth_deg == elevation_deg == 0:
            return self
        elevation = min(max(self.elevation_deg + elevation_deg, -STEEPEST), STEEPEST)
        azimuth = (self.azimuth_deg + azimuth_deg) % 360
        return self._replace(azimuth_deg=azimuth, elevation_deg=elevation, roll_deg=0.0)

    def looking(self, azimuth_deg: float, elevation_deg: float) -> "Pose":
        """``turned`` about the eye, which stays where it is."""
        other = self.turned(azimuth_deg, elevation_deg)
        return other.moved(self.eye - other.eye)

    def framing(self, points: Array, filled: float = 0.9) -> "Pose":
        """The nearest Pose of the same direction that has points (P, 3) in a square middle of its image.

        They are as far from its left edge as from its right one, or from its lower as from its upper one; ``filled``:
        the part of the image's height that the square has.  The target stays as far along the axis as it was.

        >>> pose = Pose((9.0, 0.0, 0.0), 0.0, 0.0, 1.0, fov_y_deg=90).framing(np.array([[-2.0, 0, 0], [4, 0, 0]]), 1.0)
        >>> pose.target, round(pose.distance, 6)
        ((1.0, 0.0, 0.0), 3.0)
        """
        slope = filled * math.tan(math.radians(self.fov_y_deg) / 2)
        u, v, w = self.axes
        local = np.asarray(points) - self.target
        right, up, depth = local @ u / slope, local @ v / slope, local @ w
        ends = [((along + depth).max(), (depth - along).max()) for along in (right, up)]
        across = [slope * (more - less) / 2 for more, less in ends]
        distance = max((more + less) / 2 for more, less in ends)
        return self._replace(distance=float(distance)).moved(across[0] * u + across[1] * v)


def pose_of_axes(eye, backward, up, distance, fov_y_deg, right=None):
    """The Pose of a camera at ``eye`` (3,) that looks along minus the unit vector ``backward``; ``up`` is the world's.

    Its roll is that of a camera whose own axis is ``right``; by default there is none.
    """
    up = np.asarray(up, float) / np.linalg.norm(up)
    x, y, z = rotation_of(up).T @ backward
    elevation = math.degrees(math.asin(min(max(y, -1.0), 1.0)))
    elevation = min(max(elevation, -STRAIGHT), STRAIGHT)
    pose = Pose((0.0, 0.0, 0.0), math.degrees(math.atan2(x, z)) % 360, elevation, distance, tuple(up.tolist()))
    pose = pose._replace(fov_y_deg=fov_y_deg)
    if right is not None:
        level, above, _ = pose.axes
        roll = math.degrees(math.atan2(right @ above, right @ level))
        pose = pose._replace(roll_deg=roll if abs(roll) > LEVEL else 0.0)
    return pose.moved(np.asarray(eye) - pose.eye)


def pose_of(camera):
    """The Pose of the first view of a perspective ``Camera``."""
    u, _, w, e = (axis[0] for axis in camera.frames())
    distance = float(np.linalg.norm(camera.numpy("eye")[0] - camera.numpy("target")[0]))
    return pose_of_axes(e, w, camera.numpy("up")[0], distance, float(np.rad2deg(camera.numpy("fov_y")[0])), u)


def camera_of(pose, near, far, principal=(0.0, 0.0)):
    """The Camera of a Pose."""
    fov_y = math.radians(pose.fov_y_deg)
    up = pose.axes[1] if pose.roll_deg or abs(pose.elevation_deg) > STEEPEST else pose.up
    return Camera(pose.eye, pose.target, up, fov_y=fov_y, near=near, far=far, principal=principal)


def rotation_of(up):
    """The rotation (3, 3) by the least angle that takes y to the unit vector ``up`` (Rodrigues).

    >>> (rotation_of((0.0, 0.0, 1.0)) @ [0, 1, 0]).tolist()
    [0.0, 0.0, 1.0]
    """
    axis, cosine = np.cross([0.0, 1.0, 0.0], up), float(up[1])
    if cosine < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)
