"""Ctrl-C as a request that a loop answers between two steps."""

import signal
import threading
from contextlib import contextmanager


class Interrupt:
    """``requested`` turns true with the first Ctrl-C."""

    requested = False


@contextmanager
def interruptible():
    """Within the block the first Ctrl-C sets ``interrupt.requested``; the second one raises KeyboardInterrupt.

    Outside the main thread, where Python has no signals, it is never set.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    previous = signal.getsignal(signal.SIGINT)

    def request(number, frame):
        interrupt.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, request)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)
