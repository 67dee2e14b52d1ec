"""The file that another file names, as it may be called here: other letters, slashes, folders, encodings."""

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

FOLDERS = ("textures", "texture", "tex", "maps", "images", "materials")
"""Where pictures are often put: in one of these beside the file, or beside its folder."""

DEEPEST = 8  # the parts of a name, from its end, that are tried


def find_file(folder, name, suffixes=()):
    """The path of the file that a file in ``folder`` calls ``name``, or None.

    Tried in turn: the name as it is; its parts, divided by slashes or backslashes, in any case of letters and any form
    of Unicode; the same without its first folders, one after the other (absolute paths of other machines); its last
    part in one of ``FOLDERS``, beside ``folder`` or in it; all of this with ``%20`` and the like read as the characters
    they stand for; and where nothing is found, with one of ``suffixes`` in place of its own, or of none.
    """
    folder, spellings = Path(folder), list(dict.fromkeys([name, unquote(name)]))
    for spelling in spellings:
        if os.path.isfile(folder / spelling):
            return folder / spelling
    for others in [(), suffixes] if suffixes else [()]:
        for spelling in spellings:
            for place, parts in _places(folder, spelling):
                if (found := _walk(place, parts, others)) is not None:
                    return found
    return None


def _places(folder, name):
    """(folder, parts of a path below it) of every place where a file may be."""
    parts = [part for part in re.split(r"[\\/]+", name) if part not in ("", ".")][-DEEPEST:]
    yield from ((folder, parts[first:]) for first in range(len(parts)))
    yield from ((place, [other, parts[-1]]) for place in (folder, folder / "..") for other in FOLDERS if parts)


def _walk(folder, parts, suffixes):
    """The file below ``folder`` that parts of a path lead to, spelled as they may be; None if there is none."""
    *above, last = parts
    for part in above:
        folder = (
            folder / ".." if part == ".." else next(_entries(folder, lambda name, part=part: _is(name, part)), None)
        )
        if folder is None:
            return None
    matches = _entries(folder, lambda name: _is_picture(name, last, suffixes) if suffixes else _is(name, last))
    return next(filter(os.path.isfile, matches), None)


def _entries(folder, matches):
    """What is in a folder and called as ``matches(name)`` has it, sorted; nothing if the folder cannot be read."""
    try:
        names = sorted(os.listdir(folder))
    except (OSError, ValueError):  # ValueError: a name with a NUL
        return
    yield from (folder / name for name in names if matches(name))


def _is(name, wanted):
    return name == wanted or _key(name) == _key(wanted)


def _is_picture(name, wanted, suffixes):
    """Whether ``name`` has one of the suffixes, and the rest of it is ``wanted`` with its own suffix or without."""
    stem, suffix = os.path.splitext(name)
    return suffix.lower() in suffixes and _key(stem) in (_key(wanted), _key(os.path.splitext(wanted)[0]))


def _key(name):
    """A name without case of letters or form of Unicode; one that is no UTF-8 on the disk is read as Latin-1."""
    stored = name.encode("utf-8", errors="surrogateescape")
    try:
        text = stored.decode("utf-8")
    except UnicodeDecodeError:
        text = stored.decode("latin-1")
    return unicodedata.normalize("NFC", text).casefold()
