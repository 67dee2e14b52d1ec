"""Groups of numbers with gradients that belong to one owner: arrays for the kernels, and fields once asked for.

Everything here is kept off an open tape: its reverse would put zeros where gradients are to be.
"""

from functools import cached_property

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.pool import pool
from taichi_dr.fields.storage import Storage
from taichi_dr.fields.tree import Layout
from taichi_dr.fields.variable import Variable
from taichi_dr.inputs import Inputs
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.runtime import check_runtime, float_dtype, is_compiling, runtime_token
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field


class FieldGroup(Inputs):
    """Numbers with gradients, which fields show once they are asked for.

    ``FieldGroup("mesh", vertices=((1, 642), 3), weight=((5,), 0))`` has ``group.field("vertices")``, a field of shape
    (1, 642) of 3-vectors, and ``group.field("weight")``, a field of 5 scalars; the values of a new group are undefined.
    A ``Layout`` in place of a shape and a number of components has several fields share an array's columns.

    Until one of the fields is asked for, ``arrays`` hold the numbers and nothing is compiled for the group; from then
    on the fields do, and ``pull()`` copies them into ``group.arrays[name]`` (elements, components).
    ``zero_adjoints()`` clears ``group.adjoints[name]``, ``push_gradients()`` adds them to the gradients.  What a
    dropped group kept its numbers in serves the next one like it (``storage``).
    """

    def __init__(self, owner: str, **layouts: Layout | tuple[tuple[int, ...], int]) -> None:
        self.owner, self.token = owner, runtime_token()
        self.layouts = {
            name: layout if isinstance(layout, Layout) else Layout.of(name, *layout) for name, layout in layouts.items()
        }
        self._storage = pool.lend(self, Storage, tuple(self.layouts.items()))
        self.arrays, self.adjoints = self._storage.arrays, self._storage.adjoints

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the group was made."""
        check_runtime(self.token, self.owner)

    @property
    def fields(self) -> dict[str, Field]:
        """All fields by name."""
        self.check()
        if is_compiling():
            self._storage.is_compiled_in = True
        if not self._storage.is_shown:
            self._show()
        return self._storage.fields

    @off_tape
    def _show(self):
        self._storage.show(self.owner)

    def field(self, name: str) -> Field:
        """The field of that name, for users."""
        return self.fields[name]

    def variable(self, name: str) -> Variable:
        """The array's numbers and gradient as a ``Variable``, which needs no field.

        Raises:
            InputError: there is no such array.
        """
        self.check()
        if name not in self.arrays:
            raise InputError(f"{self.owner}.{name} is a part of an array: expected one of {', '.join(self.arrays)}")
        return self._storage.variables[name]

    @off_tape
    def set(self, name: str, values: ArrayLike) -> None:
        """Writes a NumPy array of the field's shape (broadcast where NumPy can) into a field.

        Raises:
            ShapeError: the values do not broadcast to the field's shape.
        """
        self.check()
        array_name, columns, expected = self._members[name]
        values = np.asarray(values, dtype=ti.lang.util.to_numpy_type(float_dtype()))
        try:
            values = np.broadcast_to(values, expected)
        except ValueError:
            raise ShapeError(f"{self.owner}.{name}: expected shape {expected}, got {values.shape}") from None
        variable = self._storage.variables[array_name]
        rows = np.ascontiguousarray(values).reshape(variable.count, -1)
        if rows.shape[1] != variable.array.shape[1]:
            others, rows = rows, variable.read().to_numpy()
            rows[:, columns] = others
        variable.array.from_numpy(rows)
        variable.write()

    def get(self, name: str) -> Array:
        """The values of a field as a NumPy array."""
        self.check()
        return self._part(name, Variable.read)

    def gradient(self, name: str) -> Array:
        """The gradient of a field as a NumPy array."""
        self.check()
        return self._part(name, Variable.read_gradient)

    @off_tape
    def _part(self, name, read):
        array_name, columns, shape = self._members[name]
        return np.ascontiguousarray(read(self._storage.variables[array_name]).to_numpy()[:, columns]).reshape(shape)

    @cached_property
    def _members(self):
        """Of each field: the array that has its numbers, their columns, and their shape as a NumPy array."""
        return {
            member: (name, slice(first, first + max(n, 1)), (*layout.shape, n) if n else layout.shape)
            for name, layout in self.layouts.items()
            for member, first, n in layout.members
        }

    def has(self, name: str) -> bool:
        """Whether there is a field of that name."""
        return name in self._members

    def known(self, name: str) -> str:
        """The name, if there is a field of that name.

        Raises:
            InputError: there is none (the message lists those that there are).
        """
        if name not in self._members:
            raise InputError(f"{self.owner} has no field {name!r}: it has {', '.join(self._members)}")
        return name

    def pull(self, *names: str) -> None:
        """Makes the named arrays (all, by default) hold the numbers as they are now."""
        self.check()
        for name in names or self.arrays:
            self._storage.variables[name].read()

    @off_tape
    def zero_adjoints(self) -> None:
        """Clears every adjoint array, making it on first use."""
        for name, array in self.arrays.items():
            if name not in self.adjoints:
                self.adjoints[name] = make_array(array.shape)
            else:
                self.adjoints[name].fill(0)

    def push_gradients(self) -> None:
        """Adds every adjoint array to the gradient."""
        for name, adjoint in self.adjoints.items():
            self._storage.variables[name].add_gradient(adjoint)
