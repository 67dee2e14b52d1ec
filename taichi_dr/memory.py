"""How much memory there is, asked before something large is made: an allocation that fails is told too late, or never.

Linux gives away memory that it has not got, and ends the process that uses it.
"""

import os
from contextlib import suppress
from pathlib import Path

from taichi_dr.errors import TooLargeError

SMALL = 1 << 26  # bytes that are made without looking
MOST_NUMBERS = (1 << 31) - 1  # of an array: Taichi's kernels count in 32 bits
BYTES_PER_FACE = 300  # of a mesh, as it is made: 90 without texture coordinates, 260 with, measured
MEMINFO = Path("/proc/meminfo")
GROUPS = (  # of control groups, version 2 and 1: what a container may use, uses, and could give back at once
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    *[tuple(f"/sys/fs/cgroup/memory/memory.{name}" for name in ("limit_in_bytes", "usage_in_bytes", "stat"))],
)


def available():
    """Bytes of memory that can be had now without another program's losing its own; None where nothing tells."""
    known = [size for size in (_of_machine(), *map(_of_group, GROUPS)) if size is not None]
    return max(min(known), 0) if known else None


def lacking(size):
    """What is wrong with so many bytes, in words: that there are fewer.  Empty if they can be had.

    >>> lacking(1000), lacking(10**18).partition(" are")[0]
    ('', 'would take 1,000,000,000 GB of memory, and there')
    """
    if size <= SMALL or (there := available()) is None or size <= there:
        return ""
    return f"would take {in_words(size)} of memory, and there are {in_words(there)}"


def check_memory(what, size, advice=""):
    """Checks that ``size`` bytes can be had for ``what``.

    Raises:
        TooLargeError: they cannot; the message says how many there are, and ends with ``advice``.
    """
    if missing := lacking(size):
        raise TooLargeError(f"{what} {missing}{advice and f': {advice}'}")


def check_count(what, count, advice=""):
    """Checks that kernels can count so many numbers of one array, wherever it is.

    Raises:
        TooLargeError: they cannot.
    """
    if count > MOST_NUMBERS:
        limit = f"are {count:,} numbers, and an array has {MOST_NUMBERS:,} at most"
        raise TooLargeError(f"{what} {limit}{advice and f': {advice}'}")


def check_faces(what, faces, each=BYTES_PER_FACE):
    """Checks that a mesh of so many faces can be had, of ``each`` bytes.

    Raises:
        TooLargeError: it cannot.
    """
    what = f"{what}: a mesh of {faces:,} faces"
    check_memory(what, faces * each, "take fewer")
    check_count(what, 3 * faces, "take fewer")


def in_words(size):
    """A number of bytes as people read it.

    >>> in_words(3_400_000), in_words(2 * 10**9), in_words(4 * 10**12)
    ('3 MB', '2.0 GB', '4,000 GB')
    """
    if size < 1e9:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:,.1f} GB" if size < 1e11 else f"{size // 10**9:,} GB"


def _of_machine():
    with suppress(OSError, StopIteration, ValueError):
        lines = MEMINFO.read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    with suppress(OSError, ValueError, AttributeError):  # other systems tell how much they have in all, or nothing
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_group(files):
    """What is left of a control group's limit, None if there is none."""
    limit, used, stat = map(Path, files)
    with suppress(OSError, ValueError):
        cached = [line.split()[1] for line in stat.read_text().splitlines() if line.startswith("inactive_file ")]
        return int(limit.read_text()) - int(used.read_text()) + int(cached[0] if cached else 0)
    return None
