"""A radiance field that is known: a grey ball, opaque within a cell of its surface."""

import numpy as np

from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.jobs.reconstruct.radiance.scene import Scene, save_scene

RADIUS = 0.5


def write_ball_field(path, center=(0.0, 0.0, 0.0), radius=1.0, up=(0.0, 1.0, 0.0)):
    """Writes the scene of a ball of radius 0.5 in the middle of a unit scene that has this place in the world."""
    grid = Grid((-1, 1), 41, degree=0)
    numbers = np.zeros((grid.count, 4))
    places = np.array(grid.lower) + grid.spacing * grid.vertices()
    numbers[:, 3] = np.clip(12 * (RADIUS - np.linalg.norm(places, axis=1)) / grid.spacing, -8, 12)
    grid.set(numbers)
    save_scene(path, Scene("grid", np.array(center, float), radius, np.array(up, float), grid.arrays()))
