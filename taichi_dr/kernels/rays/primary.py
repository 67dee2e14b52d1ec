"""Rays of cameras, several for each pixel, in packets, and what they add up to.

Pixels are taken ``BLOCK`` by ``BLOCK``, and of each block first one sample of every pixel, then the next: rays that
stand side by side go the same way.  Samples are stratified: the pixel is divided into ``columns`` by ``rows`` cells,
with a place at random in each; a single sample is in the middle.  Random numbers are those of a pixel's sample,
whichever view it belongs to, so that views rendered together are those rendered one by one.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.random import uniform_pair
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.camera.pack import PACKED, E, W
from taichi_dr.kernels.camera.rays import Eye, ray, ray_adjoint

BLOCK = 4  # pixels along the side of a block
LANES = BLOCK * BLOCK
JITTER = 0  # which random numbers are a ray's place in its pixel


class Samples(NamedTuple):
    """Of each pixel ``columns`` times ``rows`` samples, in images of ``width`` by ``height`` pixels."""

    width: Any
    height: Any
    columns: Any
    rows: Any
    seed: Any


def blocks_of(width, height):
    """How many blocks an image has."""
    return -(-width // BLOCK) * -(-height // BLOCK)


@ti.func
def place_of(r, samples: ti.template()):
    """(row, column, sample) of ray r of a view; it may be outside of the image, below or to the right."""
    count = samples.columns * samples.rows
    across = (samples.width + BLOCK - 1) // BLOCK
    packet, lane = r // LANES, r % LANES
    block, sample = packet // count, packet % count
    return block // across * BLOCK + lane // BLOCK, block % across * BLOCK + lane % BLOCK, sample


@ti.func
def screen_place(r, samples: ti.template()):
    """(x, y, index of its random numbers) of ray r of a view: where on the screen it goes through."""
    row, column, sample = place_of(r, samples)
    count = samples.columns * samples.rows
    index = (row * (samples.width + BLOCK) + column) * count + sample
    across, down = 0.5, 0.5
    if count > 1:
        across, down = uniform_pair(samples.seed, index, JITTER)
    x = float(column) + (float(sample % samples.columns) + across) / float(samples.columns)
    y = float(row) + (float(sample // samples.columns) + down) / float(samples.rows)
    inverse = 1.0 / ti.cast(ti.min(samples.width, samples.height), float)
    return (2.0 * x - float(samples.width)) * inverse, (float(samples.height) - 2.0 * y) * inverse, index


@replayed
@ti.kernel
def place(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    seed: ti.i32,
    near: float,
    far: float,
    view: ti.i32,
    first: ti.i32,
    count: ti.i32,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    path: Ints,
):
    """Writes rays ``first`` to ``first + count`` of a view: origins, unit directions, and where they pass both planes.

    ``path`` (R,): the index of each ray's random numbers.
    """
    eye, samples = ti.static(Eye(camera, orthographic), Samples(width, height, columns, rows, seed))
    for i in range(count):
        x, y, index = screen_place(first + i, samples)
        origin, direction = ray(eye, view, x, y)
        cosine = 0.0
        for k in ti.static(range(3)):
            origins[i, k], directions[i, k] = origin[k], direction[k]
            cosine -= direction[k] * camera[view, W + k]
        ends[i, 0], ends[i, 1], path[i] = near / cosine, far / cosine, index


@replayed
@ti.kernel
def place_adjoint(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    seed: ti.i32,
    view: ti.i32,
    first: ti.i32,
    count: ti.i32,
    origins_adjoint: Rows,
    directions_adjoint: Rows,
    partials: Rows,
):
    """Adds to ``partials`` (V*16, C) what the adjoints of rays imply for the packed camera of their view.

    Each column is the sum of a part of the rays; which of them the planes cut is held constant.
    """
    eye, samples = ti.static(Eye(camera, orthographic), Samples(width, height, columns, rows, seed))
    for column in range(partials.shape[1]):
        size = (count + partials.shape[1] - 1) // partials.shape[1]
        total = ti.Vector([0.0] * PACKED)
        for i in range(column * size, ti.min((column + 1) * size, count)):
            g_origin, g_direction = row3(origins_adjoint, i), row3(directions_adjoint, i)
            if g_origin.any() or g_direction.any():
                x, y, _ = screen_place(first + i, samples)
                total += ray_adjoint(eye, view, x, y, g_origin, g_direction)
        for c in ti.static(range(PACKED)):
            partials[view * PACKED + c, column] = partials[view * PACKED + c, column] + total[c]


@replayed
@ti.kernel
def copy_eye(camera: Rows, view: ti.i32, eye: Rows):
    """Writes the point (1, 3) that all rays of a view come from."""
    for c in range(3):
        eye[0, c] = camera[view, E + c]
