"""``taichi-dr reconstruct --view`` in a real window: input and render side by side, and a key that stops it."""

import json
import os
import subprocess
import sys
import time

import numpy as np
from gui.virtual_screen import virtual_screen

from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.terminal.interrupt import INTERRUPTED

LONGEST = 90  # s


def test_a_run_is_watched_and_stopped_by_a_key(cpu32, own_runtime, tmp_path):
    make_dataset(DatasetSettings("icosphere", tmp_path / "data", views=8, size=48, backend="cpu"))
    options = ["--view", "--steps", "100000", "--backend", "cpu"]
    command = [sys.executable, "-m", "taichi_dr", "reconstruct", tmp_path / "data", tmp_path / "out", *options]
    (tmp_path / "screen").mkdir()
    with virtual_screen(tmp_path / "screen") as screen:
        environment = {**os.environ, "DISPLAY": screen.display, "XDG_RUNTIME_DIR": "/tmp"}
        program = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            window = screen.do("search", "--sync", "--name", "taichi-dr reconstruct")[0]
            screen.do("mousemove", "--window", window, 480, 460)
            ending = time.monotonic() + LONGEST
            while not _agree(screen.pixels()[100:580, 100:1060]) and time.monotonic() < ending:
                time.sleep(0.5)
            agreed = _agree(screen.pixels()[100:580, 100:1060])
            while program.poll() is None and time.monotonic() < ending:
                screen.do("key", "s")  # a second one would end it at once, but the window is gone by then
                time.sleep(1)
            told, _ = program.communicate(timeout=60)
        finally:
            program.kill()
    assert agreed
    assert program.returncode == INTERRUPTED
    assert "Interrupted: everything reached so far is kept" in told
    assert "--view: " in told
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["interrupted"]


def _agree(screen):
    """Whether the left and the right half of the window show dark things of one size, the panel left out."""
    dark = (screen[200:, :, :].min(axis=-1) < 200) & (screen[200:].max(axis=-1) > 0)
    left, right = np.count_nonzero(dark[:, :480]), np.count_nonzero(dark[:, 480:])
    return left > 2000 and abs(left - right) < 0.2 * left
