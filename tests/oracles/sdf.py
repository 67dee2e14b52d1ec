"""Signed distances in NumPy, float64: nearest points found by brute force or bisection; points are (P, 3)."""

import numpy as np


def sphere(p, radius):
    return np.linalg.norm(p, axis=1) - radius


def plane(p, normal, offset):
    return p @ normal / np.linalg.norm(normal) - offset


def box(p, half):
    """To the nearest point of the box from outside, to the nearest face from inside."""
    outside = np.linalg.norm(p - np.clip(p, -half, half), axis=1)
    depth = np.min(half - np.abs(p), axis=1)
    return np.where(depth > 0, -depth, outside)


def rounded_box(p, half, radius):
    """What a ball that rolls over a smaller box leaves: every distance is less by the ball's radius."""
    return box(p, half - radius) - radius


def torus(p, major, minor):
    """To a circle, which the tube is around."""

    def circle(turns):
        angle = 2 * np.pi * turns
        return major * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=-1)

    return to_curve(p, circle, wrapped=True) - minor


def capsule(p, start, end, radius):
    """To a segment, which the ball moves along."""
    return to_curve(p, lambda t: start + t[..., None] * (end - start)) - radius


def cylinder(p, radius, half_height):
    """To the outline in the plane of the axis and the point."""
    flat = np.stack([np.hypot(p[:, 0], p[:, 2]), p[:, 1]], axis=1)
    inside = (flat[:, 0] < radius) & (np.abs(flat[:, 1]) < half_height)
    outline = np.array([[0, half_height], [radius, half_height], [radius, -half_height], [0, -half_height]])
    return np.where(inside, -1, 1) * to_polyline(flat, outline)


def cone(p, radius, half_height):
    """To the outline in the plane of the axis and the point."""
    flat = np.stack([np.hypot(p[:, 0], p[:, 2]), p[:, 1]], axis=1)
    wide = radius * (half_height - flat[:, 1]) / (2 * half_height)
    inside = (flat[:, 0] < wide) & (flat[:, 1] > -half_height)
    outline = np.array([[0, half_height], [radius, -half_height], [0, -half_height]])
    return np.where(inside, -1, 1) * to_polyline(flat, outline)


def ellipsoid(p, radii):
    """The root of ``sum (r_i p_i / (t + r_i^2))^2 = 1`` by bisection."""
    p, squared = np.abs(p) + 1e-12, radii**2
    low = np.full(len(p), -squared.min())
    high = np.linalg.norm(p * radii, axis=1)
    for _ in range(200):
        t = (low + high) / 2
        beyond = np.sum((p * radii / (t[:, None] + squared)) ** 2, axis=1) > 1
        low, high = np.where(beyond, t, low), np.where(beyond, high, t)
    nearest = squared * p / (high[:, None] + squared)
    return np.sign(high) * np.linalg.norm(p - nearest, axis=1)


def to_curve(points, curve, wrapped=False):
    """The distance to the nearest of many points of ``curve(t)``, t from 0 to 1, and of ever more points around it."""
    t, width = np.full((len(points), 1), 0.5), 0.5
    while width > 1e-10:
        tried = t + width * np.linspace(-1, 1, 65)
        tried = tried if wrapped else np.clip(tried, 0, 1)
        distance = np.linalg.norm(curve(tried) - points[:, None], axis=2)
        t, width = np.take_along_axis(tried, distance.argmin(axis=1)[:, None], axis=1), width / 16
    return distance.min(axis=1)


def to_polyline(points, corners):
    """The distance to the nearest of the segments between consecutive corners; any dimension."""
    result = np.full(len(points), np.inf)
    for row, point in enumerate(points):
        start, along = corners[:-1], np.diff(corners, axis=0)
        foot = np.clip(np.sum((point - start) * along, axis=1) / np.sum(along**2, axis=1), 0, 1)
        result[row] = np.linalg.norm(start + foot[:, None] * along - point, axis=1).min()
    return result


def smooth_union(a, b, width):
    """The polynomial of Quilez' "Smooth minimum", as it stands there."""
    h = np.maximum(width - np.abs(a - b), 0.0) / width
    return np.minimum(a, b) - h * h * width / 4


def rotation(axis, angle):
    """The matrix of a rotation, as the exponential of ``angle [k]x``, by its series."""
    x, y, z = axis / np.linalg.norm(axis)
    generator = angle * np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    term, total = np.eye(3), np.eye(3)
    for k in range(1, 40):
        term = term @ generator / k
        total = total + term
    return total


def repeat(p, period):
    """The copy of the point that is nearest to the origin."""
    return p - period * np.round(p / period)


def twist(p, rate):
    return np.stack([rotation(np.array([0, 1.0, 0]), -rate * y) @ q for q, y in zip(p, p[:, 1], strict=True)])
