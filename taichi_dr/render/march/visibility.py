"""What rays meet: from a function of space to rows of surface points.  It chooses, and has no gradient."""

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.kernels.march.rows import Rows, chunks, gather_rows, list_grazing
from taichi_dr.kernels.march.settings import BROKEN, LAYERS, Layers, Met
from taichi_dr.kernels.march.trace import BLOCK


class VisibilityStage:
    """Marches, follows the rays that graze something, and gathers rows."""

    def __init__(self, buffers, function):
        self._buffers, self._function = buffers, function

    def forward(self, shot):
        """Sets ``rows``, ``count`` and ``edges`` of a shot; writes its frame's ``steps``."""
        pixels = shot.frame.array("steps").shape[0]
        met = self._trace(shot, pixels)
        block, grazing = self._ints("grazing_block", chunks(pixels) + 2), self._ints("grazing", pixels)
        count = list_grazing(met.status, block, grazing)
        if count < 0:
            raise InputError(self._broken(shot, met))
        layers = Layers(
            self._numbers("layer_surface", LAYERS * count + 1),
            self._numbers("layer_closest", LAYERS * count + 1),
            self._ints("layer_count", count + 1),
        )
        if count:
            self._function.follow(shot.rays, shot.march, met, grazing, count, layers)
        most = pixels + 2 * LAYERS * count
        shot.rows = Rows(
            self._buffers.get("row_first", (pixels + 1,), ti.i32),
            self._ints("row_pixel", most),
            self._numbers("row_t", most),
            self._ints("row_edge", most),
            self._ints("edge_pixel", LAYERS * count + 1),
            self._numbers("edge_t", LAYERS * count + 1),
            self._ints("edge_row", LAYERS * count + 1),
            self._buffers.at_least("edge_shift", LAYERS * count + 1, columns=(2,)),
        )
        scratch = (self._ints("row_block", chunks(pixels) + 1), self._ints("edge_block", chunks(pixels) + 1))
        shot.count, shot.edges = gather_rows(met, block, layers, *scratch, shot.rows)

    def _trace(self, shot, pixels):
        blocks = shot.frame.shape[0] * -(-shot.height // BLOCK) * -(-shot.width // BLOCK)
        status, t = self._buffers.get("status", (pixels,), ti.i32), self._buffers.get("t", (pixels,))
        met = Met(status, t, shot.frame.array("steps"))
        self._function.trace(shot.rays, shot.march, self._buffers.get("block_start", (blocks,)), met)
        return met

    def _ints(self, name, rows):
        return self._buffers.at_least(name, rows, ti.i32)

    def _numbers(self, name, rows):
        return self._buffers.at_least(name, rows)

    def _broken(self, shot, met):
        """What to say of rays on which the function is not finite."""
        pixels = np.flatnonzero(met.status.to_numpy() == BROKEN)
        view, row, column = (int(i) for i in np.unravel_index(pixels[0], shot.frame.shape))
        return (
            f"the distance is NaN or infinite on the rays of {len(pixels)} of {met.status.shape[0]} pixels, the first"
            f" that of view {view}, row {row}, column {column}: look for 0 / 0, the square root or the logarithm of a"
            " negative number, and at the fields that the function reads"
        )
