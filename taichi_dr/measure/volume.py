"""What closed surfaces enclose: volumes, and how far two of them overlap."""

import numpy as np

JITTER = np.array([0.3819660, 0.2360680])  # of a voxel: no column runs through vertices that lie on round numbers
HARDLY = 1e-3 * JITTER  # where voxels have a place of their own


def enclosed_volume(triangles):
    """``sum a . (b x c) / 6`` of the corners (F, 3, 3) of a closed surface, in cubic world units; negative inside out.

    >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    >>> enclosed_volume(corners[[[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]])  # 1 / 6
    0.16666666666666666
    """
    a, b, c = (triangles - triangles.mean(axis=(0, 1))).transpose(1, 0, 2)
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)


def overlap(triangles, others, resolution=128):
    """Intersection over union of what two closed surfaces (F, 3, 3) enclose, in voxels.

    The longer side of the box around both has ``resolution`` voxels; a voxel is inside where its centre is.
    Enclosed is what a surface winds around at least once, so that closed parts may overlap.

    >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    >>> tetrahedron = corners[[[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]]
    >>> overlap(tetrahedron, tetrahedron), overlap(tetrahedron, tetrahedron + 5)
    (1.0, 0.0)
    """
    corners = np.concatenate([triangles.reshape(-1, 3), others.reshape(-1, 3)])
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    voxel = extent.max() / resolution
    shape = np.ceil(extent / voxel).astype(int) + 1
    a, b = (_inside((surface - low) / voxel, shape) for surface in (triangles, others))
    return float(np.count_nonzero(a & b) / max(np.count_nonzero(a | b), 1))


def voxels(triangles, resolution):
    """Which voxels (R, R, R) of the cube [-0.5, 0.5]^3 have their centre in what closed surfaces (F, 3, 3) enclose.

    Enclosed is what is wound around at least once: parts may overlap, and be inside out.

    >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]) * 0.999
    >>> tetrahedron = corners[[[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]] - 0.5
    >>> voxels(tetrahedron, 4).sum(axis=(1, 2)).tolist()  # x + y + z < 1 at the centres
    [6, 3, 1, 0]
    """
    return _inside((triangles + 0.5) * resolution, np.full(3, resolution), HARDLY)


def _inside(triangles, shape, jitter=JITTER):
    """Which voxels of a grid of ``shape`` have their centre inside a closed surface, given in voxels.

    Along every column of voxels, the winding number changes by one where the surface is crossed.
    """
    column, height, sign = _crossings(triangles, shape, jitter)
    first = np.clip(np.ceil(height - 0.5).astype(int), 0, shape[2])  # the first voxel whose centre is above
    cells = column * (shape[2] + 1) + first
    changes = np.bincount(cells, sign, minlength=shape[0] * shape[1] * (shape[2] + 1))
    winding = changes.reshape(shape[0], shape[1], shape[2] + 1).cumsum(axis=2)
    return np.abs(winding[..., :-1]) > 0.5


def _crossings(triangles, shape, jitter):
    """Where lines along z through the centres of columns cross the triangles: column, z, and +1 where the line enters
    (the face looks down), -1 where it leaves."""
    triangles = triangles.copy()
    triangles[..., :2] += jitter - 0.5
    low = np.ceil(triangles[..., :2].min(axis=1)).astype(int).clip(0)
    high = np.floor(triangles[..., :2].max(axis=1)).astype(int).clip(max=shape[:2] - 1)
    sides = np.maximum(high - low + 1, 0)
    counts = sides.prod(axis=1)
    face = np.repeat(np.arange(len(triangles)), counts)
    within = np.arange(len(face)) - np.repeat(counts.cumsum() - counts, counts)
    x, y = low[face, 0] + within // sides[face, 1], low[face, 1] + within % sides[face, 1]
    a, b, c = triangles[face].transpose(1, 0, 2)
    point = np.stack([x, y], axis=1)
    areas = np.stack([_twice_area(p, q, point) for p, q in ((b, c), (c, a), (a, b))], axis=1)
    total = areas.sum(axis=1)
    hit = ((areas > 0) == (total > 0)[:, None]).all(axis=1) & (total != 0)
    z = np.stack([a[:, 2], b[:, 2], c[:, 2]], axis=1)
    height = (areas[hit] * z[hit]).sum(axis=1) / total[hit]
    return (x * shape[1] + y)[hit], height, -np.sign(total[hit])


def _twice_area(a, b, point):
    """Of the triangles of corners a and b, seen along z, and a point: positive if they run counter-clockwise."""
    return (a[:, 0] - point[:, 0]) * (b[:, 1] - point[:, 1]) - (a[:, 1] - point[:, 1]) * (b[:, 0] - point[:, 0])
