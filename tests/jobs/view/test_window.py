"""``taichi-dr view`` in a real window: it shows what --screenshot writes, and keys and sliders set what is shown."""

import imageio.v3 as iio
import pytest
from gui.told import Program
from gui.virtual_screen import difference, require, until, virtual_screen
from oracles import photographs

from taichi_dr.gui.viewer import display_bytes
from taichi_dr.jobs.view.content import Choice
from taichi_dr.jobs.view.finding import find_content
from taichi_dr.jobs.view.run import _refined
from taichi_dr.jobs.view.surface import Surface

SIZE = (400, 480)
SIGMA, GAMMA = 221, 244  # rows of the panel's sliders
BELOW = 90  # rows from which on the folded panel covers nothing
TRIANGLE = 18, 18  # on the panel's title
LEFT, RIGHT = 30, 300  # columns on, and beyond the end of, a slider


def off_screen(box, renderer="antialiased", **options):
    """The bytes (H, W, 3) that --screenshot writes of a box."""
    return display_bytes(_refined(box, Choice(renderer, **options), SIZE))


def test_the_window_shows_what_a_screenshot_does(cpu32, tmp_path):
    require("vulkan")  # whose panel is clicked
    box = Surface("box")
    (tmp_path / "screen").mkdir()
    command = ("-m", "taichi_dr", "view", "box", "--size", *SIZE, "--backend", "cpu")
    with virtual_screen(tmp_path / "screen") as screen, Program(screen, tmp_path, *command) as program:
        hands = screen.window("taichi-dr: box")
        first = off_screen(box)
        hands.sees(first, 0.1, BELOW)  # the panel is folded where it covers too much
        hands.press("u")
        until(lambda: difference(hands.pixels()[BELOW:], first[BELOW:]) > 20, "the panel")
        hands.click(1, TRIANGLE)
        hands.sees(first, 0.1, BELOW)
        hands.press("o")
        hands.sees(first, 0.05)
        hands.press("p")
        until((tmp_path / "view-001.png").exists, "view-001.png")
        hands.press("v")
        normals = off_screen(box, look="normals")
        assert difference(normals, first) > 5
        hands.sees(normals)
        hands.press("m")
        edges = off_screen(box, look="normals", edges=True)
        assert difference(edges, normals) > 0.3
        hands.sees(edges)
        hands.press("m", "v", "v", "v", "v", "r")  # no edges; all looks; the next renderer, which is soft
        hands.sees(off_screen(box, renderer="soft"))
        hands.press("o", "u")  # the panel, unfolded
        hands.slide((LEFT, SIGMA), (RIGHT, SIGMA))
        hands.press("o")
        hazy = off_screen(box, renderer="soft", sigma=0.1)
        assert difference(hazy, first) > 5
        hands.sees(hazy)
        hands.press("o")
        hands.slide((LEFT, GAMMA), (RIGHT, GAMMA))
        hands.press("o")
        both = off_screen(box, renderer="soft", sigma=0.1, gamma=0.1)
        assert difference(both, hazy) > 2
        hands.sees(both)
        hands.press("Escape")
        assert program.ended() == 0
    assert difference(iio.imread(tmp_path / "view-001.png")[..., :3], first) < 0.1


def test_a_photograph_is_laid_over_the_render_of_its_camera(cpu32, tmp_path):
    photographs.save_photographs(tmp_path / "data" / "images", (60.0, 60.0), (33.0, 24.0))
    photographs.write_nerfstudio(tmp_path / "data" / "transforms.json", (60.0, 60.0), (33.0, 24.0))
    content, size = find_content("box", images=tmp_path / "data"), (240, 320)

    def off(images):
        choice = Choice("antialiased", images=images, current=1)
        return display_bytes(_refined(content, choice, size, content.poses[1]))

    (tmp_path / "screen").mkdir()
    command = ("-m", "taichi_dr", "view", "box", "--images", "data", "--size", *size, "--backend", "cpu")
    with virtual_screen(tmp_path / "screen") as screen, Program(screen, tmp_path, *command) as program:
        hands = screen.window("taichi-dr: box")
        hands.press("o", "Tab", "Tab", "Tab", "shift+Tab")
        render, half, photograph = (off(images) for images in (0, 0.5, 1))
        assert min(difference(render, half), difference(half, photograph)) > 10
        hands.sees(half)
        hands.press("i")
        hands.sees(photograph)
        hands.press("i")
        hands.sees(render)
        hands.ask_to_close()
        assert program.ended() == 0
        assert program.told == ["view of box\n"]


@pytest.mark.filterwarnings("ignore:.*b.png")
def test_images_appear_at_their_frustums_and_a_damaged_one_is_named(cpu32, tmp_path):
    photographs.save_photographs(tmp_path / "data" / "images", (60.0, 60.0), (33.0, 24.0))
    photographs.write_nerfstudio(tmp_path / "data" / "transforms.json", (60.0, 60.0), (33.0, 24.0))
    damaged = tmp_path / "data" / "images" / photographs.NAMES[1]
    damaged.write_bytes(damaged.read_bytes()[:1000])
    content, size = find_content(tmp_path / "data"), (240, 320)

    def off(current):
        pose = content.home if current is None else content.poses[current]
        return display_bytes(_refined(content, Choice("antialiased", current=current), size, pose))

    with content.album as album:
        off(None)
        until(lambda: album.small(4) is not None, "the last image")
        whole = off(None)
        until(lambda: album.photograph(2) is not None, "the third image")
        third = off(2)
    (tmp_path / "screen").mkdir()
    command = ("-m", "taichi_dr", "view", "data", "--size", *size, "--backend", "cpu")
    with virtual_screen(tmp_path / "screen") as screen, Program(screen, tmp_path, *command) as program:
        hands = screen.window("taichi-dr: data")
        hands.press("o")
        hands.sees(whole, 0.05)
        hands.press("Tab", "Tab", "Tab")  # past the damaged one
        hands.sees(third)
        hands.press("Escape")
        assert program.ended() == 0
        assert len(program.told) == 2
        assert "data/images/b.png: not a PNG or JPEG, or damaged" in "".join(program.told)
