"""Times of a radiance grid: a picture, and a step of fitting it.

    python benchmarks/radiance_grid.py [scene.npz] [--backend cuda]

Of the scene that ``taichi-dr reconstruct --as grid`` wrote, or else of a shell of fog: 490,000 vertices, four cells
deep to either side of a sphere in a grid of 200^3, degree 1.  A step is 256 tiles of 8 x 8 pixels: ``fit``, both ways
along each ray, and the gradient; ``smooth``, the total variation of a sixteenth of the rows; ``update``, Adam, which
needs a gradient first.  Times are medians of ten launches.
"""

import argparse

import numpy as np
import taichi as ti
from raster import median_ms, settled

import taichi_dr as dr
from taichi_dr.jobs.reconstruct.radiance.scene import load_scene
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.radiance_grid.fit import TILE, fit
from taichi_dr.kernels.radiance_grid.rows import make_rows
from taichi_dr.kernels.radiance_grid.smooth import smooth
from taichi_dr.kernels.radiance_grid.update import update

SIZE, VIEWS, TILES = 400, 20, 256


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", nargs="?")
    parser.add_argument("--backend", default="cpu")
    options = parser.parse_args()
    dr.init(options.backend)
    grid = dr.radiance.Grid.from_arrays(load_scene(options.scene).arrays) if options.scene else shell()
    print(grid)
    camera = dr.Camera.orbit(np.linspace(0, 342, VIEWS), 25, 3 * max(np.ptp(grid.bounds, axis=0)) / 2, 40)
    one = camera.select([0])
    print(f"picture of 256^2     {median_ms(settled(lambda: grid.render(one, (256, 256)))):8.1f} ms")
    step = Step(grid, camera)
    for name in ("fit", "smooth", "fit_and_update"):
        milliseconds = median_ms(settled(getattr(step, name)))
        rays = f"{TILES * TILE**2 / milliseconds:8.0f} rays per ms" if name == "fit" else ""
        print(f"{name.replace('_', ' '):<20} {milliseconds:8.1f} ms{rays}")


def shell():
    place = np.stack(np.meshgrid(*[np.arange(200) - 99.5] * 3, indexing="ij"), axis=-1)
    grid = dr.radiance.Grid((-1, 1), 200, active=np.abs(np.linalg.norm(place, axis=-1) - 70) < 4)
    numbers = np.random.default_rng(0).normal(size=grid.numpy().shape)
    numbers[:, -1] -= 2.2
    grid.set(numbers)
    return grid


class Step:
    """The kernels of a step over random tiles of random pictures."""

    def __init__(self, grid, camera):
        random = np.random.default_rng(1)
        self.grid, self.style = grid, (grid.layout, grid.layout.lanes)
        pixels = array_from(random.integers(0, 256, (VIEWS, SIZE, SIZE, 4)), ti.u8)
        tiles = np.column_stack([np.sort(random.integers(0, VIEWS, TILES)), random.integers(120, 270, (TILES, 2))])
        self.pictures = camera.pack(SIZE, SIZE), pixels, array_from(tiles, ti.i32)
        self.errors, self.moments = make_array((TILES,)), [make_rows(grid.layout, grid.count + 1) for _ in range(2)]
        vertices = np.ravel_multi_index(grid.vertices().T, grid.shape)
        self.places = array_from(np.append(0, vertices), ti.i32)

    def fit(self):
        (layout, lanes), part = self.style, (0, TILES)
        where = *self.grid.where, *self.pictures, *part
        fit(self.grid.rows, self.grid.sums, *where, 7, 1.0, self.errors, layout, True, lanes)

    def smooth(self):
        where = self.grid.where[0], self.places, *self.grid.shape[1:]
        smooth(self.grid.rows, self.grid.sums, *where, 0, 16, 1e-9, 1e-9, *self.style)

    def fit_and_update(self):
        self.fit()
        update(self.grid.rows, self.grid.sums, *self.moments, 1e-9, 1e-9, 1.0, 1.0, *self.style)


if __name__ == "__main__":
    main()
