"""The first stage of the rasterizers: a mesh's vertices as each camera sees them."""

from taichi_dr.kernels.base.views import ShownMeshes
from taichi_dr.kernels.camera.transform import partial_shape, transform, transform_adjoint
from taichi_dr.scene.camera_check import check_range


class GeometryStage:
    """``vertices`` (B, N) through cameras (V,) to clip coordinates (V*N, 4)."""

    def __init__(self, buffers):
        self._buffers = buffers

    def forward(self, shot):
        """Writes ``shot.clip``.

        Raises:
            CameraError: near and far that are no range of depths.
        """
        check_range(shot.camera.near, shot.camera.far, shot.camera.kind)
        vertices = shot.mesh.fields.arrays["vertices"]
        shot.clip = self._buffers.get("clip", (shot.views.views * shot.mesh.vertex_count, 4))
        transform(vertices, shot.views.view_mesh, shot.camera_array, shot.clip, shot.camera.is_orthographic)

    def adjoint(self, shot, clip_adjoint):
        """Adds to the adjoints of the mesh's vertices and to ``shot.camera_adjoint``."""
        views = shot.views
        transform_adjoint(
            shot.mesh.fields.arrays["vertices"],
            ShownMeshes(views.view_mesh, views.of_mesh),
            shot.camera_array,
            clip_adjoint,
            shot.mesh.fields.adjoints["vertices"],
            shot.camera_adjoint,
            self._buffers.get("transform_partial", partial_shape(views.views, shot.mesh.vertex_count)),
            shot.camera.is_orthographic,
        )
