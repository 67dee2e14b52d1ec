"""Files of networks for single images."""

from pathlib import Path
from typing import Any

from taichi_dr.torch.single_image.network import SingleImageNetwork
from taichi_dr.torch.weights import Kind, load_weights, save_weights
from taichi_dr.types import PathLike

KIND = Kind("taichi_dr single-image network 1", "taichi-dr train-reconstructor")
SHIPPED = Path(__file__).with_name("model.npz")
"""The network that comes with the package: trained on procedural shapes of eight categories."""


def save_network(path: PathLike, network: SingleImageNetwork, about: dict[str, Any]) -> None:
    """Writes a network and what JSON can hold ``about`` it; see ``save_weights``."""
    save_weights(path, KIND, network, about)


def load_network(path: PathLike = SHIPPED) -> SingleImageNetwork:
    """The network of a file by ``save_network``, ready to be used; by default the one that comes with the package.

    Raises:
        FileError: no such file, one that is cut short, of another kind, or of another architecture (which layer).
    """
    network = SingleImageNetwork()
    load_weights(path, KIND, network)
    return network
