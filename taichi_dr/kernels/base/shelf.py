"""The shelf where dropped arrays wait for the next ones of their type and shape.

Making an array takes Taichi 50 us, 0.5 ms for a megabyte (the system clears its pages one by one), and of each that was
ever made it keeps 100 bytes until the run ends.  A step of a ray tracer makes 75 of them.
"""

import threading
from collections import OrderedDict, deque

from taichi.lang import impl

MOST_KEPT = 1 << 25  # bytes; twice as many until the next array is made


class Shelf:
    """What is left of dropped arrays of the current runtime: their attributes, ``key``, ``bytes`` and ``arr`` too.

    Only the thread that first makes an array of a runtime takes from it, and there is no lock that an interrupt could
    leave locked.  It may come between any two instructions: at worst an array is lost to the end of the run, and none
    is handed on twice.
    """

    def __init__(self, free, most=MOST_KEPT):
        self._free, self._most = free, most
        self._begin(None)

    def _begin(self, runtime):
        self._thread = threading.get_ident()
        self._runtime, self._dropped, self._kept, self._bytes = runtime, deque(), OrderedDict(), 0

    def put(self, left):
        """Keeps what is left of an array of the current runtime, or frees its memory.

        A garbage collection may call this amid anything, ``take`` too: so it does no more than append.
        """
        if left["runtime"] is self._runtime and self._bytes + left["bytes"] <= 2 * self._most:
            self._bytes += left["bytes"]
            self._dropped.append(left)
        else:
            self._free(left)

    def take(self, key):
        """What is left of the latest array with this key, or None."""
        if self._runtime is not (runtime := impl.get_runtime()):
            self._begin(runtime)
        if self._thread != threading.get_ident():
            return None
        self._sort()
        left = self._pop(key, -1)
        while self._bytes > self._most and self._kept:
            oldest = self._pop(next(iter(self._kept)), 0)
            if oldest is not None:
                self._free(oldest)
        if not self._kept:
            self._bytes = 0  # of what interrupts lost, too
        return left

    def _sort(self):
        while self._dropped:
            left = self._dropped.popleft()
            self._kept.setdefault(left["key"], []).append(left)
            self._kept.move_to_end(left["key"])

    def _pop(self, key, place):
        row = self._kept.get(key)
        left = row.pop(place) if row else None
        if left is not None:
            self._bytes -= left["bytes"]
        if not row:
            self._kept.pop(key, None)
        return left


def _free(left):
    left["runtime"].prog.delete_ndarray(left["arr"])


shelf = Shelf(_free)
