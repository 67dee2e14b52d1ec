"""The z-buffer rasterizer, with analytic edge antialiasing as an option."""

from taichi_dr.kernels.screen.background import composite, composite_adjoint
from taichi_dr.kernels.zbuffer.zbuffer import ZBuffer
from taichi_dr.render.background import background_rows, is_varied
from taichi_dr.render.mesh.check import check_shot
from taichi_dr.render.mesh.edges import EdgeStage
from taichi_dr.render.mesh.geometry import GeometryStage
from taichi_dr.render.mesh.pixels import PixelStage
from taichi_dr.render.mesh.renderer import MeshRenderer
from taichi_dr.render.mesh.surface.choose import choose_surface
from taichi_dr.render.mesh.surface.normals import VertexNormals
from taichi_dr.types import ArrayLike, Field, Size


class Rasterizer(MeshRenderer):
    """Rasterization with a z-buffer: what each pixel's centre sees.

    Exact coverage (each pixel on a shared edge belongs to one face: top-left rule), perspective-correct
    interpolation, faces cut at the near plane.  Differentiable in everything but visibility; with
    ``antialias=True`` in visibility too: pixels that a silhouette passes get the colours on both sides of it by the
    exact areas that these cover, and the blend is differentiated (after Laine et al., Modular Primitives for
    High-Performance Differentiable Rendering, 2020).  Colour and alpha are antialiased; depth,
    normal, barycentric and face_id are those of the pixel's centre.

    Arguments:
        size: (height, width) in pixels, or one number; may be changed between renders, and so may
        background: a colour (3,), one for each view (V, 3), an image (H, W, 3), one for each view (V, H, W, 3), or None
            for nothing: colours are then multiplied by alpha, and ``color + (1 - alpha) background`` gives the others.
        antialias: blend at silhouettes; fixed.
        cull_back: draw only faces whose corners run counter-clockwise as seen from the camera; fixed.
    """

    def __init__(
        self,
        size: Size,
        *,
        background: ArrayLike | Field | None = (0.0, 0.0, 0.0),
        antialias: bool = False,
        cull_back: bool = False,
    ) -> None:
        super().__init__(size, background)
        self._antialias, self._cull_back = bool(antialias), bool(cull_back)
        self._geometry = GeometryStage(self._buffers)
        self._zbuffer = ZBuffer(self._buffers)
        self._pixels = PixelStage(self._buffers)
        self._edges = EdgeStage(self._buffers)

    @property
    def antialias(self) -> bool:
        """Whether silhouettes are blended; fixed."""
        return self._antialias

    @property
    def cull_back(self) -> bool:
        """Whether faces seen from behind are left out; fixed."""
        return self._cull_back

    def _forward(self, shot):
        frame = shot.frame
        self._geometry.forward(shot)
        shot.surface = choose_surface(self._buffers, shot)
        shot.surface.forward(shot)
        check_shot(shot)
        drawing = (shot.projected, shot.screen, shot.depth_test, shot.visible)
        self._zbuffer.draw(*drawing, world=shot.world, cull_back=self.cull_back)
        rgba = self._buffers.get("rgba", (frame.array("face_id").shape[0], 4))
        self._pixels.forward(shot, shot.surface, shot.ground, rgba, coverage=True)
        if self.antialias:
            self._edges.forward(shot, rgba)
        if is_varied(shot.background):
            composite(rgba, background_rows(shot.background, self._buffers), shot.views.views)
        frame.bind(color=rgba)
        frame.bind(first=3, alpha=rgba)

    def _produce(self, shot, name):
        shot.normals = VertexNormals(self._buffers, shot.mesh)
        shot.normals.forward(shot)
        self._pixels.forward(shot, shot.normals, (0.0, 0.0, 0.0), shot.frame.array(name))

    def _adjoint(self, shot):
        frame = shot.frame
        clip_adjoint = self._buffers.zeroed("clip_adjoint", shot.clip.shape)
        depth_adjoint = barycentric_adjoint = None
        if frame.in_use("depth") or frame.in_use("barycentric"):
            depth_adjoint = self._adjoint_or_zero(frame, "depth")
            barycentric_adjoint = self._adjoint_or_zero(frame, "barycentric")
        if self.antialias:
            color_adjoint = self._blended_adjoint(shot)
            kept = self._edges.image_adjoint(shot, color_adjoint)
        else:
            color_adjoint = self._adjoint_or_zero(frame, "color")
        outputs = (color_adjoint, depth_adjoint, barycentric_adjoint)
        corner_adjoint = self._pixels.adjoint_to_corners(shot, shot.surface, self._zbuffer, outputs)
        if self.antialias:
            self._edges.corner_adjoint(shot, kept, corner_adjoint)
        self._pixels.gather_corners(shot, shot.surface, corner_adjoint, clip_adjoint)
        if frame.in_use("normal"):
            outputs = (frame.adjoint("normal"), None, None)
            corner_adjoint = self._pixels.adjoint_to_corners(shot, shot.normals, self._zbuffer, outputs)
            self._pixels.gather_corners(shot, shot.normals, corner_adjoint, clip_adjoint)
        self._geometry.adjoint(shot, clip_adjoint)

    def _blended_adjoint(self, shot):
        """Adjoint of the antialiased colour and alpha before the background was laid behind them, (V*H*W, 4)."""
        frame, shape = shot.frame, (shot.frame.array("face_id").shape[0], 4)
        if is_varied(shot.background):
            adjoint = self._buffers.zeroed("composite_adjoint", shape)
            frame.copy_adjoints(adjoint, color=0, alpha=3)
            composite_adjoint(adjoint, background_rows(shot.background, self._buffers), shot.views.views)
            return adjoint
        in_use = [name for name in ("color", "alpha") if frame.in_use(name)]
        # one array for each choice: columns of an output that is not in use are zeros, and the adjoint leaves them so
        adjoint = self._buffers.get("_".join(["blended_adjoint", *in_use]), shape)
        frame.copy_adjoints(adjoint, color=0, alpha=3)
        return adjoint
