"""Colours lit at the centres of the faces (flat shading)."""

from taichi_dr.kernels.shading.at_vertices import COLOR, CORNER_SCRATCH, shade_corners, shade_corners_adjoint
from taichi_dr.kernels.shading.light import partials_shape
from taichi_dr.render.mesh.surface.lights import TWO_SIDED_FACES, LitColors, add_light_adjoints
from taichi_dr.render.mesh.surface.normals import add_face_normals_adjoint, compute_face_normals


class FaceLitColors(LitColors):
    """Colours times the light at the centre of each face (flat)."""

    def __init__(self, buffers, mesh, term=COLOR):
        super().__init__(buffers, mesh.corner_topology, term)

    def forward(self, shot):
        self._allocate(shot)
        mesh, topology = shot.mesh, shot.mesh.topology
        vertices = mesh.fields.arrays["vertices"]
        normals = compute_face_normals(self._buffers, mesh)
        shade_corners(
            mesh.fields.arrays["colors"],
            mesh.color_topology.array("faces"),
            vertices,
            topology.array("faces"),
            normals,
            shot.views.view_mesh,
            *self._light(shot, TWO_SIDED_FACES),
            mesh.batch,
            self.attributes,
        )

    def adjoint(self, shot, attributes_adjoint):
        mesh, views, topology = shot.mesh, shot.views, shot.mesh.topology
        fields, colors = mesh.fields, mesh.color_topology
        normals = self._buffers.get("face_normals", (mesh.batch * mesh.face_count, 3))
        normals_adjoint = self._buffers.zeroed("face_normals_adjoint", normals.shape)
        shape = partials_shape(shot.lights.count, views.views, mesh.face_count, shot.lights.arrays[1].shape[1])
        partials = self._buffers.get("light_partials", shape)
        shade_corners_adjoint(
            mesh.fields.arrays["colors"],
            colors.array("faces"),
            *colors.corners(),
            fields.arrays["vertices"],
            topology.array("faces"),
            *topology.corners(),
            normals,
            views.view_mesh,
            *views.of_mesh,
            *self._light(shot, TWO_SIDED_FACES),
            attributes_adjoint,
            fields.adjoints["colors"],
            fields.adjoints["vertices"],
            normals_adjoint,
            partials,
            self._buffers.get("shading_scratch", (views.views * mesh.face_count, CORNER_SCRATCH)),
        )
        add_light_adjoints(shot, partials)
        add_face_normals_adjoint(mesh, normals_adjoint)
