"""Networks of coordinates: an image, a sound, a shape as what a small network says of where one looks."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.implicit.encodings import Encoding, Plain
from taichi_dr.implicit.networks import ACTIVATIONS, MLP, Activation
from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.networks import dense
from taichi_dr.kernels.networks.dense import Block, Layer
from taichi_dr.kernels.networks.regression import squared_error_adjoint
from taichi_dr.optim.optimizers import Adam
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field, Progress

SERIAL_ROWS = 1 << 14


class CoordinateNetwork(FieldOwner):
    """A network ``y = s(layers of e(x))`` of coordinates x: e is an encoding, s the nonlinearity of what comes out.

    Without an encoding a network of coordinates learns what is smooth and hardly anything else; with waves of the
    coordinates it learns detail (Tancik et al., Fourier Features Let Networks Learn High Frequency Functions in Low
    Dimensional Domains, 2020).

    A field with gradients: weights (N,), layer by layer.

    Arguments:
        inputs, outputs: numbers of a row of x and of y.
        encoding: of ``dr.encodings``.
        hidden: widths of the hidden layers.
        activation: their nonlinearity.
        output: that of what comes out.
        seed: of the weights.

    Raises:
        InputError: a width below 1, an unknown nonlinearity, an encoding of another number of coordinates.

    >>> from taichi_dr.implicit.encodings import Positional
    >>> x = np.linspace(0, 1, 64)[:, None]
    >>> network = CoordinateNetwork(1, 1, encoding=Positional(4), hidden=(32, 32))
    >>> losses = network.fit(x, 0.5 + 0.4 * np.sin(9 * x), steps=300, lr=1e-2)
    >>> losses[-1] < 1e-3 < losses[0]
    True
    """

    def __init__(
        self,
        inputs: int = 2,
        outputs: int = 3,
        *,
        encoding: Encoding | None = None,
        hidden: Iterable[int] = (256,) * 4,
        activation: Activation = "relu",
        output: Activation = "sigmoid",
        seed: int = 0,
    ) -> None:
        if output not in ACTIVATIONS:
            raise InputError(f"output: expected one of {', '.join(ACTIVATIONS)}, got {output!r}")
        self.inputs, self.outputs = inputs, outputs
        self.encoding: Encoding = encoding or Plain()
        self._mlp = MLP(self.encoding.width(inputs), outputs, hidden, activation=activation)
        self._last = Layer(outputs, outputs, ACTIVATIONS[output])
        self.fields = FieldGroup("network", weights=((self._mlp.size,), 0))
        self.fields.set("weights", self._mlp.initial(seed))
        self._buffers = Buffers()

    def __repr__(self):
        encoding = type(self.encoding).__name__
        return (
            f"CoordinateNetwork({self.inputs} -> {self.outputs}, {encoding}, hidden={self._mlp.hidden}; field: weights)"
        )

    @property
    def weights(self) -> Field:
        """(N,) field: weights and biases, layer by layer."""
        return self.fields.field("weights")

    def _setting(self, name):
        return f'network.fields.set("{name}", values)' if self.fields.has(name) else None

    @off_tape
    def forward(self, x: Any, y: Any, count: int) -> None:
        """Writes ``y`` (count, outputs) of ``x`` (count, inputs), the first rows of arrays."""
        for first, rows in self._mlp.chunks(count):
            self._forward_chunk(Block(x, first), Block(y, first), rows)

    @off_tape
    def adjoint(self, x: Any, y_adjoint: Any, x_adjoint: Any | None, count: int) -> None:
        """Adds to ``x_adjoint``, if it is not None, and to the weights' adjoint what ``y_adjoint`` implies."""
        y, g = (Block(self._buffers.get(name, (self._mlp.chunk, self.outputs))) for name in ("y", "g"))
        for first, rows in self._mlp.chunks(count):
            self._forward_chunk(Block(x, first), y, rows)
            dense.copy_columns(Block(y_adjoint, first), g, rows, self.outputs)
            target = Block(x_adjoint, first) if x_adjoint is not None else None
            self._adjoint_chunk(y, g, rows, target, self.fields.adjoints["weights"])

    def _forward_chunk(self, x, y, rows):
        encoded = self._encoded()
        self.encoding.forward(x, encoded, rows, self.inputs)
        self._mlp.forward_chunk(self.fields.arrays["weights"], encoded, y, rows)
        dense.activation(self._last, y, rows)

    def _adjoint_chunk(self, y, g, rows, x_adjoint, weights_adjoint):
        """Of the chunk that ``_forward_chunk`` computed last; ``g``, the adjoint of y, is another one afterwards."""
        dense.activation_adjoint(self._last, y, g, rows)
        encoded, encoded_adjoint = self._encoded(), None
        if x_adjoint is not None:
            encoded_adjoint = Block(self._buffers.zeroed("encoded_adjoint", encoded.array.shape))
        self._mlp.adjoint_chunk(self.fields.arrays["weights"], encoded, g, rows, encoded_adjoint, weights_adjoint)
        if x_adjoint is not None:
            self.encoding.adjoint(encoded, encoded_adjoint, x_adjoint, rows, self.inputs)

    def _encoded(self):
        return Block(self._buffers.get("encoded", (self._mlp.chunk, self._mlp.inputs)))

    @off_tape
    def at(self, x: ArrayLike) -> Array:
        """The outputs (..., outputs) at coordinates (..., inputs), as NumPy arrays.

        Raises:
            ShapeError: the last axis is not of ``inputs``.
        """
        x = np.asarray(x)
        if x.shape[-1:] != (self.inputs,):
            raise ShapeError(f"x: expected shape (..., {self.inputs}), got {x.shape}")
        self.fields.pull()
        y = make_array((max(x.size // self.inputs, 1), self.outputs))
        self.forward(array_from(x.reshape(-1, self.inputs)), y, x.size // self.inputs)
        return y.to_numpy()[: x.size // self.inputs].reshape(*x.shape[:-1], self.outputs)

    @off_tape
    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        steps: int = 2000,
        lr: float = 1e-4,
        batch: int | None = None,
        seed: int = 0,
        on_step: Progress | None = None,
    ) -> list[float]:
        """Trains the weights by Adam so that the network gives ``y`` (N, outputs) at ``x`` (N, inputs).

        The loss is the mean squared difference, of all rows or of ``batch`` random ones at each step.

        Args:
            x, y: rows that belong together.
            steps: of Adam.
            lr: its learning rate.
            batch: rows that a step looks at; None: all of them.
            seed: of what is looked at when.
            on_step: called as ``on_step(done, steps)`` after every step.

        Returns:
            The losses of the steps.

        Raises:
            ShapeError: x and y do not fit together, or the network.
            InputError: numbers that are not finite, fewer than 1 step or row.
        """
        rows, answers = _rows("x", x, self.inputs), _rows("y", y, self.outputs)
        if len(rows) != len(answers):
            raise ShapeError(f"x and y: expected as many rows, got {len(rows)} and {len(answers)}")
        for name, number in (("steps", steps), ("batch", len(rows) if batch is None else batch)):
            if int(number) != number or number < 1:
                raise InputError(f"{name}: expected a whole number of at least 1, got {number}")
        count = len(rows) if batch is None else min(batch, len(rows))
        given, wanted = array_from(rows[:count]), array_from(answers[:count])
        random, weights = np.random.default_rng(seed), self.variable("weights")
        optimizer, losses = Adam([weights], lr=lr), []
        weights.read()
        for step in range(steps):
            if count < len(rows):
                chosen = random.choice(len(rows), count, replace=False, shuffle=False)
                write_array(given, rows[chosen])
                write_array(wanted, answers[chosen])
            optimizer.zero_grad()
            losses.append(self._step(given, wanted, count, weights.gradient))
            optimizer.step()
            if on_step is not None:
                on_step(step + 1, steps)
        return losses

    def _step(self, x, wanted, count, weights_adjoint):
        """The loss; adds to the weights' adjoint."""
        y, g = (Block(self._buffers.get(name, (self._mlp.chunk, self.outputs))) for name in ("y", "g"))
        errors = self._buffers.at_least("errors", count)
        for first, rows in self._mlp.chunks(count):
            self._forward_chunk(Block(x, first), y, rows)
            arguments = y.array, wanted, first, errors, g.array, rows, self.outputs
            squared_error_adjoint(*arguments, 1 / (count * self.outputs), is_serial(rows, SERIAL_ROWS))
            self._adjoint_chunk(y, g, rows, None, weights_adjoint)
        return float(errors.to_numpy()[:count].sum(dtype=np.float64)) / (count * self.outputs)


def _rows(name, values, columns):
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != columns or len(values) == 0:
        raise ShapeError(f"{name}: expected shape (rows, {columns}), got {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"{name}: expected finite numbers, got {np.count_nonzero(~np.isfinite(values))} others")
    return values
