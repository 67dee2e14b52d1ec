"""Where pictures differ most, and turntables that stay in step."""

import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from taichi_dr.jobs.compare.pictures import differing, tiles, write_turntables


def test_the_close_up_is_where_the_differences_are():
    wanted = np.ones((40, 60, 3))
    one, other = wanted.copy(), wanted.copy()
    one[30:34, 40:44] = 0.0
    other[5, 5] = 0.5  # a single pixel counts less
    top, left, height, width = differing(wanted, [one, other])
    assert (height, width) == (10, 15)
    assert top <= 30 < 34 <= top + height
    assert left <= 40 < 44 <= left + width


def test_a_difference_is_black_where_there_is_none_and_yellow_where_it_is_large():
    target = np.ones((32, 32, 4))
    picture = target.copy()
    picture[16:20, 16:20, :3] = 0.0
    image, tile = tiles(target, [picture])
    assert image.difference is None
    assert tile.difference.shape == tile.near.shape
    colors = {tuple(color) for color in tile.difference.reshape(-1, 3).tolist()}
    assert colors == {(0, 0, 4), (252, 255, 164)}  # both ends of matplotlib's inferno


def test_turntables_are_one_animation_side_by_side(tmp_path):
    turn = np.zeros((4, 10, 12, 4))
    turn[..., 3] = 1
    turn[np.arange(4), :, np.arange(4) * 3, 0] = 1
    found = [SimpleNamespace(name=name, turn=turn) for name in ("mesh", "sdf", "grid")]
    wide, narrow = write_turntables(tmp_path / "turntables.webp", found)
    assert (tmp_path / "turntables.webp").read_bytes() == wide
    with Image.open(io.BytesIO(wide)) as picture:
        assert (picture.n_frames, picture.width) == (4, 36)
    with Image.open(io.BytesIO(narrow)) as picture:
        assert (picture.n_frames, picture.width) == (4, 24)
