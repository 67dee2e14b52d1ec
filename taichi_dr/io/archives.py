"""Archives of named arrays (``.npz``), which may come from anywhere: nothing in them is run."""

import zipfile
import zlib

import numpy as np

DAMAGED = (
    *(ValueError, LookupError, TypeError, AttributeError, OSError, EOFError, MemoryError),
    RuntimeError,  # encrypted, nested too deep, compressed in a way that nobody knows
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading an archive raises that is cut short, damaged, or made to do harm."""


def read_arrays(path, most=None):
    """All arrays of an archive by name.

    Raises:
        ValueError: more than ``most`` bytes, unpacked (nothing is unpacked then), or what is no array.
        others of ``DAMAGED``
    """
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no archive of arrays")  # NumPy would say how to load it unsafely
    with np.load(path, allow_pickle=False) as file:
        size = sum(part.file_size for part in file.zip.infolist())
        if most is not None and size > most:
            raise ValueError(f"expected at most {most:,} bytes of arrays, got {size:,}")
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name} is no array")
    return arrays
