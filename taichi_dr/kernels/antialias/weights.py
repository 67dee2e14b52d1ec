"""From the pieces in a pixel to a mean of colours: weights of the pixels that the pieces name.

A pixel begins as itself, and a piece that gains the area g moves it from what is beyond its edge to its surface:

    w_q = (1 if q = p else 0) + sum_k g_k ((1 if q = inner_k else 0) - (1 if q = outer_k else 0))

Their sum is 1.  Where none is negative the output is their mean of colours,

    sum_q w_q color_q = color_p + sum_k g_k (color_inner - color_outer)

Pieces may disagree: slivers that hide each other are taken to lie side by side, or one edge of a sliver is seen and the
other is hidden, out of the pixel, or where it intersects another surface.  Then weights are negative, and colours would
leave their range.  So what is negative is first taken from its own group: of the pixel itself, of others that show
surfaces, and of others that show the background,

    net = sum_q w_q,  positive = sum_q max(w_q, 0)    of a group
    v_q = max(w_q, 0) max(net, 0) / (positive total),  total = sum_groups max(net, 0)
    output = sum_q v_q color_q

``v_q = w_q`` where none is negative; v is continuous in w, never negative, and its sum is 1.  With ``mean`` the mean
colour of a group,

    d output/d w_q = (mean - output) / total + max(net, 0) / (positive total) (color_q - mean)

where net > 0, the second term where w_q > 0; else 0.

The pieces of a pixel are a list: an *entry* is ``2 row + side + 1``, a row of ``places`` and which of its two pixels;
0 ends it.
"""

from typing import Any, NamedTuple

import taichi as ti

PIXEL, INNER, OUTER = 2, 3, 4  # columns of ``places`` for side 0; those of side 1 are SIDES further
SIDES = 3
NEXT = 8  # + side
PLACE_COLUMNS = 10
GAINED, INNER_WEIGHT, OUTER_WEIGHT, COLORS = 0, 1, 2, 3  # columns of ``shares`` for side 0

TINY = 1e-30


class Pieces(NamedTuple):
    """The pieces of silhouettes in two pixels each, and the lists of those of every pixel."""

    places: Any  # (P, PLACE_COLUMNS) i32: half-edge, line; for both sides pixel, inner, outer; for both the next entry
    shares: Any  # (P, 2 share_columns), for both sides g, weights of inner and outer, colours of inner (later d output
    # /dg) and outer
    lists: Any  # (V*H*W,) i32: a pixel's first entry; of pixels without pieces, anything
    channels: Any  # of colours; static


def share_columns(channels):
    """Columns of ``shares`` for one side."""
    return COLORS + 2 * channels


@ti.func
def put_in_list(row, side: ti.template(), pieces: ti.template()):
    """Makes the piece of a row and side the first entry of its pixel's list."""
    pixel = pieces.places[row, PIXEL + SIDES * side]
    pieces.places[row, NEXT + side] = pieces.lists[pixel]
    pieces.lists[pixel] = 2 * row + side + 1


@ti.func
def blend_pixel(pixel, picture: ti.template(), pieces: ti.template()):
    """Writes a pixel's blended colour, and with each of its pieces what the adjoints read."""
    if _none_is_negative(pixel, pieces):
        _blend_plainly(pixel, picture, pieces)
    else:
        _blend_mean(pixel, picture, pieces)


@ti.func
def _row(entry):
    """An entry's row."""
    return (entry - 1) >> 1


@ti.func
def _named(entry, giver, pieces: ti.template()):
    """The pixel that an entry names as inner (giver 0) or outer (1)."""
    return pieces.places[_row(entry), INNER + giver + SIDES * ((entry - 1) & 1)]


@ti.func
def _column(entry, pieces: ti.template()):
    """An entry's first column of ``shares``."""
    return ((entry - 1) & 1) * ti.static(share_columns(pieces.channels))


@ti.func
def _next(entry, pieces: ti.template()):
    """The entry behind one, 0 if there is none."""
    return pieces.places[_row(entry), NEXT + ((entry - 1) & 1)]


@ti.func
def _color(entry, giver, c, pieces: ti.template()):
    """Component c of the colour of the pixel that an entry names, before any was blended."""
    return pieces.shares[_row(entry), _column(entry, pieces) + COLORS + giver * pieces.channels + c]


@ti.func
def _none_is_negative(pixel, pieces: ti.template()):
    """True if all that is lost is the pixel's own, and no more than that: so it is where one surface ends."""
    own, others = 1.0, 0
    entry = pieces.lists[pixel]
    while entry > 0:
        gained = pieces.shares[_row(entry), _column(entry, pieces) + GAINED]
        loser = _named(entry, ti.select(gained < 0.0, 0, 1), pieces)
        own -= ti.abs(gained)
        others += ti.select(loser == pixel, 0, 1)
        entry = _next(entry, pieces)
    return others == 0 and own >= 0.0


@ti.func
def _sum_weights(pixel, pieces: ti.template()):
    """Writes w of the pixels that are named, each where the list names it first and 0 where it does again; returns that
    of the pixel itself.
    """
    own, entry = 1.0, pieces.lists[pixel]
    while entry > 0:
        row, column = _row(entry), _column(entry, pieces)
        for giver in range(2):
            change = (1 - 2 * giver) * pieces.shares[row, column + GAINED]
            pieces.shares[row, column + INNER_WEIGHT + giver] = 0.0
            if _named(entry, giver, pieces) == pixel:
                own += change
            else:
                first, place = _first_to_name(_named(entry, giver, pieces), pixel, pieces)
                pieces.shares[first, place] = pieces.shares[first, place] + change
        entry = _next(entry, pieces)
    return own


@ti.func
def _first_to_name(named, pixel, pieces: ti.template()):
    """Row and column of ``shares`` with the weight of a pixel that the list of another one names."""
    row, column = -1, 0
    entry = pieces.lists[pixel]
    while row < 0 and entry > 0:
        for giver in range(2):
            if row < 0 and _named(entry, giver, pieces) == named:
                row, column = _row(entry), _column(entry, pieces) + INNER_WEIGHT + giver
        entry = _next(entry, pieces)
    return row, column


@ti.func
def _blend_plainly(pixel, picture: ti.template(), pieces: ti.template()):
    """``color_p + sum_k g_k (color_inner - color_outer)``."""
    entry = pieces.lists[pixel]
    while entry > 0:
        row, column = _row(entry), _column(entry, pieces)
        gained = pieces.shares[row, column + GAINED]
        pieces.shares[row, column + INNER_WEIGHT] = gained
        pieces.shares[row, column + OUTER_WEIGHT] = -gained
        for c in range(pieces.channels):
            difference = _color(entry, 0, c, pieces) - _color(entry, 1, c, pieces)
            picture.image[pixel, c] = picture.image[pixel, c] + gained * difference
            pieces.shares[row, column + COLORS + c] = difference
        entry = _next(entry, pieces)


@ti.func
def _blend_mean(pixel, picture: ti.template(), pieces: ti.template()):
    """``sum_q v_q color_q`` and its derivatives; leaves the weights v."""
    own = _sum_weights(pixel, pieces)
    total, front, behind = 1.0, 0.0, 0.0
    for c in range(pieces.channels):  # each by itself, and not unrolled: seldom needed, and long to compile
        itself = picture.image[pixel, c]
        surfaces, background = _sums(pixel, c, picture, pieces)
        front, behind = _share(surfaces), _share(background)
        total = ti.max(own, 0.0) + ti.max(surfaces[0], 0.0) + ti.max(background[0], 0.0)
        output = (ti.max(own, 0.0) * itself + front * surfaces[2] + behind * background[2]) / total
        groups = ti.static((ti.Vector([own, own, own * itself]), surfaces, background))
        entry = pieces.lists[pixel]
        while entry > 0:
            slope = 0.0
            for giver in range(2):
                slope += (1 - 2 * giver) * _slope(entry, giver, c, pixel, output, groups, picture, pieces)
            pieces.shares[_row(entry), _column(entry, pieces) + COLORS + c] = slope / total
            entry = _next(entry, pieces)
        picture.image[pixel, c] = output
    entry = pieces.lists[pixel]
    while entry > 0:
        row, column = _row(entry), _column(entry, pieces) + INNER_WEIGHT
        for giver in range(2):
            share = ti.select(picture.face_id[_named(entry, giver, pieces)] >= 0, front, behind) / total
            pieces.shares[row, column + giver] = ti.max(pieces.shares[row, column + giver], 0.0) * share
        entry = _next(entry, pieces)


@ti.func
def _sums(pixel, c, picture: ti.template(), pieces: ti.template()):
    """(net, positive, ``sum_q max(w_q, 0) color_q``), of component c, of surfaces and of the background."""
    surfaces, background = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
    entry = pieces.lists[pixel]
    while entry > 0:
        for giver in range(2):
            weight = pieces.shares[_row(entry), _column(entry, pieces) + INNER_WEIGHT + giver]
            positive = ti.max(weight, 0.0)
            more = ti.Vector([weight, positive, positive * _color(entry, giver, c, pieces)])
            if picture.face_id[_named(entry, giver, pieces)] >= 0:
                surfaces += more
            else:
                background += more
        entry = _next(entry, pieces)
    return surfaces, background


@ti.func
def _share(sums):
    """``max(net, 0) / positive`` of a group."""
    return ti.max(sums[0], 0.0) / ti.max(sums[1], TINY)


@ti.func
def _slope(
    entry,
    giver,
    c,
    pixel,
    output,
    groups: ti.template(),
    picture: ti.template(),
    pieces: ti.template(),
):
    """``total d output/d w_q`` of component c for the pixel that an entry names; ``groups``: three times ``_sums``."""
    named = _named(entry, giver, pieces)
    sums, weight = groups[0], groups[0][0]
    if named != pixel:
        sums = groups[1]
        if picture.face_id[named] < 0:
            sums = groups[2]
        row, column = _first_to_name(named, pixel, pieces)
        weight = pieces.shares[row, column]
    slope = 0.0
    if sums[0] > 0.0:
        mean = sums[2] / sums[1]
        slope = mean - output
        if weight > 0.0:
            slope += _share(sums) * (_color(entry, giver, c, pieces) - mean)
    return slope
