"""``taichi-dr view`` in a real window: what P writes is what --screenshot writes, and keys switch renderers."""

import os
import subprocess
import sys
import time

import imageio.v3 as iio
import numpy as np
from gui.virtual_screen import virtual_screen


def test_the_window_shows_what_a_screenshot_does(tmp_path):
    command = [sys.executable, "-m", "taichi_dr", "view", "car", "--size", "240", "320", "--backend", "cpu"]
    (tmp_path / "screen").mkdir()
    with virtual_screen(tmp_path / "screen") as screen:
        environment = {**os.environ, "DISPLAY": screen.display, "XDG_RUNTIME_DIR": "/tmp"}
        program = subprocess.Popen(command, cwd=tmp_path, env=environment)
        try:
            subprocess.run([*command, "--screenshot", "off.png"], cwd=tmp_path, check=True, timeout=120)
            window = screen.do("search", "--sync", "--name", "taichi-dr: car")[0]
            screen.do("mousemove", "--window", window, 300, 200)
            for number, key in enumerate(("o", "v", "m"), 1):  # no panel; normals; edges of faces
                screen.do("key", key)
                time.sleep(3)
                screen.do("key", "p")
                wait_for(tmp_path / f"view-{number:03d}.png")
            screen.do("key", "Escape")
            assert program.wait(30) == 0
        finally:
            program.kill()
    off, first, normals, edges = (
        iio.imread(tmp_path / name)[..., :3].astype(int)
        for name in ("off.png", "view-001.png", "view-002.png", "view-003.png")
    )
    assert np.abs(off - first).mean() < 0.05
    assert np.abs(normals - first).mean() > 5
    assert edges.sum() < 0.99 * normals.sum()


def wait_for(path):
    """Until a file is there."""
    ending = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < ending, f"{path.name} was not written"
        time.sleep(0.1)
