"""The words of files that other programs wrote on other machines: letters, numbers, names of files."""

import codecs
import os
from pathlib import Path

import numpy as np

from taichi_dr.errors import FileError


def decoded(data):
    """The text in the bytes of a file: as its byte-order mark says, else UTF-8 or, where that is wrong, Latin-1.

    >>> decoded(b"M\\xfcller"), decoded(b"\\xef\\xbb\\xbfv 1 2 3")
    ('M\xfcller', 'v 1 2 3')
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def numbers_of(path, what, rows):
    """The numbers (K,) that the words of all rows (lists of them) are.

    Raises:
        FileError: one is no number; the message says in which row, as ``what`` calls them.
    """
    try:
        return np.array([float(word) for words in rows for word in words])
    except ValueError:
        row = next(i for i, words in enumerate(rows) if not all(_is_number(word) for word in words))
        raise FileError(f"{path}: {what} {row}: expected numbers, got {' '.join(rows[row])[:80]!r}") from None


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def find_beside(path, name):
    """The file that ``path`` calls ``name``, or None: where it says, in whatever case, else of that name beside it.

    Names are written on other machines: backslashes, quotes and folders of theirs are no reason not to find a file.
    """
    name = name.strip().strip("\"'").replace("\\", "/")
    for candidate in (name, name.rpartition("/")[2]):
        found = _in_any_case(Path(path).parent, [part for part in candidate.split("/") if part not in ("", ".")])
        if found is not None:
            return found
    return None


def _in_any_case(folder, parts):
    """The file ``parts`` below a folder, each part as it is or else in another case; None without."""
    for part in parts:
        if not os.path.exists(folder / part):  # no error for a name that is too long, as Path.exists has
            try:
                names = sorted(entry.name for entry in folder.iterdir())
            except (OSError, ValueError):  # ValueError: a name with a NUL
                return None
            part = next((name for name in names if name.casefold() == part.casefold()), None)
        if part is None:
            return None
        folder = folder / part
    return folder if os.path.isfile(folder) else None
