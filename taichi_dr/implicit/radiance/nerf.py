"""The radiance field of NeRF: a network of positions and directions."""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from taichi_dr.errors import FileError, InputError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.implicit.networks import ACTIVATIONS, MLP, Activation
from taichi_dr.implicit.radiance.foreign import read_networks
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, parse_json, read_bytes
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.networks import dense
from taichi_dr.kernels.networks.activations import RELU, SIGMOID
from taichi_dr.kernels.networks.dense import Block, Layer
from taichi_dr.kernels.networks.frequency import (
    encoding_width,
    positional_encoding,
    positional_encoding_adjoint,
)
from taichi_dr.kernels.networks.noise import add_normal
from taichi_dr.kernels.networks.wide import whole_columns
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field, PathLike

HEADER = "nerf.json"

ROWS = 4608
"""That go through the networks together on CPUs: 24 rays of 64 + 128 samples."""

SERIAL_ROWS = 1 << 14

DENSITY, COLOR = Layer(1, 1, RELU), Layer(3, 3, SIGMOID)
"""What becomes of the numbers that the networks give."""


class Noise(NamedTuple):
    """Normal numbers that are added to densities in training: their spread, the seed, and the first row's number."""

    spread: float
    seed: int
    first: int


class NeRF(FieldOwner, RadianceFunction):
    """Density and colour of NeRF: ``sigma(p)`` and ``c(p, d)`` by a network, as published.

        e_p, e_d = positional encodings of p and d (``position_frequencies``, ``direction_frequencies``)
        h = hidden layers of e_p with ReLU; those in ``skips`` (counted from 0) are given e_p once more
        sigma = max(h w + b, 0),   f = h F + b
        c = sigmoid(layers ``color_hidden`` of [f, e_d] with ReLU, and a linear one)

    The default is the paper's: 8 hidden layers of 256, e_p again for the sixth, features f of 256, 128 for the colour.
    Points are taken as they are: the paper's scenes are about as large as the unit cube, and higher frequencies want
    smaller ones.  Colours are those of the pictures it is trained on.

    ``coarse``: another network of the same shape, whose densities say where this one is evaluated
    (hierarchical sampling); None if there is none.

    Fields with gradients:
        trunk (N,): numbers of the hidden layers, of density and features, layer by layer.
        color (M,): numbers of the layers behind the features; not there without directions.

    Arguments:
        position_frequencies, direction_frequencies: L of the encodings; the direction's may be None: colour then is a
            function of the point alone, and there are no features.
        hidden: widths of the hidden layers.
        skips: those that are given the encoded point once more.
        features: width of f.
        color_hidden: widths of the colour's hidden layers.
        activations: of the hidden layers, one for all or one for each.
        feature_activation: of f.
        coarse: whether there is a coarse network.
        seed: of the weights, which are Glorot's: uniform, of variance ``2 / (inputs + outputs)``.

    Raises:
        InputError: a width or a number of frequencies below 1, an unknown nonlinearity, a skip that is no hidden layer
            behind the first.

    >>> nerf = NeRF(hidden=(16, 16), skips=(), features=16, color_hidden=(8,), coarse=False)
    >>> density, color = nerf.at((0.1, 0.2, 0.3), (0, 0, -1))
    >>> density.shape, color.shape
    ((), (3,))

    Source: Mildenhall et al., NeRF, ECCV 2020, figure 7 and the authors' code.
    """

    def __init__(
        self,
        position_frequencies: int = 10,
        direction_frequencies: int | None = 4,
        hidden: Iterable[int] = (256,) * 8,
        *,
        skips: Iterable[int] = (5,),
        features: int = 256,
        color_hidden: Iterable[int] = (128,),
        activations: Activation | Iterable[Activation] = "relu",
        feature_activation: Activation = "linear",
        coarse: bool = True,
        seed: int = 0,
    ) -> None:
        _check_frequencies("position_frequencies", position_frequencies)
        if direction_frequencies is not None:
            _check_frequencies("direction_frequencies", direction_frequencies)
        self.position_frequencies, self.direction_frequencies = position_frequencies, direction_frequencies
        self.features, self.feature_activation = features, feature_activation
        sees = direction_frequencies is not None
        self._encoded = encoding_width(3, position_frequencies)
        self._turned = encoding_width(3, direction_frequencies) if sees else 0
        outputs = 1 + (features if sees else 3)
        self._trunk = MLP(self._encoded, outputs, hidden, skips=skips, activation=activations, rows_on_cpu=ROWS)
        self._feature = Layer(1, features, ACTIVATIONS[_known(feature_activation)])
        self._color = MLP(features + self._turned, 3, color_hidden, rows_on_cpu=ROWS) if sees else None
        layouts = {name: ((chain.size,), 0) for name, chain in self._chains.items()}
        self.fields = FieldGroup("nerf", **layouts)
        self.inputs = (self.fields,)
        self.fields.set("trunk", _glorot(self._trunk, [seed, 0], (1, outputs - 1)))
        if sees:
            self.fields.set("color", _glorot(self._color, [seed, 1]))
        self.coarse = NeRF(**self._settings(), coarse=False, seed=seed + 1) if coarse else None

    @property
    def _chains(self):
        """The chains of layers by the names of their fields."""
        return {"trunk": self._trunk} | ({"color": self._color} if self._color else {})

    def _settings(self):
        """What makes another network of this shape."""
        trunk, color = self._trunk, self._color
        return {
            "position_frequencies": self.position_frequencies,
            "direction_frequencies": self.direction_frequencies,
            "hidden": trunk.hidden,
            "skips": trunk.skips,
            "features": self.features,
            "color_hidden": color.hidden if color else (),
            "activations": trunk.activation,
            "feature_activation": self.feature_activation,
        }

    def __repr__(self):
        trunk, color = self._trunk, self._color
        encodings = f"L = {self.position_frequencies} / {self.direction_frequencies}"
        behind = f", color_hidden={color.hidden}" if color else ""
        return f"NeRF({encodings}, hidden={trunk.hidden}{behind}, {'with' if self.coarse else 'no'} coarse network)"

    @property
    def trunk(self) -> Field:
        """(N,) field: hidden layers, and what gives density and features, layer by layer."""
        return self.fields.field("trunk")

    @property
    def color(self) -> Field:
        """(M,) field: the layers behind features and direction."""
        return self.fields.field("color")

    def numpy(self, name: str) -> Array:
        """The numbers of ``"trunk"`` or ``"color"`` as a NumPy array.

        Raises:
            InputError: there is no such field.
        """
        return self.fields.get(self.fields.known(name))

    def set(self, name: str, values: ArrayLike) -> None:
        """Writes ``"trunk"`` or ``"color"``.

        Raises:
            InputError: there is no such field.
            ShapeError: the values do not fit.
        """
        self.fields.set(self.fields.known(name), values)

    def layers(self, name: str, numbers: Array) -> list[tuple[Array, Array]]:
        """Matrix (inputs, outputs) and biases of each layer of ``"trunk"`` or ``"color"``: views of its numbers.

        The trunk's last layer gives the density and then the features.  Of a layer in ``skips`` the first rows of the
        matrix are for what the layer before gave, and the others for the encoded point.
        """
        return [(matrix, biases) for matrix, _, biases in self._chains[self.fields.known(name)].layers(numbers)]

    def _setting(self, name):
        return f'nerf.set("{name}", values)' if self.fields.has(name) else None

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the function was made."""
        self.fields.check()

    @off_tape
    def forward(self, points: Any, directions: Any, values: Any, count: int) -> None:
        """Writes ``values`` (count, 4), density and colour, at ``points`` along unit ``directions`` (count, 3)."""
        for first, rows in self._trunk.chunks(count):
            self.forward_chunk(Block(points, first), Block(directions, first), Block(values, first), rows)

    @off_tape
    def adjoint(
        self,
        points: Any,
        directions: Any,
        values_adjoint: Any,
        points_adjoint: Any | None,
        directions_adjoint: Any | None,
        count: int,
    ) -> None:
        """Adds to the adjoints of points, of directions and of the numbers what ``values_adjoint`` (count, 4) implies.

        It evaluates every chunk anew; whoever has the adjoint of a chunk at once calls ``forward_chunk`` and
        ``adjoint_chunk``.
        """
        values = self._scratch("values", 4)
        for first, rows in self._trunk.chunks(count):
            self.forward_chunk(Block(points, first), Block(directions, first), values, rows)
            targets = (
                Block(each, first) if each is not None else None for each in (points_adjoint, directions_adjoint)
            )
            self.adjoint_chunk(values, Block(values_adjoint, first), rows, *targets)

    @property
    def chunk(self) -> int:
        """The most rows of a chunk."""
        return self._trunk.chunk

    def forward_chunk(
        self, points: Block, directions: Block, values: Block, rows: int, noise: Noise | None = None
    ) -> None:
        """``forward`` of at most ``chunk`` rows; keeps what ``adjoint_chunk`` needs of them."""
        arrays, encoded, out = self.fields.arrays, self._scratch("encoded", self._encoded), self._out
        positional_encoding(points, encoded, rows, 3, self.position_frequencies)
        self._trunk.forward_chunk(arrays["trunk"], encoded, out, rows)
        color = values._replace(column=values.column + 1)
        if self._color is None:
            dense.copy_columns(out, values, rows, 4)
        else:
            dense.copy_columns(out, values, rows, 1)
            given = self._given
            dense.copy_columns(out._replace(column=1), given, rows, self.features)
            dense.activation(self._feature, given, rows)
            positional_encoding(directions, self._direction(given), rows, 3, self.direction_frequencies)
            self._color.forward_chunk(arrays["color"], given, color, rows)
        if noise is not None:
            add_normal(*values, rows, *noise, is_serial(rows, SERIAL_ROWS))
        dense.activation(DENSITY, values, rows)
        dense.activation(COLOR, color, rows)

    def adjoint_chunk(
        self,
        values: Block,
        values_adjoint: Block,
        rows: int,
        points_adjoint: Block | None = None,
        directions_adjoint: Block | None = None,
    ) -> None:
        """Adds what ``values_adjoint`` implies of the chunk that ``forward_chunk`` gave last: ``values``."""
        g = self._scratch("g", 4)
        dense.copy_columns(values_adjoint, g, rows, 4)
        dense.activation_adjoint(DENSITY, values, g, rows)
        dense.activation_adjoint(COLOR, values._replace(column=values.column + 1), g._replace(column=1), rows)
        out_adjoint = g if self._color is None else self._color_adjoint(g, rows, directions_adjoint)
        encoded, encoded_adjoint = self._scratch("encoded", self._encoded), None
        if points_adjoint is not None:
            encoded_adjoint = self._zeroed("encoded_adjoint", self._encoded)
        numbers, added = self.fields.arrays["trunk"], self.fields.adjoints["trunk"]
        self._trunk.adjoint_chunk(numbers, encoded, out_adjoint, rows, encoded_adjoint, added)
        if points_adjoint is not None:
            positional_encoding_adjoint(encoded, encoded_adjoint, points_adjoint, rows, 3, self.position_frequencies)

    def _color_adjoint(self, g, rows, directions_adjoint):
        """Through what is behind the trunk: the adjoint of what that gave."""
        given, given_adjoint = self._given, self._scratch("given_adjoint", self._color.inputs)
        written = self.features if directions_adjoint is None else self._color.inputs
        numbers, added = self.fields.arrays["color"], self.fields.adjoints["color"]
        out = g._replace(column=1)
        self._color.adjoint_chunk(numbers, given, out, rows, given_adjoint, added, written=written)
        dense.activation_adjoint(self._feature, given, given_adjoint, rows)
        if directions_adjoint is not None:
            turned, turned_adjoint = self._direction(given), self._direction(given_adjoint)
            positional_encoding_adjoint(turned, turned_adjoint, directions_adjoint, rows, 3, self.direction_frequencies)
        out_adjoint = self._scratch("out_adjoint", self._trunk.outputs)
        dense.copy_columns(g, out_adjoint, rows, 1)
        dense.copy_columns(given_adjoint, out_adjoint._replace(column=1), rows, self.features)
        return out_adjoint

    @property
    def _out(self):
        """What the trunk gives."""
        return self._scratch("out", self._trunk.outputs)

    @property
    def _given(self):
        """What the colour's layers are given: features, and the encoded direction beside them."""
        return self._scratch("given", self._color.inputs)

    def _direction(self, block):
        """Where in ``_given``, or in its adjoint, the encoded direction stands."""
        return block._replace(column=self.features)

    def _scratch(self, name, columns):
        return Block(self._buffers.get(name, (self.chunk, whole_columns(columns))))

    def _zeroed(self, name, columns):
        return Block(self._buffers.zeroed(name, (self.chunk, columns)))

    @cached_property
    def _buffers(self):
        return Buffers()

    def save(self, path: PathLike) -> None:
        """Writes both networks to an ``.npz`` file: whole, or not at all.

        Raises:
            FileError: it cannot be written.
        """
        arrays: dict[str, Any] = self.arrays()
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    def arrays(self) -> dict[str, Array]:
        """Both networks as named arrays, of which ``from_arrays`` makes them again."""
        networks = {"fine": self} | ({"coarse": self.coarse} if self.coarse else {})
        header = json.dumps({which: network._settings() for which, network in networks.items()})
        arrays = {HEADER: np.frombuffer(header.encode(), np.uint8)}
        for which, network in networks.items():
            arrays |= {f"{which}/{name}": network.numpy(name) for name in network._chains}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "NeRF":
        """The networks of what ``arrays`` returned; others may be among them.

        Raises:
            InputError: an array is missing, or does not fit.
        """
        try:
            header = parse_json(arrays[HEADER].tobytes())
            nerf = cls._restored(header["fine"], arrays, "fine")
            nerf.coarse = cls._restored(header["coarse"], arrays, "coarse") if "coarse" in header else None
        except DAMAGED as error:
            raise InputError(f"no networks of NeRF: {in_words(error)}") from error
        return nerf

    @classmethod
    def load(cls, path: PathLike) -> "NeRF":
        """A network of an ``.npz`` file: one that ``save`` wrote, or the layers of a network trained elsewhere.

        For these see ``from_layers``.

        Raises:
            FileError: no such file, it is cut short, or no networks can be made of what is in it.
        """
        read_bytes(path)
        try:
            arrays = read_arrays(path)
            return cls.from_arrays(arrays) if HEADER in arrays else cls.from_layers(arrays)
        except DAMAGED as error:
            raise FileError(f"{path}: is no NeRF that can be read ({in_words(error)})") from error

    @classmethod
    def _restored(cls, settings, arrays, which):
        nerf = cls(**settings, coarse=False)
        for name, chain in nerf._chains.items():
            numbers = arrays[f"{which}/{name}"]
            if numbers.shape != (chain.size,) or not np.isfinite(numbers).all():
                raise ValueError(f"{which}/{name}: expected {chain.size} finite numbers, got {numbers.shape}")
            nerf.set(name, numbers)
        return nerf

    @classmethod
    def from_layers(cls, arrays: Mapping[str, Any]) -> "NeRF":
        """A network trained elsewhere, of its layers by name: ``{"fine.pts_linears.0.weight": (256, 63), ...}``.

        Known are the names of nerf-pytorch (Yen-Chen Lin; ``pts_linears``), of krrish94's (``layers_xyz``) and of
        nerf_pl (``xyz_encoding_1``), with whatever widths, depths and numbers of frequencies; of networks whose names
        begin otherwise, the one with ``fine`` in it is the fine one, and the other the coarse one.  With PyTorch,
        ``{name: tensor.numpy() for name, tensor in torch.load(path)["network_fine_state_dict"].items()}``.

        Raises:
            InputError: no such networks, a layer that is missing, or whose shape does not fit the others.
        """
        found = read_networks(arrays)
        nerf = cls._of(found.pop("fine"))
        nerf.coarse = cls._of(found["coarse"]) if found else None
        return nerf

    @classmethod
    def _of(cls, network):
        nerf = cls(**network.settings, coarse=False)
        for name, layers in (("trunk", network.trunk), ("color", network.color)):
            if layers:
                numbers = np.zeros(nerf._chains[name].size)
                for (matrix, biases), layer in zip(nerf.layers(name, numbers), layers, strict=True):
                    matrix[:], biases[:] = layer
                nerf.set(name, numbers)
        return nerf


def _check_frequencies(name, number):
    if int(number) != number or number < 0:
        raise InputError(f"{name}: expected a whole number of at least 0, got {number}")


def _known(activation):
    if activation not in ACTIVATIONS:
        raise InputError(f"feature_activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    return activation


def _glorot(chain, seed, split=()):
    """Numbers of a chain to begin with: uniform, of variance ``2 / (inputs + outputs)``; biases 0.

    ``split``: widths of layers that the last one is several of, side by side.
    """
    random, numbers = np.random.default_rng(seed), np.zeros(chain.size)
    layers = [matrix for matrix, _, _ in chain.layers(numbers)]
    for matrix in [*layers[:-1], *np.split(layers[-1], np.cumsum(split)[:-1].astype(int), axis=1)]:
        reach = np.sqrt(6 / sum(matrix.shape))
        matrix[:] = random.uniform(-reach, reach, matrix.shape)
    return numbers
