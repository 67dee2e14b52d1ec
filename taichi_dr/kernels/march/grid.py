"""Marching through a distance on a grid: the kernels of ``trace``, ``layers`` and ``approach`` over its arrays.

Rays go through linear interpolation, whatever the grid's is: marching only chooses where to look.  Where they meet a
surface, ``surface.converge`` moves them onto that of the grid.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye
from taichi_dr.kernels.march.approach import approach_packets
from taichi_dr.kernels.march.bounds import Bounds
from taichi_dr.kernels.march.layers import follow_rays
from taichi_dr.kernels.march.settings import Distance, Layers, March, Met
from taichi_dr.kernels.march.trace import march_cones, march_packets
from taichi_dr.kernels.screen.pixels import Screen


class GridData(NamedTuple):
    """A distance on a grid: the arrays of its numbers (nx*ny*nz, 1) and of its lattice."""

    numbers: Any
    lattice: Any


@ti.func
def value_on_grid(x, y, z, distance: ti.template()):
    """Linear ``voxel_grid.sample`` of ``distance.data``, a ``GridData``, at a point or at a packet of them.

    Without branches, which packets cannot have, and which take ten times as long to compile in the loops of marching.
    """
    numbers, lattice = ti.static(*distance.data)
    qx, qy, qz = _clamped(x, 0, lattice), _clamped(y, 1, lattice), _clamped(z, 2, lattice)
    i, u = _cell(qx, 0, lattice)
    j, v = _cell(qy, 1, lattice)
    k, w = _cell(qz, 2, lattice)
    ny, nz = ti.cast(lattice[1, 3], ti.i32), ti.cast(lattice[2, 3], ti.i32)
    row = (i * ny + j) * nz + k
    low = _along_z(row, w, numbers, distance.lanes) * (1.0 - v) + _along_z(row + nz, w, numbers, distance.lanes) * v
    row = row + ny * nz
    high = _along_z(row, w, numbers, distance.lanes) * (1.0 - v) + _along_z(row + nz, w, numbers, distance.lanes) * v
    value = low * (1.0 - u) + high * u
    squared = (x - qx) * (x - qx) + (y - qy) * (y - qy) + (z - qz) * (z - qz)
    positive = higher(value, 0.0)
    return ti.select(squared > 0.0, ti.sqrt(squared + positive * positive), value)


@ti.func
def _clamped(x, axis: ti.template(), lattice: ti.template()):
    return higher(lower(x, lattice[axis, 1]), lattice[axis, 0])


@ti.func
def _cell(q, axis: ti.template(), lattice: ti.template()):
    """The cell along an axis, and the place in it."""
    position = (q - lattice[axis, 0]) * lattice[axis, 2]
    cell = higher(lower(ti.cast(position, ti.i32), ti.cast(lattice[axis, 3], ti.i32) - 2), 0)
    return cell, position - cell


@ti.func
def _along_z(row, w, numbers: ti.template(), lanes: ti.template()):
    """Between the numbers of a row and of the next."""
    if ti.static(lanes == 1):
        return numbers[row, 0] * (1.0 - w) + numbers[row + 1, 0] * w
    else:
        near = ti.Vector([numbers[row[lane], 0] for lane in ti.static(range(lanes))])
        far = ti.Vector([numbers[row[lane] + 1, 0] for lane in ti.static(range(lanes))])
        return near * (1.0 - w) + far * w


@simd
@replayed
@ti.kernel
def trace(
    values: Rows,
    lattice: Rows,
    lanes: ti.template(),
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    scale: float,
    band: float,
    near: float,
    far: float,
    limit: ti.i32,
    relaxation: float,
    start: Numbers,
    status: Ints,
    t: Numbers,
    evaluations: Ints,
):
    """``march_cones``, then ``march_packets``."""
    distance = ti.static(Distance(value_on_grid, GridData(values, lattice), lanes))
    march = ti.static(March(scale, band, near, far, limit, relaxation))
    eye, bounds = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball))
    screen, met = ti.static(Screen(width, height), Met(status, t, evaluations))
    march_cones(distance, eye, bounds, screen, march, start)
    march_packets(distance, eye, bounds, screen, march, start, met)


@simd
@replayed
@ti.kernel
def follow(
    values: Rows,
    lattice: Rows,
    lanes: ti.template(),
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    scale: float,
    band: float,
    near: float,
    far: float,
    limit: ti.i32,
    relaxation: float,
    t: Numbers,
    evaluations: Ints,
    grazing: Ints,
    grazing_count: ti.i32,
    surface: Numbers,
    closest: Numbers,
    count: Ints,
):
    """``follow_rays``."""
    distance = ti.static(Distance(value_on_grid, GridData(values, lattice), lanes))
    march = ti.static(March(scale, band, near, far, limit, relaxation))
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    layers = ti.static(Layers(surface, closest, count))
    follow_rays(distance, eye, bounds, screen, march, t, evaluations, grazing, grazing_count, layers)


@simd
@replayed
@ti.kernel
def approach(
    values: Rows,
    lattice: Rows,
    lanes: ti.template(),
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    scale: float,
    band: float,
    near: float,
    far: float,
    limit: ti.i32,
    relaxation: float,
    t: Numbers,
):
    """``approach_packets``."""
    distance = ti.static(Distance(value_on_grid, GridData(values, lattice), lanes))
    march = ti.static(March(scale, band, near, far, limit, relaxation))
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    approach_packets(distance, eye, bounds, screen, march, t)
