"""Windows that another program has destroyed: X's errors about them, which would end this one, are told instead."""

import ctypes
import os
import sys
from contextlib import contextmanager, suppress

GONE = 3, 9  # BadWindow, BadDrawable (X.h)
CARDINAL = 6  # XA_CARDINAL (Xatom.h)
ATTRIBUTES = 1024  # bytes, more than XWindowAttributes has
POINTER, WORD, NUMBER = ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int
SIGNATURES = {
    "XOpenDisplay": (POINTER, ctypes.c_char_p),
    "XCloseDisplay": (NUMBER, POINTER),
    "XDefaultRootWindow": (WORD, POINTER),
    "XSetErrorHandler": (POINTER, POINTER),
    "XInternAtom": (WORD, POINTER, ctypes.c_char_p, NUMBER),
    "XQueryTree": (NUMBER, POINTER, WORD, POINTER, POINTER, POINTER, POINTER),
    "XGetWindowProperty": (NUMBER, POINTER, WORD, WORD, *(ctypes.c_long,) * 2, NUMBER, WORD, *(POINTER,) * 5),
    "XGetWindowAttributes": (NUMBER, POINTER, WORD, POINTER),
    "XFree": (NUMBER, POINTER),
}
"""Of Xlib.h: what each function returns, and its arguments."""


class XError(ctypes.Structure):
    """``XErrorEvent`` of Xlib.h."""

    _fields_ = (
        ("type", NUMBER),
        ("display", POINTER),
        ("resource", WORD),
        ("serial", WORD),
        ("code", ctypes.c_ubyte),
        ("request", ctypes.c_ubyte),
        ("minor", ctypes.c_ubyte),
    )


HANDLER = ctypes.CFUNCTYPE(NUMBER, POINTER, ctypes.POINTER(XError))


class Lost:
    """Tells whether a window is gone.

    ``happened``: it is.  X tells of it as an error of the next thing that is asked of it, which ends a process unless
    it is ``watched``; Taichi may ask nothing for long, so ``look`` asks, on a connection of its own, about the window
    that was ``opening``.  Without X, nothing is ever lost.
    """

    def __init__(self):
        self.happened = False
        self._library, self._display, self._window = _x(), None, None
        self._handler, self._before = HANDLER(self._answer), None

    @contextmanager
    def opening(self):
        """Connects; the window is the one that this process opens in the block."""
        if self._library is not None:
            self._display = self._library.XOpenDisplay(None)
        others = self._own_windows()
        try:
            yield
        except BaseException:
            self.close()
            raise
        self._window = next(iter(self._own_windows() - others), None)

    def look(self):
        """Asks whether the window is still there; returns ``happened``."""
        if self._window is not None and not self.happened:
            with self.watched():
                there = ctypes.create_string_buffer(ATTRIBUTES)
                self._library.XGetWindowAttributes(self._display, self._window, there)
        return self.happened

    def close(self):
        """Ends the connection."""
        if self._display is not None:
            self._library.XCloseDisplay(self._display)
        self._display = self._window = None

    @contextmanager
    def watched(self):
        """For the length of the block, errors of X about windows that are gone do nothing but set ``happened``, if they
        are about this window, or it is not known which this is."""
        if self._library is None:
            yield
            return
        self._before = self._library.XSetErrorHandler(ctypes.cast(self._handler, POINTER))
        try:
            yield
        finally:
            self._library.XSetErrorHandler(self._before)

    def _answer(self, display, error):
        if error.contents.code in GONE:
            self.happened |= self._window in (None, error.contents.resource)
            return 0
        return HANDLER(self._before)(display, error)

    def _own_windows(self):
        """The windows that say that they are of this process."""
        if self._display is None:
            return set()
        found, waiting = set(), [self._library.XDefaultRootWindow(self._display)]
        with self.watched():
            while waiting:
                window = waiting.pop()
                if self._process_of(window) == os.getpid():
                    found.add(window)
                waiting += self._children_of(window)
        self.happened = False  # others may end in the meantime
        return found

    def _children_of(self, window):
        root, parent, children, count = WORD(), WORD(), ctypes.POINTER(WORD)(), ctypes.c_uint()
        into = (ctypes.addressof(one) for one in (root, parent, children, count))
        if not self._library.XQueryTree(self._display, window, *into):
            return []
        windows = [children[i] for i in range(count.value)]
        if children:
            self._library.XFree(ctypes.cast(children, POINTER))
        return windows

    def _process_of(self, window):
        """The number of the process that a window says it is of, None if it does not say."""
        atom = self._library.XInternAtom(self._display, b"_NET_WM_PID", 0)
        kind, form, count, left, value = WORD(), NUMBER(), WORD(), WORD(), ctypes.POINTER(WORD)()
        into = (ctypes.addressof(one) for one in (kind, form, count, left, value))
        if self._library.XGetWindowProperty(self._display, window, atom, 0, 1, 0, CARDINAL, *into) or not value:
            return None
        process = value[0] if count.value else None
        self._library.XFree(ctypes.cast(value, POINTER))
        return process


def _x():
    """Xlib, None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    with suppress(OSError):
        library = ctypes.CDLL("libX11.so.6")
        for name, (answer, *arguments) in SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = answer, arguments
        return library
    return None
