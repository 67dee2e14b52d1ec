"""The terminal as a listener: lines in order, and a bar that is never left behind."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from taichi_dr.jobs.listener import Audience, Moment
from taichi_dr.jobs.terminal import progress
from taichi_dr.jobs.terminal.listener import Terminal

SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture
def screen(monkeypatch):
    """What is written to a console that is a terminal."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100, highlight=False)
    monkeypatch.setattr(progress, "console", console)
    return console.file


def moment(fraction):
    return Moment(SimpleNamespace(caption="9 faces"), 3, 1.5, fraction, {"color": 0.0123456})


def test_a_step_is_a_bar_with_its_losses(screen):
    with Terminal() as terminal:
        terminal.stepped(moment(0.5))
        terminal.stepped(moment(1.0))
        assert screen.getvalue().count(SHOW_CURSOR) == 1, "done: the bar has come down"
    text = screen.getvalue()
    assert "optimising" in text
    assert "step 3  9 faces  color 0.0123" in text
    assert "100%" in text


def test_a_long_text_leaves_room_for_the_bar_and_the_times(monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=True, width=80, highlight=False, color_system=None)
    monkeypatch.setattr(progress, "console", console)
    with Terminal() as terminal:
        terminal.progressed("optimising", 0.5, "step 36  20480 faces at 192²  " + "silhouette 0.0217  " * 9)
    last = console.file.getvalue().rpartition("optimising ")[2]
    for part in ("━━━━━━━━", " 50% step 36  20480 faces at 192²", "… 0:00:00 "):
        assert part in last


def test_a_line_or_another_task_takes_the_bar_down(screen):
    with Terminal() as terminal:
        terminal.progressed("reading", 0.5)
        terminal.said("a line")
        assert screen.getvalue().count(SHOW_CURSOR) == 1
        assert screen.getvalue().endswith("a line\n")
        terminal.progressed("reading", 0.6)
        terminal.progressed("writing", 0.0)
        assert screen.getvalue().count(SHOW_CURSOR) == 2


def test_what_is_compiled_stands_beside_the_bar(screen):
    with Terminal() as terminal:
        terminal.stepped(moment(0.5))
        terminal.compiling("_draw_tiles", "9 faces at 64²")
    text = screen.getvalue()
    assert "50%" in text
    assert "compiling draw_tiles for 9 faces at 64²" in text
    assert text.count(SHOW_CURSOR) == 1, "one bar"


def test_what_is_compiled_before_the_first_step_has_a_bar_too(screen):
    with Terminal() as terminal:
        terminal.progressed("reading images", 1.0)
        terminal.compiling("_draw_tiles", "9 faces at 64²")
    text = screen.getvalue().rpartition("optimising")[2]
    assert "0%" in text
    assert "draw_tiles" in text


def test_a_pipe_is_told_once_for_what_kernels_are_compiled(monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=False, highlight=False)
    monkeypatch.setattr(progress, "console", console)
    with Terminal() as terminal:
        for kernel, model in [("a", "few faces"), ("b", "few faces"), ("a", "more faces")]:
            terminal.compiling(kernel, model)
    assert console.file.getvalue() == "compiling kernels for few faces\ncompiling kernels for more faces\n"


def test_an_interrupted_run_leaves_no_bar(screen):
    def run():
        with Terminal() as terminal:
            terminal.progressed("reading", 0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert screen.getvalue().count(SHOW_CURSOR) == 1


def test_everybody_in_the_audience_hears_everything():
    heard = []
    ear = SimpleNamespace(
        said=lambda *what: heard.append(what),
        progressed=lambda *what: heard.append(what),
        compiling=lambda *what: heard.append(what),
        stepped=lambda *what: heard.append(what),
    )
    audience = Audience((ear, ear))
    audience.said("a line")
    audience.progressed("reading", 0.5)
    audience.compiling("kernel", "model")
    audience.stepped("now")
    assert heard == [("a line",)] * 2 + [("reading", 0.5, "")] * 2 + [("kernel", "model")] * 2 + [("now",)] * 2
