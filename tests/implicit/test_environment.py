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


def test_a_file_is_scaled_and_turned(cpu32, tmp_path):
    texels = np.random.default_rng(1).lognormal(size=(4, 8, 3)).astype(np.float32)
    dr.save_image(tmp_path / "sky.exr", texels)
    assert (dr.Environment.load(tmp_path / "sky.exr").numpy() == texels).all()
    turned = dr.Environment.load(tmp_path / "sky.exr", intensity=2, turn_deg=90)
    ahead = look(dr.Environment(texels), (0, 0.3, -1))
    np.testing.assert_allclose(look(turned, (-1, 0.3, 0)), 2 * ahead, rtol=1e-5)
    half = dr.Environment.load(tmp_path / "sky.exr", turn_deg=-22.5).numpy()  # half a column to the right
    np.testing.assert_allclose(half[:, 1], (texels[:, 0] + texels[:, 1]) / 2, rtol=1e-6)


def test_one_colour_everywhere(any32):
    sky = dr.Environment.constant((1, 2, 3))
    directions = np.random.default_rng(2).normal(size=(50, 3))
    np.testing.assert_allclose(look(sky, directions), np.tile([1, 2, 3], (50, 1)), rtol=1e-6)


def test_tables_follow_the_texels(cpu32):
    sky = numbered()
    tables = sky.sampling_tables()
    assert sky.sampling_tables() is tables
    sky.texels[0, 3] = (90, 90, 90)
    rows, columns = sky.sampling_tables()
    assert rows.to_numpy()[0, 0] > tables[0].to_numpy()[0, 0] + 0.1
    assert columns.shape == (4, 8)


def test_bad_environments_are_named(cpu32, tmp_path):
    with pytest.raises(dr.InputError, match=r"finite numbers >= 0, got -1.0 at \(1, 2, 0\)"):
        dr.Environment(np.where(np.arange(60).reshape(4, 5, 3) == 21, -1, 0.5))
    pixels = np.where(np.arange(60).reshape(4, 5, 3) == 21, -1, 0.5)
    dr.save_image(tmp_path / "sky.exr", pixels)
    with pytest.raises(dr.InputError, match=r"sky.exr: expected finite numbers >= 0, got -1.0 at \(1, 2, 0\)"):
        dr.Environment.load(tmp_path / "sky.exr")
    with pytest.raises(dr.FileError, match=r"none.hdr"):
        dr.Environment.load(tmp_path / "none.hdr")
    (tmp_path / "text.hdr").write_text("a text")
    with pytest.raises(dr.FileError, match=r"text.hdr: not a Radiance picture"):
        dr.Environment.load(tmp_path / "text.hdr")
    for arguments in ({"intensity": -1}, {"intensity": np.nan}, {"turn_deg": np.inf}):
        with pytest.raises(dr.InputError, match=f"{next(iter(arguments))}: expected a finite"):
            dr.Environment.load(tmp_path / "sky.exr", **arguments)
    with pytest.raises(dr.InputError, match="environment: expected a color >= 0"):
        dr.Environment.constant(-1)


def test_bad_pictures_are_named(cpu32):
    with pytest.raises(dr.ShapeError, match=r"a picture \(H, W, 3\)"):
        dr.Environment(np.zeros((4, 8)))
    with pytest.raises(dr.InputError, match=r"nan at \(1, 2, 0\)"):
        dr.Environment(np.where(np.arange(60).reshape(4, 5, 3) == 21, np.nan, 0.5))
