"""A texture looked up at texture coordinates of one's own."""

from taichi_dr.kernels.shading.at_points import Layout, shade_pixels, shade_pixels_adjoint
from taichi_dr.kernels.shading.texture import texture_rungs
from taichi_dr.render.mesh.point_shading import Shading
from taichi_dr.render.mesh.surface.pyramids import Pyramids

REPEATED = ("repeat", "repeat")
LAYOUT = Layout(albedo=False, lit=False, textured=True)


class TextureSample:
    """``out = texture(uv)`` at every pixel that shows a face, 0 at the others.

    ``corners``: the variable of (u, v) and the topology that ``uv`` was interpolated from, for the level of detail;
    None for the texture itself everywhere.
    """

    layout = LAYOUT

    def __init__(self, shot, buffers, texels, uv, out, corners):
        self.shot, self._buffers, self._shading = shot, buffers, Shading(buffers)
        self._texels, self._uv, self._out, self._corners = texels, uv, out, corners
        sizes, wraps, faces = (texels.shape,), (REPEATED,), shot.mesh.face_count
        self.texture = Pyramids(buffers, sizes, wraps, face_count=faces)

    def forward(self):
        self.texture.forward(self._texels.read())
        self._find_rungs()
        self._out.array.fill(0)
        shade_pixels(*self._arguments(), self._out.array)
        self._out.write()

    def adjoint(self):
        uv_adjoint = self._buffers.zeroed("uv_adjoint", self._uv.array.shape)
        texels_adjoint = self._buffers.zeroed("texels_adjoint", self._texels.array.shape)
        unread = self._buffers.get("unread_partials", (1, 1))
        adjoints = (self._out.read_gradient(), uv_adjoint, self._shading.pyramid_adjoint(self), unread)
        shade_pixels_adjoint(*self._arguments(), *adjoints)
        self.texture.adjoint(texels_adjoint)
        self._uv.add_gradient(uv_adjoint)
        self._texels.add_gradient(texels_adjoint)

    def _arguments(self):
        rungs = self._buffers.get("rungs", (self._uv.count,))
        return self._uv.read(), self.shot.visible.face_id, rungs, *self._shading.of(self.shot, self).flat()

    def _find_rungs(self):
        shot, rungs = self.shot, self._buffers.get("rungs", (self._uv.count,))
        if self._corners is None:
            rungs.fill(0)
            return
        rows, topology = self._corners
        faces = shot.mesh.topology.array("faces")
        rest = (shot.views.views, shot.width, shot.height, self.texture.levels, self.texture.first_levels, rungs)
        texture_rungs(shot.visible.face_id, shot.clip, faces, rows.read(), topology.array("faces"), *rest)
