"""Pictures for windows: images turned as Taichi's windows take them, in display values.

``window[x, y] = srgb(clamp(image[row, column], 0, 1))`` with ``x = column`` and ``y = height - 1 - row``.
"""

import taichi as ti

from taichi_dr.kernels.base.types import Rows


@ti.kernel
def blit_array(image: Rows, column: ti.i32, view: ti.i32, window: ti.template(), components: ti.template()):
    """Writes a view of ``image`` (V*H*W, >= column + 3), linear RGB, to the field ``window`` (W, H), y up, as sRGB.

    ``components`` of its vectors: three, or four, of which the last one becomes 1.
    """
    for x, y in window:
        width, height = window.shape[0], window.shape[1]
        row = (view * height + height - 1 - y) * width + x
        window[x, y] = _shown(ti.Vector([image[row, column + c] for c in ti.static(range(3))]), components)


@ti.kernel
def blit_field(image: ti.template(), view: ti.i32, window: ti.template(), components: ti.template()):
    """``blit_array`` of a field (V, H, W) of vectors."""
    for x, y in window:
        window[x, y] = _shown(image[view, window.shape[1] - 1 - y, x], components)


@ti.func
def _shown(color, components: ti.template()):
    shown = ti.Vector([1.0 for _ in ti.static(range(components))])
    for c in ti.static(range(3)):
        shown[c] = linear_to_srgb(ti.math.clamp(color[c], 0.0, 1.0))
    return shown


@ti.func
def linear_to_srgb(value):
    """``12.92 c`` up to 0.0031308, ``1.055 c^(1/2.4) - 0.055`` above (IEC 61966-2-1); 0.5 gives 0.735357."""
    result = 12.92 * value
    if value > 0.0031308:
        result = 1.055 * ti.pow(value, 1.0 / 2.4) - 0.055
    return result
