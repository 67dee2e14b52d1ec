"""Light from every direction, as a picture: a function of the direction."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.implicit.function import SpaceFunction
from taichi_dr.io.images import load_image
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.shading.environment import look_up, look_up_adjoint
from taichi_dr.kernels.shading.environment_samples import sampling_tables
from taichi_dr.scene import checks
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Color, Field, PathLike


class Environment(FieldOwner, SpaceFunction):
    """What is far away all around: a picture (H, W, 3) of longitude by latitude, linear RGB.

    Its middle is straight ahead (-z), its right half to the right (+x), its top above (+y).  The field ``texels``,
    (H, W) of 3-vectors, gets gradients.  ``Environment.load`` reads a file, ``Environment.constant`` is one colour.

    Raises:
        ShapeError: no picture of three channels.
        InputError: values that are negative or not finite (the message says where).

    >>> import numpy as np
    >>> sky = Environment(np.ones((4, 8, 3)))
    >>> sky.shape
    (4, 8)
    """

    components = 3

    def __init__(self, texels: ArrayLike, *, name: str = "environment") -> None:
        values = np.asarray(texels, float)
        if values.ndim != 3 or values.shape[2] != 3 or values.size == 0:
            raise ShapeError(f"{name}: expected a picture (H, W, 3), linear RGB, got shape {values.shape}")
        wrong = ~(np.isfinite(values) & (values >= 0))
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise InputError(f"{name}: expected finite numbers >= 0, got {values[index]} at {index}")
        self.name, self.shape = name, values.shape[:2]
        self.fields = FieldGroup(name, texels=(self.shape, 3))
        self.fields.set("texels", values)
        self.inputs = (self.fields,)
        self._buffers = Buffers()
        self._sampled: Array | None = None
        self._tables: tuple[Any, Any] | None = None

    @classmethod
    def load(cls, path: PathLike, *, intensity: float = 1.0, turn_deg: float = 0.0) -> "Environment":
        """The environment of a picture file: ``.hdr``, ``.exr``, or any that ``load_image`` reads.

        Args:
            path: the file; alpha is ignored.
            intensity: what the picture's colours are multiplied by.
            turn_deg: by how much it is turned about +y, counter-clockwise from above: at 90 what was straight ahead
                (-z) is to the left (-x).  Between columns it is interpolated.  Mitsuba has a picture's middle behind
                (+z): 180 shows what it shows.

        Raises:
            FileError: missing, damaged, or no picture.
            InputError: colours that are negative or not finite, an intensity that is.
        """
        if not (math.isfinite(intensity) and intensity >= 0):
            raise InputError(f"intensity: expected a finite number >= 0, got {intensity!r}")
        if not math.isfinite(turn_deg):
            raise InputError(f"turn_deg: expected a finite number, got {turn_deg!r}")
        texels = load_image(path)[..., :3].astype(float)
        columns = turn_deg / 360 * texels.shape[1]
        whole = math.floor(columns)
        left, right = np.roll(texels, -whole, axis=1), np.roll(texels, -whole - 1, axis=1)
        share = columns - whole
        turned = texels if columns == 0 else (1 - share) * left + share * right
        return cls(intensity * turned, name=Path(path).name)

    @classmethod
    def constant(cls, color: Color = 1.0, *, name: str = "environment") -> "Environment":
        """The same light from everywhere: linear RGB, or one number for a grey.

        >>> Environment.constant(0.5).numpy().tolist()
        [[[0.5, 0.5, 0.5]]]
        """
        return cls(checks.color(color, name, "color").reshape(1, 1, 3), name=name)

    def __repr__(self):
        return f"Environment({self.shape[0]} x {self.shape[1]})"

    @property
    def texels(self) -> Field:
        """(H, W) field of 3-vectors."""
        return self.fields.field("texels")

    def numpy(self) -> Array:
        """The texels as a new NumPy array (H, W, 3)."""
        return self.fields.get("texels")

    def set(self, texels: ArrayLike) -> None:
        """Writes all texels anew."""
        self.fields.set("texels", texels)

    def check(self) -> None:
        self.fields.check()

    @off_tape
    def sampling_tables(self) -> tuple[Any, Any]:
        """Arrays by which ``kernels.shading.environment_samples`` chooses directions in which it is bright now."""
        texels = self.numpy()
        if self._tables is None or self._sampled is None or not np.array_equal(texels, self._sampled):
            rows, columns = sampling_tables(texels)
            self._sampled, self._tables = texels, (array_from(rows), array_from(columns))
        return self._tables

    def forward(self, points: Any, values: Any, count: int) -> None:
        look_up(self.fields.arrays["texels"], *self.shape, points, values, count)

    def adjoint(self, points: Any, values_adjoint: Any, points_adjoint: Any | None, count: int) -> None:
        if points_adjoint is None:
            points_adjoint = self._buffers.at_least("points_adjoint", count, columns=(3,))
        arrays, adjoints = self.fields.arrays, self.fields.adjoints
        places = points, values_adjoint, adjoints["texels"], points_adjoint, count
        look_up_adjoint(arrays["texels"], *self.shape, *places)

    def _setting(self, name):
        return "environment.set(...)"
