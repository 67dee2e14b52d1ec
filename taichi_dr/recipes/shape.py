"""A shape from images of it: a mesh deformed until silhouettes, and colours where there are any, agree."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import taichi as ti

from taichi_dr import losses
from taichi_dr.errors import InputError
from taichi_dr.optim import schedules
from taichi_dr.optim.large_steps import LargeSteps
from taichi_dr.optim.optimizers import Adam
from taichi_dr.recipes.checks import require_counts, require_single
from taichi_dr.recipes.framing import center_of, visible_radius
from taichi_dr.recipes.solid import Solid
from taichi_dr.recipes.targets import read_targets
from taichi_dr.recipes.watching import standing, watched
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.render.mesh.soft_rasterizer import SoftRasterizer
from taichi_dr.runtime import float_dtype
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.types import ArrayLike

SIGMA_FIRST = 3e-4
"""Of the soft rasterizer: an edge is felt over a twentieth of half the image."""

SIGMA_LAST = 0.04
"""... in pixels squared: over 0.6 of one."""

LEARNING_RATE, COLOR_LEARNING_RATE = 0.025, 0.02
"""Adam's: in visible radii, and in linear RGB."""

VERTICES = 2562
"""Those of the mesh that ``SMOOTHNESS`` and ``LAPLACIAN`` are meant for; other meshes get as much per area."""

SMOOTHNESS, LAPLACIAN, NORMALS = 2.0, 0.0045, 0.02
"""Strength of the smooth coordinates; weights of the Laplacian (in visible radii) and of the normals' consistency."""


@dataclass(repr=False)
class ShapeFit:
    """A shape on its way, or found.

    Attributes:
        mesh: a copy of the mesh that was given, as it is now.
        losses: ``1 - IoU`` of the silhouettes, plus the mean absolute difference of the colours where there are any,
            before every step so far; each of the views that the step has looked at.
    """

    mesh: Mesh
    losses: list[float] = field(default_factory=list)

    def __repr__(self):
        return f"ShapeFit({self.mesh.name!r}, {self.mesh.face_count} faces, {standing(self.losses)})"


def fit_shape(
    mesh: Mesh,
    images: ArrayLike,
    camera: Camera,
    lights: Lights | None = None,
    *,
    size: int = 128,
    batch: int = 10,
    steps: int = 200,
    seed: int = 0,
    on_step: Callable[[ShapeFit], None] | None = None,
    progress: bool = False,
) -> ShapeFit:
    """Deforms ``mesh`` until it looks as in the images, whose cameras are known.

    The loss is ``1 - IoU`` of the silhouettes, drawn by the soft rasterizer, whose sigma shrinks: blurred silhouettes
    pull from afar, sharp ones settle the details.  Images with colours add the mean absolute difference of those, drawn
    by the antialiased rasterizer, and the mesh's colours are found on the way.  The vertices move through smooth
    coordinates (``LargeSteps``), held together by the Laplacian and the consistency of normals; a closed mesh keeps a
    large volume, and is kept from turning inside out where it is seen.  The number of faces and the topology stay: a
    sphere gets no holes.

    Args:
        mesh: what to begin with, such as ``dr.shapes.icosphere(4, radius=0.5)``, about where the object is; a single
            one.  Its colours, too, are what to begin with.
        images: (V, H, W, 4) linear RGB with straight alpha, or (V, H, W) silhouettes.
        camera: V views: their places and lenses, near and far.
        lights: as in ``render``; without, the light is in the colours that are found.
        size: pixels of the shorter side at which render and images are compared, if they have as many.
        batch: views that a step looks at.
        steps: of the optimiser.
        seed: which views are looked at together.
        on_step: called with the ShapeFit before every step and at the end.
        progress: show a bar.

    Returns:
        ShapeFit, with a mesh of its own.

    Raises:
        ShapeError: the images have another shape, or are not as many as the camera has views.
        InputError: images without silhouettes, or that are not finite, or show nothing; a batch of meshes.
        GeometryError: a closed mesh that is turned inside out.

    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> camera = dr.Camera.orbit([0, 60, 120, 180, 240, 300], [-20, 20] * 3, 2.7, 45)
    >>> silhouettes = dr.supersampled(dr.shapes.icosphere(3), camera, 32)[..., 3]
    >>> found = dr.fit_shape(dr.shapes.icosphere(2, radius=0.5), silhouettes, camera, steps=40)
    >>> radii = np.linalg.norm(found.mesh.numpy("vertices")[0], axis=1)
    >>> bool(np.abs(radii.mean() - 1) < 0.01)
    True
    """
    require_single(mesh)
    require_counts(size=size, batch=batch, steps=steps)
    targets = read_targets(images, camera.views)
    if targets.alpha is None:
        raise InputError(
            "images: expected silhouettes, (V, H, W), or alpha, (V, H, W, 4); without, a shape has no edge"
        )
    fit = ShapeFit(mesh.copy())
    deformation = _Deformation(fit.mesh, targets.shrunk(size), camera, lights, steps)
    groups = _groups(camera.views, min(batch, camera.views), np.random.default_rng(seed))
    with watched("shape", steps, on_step, progress) as tell:
        for step in range(steps):
            fit.losses.append(deformation.losses(groups[step % len(groups)], step / steps))
            tell(fit)
            deformation.step()
        fit.losses.append(deformation.losses(groups[steps % len(groups)], 1.0))
        tell(fit)
    return fit


def _groups(views, batch, random):
    """Every view in at least one of the groups (G, batch)."""
    order = random.permutation(views)
    return np.concatenate([order, order[: -views % batch]]).reshape(-1, batch)


class _Deformation:
    """A mesh on its way to images of it: the scene, two renderers, and what moves."""

    def __init__(self, mesh, targets, camera, lights, steps):
        self.mesh, self.targets, self.camera, self.lights = mesh, targets, camera, lights
        self.colored = targets.color is not None
        self.soft = SoftRasterizer(targets.size)
        self.sharp = Rasterizer(targets.size, antialias=True)
        self.loss = ti.field(float_dtype(), shape=(), needs_grad=True)
        self.radius = visible_radius(camera, center_of(mesh), targets.size)
        self.detail = mesh.vertex_count / VERTICES
        self.solid = Solid(mesh, self.radius)
        self.smooth = LargeSteps(mesh, SMOOTHNESS * self.detail)
        groups = [{"parameters": self.smooth.variable(), "lr": LEARNING_RATE * self.radius}]
        if self.colored:
            groups.append({"parameters": mesh.variable("colors"), "lr": COLOR_LEARNING_RATE})
        schedule = schedules.cosine(steps, 0.2)
        self.optimizer = Adam(groups, lr=LEARNING_RATE, betas=(0.5, 0.99), schedule=schedule)

    def losses(self, views, fraction):
        """What the images say of the mesh in some of the views, at this fraction of the steps; makes the gradient."""
        last = SIGMA_LAST * (2 / min(self.targets.size)) ** 2
        self.soft.sigma = SIGMA_FIRST * (min(last, SIGMA_FIRST) / SIGMA_FIRST) ** fraction
        camera = self.camera[views]
        with ti.ad.Tape(self.loss):
            self.smooth.apply()
            self._compare(camera, views)
            value = self.loss[None]
            self._regularize()
        return float(value)

    def step(self):
        """Moves the mesh by the latest gradient."""
        self.optimizer.step()
        if self.colored:
            self.mesh.set("colors", np.clip(self.mesh.numpy("colors"), 0, 1))
        self.smooth.apply()

    def _compare(self, camera, views):
        """Adds how silhouettes and colours differ, and finds what is seen from behind."""
        frame = self.soft.render(self.mesh, camera)
        losses.iou(frame.variable("alpha"), self.targets.alpha[views], self.loss)
        frame = self.sharp.render(self.mesh, camera, self.lights)
        if self.colored:
            losses.l1(frame.variable("color"), self.targets.color[views], self.loss)
        self.solid.look(frame.numpy("face_id"), camera)

    def _regularize(self):
        """Adds what is known besides the images."""
        losses.laplacian(self.mesh, self.loss, LAPLACIAN * self.detail / self.radius**2)
        losses.normal_consistency(self.mesh, self.loss, NORMALS)
        self.solid.add(self.loss)
