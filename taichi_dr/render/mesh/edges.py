"""From the colours at the pixels' centres to colours blended across silhouettes, and back."""

import taichi as ti

from taichi_dr.kernels.antialias.blend import antialias, antialias_edge_adjoint, antialias_image_adjoint, claimed_length

CHANNELS = 4  # colour and alpha are blended together


class EdgeStage:
    """Finds the silhouette edges between neighbouring pixels and blends the two by where the edge crosses."""

    def __init__(self, buffers):
        self._buffers = buffers

    def forward(self, shot, rgba):
        """Blends ``rgba`` (V*H*W, 4) in place."""
        frame, topology = shot.frame, shot.mesh.topology
        visible = (frame.array("face_id"), frame.array("depth"))
        faces = (topology.array("faces"), topology.array("twins"))
        size = (shot.views.views, shot.width, shot.height, shot.camera.near)
        antialias(shot.clip, *faces, *visible, rgba, *self._found(shot), *size, CHANNELS)

    def image_adjoint(self, shot, adjoint):
        """Turns the adjoint (V*H*W, 4) of the blended image into that of the image before, in place.

        Returns what it was at the pixels beside edges, for ``corner_adjoint``.
        """
        _, *edges = self._found(shot)
        kept = self._buffers.get("adjoint_before", adjoint.shape)
        size = (shot.views.views, shot.width, shot.height)
        antialias_image_adjoint(shot.clip, shot.mesh.topology.array("faces"), *edges, adjoint, kept, *size, CHANNELS)
        return kept

    def corner_adjoint(self, shot, kept, corner_adjoint):
        """Adds the adjoint of where edges cross to X, Y, W of every corner: columns 0 to 2 of ``corner_adjoint``."""
        arrays = (*self._found(shot), kept, corner_adjoint)
        size = (shot.views.views, shot.width, shot.height, shot.camera.near)
        antialias_edge_adjoint(shot.clip, shot.mesh.topology.array("faces"), *arrays, *size, 0, CHANNELS)

    def _found(self, shot):
        """What the blend leaves for its adjoint: the claimed pixels before it, claims on pairs of pixels, the claimed
        pixels, silhouette edges."""
        pixels = claimed_length(shot.views.views * shot.width * shot.height)
        return (
            self._buffers.get("before", (pixels, CHANNELS)),
            self._buffers.get("claims", (pixels, 4), ti.i32),
            self._buffers.get("claimed", (pixels,), ti.i32),
            self._buffers.get("edge_mask", (shot.views.views * shot.mesh.face_count,), ti.i32),
        )
