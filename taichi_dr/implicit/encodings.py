"""What a network is given in place of coordinates, public as ``taichi_dr.encodings``.

``Plain``: the coordinates; ``Positional``: NeRF's waves; ``Fourier``: waves along any directions.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.networks import dense
from taichi_dr.kernels.networks.dense import Block
from taichi_dr.kernels.networks.frequency import (
    encoding_width,
    fourier_features,
    fourier_features_adjoint,
    positional_encoding,
    positional_encoding_adjoint,
)
from taichi_dr.runtime import runtime_token
from taichi_dr.types import Array, ArrayLike

__all__ = ["Encoding", "Fourier", "Plain", "Positional"]


class Encoding(ABC):
    """Rows of coordinates to rows of ``width(columns)`` numbers, and the adjoint back."""

    @abstractmethod
    def width(self, columns: int) -> int:
        """Numbers that ``columns`` coordinates become.

        Raises:
            InputError: the encoding is one of another number of coordinates.
        """

    @abstractmethod
    def forward(self, x: Block, y: Block, rows: int, columns: int) -> None:
        """Writes Block ``y`` (rows, width) of Block ``x`` (rows, columns)."""

    @abstractmethod
    def adjoint(self, y: Block, y_adjoint: Block, x_adjoint: Block, rows: int, columns: int) -> None:
        """Adds to ``x_adjoint`` what ``y_adjoint`` implies; ``y`` is what ``forward`` wrote."""


class Plain(Encoding):
    """The coordinates as they are."""

    def width(self, columns: int) -> int:
        return columns

    def forward(self, x: Block, y: Block, rows: int, columns: int) -> None:
        dense.copy_columns(x, y, rows, columns)

    def adjoint(self, y: Block, y_adjoint: Block, x_adjoint: Block, rows: int, columns: int) -> None:
        dense.add_columns(y_adjoint, x_adjoint, rows, columns)


class Positional(Encoding):
    """``[x, sin 2^k x, cos 2^k x]``, k < frequencies: NeRF's encoding, without pi (Mildenhall et al. 2020, eq. 4).

    >>> Positional(10).width(3)
    63

    Raises:
        InputError: a number of frequencies that is not whole, or below 0.
    """

    def __init__(self, frequencies: int) -> None:
        if int(frequencies) != frequencies or frequencies < 0:
            raise InputError(f"frequencies: expected a whole number of at least 0, got {frequencies}")
        self.frequencies = int(frequencies)

    def width(self, columns: int) -> int:
        return encoding_width(columns, self.frequencies)

    def forward(self, x: Block, y: Block, rows: int, columns: int) -> None:
        positional_encoding(x, y, rows, columns, self.frequencies)

    def adjoint(self, y: Block, y_adjoint: Block, x_adjoint: Block, rows: int, columns: int) -> None:
        positional_encoding_adjoint(y, y_adjoint, x_adjoint, rows, columns, self.frequencies)


class Fourier(Encoding):
    """``[cos 2 pi x B, sin 2 pi x B]`` with a matrix B (coordinates, waves) (Tancik et al. 2020, eq. 5).

    >>> Fourier([[1.0, 0.0], [0.0, 1.0]]).width(2)  # the paper's basic encoding of two coordinates
    4

    Raises:
        InputError: no matrix, or one of numbers that are not finite.
    """

    def __init__(self, matrix: ArrayLike) -> None:
        self.matrix: Array = np.array(matrix, dtype=np.float64)
        if self.matrix.ndim != 2 or self.matrix.size == 0 or not np.isfinite(self.matrix).all():
            raise InputError(f"matrix: expected finite numbers (coordinates, waves), got shape {self.matrix.shape}")
        self._loaded: tuple = (None, None)

    @classmethod
    def gaussian(cls, columns: int, waves: int = 256, sigma: float = 10.0, seed: int = 0) -> "Fourier":
        """Waves along random directions: entries of B from a normal distribution of spread ``sigma``.

        Larger ones let a network learn finer detail, until it learns noise between the samples as well.
        """
        return cls(np.random.default_rng(seed).normal(0, sigma, (columns, waves)))

    def width(self, columns: int) -> int:
        if columns != len(self.matrix):
            raise InputError(f"matrix: expected a row for each of {columns} coordinates, got {len(self.matrix)}")
        return 2 * self.matrix.shape[1]

    def forward(self, x: Block, y: Block, rows: int, columns: int) -> None:
        fourier_features(x, self._array(), y, rows, columns, self.matrix.shape[1])

    def adjoint(self, y: Block, y_adjoint: Block, x_adjoint: Block, rows: int, columns: int) -> None:
        fourier_features_adjoint(self._array(), y, y_adjoint, x_adjoint, rows, columns, self.matrix.shape[1])

    def _array(self) -> Any:
        if self._loaded[0] is not runtime_token():
            self._loaded = runtime_token(), array_from(self.matrix)
        return self._loaded[1]
