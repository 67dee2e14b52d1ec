"""Rasterize, interpolate, texture, antialias: four operations on the tape, for shaders of one's own."""

from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from taichi_dr.errors import GradientError, InputError, RuntimeStateError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.zbuffer.zbuffer import ZBuffer
from taichi_dr.render.frame import INDEX, Frame
from taichi_dr.render.mesh.check import check_shot
from taichi_dr.render.mesh.geometry import GeometryStage
from taichi_dr.render.mesh.pixels import PixelStage
from taichi_dr.render.mesh.primitives.antialias import Blend
from taichi_dr.render.mesh.primitives.interpolate import Interpolation, Rows
from taichi_dr.render.mesh.primitives.texture import TextureSample
from taichi_dr.render.mesh.primitives.values import Places, rows_of
from taichi_dr.render.mesh.renderer import make_shot
from taichi_dr.render.mesh.surface.normals import VertexNormals
from taichi_dr.render.mesh.surface.own_colors import OwnColors
from taichi_dr.render.renderer import Renderer
from taichi_dr.render.views import view_map
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.topology import topology_of
from taichi_dr.tape import tape_operation
from taichi_dr.types import ArrayLike, Field, Size

Values: TypeAlias = Field | Variable


class Stages(NamedTuple):
    """What draws."""

    geometry: GeometryStage
    zbuffer: ZBuffer
    pixels: PixelStage


class Primitives(Renderer):
    """The pieces of a rasterizer, between which a program has kernels of its own (Laine et al., Modular Primitives for
    High-Performance Differentiable Rendering, 2020).

    ``rasterize`` finds what every pixel shows; ``interpolate``, ``texture`` and ``antialias`` then write images (V, H,
    W) into fields that the caller has made, as often as they are wanted.  Inside a ``ti.ad.Tape`` each is an operation
    whose gradient flows to the fields that it has read and, through where faces and silhouettes are, to mesh and
    camera.  Fields are scalars or vectors with gradients (``needs_grad=True``), or ``Variable``s.  docs/kernels.md has
    a whole shader.

    The frame of ``rasterize`` has these outputs:

    ============  ======  =====================================================================================
    output        type    meaning
    ============  ======  =====================================================================================
    depth         scalar  distance along the viewing axis in world units; ``far`` where nothing is hit
    normal        vec3    interpolated vertex normal in world space, not of length 1; 0 where nothing is hit
    barycentric   vec3    perspective-correct barycentric coordinates in the face ``face_id``
    face_id       int     index of the visible face, -1 where nothing is hit
    ============  ======  =====================================================================================

    Arguments:
        size: (height, width) in pixels, or one number; may be changed between renders.
        cull_back: draw only faces whose corners run counter-clockwise as seen from the camera; fixed.

    >>> import taichi as ti, taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> square = dr.Mesh([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> shade, image = ti.field(float, 4, needs_grad=True), ti.field(float, (1, 4, 4), needs_grad=True)
    >>> shade.from_numpy(np.array([0, 1, 1, 0], np.float32))  # of the corners: dark on the left, bright on the right
    >>> draw = dr.Primitives(4)
    >>> seen = draw.rasterize(square, dr.Camera.orthographic((0, 0, 3), half_height=1))
    >>> draw.interpolate(shade, image)
    >>> image.to_numpy()[0, 0].round(6).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """

    OUTPUTS: ClassVar = {"depth": 0, "normal": 3, "barycentric": 3, "face_id": INDEX}
    ON_DEMAND = ("normal",)

    def __init__(self, size: Size, *, cull_back: bool = False) -> None:
        super().__init__(size, None)
        self._cull_back = bool(cull_back)
        self._stages = Stages(GeometryStage(self._buffers), ZBuffer(self._buffers), PixelStage(self._buffers))
        self._step = tape_operation(lambda step: step.forward(), self._step_adjoint)
        self._places = Places()

    @property
    def cull_back(self) -> bool:
        """Whether faces seen from behind are left out; fixed."""
        return self._cull_back

    @property
    def background(self) -> None:
        """None: what is behind the surfaces is for the caller's shader to say."""
        return self._background

    @background.setter
    def background(self, given: ArrayLike | Field | None) -> None:
        if given is not None:
            raise InputError("background: primitives have none; write it where face_id is -1")
        self._background = None

    def rasterize(self, mesh: Mesh, camera: Camera, *, view_mesh: ArrayLike | None = None) -> Frame:
        """What every pixel of V views shows: a Frame.  Arguments and errors are those of ``Rasterizer.render``."""
        return self._submit(make_shot(self._frame, self._buffers, mesh=mesh, camera=camera, view_mesh=view_mesh))

    def interpolate(self, rows: Values, out: Values, faces: ArrayLike | None = None) -> None:
        """``out[v, i, j] = sum_k p_k rows[faces[f, k]]`` over the visible faces f, 0 where there is none.

        Args:
            rows: a field (rows,) or (1, rows) for all meshes, or (B, rows): ``mesh.vertices``, ``mesh.uv``, your own.
            out: a field (V, H, W) of as many components.
            faces: (F, 3) integers, the rows of every face's corners; by default those of the mesh's vertices.

        Raises:
            RuntimeStateError: nothing has been rasterized, or a field is older than the latest ``ti.init``.
            InputError, ShapeError: an argument that is not as above.
        """
        shot, place = self._seen(), self._places.of(out)
        batches, count, n = rows_of("rows", rows, shot.mesh.batch)
        variable, image = place.variable("rows", rows), _image(shot, place, "out", out, n)
        views = shot.views if batches > 1 else view_map(shot.views.views, 1)
        surface = Rows(place.buffers, variable, _topology(shot.mesh, faces, count), views)
        self._step(Interpolation(shot, self._stages, surface, image))

    def texture(
        self, texture: Values, uv: Values, out: Values, *, corners: tuple[Values, ArrayLike] | None = None
    ) -> None:
        """``out = texture(uv)``, bilinear and repeating, at pixels that show a face, 0 at the others.

        Args:
            texture: a field (Ht, Wt) of 3-vectors, row 0 on top; ``mesh.texture``, or your own.
            uv: a field (V, H, W) of 2-vectors, v upwards, as ``interpolate`` writes it.
            out: a field (V, H, W) of 3-vectors.
            corners: the field (T,) of (u, v) and the (F, 3) integers that ``uv`` was interpolated from, for mip-mapping
                (trilinear samples) where texels are smaller than pixels: ``(mesh.uv, mesh.uv_faces)``.  The level of
                detail is constant in the gradient.

        Raises:
            RuntimeStateError, InputError, ShapeError: as ``interpolate``.
        """
        shot, place = self._seen(), self._places.of(out)
        texels = place.variable("texture", texture, (None, None, 3))
        images = _image(shot, place, "uv", uv, 2), _image(shot, place, "out", out, 3)
        if corners is not None:
            rows, faces = corners
            corners = place.variable("corners", rows, (None, 2)), _topology(shot.mesh, faces, rows.shape[0])
        self._step(TextureSample(shot, place.buffers, texels, *images, corners))

    def antialias(self, image: Values, out: Values) -> None:
        """``out`` is ``image`` with the pixels on both sides of every silhouette blended by where it crosses.

        ``image`` and ``out`` are two fields (V, H, W) of as many components.  The gradient of where silhouettes are,
        which nothing else here has, flows to mesh and camera.

        Raises:
            RuntimeStateError, InputError, ShapeError: as ``interpolate``.
        """
        shot, place = self._seen(), self._places.of(out)
        if out is image:
            raise InputError("out: expected another field than image, whose gradient is another one")
        n = getattr(image, "n", 0)
        images = _image(shot, place, "image", image, n), _image(shot, place, "out", out, n)
        self._step(Blend(shot, place.buffers, *images))

    def _forward(self, shot):
        self._stages.geometry.forward(shot)
        shot.surface = OwnColors(self._buffers, shot.mesh)
        shot.surface.forward(shot)
        check_shot(shot)
        shot.clip_adjoint = self._buffers.zeroed("clip_adjoint", shot.clip.shape)
        zbuffer = self._stages.zbuffer
        drawing = (shot.projected, shot.screen, shot.depth_test, shot.visible)
        zbuffer.draw(*drawing, world=shot.world, cull_back=self._cull_back)

    def _produce(self, shot, name):
        shot.normals = VertexNormals(self._buffers, shot.mesh)
        shot.normals.forward(shot)
        self._stages.pixels.forward(shot, shot.normals, (0.0, 0.0, 0.0), shot.frame.array(name))

    def _adjoint(self, shot):
        frame = shot.frame
        if frame.in_use("depth") or frame.in_use("barycentric"):
            no_color = self._buffers.zeroed("no_color", (frame.array("face_id").shape[0], 3))
            outputs = no_color, self._adjoint_or_zero(frame, "depth"), self._adjoint_or_zero(frame, "barycentric")
            self._add(shot, shot.surface, outputs)
        if frame.in_use("normal"):
            self._add(shot, shot.normals, (frame.adjoint("normal"), None, None))
        self._stages.geometry.adjoint(shot, shot.clip_adjoint)
        shot.clip_adjoint.fill(0)

    def _add(self, shot, surface, outputs):
        pixels = self._stages.pixels
        corner_adjoint = pixels.adjoint_to_corners(shot, surface, self._stages.zbuffer, outputs)
        pixels.gather_corners(shot, surface, corner_adjoint, shot.clip_adjoint)

    def _seen(self):
        """The shot of the latest ``rasterize``."""
        self._check()
        if self._latest is None:
            raise RuntimeStateError("expected rasterize(mesh, camera) first: it finds what every pixel shows")
        return self._latest

    def _step_adjoint(self, step):
        if step.shot is not self._latest:
            raise GradientError("this object has rasterized again since the step whose gradient is asked for")
        step.adjoint()


def _image(shot, place, name, value, n):
    """The ``Variable`` of an image that a step reads or writes."""
    return place.variable(name, value, (*shot.frame.shape, n) if n else shot.frame.shape)


def _topology(mesh, faces, rows):
    """Which of so many rows the corners of the faces have.

    Raises:
        ShapeError: not (F, 3), or more rows than there are.
    """
    faces = mesh.topology.faces if faces is None else np.asarray(faces)
    if faces.shape != (mesh.face_count, 3):
        raise ShapeError(f"faces: expected shape ({mesh.face_count}, 3), got {faces.shape}")
    if faces.min() < 0 or faces.max() >= rows:
        raise ShapeError(f"rows: expected as many as faces name, 0 to {faces.max()}, got {rows}; for others give faces")
    return topology_of(faces, rows)
