"""Hollows that no silhouette shows, such as the inside of a bowl, found by colours.

Wherever the surface is right, all views that see a point have the same colour there; on a lid over a hollow each sees
another place behind it.  So solid is taken away where views disagree, on a coarse grid and a cell at a time, until what
has come to light agrees (space carving); the new surface then goes to where the views agree best, on a finer grid.
Whatever else the start is stays as it is.

Sources: Kutulakos and Seitz, A Theory of Shape by Space Carving, 2000; Faugeras and Keriven, Variational Principles,
Surface Evolution, PDE's, Level Set Methods, and the Stereo Problem, 1998.
"""

from typing import NamedTuple

import numpy as np
import taichi as ti
from scipy.ndimage import binary_dilation, gaussian_filter, label

from taichi_dr.errors import GeometryError
from taichi_dr.implicit.sdf.hull import signed_pixels, view_rows
from taichi_dr.implicit.sdf.redistance import redistance
from taichi_dr.jobs.reconstruct.grid_start import Nodes
from taichi_dr.jobs.reconstruct.loose_parts import without_loose_parts
from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.fit.sight import agreement, look

COARSE, FINE = (48, 0.6), (96, 1.0)
"""Nodes along a side, at most, of the grids to carve and to settle on; pictures have twice as many pixels, and are
blurred by so many of them."""
NOISE = 0.03
"""Of colours, linear: standard deviation that says nothing."""
DISAGREE, SOFT = 1.2, 0.6
"""Views disagree from that ratio of deviations on, and entirely ``SOFT`` above it."""
USUAL = 0.5
"""A ratio that a quarter of the surface stays below, or nothing is taken away: what shines, or has finer parts than the
grid, looks different from everywhere."""
SEEN, BESIDE = 0.25, 1.5
"""The least cosine; cells behind a depth."""
THIN, WITHIN = 2.0, 1.5
"""Cells: rays that are ``WITHIN`` pixels within a silhouette keep more solid than that."""
SWEEPS, MOVED = 60, 4
"""The most sweeps; fewer nodes that go half a cell or more end them."""
REACH, SETTLING = 3, 6
"""Cells on both sides that the surface looks for its place in, and how often."""
CLEAR, BETTER = 2.2, 0.5
"""A hollow stays if views disagreed by ``CLEAR`` before, and now by less than ``BETTER`` of that.  Of a shape of one
colour they disagree by less, and where they agree says little."""
SMALL = 30
"""Nodes: smaller hollows are not told from noise."""


def carve(posed, hull, nodes, box):
    """``hull``, distances (X, Y, Z) at ``nodes``, without what the views ``posed`` disagree about.

    ``box`` (2, 3) holds the object.  Silhouettes stay covered.  Returns ``hull`` itself if there is nothing to take
    away.
    """
    coarse, fine = (_Level(posed, hull, nodes, box, *size) for size in (COARSE, FINE))
    try:
        carved = _filled(coarse, _carved(coarse), lambda hollow: hollow.sum() >= SMALL)
        if carved is coarse.hull:
            return hull
        settled = _settled(fine, _merged(coarse, carved, fine.hull, fine.nodes))
        kept = _filled(fine, settled, _improvement(fine, settled))
    except GeometryError:  # nothing is left, or nothing was taken
        return hull
    return hull if kept is fine.hull else _merged(fine, kept, hull, nodes)


class _Found(NamedTuple):
    variance: np.ndarray
    ratio: np.ndarray
    seen: np.ndarray
    thickness: np.ndarray


class _Level:
    """Hull and views at the resolution of a grid."""

    def __init__(self, posed, hull, nodes, box, most_nodes, blur):
        longest = min(most_nodes, max(nodes.shape))
        small = posed.resized(min(2 * longest, max(posed.height, posed.width)))
        self.nodes = Nodes.over(box, longest)
        self.spacing, self.hull = self.nodes.spacing, nodes.resampled(hull, self.nodes)
        self._grid = *self.nodes.lower, self.spacing
        self._distances = make_array((*self.hull.shape, 1))
        self._views, self._pictures = array_from(view_rows(small)), array_from(_pictures(small, blur))
        self._depths, self._solid = make_array(small.alpha.shape), make_array(small.alpha.shape)

    def look(self, distances):
        """Has the views see this surface."""
        write_array(self._distances, distances[..., None])
        look(self._distances, self._views, self._pictures, self._depths, self._solid, *self._grid)

    def agreement(self, nodes, inward=0.0, beside=BESIDE):
        """What there is to say of ``nodes`` (A, 3) of the surface looked at last."""
        found = make_array((len(nodes), 4))
        arrays = self._distances, array_from(nodes, ti.i32), self._views, self._pictures, self._depths, self._solid
        agreement(*arrays, found, *self._grid, inward, beside, SEEN, WITHIN)
        variance, spread, count, thickness = found.to_numpy().T
        return _Found(variance, np.sqrt(variance / (NOISE**2 + spread)), count > 1, thickness)

    def again(self, distances):
        """Distances of the same surface, without loose parts."""
        return redistance(without_loose_parts(distances), self.spacing)


def _pictures(posed, blur):
    """(V, H, W, 6): blurred colours, and what else ``kernels.fit.sight`` asks of pictures."""
    alpha = posed.alpha[..., None]
    sigma = 0, blur, blur, 0
    weight = np.maximum(_blurred(alpha, sigma), 1e-3)
    mean, square = (_blurred(numbers * alpha, sigma) / weight for numbers in (posed.images, posed.images**2))
    spread = np.maximum(square - mean**2, 0).sum(axis=-1, keepdims=True)
    return np.concatenate([mean, spread, alpha, signed_pixels(posed.alpha)[..., None]], axis=-1)


def _carved(level):
    """The hull without what views disagree about."""
    distances = level.hull
    for _ in range(SWEEPS):
        level.look(distances)
        nodes = _near(distances, level.spacing)
        found = level.agreement(nodes)
        if distances is level.hull and (~found.seen | (found.ratio > USUAL)).mean() > 0.75:
            break
        ratio = _smoothed(distances.shape, nodes, found.ratio, found.seen, 1.0)
        step = np.clip((np.nan_to_num(ratio) - DISAGREE) / SOFT, 0, 1) * (found.thickness > THIN)
        if (step >= 0.5).sum() < MOVED:
            break
        moved = distances.copy()
        moved[tuple(nodes.T)] += level.spacing * step
        distances = level.again(moved)
    return distances


def _filled(level, distances, is_kept):
    """The hull with only those hollows (X, Y, Z) of ``distances`` that ``is_kept``."""
    hollows, count = label((level.hull < 0) & (distances >= 0))
    kept = np.isin(hollows, [i for i in range(1, count + 1) if is_kept(hollows == i)])
    if not kept.any():
        return level.hull
    filled = binary_dilation((hollows > 0) & ~kept) & ~kept
    return level.again(np.where(filled, level.hull, distances)) if filled.any() else distances


def _improvement(level, distances):
    """Whether views disagree less about a hollow's surface than about what was before it, for ``_filled``."""
    before, after = (_ratios(level, each) for each in (level.hull, distances))

    def is_better(hollow):
        around = binary_dilation(hollow)
        was, now = (numbers[around & (numbers >= 0)] for numbers in (before, after))
        return hollow.sum() >= SMALL and len(was) > 0 and len(now) > 0 and was.mean() > max(CLEAR, now.mean() / BETTER)

    return is_better


def _ratios(level, distances):
    """(X, Y, Z): at nodes at the surface; -1 at others."""
    level.look(distances)
    nodes = _near(distances, level.spacing)
    ratios = np.full(distances.shape, -1.0)
    ratios[tuple(nodes.T)] = level.agreement(nodes).ratio
    return ratios


def _settled(level, distances):
    """Has the surface, where it is not the hull's, go to where the views agree best."""
    offsets = np.arange(-REACH, REACH + 1)
    for _ in range(SETTLING):
        level.look(distances)
        nodes = _near(distances, 1.5 * level.spacing, distances - level.hull > level.spacing)
        index = tuple(nodes.T)
        costs = []
        for inward in offsets:
            found = level.agreement(nodes, inward, BESIDE + REACH)
            costs.append(_smoothed(distances.shape, nodes, found.variance, found.seen, 1.5))
        best = _lowest(offsets, np.stack(costs, axis=1))
        best = np.where(found.thickness > THIN, best, np.minimum(best, 0))
        moved = distances.copy()
        moved[index] += level.spacing * _smoothed(distances.shape, nodes, np.clip(best, -1, 1), True, 1.0)
        mean = sum(np.roll(moved, side, axis) for axis in range(3) for side in (-1, 1)) / 6
        moved[index] += 0.2 * (mean - moved)[index]
        distances = level.again(np.maximum(moved, level.hull))
    return distances


def _lowest(offsets, costs):
    """Where each row of ``costs`` (A, K) is least, by the parabola through three; 0 where it hardly is."""
    known = np.isfinite(costs).all(axis=1)
    costs = np.where(known[:, None], costs, 0)
    k, rows = np.clip(costs.argmin(axis=1), 1, len(offsets) - 2), np.arange(len(costs))
    low, middle, high = (costs[rows, k + side] for side in (-1, 0, 1))
    bend = low - 2 * middle + high
    best = offsets[k] + np.clip(0.5 * (low - high) / np.maximum(bend, 1e-12), -1, 1)
    least = costs.min(axis=1)
    return np.where(known & (costs.mean(axis=1) - least > 0.05 * least + 5e-6), best, 0)


def _merged(level, carved, hull, nodes):
    """``carved``, of a level, at other nodes where it differs from the level's hull, and ``hull`` elsewhere."""
    carved, coarser = (level.nodes.resampled(distances, nodes) for distances in (carved, level.hull))
    other = carved - coarser > 0.5 * nodes.spacing
    return redistance(without_loose_parts(np.where(other, np.maximum(carved, hull), hull)), nodes.spacing)


def _near(distances, reach, where=True):
    """(A, 3): the nodes that near to the surface, without the grid's border."""
    near = (np.abs(distances) < reach) & where
    inner = np.zeros_like(near)
    inner[1:-1, 1:-1, 1:-1] = near[1:-1, 1:-1, 1:-1]
    return np.argwhere(inner)


def _smoothed(shape, nodes, numbers, weights, sigma):
    """Numbers (A,) of nodes averaged over their neighbours within ``sigma`` cells; NaN where none has a weight."""
    index = tuple(nodes.T)
    weight, total = (np.zeros(shape, dtype=np.float32) for _ in range(2))
    weight[index], total[index] = weights, numbers * weights
    weight, total = _blurred(weight, sigma)[index], _blurred(total, sigma)[index]
    return np.where(weight > 1e-4, total / np.maximum(weight, 1e-4), np.nan)


def _blurred(numbers, sigma):
    return gaussian_filter(numbers, sigma, truncate=3.0)
