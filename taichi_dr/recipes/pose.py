"""Where the camera was: its pose from images of a known object, coarse to fine, from several guesses at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from taichi_dr.errors import CameraError, InputError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.optim import schedules
from taichi_dr.optim.optimizers import Adam
from taichi_dr.recipes.checks import require_counts, require_single
from taichi_dr.recipes.framing import center_of, visible_radius
from taichi_dr.recipes.rig import Rig
from taichi_dr.recipes.targets import read_targets
from taichi_dr.recipes.watching import standing, watched
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.types import ArrayLike, Color

SPREAD = 1.25
"""The guesses are turned by up to so many times the reach, so that there are some beyond a truth at its edge."""

GREY = (0.5, 0.5, 0.5)
"""What images with alpha are composed over: neither dark nor light objects vanish before it."""


class Level(NamedTuple):
    """Pictures whose shorter side is ``size`` pixels, blurred by ``blur`` pixels, of the best ``guesses`` so far.

    ``turn`` and ``shift`` are Adam's learning rates, in radians and in visible radii.
    """

    size: int
    blur: float
    guesses: int
    turn: float
    shift: float


LEVELS = (
    Level(32, 3.0, 10**6, 0.1, 0.025),
    Level(64, 2.0, 3, 0.03, 0.009),
    Level(128, 0.8, 1, 0.01, 0.0035),
    Level(256, 0.8, 1, 0.004, 0.0012),
)


@dataclass(repr=False)
class PoseFit:
    """A pose on its way, or found.

    Attributes:
        camera: the best guess, with the views of the camera that was given; another object at every step.
        losses: of the best guess, before every step so far; and, at the end, after the last one.
        size: (H, W) of the pictures that are compared now.
    """

    camera: Camera
    losses: list[float] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)

    def __repr__(self):
        return f"PoseFit({standing(self.losses)})"


def fit_pose(
    mesh: Mesh,
    images: ArrayLike,
    camera: Camera,
    lights: Lights | None = None,
    *,
    background: Color | None = None,
    reach_deg: float = 60.0,
    guesses: int = 16,
    steps: int = 60,
    on_step: Callable[[PoseFit], None] | None = None,
    progress: bool = False,
) -> PoseFit:
    """Finds where images of ``mesh`` were taken from, starting at ``camera``, which may be 60 degrees off.

    Render and image are compared as blurred pictures, ``mean |G * (render - image)|^2`` with a Gaussian G, of 32 pixels
    and then of 64, 128 and 256, as far as the image has them.  What moves is the camera about the object: a turn about
    the middle of the mesh, which leaves the object where it is in the picture, and a shift.  To be sure, the search
    begins with several guesses, turned by up to 1.25 ``reach_deg``, keeps the best three at 64 pixels, and the best one
    from 128 pixels on.

    If you optimise a camera yourself: ``eye``, ``target`` and ``up`` together, from 5 degrees off or less; ``pose``
    only where a camera has turned in its own place.  Both tangle a turn about the object with a shift, which is kept
    apart here.  Of 48 starts that were turned about the object by 60, 20 and 5 degrees in all directions, the same
    steps of Adam found 18, 29 and 48 by ``eye``, ``target`` and ``up``, 0, 0 and 3 by ``pose``, 35, 45 and 40 as here
    from one guess, and all from 16 (``benchmarks/poses.py``).

    Several images are those of cameras whose places relative to each other are known: they move as one.

    Args:
        mesh: the object in its own colours; a single one.  Its pose is that of the camera, the other way round.
        images: (H, W, 4) or (V, H, W, 4) linear RGB with straight alpha, which tells most; (..., H, W, 3) linear RGB
            before ``background``; or (..., H, W), silhouettes alone.
        camera: V views: where they may have been, their lenses, near and far.
        lights: as in ``render``.
        background: linear RGB behind the object in images without alpha.
        reach_deg: how far off the guess may be; at most 180.
        guesses: how many there are at first; 1: ``camera`` alone.
        steps: at each of the sizes.
        on_step: called with the PoseFit before every step and at the end.
        progress: show a bar.

    Returns:
        PoseFit, whose ``camera`` is a new one.  The same arguments give the same numbers.

    Raises:
        ShapeError: the images have another shape, or are not as many as the camera has views.
        InputError: images that are not finite or show nothing, a batch of meshes, a number out of its domain.
        CameraError: none of the guesses sees the object.

    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> car, truth = dr.shapes.car(), dr.Camera.orbit(35, 20, 2.8, 45)
    >>> image = dr.supersampled(car, truth, 64)
    >>> found = dr.fit_pose(car, image, dr.Camera.orbit(80, 30, 2.6, 45), guesses=4, steps=30)
    >>> error = np.linalg.norm(found.camera.numpy("eye") - truth.numpy("eye"))
    >>> bool(error < 0.03)
    True
    """
    require_single(mesh)
    require_counts(guesses=guesses, steps=steps)
    if not 0 <= reach_deg <= 180:
        raise InputError(f"reach_deg: expected an angle from 0 to 180, got {reach_deg}")
    targets = read_targets(images, camera.views, background, behind=GREY)
    levels = levels_for(targets.size)
    rig = Rig.around(camera, center_of(mesh), guesses, np.deg2rad(min(SPREAD * reach_deg, 180.0)))
    with watched("pose", len(levels) * steps, on_step, progress) as tell:
        search = _Search(mesh, lights, targets, tell)
        search.require_seen(rig, levels[0])
        for level in levels:
            rig = search.descend(rig, level, steps)
        search.end(rig)
    return search.fit


def levels_for(size: tuple[int, int]) -> list[Level]:
    """The levels for images of (H, W), none larger than they are; the last one only where it adds something."""
    side = min(size)
    wanted = LEVELS if side > LEVELS[-2].size else LEVELS[:-1]
    return [level._replace(size=min(level.size, side)) for level in wanted]


class _Search:
    """What the levels share: the scene, the pictures, and the fit as it stands."""

    def __init__(self, mesh, lights, targets, tell):
        self.mesh, self.lights, self.targets, self.tell = mesh, lights, targets, tell
        self.renderer = Rasterizer(targets.size, antialias=True, background=targets.background)
        self.fit = PoseFit(None)

    def require_seen(self, rig, level):
        """Raises CameraError if no guess has the object in its picture."""
        self._enter(level)
        if not self.renderer.render(self.mesh, rig.cameras(), self.lights).numpy("alpha").any():
            raise CameraError(
                f"camera: none of the {rig.guesses} guesses sees {self.mesh.name}, whose middle is at"
                f" {rig.center.round(3).tolist()}; expected a camera that looks roughly at it"
            )

    def descend(self, rig, level, steps):
        """Moves the best guesses of ``rig`` for so many steps; returns those."""
        self._enter(level)
        rig = rig.chosen(np.argsort(self._losses(rig)[0], kind="stable")[: level.guesses])
        radius = visible_radius(rig.cameras(), rig.center, self.fit.size)
        turn, shift = Variable("turn", (rig.guesses,), 3), Variable("shift", (rig.guesses,), 3)
        groups = [{"parameters": turn, "lr": level.turn}, {"parameters": shift, "lr": level.shift * radius}]
        optimizer = Adam(groups, lr=level.turn, schedule=schedules.cosine(steps, 0.1))
        for _ in range(steps):
            losses, pose_gradient = self._losses(rig, backward=True)
            self._tell(rig, losses)
            for variable, gradient in zip((turn, shift), rig.gradients(pose_gradient), strict=True):
                write_array(variable.gradient, gradient)
                variable.array.fill(0)
            optimizer.step()
            rig.move(turn.to_numpy(), shift.to_numpy())
        return rig

    def end(self, rig):
        """Tells where it has ended."""
        self._tell(rig, self._losses(rig)[0])

    def _enter(self, level):
        """Makes the pictures of a level."""
        targets = self.targets.shrunk(level.size)
        self.goal, self.blur = (targets.color, targets.alpha), level.blur
        self.fit.size = self.renderer.size = targets.size

    def _losses(self, rig, backward=False):
        """The loss (K,) of every guess, and the gradient (K V, 6) of their sum by the pose of every camera."""
        cameras = rig.cameras()
        frame = self.renderer.render(self.mesh, cameras, self.lights)
        losses, names = np.zeros(rig.guesses), ("color", "alpha")
        for name, goal in zip(names, self.goal, strict=True):
            if goal is None:
                continue
            values = frame.variable(name).to_numpy()
            values = values.reshape(rig.guesses, -1, *values.shape[1:3], *values.shape[3:])
            residual = blurred(values - goal, self.blur)
            losses += np.square(residual).mean(axis=tuple(range(1, residual.ndim)))
            gradient = frame.variable(name).gradient
            write_array(gradient, blurred(residual, self.blur).reshape(gradient.shape))
        if not backward:
            return losses, None
        self.renderer.backward()
        return losses, cameras.gradient("pose")

    def _tell(self, rig, losses):
        best = int(np.argmin(losses))
        self.fit.camera = rig.chosen([best]).cameras()
        self.fit.losses.append(float(losses[best]))
        self.tell(self.fit)


def blurred(images, width):
    """Pictures (K, V, H, W, ...) blurred by a Gaussian of ``width`` pixels, with zeros around them: its own adjoint."""
    from scipy.ndimage import gaussian_filter  # here, because it would slow the import of the package

    widths = (0, 0, width, width, *[0] * (images.ndim - 4))
    return gaussian_filter(images, widths, mode="constant", truncate=3.0)
