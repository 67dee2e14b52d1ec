"""An image of one's own blended across the silhouettes."""

from taichi_dr.kernels.base.gather import gather_corners
from taichi_dr.render.mesh.edges import EdgeStage


class Blend:
    """``out`` is ``image`` with the pixels that silhouettes pass blended by the areas on both sides."""

    def __init__(self, shot, buffers, image, out):
        self.shot, self._buffers, self._image, self._out = shot, buffers, image, out
        self._edges = EdgeStage(buffers, channels=max(image.n, 1))

    def forward(self):
        self._out.array.copy_from(self._image.read())
        self._edges.forward(self.shot, self._out.array)
        self._out.write()

    def adjoint(self):
        shot, topology = self.shot, self.shot.mesh.topology
        adjoint = self._buffers.get("image_adjoint", self._image.array.shape)
        adjoint.copy_from(self._out.read_gradient())
        kept = self._edges.image_adjoint(shot, adjoint)
        self._image.add_gradient(adjoint)
        views, faces = shot.views.views, shot.mesh.face_count
        corner_adjoint = self._buffers.zeroed("edge_corner_adjoint", (3 * views * faces, 3))
        self._edges.corner_adjoint(shot, kept, corner_adjoint)
        gather_corners(corner_adjoint, 0, 3, *topology.corners(), shot.clip_adjoint, views, faces)  # X, Y, W
