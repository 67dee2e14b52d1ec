"""A radiance grid fitted to tiles of pixels: its optimiser, what is pruned, and how it becomes finer."""

import warnings

import numpy as np
import taichi as ti
from scipy.ndimage import binary_dilation, maximum_filter

from taichi_dr.implicit.radiance.cells import cells_with
from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.jobs.reconstruct.checkpoint import count, squares
from taichi_dr.jobs.reconstruct.radiance.display import stored
from taichi_dr.jobs.reconstruct.view_groups import unit_camera
from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.radiance_grid.fit import TILE, fit
from taichi_dr.kernels.radiance_grid.rows import make_rows
from taichi_dr.kernels.radiance_grid.smooth import smooth
from taichi_dr.kernels.radiance_grid.update import BETA1, BETA2, update
from taichi_dr.ranks import ALONE

CHANNELS = 3
MARGIN = 1  # vertices around those that were seen, when a grid becomes finer
SMOOTH_EVERY = 4  # steps, and rows: each row is smoothed in every sixteenth step, by as much more


class Photographs:
    """What grids are compared with: packed cameras, pictures in bytes, and the tiles of 8 x 8 pixels worth looking at.

    Those are all within 8 pixels of something that is not transparent.
    """

    def __init__(self, posed):
        pixels = stored(posed)
        self.camera = unit_camera(posed).pack(posed.width, posed.height)
        self.pixels = array_from(pixels, ti.u8)
        self.tiles = tiles_near(pixels[..., 3] > 0)

    def batch(self, random_seed, step, count):
        """(count, 3) tiles of a step: every tile once, in random order, before any comes again."""
        total = len(self.tiles)
        places = np.arange(step * count, (step + 1) * count)
        epochs = {
            epoch: np.random.default_rng([random_seed, epoch]).permutation(total) for epoch in set(places // total)
        }
        chosen = np.array([epochs[place // total][place % total] for place in places.tolist()])
        return self.tiles[np.sort(chosen)]


def tiles_near(covered):
    """(T, 3): view, first row and first column of the tiles of (V, H, W) that are ``covered`` or near to it.

    The last tiles of a row or column overlap those before, where a side is no multiple of 8.
    """
    height, width = covered.shape[1:]
    near = maximum_filter(covered, (1, 2 * TILE + 1, 2 * TILE + 1))
    rows, columns = (np.minimum(np.arange(0, side, TILE), side - TILE) for side in (height, width))
    found = []
    for row in rows:
        for column in columns:
            views = np.flatnonzero(near[:, row : row + TILE, column : column + TILE].any(axis=(1, 2)))
            found.append(np.stack([views, np.full_like(views, row), np.full_like(views, column)], axis=1))
    tiles = np.concatenate(found)
    return tiles[np.lexsort(tiles.T[::-1])].astype(np.int32)


class GridFit:
    """A ``Grid`` on its way, with the moments of its numbers; ``ranks``: the processes that share the pixels."""

    def __init__(self, grid, photographs, ranks=ALONE):
        self._photographs, self._ranks = photographs, ranks
        self._begin(grid)

    def _begin(self, grid):
        self.grid, self._steps = grid, 0
        self._first, self._second = (make_rows(grid.layout, grid.count + 1) for _ in range(2))
        vertices = np.ravel_multi_index(grid.vertices().T, grid.shape)
        self._places = array_from(np.append(0, vertices), ti.i32)

    def step(self, tiles, seed, rates, smoothing):
        """One step over tiles of pixels; the mean squared error per channel.

        ``rates``: of colours' and of the density's numbers; ``smoothing``: the weights of their total variation, as if
        each vertex was one of the pixels of the step.  Every process ends with the same numbers, bit by bit.
        """
        grid, photographs, layout = self.grid, self._photographs, self.grid.layout
        errors, style = make_array((len(tiles),)), (layout, layout.lanes)
        pictures = photographs.camera, photographs.pixels, array_from(tiles, ti.i32)
        part = self._ranks.part(len(tiles))
        fit(grid.rows, grid.sums, *grid.where, *pictures, *part, seed, 1.0, errors, layout, True, layout.lanes)
        error = self._add_up(errors)
        turn, index = self._steps % SMOOTH_EVERY**2, grid.where[0]
        if any(smoothing) and turn % SMOOTH_EVERY == 0:
            weights = (SMOOTH_EVERY**2 * weight / (len(tiles) * TILE**2) for weight in smoothing)
            rows = turn // SMOOTH_EVERY, SMOOTH_EVERY
            smooth(grid.rows, grid.sums, index, self._places, *grid.shape[1:], *rows, *weights, *style)
        self._steps += 1
        corrections = (1 / (1 - beta**self._steps) for beta in (BETA1, BETA2))
        update(grid.rows, grid.sums, self._first, self._second, *rates, *corrections, *style)
        return error / (TILE**2 * CHANNELS)

    def _add_up(self, errors):
        """Has the sums of this process be those of all; the mean of all errors."""
        errors = errors.to_numpy()
        if self._ranks.count > 1:
            self._ranks.add(errors)
            sums = self.grid.sums
            parts = sums.memory() if on_cpu() else sums.to_numpy()
            add_touched_rows(parts, self.grid.layout.weight, self._ranks)
            if not on_cpu():
                sums.from_numpy(parts)
        return float(errors.mean())

    def prune(self, least):
        """Leaves out the cells far from vertices that had at least this weight since weights were last forgotten."""
        grid = self.grid
        near = binary_dilation(seen_vertices(grid, least))
        if near.any():
            grid.keep_cells(cells_with(near, least=2))
        else:
            warnings.warn("nothing is seen in the grid any more: rays look into all of its cells again", stacklevel=2)
            grid.open_cells()

    def refine(self, photographs, spacing, least):
        """Goes on with a grid of another spacing, around vertices that had at least this weight; moments are zero."""
        self._photographs = photographs
        self._begin(refined(self.grid, spacing, least))

    def state(self):
        """``(header, arrays)`` that ``restored`` takes."""
        arrays = {f"grid/{name}": array for name, array in self.grid.arrays().items()}
        used = self.grid.layout.density + 1
        arrays |= {"weights": self.grid.weights()}
        arrays |= {name: rows.to_numpy()[:, :used] for name, rows in (("first", self._first), ("second", self._second))}
        return {"steps": self._steps}, arrays

    @classmethod
    def restored(cls, photographs, header, arrays, ranks=ALONE):
        """What goes on where ``state`` left off."""
        named = {name.removeprefix("grid/"): array for name, array in arrays.items() if name.startswith("grid/")}
        result = cls(Grid.from_arrays(named), photographs, ranks)
        grid, result._steps = result.grid, count(header, "steps")
        rows = grid.rows.to_numpy()
        rows[1:, grid.layout.weight] = arrays["weights"]
        write_array(grid.rows, rows)
        for moments, to in ((arrays["first"], result._first), (squares(arrays, "second"), result._second)):
            full = np.zeros_like(rows)
            full[:, : grid.layout.density + 1] = moments
            write_array(to, full)
        return result


def add_touched_rows(parts, column, ranks):
    """Has the first of ``parts`` (parts, M, lanes) be the sum of all parts of all processes, the others zero.

    Only rows with a weight, in ``column``, travel: samples touched them.  Of weights the largest is kept.
    """
    touched = (parts[..., column] > 0).any(axis=0).astype(np.uint8)
    ranks.highest(touched)
    rows = np.flatnonzero(touched)
    own = parts[:, rows]
    total, weights = own.sum(axis=0), own[..., column].max(axis=0)
    ranks.add(total)
    ranks.highest(weights)
    total[:, column] = weights
    parts[1:, rows] = 0
    parts[0, rows] = total


def seen_vertices(grid, least):
    """(nx, ny, nz): whether a vertex had at least this weight."""
    seen = np.zeros(grid.shape, bool)
    seen[tuple(grid.vertices()[grid.weights() > least].T)] = True
    return seen


def refined(grid, spacing, least):
    """A grid of another spacing over the same bounds, the numbers between vertices interpolated.

    Vertices are active within about two of its edges from those that had at least this weight in ``grid``.
    """
    low, high = (np.array(end) for end in grid.bounds)
    shape = tuple((np.ceil((high - low) / spacing - 1e-6).astype(int) + 1).tolist())
    seen = seen_vertices(grid, least)
    axes = [
        np.clip(np.rint(np.arange(n) * (spacing / grid.spacing)).astype(int), 0, m - 1)
        for n, m in zip(shape, grid.shape, strict=True)
    ]
    active = binary_dilation(seen[np.ix_(*axes)], iterations=MARGIN)
    finer = Grid.of_shape(shape, low, spacing, grid.degree, active)
    numbers, share = grid.interpolated(finer.vertices() * (spacing / grid.spacing))
    finer.set(np.where(share[:, None] > 1e-3, numbers, finer.numpy()))
    return finer
