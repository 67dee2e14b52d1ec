"""Environments: where directions are in the picture, and gradients of texels and directions."""

import numpy as np
import pytest
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array


def look(sky, directions):
    directions = np.atleast_2d(directions).astype(float)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    out = make_array((len(directions), 3))
    sky.fields.pull()
    sky.forward(array_from(directions), out, len(directions))
    return out.to_numpy()


def numbered(height=4, width=8):
    """Red: the row; green: the column."""
    row, column = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return dr.Environment(np.stack([row, column, 0 * row], -1).astype(float))


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ((0, 0, -1), (1.5, 3.5)),  # straight ahead: the middle
        ((1, 0, 0), (1.5, 5.5)),  # to the right
        ((-1, 0, 0), (1.5, 1.5)),
        ((1e-4, 0, 1), (1.5, 3.5)),  # behind: between the last column and the first
        ((0, 1, 0), (0, None)),
        ((0, -1, 0), (3, None)),
        ((0, 1, -1), (0.5, 3.5)),
    ],
)
def test_directions_are_where_they_should_be(any32, direction, expected):
    row, column, _ = look(numbered(), direction)[0]
    assert abs(row - expected[0]) < 1e-4
    assert expected[1] is None or abs(column - expected[1]) < 2e-3


def test_gradients_equal_central_differences(cpu64):
    rng = np.random.default_rng(0)
    inputs = {"texels": rng.random((5, 9, 3)), "directions": rng.standard_normal((40, 3))}
    unit = inputs["directions"] / np.linalg.norm(inputs["directions"], axis=1, keepdims=True)
    inputs["directions"] = unit
    weights = rng.standard_normal((40, 3))
    sky = dr.Environment(inputs["texels"])

    def value(given):
        sky.set(given["texels"])
        return (look(sky, given["directions"]) * weights).sum()

    value(inputs)
    sky.fields.zero_adjoints()
    turned = make_array((40, 3))
    sky.adjoint(array_from(unit), array_from(weights), turned, 40)
    found = {"texels": sky.fields.adjoints["texels"].to_numpy().reshape(5, 9, 3), "directions": turned.to_numpy()}
    across = found["directions"]
    found["directions"] = across - (across * unit).sum(1, keepdims=True) * unit  # ``look`` makes them unit vectors
    errors = relative_errors(value, inputs, found, ("texels", "directions"))
    assert max(errors.values()) < 1e-6, errors


def test_bad_pictures_are_named(cpu32):
    with pytest.raises(dr.ShapeError, match=r"a picture \(H, W, 3\)"):
        dr.Environment(np.zeros((4, 8)))
    with pytest.raises(dr.InputError, match=r"nan at \(1, 2, 0\)"):
        dr.Environment(np.where(np.arange(60).reshape(4, 5, 3) == 21, np.nan, 0.5))
