"""Files of trained networks: weights in half precision, small enough to be shipped, and nothing that is executed."""

import json
from typing import Any, NamedTuple

import numpy as np
import torch

from taichi_dr.errors import FileError
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, parse_json, read_bytes
from taichi_dr.types import PathLike

HEADER = "header.json"
MOST = 1 << 26  # bytes of arrays, unpacked: several times those of a network


class Kind(NamedTuple):
    """A kind of files: the name of its ``format``, and the ``command`` that makes them."""

    format: str
    command: str


def save_weights(path: PathLike, kind: Kind, network: torch.nn.Module, about: dict[str, Any]) -> None:
    """Writes a network: matrices in half precision, all else in single; ``about`` is anything JSON can hold."""
    header = json.dumps({"format": kind.format, "about": about})
    arrays: dict[str, Any] = {HEADER: np.frombuffer(header.encode(), np.uint8)}
    for name, tensor in network.state_dict().items():
        values = tensor.numpy()
        arrays[name] = values.astype(np.float16) if values.ndim > 1 else values
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def load_weights(path: PathLike, kind: Kind, network: torch.nn.Module) -> None:
    """Gives a network the weights of a file by ``save_weights``, and makes it ready to be used.

    Raises:
        FileError: no such file, one that is cut short, of another kind, or of another architecture (which layer).
    """
    read_bytes(path)  # says so if it is missing or empty
    try:
        arrays = read_arrays(path, MOST)
        found = parse_json(arrays.pop(HEADER).tobytes())["format"]
    except DAMAGED as error:
        raise FileError(
            f"{path}: cut short, or no network of {kind.command} ({in_words(error)}): copy or train it again"
        ) from error
    if found != kind.format:
        raise FileError(f"{path}: expected a file of the format {kind.format!r}, got {found!r}")
    _check(path, {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}, arrays)
    network.load_state_dict({name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()})
    network.eval()


def _check(path, expected, arrays):
    """Raises FileError where the arrays are not those of the architecture."""
    for name, shape in expected.items():
        if name not in arrays:
            raise FileError(f"{path}: of another architecture: {name} is missing, expected of shape {shape}")
        if arrays[name].shape != shape:
            raise FileError(
                f"{path}: of another architecture: {name}: expected shape {shape}, got {arrays[name].shape};"
                " train it again with this version"
            )
        if arrays[name].dtype.kind not in "fi":
            raise FileError(f"{path}: {name}: expected numbers, got {arrays[name].dtype}")
        if not (np.abs(arrays[name]) < np.finfo(np.float32).max).all():
            raise FileError(f"{path}: {name} holds numbers that are not finite: train it again")
    unknown = sorted(set(arrays) - set(expected))
    if unknown:
        raise FileError(f"{path}: of another architecture: {unknown[0]} is not expected")
