"""Coverage of pixels: 1 where a face is visible, else 0."""

import taichi as ti


@ti.kernel
def cover(face_id: ti.types.ndarray(ndim=1), alpha: ti.types.ndarray(ndim=1)):
    """``alpha = 1`` where a face is visible, else 0."""
    for i in range(alpha.shape[0]):
        alpha[i] = ti.select(face_id[i] >= 0, 1.0, 0.0)


@ti.kernel
def cover_channel(face_id: ti.types.ndarray(ndim=1), image: ti.types.ndarray(ndim=2), channel: ti.i32):
    """``cover`` into a channel of an image."""
    for i in range(face_id.shape[0]):
        image[i, channel] = ti.select(face_id[i] >= 0, 1.0, 0.0)
