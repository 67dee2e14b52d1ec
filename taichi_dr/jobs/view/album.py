"""Photographs that are read when they are first looked at: while a window is open, by a thread of their own."""

import threading
import time
import warnings
from contextlib import suppress

import numpy as np

from taichi_dr.io.posed_images import averaged_down

KEPT = 256 << 20  # bytes of photographs
SMALL = 128  # pixels of the longer side of small pictures
NEAR = 0, 1, -1  # photographs from the one that is looked at which are read, in this order, and kept
SELDOM = 0.5  # s between two times that something is told to have come: what comes quickly is drawn together
ENDING = 3.0  # s that the end of the thread is waited for


class Album:
    """Photographs by their numbers: the last ones looked at, and small pictures of all, once they are asked for.

    ``read(view)``: colours (H, W, 3), linear and straight, and alpha (H, W) of one, or an exception that says what is
    wrong with it.  What is asked for is read at once.  But within the album as a context manager a thread reads, also
    the photographs next to the one asked for last; nobody waits: what is not there yet is None, ``arrived`` tells when
    it is.  What cannot be read stays None, is warned of once, and ``note`` says so.
    """

    def __init__(self, names, read):
        self._names, self._read = names, read
        self._photographs, self._small, self._faults = {}, {}, {}
        self._current, self._wants_small = None, False
        self._is_open, self._has_worker, self._change = False, False, threading.Condition()
        self._news, self._told = False, -np.inf

    @staticmethod
    def of(posed):
        """The Album of PosedImages that are in memory."""
        return Album(posed.names, lambda view: (posed.images[view], posed.alpha[view]))

    def __enter__(self):
        with self._change:
            self._is_open = True
            if not self._has_worker:  # one that the end was not waited for goes on
                self._has_worker = True
                self._thread = threading.Thread(target=self._work, name="photographs", daemon=True)
                self._thread.start()
        return self

    def __exit__(self, *error):
        with self._change:
            self._is_open = False
            self._change.notify()
        self._thread.join(ENDING)

    def photograph(self, view):
        """The photograph (H, W, 4), colours multiplied by alpha, or None."""
        with self._change:
            self._current = view
            if view in self._photographs:
                self._photographs[view] = self._photographs.pop(view)  # the last of them
            elif not self._is_open:
                self._keep(view, self._whole(view))
            self._change.notify()
            return self._photographs.get(view)

    def small(self, view):
        """The picture over white (h, w, 3), ``SMALL`` pixels on its longer side, or None."""
        with self._change:
            self._wants_small = True
            if view not in self._small and not self._is_open:
                self._keep(view, self._whole(view))
            self._change.notify()
            return self._small.get(view)

    def arrived(self):
        """Whether something has come that was asked for before it was there, since this was last true."""
        now = time.monotonic()
        if not self._news or now < self._told + SELDOM:
            return False
        self._news, self._told = False, now
        return True

    def fault(self, view=None):
        """What is wrong with a photograph, or with the first that cannot be read and how many others there are; None
        if that is not known."""
        if view is not None:
            return self._faults.get(view)
        first, *others = [*self._faults.values()] or [None]
        return f"{first} ({len(others)} more cannot be read)" if others else first

    def note(self, view=None):
        """A few words on what is not there of a photograph, or of all small pictures; "" if nothing is."""
        if view is None:
            done, count = len({*self._small, *self._faults}), len(self._names)
            return f"{done} of {count} images read" if self._is_open and self._wants_small and done < count else ""
        if view in self._faults:
            return f"{self._names[view]} cannot be read"
        is_awaited = self._is_open and view == self._current and view not in self._photographs
        return "reading" if is_awaited else ""

    def _work(self):
        while (view := self._next()) is not None:
            fault = self._tried(view)
            with self._change:
                if fault:
                    self._faults[view] = fault
                self._news |= self._wants_small or view == self._current
            if fault:
                with suppress(Exception):  # a filter that makes an error of it would end the thread: the panel has it
                    warnings.warn(fault, stacklevel=1)

    def _tried(self, view):
        """What is wrong with a photograph, which is kept if nothing is (""); of the exception the words alone are: it
        holds the bytes of its file."""
        try:
            whole = self._whole(view)
            with self._change:
                self._keep(view, whole)
        except Exception as error:  # whatever it is, the others are to be read
            return str(error) or type(error).__name__
        return ""

    def _next(self):
        """The view that is to be read next, once there is one; None at the end."""
        with self._change:
            while self._is_open:
                if (view := self._wanted()) is not None:
                    return view
                self._change.wait()
            self._has_worker = False
        return None

    def _wanted(self):
        """The first view that somebody wants and that has not been read, or None."""
        missing = [view for view in self._near() if view not in self._photographs]
        if self._wants_small:
            missing += [view for view in range(len(self._names)) if view not in self._small]
        return next((view for view in missing if view not in self._faults), None)

    def _near(self):
        """The view that is looked at, and those next to it."""
        return [] if self._current is None else [(self._current + step) % len(self._names) for step in NEAR]

    def _whole(self, view):
        """The photograph (H, W, 4), read if it is not there."""
        whole = self._photographs.get(view)
        return multiplied(*self._read(view)) if whole is None else whole

    def _keep(self, view, whole):
        if self._wants_small and view not in self._small:
            self._small[view] = _small(whole)
        near = self._near()
        if view in near:
            self._photographs[view] = whole
        kept = sum(each.nbytes for each in self._photographs.values())
        for old in [each for each in self._photographs if each not in near]:
            if kept <= KEPT:
                break
            kept -= self._photographs.pop(old).nbytes


def multiplied(colors, alpha):
    """The picture (H, W, 4) of colours (H, W, 3) and alpha (H, W), the colours multiplied by alpha."""
    return np.concatenate([colors * alpha[..., None], alpha[..., None]], axis=-1)


def over_white(photograph):
    """The colours (H, W, 3) over white of a picture (H, W, 4) whose colours are multiplied by alpha."""
    return photograph[..., :3] + (1 - photograph[..., 3:])


def _small(photograph):
    height, width = photograph.shape[:2]
    return averaged_down(over_white(photograph), np.ones((height, width), np.float32), small_size(height, width))[0]


def small_size(height, width):
    """(height, width) of the small picture of a photograph."""
    ratio = min(1.0, SMALL / max(height, width))
    return max(1, round(height * ratio)), max(1, round(width * ratio))
