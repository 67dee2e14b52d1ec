"""Colours of a known shape from images of it: of its vertices, its faces, or the texels of its texture.

A rendered image is linear in the colours x: ``A x + h`` with weights ``A >= 0`` (which rows a pixel shows, and how they
are lit) and whatever does not depend on them, h.  So ``|A x + h - b|^2`` over all pixels of the images b has no minima
but the least one, and steps with a size of its own for every row need no learning rate:

    x <- clip(x - A^T (A x + h - b) / (A^T A 1), 0, 1)

where ``A^T`` is the renderer's backward pass and ``A^T A 1`` that of an image of the object in white.  No step makes it
worse: the eigenvalues of ``diag(1 / A^T A 1) A^T A`` are at most 1, as its rows add up to 1.  (Simultaneous iterative
reconstruction, as in tomography: Gilbert, 1972.)
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from taichi_dr.errors import CameraError, InputError
from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.recipes.checks import require_counts, require_single
from taichi_dr.recipes.targets import read_targets
from taichi_dr.recipes.watching import standing, watched
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.types import Array, ArrayLike, Color

PIXELS_AT_ONCE = 1 << 22
"""Of all views that are rendered together; more views take their turns."""

LEAST_PIXELS = 1.0
"""A row that fewer pixels show, in all images together, counts as not seen: what is found there is mostly chance.

Of a car of 2,642 vertices in 20 images of 128 x 128, the colours of those with 3 pixels and more are off by 0.04 in the
mean, with 1 to 3 by 0.14, with fewer by 0.24 to 0.65; of texels by 0.01, 0.06 and 0.19.
"""


@dataclass(repr=False)
class ColorFit:
    """Colours on their way, or found.

    Attributes:
        mesh: a copy of the mesh that was given, with the colours as they are now.
        pixels: how many pixels of all images show a row of the colours: (N,), (F,), (C,), (Ht, Wt) or (X,), the shape
            of ``mesh.colors`` or ``mesh.texture``.
        losses: the mean squared difference of render and images, before every step so far and after the last one.
    """

    mesh: Mesh
    pixels: Array
    losses: list[float] = field(default_factory=list)

    @property
    def seen(self) -> Array:
        """Which vertices (N,), faces (F,), corners (C,) or texels (Ht, Wt) or (X,) the images tell anything of."""
        return self.pixels >= LEAST_PIXELS

    def __repr__(self):
        seen = f"{self.seen.sum()} of {self.seen.size} rows seen"
        return f"ColorFit({self.mesh.name!r}, {seen}, {standing(self.losses)})"


def fit_colors(
    mesh: Mesh,
    images: ArrayLike,
    camera: Camera,
    lights: Lights | None = None,
    *,
    background: Color | None = None,
    steps: int = 20,
    on_step: Callable[[ColorFit], None] | None = None,
    progress: bool = False,
) -> ColorFit:
    """Finds the colours of ``mesh`` in images of it, whose cameras and lights are known.

    What is found is the texture, or all of them, if the mesh has any, else the colours of its vertices, faces or
    corners, whichever it has; colours that multiply a texture stay as they are.  They are the surface's own, without
    light and shadow; without ``lights`` they are what the images show.  Rows that no image shows keep the colours that
    they have.

    Args:
        mesh: the shape, with colours to begin with; a single one.
        images: (V, H, W, 4) linear RGB with straight alpha, or (V, H, W, 3) linear RGB before ``background``.
        camera: V views.
        lights: as in ``render``.
        background: linear RGB behind the object in images without alpha.
        steps: 20 are plenty where several pixels show each row.
        on_step: called with the ColorFit before every step and at the end.
        progress: show a bar.

    Returns:
        ColorFit: the mesh, and which of its rows were seen.

    Raises:
        ShapeError: the images have another shape, or are not as many as the camera has views.
        InputError: silhouettes, images that are not finite, a batch of meshes.
        CameraError: no view shows the mesh.

    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> ball, camera = dr.shapes.icosphere(2, colors=(0.1, 0.6, 0.3)), dr.Camera.orbit([0, 120, 240])
    >>> lights = dr.Lights.default()
    >>> images = dr.supersampled(ball, camera, 64, lights)
    >>> found = dr.fit_colors(dr.shapes.icosphere(2), images, camera, lights)
    >>> int(found.seen.sum()), len(found.seen)
    (142, 162)
    >>> colors = np.median(found.mesh.numpy("colors")[0, found.seen], axis=0)
    >>> [round(float(channel), 2) for channel in colors]
    [0.1, 0.6, 0.3]
    """
    require_single(mesh)
    require_counts(steps=steps)
    targets = read_targets(images, camera.views, background)
    if targets.color is None:
        raise InputError("images: expected colours, (V, H, W, 4) or (V, H, W, 3), got silhouettes")
    problem = _Problem(mesh.copy(), targets, camera, lights)
    fit = ColorFit(problem.mesh, problem.pixels())
    share = problem.share()
    with watched("colours", steps, on_step, progress) as tell:
        for _ in range(steps):
            loss, gradient = problem.difference()
            fit.losses.append(loss)
            tell(fit)
            problem.colors = np.clip(problem.colors - share * gradient, 0, 1)
        fit.losses.append(problem.difference()[0])
        tell(fit)
    return fit


class _Problem:
    """A mesh and images of it: what the colours explain of these, and which they had better be."""

    def __init__(self, mesh, targets, camera, lights):
        self.mesh, self.lights, self.targets = mesh, lights, targets
        self.name = "texture" if mesh.has("texture") else "colors"
        at_once = max(1, PIXELS_AT_ONCE // (targets.size[0] * targets.size[1]))
        self.parts = [slice(first, first + at_once) for first in range(0, camera.views, at_once)]
        self.cameras = [camera[part] for part in self.parts]
        self.renderer = Rasterizer(targets.size, antialias=True, background=targets.background)

    @property
    def colors(self):
        """The numbers that are looked for: (N, 3), (F, 3), (C, 3), (Ht, Wt, 3) or (X, 3)."""
        colors = self.mesh.numpy(self.name)
        return colors if self.name == "texture" else colors[0]

    @colors.setter
    def colors(self, values):
        self.mesh.set(self.name, values)

    def difference(self):
        """The mean squared difference of render and images, and the gradient of half its sum."""
        total = 0.0

        def residual(part, color):
            nonlocal total
            difference = color - self.targets.color[part]
            total += float(np.square(difference, dtype=np.float64).sum())
            return difference

        gradient = self._backward(residual, self.lights)
        return total / self.targets.color.size, gradient

    def share(self):
        """``1 / (A^T A 1)``, 0 where nothing is seen."""
        weight = self._of_white(lambda part, white: white, self.lights)
        return np.where(weight > 0, 1 / np.where(weight > 0, weight, 1), 0)

    def pixels(self):
        """How many pixels show each row, however it is lit, and whatever multiplies it."""
        if self.mesh.tinted:
            tints = self.mesh.numpy("colors")
            self.mesh.set("colors", 1.0)
        pixels = self._of_white(lambda part, white: np.ones_like(white), None)[..., 0]
        if self.mesh.tinted:
            self.mesh.set("colors", tints)
        if not pixels.any():
            raise CameraError(f"camera: no view shows {self.mesh.name}; expected cameras that look at it")
        return pixels

    def _of_white(self, outputs_adjoint, lights):
        """``_backward`` of the object in white before black."""
        colors, background = self.colors, self.renderer.background
        self.colors, self.renderer.background = np.ones_like(colors), (0.0, 0.0, 0.0)
        gradient = self._backward(outputs_adjoint, lights)
        self.colors, self.renderer.background = colors, background
        return gradient

    def _backward(self, color_adjoint, lights):
        """Renders every part of the views and takes ``color_adjoint(part, color)`` back to the colours."""
        variable = self.mesh.variable(self.name)
        variable.clear_gradient()
        for part, camera in zip(self.parts, self.cameras, strict=True):
            color = self.renderer.render(self.mesh, camera, lights).variable("color")
            adjoint = color_adjoint(part, color.to_numpy())
            write_array(color.gradient, adjoint.reshape(color.gradient.shape))
            self.renderer.backward()
        return self.mesh.gradient(self.name).reshape(self.colors.shape).astype(np.float64)
