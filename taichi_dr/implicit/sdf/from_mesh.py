"""Meshes to signed distances on a grid: exact near the surface, with signs from the winding number."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal

import numpy as np
import taichi as ti
from scipy.ndimage import label

from taichi_dr.errors import GeometryError, InputError
from taichi_dr.implicit.sdf.redistance import checked_spacing, redistance
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.distance import closest_points, triangles, winding
from taichi_dr.scene.mesh import Mesh
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike

BAND = 2.0
"""Cells: nearer than that, distances are exact."""

Sign = Literal["watertight", "winding", "unsigned"]


@off_tape
def mesh_distance(
    mesh: Mesh,
    lower: ArrayLike,
    spacing: float | Sequence[float],
    shape: Sequence[int],
    *,
    sign: Sign = "watertight",
    thickness: float | None = None,
) -> Array:
    """Signed distances (X, Y, Z) to ``mesh`` (one of a batch of 1), negative inside.

    The first node is at ``lower``, the others ``spacing`` apart (a number, or one for each axis).  Within two cells of
    the surface distances are exact, farther off right to a few hundredths of a cell.  ``sign`` says what inside is:

    * ``"watertight"``: what the mesh encloses; every edge has to have a face on either side;
    * ``"winding"``: where the generalised winding number is above 1/2: holes are closed by a smooth surface, and parts
      that overlap are one.  The faces have to look outwards;
    * ``"unsigned"``: within ``thickness / 2`` of a face: a shell that thick (by default three cells).

    Vertices at one place are one.  A closed mesh may be turned inside out.

    Raises:
        GeometryError: a mesh without faces or not within the grid; ``"watertight"``: open edges, which are named;
            ``"winding"``: one that encloses nothing.
        InputError: no mesh; another ``sign``; a thickness that is not positive or where there is none.
    """
    sizes, lower = np.array(checked_spacing(spacing)), np.asarray(lower, dtype=np.float64)
    _check_options(sign, thickness)
    vertices, faces = _welded(mesh)
    if sign == "watertight":
        _check_watertight(mesh.name, vertices, faces)
    thickness = 3 * sizes.max() if thickness is None else thickness
    reach = BAND * sizes.max() + (thickness / 2 if sign == "unsigned" else 0)
    corners = vertices[faces]
    distance, near = _unsigned(mesh.name, corners - lower, sizes, tuple(shape), reach)
    if sign == "unsigned":
        return distance - thickness / 2
    if sign == "winding":
        nodes = np.argwhere(np.ones_like(near))
        number = winding_numbers(corners, lower + sizes * nodes).reshape(near.shape)
        if not (number > 0.5).any():
            raise GeometryError(
                f"{mesh.name}: encloses nothing, its winding number is {number.max():.2g} at most: expected faces that"
                ' look outwards around some volume; sign="unsigned" makes a shell of the faces'
            )
        return redistance(distance * (1 - 2 * np.clip(number, 0, 1)), sizes.tolist())
    inside = _enclosed(near, lambda nodes: np.abs(winding_numbers(corners, lower + sizes * nodes)) > 0.5)
    return np.where(inside, -distance, distance)


def winding_numbers(corners: Array, points: Array) -> Array:
    """(P,): the generalised winding number of triangles ``corners`` (F, 3, 3) around each of ``points`` (P, 3)."""
    ordered, tree = _tree(corners)
    found = make_array((len(points),))
    winding.winding_numbers(array_from(points), array_from(ordered.reshape(-1, 9)), array_from(tree), found)
    return found.to_numpy()


def _enclosed(near, is_inside):
    """Which nodes are inside: asked for every node ``near`` a closed surface, and once for each part of the others."""
    inside = np.zeros(near.shape, bool)
    inside[near] = is_inside(np.argwhere(near))
    parts, count = label(~near)
    if count > 0:
        _, first = np.unique(parts, return_index=True)
        nodes = np.stack(np.unravel_index(first[-count:], near.shape), axis=1)  # the first is that of what is near
        inside |= np.append(False, is_inside(nodes))[parts]
    return inside


def _check_options(sign, thickness):
    if sign not in ("watertight", "winding", "unsigned"):
        raise InputError(f"sign: expected watertight, winding or unsigned, got {sign!r}")
    if thickness is not None and sign != "unsigned":
        raise InputError(f"thickness: only a shell has one, sign='unsigned'; got sign={sign!r}")
    if thickness is not None and not (isinstance(thickness, Real) and np.isfinite(thickness) and thickness > 0):
        raise InputError(f"thickness: expected a number > 0, got {thickness!r}")


def _welded(mesh):
    """Vertices and faces with vertices at one place made one, and without faces that have none left."""
    if not isinstance(mesh, Mesh):
        raise InputError(f"mesh: expected a Mesh object, got {mesh!r}")
    vertices = mesh.numpy("vertices").astype(np.float64)
    if len(vertices) != 1:
        raise InputError(f"{mesh.name}: expected one mesh, got a batch of {len(vertices)}")
    vertices, of_vertex = np.unique(vertices[0], axis=0, return_inverse=True)
    faces = of_vertex.reshape(-1)[mesh.topology.faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    if len(faces) == 0:
        raise GeometryError(f"{mesh.name}: has no faces with an area, so there is nothing to be distant from")
    if not np.isfinite(vertices[faces]).all():
        raise GeometryError(f"{mesh.name}: has vertices that are not finite")
    return vertices, faces


def _check_watertight(name, vertices, faces):
    """Raises GeometryError unless every edge is passed through as often in one direction as in the other."""
    start, end = faces.reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    edges, of_half = np.unique(np.sort(np.stack([start, end], axis=1), axis=1), axis=0, return_inverse=True)
    balance = np.bincount(of_half.reshape(-1), np.where(start < end, 1, -1), len(edges))
    uneven = np.flatnonzero(balance)
    if len(uneven) == 0:
        return
    uses = np.bincount(of_half.reshape(-1), minlength=len(edges))[uneven]
    what = f"{(uses % 2 == 1).sum()} of its {len(edges)} edges are open"
    if not (uses % 2 == 1).any():
        what = f"the faces beside {len(uneven)} of its {len(edges)} edges look to different sides"
    shown = "; ".join(f"{_place(vertices[a])} to {_place(vertices[b])}" for a, b in edges[uneven[:3]])
    raise GeometryError(
        f"{name}: is not watertight, so it has no inside: {what} ({shown}{'; ...' if len(uneven) > 3 else ''});"
        ' sign="winding" closes holes by the winding number, sign="unsigned" makes a shell of the faces'
    )


def _place(vertex):
    return f"({', '.join(f'{x:.4g}' for x in vertex)})"


def _unsigned(name, corners, spacing, shape, reach):
    """Distances (X, Y, Z), and where they are exact; ``corners`` (F, 3, 3) from the first node on."""
    first = np.maximum(np.ceil((corners[:, :, 0].min(axis=1) - reach) / spacing[0]), 0).astype(int)
    last = np.minimum(np.floor((corners[:, :, 0].max(axis=1) + reach) / spacing[0]) + 1, shape[0]).astype(int)
    layers = np.maximum(last - first, 0)
    face = np.repeat(np.arange(len(corners)), layers)
    layer = np.arange(len(face)) - np.repeat(np.cumsum(layers) - layers, layers) + first[face]
    if len(face) == 0:
        raise GeometryError(f"{name}: does not reach into the grid's bounds")
    rows, pairs = array_from(corners.reshape(-1, 9)), (array_from(face, ti.i32), array_from(layer, ti.i32))
    square, nearest = make_array(shape), make_array(shape)
    triangles.clear(square, nearest)
    triangles.least_squares(rows, *pairs, square, reach, *spacing)
    triangles.lowest_faces(rows, *pairs, square, nearest, reach, *spacing, triangles.slack(shape, spacing))
    closest = make_array((*shape, 4))
    triangles.write_near(rows, nearest, closest, square, *spacing)
    near = nearest.to_numpy() < triangles.NOBODY
    if not near.any():
        raise GeometryError(f"{name}: does not reach into the grid's bounds")
    closest_points.spread(closest, spacing)
    closest_points.add_distances(closest, square)
    return square.to_numpy(), near


def _tree(corners):
    """``kernels.distance.winding``'s rows of faces and of nodes: faces along a curve that fills space, in pairs."""
    centers = corners.mean(axis=1)
    ordered = corners[np.argsort(_morton(centers), kind="stable")]
    leaves = 1 << max(0, int(np.ceil(np.log2(len(corners) / winding.LEAF))))
    padding = np.repeat(ordered[-1:, :1], 3, axis=1).repeat(leaves * winding.LEAF - len(ordered), axis=0)
    ordered = np.concatenate([ordered, padding])
    areas = np.cross(ordered[:, 1] - ordered[:, 0], ordered[:, 2] - ordered[:, 0]) / 2
    tree = np.zeros((2 * leaves, winding.NODE))
    sizes = np.linalg.norm(areas, axis=1, keepdims=True) + 1e-30
    of_faces = sizes, sizes * ordered.mean(axis=1), areas
    weight, moment, vector = (x.reshape(leaves, winding.LEAF, -1).sum(axis=1) for x in of_faces)
    low, high = (extreme(ordered.reshape(leaves, -1, 3), axis=1) for extreme in (np.min, np.max))
    level = leaves
    while True:
        center = moment / weight
        reach = np.maximum(np.abs(low - center), np.abs(high - center))
        tree[level : 2 * level] = np.concatenate([center, vector, np.linalg.norm(reach, axis=1, keepdims=True)], axis=1)
        if level == 1:
            return ordered, tree
        weight, moment, vector = weight[::2] + weight[1::2], moment[::2] + moment[1::2], vector[::2] + vector[1::2]
        low, high = np.minimum(low[::2], low[1::2]), np.maximum(high[::2], high[1::2])
        level //= 2


def _morton(points):
    """(N,): numbers whose bits are those of x, y and z in turn."""
    low, high = points.min(axis=0), points.max(axis=0)
    cells = ((points - low) / np.maximum((high - low).max(), 1e-30) * 1023).astype(np.int64)
    return sum(((cells[:, axis] >> bit) & 1) << (3 * bit + axis) for bit in range(10) for axis in range(3))
