"""How long a viewer sleeps, by a clock that only sleep and work move; whose window is lost; no window."""

import ctypes

import numpy as np
import pytest

from taichi_dr.gui import viewer as module
from taichi_dr.gui.viewer import Viewer
from taichi_dr.gui.windows.base import Events, Window
from taichi_dr.gui.windows.lost import Lost, XError


class NoWindow(Window):
    """A window that is nowhere."""

    kind, running, size = "no window", True, (4, 6)

    def events(self):
        return Events()

    def show(self, picture, title, items):
        return {}

    def covered(self, items):
        return 0.0

    def close(self):
        self.running = False


class Clock:
    """Stands in for the module ``time``; ``slept``: how long, in all."""

    def __init__(self):
        self.now = self.slept = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept += seconds


def test_what_a_viewer_sleeps_is_what_is_left_since_it_was_shown_and_long_only_in_a_still_scene(cpu32, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "open_window", lambda title, size, kind: NoWindow())
    viewer = Viewer(lambda camera: np.zeros((4, 6, 3)))
    for turn in range(1000):
        viewer.show(changed=turn % 10 == 0)
    assert clock.slept == pytest.approx(900 / 120)  # longer than the second after which it rests
    for _ in range(200):
        viewer.show(changed=False)
    for work, expected in ((0.0, 1 / 12), (0.05, 1 / 12 - 0.05), (0.2, 0.0)):
        before = clock.slept
        clock.now += work
        viewer.show(changed=False)
        assert clock.slept - before == pytest.approx(expected, abs=1e-9)


def test_a_viewer_that_is_closed_while_it_draws_shows_nothing(cpu32, monkeypatch):
    monkeypatch.setattr(module, "open_window", lambda title, size, kind: NoWindow())
    monkeypatch.setattr(NoWindow, "show", lambda *arguments: pytest.fail("it is closed"))

    def draw(camera):
        viewer.close()
        return np.zeros((4, 6, 3))

    viewer = Viewer(draw)
    viewer.show()
    assert not viewer.running


@pytest.mark.parametrize(("window", "resource", "happened"), [(5, 6, False), (5, 5, True), (None, 6, True)])
def test_a_window_is_lost_by_errors_about_itself(window, resource, happened):
    lost = Lost()
    lost._window = window
    assert lost._answer(None, ctypes.pointer(XError(resource=resource, code=3))) == 0
    assert lost.happened is happened
