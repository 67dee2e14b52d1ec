"""``ti.ui.Window``: drawn by Vulkan, with sliders and switches."""

import atexit
import time
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
import taichi as ti

from taichi_dr.errors import BackendError
from taichi_dr.gui.windows.base import Events, Window
from taichi_dr.gui.windows.display import has_vulkan
from taichi_dr.gui.windows.panel import Check, Choice, Slider, Text

LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
KEYS = (*LETTERS, "Left", "Right", "Up", "Down", "Tab", "Return", "Escape", "Shift", " ")
CORNER = (0.01, 0.01)  # left and top of the panel, in parts of the window
WIDTH = 440  # pixels of the panel
LINE = 26  # pixels of height of an item
MEMORY = Path("imgui.ini")  # where the library of the panel notes where it was moved to

OPEN = weakref.WeakSet()
"""Windows that are closed when the program ends, if it does not."""


@atexit.register
def close_all():
    """Closes the windows that are open."""
    for window in list(OPEN):
        window.close()


class VulkanWindow(Window):
    """A ``ti.ui.Window``; it has no wheel, which Taichi does not tell of."""

    kind = "Vulkan window"

    def __init__(self, title, size):
        if not has_vulkan():
            raise BackendError("window: no Vulkan device on this machine; 'plain' needs none")
        height, width = size
        self._keeps_memory = MEMORY.exists()
        self._window = ti.ui.Window(title, (width, height), vsync=False)
        self._canvas, self._gui = self._window.get_canvas(), self._window.get_gui()
        self._looked, self._pointer = time.monotonic(), self._window.get_cursor_pos()
        self._down, self._on_panel, self._height = frozenset(), False, 0.0
        self._open = True
        OPEN.add(self)

    @property
    def running(self):
        if self._open and not self._window.running:
            self.close()
        return self._open

    @property
    def size(self):
        width, height = self._window.get_window_shape()
        return max(height, 1), max(width, 1)

    def events(self):
        pressed = []
        while self._window.get_event(ti.ui.PRESS):
            pressed.append(self._window.event.key)
        now, pointer = time.monotonic(), self._window.get_cursor_pos()
        height, width = self.size
        way = (pointer[0] - self._pointer[0]) * width / height, pointer[1] - self._pointer[1]
        buttons = frozenset(name for name in ("LMB", "RMB") if self._window.is_pressed(name))
        if buttons and not self._down:
            self._on_panel = self._is_on_panel(pointer)
        both = frozenset() if self._on_panel else buttons & self._down
        held = frozenset(key for key in KEYS if self._window.is_pressed(key))
        taps = tuple(key for key in pressed if key in KEYS)
        ways = [way if name in both else (0.0, 0.0) for name in ("LMB", "RMB")]
        events = Events(taps, held, ways[0], ways[1], 0.0, now - self._looked)
        self._looked, self._pointer, self._down = now, pointer, buttons
        return events

    def _is_on_panel(self, pointer):
        left, top = CORNER
        return left <= pointer[0] <= left + self._width() and top <= 1 - pointer[1] <= top + self._height

    def _width(self):
        """Of the panel, in parts of the window."""
        return min(0.98, WIDTH / self.size[1])

    def show(self, picture, title, items):
        self._canvas.set_image(np.ascontiguousarray(picture[::-1].swapaxes(0, 1)))
        changed = self._panel(title, items) if items else {}
        self._height = self._height if items else 0.0
        self._window.show()
        return changed

    def _panel(self, title, items):
        lines = sum(len(item.names) + 1 if isinstance(item, Choice) else 1 for item in items)
        self._height = min(0.98, (1.5 + lines) * LINE / self.size[0])
        self._gui.begin(title, *CORNER, self._width(), self._height)
        changed = {}
        for item in items:
            if isinstance(item, Text):
                self._gui.text(item.text)
            elif (value := self._asked(item)) != item.value:
                changed[item.name] = value
        self._gui.end()
        return changed

    def _asked(self, item):
        """The value of an item, after the user has had it."""
        if isinstance(item, Check):
            return self._gui.checkbox(item.name, item.value)
        if isinstance(item, Slider):
            value = self._gui.slider_float(item.name, item.value, item.low, item.high)
            return item.value if abs(value - item.value) < 1e-6 * (item.high - item.low) else value
        value = item.value
        self._gui.text(f"{item.name}:")
        for name in item.names:
            if name in item.missing:
                self._gui.text(f"    {name}: {item.missing[name]}", color=(0.5, 0.5, 0.5))
            elif self._gui.checkbox(name, name == item.value) and name != item.value:
                value = name
        return value

    def close(self):
        if not self._open:
            return
        self._open = False  # Taichi's window, once destroyed, ends the process if it is asked anything
        self._window.destroy()
        if not self._keeps_memory:
            with suppress(OSError):
                MEMORY.unlink(missing_ok=True)
