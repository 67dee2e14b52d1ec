"""From the colours at the pixels' centres to colours blended across silhouettes, and back."""

from taichi_dr.kernels.antialias.blend import (
    antialias,
    antialias_edge_adjoint,
    antialias_image_adjoint,
    make_silhouettes,
)
from taichi_dr.kernels.antialias.silhouettes import Picture


class EdgeStage:
    """Finds the silhouette edges that pixels are passed by and blends what is on both sides by the areas."""

    def __init__(self, buffers, channels=4):
        self._buffers, self._channels = buffers, channels

    def forward(self, shot, image):
        """Blends ``image`` (V*H*W, channels), of which a rasterizer's are colour and alpha, in place."""
        picture, twins = Picture(shot.visible.face_id, image), shot.mesh.topology.array("twins")
        antialias(shot.projected, twins, picture, self._silhouettes(shot), shot.screen, shot.camera.near)

    def image_adjoint(self, shot, adjoint):
        """Turns the adjoint (V*H*W, channels) of the blended image into that of the image before, in place.

        Returns what it was at the pixels beside edges, for ``corner_adjoint``.
        """
        kept = self._buffers.get("adjoint_before", adjoint.shape)
        antialias_image_adjoint(shot.projected, self._silhouettes(shot), adjoint, kept, shot.screen)
        return kept

    def corner_adjoint(self, shot, kept, corner_adjoint):
        """Adds the adjoint of where edges pass to X, Y, W of every corner: columns 0 to 2 of ``corner_adjoint``."""
        arrays = (shot.projected, self._silhouettes(shot), kept, corner_adjoint)
        antialias_edge_adjoint(*arrays, shot.screen, shot.camera.near)

    def _silhouettes(self, shot):
        """What the blend leaves for its adjoint."""
        pixels, faces = shot.visible.face_id.shape[0], shot.views.views * shot.mesh.face_count
        return make_silhouettes(self._buffers, pixels, faces, self._channels)
