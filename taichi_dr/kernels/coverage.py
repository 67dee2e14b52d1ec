"""Colour and coverage as one image of four channels, and back."""

import taichi as ti

_rows = ti.types.ndarray(ndim=2)
_list = ti.types.ndarray(ndim=1)


@ti.kernel
def cover(face_id: _list, alpha: _list):
    """``alpha = 1`` where a face is visible, else 0."""
    for i in range(alpha.shape[0]):
        alpha[i] = ti.select(face_id[i] >= 0, 1.0, 0.0)


@ti.kernel
def join_coverage(color: _rows, face_id: _list, rgba: _rows):
    """``rgba = (color, 1 where a face is visible, else 0)``."""
    for i in range(face_id.shape[0]):
        for c in ti.static(range(3)):
            rgba[i, c] = color[i, c]
        rgba[i, 3] = ti.select(face_id[i] >= 0, 1.0, 0.0)


@ti.kernel
def join(color: _rows, alpha: _list, rgba: _rows):
    """``rgba = (color, alpha)``; the adjoint of ``split``."""
    for i in range(alpha.shape[0]):
        for c in ti.static(range(3)):
            rgba[i, c] = color[i, c]
        rgba[i, 3] = alpha[i]


@ti.kernel
def split(rgba: _rows, color: _rows, alpha: _list):
    """``color, alpha = rgba``; the adjoint of ``join``, and of ``join_coverage`` but for the alpha nobody asks for."""
    for i in range(alpha.shape[0]):
        for c in ti.static(range(3)):
            color[i, c] = rgba[i, c]
        alpha[i] = rgba[i, 3]
