"""Reading and writing files so that nothing half-written stays behind."""

import json
import os
import re
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

from taichi_dr.errors import FileError

LONGEST_INTEGER = 19  # digits: 64 bits hold any of 18


@contextmanager
def atomic_path(path):
    """A temporary path beside ``path`` (same folder, same suffix) to write to; renamed to ``path`` on success.

    When the body raises (Ctrl-C included), the temporary file and the folders made for it are removed and what was at
    ``path`` before stays as it was.

    Raises:
        FileError: the folder cannot be made, ``path`` cannot be replaced, or the body raised an OSError.

    >>> with atomic_path("out/picture.png") as temporary:
    ...     temporary.write_bytes(b"...")  # doctest: +SKIP
    """
    path = Path(path)
    check_name(path)
    if os.path.isdir(path):
        raise FileError(f"{path}: cannot be written: it is a folder")
    made = make_folder_of(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        _remove(temporary)
        remove_empty(made)
        if isinstance(error, OSError) and not isinstance(error, FileError):
            reason = error.strerror or str(error).replace(str(temporary), str(path))
            raise FileError(f"{path}: cannot be written: {reason}") from error
        raise


def target_of(name):
    """The name that a file ``name`` was to get if it is a temporary one of ``atomic_path`` (left by a process that was
    killed), else None.

    >>> target_of(".mesh.0123abcd.obj"), target_of("mesh.obj")
    ('mesh.obj', None)
    """
    found = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}(\.[^.]+)?", name)
    return found and found[1] + (found[2] or "")


def check_name(path):
    """Raises FileError if no file can have the name ``path``: a zero byte in it, or half of a character.

    What is only too long is found missing, or cannot be written.
    """
    try:
        is_name = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_name = False
    if not is_name:
        raise FileError(f"{str(path)!r} is no name of a file")


def make_folder_of(path):
    """Makes the folder of ``path``; returns the folders that did not exist, innermost first.

    Raises:
        FileError: it cannot be made.
    """
    check_name(path)
    missing = [folder for folder in (path.parent, *path.parent.parents) if not os.path.exists(folder)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(missing)
        raise FileError(f"{path}: its folder cannot be made: {error.strerror or error}") from error
    return missing


def check_creatable(path):
    """Checks, and leaves no trace, that a file or folder can be made at ``path``: before the work that ends with it.

    Raises:
        FileError: its folder cannot be made or written to.
    """
    path = Path(path)
    made = make_folder_of(path)
    try:
        probe = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # as long as what is written at last
        _guarded(path, probe.touch)
        _remove(probe)
    finally:
        remove_empty(made)


def _remove(path):
    with suppress(OSError):  # the folder may have gone meanwhile
        path.unlink(missing_ok=True)


def remove_empty(folders):
    """Removes folders, innermost first, up to one that is not empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # somebody else has put a file there
            return


def write_text(path, text):
    """Writes a UTF-8 text file through ``atomic_path``."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes a JSON file through ``atomic_path``; numbers that are not finite are refused with a ValueError."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def parse_json(data):
    """What the bytes of a JSON file say; whole numbers of 19 digits and more become floats, and infinite above 1e308.

    The text may be UTF-8, UTF-16 (as PowerShell writes it) or UTF-32, with a byte-order mark or without.

    Raises:
        ValueError: no JSON, no Unicode, or nested too deep.

    >>> parse_json(b"[1, " + 400 * b"9" + b"]")
    [1, inf]
    """
    try:
        return json.loads(data.decode(json.detect_encoding(data)), parse_int=_whole_number)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _whole_number(digits):
    return int(digits) if len(digits) < LONGEST_INTEGER else float(digits)


def read_bytes(path):
    """The contents of a file that must exist and hold something.

    Raises:
        FileError: the file is missing, a folder, unreadable or empty.
    """
    path = Path(path)
    check_name(path)
    if not os.path.exists(path):
        raise FileError(f"{path}: no such file")
    if os.path.isdir(path):
        raise FileError(f"{path}: is a folder, expected a file")
    data = _guarded(path, path.read_bytes, "read")
    if not data:
        raise FileError(f"{path}: is empty")
    return data


def _guarded(path, action, verb="written"):
    try:
        return action()
    except OSError as error:
        raise FileError(f"{path}: cannot be {verb}: {error.strerror or error}") from error
