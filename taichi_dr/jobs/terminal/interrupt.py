"""Ctrl-C as a request that a loop answers between two steps."""

import math
import os
import signal
import threading
import time
from contextlib import contextmanager

STDERR = 2
SAME = 0.5  # s: under torchrun, which passes Ctrl-C on to processes that have had it from the terminal
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
FAREWELL = "taichi-dr: interrupted\n"
NOTICE = "\nCtrl-C: this step ends, and what has been reached is written; once more stops at once\n"


def end_at_once():
    """From here on Ctrl-C ends the process on the spot, with a word and the exit code 130, until ``raise_again``.

    For the time in which there is nothing to lose and modules are imported: some of them swallow KeyboardInterrupt, and
    others fail with it in ways that show a traceback.  Outside the main thread, where Python has no signals, nothing
    happens.
    """
    _handle(_end)


def raise_again():
    """From here on Ctrl-C raises KeyboardInterrupt, as Python has it."""
    _handle(signal.default_int_handler)


def _end(number, frame):
    os.write(STDERR, FAREWELL.encode())  # print might be what the signal has interrupted
    os._exit(INTERRUPTED)


def _handle(handler):
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


class Interrupt:
    """Counts Ctrl-C: ``requested`` is true from the first one on."""

    def __init__(self):
        self._count, self._last = 0, -math.inf
        self._same = SAME if "TORCHELASTIC_RUN_ID" in os.environ else 0.0

    @property
    def requested(self):
        """Whether to come to an end."""
        return self._count > 0

    def receive(self, number, frame):
        """The signal handler: tells the user of the first Ctrl-C, raises KeyboardInterrupt for every later one."""
        before, self._last = self._last, time.monotonic()
        if self._last - before < self._same:
            return
        self._count += 1
        self.check()
        os.write(STDERR, NOTICE.encode())  # print might be what the signal has interrupted

    def check(self):
        """Raises KeyboardInterrupt after a second Ctrl-C, which libraries that catch everything may have swallowed."""
        if self._count > 1:
            raise KeyboardInterrupt


@contextmanager
def interruptible():
    """Within the block the first Ctrl-C sets ``interrupt.requested``; the second one raises KeyboardInterrupt.

    Outside the main thread, where Python has no signals, it is never set.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    previous = signal.signal(signal.SIGINT, interrupt.receive)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)
