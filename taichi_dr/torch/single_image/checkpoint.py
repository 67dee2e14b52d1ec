"""Files of trained networks: weights in half precision, small enough to be shipped, and nothing that is executed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taichi_dr.errors import FileError
from taichi_dr.io.archives import DAMAGED, read_arrays
from taichi_dr.io.files import atomic_path, read_bytes
from taichi_dr.torch.single_image.network import SingleImageNetwork
from taichi_dr.types import PathLike

FORMAT = "taichi_dr single-image network 1"
HEADER = "header.json"
MOST = 1 << 26  # bytes of arrays, unpacked: several times those of a network
SHIPPED = Path(__file__).with_name("model.npz")
"""The network that comes with the package: trained on procedural shapes of eight categories."""


def save_network(path: PathLike, network: SingleImageNetwork, about: dict[str, Any]) -> None:
    """Writes a network: matrices in half precision, all else in single; ``about`` is anything JSON can hold."""
    header = json.dumps({"format": FORMAT, "about": about})
    arrays: dict[str, Any] = {HEADER: np.frombuffer(header.encode(), np.uint8)}
    for name, tensor in network.state_dict().items():
        values = tensor.numpy()
        arrays[name] = values.astype(np.float16) if values.ndim > 1 else values
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def load_network(path: PathLike = SHIPPED) -> SingleImageNetwork:
    """The network of a file by ``save_network``, ready to be used; by default the one that comes with the package.

    Raises:
        FileError: no such file, one that is cut short, of another kind, or of another architecture (which layer).
    """
    read_bytes(path)  # says so if it is missing or empty
    try:
        arrays = read_arrays(path, MOST)
        found = json.loads(arrays.pop(HEADER).tobytes())["format"]
    except DAMAGED as error:
        raise FileError(
            f"{path}: cut short, or no network of taichi-dr train-reconstructor ({error}): copy or train it again"
        ) from error
    if found != FORMAT:
        raise FileError(f"{path}: expected a file of the format {FORMAT!r}, got {found!r}")
    network = SingleImageNetwork()
    _check(path, {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}, arrays)
    network.load_state_dict({name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()})
    return network.eval()


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
