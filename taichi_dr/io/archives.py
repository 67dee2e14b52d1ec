"""Archives of named arrays (``.npz``) and single ones (``.npy``), which may come from anywhere: nothing in them is run.

What an array takes is known from its header (a few dozen bytes) and compared with what the file can hold, with what the
caller expects and with the memory there is, before anything is unpacked.
"""

import io
import math
import zipfile
from contextlib import contextmanager

import numpy as np

from taichi_dr.memory import lacking

DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, MemoryError, RuntimeError)
"""What making sense of arrays and of JSON raises where they are not what the package has written."""

SMALL = 1 << 26  # bytes that any archive may unpack to
MOST_TIMES = 32  # its size that it may unpack to: numbers do not get smaller than that, but zeros do, 1,000 times
KINDS = "biufcUS"  # of numbers and text
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(path, most=None):
    """All arrays of an archive, a path or a file that is open, by name.

    Raises:
        ValueError: no archive of arrays, one that is damaged, or one that unpacks to more than ``most`` bytes (by
            default ``MOST_TIMES`` its size, or ``SMALL``) or than there is memory: then nothing has been unpacked.
    """
    with _in_words(), zipfile.ZipFile(path) as file:
        parts = [part for part in file.infolist() if not part.is_dir()]
        packed = sum(part.compress_size for part in parts)
        _check_size(sum(part.file_size for part in parts), max(SMALL, MOST_TIMES * packed) if most is None else most)
        named = {part.filename.removesuffix(".npy"): part for part in parts}
        for name, part in named.items():
            with file.open(part) as stream:
                _check_header(name, stream, part.file_size)
        arrays = {}
        for name, part in named.items():
            with file.open(part) as stream:
                arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
                stream.read()  # compares its checksum
        return arrays


def read_array(data, most=SMALL):
    """The array of a ``.npy`` file's bytes.

    Raises:
        ValueError: no array, one that is damaged, or more than ``most`` bytes.
    """
    with _in_words():
        _check_size(len(data), most)
        _check_header("it", io.BytesIO(data), len(data))
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def map_array(path):
    """The array of a ``.npy`` file, mapped into memory and not read.

    Raises:
        ValueError: no array, or one that is damaged.
        FileNotFoundError: no such file.
    """
    with _in_words(), open(path, "rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        _check_header("it", file, size)
        return np.lib.format.open_memmap(path, mode="r")


def names_in(path):
    """The names of the arrays of an archive; none if it is no archive."""
    try:
        with zipfile.ZipFile(path) as file:
            return {name.removesuffix(".npy") for name in file.namelist()}
    except Exception:  # what zipfile raises for files that are none, or damaged
        return set()


def in_words(error):
    """What is wrong with an archive, of an exception of ``DAMAGED``."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__


@contextmanager
def _in_words():
    """Within the block, whatever the readers of NumPy and Python stumble over is a ValueError: they raise a dozen types
    (SyntaxError and TokenError of headers, BadZipFile, NotImplementedError, zlib's own, ...)."""
    try:
        yield
    except (ValueError, FileNotFoundError):
        raise
    except zipfile.BadZipFile as error:
        raise ValueError(f"it is no archive of arrays, cut short or damaged: {error}") from error
    except Exception as error:
        raise ValueError(f"it is damaged: {in_words(error)}") from error


def _check_size(size, most):
    if size > most:
        raise ValueError(f"expected at most {most:,} bytes of arrays, got {size:,}")
    if missing := lacking(size):
        raise ValueError(missing)


def _check_header(name, stream, size):
    """Raises ValueError if ``stream`` of ``size`` bytes has no array, or a header that promises more than there is."""
    try:
        version = np.lib.format.read_magic(stream)
    except ValueError:
        raise ValueError(f"{name} is no array") from None
    if version not in HEADERS:
        raise ValueError(f"{name} is an array of the unknown version {version}")
    shape, _, dtype = HEADERS[version](stream)
    count = math.prod(shape)
    if dtype.kind not in KINDS or dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise ValueError(f"{name}: expected an array of numbers or text, got {dtype} of shape {shape}")
    if stream.tell() + count * dtype.itemsize > size:
        raise ValueError(f"{name} is cut short: {count:,} of {dtype} do not fit into {size:,} bytes")
