"""Files of diffusion models."""

from pathlib import Path
from typing import Any

from taichi_dr.torch.dreamer.network import Dreamer
from taichi_dr.torch.weights import Kind, load_weights, save_weights
from taichi_dr.types import PathLike

KIND = Kind("taichi_dr dreamer 1", "taichi-dr train-dreamer")
SHIPPED = Path(__file__).with_name("model.npz")
"""The diffusion model that comes with the package: ``taichi-dr train-dreamer out/dreamer`` makes one like it."""


def save_dreamer(path: PathLike, network: Dreamer, about: dict[str, Any]) -> None:
    """Writes a diffusion model and what JSON can hold ``about`` it; see ``save_weights``."""
    save_weights(path, KIND, network, about)


def load_dreamer(path: PathLike = SHIPPED) -> Dreamer:
    """The diffusion model of a file by ``save_dreamer``; by default the one that comes with the package.

    Raises:
        FileError: no such file, one that is cut short, of another kind, or of another architecture (which layer).
    """
    network = Dreamer()
    load_weights(path, KIND, network)
    return network
