"""Networks as parts of functions of space: chains of dense layers, over numbers that the function owns."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.networks import dense
from taichi_dr.kernels.networks.activations import EXP, LINEAR, RELU, SIGMOID, SOFTPLUS, TANH, activate_array
from taichi_dr.kernels.networks.dense import Block, Flat, Layer
from taichi_dr.kernels.networks.wide import whole_columns
from taichi_dr.types import Array

Activation = Literal["linear", "relu", "softplus", "tanh", "sigmoid", "exp"]
ACTIVATIONS = {"linear": LINEAR, "relu": RELU, "softplus": SOFTPLUS, "tanh": TANH, "sigmoid": SIGMOID, "exp": EXP}

ROWS_ON_CPU, WIDE_ROWS_ON_CPU, ROWS_ON_GPU = 1024, 4096, 1 << 15
"""That go through all layers together: what they leave behind stays in the cache, repays the launches of wide layers'
kernels, or stays in a GPU's memory."""


class _Link(NamedTuple):
    """A layer of a chain: what it computes, what makes its biases of a code, and where its numbers begin."""

    layer: Layer
    code: Layer | None
    joins: bool
    first: int

    @property
    def first_bias(self):
        """Where what makes the biases begins: the code's matrix and the biases, or these alone."""
        return self.first + self.layer.inputs * self.layer.outputs

    @property
    def end(self):
        return self.first_bias + ((self.code.inputs if self.code else 0) + 1) * self.layer.outputs


class MLP:
    """A chain of dense layers, from rows of ``inputs`` numbers to rows of ``outputs``.

    ``MLP(3, 1, hidden=(64, 64, 64, 64), skips=(2,))``: hidden layers with a nonlinearity, and a linear one at last.
    Those in ``skips`` (counted from 0) are given the rows once more, beside what the layer before them gave.
    ``activation`` is one nonlinearity for all hidden layers, or one for each of them.  A
    ``code`` of so many numbers that all rows share is given wherever rows are, for the price of a few more biases
    (``kernels.networks.dense.condition``).

    The chain holds none of its numbers.  They are ``size`` rows of an array (size, 1), such as a ``FieldGroup``'s:
    layer by layer the matrix (inputs, outputs), the code's matrix (code, outputs), and the biases.

    Rows are taken in chunks, on CPUs of ``rows_on_cpu``, or as many as are fast.  ``forward`` keeps nothing and
    ``adjoint`` computes every chunk anew; whoever has the adjoint of a chunk at once calls ``condition``,
    ``forward_chunk`` and ``adjoint_chunk`` itself.

    Raises:
        InputError: a width below 1, a skip that is no hidden layer behind the first, an unknown nonlinearity.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Iterable[int] = (64, 64, 64, 64),
        *,
        skips: Iterable[int] = (),
        code: int = 0,
        activation: Activation | Iterable[Activation] = "relu",
        beta: float = 100.0,
        rows_on_cpu: int | None = None,
    ) -> None:
        self._rows_on_cpu = rows_on_cpu
        self.inputs, self.outputs, self.code = inputs, outputs, code
        self.hidden, self.skips = tuple(hidden), tuple(skips)
        self.activation = activation if isinstance(activation, str) else tuple(activation)
        self.beta = beta
        self._check()
        self._links = self._chain()
        self.size = self._links[-1].end
        self._buffers = Buffers()

    def _check(self):
        widths = {"inputs": self.inputs, "outputs": self.outputs}
        widths |= {f"hidden[{k}]": width for k, width in enumerate(self.hidden)}
        for name, width in widths.items():
            if int(width) != width or width < 1:
                raise InputError(f"{name}: expected a whole number of at least 1, got {width}")
        if self.code < 0:
            raise InputError(f"code: expected at least 0 numbers, got {self.code}")
        for skip in self.skips:
            if skip not in range(1, len(self.hidden)):
                raise InputError(f"skips: expected hidden layers among 1 ... {len(self.hidden) - 1}, got {skip}")
        for name in self._activations:
            if name not in ACTIVATIONS:
                raise InputError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {name!r}")
        if len(self._activations) != len(self.hidden):
            raise InputError(f"activation: expected {len(self.hidden)} of them, got {len(self._activations)}")
        if not self.beta > 0:
            raise InputError(f"beta: expected a number above 0, got {self.beta}")

    @property
    def _activations(self):
        """Of each hidden layer."""
        return (self.activation,) * len(self.hidden) if isinstance(self.activation, str) else self.activation

    def _chain(self):
        links, first, before = [], 0, 0
        for k, width in enumerate((*self.hidden, self.outputs)):
            sees_rows = k == 0 or k in self.skips
            activation = ACTIVATIONS[self._activations[k]] if k < len(self.hidden) else LINEAR
            layer = Layer(before + self.inputs * sees_rows, width, activation, self.beta)
            code = Layer(self.code, width) if sees_rows and self.code else None
            links.append(_Link(layer, code, k in self.skips, first))
            first, before = links[-1].end, width
        return links

    @property
    def chunk(self) -> int:
        """The most rows of a chunk."""
        if not on_cpu():
            return ROWS_ON_GPU
        is_wide = any(dense.is_wide(link.layer) for link in self._links)
        return self._rows_on_cpu or (WIDE_ROWS_ON_CPU if is_wide else ROWS_ON_CPU)

    def layers(self, weights: Array) -> list[tuple[Array, Array | None, Array]]:
        """Of each layer: its matrix, its code's matrix (or None) and its biases, as views of ``weights`` (size,)."""
        shown = []
        for link in self._links:
            inputs, outputs = link.layer[:2]
            matrix = weights[link.first : link.first_bias].reshape(inputs, outputs)
            rest = weights[link.first_bias : link.end].reshape(-1, outputs)
            shown.append((matrix, rest[:-1] if link.code else None, rest[-1]))
        return shown

    def initial(self, seed: int = 0) -> Array:
        """Numbers (size,) to begin with: matrices of variance 2 / inputs (He et al. 2015), biases 0."""
        random, weights = np.random.default_rng(seed), np.zeros(self.size)
        for matrix, code, _ in self.layers(weights):
            parts = [matrix] if code is None else [matrix, code]
            scale = np.sqrt(2 / sum(len(part) for part in parts))
            for part in parts:
                part[:] = random.normal(0, scale, part.shape)
        return weights

    def initial_ball(self, radius: float, seed: int = 0) -> Array:
        """Numbers (size,) by which the one output is about ``|x| - radius``, of rows and code as one vector x.

        For ReLU, and for softplus with a large beta.  Hidden layers of variance 2 / outputs keep lengths on the
        average, and the mean of ReLU of normal numbers of variance s^2 is s / sqrt(2 pi), so the last layer's numbers
        are all sqrt(pi / inputs) (Atzmon and Lipman, SAL, CVPR 2020, theorem 1), and its bias has the mean over rows of
        that length be 0; where rows join what they have become, both are divided by sqrt(2) (Gropp et al., IGR, 2020).
        """
        random, weights = np.random.default_rng(seed), np.zeros(self.size)
        layers = self.layers(weights)
        for link, (matrix, code, _) in zip(self._links[:-1], layers[:-1], strict=True):
            scale = np.sqrt((1 if link.joins else 2) / link.layer.outputs)
            for part in [matrix] if code is None else [matrix, code]:
                part[:] = random.normal(0, scale, part.shape)
        last, _, bias = layers[-1]
        last[:] = np.sqrt(np.pi / len(last))
        rows = random.normal(size=(256, self.inputs))
        rows *= radius / np.linalg.norm(rows, axis=1, keepdims=True)
        bias[:] = -self._without_code(layers, rows).mean()
        return weights

    def _without_code(self, layers, rows):
        """What comes out of rows and a code of zeros, by NumPy."""
        h = np.zeros((len(rows), 0))
        for link, (matrix, _, biases) in zip(self._links, layers, strict=True):
            if link.joins or link is self._links[0]:
                h = np.concatenate([h, rows], axis=1)
            h = h @ matrix + biases
            activate_array(h, link.layer.activation, link.layer.beta)
        return h

    def forward(self, weights: Any, x: Any, y: Any, count: int, code: Flat | None = None) -> None:
        """Writes ``y`` (count, outputs) of ``x`` (count, inputs), the first rows of arrays."""
        self.condition(weights, code)
        for first, rows in self.chunks(count):
            self.forward_chunk(weights, Block(x, first), Block(y, first), rows)

    def adjoint(
        self,
        weights: Any,
        x: Any,
        y_adjoint: Any,
        count: int,
        *,
        code: Flat | None = None,
        x_adjoint: Any | None = None,
        weights_adjoint: Any | None = None,
        code_adjoint: Flat | None = None,
    ) -> None:
        """Adds to the other adjoints what ``y_adjoint`` (count, outputs) implies; those that are None are not wanted.

        Of the chunks it computes all but what came out.
        """
        self.condition(weights, code)
        for first, rows in self.chunks(count):
            self.forward_chunk(weights, Block(x, first), None, rows)
            target = Block(x_adjoint, first) if x_adjoint is not None else None
            self.adjoint_chunk(weights, Block(x, first), Block(y_adjoint, first), rows, target, weights_adjoint)
        self.condition_adjoint(weights, code, code_adjoint, weights_adjoint)

    def chunks(self, count: int) -> list[tuple[int, int]]:
        """(first row, rows) of every chunk of ``count`` rows."""
        return [(first, min(self.chunk, count - first)) for first in range(0, count, self.chunk)]

    def condition(self, weights: Any, code: Flat | None) -> None:
        """Makes the biases that the code determines, for all chunks until the next call."""
        for k, link in enumerate(self._links):
            if link.code:
                dense.condition(link.code, code, Flat(weights, link.first_bias), self._code_biases(k))
                self._buffers.zeroed(f"biases_adjoint{k}", (link.layer.outputs, 1))

    def condition_adjoint(
        self, weights: Any, code: Flat | None, code_adjoint: Flat | None, weights_adjoint: Any | None
    ) -> None:
        """Adds to both adjoints what all chunks since ``condition`` imply of the biases that it made."""
        for k, link in enumerate(self._links):
            if link.code:
                target = Flat(weights_adjoint, link.first_bias) if weights_adjoint is not None else None
                arguments = code, Flat(weights, link.first_bias), self._code_biases(k, "biases_adjoint")
                dense.condition_adjoint(link.code, *arguments, code_adjoint, target)

    def forward_chunk(self, weights: Any, x: Block, y: Block | None, rows: int) -> None:
        """Writes Block ``y`` of ``x``, at most ``chunk`` rows; None: computes what ``adjoint_chunk`` needs, no more."""
        for k, link in enumerate(self._links):
            given = self._given(k, x)
            if link.joins:
                dense.copy_columns(x, self._joined(given, k), rows, self.inputs)
            out = y if link is self._links[-1] else self._given(k + 1, x)
            if out is not None:
                biases = self._code_biases(k) if link.code else Flat(weights, link.first_bias)
                dense.dense(link.layer, given, Flat(weights, link.first), biases, out, rows, self._buffers)

    def adjoint_chunk(
        self,
        weights: Any,
        x: Block,
        y_adjoint: Block,
        rows: int,
        x_adjoint: Block | None,
        weights_adjoint: Any | None,
        *,
        written: int | None = None,
    ) -> None:
        """Adds what ``y_adjoint`` implies of the chunk that ``forward_chunk`` computed last.

        ``written``: so many of the first columns of ``x_adjoint`` are written, in place of all that are added to; for
        chains without skips.
        """
        g: Block | None = y_adjoint
        for k, link in reversed(list(enumerate(self._links))):
            sees_rows = x_adjoint is not None and (link.joins or k == 0)
            below = self._scratch("below" if k % 2 else "above") if k or sees_rows else None
            columns = link.layer.inputs - self.inputs if link.joins and not sees_rows else None
            if sees_rows and written is not None:
                below, columns, sees_rows = x_adjoint, written, False
            out = g if link is self._links[-1] else self._given(k + 1, x)  # the last layer's slope is 1
            self._layer_adjoint(k, weights, weights_adjoint, (self._given(k, x), out, g, below), rows, columns)
            if sees_rows:
                dense.add_columns(self._joined(below, k) if k else below, x_adjoint, rows, self.inputs)
            g = below

    def _layer_adjoint(self, k, weights, weights_adjoint, blocks, rows, columns):
        """Through layer k; blocks are what it was given, what came out, the adjoint of this, that of the former, of
        which so many columns are wanted (None: all).
        """
        link, (given, out, g, below) = self._links[k], blocks
        target = Flat(weights_adjoint, link.first) if weights_adjoint is not None else None
        biases = Flat(weights_adjoint, link.first_bias) if weights_adjoint is not None else None
        if link.code:
            biases = self._code_biases(k, "biases_adjoint")
        arguments = given, Flat(weights, link.first), out, g, below, target, biases
        dense.dense_adjoint(link.layer, *arguments, rows, self._buffers, columns)

    def _given(self, k, x):
        """The Block that layer k reads: what the layer before it writes, beside the rows themselves if they join."""
        if k == 0:
            return x
        return Block(self._buffers.get(f"given{k}", (self.chunk, whole_columns(self._links[k].layer.inputs))))

    def _joined(self, block, k):
        """Where in what layer k reads, or in its adjoint, the rows stand."""
        return block._replace(column=self._links[k].layer.inputs - self.inputs)

    def _scratch(self, name):
        columns = max(link.layer.inputs for link in self._links)
        return Block(self._buffers.get(name, (self.chunk, whole_columns(columns))))

    def _code_biases(self, k, name="biases"):
        return Flat(self._buffers.get(f"{name}{k}", (self._links[k].layer.outputs, 1)))
