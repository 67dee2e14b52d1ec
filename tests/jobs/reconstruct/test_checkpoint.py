"""What a checkpoint holds is read, or refused by name."""

import numpy as np
import pytest

from taichi_dr.errors import FileError
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.checkpoint import count, number, or_none, rows_below, squares


def test_what_was_saved_is_loaded(tmp_path):
    path = tmp_path / checkpoint.NAME
    checkpoint.save_state(path, {"steps": 3}, {"a": np.arange(3.0), "frame": np.zeros(4, np.uint8)})
    header, arrays = checkpoint.load_state(path)
    assert header == {"steps": 3}
    np.testing.assert_array_equal(arrays["a"], [0, 1, 2])


@pytest.mark.parametrize("wrong", [[np.nan], [np.inf], ["text"], [1j]])
def test_arrays_are_finite_numbers(tmp_path, wrong):
    path = tmp_path / checkpoint.NAME
    checkpoint.save_state(path, {}, {"model/vertices": np.array(wrong)})
    said = r"state\.npz: is no checkpoint that can be read \(model/vertices: expected finite numbers\); --overwrite"
    with pytest.raises(FileError, match=said):
        checkpoint.load_state(path)


def test_numbers_of_a_header():
    header = {"steps": 3, "seconds": 1.5, "whole": 2, "none": None}
    assert (count(header, "steps"), count(header, "steps", 3), count([7], 0)) == (3, 3, 7)
    assert (number(header, "seconds"), number(header, "whole")) == (1.5, 2.0)
    assert (or_none(count, header, "none"), or_none(count, header, "steps")) == (None, 3)
    with pytest.raises(ValueError, match="steps: expected a whole number from 0 to 2, got 3"):
        count(header, "steps", 2)


@pytest.mark.parametrize("wrong", [-1, 1.0, True, "3", None, [3], 2**54])
def test_what_is_no_count(wrong):
    with pytest.raises(ValueError, match="steps: expected a whole number from 0 to"):
        count({"steps": wrong}, "steps")


@pytest.mark.parametrize("wrong", [-0.5, float("nan"), float("inf"), True, "3", None])
def test_what_is_no_number(wrong):
    with pytest.raises(ValueError, match="seconds: expected a finite number of at least 0"):
        number({"seconds": wrong}, "seconds")


def test_squares_are_not_negative():
    assert squares({"second": np.array([0, 0.5])}, "second").tolist() == [0, 0.5]
    with pytest.raises(ValueError, match=r"second: expected means of squares, got -0\.5"):
        squares({"second": np.array([0, -0.5])}, "second")


def test_indices_are_in_range():
    nodes = np.array([[0, 0], [1, 2]])
    assert rows_below({"nodes": nodes}, "nodes", (2, 3)) is nodes
    for wrong, sizes in ((nodes, (2, 2)), (-nodes, (2, 3)), (nodes.astype(float), (2, 3)), (nodes, (2, 3, 4))):
        with pytest.raises(ValueError, match="nodes: expected"):
            rows_below({"nodes": wrong}, "nodes", sizes)
