"""Arrays and NumPy: the same numbers both ways, whatever copies them, and nothing of a former runtime."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.compilation import watching
from taichi_dr.errors import RuntimeStateError
from taichi_dr.kernels.base.arrays import array_from, make_array, write_array


@ti.kernel
def _double(numbers: ti.types.ndarray(ndim=2)):
    for i in range(numbers.shape[0]):
        for k in range(numbers.shape[1]):
            numbers[i, k] = 2 * numbers[i, k]


def round_trip(dtype, values):
    array = array_from(values, dtype)
    _double(array)
    return array.to_numpy()


def test_what_kernels_read_and_write_is_what_numpy_has(any32):
    values = np.arange(12.0).reshape(4, 3)
    assert np.array_equal(round_trip(ti.f32, values), (2 * values).astype(np.float32))
    assert round_trip(ti.f32, values).dtype == np.float32
    assert np.array_equal(round_trip(ti.i32, values.astype(int)[:, ::2]), 2 * values.astype(np.int32)[:, ::2])
    flat = make_array((5,))
    write_array(flat, range(5))
    assert flat.to_numpy().tolist() == [0, 1, 2, 3, 4]


def test_double_precision(cpu64):
    values = np.random.default_rng(0).uniform(size=(2, 3))
    assert np.array_equal(round_trip(None, values), 2 * values)


def test_copies_are_copies(any32):
    array = array_from(np.ones((2, 2)))
    copy = array.to_numpy()
    copy[...] = 5
    _double(array)
    assert (copy == 5).all()
    assert (array.to_numpy() == 2).all()


def test_other_shapes_are_refused(any32):
    for values in (np.ones((2, 3)), np.ones(4), np.ones((1, 2))):
        with pytest.raises(ValueError, match="shape"):
            make_array((2, 2)).from_numpy(values)


def test_cpus_compile_nothing_to_copy(cpu32):
    compiled = []
    with watching(compiled.append):
        for shape in ((3,), (3, 2), (3, 2, 4)):
            array_from(np.ones(shape)).to_numpy()
    assert compiled == []


def test_an_array_of_a_former_runtime_is_refused(own_runtime):
    dr.init("cpu")
    array = make_array((2,))
    dr.init("cpu")
    with pytest.raises(RuntimeStateError, match=r"array: made before the latest ti\.init"):
        array.to_numpy()
