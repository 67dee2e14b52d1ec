"""Copies between fields and arrays."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.runtime import float_dtype


def fields(shape):
    """A vector field and a scalar field with numbers of their own."""
    vector, scalar = ti.Vector.field(3, float_dtype(), shape), ti.field(float_dtype(), shape)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(*shape, 3)).astype(np.float32), rng.normal(size=shape).astype(np.float32)
    vector.from_numpy(values[0])
    scalar.from_numpy(values[1])
    return (vector, scalar), values


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 7)])
@pytest.mark.parametrize("columns", [(0, 3), (2, 0)])
def test_fields_that_share_an_array_have_columns_of_their_own(any32, shape, columns):
    both, (vectors, scalars) = fields(shape)
    array = array_from(np.full((np.prod(shape), 5), 9.0))
    bridge.fields_to_array(both, array, columns)
    rows = np.full((np.prod(shape), 5), 9.0, np.float32)
    rows[:, columns[0] : columns[0] + 3], rows[:, columns[1]] = vectors.reshape(-1, 3), scalars.ravel()
    np.testing.assert_array_equal(array.to_numpy(), rows)
    bridge.add_array_to_fields(array, both, columns)
    np.testing.assert_array_equal(both[0].to_numpy(), 2 * vectors)
    np.testing.assert_array_equal(both[1].to_numpy(), 2 * scalars)
    bridge.array_to_fields(array, both, columns)
    np.testing.assert_array_equal(both[0].to_numpy(), vectors)
    np.testing.assert_array_equal(both[1].to_numpy(), scalars)


def test_a_scalar_field_and_a_flat_array(any32):
    (_, scalar), (_, values) = fields((2, 3))
    array = make_array((6,))
    bridge.fields_to_array((scalar,), array)
    np.testing.assert_array_equal(array.to_numpy(), values.ravel())
