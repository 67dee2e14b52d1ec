"""Coverage of pixels: 1 where a face is visible, else 0."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows


@replayed
@ti.kernel
def cover_channel(face_id: Numbers, image: Rows, channel: ti.i32):
    """Writes the coverage into a channel of an image."""
    for i in range(face_id.shape[0]):
        image[i, channel] = ti.select(face_id[i] >= 0, 1.0, 0.0)
