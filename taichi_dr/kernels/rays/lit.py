"""What rays beside outlines say of pixels' four numbers, colour and alpha."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit
from taichi_dr.kernels.rays.bounce import own_share
from taichi_dr.kernels.rays.solids import solid_at
from taichi_dr.kernels.rays.surface import ALBEDO, EMISSION, NORMAL, POSITION, is_before, takes_light


@replayed
@ti.kernel
def add_alpha(radiance: Rows, what: Ints, count: ti.i32, shown: ti.template(), rgba: Rows):
    """Writes ``rgba`` (R, 4) of rays as the film has them; ``shown``: what is behind everything counts too."""
    for i in range(count):
        rgba[i, 3] = 1.0 if what[i] >= 0 else 0.0
        for c in ti.static(range(3)):
            rgba[i, c] = radiance[i, c] * (1.0 if ti.static(shown) else rgba[i, 3])


@replayed
@ti.kernel
def shine(
    what: Ints,
    seen: Rows,
    count: ti.i32,
    objects: Ints,
    materials: Rows,
    solids: Rows,
    kinds: Ints,
    light: ti.i32,
    places: Rows,
    local: Rows,
):
    """Writes what a solid's surface at ``places`` (R, 4) adds, for each unit of its area, where nothing is in the way:

    ``local = albedo / pi radiance max(n.l, 0) max(-n_light.l, 0) / r^2`` (R, 3).
    """
    for i in range(count):
        result = ti.Vector([0.0, 0.0, 0.0])
        if what[i] >= 0 and takes_light(objects[what[i]], materials):
            place = get3(places, i, 0)
            toward = place - get3(seen, i, POSITION)
            to, squared = unit(toward), toward.dot(toward)
            cosine = to.dot(get3(seen, i, NORMAL))
            leaving = -to.dot(solid_at(kinds[light], light, solids, place))
            if leaving > 0.0 and is_before(seen, i, to):
                radiance = get3(materials, objects[objects.shape[0] - kinds.shape[0] + light], EMISSION)
                result = get3(seen, i, ALBEDO) * radiance * (cosine * leaving / (ti.math.pi * squared))
        for c in ti.static(range(3)):
            local[i, c] = result[c]


@replayed
@ti.kernel
def leave_alone(what: Ints, objects: Ints, materials: Rows, local: Rows, count: ti.i32, rgba: Rows):
    """Writes what of ``local`` (R, 3) a surface shows, and no alpha, into ``rgba`` (R, 4)."""
    for i in range(count):
        color = ti.Vector([0.0, 0.0, 0.0])
        if what[i] >= 0:
            color = own_share(objects[what[i]], materials) * row3(local, i)
        for c in ti.static(range(3)):
            rgba[i, c] = color[c]
        rgba[i, 3] = 0.0
