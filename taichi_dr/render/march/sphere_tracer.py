"""Sphere tracing of signed distance functions."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from taichi_dr.errors import InputError
from taichi_dr.implicit.bounds import Ball, Box
from taichi_dr.implicit.constant import ConstantFunction
from taichi_dr.implicit.function import DistanceFunction, SpaceFunction
from taichi_dr.implicit.inline import InlineDistance, InlineFunction
from taichi_dr.kernels.march.blend import blend, blend_adjoint, show, show_adjoint
from taichi_dr.kernels.march.bounds import Bounds
from taichi_dr.kernels.march.settings import March, Rays
from taichi_dr.kernels.screen.background import composite, composite_adjoint
from taichi_dr.render.arguments import positive, require_kind, require_lights_without_area, whole
from taichi_dr.render.background import background_rows
from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.frame import INDEX, Frame
from taichi_dr.render.march.check import require_finite_rows, require_usable_inputs
from taichi_dr.render.march.closest import ClosestStage
from taichi_dr.render.march.edges import EdgeStage
from taichi_dr.render.march.shot import MarchShot
from taichi_dr.render.march.surface import SurfaceStage
from taichi_dr.render.march.unrolled import Unrolled, UnrolledMarch
from taichi_dr.render.march.visibility import VisibilityStage
from taichi_dr.render.renderer import Renderer
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.material import Material
from taichi_dr.types import ArrayLike, Color, Field, Size

RELAXATION = 1.4
"""What exact distances are multiplied by for steps: with cones gone before, 2 to 4 % fewer evaluations; less or more of
it gains less.
"""

SHOWN = ("depth", "normal", "position")
"""What a pixel's centre shows, in the order of ``kernels.march.blend.show``."""


class SphereTracer(Renderer):
    """Sphere tracing: each pixel's ray steps by the distance that the function promises to be free.

    Gradients go to every field that ``function`` and ``color`` read, to the camera and to the lights: the points where
    rays meet the surface move by the implicit function theorem (Liu et al., DIST, 2020), normals and light with them.
    Silhouettes are antialiased, whatever is behind them: where a ray comes closer to the surface than a pixel, or goes
    through less of it, how close says how much of the pixel is covered, and how that changes with what moves the
    surface.

    ============  ======  =====================================================================================
    output        type    meaning
    ============  ======  =====================================================================================
    color         vec3    linear RGB over the background; multiplied by alpha if that is None
    alpha         scalar  coverage in [0, 1], antialiased
    depth         scalar  distance along the viewing axis in world units; ``far`` where nothing is hit
    normal        vec3    unit normal in world space, 0 where nothing is hit
    position      vec3    the point that is seen, in world space, 0 where nothing is hit
    closest       scalar  how close the ray comes to the surface, in pixels; negative: how deep it goes
    steps         int     evaluations of the function that marching took
    ============  ======  =====================================================================================

    Arguments:
        function: a loop-free ``ti.func`` of a point that returns its signed distance, or a bound (a distance that is
            never too large), reading any of your fields; ``dr.sdf.Exact`` of one; ``dr.sdf.Grid``, ``dr.sdf.Latent``.
        size: (height, width) in pixels, or one number; may be changed between renders, and so may
        background: as for the other renderers.
        bounds: ``dr.Box`` or ``dr.Ball`` outside of which nothing is looked for.  What crosses it is cut off there, and
            what is seen there stays on it as the camera moves.
        color: linear RGB, or a loop-free ``ti.func`` of a point that returns it, reading any of your fields.  Where a
            ray passes by, and its pixel is covered in part, the point is off the surface by up to a pixel.
        material: a ``dr.Material``, for its highlight; light is found at every pixel, in the middle of what is seen.
        silhouette_width: side of the square that a pixel's coverage is taken over, in pixels.
        scale: what the function's values are multiplied by before they are trusted as distances: at most 1 over its
            Lipschitz constant.
        normal_step: half the distance of the samples that normals are taken from, in world units; by default a
            thousandth of the bounds' radius.
        max_steps: evaluations per ray at most.
        gradient: how the points that are seen move: ``"implicit"``, or ``dr.Unrolled(terms)`` (``"unrolled"``: with 8):
            as the end of a march of small steps does, differentiated through its last ones (DIST); slower, and the same
            where these are enough.

    >>> import taichi as ti, taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> @ti.func
    ... def ball(p):
    ...     return p.norm() - 0.5
    >>> tracer = dr.SphereTracer(ball, size=16, bounds=dr.Box(-1, 1))
    >>> frame = tracer.render(dr.Camera(eye=(0, 0, 3), fov_y=0.8))
    >>> round(float(frame.depth[0, 8, 8]), 2)
    2.51
    """

    OUTPUTS: ClassVar = {
        "color": 3,
        "alpha": 0,
        "depth": 0,
        "normal": 3,
        "position": 3,
        "closest": 0,
        "steps": INDEX,
    }
    ON_DEMAND = (*SHOWN, "closest")

    def __init__(
        self,
        function: Callable[..., Any] | DistanceFunction,
        size: Size,
        *,
        bounds: Box | Ball,
        color: Color | Callable[..., Any] | SpaceFunction = (0.8, 0.8, 0.8),
        background: ArrayLike | Field | None = (0.0, 0.0, 0.0),
        material: Material = Material(shading="phong"),
        silhouette_width: float = 1.0,
        scale: float = 1.0,
        normal_step: float | None = None,
        max_steps: int = 256,
        gradient: Literal["implicit", "unrolled"] | Unrolled = "implicit",
    ) -> None:
        super().__init__(size, background)
        require_kind("material", material, Material)
        if not isinstance(bounds, Box | Ball):
            raise InputError(f"bounds: expected a dr.Box or a dr.Ball, got {bounds!r}")
        gradient = Unrolled() if gradient == "unrolled" else gradient
        if gradient != "implicit" and not isinstance(gradient, Unrolled):
            raise InputError(f'gradient: expected "implicit", "unrolled" or dr.Unrolled(terms), got {gradient!r}')
        self._function = function if isinstance(function, DistanceFunction) else InlineDistance(function)
        self._color = _color_function(color)
        self._relaxation = RELAXATION if self._function.is_exact else 1.0
        self._bounds, self._material = bounds, material
        self._width, self._scale = positive("silhouette_width", silhouette_width), positive("scale", scale)
        self._limit = whole("max_steps", max_steps)
        self._gradient = gradient
        self._step = 1e-3 * bounds.radius if normal_step is None else positive("normal_step", normal_step)
        self._visibility = VisibilityStage(self._buffers, self._function)
        self._edges = EdgeStage(self._buffers, self._function)
        self._closest = ClosestStage(self._buffers, self._function)
        unroll = UnrolledMarch(self._buffers, self._function, gradient.terms) if gradient != "implicit" else None
        self._surface = SurfaceStage(self._buffers, self._function, self._color, material, unroll)

    @property
    def bounds(self) -> Box | Ball:
        """Outside of which nothing is looked for; fixed."""
        return self._bounds

    @property
    def silhouette_width(self) -> float:
        """Side of the square that a pixel's coverage is taken over, in pixels; fixed."""
        return self._width

    @property
    def scale(self) -> float:
        """What the function's values are multiplied by before they are trusted as distances; fixed."""
        return self._scale

    @property
    def normal_step(self) -> float:
        """Half the distance of the samples that normals are taken from, in world units; fixed."""
        return self._step

    @property
    def max_steps(self) -> int:
        """Evaluations of the function per ray at most; fixed."""
        return self._limit

    @property
    def gradient(self) -> "Literal['implicit'] | Unrolled":
        """How the points that are seen move, ``"implicit"`` or ``Unrolled``; fixed."""
        return self._gradient

    @property
    def packets(self) -> int:
        """Rays that are marched at once: more than 1 where the function fits, on CPUs; fixed."""
        return getattr(self._function, "packets", 1)

    def render(self, camera: Camera, lights: Lights | None = None) -> Frame:
        """Renders a view for each of the camera's and returns their Frame.

        Without ``lights`` the surface shows its own colours.  Inside a ``ti.ad.Tape`` the gradients of the frame's
        outputs flow to the fields that the function and the colour read, to the camera and to the lights.

        Raises:
            RuntimeStateError: the renderer or an argument is older than the latest ``ti.init``.
            ShapeError: views and background do not match.
            InputError: an argument of another kind than expected, a light or a distance that is not finite.
            CameraError: a camera that defines no image.
            GradientError: this renderer has rendered within the open tape before: its state would be overwritten.
        """
        require_kind("camera", camera, Camera)
        require_lights_without_area(lights)
        self._function.check()
        self._color.check()
        frame = self._frame(camera.views)
        _, height, width = frame.shape
        packed = CameraInput(camera, width, height, self._buffers)
        inputs = {id(given): given for given in (packed, *self._function.inputs, *self._color.inputs)}
        if lights is not None:
            inputs[id(lights.fields)] = lights.fields
        march = March(self._scale, self._width, camera.near, camera.far, self._limit, self._relaxation)
        given: dict[str, Any] = {"camera": camera, "lights": lights, "background": self.background, "march": march}
        return self._submit(MarchShot(frame=frame, inputs=tuple(inputs.values()), packed=packed, **given))

    def _forward(self, shot):
        frame, numbers = shot.frame, self._buffers.constant("bounds", self._bounds.numbers)
        bounds = Bounds(numbers, isinstance(self._bounds, Ball))
        depths = shot.camera.near, shot.camera.far
        shot.rays = Rays(shot.camera_array, shot.camera.is_orthographic, bounds, shot.width, shot.height, *depths)
        require_usable_inputs(shot)
        self._visibility.forward(shot)
        shot.coverage = self._edges.cover(shot, shot.rows, shot.edges)
        self._surface.forward(shot, self._step)
        found = (self._surface.array(name, shot.count, 3) for name in ("gradient", "color"))
        require_finite_rows(shot, *found)
        rgba = self._buffers.get("rgba", (frame.array("steps").shape[0], 4))
        blend(*self._layers(shot), self._edges.normal, self._surface.array("color", shot.count, 3), rgba)
        if shot.background is not None:
            composite(rgba, background_rows(shot.background, self._buffers), frame.shape[0])
        frame.bind(color=rgba)
        frame.bind(first=3, alpha=rgba)

    def _produce(self, shot, name):
        if name == "closest":
            self._closest.forward(shot)
        elif name not in shot.shown:
            shot.shown = SHOWN
            self._show(shot)

    def _show(self, shot):
        array, images = self._surface.array, map(shot.frame.array, SHOWN)
        rows = array("gradient", shot.count, 3), array("points", shot.count, 3)
        show(*self._layers(shot), *rows, shot.camera_array, shot.camera.far, *images)

    def _adjoint(self, shot):
        frame, array, count = shot.frame, self._surface.array, shot.count
        rgba_adjoint = self._buffers.zeroed("rgba_adjoint", (frame.array("steps").shape[0], 4))
        frame.copy_adjoints(rgba_adjoint, color=0, alpha=3)
        if shot.background is not None:
            composite_adjoint(rgba_adjoint, background_rows(shot.background, self._buffers), frame.shape[0])
        coverage_adjoint = self._buffers.at_least("coverage_adjoint", max(shot.edges, 1))
        colors = array("color", count, 3), rgba_adjoint, array("color_adjoint", count, 3)
        blend_adjoint(*self._layers(shot), self._edges.normal, *colors, coverage_adjoint)
        adjoints = array("gradient_adjoint", count, 3), array("points_adjoint", count, 3), array("depth_adjoint", count)
        for adjoint in adjoints:
            adjoint.fill(0)
        if any(map(frame.in_use, SHOWN)):
            images = [self._adjoint_or_zero(frame, name) for name in SHOWN]
            show_adjoint(*self._layers(shot), array("gradient", count, 3), shot.camera_array, *images, *adjoints)
        shift_adjoint = self._buffers.at_least("shift_adjoint", max(shot.edges, 1), columns=(2,))
        self._surface.adjoint(shot, self._step, shift_adjoint)
        if shot.edges:
            self._edges.adjoint(shot, coverage_adjoint, shift_adjoint, shot.edges)
        if frame.in_use("closest"):
            self._closest.adjoint(shot)

    @staticmethod
    def _layers(shot):
        return shot.rows.first, shot.rows.edge, shot.coverage


def _color_function(color):
    if isinstance(color, SpaceFunction):
        return color
    if callable(color):
        return InlineFunction(color, 3)
    return ConstantFunction(color)
