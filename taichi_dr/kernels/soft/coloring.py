"""The colours of a face, which the soft rasterizer blends: what a ``Coloring`` is, and the two that there are.

* ``attribute_coloring``: the attributes of the corners, interpolated.
* ``point_coloring``: ``at_points.shade_point`` of the interpolated attributes: what is blended are colours, not
  attributes that are shaded afterwards, so that a hidden surface bleeds no normal or texture coordinate into the one
  in front.  For packets of one pixel: light has branches.  Pairs whose weight is nothing are not shaded.

With ``g = w_j dL/dI`` the adjoint of a pair's colour, that of its attributes ``a = sum_k p_k A_k`` is the transposed
derivative of the coloring times g; it goes to the corners, ``dL/dA_k = p_k dL/da``, and through
``dL/dp_k = A_k . dL/da`` into the geometry.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.shading.at_points import PointSums, shade_point, shade_point_adjoint
from taichi_dr.kernels.shading.texture import HEIGHT, WIDTH, mip_level, rung
from taichi_dr.kernels.soft.pair import combined
from taichi_dr.kernels.soft.pixel_adjoints import PACKED, passed_back
from taichi_dr.kernels.soft.whole_face import nearest_of_whole

NEGLIGIBLE_WEIGHT = 1e-16  # a pair with less is not shaded in the adjoint, where weights are not divided by S >= 1e-4


class Coloring(NamedTuple):
    """Two functions, and what they read.

    ``colors(coloring, place, pair, visible)``: the colour (channels,) of a pair of one pixel, anything where it is not
    visible; ``adjoint(coloring, place, pair, weight, back)``: ``sum_c dL/dI_c C_c / S`` and the list of the adjoints of
    the interpolated attributes, packets.
    """

    colors: Any
    adjoint: Any
    channels: Any  # of a colour
    attributes: Any  # of a corner
    points: Any = None  # of point_coloring: Points


class Place(NamedTuple):
    """Where a pair is: the face, its row in ``records``, its attributes (``load_attributes``), the pixels' positions;
    ``column``: of the task's own sums.
    """

    view: Any
    face: Any
    item: Any
    attributes: Any
    x: Any = None
    y: Any = None
    column: Any = None


class Setting(NamedTuple):
    """What holds for all pairs of a launch."""

    packets: Any
    softness: Any
    modes: Any
    coloring: Any


def with_zero(setting, zero):
    """The setting with the bits of zero (``packets.zero_bits``), which each task of a kernel loads for itself."""
    return setting._replace(packets=setting.packets._replace(zero=zero))


def attribute_coloring(count):
    """The attributes themselves are the colour."""
    return Coloring(_attributes, _attributes_adjoint, count, count)


@ti.func
def _attributes(coloring: ti.template(), place: ti.template(), pair: ti.template(), _visible):
    return ti.Vector([combined(place.attributes[c], pair.p)[0] for c in ti.static(range(coloring.attributes))])


@ti.func
def _attributes_adjoint(
    coloring: ti.template(), place: ti.template(), pair: ti.template(), weight, back: ti.template()
):
    value = 0.0 * weight
    adjoints = [weight * passed_back(back, PACKED + c) for c in ti.static(range(coloring.attributes))]
    for c in ti.static(range(coloring.attributes)):
        value += passed_back(back, PACKED + c) * combined(place.attributes[c], pair.p)
    return value, adjoints


class Points(NamedTuple):
    """What shading at points reads (``shading``, a ``PointShading``), faces and image's size for the texture's level of
    detail, and where the adjoints of texels, lights and eye are added.
    """

    shading: Any
    clip: Any
    faces: Any
    width: Any
    height: Any
    pyramid_adjoint: Any = None
    partials: Any = None


def point_coloring(points):
    """Light and texture, found for every pair."""
    return Coloring(_shaded, _shaded_adjoint, 3, points.shading.layout.channels, points)


@ti.func
def _shaded(coloring: ti.template(), place: ti.template(), pair: ti.template(), visible):
    rgb = ti.Vector([0.0, 0.0, 0.0])
    if visible:
        values = _attributes(coloring, place, pair, visible)
        rgb = shade_point(values, _rung(coloring, place, pair), place.view, coloring.points.shading)
    return rgb


@ti.func
def _shaded_adjoint(coloring: ti.template(), place: ti.template(), pair: ti.template(), weight, back: ti.template()):
    points = ti.static(coloring.points)
    value = 0.0 * weight
    adjoint = ti.Vector([0.0 for _ in ti.static(range(coloring.attributes))])
    if weight[0] > NEGLIGIBLE_WEIGHT:
        factor = ti.Vector([passed_back(back, PACKED + c)[0] for c in ti.static(range(3))])
        sums = ti.static(PointSums(points.pyramid_adjoint, points.partials, place.column))
        values = _attributes(coloring, place, pair, True)
        level = _rung(coloring, place, pair)
        rgb, adjoint_of_values = shade_point_adjoint(
            values, level, place.view, points.shading, factor * weight[0], sums
        )
        value[0] = rgb.dot(factor)
        adjoint = adjoint_of_values
    adjoints = [ti.Vector([adjoint[c]]) for c in ti.static(range(coloring.attributes))]
    return value, adjoints


@ti.func
def _rung(coloring: ti.template(), place: ti.template(), pair: ti.template()):
    """The rung of a face's texture at the pixel; if that is outside, at the nearest point of the face."""
    points = ti.static(coloring.points)
    at_rung = 0.0
    if ti.static(points.shading.layout.textured):
        dx, dy = boundary_vector(pair)
        outside = ti.select(pair.inside[0] > 0.0, 0.0, 1.0)
        first = points.clip.shape[0] // points.shading.camera.shape[0] * place.view
        corners = [row3(points.clip, first + points.faces[place.face, k]) for k in ti.static(range(3))]
        u, v = place.attributes[points.shading.layout.uv], place.attributes[points.shading.layout.uv + 1]
        uv = [ti.Vector([u[k], v[k]]) for k in ti.static(range(3))]
        at = [place.x[0] - outside * dx[0], place.y[0] - outside * dy[0]]
        row = points.shading.first_levels[place.face]
        size = [points.shading.levels[row, WIDTH], points.shading.levels[row, HEIGHT]]
        lod = mip_level(corners, uv, at, 2.0 / ti.min(points.width, points.height), size)
        at_rung = rung(points.shading.levels, row, lod)
    return at_rung


@ti.func
def boundary_vector(pair: ti.template()):
    """The vector from the nearest point of the face's boundary to the pixel."""
    dx, dy = 0.0 * pair.z, 0.0 * pair.z
    if ti.static(pair.distance.is_cut):
        dx, dy = pair.distance.d[0], pair.distance.d[1]
    else:
        dx, dy, _b0, _b1, _b2 = nearest_of_whole(pair.distance)
    return dx, dy
