"""Distances and colours on a grid, fitted to pixels of many views at once.

A step looks at some pixels: at most near the edges of silhouettes and within them.  Of each, s is the least distance
along its ray from the surface, in pixels, and the loss is the cross-entropy of alpha and ``1 / (1 + exp(s / band))``,
which has a gradient however far the ray passes.  Where a ray meets the surface well within a silhouette, colours are
compared; the depth t of the surface is differentiated by ``dt = -df / (grad f . direction)``.
"""

import numpy as np
import taichi as ti
from scipy.ndimage import maximum_filter, minimum_filter

from taichi_dr.implicit.sdf.hull import view_rows
from taichi_dr.implicit.sdf.redistance import redistance
from taichi_dr.jobs.reconstruct.grid_numbers import GridNumbers
from taichi_dr.jobs.reconstruct.loose_parts import without_loose_parts
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.fit.approach import approach
from taichi_dr.kernels.fit.sample import sample_rays, sample_rays_adjoint

EDGE = 3  # pixels: how near to an edge pixels are that half of the silhouettes' rays are of
WELL_WITHIN = 0.7  # pixels: how deep a ray has to go for its colour to count
SURE = 0.99
NEAR = 3.0  # cells: nodes that near to the surface are optimised
LEAST_SLOPE = 0.3  # of the distance along a ray: the surface moves by no more than 1 / this of a change of distance
LARGEST_EXPONENT = 30.0
COLOR_SCALE = 0.1  # differences of less are squared, of more absolute
LARGEST = 1.0  # what the colour of a pixel counts at most, against 1 for its alpha


class GridFit:
    """The grid, whose nodes are at ``lower + spacing (i, j, k)``, and the pictures of ``posed`` to fit it to.

    ``everywhere``: all nodes are optimised, not only those near the surface: it may change as it likes.
    """

    def __init__(self, posed, distances, colors, lower, spacing, everywhere=False):
        self.lower, self.spacing, self._everywhere = lower, spacing, everywhere
        self._views = array_from(view_rows(posed))
        self._focal = np.sqrt(posed.focal.prod(axis=1)).astype(np.float32)
        self._size = posed.width, posed.height
        self._alpha, self._pictures = posed.alpha.reshape(-1), posed.images.reshape(-1, 3)
        edges = near_edges(posed.alpha, EDGE).reshape(-1)
        self._pools = np.flatnonzero(edges), np.flatnonzero(~edges & (self._alpha > SURE)), np.arange(len(self._alpha))
        self.distances = GridNumbers(distances[..., None], 0.05, blurs=True)
        self.colors = GridNumbers(colors, 0.005, blurs=False)
        self._find_nodes()

    def values(self):
        """(X, Y, Z): the distances as they are."""
        return self.distances.array.to_numpy()[..., 0]

    def redistance(self):
        """Makes the values distances, without what hangs in the air or is enclosed."""
        self.distances.write(redistance(without_loose_parts(self.values()), self.spacing)[..., None])
        self._find_nodes()

    def step(self, random, counts, rates, band, smoothing, color_weight):
        """One step over new pixels: ``counts`` of them from near edges, from within silhouettes, and from anywhere.

        ``rates``: of the distances, in cells, and of the colours.  ``color_weight``: of the colours in what moves the
        surface.  Returns the losses by name.
        """
        pools = [
            pool[random.integers(len(pool), size=n)] for pool, n in zip(self._pools, counts, strict=True) if len(pool)
        ]
        pixels = np.sort(np.concatenate(pools)).astype(np.int32)  # neighbours see the same nodes
        rays = _Rays(pixels, self._views, (*self._size, *self.lower, self.spacing))
        target = self._alpha[pixels]
        closest, met = rays.approach(self.distances.array, target > 0.5)
        focal = self._focal[pixels // (self._size[0] * self._size[1])]
        s, scale, loss = self._silhouettes(rays, closest, focal, target, band)
        seen = (met.to_numpy() > 0) & (target > SURE) & (s < -WELL_WITHIN)
        difference = self._colors(rays, met, seen, self._pictures[pixels], color_weight, scale)
        self.distances.update(self._nodes, rates[0] * self.spacing, smoothing)
        self.colors.update(self._nodes, rates[1])
        return {"silhouette": loss, "color": difference}

    def _silhouettes(self, rays, closest, focal, target, band):
        """Adds the gradient of the cross-entropy; s of every ray, the most pixels per unit, and the loss."""
        t = closest.to_numpy()
        value, _ = rays.sample(self.distances.array, closest)
        pixels = np.where(t > 0, focal / np.maximum(t, 1e-6), 0)
        s = value[:, 0] * pixels
        x = np.clip(s / band, -LARGEST_EXPONENT, LARGEST_EXPONENT)
        alpha = 1 / (1 + np.exp(x))
        scale = float(pixels.max()) or 1.0
        rays.add_adjoint(self.distances.gradient, closest, (target - alpha) * pixels / scale)
        entropy = np.logaddexp(0, x) - (1 - target) * x
        return s, scale, float(entropy[t > 0].mean()) if (t > 0).any() else 0.0

    def _colors(self, rays, met, seen, wanted, weight, scale):
        """Adds the gradient of the colours' differences where they are ``seen``; the mean difference."""
        color, color_slope = rays.sample(self.colors.array, met)
        difference = np.where(seen[:, None], color - wanted, 0)
        adjoint = difference / np.sqrt(difference**2 + COLOR_SCALE**2)
        rays.add_adjoint(self.colors.gradient, met, adjoint)
        if weight > 0:
            _, slope = rays.sample(self.distances.array, met)
            along = (adjoint * color_slope).sum(axis=1) / np.minimum(slope[:, 0], -LEAST_SLOPE)
            rays.add_adjoint(self.distances.gradient, met, np.clip(-weight * along, -LARGEST, LARGEST) / scale)
        return float(np.abs(difference[seen]).mean()) if seen.any() else 0.0

    def nodes(self):
        """(A, 3): the nodes that are optimised."""
        return self._nodes.to_numpy()

    def set_nodes(self, nodes):
        """Has others optimised."""
        self._nodes = array_from(nodes, ti.i32)

    def _find_nodes(self):
        near = np.abs(self.values()) < (np.inf if self._everywhere else NEAR * self.spacing)
        self.set_nodes(np.argwhere(near))


def near_edges(alpha, reach):
    """(V, H, W): whether a silhouette has its edge between a pixel and another that is ``reach`` rows or columns away.

    >>> near_edges(np.array([[[0, 0, 0, 1, 1.0]]]), 1).astype(int).tolist()
    [[[0, 0, 1, 1, 0]]]
    """
    inside, window = alpha > 0.5, (1, 2 * reach + 1, 2 * reach + 1)
    return maximum_filter(inside, window) & ~minimum_filter(inside, window)


class _Rays:
    """Rays of some pixels through a grid."""

    def __init__(self, pixels, views, grid):
        self._count, self._views, self._grid = len(pixels), views, grid
        self._pixels = array_from(pixels, ti.i32)

    def approach(self, distances, wanted):
        closest, met = make_array((self._count,)), make_array((self._count,))
        approach(distances, self._views, self._pixels, array_from(wanted, ti.i32), closest, met, *self._grid)
        return closest, met

    def sample(self, numbers, depths):
        shape = self._count, numbers.shape[3]
        values, slopes = make_array(shape), make_array(shape)
        sample_rays(numbers, self._views, self._pixels, depths, values, slopes, *self._grid)
        return values.to_numpy(), slopes.to_numpy()

    def add_adjoint(self, numbers_adjoint, depths, values_adjoint):
        adjoint = array_from(values_adjoint.reshape(self._count, -1))
        sample_rays_adjoint(numbers_adjoint, self._views, self._pixels, depths, adjoint, *self._grid)
