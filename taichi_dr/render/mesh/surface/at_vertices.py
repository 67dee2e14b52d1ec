"""Colours lit at the vertices, to be interpolated (Gouraud shading)."""

from taichi_dr.kernels.shading.at_vertices import VERTEX_SCRATCH, shade_vertices, shade_vertices_adjoint
from taichi_dr.kernels.shading.light import partials_shape
from taichi_dr.render.mesh.surface.base import Surface
from taichi_dr.render.mesh.surface.lights import TWO_SIDED_NORMALS, add_light_adjoints, light_arguments
from taichi_dr.render.mesh.surface.normals import add_vertex_normals_adjoint, compute_vertex_normals


class VertexLitColors(Surface):
    """Vertex colours times the light at the vertices (Gouraud).

    ``albedo`` is an array (B*N, 3) with an adjoint to add to; the mesh's colours unless given.
    """

    def __init__(self, buffers, mesh, albedo=None, albedo_adjoint=None):
        super().__init__(buffers, mesh.topology)
        self._albedo, self._albedo_adjoint = albedo, albedo_adjoint

    def forward(self, shot):
        self._allocate(shot)
        albedo = shot.mesh.fields.arrays["colors"] if self._albedo is None else self._albedo
        normals = compute_vertex_normals(self._buffers, shot.mesh)
        arguments = (albedo, shot.mesh.fields.arrays["vertices"], normals, shot.views.view_mesh)
        shade_vertices(*arguments, *light_arguments(shot, TWO_SIDED_NORMALS), self.attributes)

    def adjoint(self, shot, attributes_adjoint):
        fields, views = shot.mesh.fields, shot.views
        normals = self._buffers.get("vertex_normals", fields.arrays["vertices"].shape)
        normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", normals.shape)
        partials = self._buffers.get("light_partials", partials_shape(shot.lights.count, views.views, self.rows))
        shade_vertices_adjoint(
            fields.arrays["colors"] if self._albedo is None else self._albedo,
            fields.arrays["vertices"],
            normals,
            views.view_mesh,
            *views.of_mesh,
            *light_arguments(shot, TWO_SIDED_NORMALS),
            attributes_adjoint,
            fields.adjoints["colors"] if self._albedo_adjoint is None else self._albedo_adjoint,
            fields.adjoints["vertices"],
            normals_adjoint,
            partials,
            self._buffers.get("shading_scratch", (views.views * self.rows, VERTEX_SCRATCH)),
        )
        add_light_adjoints(shot, partials)
        add_vertex_normals_adjoint(self._buffers, shot.mesh, normals_adjoint)
