"""The Chamfer distance between surfaces and point sets.

Nearest neighbours are found on the host (SciPy's k-d tree), and since the distance is a sum of squares its gradient is
known as soon as they are: both are computed there, in float64, and the tape's backward pass only adds the gradient.
"""

import numpy as np

from taichi_dr.errors import GeometryError, InputError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.losses.inputs import (
    add_value,
    array_rows,
    check_alive,
    check_loss,
    full_shape,
    has_gradient,
    is_field,
    is_variable,
    push_gradient,
)
from taichi_dr.tape import off_tape, tape_operation
from taichi_dr.types import Array, ArrayLike, Field, MeshLike


def chamfer(
    source: MeshLike | Field | Variable | ArrayLike,
    target: MeshLike | Field | Variable | ArrayLike,
    loss: Field,
    weight: float = 1.0,
    samples: int = 10_000,
    seed: int = 0,
) -> None:
    """Adds ``weight * (mean_x min_y |x - y|^2 + mean_y min_x |x - y|^2)``, averaged over meshes, to ``loss``.

    Fan et al., A Point Set Generation Network, 2017, with means in place of sums.

    Args:
        source, target: each a ``Mesh``, a field of 3-vectors (P,) or (B, P), or a NumPy array (P, 3) or (B, P, 3).  One
            of B = 1 is compared with each of the other's B.  Meshes and fields with a gradient get one.
        loss: 0-D field with a gradient.
        samples: number of points on the surface of a mesh, spread evenly by area (see ``sample_surface``).  The faces
            and barycentrics drawn are constants; the gradient flows through the corners' positions.
        seed: of the drawing.  The same seed draws the same numbers; give the step's number to draw anew each step.

    Raises:
        ShapeError: not 3-vectors, or two batches of different size.
        GeometryError: a point is not finite.

    ``x = [(0, 0, 0)]``, ``y = [(1, 0, 0), (2, 0, 0)]`` give 1 + (1 + 4) / 2 = 3.5.
    """
    check_loss(loss, weight)
    clouds = _clouds(source, target, samples, seed)
    x, y = clouds
    sizes = {cloud.points.shape[0] for cloud in clouds} - {1}
    if len(sizes) > 1:
        raise ShapeError(f"target: expected a batch of {x.points.shape[0]} or 1, got {y.points.shape[0]}")
    value, gradients = _distance(x.points, y.points, max(sizes, default=1))
    pulled = [
        (cloud.field, cloud.pull(g)) for cloud, g in zip(clouds, gradients, strict=True) if cloud.field is not None
    ]
    _operation(loss, weight, value, pulled)


def sample_surface(vertices: ArrayLike, faces: ArrayLike, count: int, seed: int = 0) -> tuple[Array, Array]:
    """Draws ``count`` points on a surface, uniformly by area: face of each (count,) and barycentrics (count, 3).

    ``vertices`` (N, 3), ``faces`` (F, 3), NumPy arrays.  ``b = (1 - sqrt(r), sqrt(r) (1 - s), sqrt(r) s)`` for uniform
    r and s (Osada et al., Shape Distributions, 2002, equation 1).

    Raises:
        GeometryError: the surface has no area.
    """
    rng = np.random.default_rng(seed)
    a, b, c = np.asarray(vertices, dtype=np.float64)[np.asarray(faces)].transpose(1, 0, 2)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    total = areas.cumsum()
    if not total[-1] > 0:
        raise GeometryError("a surface without area has no points to draw")
    chosen = np.searchsorted(total, rng.random(count) * total[-1], side="right").clip(max=len(areas) - 1)
    root, s = np.sqrt(rng.random(count)), rng.random(count)
    return chosen, np.stack([1 - root, root * (1 - s), root * s], axis=1)


class _Points:
    """Points (B, P, 3) of a field or an array; ``field`` is who wants the gradient, or None."""

    def __init__(self, name, value):
        check_alive(name, value)
        shape = full_shape(value)
        if len(shape) not in (2, 3) or shape[-1] != 3 or 0 in shape:
            raise ShapeError(f"{name}: expected shape (P, 3) or (B, P, 3), got {shape}")
        values = value.to_numpy() if is_field(value) or is_variable(value) else np.asarray(value)
        self.points = values.astype(np.float64).reshape(-1, *shape[-2:])
        self.field = value if has_gradient(value) else None
        _check_finite(name, self.points)

    def pull(self, gradient):
        """The gradient by the field from that by the points (B, P, 3), which is the same."""
        return gradient


class _Surface:
    """Points (B, P, 3) drawn on the surfaces of a mesh; their gradient goes to the corners of their faces."""

    def __init__(self, name, mesh, samples, seed):
        self.field = mesh.variable("vertices")
        vertices = self.field.to_numpy().astype(np.float64)
        _check_finite(name, vertices)
        self.count = vertices.shape[1]
        drawn = [sample_surface(one, mesh.topology.faces, samples, seed) for one in vertices]
        self.corners = np.stack([mesh.topology.faces[chosen] for chosen, _ in drawn])
        self.barycentrics = np.stack([barycentrics for _, barycentrics in drawn])
        meshes = np.arange(len(vertices))[:, None, None]
        self.points = np.einsum("bpk,bpkc->bpc", self.barycentrics, vertices[meshes, self.corners])

    def pull(self, gradient):
        """The gradient by the vertices (B, N, 3) from that by the points."""
        spread = self.barycentrics[..., None] * gradient[:, :, None]
        rows = (np.arange(len(gradient))[:, None, None] * self.count + self.corners).reshape(-1)
        size = len(gradient) * self.count
        sums = [np.bincount(rows, spread[..., k].reshape(-1), minlength=size) for k in range(3)]
        return np.stack(sums, axis=-1)


@off_tape
def _clouds(source, target, samples, seed):
    if not samples > 0:
        raise InputError(f"samples: expected a positive number, got {samples}")
    return [
        _Surface(name, value, samples, seed) if hasattr(value, "topology") else _Points(name, value)
        for name, value in (("source", source), ("target", target))
    ]


def _check_finite(name, points):
    wrong = np.argwhere(~np.isfinite(points))
    if len(wrong):
        others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        value, at = points[tuple(wrong[0])], wrong[0].tolist()
        raise GeometryError(f"chamfer: expected finite numbers, got {value} in {name} at {at}{others}")


def _distance(x, y, batch):
    """The mean distance of the pairs, and its gradients by x and by y."""
    from scipy.spatial import cKDTree  # here, because it would slow the import of the package for everybody

    value, gradients = 0.0, (np.zeros_like(x), np.zeros_like(y))
    for b in range(batch):
        i, j = b % len(x), b % len(y)
        for (p, q), (p_gradient, q_gradient) in (
            ((x[i], y[j]), (gradients[0][i], gradients[1][j])),
            ((y[j], x[i]), (gradients[1][j], gradients[0][i])),
        ):
            nearest = cKDTree(q).query(p)[1]
            difference = p - q[nearest]
            scale = 2.0 / (batch * len(p))
            value += (difference**2).sum() * scale / 2
            p_gradient += scale * difference
            for k in range(3):
                q_gradient[:, k] -= scale * np.bincount(nearest, difference[:, k], minlength=len(q))
    return value, gradients


def _forward(loss, weight, value, gradients):
    add_value(loss, weight * value)


def _adjoint(loss, weight, value, gradients):
    for field, gradient in gradients:
        push_gradient(array_rows(gradient, 3), field, loss, weight)


_operation = tape_operation(_forward, _adjoint)
