"""Pixels averaged over squares: a picture from one that is finer.

    alpha(y, x)  = sum_ij a(s y + i, s x + j) / s^2,     0 <= i, j < s
    color(y, x)  = sum_ij c(s y + i, s x + j) / sum_ij a(s y + i, s x + j)

where ``c`` are colours multiplied by alpha ``a``, as a render over nothing has them, and ``color`` is straight: 0 where
alpha is.
"""

import taichi as ti

from taichi_dr.kernels.base.types import Rows


@ti.kernel
def average_squares(rgba: Rows, samples: int, pictures: ti.types.ndarray(dtype=ti.f32, ndim=4)):
    """Writes ``pictures`` (V, H, W, 4) of ``rgba`` (V*H*s*W*s, 4), colours multiplied by alpha, ``s = samples``.

    Four samples, one of them red (1, 0, 0) and covered, the others empty, give (1, 0, 0, 0.25).
    """
    views, height, width = pictures.shape[0], pictures.shape[1], pictures.shape[2]
    for pixel in range(views * height * width):
        x, row = pixel % width, pixel // width  # the row counts through all views
        total = ti.Vector([0.0, 0.0, 0.0, 0.0])
        for i in range(samples):
            first = ((row * samples + i) * width + x) * samples
            for j in range(samples):
                total += ti.Vector([rgba[first + j, c] for c in ti.static(range(4))])
        opacity = ti.max(total[3], 1.0e-20)
        for c in ti.static(range(3)):
            pictures[row // height, row % height, x, c] = ti.select(total[3] > 0.0, total[c] / opacity, 0.0)
        pictures[row // height, row % height, x, 3] = total[3] / (samples * samples)
