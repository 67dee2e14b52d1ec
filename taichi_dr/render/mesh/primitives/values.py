"""What users hand to the primitives: fields and variables, and what is kept for each that is written to."""

import weakref

from taichi_dr.errors import GradientError, ShapeError
from taichi_dr.fields.variable import of_field
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.losses.inputs import check_field, full_shape, is_variable
from taichi_dr.runtime import recording_tape
from taichi_dr.tape import enclosing_tape

MOST_PLACES = 64  # what is written to is the same from step to step, unless somebody makes new fields without end


class Places:
    """The ``Place`` of every field that is written to: the latest 64 of them."""

    def __init__(self):
        self._held = {}

    def of(self, out):
        """The place of a field or variable.

        Raises:
            GradientError: it has been written to within the open tape before.
        """
        place = self._held.pop(id(out), None)
        if place is None or place.out is not out:
            place = Place(out)
        self._held[id(out)] = place
        if len(self._held) > MOST_PLACES:
            del self._held[next(iter(self._held))]
        place.meet(enclosing_tape(), recording_tape())
        return place


class Place:
    """What one use of a primitive has left for its adjoint, and for the next use: scratch and ``Variable``s."""

    def __init__(self, out):
        self.out, self.buffers = out, Buffers()
        self._variables, self._tape = {}, None

    def meet(self, tape, recording):
        """Refuses to be written to again within a tape that has recorded it, whether this time is ``recording``."""
        if tape is not None and self._tape is not None and self._tape() is tape:
            raise GradientError(
                "out has been written to within this tape before, and its gradient has no room for both: expected a"
                " field of its own for every image"
            )
        self._tape = None if recording is None else weakref.ref(recording)

    def variable(self, name, value, shape=None):
        """The ``Variable`` of a field of ``shape``, in which None is any length; variables are what they are.

        Raises:
            InputError: neither a field with a gradient nor a variable.
            ShapeError: another shape.
            RuntimeStateError: the field is older than the latest ``ti.init``.
        """
        check_field(name, value, shape)
        if is_variable(value):
            return value
        held = self._variables.get(name)
        if held is None or held.fields[0] is not value:
            held = self._variables[name] = of_field(value, name)
        return held


def rows_of(name, value, batch):
    """(batches, rows, components) of a field of rows: (rows,) or (1, rows) for all meshes, (B, rows) for each.

    Raises:
        ShapeError: another number of axes, or of meshes.
    """
    shape, n = tuple(getattr(value, "shape", ())), getattr(value, "n", 0)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] not in (1, batch)):
        expected = "(rows,) or (1, rows)" if batch == 1 else f"(rows,), (1, rows) or ({batch}, rows)"
        raise ShapeError(f"{name}: expected a field of shape {expected}, got {full_shape(value)}")
    return (1 if len(shape) == 1 else shape[0]), shape[-1], n
