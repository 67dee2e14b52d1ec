"""Ray tracing: shadows, reflections and refractions, with gradients."""

from numbers import Integral
from typing import Any, ClassVar, NamedTuple

import numpy as np

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.kernels.base.checks import all_usable
from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.rays.film import average, average_adjoint
from taichi_dr.kernels.rays.look import show, show_adjoint
from taichi_dr.kernels.rays.primary import LANES, blocks_of, copy_eye, place, place_adjoint
from taichi_dr.kernels.rays.sums import add_columns
from taichi_dr.kernels.screen.background import composite, composite_adjoint
from taichi_dr.render.arguments import require_kind, whole
from taichi_dr.render.background import background_rows
from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.frame import INDEX, Frame
from taichi_dr.render.rays.area_lamps import AreaLamps
from taichi_dr.render.rays.boundary import Boundary
from taichi_dr.render.rays.casting import Casting
from taichi_dr.render.rays.implicit import Implicit
from taichi_dr.render.rays.lamps import Lamps
from taichi_dr.render.rays.paths import Paths
from taichi_dr.render.rays.scene import Scene
from taichi_dr.render.rays.scene_outlines import SceneOutlines
from taichi_dr.render.rays.shot import RayShot
from taichi_dr.render.rays.sky import Sky
from taichi_dr.render.rays.things import Things
from taichi_dr.render.renderer import Renderer
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.types import ArrayLike, Field, Size

RAYS = 1 << 18  # that are traced at once, at most
SLOTS = 4  # batches of rays that are kept for the way back; if there are more, all are traced again
LOOKING = -1  # the slot of rays that are not kept
COLUMNS = 2048  # of the cameras' partial sums: enough for all threads (see GRAIN)
MOST_BOUNCES = 1000

SHOWN = ("depth", "normal", "position", "object_id", "face_id")


GRADIENTS = """\
counted: shading, materials, textures, lights, cameras and hit points, along all bounces
{0}: outlines of meshes, spheres and rectangles, as cameras see them directly
{0}: the same outlines in mirrors that are planes or rectangles and that cameras see directly
{0}: shadows of point, spot, directional and area lights on what cameras see directly
not counted: shadows in mirrors or through clear objects; outlines in curved mirrors, mirrors of mirrors, clear objects
not counted: shadows of what an environment sends
not counted: outlines of an Implicit, shadows that it throws, and those that fall on it
not counted: curves in which surfaces cut each other or the near plane
not counted: what outlines do to depth, normal and position, which are of the pixel's middle alone"""


class Batch(NamedTuple):
    """Rays of some blocks of a view, ``columns`` times ``rows`` for each pixel."""

    view: int
    first: int
    blocks: int
    columns: int
    rows: int
    slot: int  # of ``Paths``


class RayTracer(Renderer):
    """Rays from the eye: the nearest surface, its light with shadows, and on along mirrors and through clear objects.

    ============  ======  =====================================================================================
    output        type    meaning
    ============  ======  =====================================================================================
    color         vec3    linear RGB, the mean of the pixel's samples; multiplied by alpha if the background is None
    alpha         scalar  share of the samples that meet something
    depth         scalar  distance along the viewing axis of what the pixel's middle shows; ``far`` for nothing
    normal        vec3    its unit normal on the side that is seen, 0 where nothing is hit
    position      vec3    the point itself, 0 where nothing is hit
    object_id     int     which of the scene's objects it is, -1 where nothing is hit
    face_id       int     which of the object's faces; 0 for solids
    ============  ======  =====================================================================================

    Light is found at every hit, on the side that is seen.  A mesh's material says by its ``shading`` whether normals
    are interpolated (``"gouraud"``, ``"phong"``), those of faces (``"flat"``), or colours shown as they are
    (``"none"``).

    Arguments:
        size: (height, width) in pixels, or one number; may be changed between renders, and so may
        background: as for the other renderers; a scene's environment takes its place, but for None.
        samples: rays for each pixel, stratified; one goes through the middle.  May be changed between renders.
        bounces: mirrors and clear surfaces on the way of a ray, at most.  May be changed between renders.
        seed: of everything that is random: the same seed gives the same picture on every backend.  May be changed.
        boundary_gradients: whether gradients count what moves outlines, of things and of shadows, and so changes what
            is seen and what is lit: see ``describe_gradients``.  May be changed between renders.

    Sources: Whitted, An improved illumination model for shaded display, 1980; Cook, Porter and Carpenter, Distributed
    ray tracing, 1984.

    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> tracer = dr.RayTracer(size=16)
    >>> frame = tracer.render(dr.Scene(dr.Sphere((0, 0, 0), 1.0)), dr.Camera(eye=(0, 0, 3), fov_y=0.8))
    >>> round(float(frame.depth[0, 8, 8]), 2)
    2.0
    """

    OUTPUTS: ClassVar = {
        "color": 3,
        "alpha": 0,
        "depth": 0,
        "normal": 3,
        "position": 3,
        "object_id": INDEX,
        "face_id": INDEX,
    }
    ON_DEMAND = SHOWN

    _samples: int
    _bounces: int
    _seed: int
    _things: Any

    def __init__(
        self,
        size: Size,
        *,
        samples: int = 1,
        bounces: int = 4,
        background: ArrayLike | Field | None = (0.0, 0.0, 0.0),
        seed: int = 0,
        boundary_gradients: bool = False,
    ) -> None:
        super().__init__(size, background)
        self.samples, self.bounces, self.seed = samples, bounces, seed
        self.boundary_gradients = boundary_gradients
        self._things = None  # of the latest scene

    @property
    def samples(self) -> int:
        """Rays for each pixel."""
        return self._samples

    @samples.setter
    def samples(self, samples: int) -> None:
        self._samples = whole("samples", samples)

    @property
    def bounces(self) -> int:
        """Mirrors and clear surfaces on the way of a ray, at most."""
        return self._bounces

    @bounces.setter
    def bounces(self, bounces: int) -> None:
        if not (isinstance(bounces, Integral) and 0 <= bounces <= MOST_BOUNCES):
            raise InputError(f"bounces: expected a whole number from 0 to {MOST_BOUNCES}, got {bounces!r}")
        self._bounces = int(bounces)

    @property
    def seed(self) -> int:
        """Of everything that is random."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        if not (isinstance(seed, Integral) and 0 <= seed < 1 << 31):
            raise InputError(f"seed: expected a whole number from 0 to 2^31 - 1, got {seed!r}")
        self._seed = int(seed)

    @property
    def boundary_gradients(self) -> bool:
        """Whether gradients count changes of visibility."""
        return self._boundary_gradients

    @boundary_gradients.setter
    def boundary_gradients(self, boundary_gradients: bool) -> None:
        if not isinstance(boundary_gradients, bool | np.bool_):
            raise InputError(f"boundary_gradients: expected True or False, got {boundary_gradients!r}")
        self._boundary_gradients = bool(boundary_gradients)

    def describe_gradients(self) -> str:
        """Says what gradients of this tracer count, and what they do not.

        >>> print(RayTracer(8, boundary_gradients=True).describe_gradients().splitlines()[0])
        counted: shading, materials, textures, lights, cameras and hit points, along all bounces
        """
        return GRADIENTS.format(
            "counted" if self._boundary_gradients else "not counted, but by boundary_gradients=True"
        )

    def render(self, scene: Scene, camera: Camera) -> Frame:
        """Renders a view for each of the camera's and returns their Frame.

        Meshes of a batch as large as there are views are seen one by one: view v sees element v.  Inside a
        ``ti.ad.Tape`` the gradients of the frame's outputs flow to the scene's fields, to its objects and lights, and
        to the camera.

        Raises:
            RuntimeStateError: the renderer or an argument is older than the latest ``ti.init``.
            ShapeError: views, background and batches do not match.
            InputError: an argument of another kind than expected, or numbers that are not finite.
            GeometryError: a vertex that is not finite.
            CameraError: a camera that defines no image.
            GradientError: this renderer has rendered within the open tape before: its state would be overwritten.
        """
        require_kind("scene", scene, Scene)
        require_kind("camera", camera, Camera)
        scene.fields.check()
        for thing in scene.objects:
            if isinstance(thing, Implicit):
                thing.check()
        elements = _elements(scene, camera.views)
        _require_countable(self._size, self._samples)
        self._check()
        self._require_first_render()
        frame = self._frame(camera.views)
        _, height, width = frame.shape
        packed = CameraInput(camera, width, height, self._buffers)
        self._set_up(scene)
        inputs = {id(given): given for given in (packed, *self._things.inputs, *self._lights_inputs)}
        given: dict[str, Any] = {"scene": scene, "camera": camera, "background": self.background}
        given |= {"elements": elements, "samples": _cells(self._samples), "seed": self._seed}
        return self._submit(RayShot(frame=frame, inputs=tuple(inputs.values()), packed=packed, **given))

    def _set_up(self, scene):
        """Makes what depends on the scene, unless it is that of the latest render."""
        if self._things is None or self._things.scene is not scene:
            lamps = Lamps(self._buffers, scene.lights or _no_lights(scene))  # before what says that all is set up
            self._things, self._boundary, self._lamps = Things(self._buffers, scene), None, lamps
        self._lights_inputs = list(self._lamps.inputs)
        if scene.environment is not None:
            self._lights_inputs += scene.environment.inputs
        self._casting, stages = Casting(self._buffers, self._things), [self._lamps]
        if scene.area_lights:
            stages.append(AreaLamps(self._buffers, scene.area_lights, self._seed, self._samples))
        if scene.environment is not None:
            stages.append(Sky(self._buffers, scene.environment, self._seed, self._samples))
        light = stages, scene.environment, self._bounces, self._seed
        self._paths = Paths(self._buffers, self._things, self._casting, *light)

    def _forward(self, shot):
        frame = shot.frame
        rgba = self._buffers.get("rgba", (frame.shape[0] * shot.height * shot.width, 4))
        for element, views in shot.elements:
            self._things.pull(element)
            self._require_usable(shot)
            for batch in self._batches(views, shot):
                self._trace(shot, batch)
                level = self._paths.levels[0]
                average(
                    level.radiance, level.what, *self._in_image(shot, batch), batch.blocks, shot.is_behind_shown, rgba
                )
        if shot.background is not None and not shot.is_behind_shown:
            composite(rgba, background_rows(shot.background, self._buffers), frame.shape[0])
        frame.bind(color=rgba)
        frame.bind(first=3, alpha=rgba)

    def _adjoint(self, shot):
        frame = shot.frame
        rgba_adjoint = self._buffers.zeroed("rgba_adjoint", (frame.shape[0] * shot.height * shot.width, 4))
        frame.copy_adjoints(rgba_adjoint, color=0, alpha=3)
        if shot.background is not None and not shot.is_behind_shown:
            composite_adjoint(rgba_adjoint, background_rows(shot.background, self._buffers), frame.shape[0])
        self._partials = self._buffers.zeroed("camera_partials", (frame.shape[0] * PACKED, COLUMNS))
        for element, views in shot.elements:
            if len(shot.elements) > 1:
                self._things.pull(element)
            self._paths.zero_sums()
            for batch in self._batches(views, shot):
                if shot.traced.get(batch.slot) == batch:
                    self._paths.resume(batch.slot)
                else:
                    self._trace(shot, batch)
                level = self._paths.levels[0]
                place = *self._in_image(shot, batch), level.count, shot.is_behind_shown
                average_adjoint(rgba_adjoint, level.what, *place, level.radiance_adjoint)
                self._paths.adjoint()
                self._to_camera(shot, batch)
            if any(frame.in_use(name) for name in ("depth", "normal", "position")):
                self._show_adjoint(shot, views)
            self._paths.push(element)
            if self._boundary_gradients:
                self._add_boundary(shot, views, element, rgba_adjoint)
        add_columns(self._partials, 0, PACKED, shot.camera_adjoint)

    def _add_boundary(self, shot, views, element, rgba_adjoint):
        if self._boundary is None:
            self._boundary = SceneOutlines(self._things)
        boundary = Boundary(self._things, self._casting, self._paths, self._lamps.lights, self._boundary)
        boundary.adjoint(shot, views, element, self._buffers.constant("ground", (shot.ground,)), rgba_adjoint)

    def _produce(self, shot, name):
        images = [shot.frame.array(name) for name in SHOWN]
        for element, views in shot.elements:
            if len(shot.elements) > 1:
                self._things.pull(element)
            for batch in self._batches(views, shot, looking=True):
                self._look(shot, batch)
                level, surfaces = self._paths.levels[0], self._things.surfaces
                rays = level.what, level.hits, level.directions, level.seen
                seen = *rays, shot.camera_array, batch.view, shot.width, shot.height
                codes = surfaces.objects, self._things.numbers
                show(*seen, batch.first, level.count, *codes, shot.camera.far, *images)

    def _show_adjoint(self, shot, views):
        images = [self._adjoint_or_zero(shot.frame, name) for name in ("depth", "normal", "position")]
        for batch in self._batches(views, shot, looking=True):
            self._look(shot, batch)
            level = self._paths.levels[0]
            level.zero_adjoints()
            seen = level.what, level.seen, shot.camera_array, batch.view, shot.width, shot.height
            show_adjoint(*seen, batch.first, level.count, *images, level.seen_adjoint, self._partials)
            self._paths.surface_adjoint(level)
            self._to_camera(shot, batch)

    def _trace(self, shot, batch):
        """Traces a batch of rays; the levels are of it then."""
        eye = self._begin(shot, batch)
        self._paths.trace(self._buffers.constant("ground", (shot.ground,)), eye)
        shot.traced[batch.slot] = batch

    def _look(self, shot, batch):
        """Finds what a batch of rays sees, without light."""
        shot.traced.pop(batch.slot, None)
        self._paths.look(self._begin(shot, batch))

    def _begin(self, shot, batch):
        """Places a batch of rays; returns the one eye that they come from, None if there is none."""
        level = self._paths.begin(batch.blocks * LANES * batch.columns * batch.rows, batch.slot)
        rays = level.count, level.origins, level.directions, level.ends, level.path
        place(*self._camera_of(shot, batch), shot.camera.near, shot.camera.far, batch.view, batch.first, *rays)
        if shot.camera.is_orthographic:
            return None
        eye = self._buffers.get("eye", (1, 3))
        copy_eye(shot.camera_array, batch.view, eye)
        return eye

    def _to_camera(self, shot, batch):
        level = self._paths.levels[0]
        rays = level.count, level.origins_adjoint, level.directions_adjoint
        place_adjoint(*self._camera_of(shot, batch), batch.view, batch.first, *rays, self._partials)

    @staticmethod
    def _camera_of(shot, batch):
        camera = shot.camera_array, shot.camera.is_orthographic
        return *camera, shot.width, shot.height, batch.columns, batch.rows, shot.seed

    @staticmethod
    def _in_image(shot, batch):
        """Where in the images a batch's pixels are."""
        sizes = shot.width, shot.height, batch.columns, batch.rows
        return *sizes, batch.view * shot.width * shot.height, batch.first

    def _batches(self, views, shot, looking=False):
        """Of all samples of the views' pixels; ``looking``: of their middles alone."""
        samples = (1, 1) if looking else shot.samples
        blocks, each = blocks_of(shot.width, shot.height), LANES * samples[0] * samples[1]
        step = max(1, RAYS // each)
        count = len(views) * -(-blocks // step)
        for i in range(count):
            view, start = views[i // (count // len(views))], i % (count // len(views)) * step
            slot = LOOKING if looking or count > SLOTS else i
            yield Batch(view, start * each, min(step, blocks - start), *samples, slot)

    def _require_usable(self, shot):
        surfaces = self._things.surfaces
        arrays = surfaces.vertices, surfaces.colors, surfaces.texels, surfaces.uv, surfaces.solids, surfaces.materials
        checked = (*arrays, shot.camera_array, shot.camera_array)
        if not all(all_usable(one, other) for one, other in zip(checked[::2], checked[1::2], strict=True)):
            for thing in (*self._things.meshes, *self._things.shapes, shot.scene, shot.camera):
                thing.check()
        if shot.scene.lights is not None and not all_usable(*shot.scene.lights.arrays):
            shot.scene.lights.check()
        if shot.scene.environment is not None:
            texels = shot.scene.environment.fields.arrays["texels"]
            if not all_usable(texels, texels):
                _refuse(shot.scene.environment)


def _require_countable(size, samples):
    """Raises InputError if a view has more rays than 32-bit integers count."""
    rays = blocks_of(size[1], size[0]) * LANES * samples
    if rays >= 1 << 31:
        most = ((1 << 31) - 1) // (rays // samples)
        raise InputError(
            f"samples: {samples} of each of {size[0]} x {size[1]} pixels are {rays} rays, too many: expected at most"
            f" {most} samples; average renders of several seeds"
        )


def _refuse(environment):
    """Raises InputError that says which texel is not finite, or the largest of those that are too large."""
    texels = environment.numpy()
    wrong = ~np.isfinite(texels)
    index = np.unravel_index((wrong if wrong.any() else np.abs(texels)).argmax(), texels.shape)
    place = tuple(int(i) for i in index)
    limit = "" if wrong.any() else " up to 1e30"
    raise InputError(f"{environment.name}: expected finite numbers{limit}, got {texels[index]} at {place}")


def _cells(samples):
    """(columns, rows) of as many cells, as square as can be."""
    rows = max(divisor for divisor in range(1, int(samples**0.5) + 1) if samples % divisor == 0)
    return samples // rows, rows


def _elements(scene, views):
    """((element, its views), ...)."""
    batches = {thing.batch for thing in scene.objects if isinstance(thing, Mesh)} | {1}
    if batches == {1}:
        return ((0, tuple(range(views))),)
    if batches - {1} != {views}:
        raise ShapeError(
            f"render: {views} views of meshes in batches of {sorted(batches - {1})}: expected batches of 1 or {views}"
        )
    return tuple((view, (view,)) for view in range(views))


def _no_lights(scene):
    """Of scenes without any: own colours are shown as they are; what an environment lights has no other light."""
    return Lights(ambient=1.0 if scene.environment is None else 0.0)
