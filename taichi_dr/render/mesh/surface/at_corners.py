"""Colours of faces lit at the vertices around them (Gouraud shading): as vertex colours are, if all corners had one."""

from taichi_dr.kernels.base.gather import gather_corners
from taichi_dr.kernels.base.spread import PER_MESH, spread_to_corners
from taichi_dr.render.mesh.surface.lights import LitColors, LitPoints
from taichi_dr.render.mesh.surface.normals import add_vertex_normals_adjoint, compute_vertex_normals
from taichi_dr.render.views import view_map


class CornerLitColors(LitColors):
    """Each face's colour times the light at its three corners, which lie at the vertices and have their normals."""

    def __init__(self, buffers, mesh):
        super().__init__(buffers, mesh.corner_topology)

    def forward(self, shot):
        self._allocate(shot)
        mesh = shot.mesh
        rows = mesh.fields.arrays["colors"], mesh.fields.arrays["vertices"], compute_vertex_normals(self._buffers, mesh)
        own, points = view_map(mesh.batch, mesh.batch), self._points(mesh)
        for values, topology, corners in zip(rows, _topologies(mesh), points, strict=True):
            spread_to_corners(values, topology.array("faces"), own.view_mesh, topology.rows, PER_MESH, corners, 0)
        self._shade(shot, points)

    def adjoint(self, shot, attributes_adjoint):
        mesh, adjoints = shot.mesh, shot.mesh.fields.adjoints
        normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", adjoints["vertices"].shape)
        corner_adjoints = LitPoints(*(self._zeroed(f"{name}_adjoint", mesh) for name in LitPoints._fields))
        self._shade_adjoint(shot, self._points(mesh), attributes_adjoint, corner_adjoints)
        rows = adjoints["colors"], adjoints["vertices"], normals_adjoint
        for corners, topology, out in zip(corner_adjoints, _topologies(mesh), rows, strict=True):
            gather_corners(corners, 0, 3, *topology.corners(), out, mesh.batch, mesh.face_count)
        add_vertex_normals_adjoint(self._buffers, mesh, normals_adjoint)

    def _points(self, mesh):
        """What ``forward`` copies to the corners."""
        return LitPoints(*(self._buffers.get(f"corner_{name}", self._shape(mesh)) for name in LitPoints._fields))

    def _zeroed(self, name, mesh):
        return self._buffers.zeroed(f"corner_{name}", self._shape(mesh))

    def _shape(self, mesh):
        return mesh.batch * self.rows, 3


def _topologies(mesh):
    """Which rows the corners have of colours, vertices and normals."""
    return mesh.color_topology, mesh.topology, mesh.topology
