"""The normals of a mesh's vertices and faces: what shading needs, and what the output ``normal`` interpolates."""

from taichi_dr.kernels.base.gather import sum_views
from taichi_dr.kernels.base.spread import repeat_views
from taichi_dr.kernels.shading.normals import face_normals, face_normals_adjoint, vertex_normals, vertex_normals_adjoint
from taichi_dr.render.mesh.surface.base import Surface


class VertexNormals(Surface):
    """Unit vertex normals in world space, whatever the material's shading: what the output ``normal`` interpolates."""

    def __init__(self, buffers, mesh):
        super().__init__(buffers, mesh.topology)

    def forward(self, shot):
        self._allocate(shot)
        normals = compute_vertex_normals(self._buffers, shot.mesh)
        repeat_views(normals, shot.views.view_mesh, self.attributes, self.rows)

    def adjoint(self, shot, attributes_adjoint):
        normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", shot.mesh.fields.arrays["vertices"].shape)
        views = shot.views
        sum_views(attributes_adjoint, *views.of_mesh, normals_adjoint, self.rows)
        add_vertex_normals_adjoint(self._buffers, shot.mesh, normals_adjoint)


def compute_vertex_normals(buffers, mesh):
    """Unit normals (B*N, 3), in the buffer ``vertex_normals``."""
    vertices, topology = mesh.fields.arrays["vertices"], mesh.topology
    normals = buffers.get("vertex_normals", vertices.shape)
    vertex_normals(vertices, topology.array("faces"), *topology.corners(), normals, mesh.batch)
    return normals


def add_vertex_normals_adjoint(buffers, mesh, normals_adjoint):
    """Takes the adjoint of ``compute_vertex_normals`` to the mesh's vertices."""
    vertices, topology = mesh.fields.arrays["vertices"], mesh.topology
    scratch = buffers.get("normal_sum_adjoint", vertices.shape)
    target = mesh.fields.adjoints["vertices"]
    vertex_normals_adjoint(
        vertices, topology.array("faces"), *topology.corners(), normals_adjoint, scratch, target, mesh.batch
    )


def compute_face_normals(buffers, mesh):
    """Unit normals (B*F, 3), in the buffer ``face_normals``."""
    normals = buffers.get("face_normals", (mesh.batch * mesh.face_count, 3))
    face_normals(mesh.fields.arrays["vertices"], mesh.topology.array("faces"), normals, mesh.batch)
    return normals


def add_face_normals_adjoint(mesh, normals_adjoint):
    """Takes the adjoint of ``compute_face_normals`` to the mesh's vertices."""
    vertices, topology = mesh.fields.arrays["vertices"], mesh.topology
    target = mesh.fields.adjoints["vertices"]
    face_normals_adjoint(vertices, topology.array("faces"), *topology.corners(), normals_adjoint, target, mesh.batch)
