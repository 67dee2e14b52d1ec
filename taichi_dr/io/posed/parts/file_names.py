"""Files of a data set by the names that it has for them, whatever machine and program those come from."""

from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from taichi_dr.io.images import PICTURES

NAMES_SHOWN = 20
READ = (*PICTURES, ".webp", ".mpo")
"""Suffixes of pictures that are read."""
ANY_SUFFIX = ("", *READ)


def found_file(folder, name, suffixes=("",)):
    """The file ``name`` of a data set in ``folder``, None if it is missing.

    ``name`` may have the backslashes of Windows, another letter case, spaces around it or the escapes of an address
    (``%20``).  Of a path that leads elsewhere, to the machine that the data were made on, as much of the end as leads
    to a file is taken.
    """
    as_given = (Path(folder, name + suffix) for suffix in suffixes)
    if (path := next(filter(_is_file, as_given), None)) is not None:
        return path
    spellings = dict.fromkeys((name, name.strip(), unquote(name.strip().removeprefix("file://"))))
    found = (_by_its_end(folder, spelling, suffixes) for spelling in spellings)
    return next((path for path in found if path is not None), None)


def found_picture(folder, name):
    """The picture ``name`` as ``found_file`` finds it, with any suffix of a picture where it has none; with that of
    another kind of picture if there is none with its own."""
    path = found_file(folder, name, ANY_SUFFIX)
    stem = name.strip()
    suffix = next((suffix for suffix in READ if stem.lower().endswith(suffix)), None)
    if path is None and suffix is not None:
        path = found_file(folder, stem[: -len(suffix)], READ)
    return path


def _by_its_end(folder, name, suffixes):
    windows = PureWindowsPath(name)  # takes both kinds of slashes
    parts = windows.parts
    leads_elsewhere = bool(windows.anchor) or ".." in parts
    for start in range(len(parts) if leads_elsewhere else min(1, len(parts))):
        for suffix in suffixes:
            path = _regardless_of_case(folder, [*parts[start:-1], parts[-1] + suffix])
            if path is not None:
                return path
    return None


def _is_file(path):
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, a zero byte
        return False


def _regardless_of_case(folder, parts):
    path = Path(folder)
    try:
        for part in parts:
            if not (path / part).exists():
                part = next((one.name for one in path.iterdir() if one.name.lower() == part.lower()), None)
            if part is None:
                return None
            path /= part
        return path if path.is_file() else None
    except (OSError, ValueError):  # not a folder, a name that is too long, a zero byte
        return None


def pictures_in(folder):
    """The pictures of a folder by name, numbers in names by their value where names are numbers."""
    found = [path for path in Path(folder).iterdir() if path.suffix.lower() in READ and path.is_file()]
    if all(path.stem.isdecimal() for path in found):
        return sorted(found, key=lambda path: (int(path.stem), path.name))
    return sorted(found, key=lambda path: path.name)


def shown(names):
    """A list of names, cut short."""
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
