"""``taichi-dr reconstruct --view``: a window with an input image and what the model looks like beside it, live."""

import math
import signal
import time

import numpy as np

from taichi_dr import compilation
from taichi_dr.gui.viewer import display_bytes
from taichi_dr.gui.windows.opening import open_window
from taichi_dr.gui.windows.panel import Text
from taichi_dr.io.images import over_white
from taichi_dr.jobs.listener import Listener

SHARE = 0.05  # of the time that may be spent on drawing
SELDOM = 0.5  # s between pictures, at least
POLL = 0.2  # s between looks at the events
SIZE = (480, 960)


class Watch(Listener):
    """Shows a held-out image and its render; Escape, S or closing the window stops as one Ctrl-C does.

    A picture is drawn no oftener than every half second, and so seldom that drawing takes a twentieth of the time,
    compiling aside.  ``spent``: seconds of drawing and looking at events so far, ``drawn``: pictures.  To be used as a
    context manager; the window opens at the first step.
    """

    def __init__(self):
        self._window, self._next, self._polled, self._done = None, 0.0, -math.inf, False
        self._picture, self.spent, self.drawn = None, 0.0, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._window is not None:
            self._window.close()

    def said(self, text):
        pass

    def progressed(self, what, fraction, text=""):
        if what == "writing" and self._window is not None:  # nobody answers its events any more
            self._done = True
            self._window.close()

    def compiling(self, kernel, model):
        pass

    def stepped(self, moment):
        began = time.monotonic()
        if self._done or began < self._polled + POLL:
            return
        if self._window is None:
            self._window = open_window("taichi-dr reconstruct", SIZE)
        self._polled = began
        if began >= self._next:
            compiled = compilation.seconds_compiling()
            self._picture = _side_by_side(moment)
            self.drawn += 1
            now = time.monotonic()
            cost = now - began - (compilation.seconds_compiling() - compiled)
            self._next = now + max(SELDOM, cost / SHARE)
        self._look(moment)
        self.spent += time.monotonic() - began

    def _look(self, moment):
        losses = "  ".join(f"{name} {value:.3g}" for name, value in moment.losses.items())
        lines = [f"step {moment.steps}, {moment.fraction:.0%}: {moment.model.caption}", losses, "S, Escape: stop"]
        self._window.show(self._picture, "input | now", [Text(line) for line in lines if line])
        pressed = self._window.events().pressed
        if {"s", "Escape"} & {*pressed} or not self._window.running:
            self._done = True
            self._window.close()
            signal.raise_signal(signal.SIGINT)


def _side_by_side(moment):
    """(H, W, 3) bytes of the window's proportions: the image that is shown, and the model's render of it."""
    posed = moment.shown
    image = np.concatenate([posed.images[0], posed.alpha[0][..., None]], axis=-1)
    pair = np.concatenate([image, moment.model.pictures(posed)[0]], axis=1)
    picture = display_bytes(over_white(pair))
    height, width = picture.shape[:2]
    tall, wide = max(height, math.ceil(width * SIZE[0] / SIZE[1])), max(width, math.ceil(height * SIZE[1] / SIZE[0]))
    sheet = np.full((tall, wide, 3), 255, np.uint8)
    top, left = (tall - height) // 2, (wide - width) // 2
    sheet[top : top + height, left : left + width] = picture
    return sheet
