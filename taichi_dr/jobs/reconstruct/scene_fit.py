"""Where the object is: the visual hull of the silhouettes on a grid, and a scale in which it has radius 1."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.measure import marching_cubes

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed.bounds import scene_bounds
from taichi_dr.jobs.reconstruct.silhouettes import has_silhouettes

LONGEST_SIDE = 200  # of the silhouettes used; finer ones do not make the grid's answer better
COARSE, FINE = 48, 96  # cells along the grid's sides
COVERED = 0.5
VIEWS_COARSE = 24
LARGEST_FOOTPRINT = 20.0  # pixels; a grid point nearer than that to a camera is not worth a wider blur
SAME_PLACE = 1e-3  # the object may seem to have moved by this part of its radius


@dataclass(frozen=True)
class SceneFit:
    """The hull's bounding sphere (``center``, ``radius``, world units) and, on a cubic grid, how far inside it is.

    ``occupancy[i, j, k]`` in [0, 1] is the smallest silhouette value over all views at
    ``origin + spacing * (i, j, k)``; the hull is where it exceeds 1/2.
    """

    center: np.ndarray
    radius: float
    origin: np.ndarray
    spacing: float
    occupancy: np.ndarray

    def is_at(self, center, radius):
        """Whether an object of this centre and radius is the same one, as far as numbers made from it can tell."""
        moved = max(np.abs(self.center - center).max(), abs(self.radius - radius))
        return bool(moved <= SAME_PLACE * self.radius)

    def to_unit(self, posed):
        """The same views with the object about the origin at radius 1."""
        return posed.moved(self.center, self.radius)

    def to_world(self, points):
        """Points (..., 3) of the unit scene in world units."""
        return points * self.radius + self.center

    def from_world(self, points):
        """Points (..., 3) in world units in the unit scene."""
        return (points - self.center) / self.radius

    def hull_extent(self):
        """Centre and half size (3,) each, in the unit scene, of the hull's bounding box."""
        low, high = _box(self.from_world(self._points(self.occupancy > COVERED)))
        return (low + high) / 2, (high - low) / 2 + self.spacing / self.radius / 2

    def hull_mesh(self, cells):
        """Vertices and faces of the hull's surface in the unit scene, on a grid of about ``cells`` cells a side.

        Holes that every silhouette shows are there; thin parts that the grid misses are not.  An object that is thin
        all over, of which nothing would be left, keeps the grid of ``occupancy``.
        """
        coarser = max(1, round(self.occupancy.shape[0] / cells))
        padded = np.pad(self.occupancy, 2)
        smooth = gaussian_filter(padded, 0.5 * coarser)[::coarser, ::coarser, ::coarser]
        if smooth.max() <= COVERED:
            coarser, smooth = 1, padded
        vertices, faces, _, _ = marching_cubes(smooth, COVERED)
        world = (vertices * coarser - 2) * self.spacing + self.origin
        return self.from_world(world), faces[:, ::-1]

    def _points(self, mask):
        return self.origin + self.spacing * np.argwhere(mask)


def scene_of(posed):
    """The SceneFit of posed images: ``fit_scene``, or ``scene_of_cameras`` without silhouettes; errors alike."""
    return fit_scene(posed) if has_silhouettes(posed) else scene_of_cameras(posed)


def fit_scene(posed):
    """The SceneFit of posed images with silhouettes, whatever their units and wherever the object is.

    Raises:
        DataSetError: an image without silhouette, or silhouettes that no object can have together.
    """
    small = posed.resized(min(LONGEST_SIDE, max(posed.height, posed.width)))
    empty = [small.names[i] for i in range(len(small)) if small.alpha[i].max() <= COVERED]
    if empty:
        raise DataSetError(f"no silhouette (alpha above 0.5) in {', '.join(empty[:5])}{', …' if empty[5:] else ''}")
    center, reach = rough_sphere(small)
    few = small.subset(np.linspace(0, len(small) - 1, min(len(small), VIEWS_COARSE)).astype(int))
    origin, spacing, occupancy = _carve(few, center, reach, COARSE)
    low, high = _box(origin + spacing * np.argwhere(_kept(occupancy)))
    reach = (high - low).max() / 2 + 1.5 * spacing
    origin, spacing, occupancy = _carve(small, (low + high) / 2, reach, FINE)
    points = origin + spacing * np.argwhere(_kept(occupancy))
    low, high = _box(points)
    center = (low + high) / 2
    radius = np.linalg.norm(points - center, axis=1).max() + spacing / 2
    return SceneFit(center, float(radius), origin, spacing, occupancy)


def scene_of_cameras(posed):
    """The SceneFit of images without silhouettes: the sphere that the cameras look at, all of it occupied."""
    bounds = scene_bounds(posed)
    spacing = 2 * bounds.radius / (COARSE - 1)
    return SceneFit(
        np.asarray(bounds.center, float),
        float(bounds.radius),
        bounds.center - bounds.radius,
        spacing,
        np.ones((COARSE,) * 3, np.float32),
    )


def rough_sphere(posed):
    """A sphere that holds the object: around the point nearest to the rays through the silhouettes' centres."""
    weights = posed.alpha.reshape(len(posed), -1)
    y, x = np.mgrid[0.5 : posed.height, 0.5 : posed.width].reshape(2, -1)
    area = weights.sum(axis=1)
    middle = np.stack([(weights * x).sum(axis=1), (weights * y).sum(axis=1)], axis=1) / area[:, None]
    slope = (middle - posed.principal_point) / posed.focal
    rays = np.stack([slope[:, 0], -slope[:, 1], -np.ones(len(posed))], axis=1)
    rays = np.einsum("vij,vj->vi", posed.camera_to_world[:, :3, :3], rays)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    eyes = posed.camera_to_world[:, :3, 3]
    normal = across.sum(axis=0)
    ahead = eyes + rays * np.linalg.norm(eyes - eyes.mean(axis=0), axis=1, keepdims=True)
    # One view, or parallel ones, leave the depth open: a faint pull towards a point ahead of the cameras settles it.
    center = np.linalg.solve(
        normal + 1e-6 * len(posed) * np.eye(3),
        np.einsum("vij,vj->i", across, eyes) + 1e-6 * len(posed) * ahead.mean(axis=0),
    )
    depth = np.maximum(np.einsum("vi,vi->v", center - eyes, rays), 1e-9)
    offsets = np.hypot(x - middle[:, :1], y - middle[:, 1:]) * (weights > COVERED)
    reach = (offsets.max(axis=1) + 1) * depth / posed.focal.min(axis=1)
    return center, float(reach.max()) * 1.2


def _carve(posed, center, reach, cells):
    """Origin, spacing and occupancy of a grid of ``cells^3`` points over the cube ``center +- reach``."""
    spacing = 2 * reach / (cells - 1)
    origin = center - reach
    occupancy = np.ones(cells**3, np.float32)
    alive = np.arange(cells**3)
    points = origin + spacing * np.stack(np.unravel_index(alive, (cells,) * 3), axis=1)
    # Silhouettes blurred by about a cell, so that a part thinner than the grid leaves its mark.
    footprint = np.minimum(spacing * posed.focal[:, 0] / _depths(posed, center), LARGEST_FOOTPRINT)
    for view in range(len(posed)):
        mask = gaussian_filter(posed.alpha[view], 0.3 * footprint[view])
        occupancy[alive] = np.minimum(occupancy[alive], seen(posed, view, mask, points))
        keep = occupancy[alive] > 0.1
        alive, points = alive[keep], points[keep]
    return origin, spacing, occupancy.reshape((cells,) * 3)


def _kept(occupancy):
    kept = occupancy > COVERED
    if not kept.any():
        raise DataSetError(
            "the silhouettes have no common volume: are the camera matrices camera-to-world, with columns right, up,"
            " backward, position (Blender, OpenGL)? One wrong pose or mask is enough: leave out the images that are"
            " warned of, or mend them"
        )
    return kept


def _depths(posed, point):
    backward, eyes = posed.camera_to_world[:, :3, 2], posed.camera_to_world[:, :3, 3]
    return np.maximum(np.einsum("vi,vi->v", eyes - point, backward), 1e-9)


def seen(posed, view, mask, points):
    """The silhouette's value where each point falls; outside the picture that of its nearest pixel; 0 behind."""
    matrix = posed.camera_to_world[view]
    local = (points - matrix[:3, 3]) @ matrix[:3, :3]
    depth = -local[:, 2]
    safe = np.maximum(depth, 1e-9)
    x = posed.focal[view, 0] * local[:, 0] / safe + posed.principal_point[view, 0]
    y = -posed.focal[view, 1] * local[:, 1] / safe + posed.principal_point[view, 1]
    value = map_coordinates(mask, [y - 0.5, x - 0.5], order=1, mode="nearest", prefilter=False)
    return np.where(depth <= 0, 0.0, value)


def _box(points):
    return points.min(axis=0), points.max(axis=0)
