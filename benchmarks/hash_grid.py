"""Times of a hash grid: what it says of points and the way back, and a picture of a radiance field of it.

    python benchmarks/hash_grid.py [scene.npz] [--backend cuda]

100,000 points, 20 next to each other on each of 5,000 rays, and as many at random, in 8 grids of 16 to 512 cells with 4
numbers at their points.  The picture, 400 x 400, is of the scene that ``taichi-dr reconstruct --as hash`` wrote, seen
from near enough that lego fills it, or else left out: fog says nothing about how far rays see.
"""

import argparse

import numpy as np
import taichi as ti
from raster import median_ms, settled

import taichi_dr as dr
from taichi_dr.jobs.reconstruct.radiance.drawing import scene_drawing
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks import hash_grid, hash_levels

LEVELS, WIDTH, ROWS = 8, 4, 1 << 16
RAYS, SAMPLES = 5000, 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", nargs="?")
    parser.add_argument("--backend", default="cpu")
    options = parser.parse_args()
    dr.init(options.backend)
    random = np.random.default_rng(0)
    origins, along = random.uniform(-0.8, 0.8, (RAYS, 1, 3)), random.normal(0, 0.004, (RAYS, 1, 3))
    places = {
        "on rays": origins + along * np.arange(SAMPLES)[:, None],
        "at random": random.uniform(-1, 1, (RAYS, SAMPLES, 3)),
    }
    for name, points in places.items():
        run, run_back = encoding(array_from(points.reshape(-1, 3)), random)
        nanoseconds = [1e6 * median_ms(settled(each)) / (RAYS * SAMPLES) for each in (run, run_back)]
        print(f"points {name:<10} {nanoseconds[0]:8.0f} ns each, {nanoseconds[1]:.0f} ns back")
    if options.scene:
        draw, camera = scene_drawing(options.scene), dr.Camera.orbit(np.linspace(0, 300, 6), 30, 2.3, 40)
        views = [camera.select([view]) for view in range(camera.views)]
        times = [median_ms(settled(lambda v=v: draw(v, (400, 400))), 1, 3) for v in views]
        print(f"picture of 400^2 {np.median(times):9.0f} ms")


def encoding(points, random):
    """What encodes the points, and what takes adjoints of their features to the table."""
    rows = hash_levels.level_rows(LEVELS, 16, 512, ROWS)
    levels, box = array_from(rows, ti.i32), array_from(hash_levels.box_rows((-1, -1, -1), (1, 1, 1)))
    table = array_from(random.normal(size=(rows[:, 2].sum(), WIDTH)))
    features, added = make_array((points.shape[0], LEVELS * WIDTH)), make_array(table.shape)
    places, count, buffers = (table, levels, box, points), points.shape[0], Buffers()
    return (
        lambda: hash_grid.encode(*places, features, count, WIDTH),
        lambda: hash_grid.encode_adjoint(*places, features, None, added, count, WIDTH, buffers),
    )


if __name__ == "__main__":
    main()
