"""Processes that make one thing together: what each takes, and how they agree."""

from abc import ABC, abstractmethod
from typing import final

import numpy as np

from taichi_dr.errors import InputError


class Ranks(ABC):
    """This process among ``count`` of them, of which it is number ``rank``; number 0 alone writes and talks.

    All call the same methods in the same order, and each waits in them for the others.
    """

    rank: int
    count: int

    threads: int | None
    """How many threads each may keep busy; None: all that there are."""

    @final
    @property
    def runtime_options(self):
        """What ``runtime.init`` is to be told."""
        return {} if self.threads is None else {"cpu_max_num_threads": self.threads}

    @final
    @property
    def leads(self):
        """Whether this process is the one that writes and talks."""
        return self.rank == 0

    @final
    def part(self, total):
        """``(first, last)``: the pieces of a whole that this process takes.

        >>> Alone().part(7)
        (0, 7)
        """
        return self.rank * total // self.count, (self.rank + 1) * total // self.count

    @abstractmethod
    def add(self, array):
        """Makes every number of a NumPy array the sum of those of all processes."""

    @abstractmethod
    def highest(self, array):
        """Makes every number of a NumPy array the largest of those of all processes."""

    @final
    def next_fraction(self, fraction, stops):
        """The part of the budget at which all make their next step: that of process 0; 1 or more if one of them stops.

        >>> Alone().next_fraction(0.3, False), Alone().next_fraction(0.3, True)
        (0.3, 1.0)
        """
        moment = np.array([fraction if self.leads else 0, stops], np.float64)
        self.highest(moment)
        return float(moment.max())

    @final
    def wait(self):
        """Goes on once all are here."""
        self.highest(np.zeros(1))

    @final
    def check_same(self, what, numbers):
        """Raises InputError, with ``what`` in its message, if these numbers are not the same in all processes."""
        both = np.array([numbers, np.negative(numbers)], np.float64)
        self.highest(both)
        if (both[0] != -both[1]).any():
            raise InputError(f"{what}: not the same in all {self.count} processes, which must see the same files")


class Alone(Ranks):
    """A process by itself."""

    rank, count, threads = 0, 1, None

    def add(self, array):
        """Nothing: the sum is there."""

    def highest(self, array):
        """Nothing."""


ALONE = Alone()
