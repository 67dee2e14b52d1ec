"""``taichi-dr reconstruct --view`` in a real window: input and render side by side, and a key that stops it."""

import json

import numpy as np
from gui.told import Program
from gui.virtual_screen import until, virtual_screen

from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.terminal.interrupt import INTERRUPTED


def test_a_run_is_watched_and_stopped_by_a_key(cpu32, own_runtime, tmp_path):
    make_dataset(DatasetSettings("icosphere", tmp_path / "data", views=8, size=48, backend="cpu"))
    options = ["--view", "--steps", "100000", "--backend", "cpu"]
    command = ["-m", "taichi_dr", "reconstruct", tmp_path / "data", tmp_path / "out", *options]
    (tmp_path / "screen").mkdir()
    with virtual_screen(tmp_path / "screen") as screen, Program(screen, tmp_path, *command) as program:
        hands = screen.window("taichi-dr reconstruct")
        until(lambda: _agree(hands.pixels()), "a render as large as the image")
        hands.press("s")
        assert program.ended() == INTERRUPTED
    told = "".join(program.told)
    assert "Interrupted: everything reached so far is kept" in told
    assert "--view: " in told
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["interrupted"]


def _agree(screen):
    """Whether the left and the right half of the window show dark things of one size, the panel left out."""
    dark = (screen[200:, :, :].min(axis=-1) < 200) & (screen[200:].max(axis=-1) > 0)
    left, right = np.count_nonzero(dark[:, :480]), np.count_nonzero(dark[:, 480:])
    return left > 2000 and abs(left - right) < 0.2 * left
