"""``state.npz``: everything a reconstruction needs to go on, written so that an old one is never lost to a new one."""

import json
import math
from contextlib import contextmanager

import numpy as np

from taichi_dr.errors import BackendError, DataSetError, FileError
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, parse_json

NAME = "state.npz"
HEADER = "header.json"
MOST = 2**53  # of counts: whole numbers that JSON and floats both hold


def save_state(path, header, arrays):
    """Writes ``header`` (anything JSON can hold) and named arrays."""
    encoded = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with atomic_path(path) as temporary:
        np.savez(temporary, **{HEADER: encoded}, **arrays)


def load_state(path):
    """``(header, arrays)`` of a file by ``save_state``.

    Raises:
        FileError: no such file, it is no checkpoint, or one with numbers that are not finite.
    """
    if not path.exists():
        raise FileError(f"{path}: no such checkpoint, nothing to resume; start without --resume")
    with reading(path):
        arrays = read_arrays(path)
        header = parse_json(arrays.pop(HEADER).tobytes())
        for name, array in arrays.items():
            if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
                raise ValueError(f"{name}: expected finite numbers")
        return header, arrays


def names_of(train, held_out):
    """What a checkpoint says of the images that it was made with: their size and names."""
    return {
        "image size": [train.width, train.height],
        "training images": list(train.names),
        "held-out images": list(held_out.names),
    }


def check_made_with(path, header, folder, data, fit):
    """Raises DataSetError if the checkpoint ``path``, of that ``header``, was made with other images or cameras.

    ``folder``: where the images are; ``data``: their ``names_of``; ``fit``: their SceneFit.

    Raises:
        KeyError, ValueError: the header does not say what it was made with.
    """
    changed = [what for what, value in data.items() if header["data"][what] != value]
    if not changed and not fit.is_at(np.array(header["center"], float), float(header["radius"])):
        changed = ["cameras or silhouettes"]  # saved vertices would mean something else
    if changed:
        raise DataSetError(
            f"{folder}: not the data that {path} was made with: other {', '.join(changed)}; go on with the same data,"
            " or start anew with --overwrite"
        )


def count(header, name, most=MOST):
    """The whole number from 0 to ``most`` that a header, or a list, has at ``name``.

    Raises:
        KeyError, ValueError: there is none.
    """
    value = header[name]
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name}: expected a whole number from 0 to {most}, got {value!r}")
    return value


def number(header, name):
    """The finite number of at least 0 that a header has at ``name``; errors as of ``count``."""
    value = header[name]
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError(f"{name}: expected a finite number of at least 0, got {value!r}")
    return float(value)


def or_none(read, header, name):
    """What ``read`` (``count``, ``number``) gives, or None where the header has None."""
    return None if header[name] is None else read(header, name)


def squares(arrays, name):
    """The numbers at ``name``, means of squares as Adam's second moments are; ValueError if one is below zero."""
    if (arrays[name] < 0).any():
        raise ValueError(f"{name}: expected means of squares, got {arrays[name].min()}")
    return arrays[name]


def below(prefix, arrays):
    """Those whose name begins with ``prefix/``, by the rest of it."""
    return {name.removeprefix(f"{prefix}/"): v for name, v in arrays.items() if name.startswith(f"{prefix}/")}


def rows_below(arrays, name, sizes):
    """The whole numbers (N, k) of ``arrays`` at ``name``, whose columns are indices below ``sizes`` (k,).

    Raises:
        KeyError, ValueError: there are none, they have another shape, or are out of range.
    """
    rows = arrays[name]
    if rows.dtype.kind not in "iu" or rows.shape != (len(rows), len(sizes)):
        raise ValueError(f"{name}: expected whole numbers (N, {len(sizes)}), got {rows.dtype} of shape {rows.shape}")
    if ((rows < 0) | (rows >= sizes)).any():
        raise ValueError(f"{name}: expected indices from 0 to below {tuple(sizes)}")
    return rows


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
