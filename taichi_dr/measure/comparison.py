"""How far two shapes differ in 3-D."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.measure.alignment import alignment, moved
from taichi_dr.measure.connectivity import connectivity
from taichi_dr.measure.surface import SampledSurface
from taichi_dr.measure.volume import enclosed_volume, overlap
from taichi_dr.scene.mesh import Mesh
from taichi_dr.types import Array

ALIGNMENTS = ("none", "scale", "turn")


@dataclass(frozen=True)
class ShapeMeasures:
    """What one shape is like, in world units; of a batch, the first mesh."""

    vertices: int
    faces: int
    diagonal: float
    """Of the bounding box."""
    area: float
    volume: float | None
    """Enclosed, negative if the faces look inwards; None unless watertight."""
    parts: int
    genus: int | None
    """Handles of all parts together; None where an edge has more than two faces, or the surface one side."""
    watertight: bool
    """Whether two faces meet at every edge, and agree on which side is outside."""


@dataclass(frozen=True)
class ShapeComparison:
    """How a shape differs from a reference; distances in world units, those of the reference."""

    shape: ShapeMeasures
    """As it is after the alignment."""
    reference: ShapeMeasures
    accuracy: float
    """Mean distance from the shape to the reference: large where the shape has what the reference lacks."""
    completeness: float
    """Mean distance from the reference to the shape: large where the shape lacks what the reference has."""
    hausdorff: float
    """The largest distance of any sample, either way."""
    normal_error_deg: float
    """Mean angle between normals at nearest points, both ways, 0 to 90: which side is outside does not count."""
    precision: float
    """Share of the shape within ``threshold`` of the reference."""
    recall: float
    """Share of the reference within ``threshold`` of the shape."""
    threshold: float
    iou: float | None
    """Intersection over union of the volumes, in 128 voxels along the longest side; None unless both are watertight."""
    matrix: Array
    """(4, 4): what aligned the shape with the reference, counted from the reference's ``offset``."""

    @property
    def chamfer(self) -> float:
        """``(accuracy + completeness) / 2``: the mean distance, both ways."""
        return (self.accuracy + self.completeness) / 2

    @property
    def f_score(self) -> float:
        """``2 precision recall / (precision + recall)``, 0 to 1 (Knapitsch et al., Tanks and Temples, 2017)."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def compare_meshes(
    mesh: Mesh,
    reference: Mesh,
    *,
    align: Literal["none", "scale", "turn"] = "none",
    threshold: float = 0.01,
    samples: int = 20_000,
    seed: int = 0,
) -> ShapeComparison:
    """How far ``mesh`` is from ``reference``, judged in 3-D; of batches, the first meshes.

    Points are drawn on both surfaces, uniformly by area, and their distances are those to the other surface itself, not
    to points on it: what the numbers say does not depend on how many points there are, only how sure they are.

    Args:
        mesh, reference: the shapes, in any units; those of ``reference`` count.
        align: ``"none"``: as they are; ``"scale"``: ``mesh`` is first scaled and shifted to where it agrees best;
            ``"turn"``: and turned, by up to about 30 degrees.
        threshold: what counts as near, for precision, recall and F-score, as a fraction of the diagonal of the
            reference's bounding box.
        samples: number of points on each surface.
        seed: of the drawing.

    Raises:
        GeometryError: a mesh whose faces have no area.
        InputError: ``threshold`` or ``samples`` is not positive, or ``align`` is none of the three.

    >>> from taichi_dr.scene import shapes
    >>> found = compare_meshes(shapes.torus(), shapes.icosphere())
    >>> round(found.chamfer, 3), found.shape.genus, found.reference.genus
    (0.242, 1, 0)
    """
    if align not in ALIGNMENTS:
        raise InputError(f"align: expected one of {ALIGNMENTS}, got {align!r}")
    for name, value in (("threshold", threshold), ("samples", samples)):
        if not value > 0:
            raise InputError(f"{name}: expected a number > 0, got {value}")
    target = SampledSurface(_triangles(reference, reference.offset), samples, seed, reference.name)
    surface, matrix = SampledSurface(_triangles(mesh, reference.offset), samples, seed, mesh.name), np.eye(4)
    if align != "none":
        matrix = alignment(surface, target, align == "turn")
        surface = SampledSurface(moved(matrix, _triangles(mesh, reference.offset)), samples, seed, mesh.name)
    measures = _measures(mesh, surface), _measures(reference, target)
    forth, back = target.nearest(surface.points), surface.nearest(target.points)
    near = threshold * target.diagonal
    angles = [_angles(surface.normals, forth.normals), _angles(target.normals, back.normals)]
    closed = all(one.watertight for one in measures)
    return ShapeComparison(
        *measures,
        accuracy=float(forth.distances.mean()),
        completeness=float(back.distances.mean()),
        hausdorff=float(max(forth.distances.max(), back.distances.max())),
        normal_error_deg=float(np.degrees(np.mean(angles))),
        precision=float((forth.distances <= near).mean()),
        recall=float((back.distances <= near).mean()),
        threshold=near,
        iou=overlap(surface.triangles, target.triangles) if closed else None,
        matrix=matrix,
    )


def _triangles(mesh, origin):
    """(F, 3, 3) as seen from ``origin`` in the world."""
    return (mesh.numpy("vertices")[0] + (mesh.offset - origin))[mesh.topology.faces]


def _measures(mesh, surface):
    found = connectivity(mesh)
    volume = enclosed_volume(surface.triangles) if found.is_watertight else None
    sizes = mesh.vertex_count, mesh.face_count, surface.diagonal, surface.area
    return ShapeMeasures(*sizes, volume, found.parts, found.genus, found.is_watertight)


def _angles(normals, others):
    """Radians between unit vectors and lines along others, 0 to pi / 2."""
    return np.arccos(np.abs((normals * others).sum(axis=1)).clip(max=1))
