"""``state.npz``: everything a reconstruction needs to go on, written so that an old one is never lost to a new one."""

import json
from contextlib import contextmanager

import numpy as np

from taichi_dr.errors import BackendError, DataSetError, FileError
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, parse_json

NAME = "state.npz"
HEADER = "header.json"


def save_state(path, header, arrays):
    """Writes ``header`` (anything JSON can hold) and named arrays."""
    encoded = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with atomic_path(path) as temporary:
        np.savez(temporary, **{HEADER: encoded}, **arrays)


def load_state(path):
    """``(header, arrays)`` of a file by ``save_state``.

    Raises:
        FileError: no such file, or it is no checkpoint.
    """
    if not path.exists():
        raise FileError(f"{path}: no such checkpoint, nothing to resume; start without --resume")
    with reading(path):
        arrays = read_arrays(path)
        return parse_json(arrays.pop(HEADER).tobytes()), arrays


@contextmanager
def reading(path):
    """Within the block, contents that are missing or senseless are a FileError about the checkpoint ``path``."""
    try:
        yield
    except (DataSetError, BackendError):  # about the images, and about other processes
        raise
    except DAMAGED as error:
        raise FileError(
            f"{path}: is no checkpoint that can be read ({in_words(error)}); --overwrite starts anew"
        ) from error
