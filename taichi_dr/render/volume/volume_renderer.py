"""Ray marching of volumes."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.implicit.bounds import Ball, Box, Unbounded
from taichi_dr.implicit.function import SpaceFunction
from taichi_dr.implicit.inline import InlineFunction
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.implicit.radiance.inline import InlineRadiance
from taichi_dr.kernels.base.checks import all_usable
from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.march.rows import chunks, list_grazing
from taichi_dr.kernels.screen.background import composite as lay_under
from taichi_dr.kernels.screen.background import composite_adjoint as lay_under_adjoint
from taichi_dr.kernels.volume.composite import SEEN
from taichi_dr.kernels.volume.rays import RayBatch, find_rays, place_rays, rays_adjoint
from taichi_dr.kernels.volume.show import show, show_adjoint
from taichi_dr.render.arguments import require_kind, whole
from taichi_dr.render.background import background_rows
from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.frame import Frame
from taichi_dr.render.renderer import Renderer
from taichi_dr.render.volume.behind import Behind, FieldBehind, FunctionBehind
from taichi_dr.render.volume.ray_march import RayAdjoints, RayMarch
from taichi_dr.render.volume.samplers import EvenSampler, FarSampler
from taichi_dr.render.volume.shot import VolumeShot
from taichi_dr.scene.camera import Camera
from taichi_dr.types import Size

SAMPLES = 1 << 18  # in arrays at once
RAYS = 1 << 17  # at once, where there are no arrays of samples
COLUMNS = 16  # of partial sums per view


class VolumeRenderer(Renderer):
    """Ray marching of a volume: what glows and absorbs along each pixel's ray.

    Each ray is divided into ``samples`` parts between where it enters and leaves the bounds; part i, of density sigma_i
    over a length delta_i and of colour c_i, lets through exp(-sigma_i delta_i) of the light behind it:

        alpha_i = 1 - exp(-sigma_i delta_i),   T_i = prod_{j < i} (1 - alpha_j)
        C = sum_i T_i alpha_i c_i + T_N background

    Gradients go to every field that ``function`` reads, to the camera and to the background.  Memory does not grow with
    the image beyond its outputs: rays go in batches, and samples are evaluated once more on the way back.

    =============  ======  ====================================================================================
    output         type    meaning
    =============  ======  ====================================================================================
    color          vec3    linear RGB over the background; multiplied by alpha if that is None
    alpha          scalar  opacity, 1 - transmittance
    depth          scalar  mean distance of what is seen, along the viewing axis, in world units; ``far`` where
                           nothing is
    transmittance  scalar  share of the light from behind that comes through
    =============  ======  ====================================================================================

    Arguments:
        function: a loop-free ``ti.func`` of a point and of the direction that its ray goes, which returns
            ``dr.Sample(density, color)``, reading any of your fields; or a field of ``dr.radiance``.
        size: (height, width) in pixels, or one number; may be changed between renders, and so may
        background: as for the other renderers; or a field with a gradient (a colour (), one for each view (V,), an
            image (H, W), or one each (V, H, W)), which is read at every render; or a loop-free ``ti.func`` of the
            direction that a ray goes, which returns linear RGB; or a ``dr.Environment``.
        bounds: ``dr.Box`` or ``dr.Ball`` outside of which there is nothing; or ``dr.Unbounded``: from the near plane to
            the far plane, in parts that get longer with the distance.
        samples: parts of each ray.
        sampling: ``"uniform"``, in the middle of each part, or ``"stratified"``, anywhere in it, at random by
        seed: (may be changed between renders): the same seed gives the same picture, on every backend.
        tolerance: the transmittance at which a ray has seen enough.

    Source: Max, Optical Models for Direct Volume Rendering, 1995; Mildenhall et al., NeRF, 2020, section 4.

    >>> import math, taichi as ti, taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> @ti.func
    ... def fog(p, d):
    ...     return dr.Sample(density=0.5, color=(1.0, 1.0, 1.0))
    >>> renderer = dr.VolumeRenderer(fog, size=16, bounds=dr.Box(-1, 1))
    >>> frame = renderer.render(dr.Camera.orthographic(eye=(0, 0, 3), half_height=0.5))
    >>> round(float(frame.transmittance[0, 8, 8]), 4), round(math.exp(-0.5 * 2), 4)
    (0.3679, 0.3679)
    """

    OUTPUTS: ClassVar = {"color": 3, "alpha": 0, "depth": 0, "transmittance": 0}

    def __init__(
        self,
        function: Callable[..., Any] | RadianceFunction,
        size: Size,
        *,
        bounds: Box | Ball | Unbounded,
        background: Any = (0.0, 0.0, 0.0),
        samples: int = 128,
        sampling: Literal["uniform", "stratified"] = "uniform",
        seed: int = 0,
        tolerance: float = 1e-4,
    ) -> None:
        super().__init__(size, background)
        if not isinstance(bounds, Box | Ball | Unbounded):
            raise InputError(f"bounds: expected a dr.Box, a dr.Ball or dr.Unbounded(...), got {bounds!r}")
        if sampling not in ("uniform", "stratified"):
            raise InputError(f'sampling: expected "uniform" or "stratified", got {sampling!r}')
        self._function = function if isinstance(function, RadianceFunction) else InlineRadiance(function)
        self._bounds = bounds
        parts = self._buffers, whole("samples", samples), sampling == "stratified"
        self._sampler = FarSampler(*parts, bounds.radius) if isinstance(bounds, Unbounded) else EvenSampler(*parts)
        self._march = RayMarch(self._buffers, self._function, self._sampler, _checked_tolerance(tolerance))
        self._seed = _checked_seed(seed)

    @property
    def bounds(self) -> Box | Ball | Unbounded:
        """Outside of which there is nothing; fixed."""
        return self._bounds

    @property
    def samples(self) -> int:
        """Parts of each ray; fixed."""
        return self._sampler.most

    @property
    def sampling(self) -> str:
        """``"uniform"`` or ``"stratified"``; fixed."""
        return "stratified" if self._sampler.stratified else "uniform"

    @property
    def seed(self) -> int:
        """Of the places of stratified samples; may be changed between renders."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed = _checked_seed(seed)

    @property
    def tolerance(self) -> float:
        """The transmittance at which a ray has seen enough; fixed."""
        return self._march.tolerance

    @property
    def packets(self) -> int:
        """Samples that are evaluated at once: more than 1 where the function fits, on CPUs; fixed."""
        return getattr(self._function, "packets", 1)

    def render(self, camera: Camera) -> Frame:
        """Renders a view for each of the camera's and returns their Frame.

        Inside a ``ti.ad.Tape`` the gradients of the frame's outputs flow to the fields that the function reads and to
        the camera.

        Raises:
            RuntimeStateError: the renderer or the camera is older than the latest ``ti.init``.
            ShapeError: views and background do not match.
            InputError: no camera, or densities that are NaN, infinite or negative (how many).
            CameraError: a camera that defines no image.
            GradientError: this renderer has rendered within the open tape before: its state would be overwritten.
        """
        require_kind("camera", camera, Camera)
        self._function.check()
        frame = self._frame(camera.views)
        _, height, width = frame.shape
        packed = CameraInput(camera, width, height, self._buffers)
        background: Any = self.background
        inputs = [packed, *self._function.inputs]
        if isinstance(background, Behind):
            background.check()
            background.require_shape(self.size, camera.views)
            inputs += (given for given in background.inputs if given not in inputs)
        given: dict[str, Any] = {"camera": camera, "background": background, "seed": self._seed}
        return self._submit(VolumeShot(frame=frame, inputs=tuple(inputs), packed=packed, **given))

    def _forward(self, shot):
        frame, numbers = shot.frame, self._buffers.constant("bounds", self._bounds.numbers)
        if not all_usable(shot.camera_array, shot.camera_array):
            shot.camera.check()
        eye = shot.camera_array, shot.camera.is_orthographic, numbers, isinstance(self._bounds, Ball)
        shot.view = (*eye, shot.width, shot.height, shot.camera.near, shot.camera.far)
        shot.count = self._find_rays(shot)
        rgba = self._buffers.zeroed("rgba", (shot.pixels, 4))
        frame.array("depth").fill(shot.camera.far)
        frame.array("transmittance").fill(1)
        for rays, at in self._batches(shot, RAYS if self._march.walks else self._rays_at_once):
            seen = self._rows("seen", rays.size, SEEN)
            self._march.forward(rays, seen)
            show(*at, seen, rgba, frame.array("depth"), frame.array("transmittance"))
        if shot.background is not None:
            lay_under(rgba, self._behind(shot), frame.shape[0])
        frame.bind(color=rgba)
        frame.bind(first=3, alpha=rgba)

    def _adjoint(self, shot):
        frame = shot.frame
        rgba_adjoint = self._buffers.zeroed("rgba_adjoint", (shot.pixels, 4))
        frame.copy_adjoints(rgba_adjoint, color=0, alpha=3)
        if shot.background is not None:
            if isinstance(shot.background, Behind):
                shot.background.adjoint(shot, frame.array("color"), rgba_adjoint)
            lay_under_adjoint(rgba_adjoint, self._behind(shot), frame.shape[0])
        images = rgba_adjoint, *(self._adjoint_or_zero(frame, name) for name in ("depth", "transmittance"))
        partials = self._buffers.get("partials", (PACKED, frame.shape[0] * COLUMNS))
        for rays, at in self._batches(shot, self._rays_at_once):
            seen, seen_adjoint = (self._rows(name, rays.size, SEEN) for name in ("seen", "seen_adjoint"))
            moved = RayAdjoints(*(self._rows(f"{name}_adjoint", rays.size, 3) for name in RayAdjoints._fields))
            found = self._march.evaluate(rays)
            self._march.add_up(found, seen)
            show_adjoint(*at, seen, *images, seen_adjoint, moved.ends)
            self._march.adjoint(found, seen, seen_adjoint, moved)
            rays_adjoint(*shot.view, rays.pixel, rays.size, *moved, shot.packed.adjoints["camera"], partials)

    def _behind(self, shot):
        """The background for the kernels."""
        if isinstance(shot.background, Behind):
            return shot.background.rows(shot)
        return background_rows(shot.background, self._buffers)

    def _taken_background(self, given: Any) -> Any:
        if isinstance(given, SpaceFunction):
            return FunctionBehind(given, self._buffers)
        if callable(given):
            return FunctionBehind(InlineFunction(given, 3), self._buffers)
        if isinstance(given, ti.MatrixField) and given.grad is not None:
            return FieldBehind(given, self._size, self._buffers)
        return super()._taken_background(given)

    def _produce(self, shot, name):
        """Every output is there."""

    def _find_rays(self, shot):
        """Lists the pixels whose rays cross the bounds; returns how many there are."""
        status, crossing = (self._buffers.get(name, (shot.pixels,), ti.i32) for name in ("status", "crossing"))
        find_rays(*shot.view, status)
        return list_grazing(status, self._buffers.get("block", (chunks(shot.pixels) + 2,), ti.i32), crossing)

    @property
    def _rays_at_once(self):
        """Of which there are arrays of samples."""
        return max(1, SAMPLES // self._sampler.most)

    def _batches(self, shot, size):
        """The rays that cross the bounds, batch by batch, with the arguments of ``show`` that say which they are."""
        self._sampler.seed = shot.seed
        crossing = self._buffers.get("crossing", (shot.pixels,), ti.i32)
        origins, directions, ends = (
            self._rows(name, size, columns) for name, columns in (("origins", 3), ("directions", 3), ("ends", 2))
        )
        pixel = self._buffers.at_least("pixel", size, ti.i32)
        for start in range(0, shot.count, size):
            rays = RayBatch(origins, directions, ends, pixel, min(size, shot.count - start))
            place_rays(*shot.view, crossing, start, *rays)
            yield rays, (shot.camera_array, shot.width * shot.height, pixel, directions, rays.size)

    def _rows(self, name, rows, columns):
        return self._buffers.at_least(name, rows, columns=(columns,))


def _checked_tolerance(tolerance):
    if not (isinstance(tolerance, Real) and 0 <= tolerance < 1):
        raise InputError(f"tolerance: expected a transmittance in [0, 1), got {tolerance!r}")
    return float(tolerance)


def _checked_seed(seed):
    if not (isinstance(seed, Integral) and 0 <= seed < 1 << 31):
        raise InputError(f"seed: expected a whole number from 0 to 2^31 - 1, got {seed!r}")
    return int(seed)
