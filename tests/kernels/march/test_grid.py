"""The distance that rays march through on a grid, in packets too, is that of the grid."""

import numpy as np
import pytest
import taichi as ti
from backends import SINGLE
from oracles import voxel_grid as oracle

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.march.grid import GridData, value_on_grid
from taichi_dr.kernels.march.settings import Distance
from taichi_dr.kernels.networks.lattice import LINEAR, lattice_rows

BOUNDS = (-1.0, 0.5, -2.0), (1.5, 2.0, -0.5)


@simd
@ti.kernel
def evaluate(numbers: Rows, lattice: Rows, lanes: ti.template(), points: Rows, values: Numbers):
    distance = ti.static(Distance(value_on_grid, GridData(numbers, lattice), lanes))
    for packet in range(values.shape[0] // lanes):
        if ti.static(lanes == 1):
            values[packet] = value_on_grid(points[packet, 0], points[packet, 1], points[packet, 2], distance)
        else:
            x = ti.Vector([points[packet * lanes + lane, 0] for lane in ti.static(range(lanes))])
            y = ti.Vector([points[packet * lanes + lane, 1] for lane in ti.static(range(lanes))])
            z = ti.Vector([points[packet * lanes + lane, 2] for lane in ti.static(range(lanes))])
            value = value_on_grid(x, y, z, distance)
            for lane in ti.static(range(lanes)):
                values[packet * lanes + lane] = value[lane]


@pytest.mark.parametrize(("backend", "lanes"), [("cpu32", 8), ("cpu64", 8), *((name, 1) for name in SINGLE)])
def test_values_equal_the_oracle(request, backend, lanes):
    request.getfixturevalue(backend)
    random = np.random.default_rng(1)
    numbers = random.normal(size=(4, 3, 5))
    points = np.add(*BOUNDS) / 2 + random.uniform(-1.3, 1.3, (80, 3)) * np.subtract(BOUNDS[1], BOUNDS[0]) / 2
    arrays = array_from(numbers.reshape(-1, 1)), array_from(lattice_rows(*BOUNDS, (4, 3, 5)))
    values = make_array((80,))
    evaluate(*arrays, lanes, array_from(points), values)
    np.testing.assert_allclose(values.to_numpy(), oracle.distance(numbers, BOUNDS, points, LINEAR), atol=1e-5)
