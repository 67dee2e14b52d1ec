"""The numbers of a PLY file, element by element.

Where the rows of an element begin is found first: at once where all are equally long, else one after the other (text
has lines).  From there all rows are walked along together, property by property.
"""

import struct
from dataclasses import dataclass

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.words import decoded, numbers_of


@dataclass(frozen=True)
class Column:
    """A property of all rows: ``values`` (R,), or lists laid end to end with ``counts`` (R,); ``code``: its type."""

    code: str
    values: np.ndarray
    counts: np.ndarray | None = None

    def chosen(self, keep):
        """The column of those rows that ``keep`` (R,) is true of."""
        if self.counts is None:
            return Column(self.code, self.values[keep])
        return Column(self.code, self.values[np.repeat(keep, self.counts)], self.counts[keep])


def read_rows(path, data, header):
    """``{element: {property: Column}}`` of a file's bytes; what is behind the last row is ignored.

    Raises:
        FileError: there are fewer rows than the header announces, or something that is no number.
    """
    source = (_Binary if header.order else _Text)(path, data, header)
    found = {}
    for element in header.elements:
        needed = element.count * sum(source.size(item.count or item.code) for item in element.properties)
        source.check_left(element, needed)
        found[element.name] = source.columns(element) if element.properties else {}
    return found


class _Source:
    """Numbers at places: bytes or, of text, words; ``place`` is where the next row begins."""

    def __init__(self, path):
        self.path = path
        self.place = 0

    def columns(self, element):
        """The columns of the next element; ``place`` moves behind it."""
        starts, ends = self.row_starts(element)
        columns, at = {}, starts
        for item in element.properties:
            if item.count is None:
                columns[item.name] = Column(item.code, self.read(item.code, at))
                at = at + self.size(item.code)
                continue
            counts = self.counts(element, item, at)
            at = at + self.size(item.count)
            columns[item.name] = Column(item.code, self.lists(item.code, at, counts), counts)
            at = at + counts * self.size(item.code)
        self.place = ends
        return columns

    def walk(self, element, starts):
        """Where rows that begin at ``starts`` (R,) end."""
        at = starts
        for item in element.properties:
            if item.count is None:
                at = at + self.size(item.code)
            else:
                inside = at + self.size(item.count) <= self.length
                counts = np.zeros(len(at), np.int64)
                counts[inside] = np.clip(np.nan_to_num(self.read(item.count, at[inside])), 0, self.length)
                at = at + self.size(item.count) + counts * self.size(item.code)
        return at

    def follow(self, element):
        """Where rows begin that follow each other whatever their lengths, and where the last ends."""
        steps = [(item.count, self.size(item.count or item.code), self.size(item.code)) for item in element.properties]
        starts, at, read = [], self.place, self.number
        try:
            for _ in range(element.count):
                starts.append(at)
                for count, size, item_size in steps:
                    at += size + (max(read(count, at), 0) * item_size if count else 0)
        except (struct.error, IndexError, ValueError, OverflowError):  # the last two: text that is no count
            at = self.length + 1
        if at > self.length:
            self.cut_off(element, f"it ends in row {len(starts) - 1}")
        return np.array(starts, np.int64), at

    def counts(self, element, item, at):
        counts = self.read(item.count, at)
        right = (counts >= 0) & (counts <= self.length)
        if not right.all():
            row = int(np.argmin(right))
            raise FileError(f"{self.path}: {element.name} {row}: a list {item.name} of {counts[row]} numbers")
        return counts.astype(np.int64)

    def lists(self, code, at, counts):
        """The numbers of lists at ``at`` (R,), end to end."""
        if len(counts) and (counts == counts[0]).all():
            return self.read(code, at, int(counts[0])).reshape(-1)
        ends = np.cumsum(counts)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
        return self.read(code, np.repeat(at, counts) + within * self.size(code))

    def cut_off(self, element, found):
        raise FileError(
            f"{self.path}: is cut off: its header announces {element.count} rows of element {element.name!r}, {found}"
        )


class _Binary(_Source):
    def __init__(self, path, data, header):
        super().__init__(path)
        self.bytes = np.frombuffer(data, np.uint8, offset=header.start)
        self.length = len(self.bytes)
        self.data, self.start, self.order = data, header.start, header.order
        self.structs = {code: struct.Struct(header.order + np.dtype(code).char) for code in _INTEGERS}

    def size(self, code):
        return int(code[1])

    def check_left(self, element, needed):
        left = self.length - self.place
        if needed > left:
            self.cut_off(element, f"which need {needed} bytes; it has {left}")

    def number(self, code, at):
        return self.structs[code].unpack_from(self.data, self.start + at)[0]

    def read(self, code, at, count=1):
        """Numbers (R,) at ``at`` (R,), or (R, count) from there on."""
        width = count * self.size(code)
        if not len(at) or not width:
            return np.zeros((len(at), count)[: 1 + (count != 1)], code)
        windows = np.lib.stride_tricks.sliding_window_view(self.bytes, width)
        numbers = windows[at].view(self.order + code)
        return numbers[:, 0] if count == 1 else numbers

    def row_starts(self, element):
        first = np.array([self.place])
        stride = int(self.walk(element, first)[0]) - self.place
        if self.place + stride * element.count <= self.length:
            starts = self.place + stride * np.arange(element.count)
            if element.count == 0 or (self.walk(element, starts) == starts + stride).all():
                return starts, self.place + stride * element.count
        return self.follow(element)


class _Text(_Source):
    def __init__(self, path, data, header):
        super().__init__(path)
        self.announced = sum(element.count for element in header.elements if element.properties)
        words = [line.split() for line in decoded(data[header.start :]).splitlines()]
        words = [row for row in words if row]
        try:
            self.numbers = numbers_of(path, "row", words)
        except FileError:  # what is behind the last row may be anything
            words = words[: self.announced]
            self.numbers = numbers_of(path, "row", words)
        self.line_ends = np.cumsum([len(row) for row in words], dtype=np.int64)
        self.length = len(self.numbers)

    def size(self, code):
        return 1

    def check_left(self, element, needed):
        if needed > self.length - self.place:
            self.cut_off(element, f"which need {needed} numbers; it has {self.length - self.place}")

    def cut_off(self, element, found):
        if len(self.line_ends) < self.announced:
            raise FileError(
                f"{self.path}: is cut off: its header announces {self.announced} rows, it has {len(self.line_ends)}"
            )
        super().cut_off(element, found)

    def number(self, code, at):
        return int(self.numbers[at])

    def read(self, code, at, count=1):
        """Numbers (R,) at ``at`` (R,), or (R, count) from there on."""
        return self.numbers[at] if count == 1 else self.numbers[at[:, None] + np.arange(count)]

    def row_starts(self, element):
        """Lines, where each has room for its row (and maybe words that the header does not know), else words."""
        first = int(np.searchsorted(self.line_ends, self.place, side="right"))
        ends = self.line_ends[first : first + element.count]
        if len(ends) == element.count:
            starts = np.concatenate([[self.place], ends[:-1]])[: element.count]
            if (self.walk(element, starts) <= ends).all():
                return starts, int(ends[-1]) if len(ends) else self.place
        return self.follow(element)


_INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
