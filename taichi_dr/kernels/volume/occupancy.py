"""Cells of space that hold something: samples of rays are placed in these alone.

Of every cell the most density is remembered that was found in it of late, and cells that have too little are empty:

    density = max(decay density, what is found at a random point of the cell)
    occupied = density > threshold

A ray is cut into pieces of one length, from where it enters, the first of them shorter by a random share; of those
whose middle is in an occupied cell, samples are at the middle.  The others are skipped, as far as nothing is: ``free``
says of every cell how many cells away the nearest occupied one is along that axis where it is farthest, 0 if it is
occupied itself, and ``FARTHEST`` at most.

Cells are those of a ``kernels.networks.lattice``, one less along each axis than it has points; z fastest.  Source:
Mueller et al., Instant Neural Graphics Primitives, 2022, appendix E.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.march.bounds import Bounds, interval
from taichi_dr.kernels.networks.lattice import cell_and_place, read_lattice

FARTHEST = 8  # cells
ALL = 1 << 30  # samples of a ray


class Ray(NamedTuple):
    """``entry`` and ``leave``: its ends; ``shift``: the random share of a piece that its first one is long."""

    origin: Any
    direction: Any
    entry: Any
    leave: Any
    shift: Any


class Samples(NamedTuple):
    """Where samples are written: arrays ``t`` and ``lengths``, from ``first`` on."""

    first: Any
    t: Any
    lengths: Any


@ti.func
def cell_number(cell, lattice: ti.template()):
    """Of [i, j, k], the place in arrays of cells."""
    return (cell[0] * (lattice.count[1] - 1) + cell[1]) * (lattice.count[2] - 1) + cell[2]


@ti.func
def numbered_cell(number, lattice: ti.template()):
    """[i, j, k] of a number: the inverse of ``cell_number``."""
    j, k = lattice.count[1] - 1, lattice.count[2] - 1
    return ti.Vector([number // (j * k), number // k % j, number % k])


@replayed
@ti.kernel
def place_probes(lattice: Rows, cells: Ints, count: ti.i32, seed: ti.i32, points: Rows):
    """Writes ``points`` (count, 3), one at random in each of ``cells`` (count,)."""
    for i in range(count):
        grid = ti.static(read_lattice(lattice))
        corner = numbered_cell(cells[i], grid)
        for axis in ti.static(range(3)):
            place = corner[axis] + uniform(seed, cells[i], axis)
            points[i, axis] = grid.lower[axis] + place / grid.per_unit[axis]


@replayed
@ti.kernel
def remember(cells: Ints, count: ti.i32, found: Rows, decay: float, densities: Numbers):
    """Updates ``densities`` of ``cells`` (count,) by what was found in them, ``found`` (count, >= 1)."""
    for i in range(count):
        densities[cells[i]] = ti.max(decay * densities[cells[i]], found[i, 0])


@replayed
@ti.kernel
def mark(lattice: Rows, densities: Numbers, threshold: float, free: Ints, scratch: Ints):
    """Writes ``free`` of cells that are occupied where the density is above the threshold; ``scratch`` is as long.

    An axis at a time: ``free(cell) = min over cells k away along the axis of max(free there, k)``.
    """
    for i in range(free.shape[0]):
        free[i] = ti.select(densities[i] > threshold, 0, FARTHEST)
    for i in range(free.shape[0]):
        scratch[i] = _nearest(i, free, 2, ti.static(read_lattice(lattice)))
    for i in range(free.shape[0]):
        free[i] = _nearest(i, scratch, 1, ti.static(read_lattice(lattice)))
    for i in range(free.shape[0]):
        scratch[i] = _nearest(i, free, 0, ti.static(read_lattice(lattice)))
    for i in range(free.shape[0]):
        free[i] = scratch[i]


@ti.func
def _nearest(number, free: ti.template(), axis: ti.template(), lattice: ti.template()):
    """The least of ``max(free, distance)`` along an axis, from a cell on."""
    cell, cells, stride = numbered_cell(number, lattice)[axis], lattice.count[axis] - 1, 1
    for k in ti.static(range(axis + 1, 3)):
        stride *= lattice.count[k] - 1
    nearest, k = free[number], 1
    while k < nearest:
        if cell >= k:
            nearest = ti.min(nearest, ti.max(free[number - k * stride], k))
        if cell + k < cells:
            nearest = ti.min(nearest, ti.max(free[number + k * stride], k))
        k += 1
    return nearest


@ti.func
def piece(k, ray: ti.template(), step):
    """(start, end) of piece k of a ray: they join, and fill it from end to end."""
    start = ti.max(ray.entry + (k - 1 + ray.shift) * step, ray.entry)
    return start, ti.min(ray.entry + (k + ray.shift) * step, ray.leave)


@ti.func
def first_beyond(t, ray: ti.template(), step):
    """The number of the first piece whose middle is not before t, but for what rounding does."""
    return ti.cast(ti.ceil((t - ray.entry) / step + 0.5 - ray.shift - 1e-3), ti.i32)


@ti.func
def leaves_cells(cell, near, t, ray: ti.template(), lattice: ti.template()):
    """Where a ray leaves the cells that are less than ``near`` away from the one that it is in at t."""
    leave = ray.leave
    for axis in ti.static(range(3)):
        if ti.abs(ray.direction[axis]) > 1e-9:
            side = cell[axis] + ti.select(ray.direction[axis] > 0.0, near, 1 - near)
            distance = lattice.lower[axis] + side / lattice.per_unit[axis] - ray.origin[axis]
            leave = ti.min(leave, ti.max(distance / ray.direction[axis], t))
    return leave


@ti.func
def walk(ray: ti.template(), lattice: ti.template(), free: ti.template(), step, first, most, to: ti.template()):
    """The number of samples on a ray from piece ``first`` on, at most so many, and the piece behind them.

    They are written to the ``Samples`` ``to`` unless that is None.
    """
    samples, k = 0, first
    start, end = piece(k, ray, step)
    while start < ray.leave and samples < most:
        t = 0.5 * (start + end)
        cell, _ = cell_and_place(ray.origin + t * ray.direction, lattice)
        near = free[cell_number(cell, lattice)]
        if near == 0:
            if ti.static(bool(to)):
                to.t[to.first + samples], to.lengths[to.first + samples] = t, end - start
            samples += 1
            k += 1
        else:
            k = ti.max(k + 1, first_beyond(leaves_cells(cell, near, t, ray, lattice), ray, step))
        start, end = piece(k, ray, step)
    return samples, k


@replayed
@ti.kernel
def count_samples(
    origins: Rows,
    directions: Rows,
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    lattice: Rows,
    free: Ints,
    step: float,
    stratified: ti.template(),
    seed: ti.i32,
    counts: Ints,
):
    """Writes ``counts`` (R,): how many samples each of ``rays`` rays has.

    ``origins``, ``directions`` (R, 3), ``ends`` (R, 2), ``pixel`` (R,): whose random number ``stratified`` takes.
    """
    for r in range(rays):
        shift = _shift(pixel[r], seed, stratified)
        ray = ti.static(Ray(row3(origins, r), row3(directions, r), ends[r, 0], ends[r, 1], shift))
        counts[r], _ = walk(ray, ti.static(read_lattice(lattice)), free, step, 0, ALL, None)


@replayed
@ti.kernel
def place_samples(
    origins: Rows,
    directions: Rows,
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    lattice: Rows,
    free: Ints,
    step: float,
    stratified: ti.template(),
    seed: ti.i32,
    first: Ints,
    t: Numbers,
    lengths: Numbers,
):
    """Writes ``t`` and ``lengths`` (P,) of the samples that ``count_samples`` counted, ray r's from ``first[r]`` on."""
    for r in range(rays):
        shift = _shift(pixel[r], seed, stratified)
        ray = ti.static(Ray(row3(origins, r), row3(directions, r), ends[r, 0], ends[r, 1], shift))
        samples = ti.static(Samples(first[r], t, lengths))
        walk(ray, ti.static(read_lattice(lattice)), free, step, 0, ALL, samples)


@replayed
@ti.kernel
def walk_on(
    origins: Rows,
    directions: Rows,
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    lattice: Rows,
    free: Ints,
    step: float,
    stratified: ti.template(),
    seed: ti.i32,
    most: ti.i32,
    through: Numbers,
    tolerance: float,
    pieces: Ints,
    counts: Ints,
    t: Numbers,
    lengths: Numbers,
):
    """Writes the next samples of rays whose ``through`` is above the tolerance, ray r's from ``most r`` on.

    ``counts`` (R,): how many, ``most`` at most; ``pieces`` (R,): where rays are, and where they are afterwards.
    """
    for r in range(rays):
        counts[r] = 0
        if through[r] > tolerance:
            shift = _shift(pixel[r], seed, stratified)
            ray = ti.static(Ray(row3(origins, r), row3(directions, r), ends[r, 0], ends[r, 1], shift))
            samples = ti.static(Samples(r * most, t, lengths))
            count, behind = walk(ray, ti.static(read_lattice(lattice)), free, step, pieces[r], most, samples)
            counts[r], pieces[r] = count, behind


@replayed
@ti.kernel
def pack_found(
    rays: ti.i32, most: ti.i32, first: Ints, t: Numbers, lengths: Numbers, packed_t: Numbers, packed_lengths: Numbers
):
    """Writes what ``walk_on`` found one ray behind the other, ray r's from ``first[r]`` on."""
    for r in range(rays):
        for i in range(first[r], first[r + 1]):
            packed_t[i], packed_lengths[i] = t[r * most + i - first[r]], lengths[r * most + i - first[r]]


@ti.func
def _shift(pixel, seed, stratified: ti.template()):
    shift = 0.5
    if ti.static(stratified):
        shift = uniform(seed, pixel, 0)
    return shift


@replayed
@ti.kernel
def find_ends(origins: Rows, directions: Rows, rays: ti.i32, bounds: Numbers, ends: Rows):
    """Writes ``ends`` (R, 2): where ``rays`` rays enter and leave a box, not before their origins.

    ``bounds`` (6,): as in ``kernels.march.bounds``.  The ends of rays that miss it are equal.
    """
    for r in range(rays):
        entry, leave = interval(row3(origins, r), row3(directions, r), ti.static(Bounds(bounds, False)))
        ends[r, 0] = ti.max(entry, 0.0)
        ends[r, 1] = ti.max(leave, ends[r, 0])
