"""Where the panel of a ``ti.ui.Window`` is, and how large: what the library that draws it, ImGui, tells nobody."""

import math
import textwrap
from typing import NamedTuple

from taichi_dr.gui.windows.panel import Choice, Slider, Text

TITLE, PAD = 19, 8  # pixels: height of its title, and space around what is in it
TEXT, BOX = 17, 23  # pixels of height of a line to read, of a switch or slider
LETTER = 7  # pixels of width
BESIDE, GAP = 0.35, 4  # part of the panel's width that is beside a slider, for its name; pixels between them
FEWEST, MOST = 42, 60  # letters in a line of it
SCROLLBAR = 14  # pixels of width
APART = 8  # pixels from the window's edges, at first
NEXT = 2  # pictures after which what the pointer has done to a panel is over


class Place(NamedTuple):
    """A rectangle, in pixels from the left and from the top of the window."""

    left: float
    top: float
    width: float
    height: float

    def has(self, x, y):
        """Whether a point is in it."""
        return self.left <= x <= self.left + self.width and self.top <= y <= self.top + self.height


class Dock:
    """Keeps a panel as large as what is in it, and where its title was dragged to.

    ImGui takes a place and a size at the first use of a name alone, and lets the user change both, and fold the panel,
    without a word.  So the panel gets another name whenever its size changes, and whenever a button of the mouse that
    went down on it has gone up; what stands behind ``##`` in a name is not shown.  Its title, dragged, moves it; its
    triangle, clicked, is told of.
    """

    def __init__(self):
        self.place = Place(APART, APART, 0, 0)
        self._number, self._start, self._since = 0, None, None

    def fitted(self, items, size):
        """The panel's Place with ``items`` in a window of ``size`` (height, width), as large as they need."""
        width, height = panel_size(items)
        wide, tall = size[1] - 2 * APART, size[0] - 2 * APART
        if height > tall:
            width += SCROLLBAR
        width, height = max(1, min(width, wide)), max(1, min(height, tall))
        left, top = (
            max(0, min(at, room - side))
            for at, room, side in ((self.place.left, size[1], width), (self.place.top, size[0], height))
        )
        self.place = Place(left, top, width, height)
        return self.place

    def name(self, title):
        """Of the panel as it is now."""
        if self._since is not None:
            self._since += 1
            if self._since > NEXT:
                self._number, self._since = self._number + 1, None
        return f"{title}##{self._number} {self.place}"

    def hide(self):
        """There is no panel."""
        self.place = self.place._replace(width=0, height=0)

    def press(self, x, y):
        """A button goes down at a place; returns whether it is on the panel."""
        self._start = (x, y) if self.place.width and self.place.has(x, y) else None
        return self._start is not None

    def release(self, x, y):
        """The button that went down on the panel goes up; returns whether that was a click on its triangle."""
        start, self._start, self._since = self._start, None, 0
        title = self.place._replace(height=TITLE)
        triangle = title._replace(width=TITLE + PAD)
        if triangle.has(*start):
            return triangle.has(x, y)
        if title.has(*start):
            self.place = self.place._replace(left=self.place.left + x - start[0], top=self.place.top + y - start[1])
        return False


class Option(NamedTuple):
    """One name of a ``Choice`` that can be chosen."""

    choice: Choice
    name: str


class Faint(NamedTuple):
    """A line to read of what cannot be chosen."""

    text: str


def panel_size(items):
    """(width, height) in pixels of a panel with ``items``, its texts in lines no longer than ``MOST`` letters.

    >>> panel_size([Text("a"), Text("b" * 100)])  # three lines
    (436, 86)
    """
    lines = in_lines(items)
    texts = sum(isinstance(line, (Text, Faint)) for line in lines)
    height = TITLE + 2 * PAD + TEXT * texts + BOX * (len(lines) - texts)
    return max([2 * PAD + LETTER * FEWEST, *map(_width, lines)]), height


def _width(line):
    """Pixels of width of a panel in which a line is not cut off."""
    if isinstance(line, (Text, Faint)):
        return 2 * PAD + LETTER * len(line.text)
    if isinstance(line, Slider):
        return math.ceil((2 * PAD + GAP + LETTER * len(line.name)) / BESIDE)
    return 2 * PAD + BOX + LETTER * len(line.name)  # a switch is as wide as it is high


def in_lines(items):
    """What stands in the lines of a panel, from above: ``Text``, ``Faint``, ``Option``, ``Check``, ``Slider``."""
    lines = []
    for item in items:
        if isinstance(item, Text):
            lines += map(Text, wrapped(item.text))
        elif isinstance(item, Choice):
            lines.append(Text(f"{item.name}:"))
            for name in item.names:
                if name in item.missing:
                    lines += map(Faint, wrapped(f"    {name}: {item.missing[name]}"))
                else:
                    lines.append(Option(item, name))
        else:
            lines.append(item)
    return lines


def wrapped(text):
    """The lines of a text, of at most ``MOST`` letters; they begin below its first letter."""
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(text, MOST, subsequent_indent=indent) or [""]
