"""Where a scene is, as far as its cameras and points tell: what all views look at, how large it is, how far away."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from taichi_dr.io.posed_images import PosedImages
from taichi_dr.types import Array

CONVERGING = 0.02  # smallest eigenvalue of the mean of 1 - d d': below it viewing axes are too parallel to meet
MOST = 95.0  # percent of the points that are within the radius where viewing axes do not meet
SHARE = 10.0  # percent of the views that may see less than the sphere around what they look at
DEPTHS = (1.0, 99.0)  # percent: the depths of a view leave out what is nearer or farther; a few points are far off
PROBES = 24  # depths at which the axis of a view is tried for places that many views see
VIEWS = 100  # whose axes are tried, at most
OPENCV = np.array([1.0, -1.0, -1.0, 1.0])  # of columns: right, down, forward are right, up, backward
TOGETHER = 1e-3  # of their distance from the origin that cameras at one place are apart, at most
NEAREST, FARTHEST = 0.02, 50.0  # depths that are tried, in sizes of the cameras' own region


class SceneBounds(NamedTuple):
    """A sphere around what the cameras look at, and what each view sees of the scene.

    ``center`` (3,) and ``radius``, world units; ``source``: what they come from, in words; ``near``, ``far`` (V,):
    depths along each view's axis between which there is something to see; ``common`` (3,): the place that most views
    see, and ``share``, the part of them that do: 1 for cameras around an object, small where they look apart, as they
    seem to do when their poses are misread.
    """

    center: Array
    radius: float
    source: str
    near: Array
    far: Array
    common: Array
    share: float


def scene_bounds(posed: PosedImages) -> SceneBounds:
    """The SceneBounds of posed images, from what there is of, in this order: the data's own region; viewing axes that
    meet; points; depths; the cameras alone.

    * Axes meet where ``sum_v |(1 - d_v d_v') (x - e_v)|^2`` is least, d the directions and e the places of the cameras;
      the radius is that of the sphere there that nine of ten views see whole, and no more than 99 % of the points need.
    * Near-parallel axes do not meet: the sphere around the points' median that holds 95 % of them, or around the middle
      of the depths along the axes.
    * Depths are the data's own, else those of the points that are in the picture, else those of the sphere.
    """
    eyes, forward = posed.camera_to_world[:, :3, 3], -posed.camera_to_world[:, :3, 2]
    common, share = common_place(posed)
    center, radius, source = _sphere(posed, eyes, forward, common)
    depth = np.einsum("vi,vi->v", center - eyes, forward)
    near, far = np.maximum(depth - radius, 0.05 * radius), np.maximum(depth + radius, radius)
    seen = _depths(posed)
    known = ~np.isnan(seen[:, 0])
    near[known], far[known] = seen[known].T
    return SceneBounds(center, float(radius), source, near, far, common, share)


def meeting_place(eyes, forward):
    """The point nearest to the lines through ``eyes`` (V, 3) along ``forward`` (V, 3), by least squares; None where
    they are too parallel.

    >>> meeting_place(np.array([[0, 0, 2.0], [2.0, 0, 0]]), np.array([[0, 0, -1.0], [-1.0, 0, 0]])).tolist()
    [0.0, 0.0, 0.0]
    """
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    if np.linalg.eigvalsh(across.mean(axis=0))[0] < CONVERGING:
        return None
    return np.linalg.solve(across.sum(axis=0), np.einsum("vij,vj->i", across, eyes))


def common_place(posed: PosedImages) -> tuple[Array, float]:
    """The place (3,) that most views see, and the part of the views that do, in (0, 1].

    Places on the viewing axes are tried, from near to far; among those that as many see, the one nearest to all axes.
    """
    eyes, forward = posed.camera_to_world[:, :3, 3], -posed.camera_to_world[:, :3, 2]
    size = max(np.linalg.norm(eyes - np.median(eyes, axis=0), axis=1).max(), 1e-9)
    chosen = np.unique(np.linspace(0, len(posed) - 1, VIEWS).round().astype(int))
    depths = size * np.geomspace(NEAREST, FARTHEST, PROBES)
    places = (eyes[chosen, None] + depths[:, None] * forward[chosen, None]).reshape(-1, 3)
    meeting = meeting_place(eyes, forward)
    if meeting is not None:
        places = np.concatenate([places, meeting[None]])
    seen = np.array([in_view(posed, view, places) for view in range(len(posed))])
    count = seen.sum(axis=0)
    best = np.flatnonzero(count == count.max())
    offsets = places[best, None] - eyes
    along = np.einsum("pvi,vi->pv", offsets, forward)
    distance = np.linalg.norm(offsets, axis=2)
    angle = np.sqrt(np.maximum(1 - (along / np.maximum(distance, 1e-12)) ** 2, 0)).mean(axis=1)
    return places[best[np.argmin(angle)]], float(count.max() / len(posed))


def other_matrices(posed: PosedImages) -> dict[str, Array]:
    """``{convention: matrices}``: camera to world (V, 4, 4), were the matrices meant otherwise."""
    given = posed.camera_to_world
    inverse = np.linalg.inv(given)
    return {
        "camera to world with axes right, down, forward (OpenCV)": given * OPENCV,
        "world to camera with axes right, up, backward (OpenGL)": inverse,
        "world to camera with axes right, down, forward (OpenCV)": inverse * OPENCV,
    }


def other_readings(posed: PosedImages) -> dict[str, float]:
    """``{convention: share}``: the part of the views that see one place, were the matrices meant otherwise."""
    shares = {}
    for name, matrices in other_matrices(posed).items():
        meant = replace(posed, camera_to_world=matrices)
        shares[name] = 0.0 if stand_together(meant) else common_place(meant)[1]
    return shares


def stand_together(posed: PosedImages) -> bool:
    """Whether several cameras stand at one place: without parallax, or with matrices that are not camera to world."""
    eyes = posed.camera_to_world[:, :3, 3]
    apart = np.linalg.norm(eyes - eyes.mean(axis=0), axis=1).max()
    return bool(len(eyes) > 1 and apart < TOGETHER * max(np.linalg.norm(eyes, axis=1).max(), 1e-9))


def projected(posed, view, points):
    """Columns, rows and depths of points (P, 3) in a view: pixels from the upper left corner, world units along its
    axis; NaN pixels for what is behind.
    """
    local = (points - posed.camera_to_world[view, :3, 3]) @ posed.camera_to_world[view, :3, :3]
    depth = -local[:, 2]
    ahead = np.where(depth > 0, depth, np.nan)
    x = posed.focal[view, 0] * local[:, 0] / ahead + posed.principal_point[view, 0]
    y = -posed.focal[view, 1] * local[:, 1] / ahead + posed.principal_point[view, 1]
    return x, y, depth


def in_view(posed, view, points):
    """Which of points (P, 3) are in the picture of a view."""
    x, y, _ = projected(posed, view, points)
    return (x >= 0) & (x <= posed.width) & (y >= 0) & (y <= posed.height)


def _sphere(posed, eyes, forward, common):
    """Centre, radius and the source of both."""
    if posed.region is not None:
        return posed.region[:3], posed.region[3], "the data's own sphere"
    meeting = meeting_place(eyes, forward)
    ahead = meeting is not None and (np.einsum("vi,vi->v", meeting - eyes, forward) > 0).mean() > 0.5
    points = posed.points
    if ahead:
        radius = np.percentile(_seen_radius(posed, meeting, eyes, forward), SHARE)
        source = "where the viewing axes meet"
        if points is not None:
            radius = min(radius, np.percentile(np.linalg.norm(points - meeting, axis=1), DEPTHS[1]))
        return meeting, radius, source
    if points is not None:
        center = np.median(points, axis=0)
        return center, np.percentile(np.linalg.norm(points - center, axis=1), MOST), f"{len(points)} points"
    if posed.depths is not None and not np.isnan(posed.depths).all():
        near, far = np.nanmedian(posed.depths, axis=0)
        middle = (eyes + np.nanmean(posed.depths, axis=1, keepdims=True).repeat(3, 1) * forward).mean(axis=0)
        slope = max(posed.width / posed.focal[:, 0].min(), posed.height / posed.focal[:, 1].min()) / 2
        return middle, np.hypot((far - near) / 2, far * slope), "the depths of the views"
    distance = np.linalg.norm(common - eyes, axis=1).mean()
    return common, distance / 2, "the place that most views see, no better than a guess"


def _seen_radius(posed, center, eyes, forward):
    """(V,): the radius of the largest sphere around ``center`` that each view sees whole, 0 for what is outside."""
    radii = []
    for view, matrix in enumerate(posed.camera_to_world):
        local = (center - eyes[view]) @ matrix[:3, :3] * [1, -1, -1]
        edges = []
        for axis, side in enumerate((posed.width, posed.height)):
            focal, middle = posed.focal[view, axis], posed.principal_point[view, axis]
            for edge, sign in ((0, 1), (side, -1)):
                slope = (edge - middle) / focal
                edges.append(sign * (local[axis] - slope * local[2]) / np.hypot(1, slope))
        radii.append(max(min(edges), 0))
    return np.array(radii)


def _depths(posed):
    """(V, 2): the data's own depths, or those of points in the pictures; NaN where neither is known."""
    if posed.depths is not None or posed.points is None:
        return np.full((len(posed), 2), np.nan) if posed.depths is None else posed.depths
    depths = np.full((len(posed), 2), np.nan)
    for view in range(len(posed)):
        seen = in_view(posed, view, posed.points)
        if seen.any():
            depths[view] = np.percentile(projected(posed, view, posed.points[seen])[2], DEPTHS)
    return depths
