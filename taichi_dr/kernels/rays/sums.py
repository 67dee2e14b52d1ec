"""What rays have for the things that they meet, summed up for each: the same at every run, without float atomics.

Rays are sorted by the code of what they meet, by counting; then pieces of the sorted order are added up, run by run of
rays that meet the same thing.  A run inside of a piece is a thing's whole sum; what the first and the last run of a
piece have is added afterwards, piece by piece.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import grain, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.rays.surface import COLORS, MATERIAL, MATERIALS, NORMALS, SHAPE, TEXCOORDS

PIECE = 256  # rays that one thread adds up
CORNER = 11  # columns of a face's corner: vertex (3), normal (3), colour (3), texture coordinates (2)
SHARES = 4 * CORNER  # of a thing: three corners (or a solid's nine numbers), its row of materials
CELLS = 1 << 22  # of the tally, at most, unless it has but two columns


def tally_columns(rays, codes):
    """In how many parts rays are counted."""
    return max(2, min(CELLS // codes, 8 if on_cpu() else 256, -(-rays // PIECE)))


@replayed
@ti.kernel
def sort_rays(what: Ints, count: ti.i32, tally: IntRows, order: Ints) -> ti.i32:
    """Writes the rays that meet something in the order of what they meet; returns their number.

    ``tally`` (codes, P): scratch.
    """
    for code in range(tally.shape[0]):
        for part in range(tally.shape[1]):
            tally[code, part] = 0
    for i in range(tally.shape[1] * ti.static(grain())):
        if i % ti.static(grain()) == 0:
            part, size = i // ti.static(grain()), (count + tally.shape[1] - 1) // tally.shape[1]
            for r in range(part * size, ti.min((part + 1) * size, count)):
                if what[r] >= 0:
                    tally[what[r], part] = tally[what[r], part] + 1
    found = 0
    ti.loop_config(serialize=True)
    for _ in range(1):
        total = 0
        for code in range(tally.shape[0]):
            for part in range(tally.shape[1]):
                here = tally[code, part]
                tally[code, part] = total
                total += here
        found = total
    for i in range(tally.shape[1] * ti.static(grain())):
        if i % ti.static(grain()) == 0:
            part, size = i // ti.static(grain()), (count + tally.shape[1] - 1) // tally.shape[1]
            for r in range(part * size, ti.min((part + 1) * size, count)):
                if what[r] >= 0:
                    at = tally[what[r], part]
                    order[at] = r
                    tally[what[r], part] = at + 1
    return found


@ti.func
def share_of(i, code, face_count, hits: ti.template(), back: ti.template()):
    """What ray i has for the thing it meets (SHARES)."""
    share = ti.Vector([0.0] * SHARES)
    if code < face_count:
        w = ti.Vector([hits[i, 1], hits[i, 2], 1.0 - hits[i, 1] - hits[i, 2]])
        for k in ti.static(range(3)):
            for c in ti.static(range(3)):
                share[CORNER * k + c] = back[i, SHAPE + 3 * k + c]
                share[CORNER * k + 3 + c] = w[k] * back[i, NORMALS + c]
                share[CORNER * k + 6 + c] = w[k] * back[i, COLORS + c]
            for c in ti.static(range(2)):
                share[CORNER * k + 9 + c] = w[k] * back[i, TEXCOORDS + c]
    else:
        for c in ti.static(range(9)):
            share[c] = back[i, SHAPE + c]
    for c in ti.static(range(MATERIALS)):
        share[3 * CORNER + c] = back[i, MATERIAL + c]
    return share


@replayed
@ti.kernel
def add_pieces(
    order: Ints,
    found: ti.i32,
    what: Ints,
    hits: Rows,
    back: Rows,
    face_count: ti.i32,
    shares: Rows,
    ends: IntRows,
    end_shares: Rows,
):
    """Adds to ``shares`` (codes, SHARES) all runs inside of pieces; writes the runs at their ends.

    ``ends`` (P, 2): what the first and the last run of each piece meet, -1 if there is none; ``end_shares`` (2 P,
    SHARES): what these have.
    """
    for piece in range((found + PIECE - 1) // PIECE):
        ends[piece, 1] = -1
        code, at_start = what[order[piece * PIECE]], True
        share = ti.Vector([0.0] * SHARES)
        for j in range(piece * PIECE, ti.min((piece + 1) * PIECE, found)):
            i = order[j]
            if what[i] != code:
                if at_start:
                    ends[piece, 0] = code
                    _set_row(end_shares, 2 * piece, share)
                else:
                    _add_row(shares, code, share)
                at_start, code = False, what[i]
                share *= 0.0
            share += share_of(i, what[i], face_count, hits, back)
        row = 2 * piece
        if at_start:
            ends[piece, 0] = code
        else:
            ends[piece, 1] = code
            row += 1
        _set_row(end_shares, row, share)


@ti.func
def _set_row(array: ti.template(), row, share):
    for k in ti.static(range(4)):
        for c in ti.static(range(CORNER)):
            array[row, CORNER * k + c] = share[CORNER * k + c]


@ti.func
def _add_row(array: ti.template(), row, share):
    for k in ti.static(range(4)):
        for c in ti.static(range(CORNER)):
            array[row, CORNER * k + c] = array[row, CORNER * k + c] + share[CORNER * k + c]


@replayed
@ti.kernel
def add_ends(found: ti.i32, ends: IntRows, end_shares: Rows, shares: Rows):
    """Adds the runs at the ends of pieces to ``shares``."""
    for i in range(SHARES * ti.static(grain())):
        if i % ti.static(grain()) == 0:
            c = i // ti.static(grain())
            for piece in range((found + PIECE - 1) // PIECE):
                for end in range(2):
                    code = ends[piece, end]
                    if code >= 0:
                        shares[code, c] = shares[code, c] + end_shares[2 * piece + end, c]


@replayed
@ti.kernel
def split_shares(shares: Rows, face_count: ti.i32, corners: Rows, solids: Rows):
    """Writes the adjoints of faces' corners (3F, CORNER) and of solids (S, 9)."""
    for code in range(shares.shape[0]):
        if code < face_count:
            for k in ti.static(range(3)):
                for c in ti.static(range(CORNER)):
                    corners[3 * code + k, c] = shares[code, CORNER * k + c]
        else:
            for c in ti.static(range(9)):
                solids[code - face_count, c] = shares[code, c]


@replayed
@ti.kernel
def gather_materials(shares: Rows, first: IntRows, materials: Rows):
    """Writes the adjoints of the objects' materials; object o has the codes ``first[o, 0]`` to ``first[o, 1]``."""
    for i in range(materials.shape[0] * MATERIALS):
        thing, c, total = i // MATERIALS, i % MATERIALS, 0.0
        for code in range(first[thing, 0], first[thing, 1]):
            total += shares[code, 3 * CORNER + c]
        materials[thing, c] = total


@replayed
@ti.kernel
def add_columns(partials: Rows, first: ti.i32, step: ti.i32, out: Rows):
    """``out[k, c] += sum of row first + k step + c`` of ``partials`` (rows, C)."""
    for i in range(out.shape[0] * out.shape[1]):
        k, c = i // out.shape[1], i % out.shape[1]
        total = out[k, c]
        for column in range(partials.shape[1]):
            total += partials[first + k * step + c, column]
        out[k, c] = total


@replayed
@ti.kernel
def place_rows(source: Rows, start: ti.i32, count: ti.i32, target: Rows, first: ti.i32, column: ti.i32):
    """``target[first + i, column + c] = source[start + i, c]`` of ``count`` rows."""
    for i in range(count):
        for c in range(source.shape[1]):
            target[first + i, column + c] = source[start + i, c]


@replayed
@ti.kernel
def add_rows(source: Rows, first: ti.i32, column: ti.i32, count: ti.i32, target: Rows, start: ti.i32):
    """The adjoint of ``place_rows``: ``target[start + i, c] += source[first + i, column + c]``, which are 0 then.

    So what was placed over others takes its own adjoint before they do.
    """
    for i in range(count):
        for c in range(target.shape[1]):
            target[start + i, c] = target[start + i, c] + source[first + i, column + c]
            source[first + i, column + c] = 0.0
