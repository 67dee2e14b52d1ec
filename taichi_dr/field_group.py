"""Groups of fields with gradients, and the arrays that mirror them for the kernels.

Everything here is kept off an open tape: its reverse would put zeros where gradients are to be.
"""

import math

import numpy as np
import taichi as ti

from taichi_dr.errors import ShapeError
from taichi_dr.inputs import Inputs
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.runtime import check_runtime, float_dtype, runtime_token
from taichi_dr.tape import off_tape


class FieldGroup(Inputs):
    """Fields with gradients that belong to one owner, each with an array of its values and one of its adjoints.

    ``FieldGroup("mesh", vertices=((1, 642), 3), weight=((5,), 0))`` makes ``group.fields["vertices"]``, a field of
    shape (1, 642) of 3-vectors, and ``group.fields["weight"]``, a field of 5 scalars.

    ``pull()`` copies every field into ``group.arrays[name]`` (elements, components); ``zero_adjoints()`` clears
    ``group.adjoints[name]``; ``push_gradients()`` adds the adjoints to ``field.grad``.
    """

    def __init__(self, owner, **specifications):
        self.owner = owner
        self.token = runtime_token()
        self.fields, self.arrays, self.adjoints = {}, {}, {}
        builder = ti.FieldsBuilder()
        by_shape = {}  # one node for all fields of a shape: the tape launches a kernel per node to clear gradients
        for name, (shape, components) in specifications.items():
            field = self.fields[name] = _new_field(components)
            by_shape.setdefault(tuple(shape), []).extend([field, field.grad])
        for shape, members in by_shape.items():
            builder.dense((ti.i, ti.ij, ti.ijk, ti.ijkl)[len(shape) - 1], shape).place(*members)
        builder.finalize()  # before the arrays: in float64 zeroing one launches a kernel
        for name, (shape, components) in specifications.items():
            self.arrays[name] = make_array((math.prod(shape), max(components, 1)))

    def check(self):
        """Raises RuntimeStateError if ``ti.init`` was called since the group was made."""
        check_runtime(self.token, self.owner)

    def field(self, name):
        """The field of that name, for users: ``check`` comes first, since reading a dead field is a crash."""
        self.check()
        return self.fields[name]

    @off_tape
    def set(self, name, values):
        """Writes a NumPy array of the field's shape (broadcast where NumPy can) into a field.

        Raises:
            ShapeError: the values do not broadcast to the field's shape.
        """
        self.check()
        field = self.fields[name]
        expected = _shape(field)
        values = np.asarray(values, dtype=ti.lang.util.to_numpy_type(float_dtype()))
        try:
            values = np.broadcast_to(values, expected)
        except ValueError:
            raise ShapeError(f"{self.owner}.{name}: expected shape {expected}, got {values.shape}") from None
        self.arrays[name].from_numpy(np.ascontiguousarray(values).reshape(self.arrays[name].shape))
        bridge.array_to_fields(self.arrays[name], (field,))

    @off_tape
    def get(self, name):
        """The values of a field as a NumPy array."""
        self.pull(name)
        field = self.fields[name]
        return self.arrays[name].to_numpy().reshape(_shape(field))

    @off_tape
    def pull(self, *names):
        """Copies the named fields (all, by default) into their arrays."""
        self.check()
        for name in names or self.fields:
            bridge.fields_to_array((self.fields[name],), self.arrays[name])

    @off_tape
    def zero_adjoints(self):
        """Clears every adjoint array, making it on first use."""
        for name, array in self.arrays.items():
            if name not in self.adjoints:
                self.adjoints[name] = make_array(array.shape)
            else:
                self.adjoints[name].fill(0)

    @off_tape
    def push_gradients(self):
        """Adds every adjoint array to its field's gradient."""
        for name, field in self.fields.items():
            bridge.add_array_to_fields(self.adjoints[name], (field.grad,))


def _new_field(components):
    if components:
        return ti.Vector.field(components, float_dtype(), needs_grad=True)
    return ti.field(float_dtype(), needs_grad=True)


def _shape(field):
    """Shape of a field's values as a NumPy array."""
    return (*field.shape, field.n) if bridge.components(field) else tuple(field.shape)
