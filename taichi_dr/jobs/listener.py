"""What a reconstruction tells those who listen to it: the terminal, a viewer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Moment:
    """Where a reconstruction stands between two steps.

    ``model`` is the ``Kind`` on its way, ``seconds`` the time spent, ``fraction`` the part of the budget (1: done), and
    ``losses`` are those that were measured last, by name.  ``shown``: PosedImages of one held-out image, in the unit
    scene, for a listener that asks the model for its picture.
    """

    model: object
    steps: int
    seconds: float
    fraction: float
    losses: dict = field(default_factory=dict)
    shown: object = None


class Listener(ABC):
    """Is called in the thread of the reconstruction, which waits until the call returns."""

    @abstractmethod
    def said(self, text):
        """A line for people."""

    @abstractmethod
    def progressed(self, what, fraction, text=""):
        """How far ``what``, which takes its time, has got; ``text`` is a detail."""

    @abstractmethod
    def compiling(self, kernel, model):
        """A kernel of that name is about to be compiled, which takes a while; ``model`` says in a few words for what.

        Taichi is in the midst of it: no kernel may be run and no field be made or read.
        """

    @abstractmethod
    def stepped(self, moment):
        """A step was made (or the first is about to be): see ``Moment``, whose model may be asked for pictures."""


class Audience(Listener):
    """All listeners as one."""

    def __init__(self, listeners):
        self._listeners = listeners

    def said(self, text):
        for listener in self._listeners:
            listener.said(text)

    def progressed(self, what, fraction, text=""):
        for listener in self._listeners:
            listener.progressed(what, fraction, text)

    def compiling(self, kernel, model):
        for listener in self._listeners:
            listener.compiling(kernel, model)

    def stepped(self, moment):
        for listener in self._listeners:
            listener.stepped(moment)
