"""Samples along rays through all of space, where a grid of densities says that something is.

Cells are those of the ball that space is contracted to (``kernels.volume.contract``), z fastest.  A ray is walked in
pieces of one length there, of ``step / |J d|`` along its direction d, J being the derivative of the contraction.
With sigma_k what is remembered of the cell that the middle of piece k is in, and delta_k its length,

    w_k = T_k (1 - exp(-sigma_k delta_k)) + FLOOR / K,   T_k = exp(-sum_{j < k} sigma_j delta_j)

are a distribution over the pieces, constant on each; the floor is for what the grid does not know yet.  N parts of a
ray have equal shares of it, each with one sample: in the middle of its share, or anywhere in it.  The parts join.  Of
their length, delta counts ``dt / max(1, r)^2`` at r from the centre, which is that in the ball for rays through the
centre: so densities are per unit of the ball.

A ray that goes as far as ``HORIZON`` has one more sample at its end for all that is behind: none sees through the sky.

Source: Mildenhall et al., NeRF, 2020, section 5.2; Barron et al., Mip-NeRF 360, 2022, sections 3 and 4.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.networks.lattice import cell_and_place, read_lattice
from taichi_dr.kernels.volume.contract import contract, stretch
from taichi_dr.kernels.volume.occupancy import cell_number
from taichi_dr.kernels.volume.resample import BEYOND

HORIZON = 100.0
"""Radii of what is in the middle: where contracted space is all but at its end."""

FLOOR = 0.1
"""Of all samples of a ray that sees nothing through, how many are anywhere."""

PIECES = 125
"""About how many pieces a ray has, of 1/128 of the ball's sides."""


class Ray(NamedTuple):
    """``entry`` and ``leave``: its ends."""

    origin: Any
    direction: Any
    entry: Any
    leave: Any


@ti.func
def piece(start, ray: ti.template(), step, lattice: ti.template(), densities: ti.template()):
    """(end, length, density) of the piece that begins at ``start``."""
    p = ray.origin + start * ray.direction
    end = ti.min(start + step / stretch(p, ray.direction), ray.leave)
    middle = ray.origin + 0.5 * (start + end) * ray.direction
    cell, _ = cell_and_place(contract(middle), lattice)
    r = ti.max(middle.norm(), 1.0)
    return end, (end - start) / (r * r), densities[cell_number(cell, lattice)]


@ti.func
def sum_of_weights(ray: ti.template(), step, lattice: ti.template(), densities: ti.template(), floor):
    """Of all pieces of a ray."""
    start, depth, total = ray.entry, 0.0, 0.0
    while start < ray.leave:
        end, length, density = piece(start, ray, step, lattice, densities)
        depth += density * length
        total += floor
        start = end
    return total + 1.0 - ti.exp(-depth)


@replayed
@ti.kernel
def place_by_densities(
    origins: Rows,
    directions: Rows,
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    lattice: Rows,
    densities: Numbers,
    step: float,
    floor: float,
    samples: ti.i32,
    stratified: ti.template(),
    seed: ti.i32,
    first: Ints,
    t: Numbers,
    lengths: Numbers,
):
    """Writes ``first`` (R+1,), ``t`` and ``lengths`` (R*(samples+1),) of ``rays`` rays.

    ``origins``, ``directions`` (R, 3), ``ends`` (R, 2), ``pixel`` (R,): whose random numbers ``stratified`` takes.
    """
    for r in range(rays + 1):
        first[r] = r * (samples + 1)
    for r in range(rays):
        ray = ti.static(Ray(row3(origins, r), row3(directions, r), ends[r, 0], ends[r, 1]))
        grid = ti.static(read_lattice(lattice))
        total = sum_of_weights(ray, step, grid, densities, floor)
        i, begin, placed, below, before, through, start = 0, r * (samples + 1), False, 0.0, 0.0, 1.0, ray.entry
        while start < ray.leave:
            end, length, density = piece(start, ray, step, grid, densities)
            left = through * ti.exp(-density * length)
            share = (through - left + floor) / total
            used = 0.0
            going = i < samples
            while going:
                if not placed:
                    offset = 0.5
                    if ti.static(stratified):
                        offset = uniform(seed, pixel[r], i)
                    place = ((i + offset) / samples - below) / share
                    if place < 1.0:
                        t[begin + i] = start + ti.max(place, 0.0) * (end - start)
                        placed = True
                edge = ((i + 1.0) / samples - below) / share
                going = placed and edge < 1.0
                if going:
                    lengths[begin + i] = before + (edge - used) * length
                    i, placed, before, used = i + 1, False, 0.0, edge
                    going = i < samples
            before += (1.0 - used) * length
            below, through, start = below + share, left, end
        while i < samples:  # what rounding has left
            if not placed:
                t[begin + i] = ray.leave
            lengths[begin + i] = before
            i, placed, before = i + 1, False, 0.0
        t[begin + samples] = ray.leave
        lengths[begin + samples] = ti.select(ray.leave >= HORIZON, BEYOND, 0.0)
