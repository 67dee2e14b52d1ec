"""Samples along rays to what is seen of them: emission and absorption, and the adjoint in one forward walk.

Of samples i = 0, 1, ... of a ray, with density sigma_i over a length delta_i, colour c_i and distance t_i,

    alpha_i = 1 - exp(-sigma_i delta_i),   T_i = prod_{j < i} (1 - alpha_j),   w_i = T_i alpha_i
    C = sum w_i c_i,   opacity = sum w_i = 1 - T_N,   distance = sum w_i t_i

Adjoint, with g those of C, opacity and distance, ``e_i = (c_i, 1, t_i)`` and S_i what lies behind sample i:

    S_i = sum_{j > i} w_j e_j,   dL/de_i = w_i g,   dL/d(sigma_i delta_i) = T_{i+1} g . e_i - g . S_i

Samples are packed: those of ray r are rows ``first[r]`` to ``first[r + 1]``, in the order of their distances.  A walk
ends where no more than a tolerance of the transmittance T is left: what is behind is not seen, its adjoint is zero.

Source: Mildenhall et al., NeRF, 2020, eq. 3; Max, Optical Models for Direct Volume Rendering, 1995.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3

SEEN = 5
"""Numbers per ray: red, green, blue, opacity, distance."""


@ti.func
def add_samples(
    through, color, distance, i, end, t: ti.template(), lengths: ti.template(), values: ti.template(), least
):
    """(transmittance, colour, distance) behind samples i to end, as far as more than ``least`` comes through."""
    while i < end and through > least:
        behind = through * ti.exp(-values[i, 0] * lengths[i])
        weight = through - behind
        color += weight * get3(values, i, 1)
        distance += weight * t[i]
        through = behind
        i += 1
    return through, color, distance


@ti.func
def write_seen(seen: ti.template(), r, through, color, distance):
    """Writes what ray r sees."""
    for k in ti.static(range(3)):
        seen[r, k] = color[k]
    seen[r, 3], seen[r, 4] = 1.0 - through, distance


@replayed
@ti.kernel
def composite(first: Ints, t: Numbers, lengths: Numbers, values: Rows, rays: ti.i32, tolerance: float, seen: Rows):
    """Writes ``seen`` (R, 5): C, opacity and distance of ``rays`` rays.

    ``first`` (R+1,), ``t`` and ``lengths`` (P,), ``values`` (P, 4): density per world unit, red, green, blue.
    """
    for r in range(rays):
        nothing = ti.Vector([0.0, 0.0, 0.0])
        through, color, distance = add_samples(1.0, nothing, 0.0, first[r], first[r + 1], t, lengths, values, tolerance)
        write_seen(seen, r, through, color, distance)


@replayed
@ti.kernel
def composite_adjoint(
    first: Ints,
    t: Numbers,
    lengths: Numbers,
    values: Rows,
    rays: ti.i32,
    tolerance: float,
    seen: Rows,
    seen_adjoint: Rows,
    values_adjoint: Rows,
    moves: ti.template(),
    t_adjoint: Numbers,
    lengths_adjoint: Numbers,
):
    """Writes ``values_adjoint`` (P, 4), and with ``moves`` ``t_adjoint`` and ``lengths_adjoint`` (P,) too.

    ``seen`` (R, 5): what ``composite`` wrote.
    """
    for r in range(rays):
        red, green, blue = seen_adjoint[r, 0], seen_adjoint[r, 1], seen_adjoint[r, 2]
        opacity, distance = seen_adjoint[r, 3], seen_adjoint[r, 4]
        through = 1.0
        behind = red * seen[r, 0] + green * seen[r, 1] + blue * seen[r, 2]  # g . S_i
        behind += opacity * seen[r, 3] + distance * seen[r, 4]
        for i in range(first[r], first[r + 1]):
            density, length, weight, slope = values[i, 0], lengths[i], 0.0, 0.0
            if through > tolerance:
                left = through * ti.exp(-density * length)
                weight = through - left
                here = red * values[i, 1] + green * values[i, 2] + blue * values[i, 3] + opacity + distance * t[i]
                behind = ti.select(i + 1 < first[r + 1], behind - weight * here, 0.0)  # and no rounding error of it
                slope = left * here - behind
                through = left
            values_adjoint[i, 0] = slope * length
            values_adjoint[i, 1] = weight * red
            values_adjoint[i, 2] = weight * green
            values_adjoint[i, 3] = weight * blue
            if ti.static(moves):
                t_adjoint[i] = weight * distance
                lengths_adjoint[i] = slope * density
