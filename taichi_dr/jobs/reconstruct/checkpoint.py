"""``state.npz``: everything a reconstruction needs to go on, written so that an old one is never lost to a new one."""

import json
import zipfile
from contextlib import contextmanager

import numpy as np

from taichi_dr.errors import DataSetError, FileError
from taichi_dr.io.files import atomic_path

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
    with reading(path), np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
        return json.loads(arrays.pop(HEADER).tobytes()), arrays


@contextmanager
def reading(path):
    """Within the block, contents that are missing or senseless are a FileError about the checkpoint ``path``."""
    try:
        yield
    except DataSetError:  # about the images
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise FileError(f"{path}: is no checkpoint that can be read ({reason}); --overwrite starts anew") from error
