"""What is beside the picture: texts, switches, sliders, and what keys do; the contract of those who add some."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple


class Text(NamedTuple):
    """A line to read."""

    text: str


class Check(NamedTuple):
    """A switch that is on or off."""

    name: str
    value: bool


class Slider(NamedTuple):
    """A number between two."""

    name: str
    value: float
    low: float
    high: float


class Choice(NamedTuple):
    """One of several names; those in ``missing`` cannot be chosen, each for the reason that stands there."""

    name: str
    value: str
    names: tuple[str, ...]
    missing: dict[str, str]


class Controls(ABC):
    """What can be set besides the camera: the items of a panel, and keys.

    ``Viewer`` shows the items where its window can (a ``ti.GUI`` shows their values alone) and hands on what they are
    set to, and every key that it does not use itself.
    """

    @abstractmethod
    def items(self) -> list[Any]:
        """The ``Text``, ``Check``, ``Slider`` and ``Choice`` of the panel, from above, as they are now."""

    @abstractmethod
    def set(self, name: str, value: Any) -> None:
        """Takes what an item was set to."""

    @abstractmethod
    def press(self, key: str, viewer: Any) -> bool:
        """Answers a key; returns whether something else is to be drawn."""

    @abstractmethod
    def help(self) -> list[str]:
        """A line for each key that ``press`` answers."""

    @abstractmethod
    def status(self) -> str:
        """A few words on what is shown."""


class NoControls(Controls):
    """Nothing to be set."""

    def items(self):
        return []

    def set(self, name, value):
        pass

    def press(self, key, viewer):
        return False

    def help(self):
        return []

    def status(self):
        return ""
