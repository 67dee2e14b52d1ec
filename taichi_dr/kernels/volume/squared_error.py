"""What rays have seen, beside pixels: the squared error of colours over a background of each ray's own.

    error = sum over the channels of (color + (1 - opacity) background - (alpha pixel + (1 - alpha) background))^2

A background that is another one every time leaves nothing to hide behind: only what is transparent shows all of them.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows


@replayed
@ti.kernel
def compare(seen: Rows, pixels: Rows, backgrounds: Rows, rays: ti.i32, weight: float, errors: Numbers, adjoint: Rows):
    """Writes ``errors`` (R,) of ``seen`` (R, 5), and the ``adjoint`` (R, 5) of ``weight`` times their sum.

    ``pixels`` (R, 4): straight colour and alpha; ``backgrounds`` (R, 3).
    """
    for r in range(rays):
        error, opacity_adjoint = 0.0, 0.0
        for c in ti.static(range(3)):
            behind = backgrounds[r, c]
            difference = seen[r, c] - seen[r, 3] * behind - pixels[r, 3] * (pixels[r, c] - behind)
            error += difference * difference
            adjoint[r, c] = 2.0 * weight * difference
            opacity_adjoint -= 2.0 * weight * difference * behind
        errors[r] = error
        adjoint[r, 3], adjoint[r, 4] = opacity_adjoint, 0.0
