"""What rays met, gathered into rows: one for each layer of each pixel, pixel by pixel and front to back.

What is computed afterwards (normals, colours, light) is computed for rows, and costs nothing where nothing is seen.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers
from taichi_dr.kernels.march.bounds import NEVER
from taichi_dr.kernels.march.settings import BAND, BROKEN, CUT, LAYERS, MISS

COVERED = -1
FIXED = -2
CENTER = -3
"""Stand in ``Rows.edge``: the layer covers its pixel; ... and begins with the bounds, so that they say where it is; it
is what the pixel's centre sees of the layer in the next row, which covers a part of the pixel: shown, but not blended.
"""

CHUNK = 256  # pixels that one thread counts
ROWS_PER_COLUMN = 64  # that one thread goes through, at least half of them
SERIAL_PIXELS = 1 << 16


class Rows(NamedTuple):
    """Rows of what is seen.

    ``first`` (V*H*W + 1,): the first row of each pixel; ``pixel``, ``t`` (R,): whose, and where on its ray; ``edge``
    (R,): the row among the edges, or ``COVERED``, ``FIXED`` or ``CENTER``.  ``edge_pixel``, ``edge_t`` (E,): of every
    edge, whose it is and where the ray comes closest; ``edge_row`` (E,): its row; ``shift`` (E, 2): from the centre of
    the pixel to where the row is seen, on the screen.
    """

    first: Any
    pixel: Any
    t: Any
    edge: Any
    edge_pixel: Any
    edge_t: Any
    edge_row: Any
    shift: Any

    def seen(self):
        """What says which rays rows are on: arguments of kernels."""
        return self.pixel, self.edge, self.shift


def list_grazing(status, block, grazing):
    """Writes the pixels of ``status`` BAND into ``grazing`` (V*H*W,), ascending, and returns their number, and -1 if
    there are BROKEN ones.

    ``block``: scratch of ``chunks(V*H*W) + 2`` numbers, which ``gather_rows`` reads.
    """
    pixels = status.shape[0]
    return _list_grazing(status, block, grazing, chunks(pixels), is_serial(pixels, SERIAL_PIXELS))


def gather_rows(met, block, layers, row_block, edge_block, rows):
    """Fills ``rows`` with what ``met`` and ``layers`` say; returns the numbers of rows and of edges.

    ``row_block``, ``edge_block``: scratch like ``block`` of ``list_grazing``.
    """
    arrays = (met.status, met.t, block, *layers, row_block, edge_block, *rows[:-1])
    pixels = met.status.shape[0]
    return _gather_rows(*arrays, chunks(pixels), is_serial(pixels, SERIAL_PIXELS)).to_list()


def chunks(pixels):
    """Chunks that so many pixels are counted in."""
    return -(-pixels // CHUNK)


@replayed
@ti.kernel
def _list_grazing(status: Ints, block: Ints, grazing: Ints, count: ti.i32, serial: ti.template()) -> ti.i32:
    ti.loop_config(serialize=True)
    for _ in range(1):
        block[count + 1] = 0
    ti.loop_config(serialize=serial)
    for chunk in range(count):
        total = 0
        for pixel in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, status.shape[0])):
            if status[pixel] == BAND:
                total += 1
            elif status[pixel] == BROKEN:
                block[count + 1] = 1
        block[chunk] = total
    ti.loop_config(serialize=True)
    for _ in range(1):
        _running_sum(block, count)
    ti.loop_config(serialize=serial)
    for chunk in range(count):
        at = block[chunk]
        for pixel in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, status.shape[0])):
            if status[pixel] == BAND:
                grazing[at] = pixel
                at += 1
    return ti.select(block[count + 1] > 0, -1, block[count])


@ti.func
def _running_sum(block: ti.template(), count):
    """Makes the numbers the sums of those before them; the total comes after the last."""
    total = 0
    for b in range(count):
        here = block[b]
        block[b] = total
        total += here
    block[count] = total


@replayed
@ti.kernel
def _gather_rows(
    status: Ints,
    t: Numbers,
    block: Ints,
    layer_surface: Numbers,
    layer_closest: Numbers,
    layer_count: Ints,
    row_block: Ints,
    edge_block: Ints,
    first: Ints,
    row_pixel: Ints,
    row_t: Numbers,
    row_edge: Ints,
    edge_pixel: Ints,
    edge_t: Numbers,
    edge_row: Ints,
    count: ti.i32,
    serial: ti.template(),
) -> ti.types.vector(2, ti.i32):
    ti.loop_config(serialize=serial)
    for chunk in range(count):
        rows, edges, ray = 0, 0, block[chunk]
        for pixel in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, status.shape[0])):
            if status[pixel] == BAND:
                rows += layer_count[ray]
                for layer in range(layer_count[ray]):
                    if layer_closest[ray * LAYERS + layer] < NEVER:
                        edges += 1
                        if layer_surface[ray * LAYERS + layer] < layer_closest[ray * LAYERS + layer]:
                            rows += 1
                ray += 1
            elif status[pixel] != MISS:
                rows += 1
        row_block[chunk], edge_block[chunk] = rows, edges
    ti.loop_config(serialize=True)
    for _ in range(1):
        _running_sum(row_block, count)
        _running_sum(edge_block, count)
        first[status.shape[0]] = row_block[count]
    ti.loop_config(serialize=serial)
    for chunk in range(count):
        row, edge, ray = row_block[chunk], edge_block[chunk], block[chunk]
        for pixel in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, status.shape[0])):
            first[pixel] = row
            if status[pixel] == BAND:
                for layer in range(layer_count[ray]):
                    surface, closest = layer_surface[ray * LAYERS + layer], layer_closest[ray * LAYERS + layer]
                    row_pixel[row], row_t[row], row_edge[row] = pixel, surface, COVERED
                    if closest < NEVER:
                        if surface < closest:
                            row_edge[row] = CENTER
                            row += 1
                            row_pixel[row], row_t[row] = pixel, surface
                        row_edge[row] = edge
                        edge_pixel[edge], edge_t[edge], edge_row[edge] = pixel, closest, row
                        edge += 1
                    row += 1
                ray += 1
            elif status[pixel] != MISS:
                row_pixel[row], row_t[row] = pixel, t[pixel]
                row_edge[row] = ti.select(status[pixel] == CUT, FIXED, COVERED)
                row += 1
    return ti.Vector([row_block[count], edge_block[count]])


@ti.func
def passes_by(i, t: ti.template(), edge: ti.template(), edge_t: ti.template()):
    """Whether the ray of a row passes by the surface, and its closest point stands for it."""
    return (edge[i] >= 0) & (t[i] == edge_t[ti.max(edge[i], 0)])  # without branches: packets ask it lane by lane


@ti.func
def rows_of(column, first: ti.template(), pixels, columns):
    """View, first and last row of a column of partial sums."""
    view = column // columns
    start, end = first[view * pixels], first[(view + 1) * pixels]
    size = (end - start + columns - 1) // columns
    start = start + (column - view * columns) * size
    return view, start, ti.min(start + size, end)


def columns_of(count, views):
    """Columns per view for so many rows: enough to keep threads busy, and as many when the scene changes a little."""
    return max(8, 1 << (count // views // ROWS_PER_COLUMN).bit_length())
