"""A level ground of a thousand to a million units, two triangles, seen from one or two units above it."""

import numpy as np

import taichi_dr as dr

SIZE = 64
SLOPE = np.sqrt(1 / 3)  # of the topmost ray: fov_y is 60 degrees
VIEWS = {
    "level": ((0, 1.5, 0), (0, 1.5, -1)),
    "forward": ((0.3, 1.5, 0.2), (0.3, 1.3, -0.8)),
    "45 degrees down": ((0, 2, 0), (0, 1, -1)),
    "askew": ((0, 2, 0), (1, 1.8, -1)),
    "along the diagonal": ((3, 1, 50), (-20, 0, 0)),
    "straight down": ((7, 2, 3), (7, 0, 2.999)),
}
HALVES = [1e3, 1e4, 1e5, 1e6]
UPWARDS = [[0, 2, 1], [0, 3, 2]]  # counter-clockwise from above


def ground(half, faces=UPWARDS, height=0.0):
    corners = [[-half, height, -half], [half, height, -half], [half, height, half], [-half, height, half]]
    return dr.Mesh(corners, faces)


def camera(view, half):
    return dr.Camera(*VIEWS[view], fov_y=np.deg2rad(60), near=0.01, far=4 * half)


def axes(view):
    """Eye and the axes right, up, back of a view of ``VIEWS``, or of (eye, target)."""
    eye, target = np.array(VIEWS[view] if isinstance(view, str) else view, float)
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross((0, 1, 0), back)
    right /= np.linalg.norm(right)
    return eye, right, np.cross(back, right), back


def offsets():
    """Of the pixels' centres, in half image heights: to the right, and up."""
    at = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    return at[None, :, None], -at[:, None, None]


def depth_of_ground(view, height=0.0):
    """Where ``eye + t d`` is at ``y = height``, with ``d.back = -1``: the depth t; inf above the horizon."""
    eye, right, up, back = axes(view)
    x, y = offsets()
    fall = -(SLOPE * (x * right + y * up) - back)[..., 1]
    return np.where(fall > 0, (eye[1] - height) / np.where(fall > 0, fall, 1), np.inf)
