"""Pictures of how a run went: their layout and that extremes do not break them."""

import imageio.v3 as iio
import numpy as np
import pytest

from taichi_dr.jobs.report.history import Animation, History
from taichi_dr.jobs.report.metrics import compare_views
from taichi_dr.jobs.report.pages import GAP, animation_frame, write_animation, write_comparison, write_losses


@pytest.fixture
def pictures():
    target = np.zeros((2, 40, 60, 4), np.float32)
    target[:, 10:30, 10:30] = (1, 0, 0, 1)
    shown = target.copy()
    shown[0, 10:30, 20:30] = 0
    return target, shown


def test_comparison_shows_target_render_and_difference(pictures, tmp_path):
    write_comparison(tmp_path / "c.png", *pictures, compare_views(*pictures), ["a", "b"])
    sheet = iio.imread(tmp_path / "c.png").astype(int)
    height, width = pictures[0].shape[1:3]
    assert sheet.shape[1] == 3 * width + 4 * GAP
    rows = np.flatnonzero(sheet[:, 2 * (width + GAP) + GAP].sum(axis=-1) < 10)  # no difference at the border: black
    assert len(rows) == 2 * height
    top = rows[0]
    cells = [sheet[top : top + height, GAP + i * (width + GAP) : GAP + i * (width + GAP) + width] for i in range(3)]
    assert cells[0][15, 25].tolist() == [255, 0, 0]
    assert cells[1][15, 25].tolist() == [255, 255, 255]
    assert cells[2][15, 25].sum() > 400
    assert cells[2][15, 12].sum() < 10


def test_losses_are_drawn_even_if_there_are_none(tmp_path):
    write_losses(tmp_path / "a.png", History().columns())
    history = History()
    history.add(1, {"silhouette": 0.5})
    history.add(6, {"silhouette": 0.0, "color": 0.1})
    assert np.isnan(history.columns()["color"][0])
    write_losses(tmp_path / "b.png", history.columns(), [3])
    assert iio.imread(tmp_path / "b.png").shape == iio.imread(tmp_path / "a.png").shape


def test_the_last_frame_of_an_animation_stays(pictures, tmp_path):
    frames = [animation_frame(pictures[0], pictures[i], f"step {i}") for i in range(2)]
    write_animation(tmp_path / "a.gif", frames)
    durations = [iio.immeta(tmp_path / "a.gif", index=i)["duration"] for i in range(2)]
    assert durations == [100, 2500]


def test_an_animation_has_the_colours_of_its_frames(tmp_path):
    ramp = np.linspace(0, 255, 96, dtype=np.uint8)
    frames = [np.full((64, 96, 3), 255, np.uint8) for _ in range(3)]
    for channel, frame in enumerate(frames):
        frame[16:48, :, channel] = ramp
    write_animation(tmp_path / "a.gif", frames)
    shown = iio.imread(tmp_path / "a.gif", index=None).astype(int)
    errors = np.abs(shown - frames)
    assert errors[:, :12].max() <= 1  # paper
    assert errors.max() <= 32
    assert errors.mean() < 3


def test_animation_frames_come_back_from_a_checkpoint():
    targets = np.zeros((2, 8, 9, 4), np.float32)
    shape = animation_frame(targets, targets, "").shape
    frames = [np.random.default_rng(i).integers(0, 256, shape, np.uint8) for i in range(3)]
    one, other = (object.__new__(Animation) for _ in range(2))
    one.frames, one._encoded, other._targets = frames, {}, targets
    other.restore(one.arrays(), 0.5)
    assert np.array_equal(other.frames, frames)
    assert other.due(1.0)
    assert not other.due(0.5)
