"""Tensors of indices as NumPy arrays that can be told apart fast: by the tensor first, else by what is in it."""

import weakref
from collections import OrderedDict
from typing import Any

import numpy as np
import torch

from taichi_dr.torch.turn import TURN
from taichi_dr.types import Array

MOST = 16  # tensors that are remembered


class Indices:
    """An array of indices that is equal to others of the same numbers."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self._content = array.shape, array.dtype.str, array.tobytes()
        self._hash = hash(self._content)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Indices) and self._content == other._content)


class KnownIndices:
    """The ``Indices`` of tensors, remembered for as long as a tensor lives and nobody writes to it."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple] = OrderedDict()

    def of(self, given: Any) -> Indices:
        """The indices in a tensor, or in a NumPy array."""
        if not isinstance(given, torch.Tensor):
            return Indices(np.ascontiguousarray(given))
        with TURN:
            tensor, version, indices = self._known.get(id(given), (lambda: None, None, None))
            if tensor() is not given or version != _version(given):
                indices = Indices(np.ascontiguousarray(given.detach().cpu().numpy()).copy())
            self._known[id(given)] = weakref.ref(given), _version(given), indices
            self._known.move_to_end(id(given))
            while len(self._known) > MOST:
                self._known.popitem(last=False)
            return indices

    def __reduce__(self):
        return KnownIndices, ()  # a copy begins anew


def _version(tensor):
    """How often a tensor was written to in place; never the same where torch does not count."""
    return object() if tensor.is_inference() else tensor._version
