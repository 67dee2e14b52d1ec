"""The first stage of the rasterizers: a mesh's vertices as each camera sees them."""

from taichi_dr.kernels.camera.transform import partial_shape, transform, transform_adjoint
from taichi_dr.scene.camera_check import check_range


class GeometryStage:
    """``vertices`` (B, N) through cameras (V,) to clip coordinates (V*N, 4)."""

    def __init__(self, buffers):
        self._buffers = buffers

    def forward(self, scene):
        """Writes ``scene.camera_array`` and ``scene.clip``.

        Raises:
            CameraError: near and far that are no range of depths.
        """
        check_range(scene.camera.near, scene.camera.far, scene.camera.kind)
        vertices = scene.mesh.fields.arrays["vertices"]
        scene.camera_array = scene.camera.pack(scene.width, scene.height)
        scene.clip = self._buffers.get("clip", (scene.views.views * scene.mesh.vertex_count, 4))
        transform(vertices, scene.views.view_mesh, scene.camera_array, scene.clip, scene.camera.is_orthographic)

    def adjoint(self, scene, clip_adjoint):
        """Adds to the adjoints of the mesh's vertices and to ``scene.camera_adjoint``."""
        views = scene.views
        transform_adjoint(
            scene.mesh.fields.arrays["vertices"],
            views.view_mesh,
            views.mesh_view_start,
            views.mesh_view_list,
            scene.camera_array,
            clip_adjoint,
            scene.mesh.fields.adjoints["vertices"],
            scene.camera_adjoint,
            self._buffers.get("transform_partial", partial_shape(views.views, scene.mesh.vertex_count)),
            scene.camera.is_orthographic,
        )
