"""The panel's place: as large as what is in it, where its title was dragged to; no window."""

from taichi_dr.gui.windows.dock import Dock, Place, panel_size
from taichi_dr.gui.windows.panel import Check, Choice, Slider, Text

ITEMS = [
    Text("soft"),
    Choice("show", "b", ("a", "b", "c"), {"c": "none"}),
    Slider("s", 1.0, 0.0, 2.0),
    Check("l", True),
]
WINDOW = (400, 600)
WIDTH = 2 * 8 + 42 * 7
HEIGHT = 19 + 2 * 8 + 3 * 17 + 4 * 23  # three lines to read (soft, show:, c: none), two of a, b, a slider, a switch


def test_a_panel_is_as_large_as_its_lines():
    assert panel_size(ITEMS) == (WIDTH, HEIGHT)
    long = [Text("words " * 17)]  # 101 letters: 59 and 41
    assert panel_size(long) == (2 * 8 + 59 * 7, 19 + 2 * 8 + 2 * 17)
    assert Dock().fitted(ITEMS, WINDOW) == Place(8, 8, WIDTH, HEIGHT)


def test_names_of_sliders_and_switches_are_not_cut():
    label = 19 * 7 + 4 + 2 * 8  # in the 35 % of the width that the slider leaves
    assert panel_size([Slider("initial temperature", 1.0, 0.0, 2.0)])[0] == -(-label * 100 // 35)
    assert panel_size([Check("n" * 50, True)])[0] == 2 * 8 + 23 + 50 * 7
    assert panel_size([Choice("c", "n" * 50, ("n" * 50,), {})])[0] == 2 * 8 + 23 + 50 * 7
    assert Dock().fitted([Check("n" * 90, True)], WINDOW).width == 600 - 16


def test_a_small_window_has_room_for_part_of_it_and_a_scrollbar():
    assert Dock().fitted(ITEMS, (100, 600)) == Place(8, 8, WIDTH + 14, 84)
    assert Dock().fitted(ITEMS, (400, 116)) == Place(8, 8, 100, HEIGHT)


def test_presses_on_it_are_told_from_others():
    dock = Dock()
    assert not dock.press(20, 20)  # there is none yet
    dock.fitted(ITEMS, WINDOW)
    assert dock.press(20, 100)
    assert not dock.press(20, HEIGHT + 20)
    dock.hide()
    assert not dock.press(20, 100)


def test_its_title_moves_it_its_triangle_is_clicked_and_all_else_leaves_it():
    dock = Dock()
    dock.fitted(ITEMS, WINDOW)
    assert dock.press(15, 15)
    assert dock.release(18, 20)
    assert dock.press(15, 15)
    assert not dock.release(150, 15)
    assert dock.press(100, 15)
    assert not dock.release(160, 45)
    assert dock.fitted(ITEMS, WINDOW) == Place(68, 38, WIDTH, HEIGHT)
    assert dock.press(100, 100)
    assert not dock.release(300, 300)
    assert dock.fitted(ITEMS, WINDOW) == Place(68, 38, WIDTH, HEIGHT)
    assert dock.press(100, 45)
    dock.release(590, 390)
    assert dock.fitted(ITEMS, WINDOW) == Place(600 - WIDTH, 400 - HEIGHT, WIDTH, HEIGHT)  # no farther than the window


def test_it_has_another_name_once_what_was_done_to_it_is_over():
    dock = Dock()
    dock.fitted(ITEMS, WINDOW)
    first = dock.name("title")
    assert first.startswith("title##")
    assert dock.name("title") == first
    dock.press(20, 100)
    assert dock.name("title") == first  # while the button is down, and until what was clicked has answered
    dock.release(20, 100)
    assert [dock.name("title") == first for _ in range(4)] == [True, True, False, False]
    dock.fitted(ITEMS[:1], WINDOW)
    names = {first, dock.name("title")}
    dock.fitted(ITEMS, WINDOW)
    assert dock.name("title") not in names
