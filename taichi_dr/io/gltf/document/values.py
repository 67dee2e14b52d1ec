"""The values of a JSON tree, checked where they are read: every complaint names the file and the place."""

import math

from taichi_dr.errors import FileError

MOST_SHOWN = 60
REQUIRED = object()
"""The default of what must be there."""


class Json:
    """An object (or anything else, that is then refused) at ``place`` of the JSON ``tree`` in the file ``path``.

    The methods read one member each, and return ``default`` where there is none.

    Raises:
        FileError: a member that is missing and has no default, is of another type or out of its range.

    >>> tree = {"accessors": [{"count": 3}]}
    >>> Json("a.glb", tree).entries("accessors")[0].integer("count")
    3
    >>> Json("a.glb", tree).entries("accessors")[0].integer("count", most=2)
    Traceback (most recent call last):
    ...
    taichi_dr.errors.FileError: a.glb: accessors[0].count: expected an integer in [0, 2], got 3
    """

    def __init__(self, path, value, place="", tree=None):
        self.path, self.place = path, place
        self.tree = value if tree is None else tree
        if not isinstance(value, dict):
            raise self.error(None, "expected an object", value)
        self.value = value

    def error(self, key, problem, *got):
        """A FileError about the member ``key`` (None: about all of it); ``got``: the value in question, if any."""
        place = ".".join(part for part in (self.place, key) if part) or "the JSON"
        return FileError(f"{self.path}: {place}: {problem}" + "".join(f", got {shown(value)}" for value in got))

    def has(self, key):
        """Whether there is such a member, and it is not null."""
        return self.value.get(key) is not None

    def integer(self, key, default=REQUIRED, least=0, most=2**53):
        """A whole number in [``least``, ``most``]; ``5126.0`` is one, too."""
        value = self._member(key, default)
        if value is default:
            return value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            limits = f"of at least {least}" if most == 2**53 else f"in [{least}, {most}]"
            raise self.error(key, f"expected an integer {limits}", value)
        return value

    def number(self, key, default=REQUIRED):
        """A finite number, as a float."""
        value = self._member(key, default)
        return value if value is default else self._finite(key, value)

    def numbers(self, key, count, default=REQUIRED):
        """A list of ``count`` finite numbers; of any number if ``count`` is None."""
        value = self._member(key, default)
        if value is default:
            return value
        if not isinstance(value, list) or count not in (None, len(value)):
            raise self.error(key, f"expected a list of {'' if count is None else f'{count} '}numbers", value)
        return [self._finite(f"{key}[{i}]", entry) for i, entry in enumerate(value)]

    def text(self, key, default=REQUIRED):
        """A string."""
        return self._of_type(key, default, str, "a string")

    def flag(self, key, default=False):
        """true or false."""
        return self._of_type(key, default, bool, "true or false")

    def member(self, key):
        """The object of that name, or None."""
        return Json(self.path, self.value[key], self._place_of(key), self.tree) if self.has(key) else None

    def extension(self, *names):
        """The first of the extensions of these names that there is, or None."""
        extensions = self.member("extensions")
        found = (extensions.member(name) for name in names) if extensions else ()
        return next((extension for extension in found if extension), None)

    def entries(self, key):
        """The objects of a list; none where there is no list."""
        rows = self._of_type(key, [], list, "a list")
        return [Json(self.path, row, f"{self._place_of(key)}[{i}]", self.tree) for i, row in enumerate(rows)]

    def names(self, key):
        """The strings of a list; none where there is no list."""
        rows = self._of_type(key, [], list, "a list")
        if not all(isinstance(row, str) for row in rows):
            raise self.error(key, "expected a list of strings", rows)
        return rows

    def members(self, key):
        """The names of the members of the object ``key``; none where there is no such object."""
        return list(self.member(key).value) if self.has(key) else []

    def refers(self, key, table, default=None):
        """The entry of the root's list ``table`` whose number the member ``key`` is."""
        return default if not self.has(key) else self.entry(table, self.integer(key), key)

    def referred(self, key, table):
        """The entries of the root's list ``table`` whose numbers the list ``key`` has."""
        rows = self._of_type(key, [], list, "a list")
        return [self.entry(table, row, f"{key}[{i}]") for i, row in enumerate(rows)]

    def entry(self, table, number, key):
        """Entry ``number`` of the root's list ``table``; ``key`` is where the number is from."""
        rows = self.tree.get(table) or []
        count = len(rows) if isinstance(rows, list) else 0
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < count:
            raise self.error(key, f"expected the number of one of {count} {table}", number)
        return Json(self.path, rows[number], f"{table}[{number}]", self.tree)

    def _member(self, key, default):
        value = self.value.get(key)
        if value is None:
            if default is REQUIRED:
                raise self.error(key, "is missing")
            return default
        return value

    def _of_type(self, key, default, kind, what):
        value = self._member(key, default)
        if value is not default and not isinstance(value, kind):
            raise self.error(key, f"expected {what}", value)
        return value

    def _finite(self, key, value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(key, "expected a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(key, "expected a finite number", value)
        return number

    def _place_of(self, key):
        return f"{self.place}.{key}" if self.place else key


def shown(value):
    """A value as messages show it: in one short line.

    >>> shown("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    text = "a list" if isinstance(value, list) and len(value) > MOST_SHOWN else repr(value)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN // 2 - 1] + "..."
