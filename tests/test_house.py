"""The picture of the house: every file is in it, and every word has room."""

import runpy

from names import ROOT, module_files


def test_every_file_is_shown_and_fits_its_room(tmp_path):
    figure, drawn = runpy.run_path(str(ROOT / "docs" / "house.py"))["draw"](tmp_path / "house.png")
    transform = figure.axes[0].transData.inverted()
    for room, texts in drawn.values():
        for text in texts:
            box = text.get_window_extent().transformed(transform)
            assert room.x < box.x0 < box.x1 < room.x + room.width or not text.get_text(), (
                f"{text.get_text()!r} leaves {room.name}"
            )
    files = [path for path in module_files().values() if path.name != "__init__.py"]
    assert sum(len(room.files) for room, _ in drawn.values()) == len(files) + 1, "and taichi_dr/__init__.py"


def test_the_picture_is_the_same_every_time(tmp_path):
    draw = runpy.run_path(str(ROOT / "docs" / "house.py"))["draw"]
    draw(tmp_path / "one.svg")
    draw(tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
