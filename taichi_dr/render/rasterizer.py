"""The z-buffer rasterizer, with analytic edge antialiasing as an option."""

import taichi as ti

from taichi_dr.kernels.antialias import antialias, antialias_adjoint
from taichi_dr.kernels.coverage import cover, join, join_coverage, split
from taichi_dr.kernels.gather import gather_corners
from taichi_dr.kernels.raster import ZBuffer
from taichi_dr.render.geometry import GeometryStage
from taichi_dr.render.pixels import PixelStage
from taichi_dr.render.renderer import Renderer
from taichi_dr.render.surface import VertexNormals, choose_surface


class Rasterizer(Renderer):
    """Rasterization with a z-buffer: what each pixel's centre sees.

    Exact coverage (each pixel on a shared edge belongs to one face: top-left rule), perspective-correct
    interpolation, faces cut at the near plane.  Differentiable in everything but visibility; with
    ``antialias=True`` in visibility too: where neighbouring pixels show different surfaces, the silhouette edge
    between them is found, the two are blended by where it crosses, and the blend is differentiated (Laine et al.,
    Modular Primitives for High-Performance Differentiable Rendering, 2020).  Colour and alpha are antialiased; depth,
    normal, barycentric and face_id are those of the pixel's centre.

    Arguments:
        size: (height, width) in pixels, or one number.
        background: linear RGB; may be changed between renders.
        antialias: blend at silhouettes.
        cull_back: draw only faces whose corners run counter-clockwise as seen from the camera.
    """

    def __init__(self, size, *, background=(0.0, 0.0, 0.0), antialias=False, cull_back=False):
        super().__init__(size, background)
        self.antialias, self.cull_back = antialias, cull_back
        self._geometry = GeometryStage(self._buffers)
        self._zbuffer = ZBuffer()
        self._pixels = PixelStage(self._buffers)

    def _forward(self, scene):
        frame, mesh, camera = scene.frame, scene.mesh, scene.camera
        self._geometry.forward(scene)
        scene.surface = choose_surface(self._buffers, scene)
        scene.surface.forward(scene)
        size = (scene.views.views, self.width, self.height)
        visible = (frame.array("face_id"), frame.array("depth"), frame.array("barycentric"))
        faces = mesh.topology.array("faces")
        self._zbuffer.draw(scene.clip, faces, *size, camera.near, camera.far, *visible, self.cull_back)
        color = self._buffers.get("hard_color", frame.array("color").shape) if self.antialias else frame.array("color")
        self._pixels.forward(scene, scene.surface, self.background, color)
        if self.antialias:
            self._blend_edges(scene, color)
        else:
            cover(frame.array("face_id"), frame.array("alpha"))

    def _produce(self, scene, name):
        if name == "normal":
            scene.normals = VertexNormals(self._buffers, scene.mesh)
            scene.normals.forward(scene)
            self._pixels.forward(scene, scene.normals, (0.0, 0.0, 0.0), scene.frame.array("normal"))

    def _adjoint(self, scene):
        frame = scene.frame
        clip_adjoint = self._buffers.zeroed("clip_adjoint", scene.clip.shape)
        color_adjoint = self._adjoint_or_zero(frame, "color")
        if self.antialias:
            color_adjoint = self._blend_edges_adjoint(scene, color_adjoint, clip_adjoint)
        others = [self._adjoint_or_zero(frame, name) for name in ("depth", "barycentric")]
        self._pixels.adjoint(scene, scene.surface, self._zbuffer.boxes, color_adjoint, *others, clip_adjoint)
        if frame.in_use("normal"):
            nothing = [self._buffers.zeroed(f"no_{name}", frame.array(name).shape) for name in ("depth", "barycentric")]
            normal_adjoint = frame.adjoint("normal")
            self._pixels.adjoint(scene, scene.normals, self._zbuffer.boxes, normal_adjoint, *nothing, clip_adjoint)
        self._geometry.adjoint(scene, clip_adjoint)

    def _blend_edges(self, scene, color):
        frame, buffers = scene.frame, self._buffers
        pixels = color.shape[0]
        rgba = buffers.get("rgba", (pixels, 4))
        blended = buffers.get("blended", (pixels, 4))
        join_coverage(color, frame.array("face_id"), rgba)
        antialias(
            scene.clip,
            scene.mesh.topology.array("faces"),
            self._twins(scene.mesh),
            frame.array("face_id"),
            frame.array("depth"),
            rgba,
            *self._edge_buffers(scene),
            blended,
            scene.views.views,
            self.width,
            self.height,
            scene.camera.near,
            4,
        )
        split(blended, frame.array("color"), frame.array("alpha"))

    def _blend_edges_adjoint(self, scene, color_adjoint, clip_adjoint):
        frame, buffers, topology = scene.frame, self._buffers, scene.mesh.topology
        pixels = color_adjoint.shape[0]
        blended_adjoint = buffers.get("blended_adjoint", (pixels, 4))
        rgba_adjoint = buffers.zeroed("rgba_adjoint", (pixels, 4))
        views, faces = scene.views.views, scene.mesh.face_count
        corner_adjoint = buffers.zeroed("edge_corner_adjoint", (views * faces * 3, 3))
        join(color_adjoint, self._adjoint_or_zero(frame, "alpha"), blended_adjoint)
        antialias_adjoint(
            scene.clip,
            topology.array("faces"),
            buffers.get("rgba", (pixels, 4)),
            *self._edge_buffers(scene),
            blended_adjoint,
            rgba_adjoint,
            corner_adjoint,
            views,
            self.width,
            self.height,
            scene.camera.near,
            0,
            4,
        )
        adjacency = (topology.array("corner_start"), topology.array("corner_list"))
        gather_corners(corner_adjoint, 0, 3, *adjacency, clip_adjoint, views, faces)
        hard_adjoint = buffers.get("hard_color_adjoint", (pixels, 3))
        split(rgba_adjoint, hard_adjoint, buffers.get("unused_alpha_adjoint", (pixels,)))
        return hard_adjoint

    def _edge_buffers(self, scene):
        """What the blend leaves for its adjoint: the edges between pixels, the silhouette edges of faces."""
        views = scene.views.views
        pairs = self._buffers.get("pair_edge", (views * self.width * self.height, 4), ti.i32)
        return pairs, self._buffers.get("edge_mask", (views * scene.mesh.face_count,), ti.i32)

    @staticmethod
    def _twins(mesh):
        return mesh.topology.array("twins")
