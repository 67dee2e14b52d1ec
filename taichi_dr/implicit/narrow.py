"""Small networks that are looked up at many points: chains of narrow layers, as fast as the backend allows."""

from collections.abc import Iterable
from typing import Any

import taichi as ti

from taichi_dr.implicit.networks import ACTIVATIONS, MLP, Activation
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.networks import dense, narrow
from taichi_dr.kernels.networks.activations import LINEAR
from taichi_dr.kernels.networks.dense import Block, Layer
from taichi_dr.runtime import float_dtype
from taichi_dr.types import Array


class NarrowMLP:
    """An ``MLP`` with ReLU between its layers and a nonlinearity ``last`` behind them, over whole arrays of rows.

    Its numbers are those of the MLP.  On CPUs, in single precision, all layers are one kernel
    (``kernels.networks.narrow``), which takes a half to a third of the time of one product after the other; elsewhere
    it is an MLP in chunks.
    """

    def __init__(self, inputs: int, outputs: int, hidden: Iterable[int], last: Activation = "linear") -> None:
        self._mlp = MLP(inputs, outputs, hidden)
        self._last = Layer(outputs, outputs, ACTIVATIONS[last])
        self._chain = narrow.Chain((inputs, *self._mlp.hidden, outputs), ACTIVATIONS[last])
        self._buffers = Buffers()
        self.size = self._mlp.size

    def layers(self, weights: Array) -> list[tuple[Array, Array | None, Array]]:
        """As ``MLP.layers``."""
        return self._mlp.layers(weights)

    def initial(self, seed: int = 0) -> Array:
        """As ``MLP.initial``."""
        return self._mlp.initial(seed)

    @property
    def is_one_kernel(self) -> bool:
        """Whether all layers are."""
        return on_cpu() and float_dtype() == ti.f32

    def forward(self, weights: Any, x: Block, y: Block, count: int) -> None:
        """Writes Block ``y`` (count, outputs) of Block ``x`` (count, inputs)."""
        if self.is_one_kernel:
            narrow.forward(self._chain, weights.memory()[:, 0], x, y, count, self._buffers)
            return
        for first, rows in self._mlp.chunks(count):
            self._forward_chunk(weights, _from(x, first), _from(y, first), rows)

    def adjoint(
        self, weights: Any, x: Block, y_adjoint: Block, x_adjoint: Block, weights_adjoint: Any, count: int
    ) -> None:
        """Adds to Block ``x_adjoint`` (count, inputs) and to ``weights_adjoint`` what Block ``y_adjoint`` implies."""
        if self.is_one_kernel:
            flat = weights.memory()[:, 0], weights_adjoint.memory()[:, 0]
            narrow.adjoint(self._chain, flat[0], x, y_adjoint, x_adjoint, flat[1], count, self._buffers)
            return
        shape = self._mlp.chunk, self._last.outputs
        y, g = (Block(self._buffers.get(name, shape)) for name in ("y", "y_adjoint"))
        for first, rows in self._mlp.chunks(count):
            self._forward_chunk(weights, _from(x, first), y, rows)
            dense.copy_columns(_from(y_adjoint, first), g, rows, self._last.outputs)
            dense.activation_adjoint(self._last, y, g, rows)
            self._mlp.adjoint_chunk(weights, _from(x, first), g, rows, _from(x_adjoint, first), weights_adjoint)

    def _forward_chunk(self, weights, x, y, rows):
        self._mlp.forward_chunk(weights, x, y, rows)
        if self._last.activation != LINEAR:
            dense.activation(self._last, y, rows)


def _from(block, row):
    """The block from a row of its own on."""
    return block._replace(row=block.row + row)
