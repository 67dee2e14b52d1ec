"""A radiance grid as users hold it: closed forms, what rays may skip, files, what is refused."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.implicit.radiance.cells import gaps_between
from taichi_dr.implicit.radiance.grid import Grid

SIZE = 12, 16


def foggy(resolution=9, degree=1, seed=0):
    grid = Grid((-1, 1), resolution, degree=degree)
    grid.set(np.random.default_rng(seed).normal(size=grid.numpy().shape))
    return grid


def camera(views=2):
    return dr.Camera.orbit(np.linspace(0, 90, views), 20, 4, 30)


def test_fog_has_its_closed_form(cpu64):
    """Between vertices of equal numbers, ``1 - exp(-density length)``, whatever the steps."""
    grid = Grid((-1, 1), 41, degree=0)
    numbers = np.zeros((grid.count, 4))
    numbers[:, -1] = -4
    grid.set(numbers)
    straight = dr.Camera.orthographic((0.025, 0.025, 5), half_height=0.01, target=(0.025, 0.025, 0))
    density = np.log1p(np.exp(-4.0)) / grid.spacing
    for step in (1.0, 0.25):
        alpha = grid.render(straight, (1, 1), step).alpha.item()
        assert alpha == pytest.approx(1 - np.exp(-density * 1.9), rel=0.03)
    seen = grid.render(straight, (1, 1))
    np.testing.assert_allclose(seen.color[0, 0, 0], 0.5 * seen.alpha.item())
    assert seen.depth.item() == pytest.approx(5 - 0.95 + 0.95 * 0.8, abs=0.3)


def test_pictures_are_the_same_whatever_is_known_to_be_empty(any32):
    """Rays that leap over cells meet the same samples as rays that look into every cell."""
    grid, active = Grid((-1, 1), 24), np.zeros((24, 24, 24), bool)
    active[4:7, 10:14, 5:20] = active[15:18, 6:9, 8:12] = True
    sparse = Grid((-1, 1), 24, active=active)
    dense, at = np.full((*grid.shape, 13), 0.0), tuple(sparse.vertices().T)
    dense[..., -1] = -8
    numbers = np.random.default_rng(1).normal(size=(sparse.count, 13)) + 1
    sparse.set(numbers)
    dense[at] = numbers
    grid.set(dense[tuple(grid.vertices().T)])
    grid.keep_cells(sparse.cells)
    all_cells = Grid((-1, 1), 24)
    all_cells.set(grid.numpy())
    for step in (1.0, 0.3):
        leaping, looking = (one.render(camera(), SIZE, step) for one in (sparse, grid))
        np.testing.assert_allclose(leaping.color, looking.color, atol=1e-6)
        np.testing.assert_allclose(looking.color, all_cells.render(camera(), SIZE, step).color, atol=0.02)


def test_gaps_are_distances_to_the_nearest_cell():
    cells = np.random.default_rng(0).random((7, 8, 9)) < 0.02
    at, every = np.argwhere(cells), np.argwhere(np.ones_like(cells))
    expected = np.abs(every[:, None] - at).max(axis=2).min(axis=1).reshape(cells.shape)
    np.testing.assert_array_equal(gaps_between(cells), expected)
    assert gaps_between(np.zeros((3, 3, 3), bool)).min() == 255


def test_a_file_gives_the_same_pictures(cpu32, tmp_path):
    grid = foggy()
    grid.keep_cells(np.random.default_rng(1).random(grid.shape) < 0.8)
    grid.save(tmp_path / "grid.npz")
    again = Grid.load(tmp_path / "grid.npz")
    for one, other in zip(grid.render(camera(), SIZE), again.render(camera(), SIZE), strict=True):
        np.testing.assert_array_equal(one, other)
    assert repr(grid) == repr(again)


def test_a_file_cut_short_or_of_something_else_is_refused(cpu32, tmp_path):
    path = tmp_path / "grid.npz"
    foggy().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(dr.FileError, match=r"grid\.npz: is no radiance grid"):
        Grid.load(path)
    np.savez(path, values=np.zeros(3))
    with pytest.raises(dr.FileError, match="is no radiance grid"):
        Grid.load(path)
    with pytest.raises(dr.FileError, match="missing"):
        Grid.load(tmp_path / "missing.npz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bounds": (1, 1)}, "bounds: expected lower < upper"),
        ({"bounds": (0, np.nan)}, "bounds"),
        ({"resolution": 3}, "resolution: expected a whole number of at least 4"),
        ({"degree": 3}, "degree: expected 0, 1 or 2, got 3"),
    ],
)
def test_what_no_grid_can_be_made_of(cpu32, arguments, message):
    with pytest.raises(dr.InputError, match=message):
        Grid(**{"bounds": (0, 1)} | arguments)


def test_numbers_that_are_not_finite_are_counted_and_named(cpu32):
    grid = Grid((0, 1), 5, degree=0)
    numbers = grid.numpy()
    numbers[3, 1], numbers[7, 3] = np.nan, np.inf
    with pytest.raises(dr.InputError, match=r"2 numbers are not finite; the first is nan at \(3, 1\)"):
        grid.set(numbers)
    with pytest.raises(dr.ShapeError, match=r"expected shape \(27, 4\), got \(26, 4\)"):
        grid.set(numbers[1:])
    with pytest.raises(dr.ShapeError, match="active of shape"):
        Grid((0, 1), 5, active=np.ones((3, 3, 3)))
    with pytest.raises(dr.InputError, match="step > 0"):
        grid.render(camera(), SIZE, 0.0)


def test_a_grid_of_a_former_runtime_says_so(own_runtime):
    dr.init("cpu")
    grid = foggy()
    dr.init("cpu")
    with pytest.raises(dr.RuntimeStateError, match="grid: made before"):
        grid.render(camera(), SIZE)
