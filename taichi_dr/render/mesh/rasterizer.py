"""The z-buffer rasterizer, with analytic edge antialiasing as an option."""

from functools import partial

import taichi as ti

from taichi_dr.kernels.antialias.blend import antialias, antialias_edge_adjoint, antialias_image_adjoint, claimed_length
from taichi_dr.kernels.screen.coverage import cover
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh
from taichi_dr.kernels.zbuffer.face_records import DepthTest
from taichi_dr.kernels.zbuffer.resolve import Visible
from taichi_dr.kernels.zbuffer.zbuffer import ZBuffer
from taichi_dr.render.mesh.check import check_shot
from taichi_dr.render.mesh.geometry import GeometryStage
from taichi_dr.render.mesh.pixels import PixelStage
from taichi_dr.render.mesh.renderer import MeshRenderer
from taichi_dr.render.mesh.surface.choose import choose_surface
from taichi_dr.render.mesh.surface.normals import VertexNormals
from taichi_dr.tape import off_tape


class Rasterizer(MeshRenderer):
    """Rasterization with a z-buffer: what each pixel's centre sees.

    Exact coverage (each pixel on a shared edge belongs to one face: top-left rule), perspective-correct
    interpolation, faces cut at the near plane.  Differentiable in everything but visibility; with
    ``antialias=True`` in visibility too: where neighbouring pixels show different surfaces, the silhouette edge
    between them is found, the two are blended by where it crosses, and the blend is differentiated (Laine et al.,
    Modular Primitives for High-Performance Differentiable Rendering, 2020).  Colour and alpha are antialiased; depth,
    normal, barycentric and face_id are those of the pixel's centre.

    Arguments:
        size: (height, width) in pixels, or one number.
        background: linear RGB; may be changed between renders, unlike the others.
        antialias: blend at silhouettes.
        cull_back: draw only faces whose corners run counter-clockwise as seen from the camera.
    """

    @off_tape
    def __init__(self, size, *, background=(0.0, 0.0, 0.0), antialias=False, cull_back=False):
        super().__init__(size, background)
        self._antialias, self._cull_back = bool(antialias), bool(cull_back)
        self._geometry = GeometryStage(self._buffers)
        self._zbuffer = ZBuffer(self._buffers)
        self._pixels = PixelStage(self._buffers)

    antialias = property(lambda self: self._antialias, doc="Whether silhouettes are blended; fixed.")
    cull_back = property(lambda self: self._cull_back, doc="Whether faces seen from behind are left out; fixed.")

    def _forward(self, shot):
        frame, mesh, camera = shot.frame, shot.mesh, shot.camera
        self._geometry.forward(shot)
        shot.surface = choose_surface(self._buffers, shot)
        shot.surface.forward(shot)
        check_shot(shot)
        projected = ProjectedMesh(shot.clip, mesh.topology.array("faces"), shot.views.views)
        test = DepthTest(camera.near, camera.far, camera.is_orthographic)
        visible = Visible(frame.array("face_id"), frame.array("depth"), frame.array("barycentric"))
        self._zbuffer.draw(projected, Screen(self.width, self.height), test, visible, cull_back=self.cull_back)
        if self.antialias:
            rgba = self._buffers.get("rgba", (frame.array("face_id").shape[0], 4))
            self._pixels.forward(shot, shot.surface, self.background, rgba, coverage=True)
            self._blend_edges(shot, rgba)
        else:
            self._pixels.forward(shot, shot.surface, self.background, frame.array("color"))
            cover(frame.array("face_id"), frame.array("alpha"))

    def _produce(self, shot, name):
        shot.normals = VertexNormals(self._buffers, shot.mesh)
        shot.normals.forward(shot)
        self._pixels.forward(shot, shot.normals, (0.0, 0.0, 0.0), shot.frame.array(name))

    def _adjoint(self, shot):
        frame = shot.frame
        clip_adjoint = self._buffers.zeroed("clip_adjoint", shot.clip.shape)
        others = (None, None)
        if frame.in_use("depth") or frame.in_use("barycentric"):
            others = [self._adjoint_or_zero(frame, name) for name in ("depth", "barycentric")]
        if self.antialias:
            adjoint = self._blended_adjoint(shot)
            add_corners = partial(self._add_edge_adjoint, shot, self._unblend(shot, adjoint))
            outputs = [adjoint, *others]
        else:
            outputs, add_corners = [self._adjoint_or_zero(frame, "color"), *others], None
        self._pixels.adjoint(shot, shot.surface, self._zbuffer, outputs, clip_adjoint, add_corners)
        if frame.in_use("normal"):
            outputs = [frame.adjoint("normal"), None, None]
            self._pixels.adjoint(shot, shot.normals, self._zbuffer, outputs, clip_adjoint)
        self._geometry.adjoint(shot, clip_adjoint)

    def _blend_edges(self, shot, rgba):
        frame, topology = shot.frame, shot.mesh.topology
        visible = (frame.array("face_id"), frame.array("depth"))
        size = (shot.views.views, self.width, self.height, shot.camera.near)
        faces = (topology.array("faces"), topology.array("twins"))
        antialias(shot.clip, *faces, *visible, rgba, *self._edge_buffers(shot), *size, 4)
        frame.bind(color=rgba)
        frame.bind(first=3, alpha=rgba)

    def _blended_adjoint(self, shot):
        """Adjoint of the antialiased colour and alpha, (V*H*W, 4)."""
        frame = shot.frame
        shape = (frame.array("face_id").shape[0], 4)
        in_use = [name for name in ("color", "alpha") if frame.in_use(name)]
        # one array for each choice: columns of an output that is not in use are zeros, and the adjoint leaves them so
        adjoint = self._buffers.get("_".join(["blended_adjoint", *in_use]), shape)
        frame.copy_adjoints(adjoint, color=0, alpha=3)
        return adjoint

    def _unblend(self, shot, adjoint):
        """Turns the adjoint of the antialiased image into that of the image before; keeps it where edges are."""
        _, *edges = self._edge_buffers(shot)
        size = (shot.views.views, self.width, self.height)
        faces = shot.mesh.topology.array("faces")
        kept = self._buffers.get("adjoint_before", adjoint.shape)
        antialias_image_adjoint(shot.clip, faces, *edges, adjoint, kept, *size, 4)
        return kept

    def _add_edge_adjoint(self, shot, adjoint_before, corner_adjoint):
        size = (shot.views.views, self.width, self.height, shot.camera.near)
        arrays = (*self._edge_buffers(shot), adjoint_before, corner_adjoint)
        antialias_edge_adjoint(shot.clip, shot.mesh.topology.array("faces"), *arrays, *size, 0, 4)

    def _edge_buffers(self, shot):
        """What the blend leaves for its adjoint: the claimed pixels before it, claims on pairs of pixels, the claimed
        pixels, silhouette edges."""
        views = shot.views.views
        pixels = claimed_length(views * self.width * self.height)
        before, claims = self._buffers.get("before", (pixels, 4)), self._buffers.get("claims", (pixels, 4), ti.i32)
        claimed = self._buffers.get("claimed", (pixels,), ti.i32)
        return before, claims, claimed, self._buffers.get("edge_mask", (views * shot.mesh.face_count,), ti.i32)
