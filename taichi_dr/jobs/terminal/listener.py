"""The terminal as a listener: lines, and a bar for what is on its way."""

from contextlib import ExitStack

from taichi_dr.jobs.listener import Listener
from taichi_dr.jobs.terminal.progress import is_terminal, progress_bar, say


class Terminal(Listener):
    """Shows a reconstruction; to be used as a context manager, which takes the bar down however the block is left."""

    def __init__(self):
        self._bar, self._what, self._update = ExitStack(), None, None
        self._fraction, self._compiled = 0.0, None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._take_down()

    def said(self, text):
        self._take_down()
        say(text)

    def progressed(self, what, fraction, text=""):
        if what != self._what:
            self._take_down()
            self._what, self._update = what, self._bar.enter_context(progress_bar(what))
        self._fraction = fraction
        self._update(fraction, text)
        if fraction >= 1:
            self._take_down()

    def compiling(self, kernel, model):
        if is_terminal():
            text = f"compiling {kernel.strip('_')} for {model}"
            self.progressed(self._what or "optimising", self._fraction, text)
        elif model != self._compiled:
            self._compiled = model
            say(f"compiling kernels for {model}")

    def stepped(self, moment):
        losses = " ".join(f"{name} {value:.3g}" for name, value in moment.losses.items())
        self.progressed("optimising", moment.fraction, f"step {moment.steps}  {moment.model.caption}  {losses}")

    def _take_down(self):
        self._bar.close()
        self._what, self._fraction = None, 0.0
