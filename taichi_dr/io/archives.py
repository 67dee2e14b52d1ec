"""Archives of named arrays (``.npz``), which may come from anywhere: nothing in them is run."""

import zipfile
import zlib

import numpy as np

BAD_ARCHIVE = zipfile.BadZipFile, zlib.error
"""What reading an archive raises that is none of Python's own errors."""

DAMAGED = (
    *(ValueError, LookupError, TypeError, AttributeError, OSError, EOFError, MemoryError),
    RuntimeError,  # encrypted, nested too deep, compressed in a way that nobody knows
    *BAD_ARCHIVE,
)
"""What reading an archive raises that is cut short, damaged, or made to do harm."""


def read_arrays(path, most=None):
    """All arrays of an archive, a path or a file that is open, by name.

    Raises:
        ValueError: more than ``most`` bytes, unpacked (nothing is unpacked then), or what is no array.
        others of ``DAMAGED``
    """
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no archive of arrays")  # NumPy would say how to load it unsafely
    if hasattr(path, "seek"):
        path.seek(0)  # where NumPy looks, and is_zipfile has not left it
    with np.load(path, allow_pickle=False) as file:
        size = sum(part.file_size for part in file.zip.infolist())
        if most is not None and size > most:
            raise ValueError(f"expected at most {most:,} bytes of arrays, got {size:,}")
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name} is no array")
    return arrays
