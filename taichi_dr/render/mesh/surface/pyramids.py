"""The mip pyramids of a mesh's textures, or of a picture of one's own, and their adjoints."""

from functools import lru_cache

import numpy as np
import taichi as ti

from taichi_dr.kernels.shading.texture import (
    build_pyramids,
    build_pyramids_adjoint,
    joined_tables,
    level_table,
    table_texels,
)
from taichi_dr.scene.texture import NO_TEXTURE, codes


def texture_of(buffers, mesh):
    """The ``Pyramids`` of a mesh with textures."""
    return Pyramids(buffers, mesh.texture_sizes, mesh.texture_wraps, mesh.face_textures, mesh.face_count)


class Pyramids:
    """Pyramids of textures of ``sizes`` (height, width); ``face_textures`` (F,) says which one each face shows.

    Faces without one are shown one white texel, behind the others, which nobody owns.
    """

    def __init__(self, buffers, sizes, wraps, face_textures=None, face_count=1):
        self._owned, with_white, starts = _tables(tuple(sizes), tuple(wraps))
        self._some_have_none = face_textures is not None and bool((face_textures == NO_TEXTURE).any())
        table = with_white if self._some_have_none else self._owned
        if face_textures is None:
            self.first_levels = buffers.get("one_texture", (face_count,), ti.i32)  # zeros, which nobody writes to
        else:
            make = starts.__getitem__
            self.first_levels = buffers.made_of("first_levels", face_textures, (face_count,), make, ti.i32)
        self.levels = buffers.constant("levels", tuple(map(tuple, table.tolist())), ti.i32)
        self.pyramid = buffers.get("pyramid", (table_texels(table), 3))
        self._buffers = buffers

    def forward(self, texels):
        """Writes the pyramids of ``texels`` (X, 3), one texture behind the other."""
        if self._some_have_none:
            self.pyramid.fill(1.0)  # the last texel stays so
        build_pyramids(texels, self.pyramid, self._owned)

    def new_adjoint(self):
        """A zeroed array for the adjoint of the pyramids."""
        return self._buffers.zeroed("pyramid_adjoint", self.pyramid.shape)

    def adjoint(self, texels_adjoint):
        """Adds to ``texels_adjoint`` (X, 3) what the pyramids' implies."""
        pyramid_adjoint = self._buffers.get("pyramid_adjoint", self.pyramid.shape)
        build_pyramids_adjoint(texels_adjoint, pyramid_adjoint, self._owned)


@lru_cache(maxsize=64)
def _tables(sizes, wraps):
    """The level table of the textures, the same with one white texel behind, and the first row of each of these."""
    tables = [level_table(width, height, codes(wrap)) for (height, width), wrap in zip(sizes, wraps, strict=True)]
    tables.append(level_table(1, 1))
    starts = np.cumsum([0, *map(len, tables[:-1])]).astype(np.int32)  # NO_TEXTURE, -1, is the last
    return joined_tables(tables[:-1]), joined_tables(tables), starts
