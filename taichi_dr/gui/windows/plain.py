"""``ti.GUI``: a window without Vulkan; its panel is text."""

import time

import numpy as np
import taichi as ti

from taichi_dr.errors import BackendError
from taichi_dr.gui.windows.base import Events, Window
from taichi_dr.gui.windows.lost import Lost
from taichi_dr.gui.windows.panel import Check, Choice, Slider
from taichi_dr.gui.windows.vulkan import OPEN
from taichi_dr.runtime import without_messages

NAMES = {"Shift_L": "Shift", "Shift_R": "Shift", "Control_L": "Control", "Control_R": "Control"}
FONT, LINE = 15, 19  # pixels
SHARE = 0.5  # of the window's width that lines take, on average


class PlainWindow(Window):
    """A ``ti.GUI``, of fixed size."""

    kind = "plain window"

    def __init__(self, title, size):
        self._size = size
        try:
            with without_messages():
                self._window = ti.GUI(title, (size[1], size[0]), fast_gui=False)
        except RuntimeError as error:
            raise BackendError(f"no window can be opened: {error}") from error
        self._looked, self._pointer, self._held = time.monotonic(), (0.5, 0.5), set()
        self._open, self._is_asked_to_close, self._lost = True, False, Lost()
        OPEN.add(self)

    @property
    def running(self):
        if self._open and (self._is_asked_to_close or self._lost.happened or not self._window.running):
            self.close()
        return self._open

    @property
    def size(self):
        return self._size

    def events(self):
        if not self._open:
            return Events()
        with self._lost.watched():
            return self._events()

    def _events(self):
        pressed, held, wheel, stirred = [], set(), 0.0, False
        drag, push = np.zeros(2), np.zeros(2)
        while self._window.get_event():
            event, stirred = self._window.event, True
            key = NAMES.get(event.key, event.key)
            way = self._way_to(event.pos)
            drag += way * ("LMB" in self._held)
            push += way * ("RMB" in self._held)
            if event.type == ti.GUI.PRESS:
                pressed.append(key)
                self._held.add(key)
                held |= self._held
            elif event.type == ti.GUI.RELEASE:
                self._held.discard(key)
            elif key == ti.GUI.WHEEL:
                wheel += np.sign(event.delta[1])
            elif key == ti.GUI.EXIT:
                self._is_asked_to_close = True
        now = time.monotonic()
        since = now - self._looked
        events = Events(tuple(pressed), frozenset(held | self._held), tuple(drag), tuple(push), wheel, since, stirred)
        self._looked = now
        return events

    def _way_to(self, place):
        """From where the pointer was, in heights of the window."""
        height, width = self._size
        way = np.array([(place[0] - self._pointer[0]) * width / height, place[1] - self._pointer[1]])
        self._pointer = place
        return way

    def show(self, picture, title, items):
        if not self._open:
            return {}
        rows = (np.arange(self._size[0]) * picture.shape[0]) // self._size[0]
        columns = (np.arange(self._size[1]) * picture.shape[1]) // self._size[1]
        self._window.set_image(picture[rows[::-1]][:, columns].swapaxes(0, 1))
        for number, line in enumerate(_lines(items)):
            place = (8 / self._size[1], 1 - (6 + number * LINE) / self._size[0])
            shadow = (place[0] + 1 / self._size[1], place[1] - 1 / self._size[0])
            self._window.text(line, shadow, font_size=FONT, color=0x000000)
            self._window.text(line, place, font_size=FONT, color=0xFFFFFF)
        with self._lost.watched():
            self._window.show()
        return {}

    def covered(self, items):
        return len(list(_lines(items))) * LINE / self._size[0] * SHARE

    def close(self):
        if not self._open:
            return
        self._open = False
        with self._lost.watched():
            self._window.close()


def _lines(items):
    """Items in words."""
    for item in items:
        if isinstance(item, Check):
            yield f"{item.name}: {'on' if item.value else 'off'}"
        elif isinstance(item, Slider):
            yield f"{item.name}: {item.value:.3g}"
        elif isinstance(item, Choice):
            yield f"{item.name}: {item.value}"
        else:
            yield item.text
