"""A window with a picture, a panel and events, whichever of Taichi's two kinds it is."""

from abc import ABC, abstractmethod
from typing import NamedTuple


class Events(NamedTuple):
    """What has happened since the last look.

    ``pressed``: keys that went down, in order; ``held``: those, what was down with them, and what is down; ``drag`` and
    ``push``: how far the pointer went with the left and with the right button, right and up, in heights of the window;
    ``wheel``: steps, away from the user; ``seconds`` since the last look; ``stirred``: whether the pointer has moved at
    all.  Keys are lower-case letters, and ``"Left"``, ``"Right"``, ``"Up"``, ``"Down"``, ``"Tab"``, ``"Return"``,
    ``"Escape"``, ``"Shift"``, ``" "``.
    """

    pressed: tuple[str, ...] = ()
    held: frozenset[str] = frozenset()
    drag: tuple[float, float] = (0.0, 0.0)
    push: tuple[float, float] = (0.0, 0.0)
    wheel: float = 0.0
    seconds: float = 0.0
    stirred: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing has happened, and no key is held."""
        return not (self.pressed or self.held or self.wheel or self.stirred)

    def axis(self, less: str, more: str) -> int:
        """-1, 0 or 1: which of two keys is held."""
        return (more in self.held) - (less in self.held)


class Window(ABC):
    """One window."""

    kind: str
    """What it is called in the status line."""

    @property
    @abstractmethod
    def running(self):
        """Whether nobody has closed it."""

    @property
    @abstractmethod
    def size(self):
        """(height, width) in pixels."""

    @abstractmethod
    def events(self):
        """The ``Events`` since the last call."""

    @abstractmethod
    def show(self, picture, title, items):
        """Shows a picture (H, W, 3) of bytes, row 0 at the top, over all of the window, and a panel with ``items``.

        Returns ``{name: value}`` of the items that were set.
        """

    @abstractmethod
    def covered(self, items):
        """What part of the window a panel with ``items`` needs; more than all of it where it does not fit."""

    @abstractmethod
    def close(self):
        """Takes the window down."""
