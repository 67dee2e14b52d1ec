"""Colours lit at the vertices, to be interpolated (Gouraud shading)."""

from taichi_dr.kernels.shading.at_vertices import VERTEX_SCRATCH, shade_vertices, shade_vertices_adjoint
from taichi_dr.kernels.shading.light import partials_shape
from taichi_dr.render.mesh.surface.lights import TWO_SIDED_NORMALS, LitColors, add_light_adjoints, light_arguments
from taichi_dr.render.mesh.surface.normals import add_vertex_normals_adjoint, compute_vertex_normals


class VertexLitColors(LitColors):
    """Colours times the light at the vertices (Gouraud); ``albedo`` is (B*N, 3)."""

    def __init__(self, buffers, mesh, *albedo):
        super().__init__(buffers, mesh.topology, *albedo)

    def forward(self, shot):
        self._allocate(shot)
        albedo = self._albedo_of(shot.mesh)
        normals = compute_vertex_normals(self._buffers, shot.mesh)
        arguments = (albedo, shot.mesh.fields.arrays["vertices"], normals, shot.views.view_mesh)
        shade_vertices(*arguments, *light_arguments(shot, TWO_SIDED_NORMALS), self.attributes)

    def adjoint(self, shot, attributes_adjoint):
        fields, views = shot.mesh.fields, shot.views
        normals = self._buffers.get("vertex_normals", fields.arrays["vertices"].shape)
        normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", normals.shape)
        partials = self._buffers.get("light_partials", partials_shape(shot.lights.count, views.views, self.rows))
        shade_vertices_adjoint(
            self._albedo_of(shot.mesh),
            fields.arrays["vertices"],
            normals,
            views.view_mesh,
            *views.of_mesh,
            *light_arguments(shot, TWO_SIDED_NORMALS),
            attributes_adjoint,
            self._albedo_adjoint_of(shot.mesh),
            fields.adjoints["vertices"],
            normals_adjoint,
            partials,
            self._buffers.get("shading_scratch", (views.views * self.rows, VERTEX_SCRATCH)),
        )
        add_light_adjoints(shot, partials)
        add_vertex_normals_adjoint(self._buffers, shot.mesh, normals_adjoint)
