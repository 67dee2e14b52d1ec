"""The losses of ``taichi_dr.losses`` on tensors: each returns a tensor () with gradients.

    loss = losses.iou(images.alpha, masks) + 0.01 * losses.laplacian(vertices, faces)

What PyTorch has itself (``torch.nn.functional.mse_loss``, ``l1_loss``, ``huber_loss``) is not here.  Formulas, and what
is expected of arguments, are those of the losses of the same names.  A target that needs no gradient costs none.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch

from taichi_dr import losses
from taichi_dr.errors import ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.torch.indices import KnownIndices
from taichi_dr.torch.kept import Kept
from taichi_dr.torch.owners import TensorMesh
from taichi_dr.torch.scalar import scalar, variable
from taichi_dr.torch.tensors import checked

__all__ = [
    "chamfer",
    "depth",
    "edge_length",
    "eikonal",
    "extra",
    "flatten",
    "grid_laplacian",
    "iou",
    "laplacian",
    "missed",
    "normal",
    "normal_consistency",
    "silhouette_cross_entropy",
    "ssim",
]


def iou(
    alpha: torch.Tensor, target: torch.Tensor, kind: Literal["tanimoto", "soft_jaccard"] = "tanimoto"
) -> torch.Tensor:
    """``mean_v (1 - I_v / U_v)`` of silhouettes (V, H, W): ``taichi_dr.losses.iou``.

    >>> a, t = torch.tensor([[[1.0, 1.0, 0.0]]]), torch.tensor([[[0.0, 1.0, 1.0]]])
    >>> round(iou(a, t).item(), 4)
    0.6667
    """
    return _compare(losses.iou, "alpha", alpha, target, kind=kind)


def ssim(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``1 - mean SSIM`` of images (V, H, W) or (V, H, W, C): ``taichi_dr.losses.ssim``."""
    return _compare(losses.ssim, "prediction", prediction, target, vectors=prediction.ndim == 4)


def depth(
    prediction: torch.Tensor,
    target: torch.Tensor,
    *,
    alpha: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    delta: float | None = None,
) -> torch.Tensor:
    """``mean(h(prediction - target))`` of depths (V, H, W) where both are hit: ``taichi_dr.losses.depth``."""
    shares = {"alpha": _numpy(alpha), "mask": _numpy(mask)}
    return _compare(losses.depth, "prediction", prediction, target, delta=delta, **shares)


def normal(
    prediction: torch.Tensor,
    target: torch.Tensor,
    *,
    alpha: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """``mean(1 - cos(prediction, target))`` of normals (V, H, W, 3) where both are hit: ``taichi_dr.losses.normal``."""
    shares = {"alpha": _numpy(alpha), "mask": _numpy(mask)}
    return _compare(losses.normal, "prediction", prediction, target, vectors=True, **shares)


def missed(closest: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The first mask term of DIST, of signed closest approaches (V, H, W) in pixels: ``taichi_dr.losses.missed``."""
    return _compare(losses.missed, "closest", closest, mask, constant=True)


def extra(closest: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The second mask term of DIST: ``taichi_dr.losses.extra``."""
    return _compare(losses.extra, "closest", closest, mask, constant=True)


def silhouette_cross_entropy(closest: torch.Tensor, mask: torch.Tensor, softness: float = 1.0) -> torch.Tensor:
    """Cross-entropy between a mask and the chance to be covered: ``taichi_dr.losses.silhouette_cross_entropy``."""
    return _compare(losses.silhouette_cross_entropy, "closest", closest, mask, constant=True, softness=softness)


def laplacian(
    vertices: torch.Tensor, faces: torch.Tensor, kind: Literal["uniform", "cotangent"] = "uniform"
) -> torch.Tensor:
    """``sum_i |d_i|^2``, averaged over meshes, of vertices (N, 3) or (B, N, 3): ``taichi_dr.losses.laplacian``.

    >>> triangle = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    >>> laplacian(triangle, torch.tensor([[0, 1, 2]])).item()  # 4.5 + 11.25 + 11.25
    27.0
    """
    return _of_mesh(losses.laplacian, vertices, faces, kind=kind)


def edge_length(vertices: torch.Tensor, faces: torch.Tensor, target: float | None = None) -> torch.Tensor:
    """The mean squared length of edges, or of their difference to ``target``: ``taichi_dr.losses.edge_length``."""
    return _of_mesh(losses.edge_length, vertices, faces, target=target)


def normal_consistency(vertices: torch.Tensor, faces: torch.Tensor, softness: float = 0.0) -> torch.Tensor:
    """How far the normals of neighbouring faces differ, on average: ``taichi_dr.losses.normal_consistency``."""
    return _of_mesh(losses.normal_consistency, vertices, faces, softness=softness)


def flatten(vertices: torch.Tensor, faces: torch.Tensor, softness: float = 0.0) -> torch.Tensor:
    """``sum (cos theta + 1)^2`` over edges, theta being dihedral angles: ``taichi_dr.losses.flatten``."""
    return _of_mesh(losses.flatten, vertices, faces, softness=softness)


def chamfer(
    source: torch.Tensor,
    target: torch.Tensor,
    *,
    source_faces: torch.Tensor | None = None,
    target_faces: torch.Tensor | None = None,
    samples: int = 10_000,
    seed: int = 0,
) -> torch.Tensor:
    """Chamfer distance of points (P, 3) or (B, P, 3), or with faces of surfaces: ``taichi_dr.losses.chamfer``.

    >>> x, y = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    >>> chamfer(x, y).item()
    3.5
    """
    return _of_clouds(source, target, source_faces, target_faces, samples=samples, seed=seed)


def eikonal(values: torch.Tensor, spacing: tuple[float, float, float]) -> torch.Tensor:
    """``mean((|g| - 1)^2)`` of a distance on a grid (nx, ny, nz): ``taichi_dr.losses.eikonal``."""
    return _of_grid(losses.eikonal, values, spacing)


def grid_laplacian(values: torch.Tensor, spacing: tuple[float, float, float]) -> torch.Tensor:
    """The mean squared Laplacian of a grid (nx, ny, nz) or (nx, ny, nz, C): ``taichi_dr.losses.grid_laplacian``."""
    return _of_grid(losses.grid_laplacian, values, spacing)


@torch.compiler.disable
def _compare(
    function: Callable,
    name: str,
    prediction: Any,
    target: Any,
    *,
    vectors: bool = False,
    constant: bool = False,
    **settings: Any,
) -> Any:
    """A loss of two images, the second of which may be ``constant``, whatever it requires."""
    prediction, target = checked(name, prediction), checked("target", target)
    if vectors and prediction.ndim < 2:
        raise ShapeError(f"{name}: expected shape (V, H, W, components), got {tuple(prediction.shape)}")
    own = variable(f"{function.__name__} {name}", prediction, vectors)
    parts = {own: prediction}
    other = _numpy(target)
    if not constant and target.requires_grad and torch.is_grad_enabled() and target.shape == prediction.shape:
        other = variable(f"{function.__name__} target", target, vectors)
        parts[other] = target
    return scalar(lambda loss: function(own, other, loss, **settings), parts)


@torch.compiler.disable
def _of_mesh(function: Callable, vertices: Any, faces: Any, **settings: Any) -> Any:
    """A loss of a mesh."""
    mesh, variable_, vertices = _mesh("vertices", vertices, faces)
    return scalar(lambda loss: function(mesh, loss, **settings), {variable_: vertices})


def _mesh(name, vertices, faces):
    vertices, faces = checked(name, vertices), _indices.of(faces)
    numbers = vertices.detach().cpu().numpy
    mesh = _meshes.get((name, faces, vertices.shape), lambda: TensorMesh(numbers(), faces.array))
    return mesh, mesh.variable("vertices"), vertices


_indices, _meshes = KnownIndices(), Kept(16)


@torch.compiler.disable
def _of_clouds(source: Any, target: Any, source_faces: Any, target_faces: Any, **settings: Any) -> Any:
    """``chamfer`` of points or surfaces."""
    parts: dict[Variable, torch.Tensor] = {}
    x, y = _cloud("source", source, source_faces, parts), _cloud("target", target, target_faces, parts)
    return scalar(lambda loss: losses.chamfer(x, y, loss, **settings), parts)


def _cloud(name, points, faces, parts):
    """What ``chamfer`` takes for points, or for a surface."""
    if faces is not None:
        mesh, variable_, vertices = _mesh(name, points, faces)
        parts[variable_] = vertices
        return mesh
    points = checked(name, points)
    if points.ndim not in (2, 3) or points.shape[-1] != 3:
        raise ShapeError(f"{name}: expected shape (P, 3) or (B, P, 3), got {tuple(points.shape)}")
    cloud = variable(f"chamfer {name}", points, vectors=True)
    parts[cloud] = points
    return cloud


class _Grid(NamedTuple):
    values: Variable
    spacing: tuple[float, float, float]

    def variable(self, name):
        return self.values


@torch.compiler.disable
def _of_grid(function: Callable, values: Any, spacing: Any) -> Any:
    """A loss of a grid."""
    values = checked("values", values)
    grid = _Grid(variable("values", values, vectors=values.ndim == 4), spacing)
    return scalar(lambda loss: function(grid, loss), {grid.values: values})


def _numpy(numbers):
    """What losses take for constant: numbers of a tensor, or other numbers as they are."""
    return numbers.detach().cpu().numpy() if isinstance(numbers, torch.Tensor) else numbers
