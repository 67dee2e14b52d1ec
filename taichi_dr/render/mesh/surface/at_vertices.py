"""Colours lit at the vertices, to be interpolated (Gouraud shading)."""

from taichi_dr.kernels.shading.at_vertices import COLOR
from taichi_dr.render.mesh.surface.lights import LitColors, LitPoints
from taichi_dr.render.mesh.surface.normals import add_vertex_normals_adjoint, compute_vertex_normals


class VertexLitColors(LitColors):
    """Colours times the light at the vertices."""

    def __init__(self, buffers, mesh, term=COLOR):
        super().__init__(buffers, mesh.topology, term)

    def forward(self, shot):
        self._allocate(shot)
        self._shade(shot, _points(shot.mesh.fields.arrays, compute_vertex_normals(self._buffers, shot.mesh)))

    def adjoint(self, shot, attributes_adjoint):
        fields = shot.mesh.fields
        normals = self._buffers.get("vertex_normals", fields.arrays["vertices"].shape)
        normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", normals.shape)
        points, adjoints = _points(fields.arrays, normals), _points(fields.adjoints, normals_adjoint)
        self._shade_adjoint(shot, points, attributes_adjoint, adjoints)
        add_vertex_normals_adjoint(self._buffers, shot.mesh, normals_adjoint)


def _points(arrays, normals):
    return LitPoints(arrays["colors"], arrays["vertices"], normals)
