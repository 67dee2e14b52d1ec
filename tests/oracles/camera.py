"""Cameras in NumPy float64, one view and one point at a time, written from the README's conventions."""

import math

import numpy as np


def exponential(omega):
    """exp([omega]x) as the matrix power series."""
    x, y, z = omega
    generator = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=float)
    total, term = np.eye(3), np.eye(3)
    for k in range(1, 60):
        term = term @ generator / k
        total = total + term
    return total


def pack(eye, target, up, pose, lens, principal, *, kind, width, height):
    """Packed cameras (V, 16); ``kind`` is "perspective", "pinhole" or "orthographic"."""
    return np.array(
        [
            _pack_one(*(np.asarray(part[v], dtype=float) for part in (eye, target, up, pose, lens, principal)), kind)
            for v in range(len(eye))
        ]
    ) * _units(width, height)


def _units(width, height):
    """Half image heights to screen units, in which the shorter side is 2 long."""
    return np.array([1.0] * 12 + [height / min(width, height)] * 4)


def _pack_one(eye, target, up, pose, lens, principal, kind):
    w = (eye - target) / math.dist(eye, target)
    u = np.cross(up, w)
    u = u / math.hypot(*u)
    v = np.cross(w, u)
    axes = np.stack([u, v, w], axis=1)
    moved = axes @ exponential(pose[:3])
    origin = eye + axes @ pose[3:]
    focal = {
        "perspective": lambda: [1 / math.tan(lens[0] / 2)] * 2,
        "pinhole": lambda: list(lens),
        "orthographic": lambda: [1 / lens[0]] * 2,
    }[kind]()
    return np.concatenate([moved[:, 0], moved[:, 1], moved[:, 2], origin, focal, principal])


def transform(vertices, view_mesh, camera, orthographic):
    """Clip coordinates (V*N, 4) of vertices (B, N, 3) seen by packed cameras (V, 16)."""
    rows = []
    for v, mesh in enumerate(view_mesh):
        u, up, w, e = camera[v, :12].reshape(4, 3)
        fx, fy, px, py = camera[v, 12:]
        for p in vertices[mesh]:
            x, y, depth = (p - e) @ u, (p - e) @ up, -(p - e) @ w
            weight = 1.0 if orthographic else depth
            rows.append([fx * x + px * weight, fy * y + py * weight, weight, depth])
    return np.array(rows)
