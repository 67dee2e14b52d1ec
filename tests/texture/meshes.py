"""Meshes that are hard to lay flat."""

import numpy as np

from taichi_dr import shapes


def bumpy(seed, level=2, size=0.5):
    """A sphere whose vertices have been moved at random."""
    random = np.random.default_rng(seed)
    mesh = shapes.icosphere(level)
    vertices = mesh.numpy("vertices")[0].astype(np.float64)
    return vertices * random.uniform(1 - size, 1 + size, (len(vertices), 1)), mesh.numpy("faces")


def soup(seed, count=40):
    """Triangles that share no vertex, anywhere."""
    return np.random.default_rng(seed).normal(size=(3 * count, 3)), np.arange(3 * count).reshape(-1, 3)


def spiral_stairs(turns=3, steps=24):
    """A winding ramp, all of which faces upwards: seen from there it hides itself."""
    angle = np.linspace(0, 2 * np.pi * turns, turns * steps + 1)
    height = angle / (2 * np.pi)
    inner = np.stack([0.3 * np.cos(angle), 0.3 * np.sin(angle), height], axis=1)
    outer = np.stack([np.cos(angle), np.sin(angle), height], axis=1)
    vertices = np.stack([inner, outer], axis=1).reshape(-1, 3)
    first = 2 * np.arange(turns * steps)
    lower = np.stack([first, first + 1, first + 3], axis=1)
    upper = np.stack([first, first + 3, first + 2], axis=1)
    return vertices, np.concatenate([lower, upper])


def of(mesh):
    """Vertices and faces of a Mesh."""
    return mesh.numpy("vertices")[0].astype(np.float64), mesh.numpy("faces")


def areas(points):
    """Of triangles (F, 3, 2 or 3)."""
    a, b = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    squared = (a**2).sum(axis=1) * (b**2).sum(axis=1) - (a * b).sum(axis=1) ** 2
    return np.sqrt(np.maximum(squared, 0)) / 2
