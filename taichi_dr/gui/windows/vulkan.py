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
from taichi_dr.gui.windows.dock import Dock, Faint, Option, in_lines, panel_size
from taichi_dr.gui.windows.lost import Lost
from taichi_dr.gui.windows.panel import Check, Text

LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
KEYS = (*LETTERS, "Left", "Right", "Up", "Down", "Tab", "Return", "Escape", "Shift", " ")
GREY = (0.5, 0.5, 0.5)
FOLD = "u"  # the key that a click on the panel's triangle is
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
        self._lost, self._size = Lost(), size
        with self._lost.opening():
            self._window = ti.ui.Window(title, (width, height), vsync=False)
        self._canvas, self._gui = self._window.get_canvas(), self._window.get_gui()
        self._looked, self._pointer = time.monotonic(), self._window.get_cursor_pos()
        self._down, self._keys, self._on_panel, self._dock = frozenset(), frozenset(), False, Dock()
        self._open = True
        OPEN.add(self)

    @property
    def running(self):
        if self._open and not self._window.running:
            self.close()
        return self._open

    @property
    def size(self):
        if self._open:
            width, height = self._window.get_window_shape()
            self._size = max(height, 1), max(width, 1)
        return self._size

    def events(self):
        if not self._open:
            return Events()
        with self._lost.watched():
            return self._events()

    def _events(self):
        pressed = []
        while self._window.get_event(ti.ui.PRESS):
            pressed.append(self._window.event.key)
        now, pointer = time.monotonic(), self._window.get_cursor_pos()
        height, width = self.size
        way = (pointer[0] - self._pointer[0]) * width / height, pointer[1] - self._pointer[1]
        buttons = frozenset(name for name in ("LMB", "RMB") if self._window.is_pressed(name))
        folds = self._touched(pointer, buttons, not {"LMB", "RMB"}.isdisjoint(pressed))
        both = frozenset() if self._on_panel else buttons & self._down
        taps = tuple(key for key in pressed if key in KEYS)
        down = frozenset(key for key in KEYS if self._window.is_pressed(key))
        held, self._keys = down.union(taps, self._keys & {"Shift"} if taps else ()), down
        ways = [way if name in both else (0.0, 0.0) for name in ("LMB", "RMB")]
        stirred = pointer != self._pointer or buttons != self._down
        events = Events(taps + (FOLD,) * folds, held, ways[0], ways[1], 0.0, now - self._looked, stirred)
        self._looked, self._pointer, self._down = now, pointer, buttons
        return events

    def _touched(self, pointer, buttons, clicked):
        """Finds out whether buttons went down on the panel, those that are down or those of a click that is over
        (``clicked``: some went down since the last look); returns whether its triangle was clicked."""
        height, width = self.size
        place = pointer[0] * width, (1 - pointer[1]) * height
        if not self._down and (buttons or clicked):
            self._on_panel = self._dock.press(*place)
        if self._on_panel and not buttons:
            self._on_panel = False
            return self._dock.release(*place)
        return False

    def covered(self, items):
        width, height = panel_size(items)
        return width * height / (self.size[0] * self.size[1])

    def show(self, picture, title, items):
        if not self._open:
            return {}
        with self._lost.watched():
            changed = self._prepare(picture, title, items)
        if self._lost.look():  # what draws in a window that is not there ends the process
            self.close()
            return {}
        with self._lost.watched():
            self._window.show()
        return changed

    def _prepare(self, picture, title, items):
        """Hands on what is to be shown; returns what was set in the panel."""
        self._canvas.set_image(np.ascontiguousarray(picture[::-1].swapaxes(0, 1)))
        if items:
            return self._panel(title, items)
        self._dock.hide()
        return {}

    def _panel(self, title, items):
        height, width = self.size
        place = self._dock.fitted(items, self.size)
        across = place.left / width, place.top / height, place.width / width, place.height / height
        self._gui.begin(self._dock.name(title), *across)
        changed = {}
        for line in in_lines(items):
            if isinstance(line, Text):
                self._gui.text(line.text)
            elif isinstance(line, Faint):
                self._gui.text(line.text, color=GREY)
            elif isinstance(line, Option):
                is_value = line.name == line.choice.value
                if self._gui.checkbox(line.name, is_value) and not is_value:
                    changed[line.choice.name] = line.name
            elif (value := self._asked(line)) != line.value:
                changed[line.name] = value
        self._gui.end()
        return changed

    def _asked(self, item):
        """The value of a switch or a slider, after the user has had it."""
        if isinstance(item, Check):
            return self._gui.checkbox(item.name, item.value)
        value = self._gui.slider_float(item.name, item.value, item.low, item.high)
        return item.value if abs(value - item.value) < 1e-6 * (item.high - item.low) else value

    def close(self):
        if not self._open:
            return
        self._open = False  # Taichi's window, once destroyed, ends the process if it is asked anything
        with self._lost.watched():
            self._window.destroy()
        self._lost.close()
        if not self._keeps_memory:
            with suppress(OSError):
                MEMORY.unlink(missing_ok=True)
