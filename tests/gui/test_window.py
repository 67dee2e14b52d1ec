"""The viewer in real windows on a screen that nobody sees: keys and a mouse are sent, and the screen is compared."""

from contextlib import contextmanager
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from gui.told import Program
from gui.virtual_screen import difference, require, until, virtual_screen

import taichi_dr as dr
from taichi_dr.gui.pose import Pose, camera_of
from taichi_dr.gui.progressive import jitter
from taichi_dr.gui.recording import FRAMES
from taichi_dr.gui.viewer import display_bytes
from taichi_dr.io.images import linear_to_srgb

PROGRAM, GREY = (Path(__file__).parent / name for name in ("show_torus.py", "show_grey.py"))
BORDERS = {"vulkan": 0, "plain": 1}
HOME = Pose((0.0, 0.0, 0.0), 30.0, 20.0, 2.7)
SLIDER = 116, 78  # on the panel's third line: 8 + 19 + 8 + 2 * 17 pixels above it, and half of its 19


@contextmanager
def shown(kind, folder):
    """(program, hands) of the torus in a window without its panel."""
    require(kind)
    (folder / "screen").mkdir()
    with virtual_screen(folder / "screen") as screen, Program(screen, folder, PROGRAM, kind) as program:
        hands = screen.window(f"torus {kind}", BORDERS[kind])
        first = program.state(lambda state: True, "the first picture")
        assert is_at(first, HOME)
        hands.press("o")
        yield program, hands


def pose_of(state):
    """The Pose that was told of."""
    return Pose(**{name: tuple(value) if isinstance(value, list) else value for name, value in state["pose"].items()})


def is_at(state, pose):
    """Whether the camera is where ``pose`` says, but for rounding."""
    pairs = zip(pose_of(state), pose, strict=True)
    return all(np.allclose(told, expected, rtol=0, atol=1e-5) for told, expected in pairs)


def off_screen(pose, size=(300, 400), height=1.0, passes=16):
    """What the program shows of a pose once it is still, as bytes: the mean of 16 renders at other places in pixels."""
    mesh, lights = dr.shapes.torus(), dr.Lights.default()
    mesh.set("vertices", mesh.numpy("vertices") * [1, height, 1])
    renderer = dr.Rasterizer(size, antialias=True, background=(0.1, 0.2, 0.3))
    pictures = []
    for number in range(passes):
        shift = 2 / size[0] * np.array(jitter(number))  # half image heights
        camera = camera_of(pose, 0.1 * pose.distance, 37 * pose.distance, shift)
        pictures.append(renderer.render(mesh, camera, lights).numpy("color")[0])
    return display_bytes(np.mean(pictures, axis=0))


@pytest.mark.parametrize("kind", ["vulkan", "plain"])
def test_a_window_shows_the_render_and_answers_keys_and_mouse(cpu32, tmp_path, kind, capsys):
    with shown(kind, tmp_path) as (program, hands):
        hands.sees(off_screen(HOME))
        hands.drag((300, 150), (360, 180))
        turned = program.state(lambda state: abs(pose_of(state).elevation_deg - 38) < 1.5, "a turn by dragging")
        pose = pose_of(turned)
        assert pose.azimuth_deg - 360 == pytest.approx(30 - 180 * 60 / 300, abs=1.5)  # 60 pixels of 300 to the right
        assert pose.distance == pytest.approx(2.7, rel=1e-6)
        last = off_screen(pose)
        assert difference(last, off_screen(HOME)) > 8  # it can fail
        hands.sees(last)
        hands.press("p")
        until((tmp_path / "view-001.png").exists, "view-001.png")
        if kind == "plain":
            hands.click(4)  # the wheel, away from the user
            pose = pose_of(program.state(lambda state: pose_of(state).distance < 2.6, "the wheel"))
            assert pose.distance == pytest.approx(0.85 * 2.7)
            hands.sees(off_screen(pose))
        hands.press("b", "Escape")
        assert program.ended() == 0
    saved = iio.imread(tmp_path / "view-001.png")
    assert difference(saved[..., :3], last) < 0.1
    picture = np.round(255 * linear_to_srgb(np.clip(np.load(tmp_path / "picture.npy"), 0, 1)))
    assert picture.shape == (300, 400, 3)
    assert not (tmp_path / "imgui.ini").exists()
    with capsys.disabled():
        print(f"\n{kind}: {turned['fps']:.0f} frames per second of 300 x 400")


@pytest.mark.parametrize("kind", ["vulkan", "plain"])
def test_flying_looks_with_the_mouse_and_walks_with_keys_that_are_held(cpu32, tmp_path, kind):
    with shown(kind, tmp_path) as (program, hands):
        hands.press("f")
        hands.drag((300, 150), (330, 150))
        looking = pose_of(program.state(lambda state: abs(pose_of(state).azimuth_deg - 39) < 1, "a look around"))
        np.testing.assert_allclose(looking.eye, HOME.eye, atol=1e-5)  # 30 pixels of 300, 90 degrees for all of them
        hands.sees(off_screen(looking))
        hands.hold("d", 0.4)
        walked = pose_of(program.state(lambda state: pose_of(state) != looking, "a step to the right"))
        way, (u, _, _) = walked.eye - looking.eye, looking.axes
        assert walked[1:] == looking[1:]
        assert 0.1 < way @ u < 20  # 1.35 a second
        np.testing.assert_allclose(way, (way @ u) * u, atol=1e-9)
        hands.sees(off_screen(walked))
        hands.press("Right")  # no longer than a moment
        tapped = pose_of(program.state(lambda state: pose_of(state) != walked, "a key that was down between two looks"))
        np.testing.assert_allclose(tapped.eye, walked.eye, atol=1e-5)
        assert (
            0 < walked.azimuth_deg - tapped.azimuth_deg < 40
        )  # 60 degrees in a second, 0.2 s at most a look, and it may be two
        hands.press("f", "b")
        program.state(lambda state: is_at(state, HOME), "the first view")
        hands.sees(off_screen(HOME))
        hands.destroy()  # another program does
        assert program.ended() == 0
        assert all(line.startswith("{") for line in program.told)


def test_a_turntable_is_a_turn_of_what_is_seen(cpu32, tmp_path):
    with shown("vulkan", tmp_path) as (program, hands):
        hands.press("t")
        until((tmp_path / "view-001.gif").exists, "view-001.gif")
        hands.sees(off_screen(HOME))
        hands.press("Escape")
        assert program.ended() == 0
    frames = iio.imread(tmp_path / "view-001.gif", plugin="pillow")[..., :3]
    assert frames.shape == (FRAMES, 300, 400, 3)
    for number in (0, 9, 18):
        expected = off_screen(HOME.turned(10.0 * number, 0.0), passes=1)
        assert difference(frames[number], expected) < 2, number  # of 256 colours
    assert difference(frames[0], frames[9]) > 4


def test_a_window_of_another_size_is_filled_and_sliders_set_what_they_are_for(cpu32, tmp_path):
    with shown("vulkan", tmp_path) as (program, hands):
        hands.resize(520, 260)
        program.state(lambda state: state["size"] == [260, 520], "another size")
        hands.sees(off_screen(HOME, (260, 520)))
        hands.press("o")
        hands.slide(SLIDER, (420, SLIDER[1]))  # beyond its right end
        state = program.state(lambda state: state["height"] > 1.9, "the slider")
        assert state["height"] == pytest.approx(2.0)
        assert is_at(state, HOME)  # dragging on the panel turns nothing
        hands.press("o")
        hands.sees(off_screen(HOME, (260, 520), 2.0))
        assert difference(off_screen(HOME, (260, 520)), off_screen(HOME, (260, 520), 2.0)) > 4


@pytest.mark.parametrize("kind", ["vulkan", "plain"])
def test_a_program_goes_on_after_windows_that_close_while_they_draw_or_are_destroyed(tmp_path, kind):
    require(kind)
    (tmp_path / "screen").mkdir()
    with virtual_screen(tmp_path / "screen") as screen, Program(screen, tmp_path, GREY, kind) as program:
        hands = screen.window("grey", BORDERS[kind])
        if kind == "plain":  # what Vulkan draws just then may end the process
            hands.destroy()
        else:
            hands.press("Escape")
        assert program.ended() == 0
        names, counts = zip(*(line.split() for line in program.told), strict=True)
        assert names == ("first", "second", "grey")
        assert len(set(counts)) == 1  # no connection to X is left open
