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


def test_a_line_or_another_task_takes_the_bar_down(screen):
    with Terminal() as terminal:
        terminal.progressed("reading", 0.5)
        terminal.said("a line")
        assert screen.getvalue().count(SHOW_CURSOR) == 1
        assert screen.getvalue().endswith("a line\n")
        terminal.progressed("reading", 0.6)
        terminal.progressed("writing", 0.0)
        assert screen.getvalue().count(SHOW_CURSOR) == 2


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
        stepped=lambda *what: heard.append(what),
    )
    audience = Audience((ear, ear))
    audience.said("a line")
    audience.progressed("reading", 0.5)
    audience.stepped("now")
    assert heard == [("a line",)] * 2 + [("reading", 0.5, "")] * 2 + [("now",)] * 2
