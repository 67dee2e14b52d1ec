"""The viewer in real windows on a screen that nobody sees: keys and a mouse are sent, and the screen is compared."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from gui.virtual_screen import virtual_screen

import taichi_dr as dr
from taichi_dr.gui.pose import Pose, camera_of
from taichi_dr.gui.progressive import jitter
from taichi_dr.gui.viewer import display_bytes
from taichi_dr.io.images import linear_to_srgb

PROGRAM = Path(__file__).parent / "show_torus.py"
BORDERS = {"vulkan": 0, "plain": 1}
ASIDE = (1270, 1000)  # where the pointer covers no window


def begun(screen, kind, folder):
    """The program, its picture refined."""
    environment = {
        **os.environ,
        "DISPLAY": screen.display,
        "XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR", "/tmp"),
    }
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), kind, str(folder)],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_for(program)
    return program


def wait_for(program):
    """Reads the program's lines until it is ready."""
    for line in program.stdout:
        if line == "ready\n":
            return
    pytest.fail(f"the viewer ended with code {program.wait()}")


def seen(screen, window, border):
    """What the window shows, (H, W, 3) bytes, within a border of so many pixels."""
    facts = dict(line.split("=") for line in screen.do("getwindowgeometry", "--shell", window))
    x, y, width, height = (int(facts[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
    return screen.pixels()[border:, border:][y : y + height, x : x + width]


def off_screen(pose):
    """What the program shows of a pose once it is still, as bytes: the mean of 16 renders at other places in pixels."""
    mesh, lights = dr.shapes.torus(), dr.Lights.default()
    renderer = dr.Rasterizer((300, 400), antialias=True, background=(0.1, 0.2, 0.3))
    pictures = []
    for number in range(16):
        shift = 2 / 300 * np.array(jitter(number))  # half image heights
        camera = camera_of(pose, 0.1 * pose.distance, 37 * pose.distance, shift)
        pictures.append(renderer.render(mesh, camera, lights).numpy("color")[0])
    return display_bytes(np.mean(pictures, axis=0))


def difference(a, b):
    """The mean difference of bytes, in levels of 255."""
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("kind", ["vulkan", "plain"])
def test_a_window_shows_the_render_and_answers_keys_and_mouse(cpu32, tmp_path, kind, capsys):
    if kind == "vulkan" and "vulkan" not in dr.available_backends():
        message = "no Vulkan device on this machine"
        pytest.fail(message) if os.environ.get("TAICHI_DR_REQUIRE_VULKAN") else pytest.skip(message)
    screen_folder = tmp_path / "screen"
    screen_folder.mkdir()
    with virtual_screen(screen_folder) as screen:
        program = begun(screen, kind, tmp_path)
        try:
            result = used(screen, program, kind)
        finally:
            program.kill()
            program.wait()
    pose = Pose(**{name: tuple(value) if isinstance(value, list) else value for name, value in result["pose"].items()})
    home = Pose((0.0, 0.0, 0.0), 30.0, 20.0, 2.7)
    assert pose.azimuth_deg - 360 == pytest.approx(30 - 180 * 60 / 300, abs=1.5)  # 60 pixels of 300 to the right
    assert pose.elevation_deg == pytest.approx(20 + 180 * 30 / 300, abs=1.5)  # and 30 down
    assert pose.distance == pytest.approx(2.7, rel=1e-6)
    first, last = (difference(result[name], off_screen(at)) for name, at in (("first", home), ("last", pose)))
    assert first < 0.1
    assert last < 0.1
    assert difference(result["last"], off_screen(home)) > 8  # it can fail
    saved = iio.imread(tmp_path / "view-001.png")
    assert difference(saved[..., :3], result["last"]) < 0.1
    picture = np.round(255 * linear_to_srgb(np.clip(np.load(tmp_path / "picture.npy"), 0, 1)))
    assert difference(saved[..., :3], picture) < 0.01
    assert not (tmp_path / "imgui.ini").exists()
    with capsys.disabled():
        print(f"\n{kind}: {result['fps']:.0f} fps of 300 x 400, screen off by {first:.2f} and {last:.2f} of 255")


def used(screen, program, kind):
    """Does to the window what a user may, and returns what was seen and what the program says at its end."""
    (window,) = screen.do("search", "--name", f"torus {kind}")
    screen.do("mousemove", "--window", window, 300, 150)
    screen.do("key", "o")  # the panel away
    screen.do("mousemove", *ASIDE)
    time.sleep(0.3)
    first = seen(screen, window, BORDERS[kind])
    screen.do("mousemove", "--window", window, 300, 150)
    screen.do("mousedown", 1)
    for step in range(1, 7):
        screen.do("mousemove", "--window", window, 300 + 10 * step, 150 + 5 * step)
    screen.do("mouseup", 1)
    wait_for(program)
    screen.do("mousemove", *ASIDE)
    time.sleep(0.3)
    last = seen(screen, window, BORDERS[kind])
    screen.do("mousemove", "--window", window, 300, 150)
    screen.do("key", "p")
    screen.do("key", "Escape")
    told, _ = program.communicate(timeout=30)
    return {"first": first, "last": last, **json.loads(told.splitlines()[-1])}
