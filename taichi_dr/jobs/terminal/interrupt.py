"""Ctrl-C as a request that a loop answers between two steps."""

import os
import signal
import threading
from contextlib import contextmanager

STDERR = 2
NOTICE = "\nCtrl-C: this step ends, and what has been reached is written; once more stops at once\n"


class Interrupt:
    """Counts Ctrl-C: ``requested`` is true from the first one on."""

    def __init__(self):
        self._count = 0

    @property
    def requested(self):
        """Whether to come to an end."""
        return self._count > 0

    def receive(self, number, frame):
        """The signal handler: tells the user of the first Ctrl-C, raises KeyboardInterrupt for every later one."""
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
