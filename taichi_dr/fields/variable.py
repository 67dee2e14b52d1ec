"""Numbers with a gradient, as arrays or behind fields."""

import math
import weakref
from collections.abc import Iterable
from typing import Any

import taichi as ti

from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import make_array, write_array
from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.runtime import check_field_runtime, current_tape, runtime_token
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, Field


class Variable:
    """Numbers and their gradient: what a field with ``needs_grad=True`` is, without a field.

    The numbers are rows of an array, one for each element of ``shape``.  Kernels that take arrays compile once for all
    of them, where every new field has every kernel compiled again.  Once there are fields that show the rows (somebody
    has asked for them), those hold the truth: ``read`` copies it into the array, ``write`` the array into the fields.

    Losses and optimisers take a variable wherever they take a field; ``to_numpy`` and ``gradient_to_numpy`` read it.
    As a field's, its gradient is cleared when a ``ti.ad.Tape`` first meets it.

    Attributes:
        name: what messages call it.
        shape: that of its elements; ``n`` is the number of components of each, 0 for scalars.
        fields, columns: the fields that show it, and the first column of each.
    """

    def __init__(
        self,
        name: str,
        shape: Iterable[int],
        n: int = 0,
        *,
        fields: tuple[Field, ...] = (),
        columns: tuple[int, ...] = (0,),
    ) -> None:
        self.name, self.shape, self.n = name, tuple(shape), n
        self.fields, self.columns = fields, columns
        self.made_in = runtime_token()
        self._array = self._gradient = self._tape = None

    @property
    def array(self) -> Any:
        """(elements, max(n, 1)): the numbers as of the latest ``read`` or ``write``."""
        check_field_runtime(self.name, self)
        if self._array is None:
            self._array = self._new()
        return self._array

    @property
    def gradient(self) -> Any:
        """An array like ``array``: the gradient as of the latest ``read_gradient`` or, without fields, as it is."""
        check_field_runtime(self.name, self)
        if self._gradient is None:
            self._gradient = self._new()
        return self._gradient

    @off_tape
    def read(self) -> Any:
        """The array of the numbers as they are now."""
        self._meet_tape()
        if self.fields:
            bridge.fields_to_array(self.fields, self.array, self.columns)
        return self.array

    @off_tape
    def write(self) -> None:
        """Makes what is in ``array`` the numbers."""
        self._meet_tape()
        if self.fields:
            bridge.array_to_fields(self.array, self.fields, self.columns)

    @off_tape
    def read_gradient(self) -> Any:
        """The array of the gradient as it is now."""
        if self.fields:
            bridge.fields_to_array(self._gradients(), self.gradient, self.columns)
        return self.gradient

    @off_tape
    def add_gradient(self, array: Any) -> None:
        """Adds an array like ``array`` to the gradient."""
        if self.fields:
            bridge.add_array_to_fields(array, self._gradients(), self.columns)
        else:
            add_rows(array, self.gradient, is_serial(math.prod(array.shape), bridge.SERIAL_ELEMENTS))

    @off_tape
    def clear_gradient(self) -> None:
        """Sets the gradient to zero."""
        for gradient in self._gradients() or [self.gradient]:
            gradient.fill(0)

    def to_numpy(self) -> Array:
        """The numbers as a new NumPy array of ``shape``, components last."""
        return self._shaped(self.read())

    def from_numpy(self, values: Array) -> None:
        """Makes the numbers of a NumPy array, of the shape that ``to_numpy`` gives, the numbers."""
        write_array(self.array, values.reshape(self.array.shape))
        self.write()

    def gradient_to_numpy(self) -> Array:
        """The gradient as a new NumPy array of ``shape``, components last."""
        return self._shaped(self.read_gradient())

    @off_tape
    def show(self, fields: tuple[Field, ...], columns: tuple[int, ...]) -> None:
        """Has fields hold the numbers and the gradient from now on."""
        self._meet_tape()
        self.fields, self.columns = fields, columns
        bridge.array_to_fields(self.array, fields, columns)
        bridge.array_to_fields(self.gradient, self._gradients(), columns)

    @off_tape
    def renew(self) -> None:
        """Begins anew for another owner: without fields, gradient and tape; the numbers are whatever they were."""
        self.fields, self._tape = (), None
        if self._gradient is not None:
            self._gradient.fill(0)

    @property
    def count(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __repr__(self):
        components = f" of {self.n}-vectors" if self.n else ""
        return f"Variable({self.name!r}, shape {self.shape}{components})"

    def _gradients(self):
        return tuple(field.grad for field in self.fields)

    def _new(self):
        return make_array((self.count, max(self.n, 1)))

    def _shaped(self, array):
        return array.to_numpy().reshape((*self.shape, self.n) if self.n else self.shape)

    def _meet_tape(self):
        """Clears the gradient if an open tape meets the variable for the first time: Taichi clears those of fields."""
        tape = current_tape()
        if tape is None or (self._tape is not None and self._tape() is tape):
            return
        self._tape = weakref.ref(tape)
        if tape.clear_gradients and self._gradient is not None and not self.fields:
            self._gradient.fill(0)


def of_field(field, name="field"):
    """The Variable of a user's field of scalars or vectors with a gradient."""
    return Variable(name, field.shape, bridge.components(field), fields=(field,))


@replayed
@ti.kernel
def add_rows(source: Rows, target: Rows, serial: ti.template()):
    """``target += source``."""
    ti.loop_config(serialize=serial)
    for i in range(target.shape[0]):
        for k in range(target.shape[1]):
            target[i, k] = target[i, k] + source[i, k]
