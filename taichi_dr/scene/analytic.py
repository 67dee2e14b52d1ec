"""Surfaces that are known by their formula: spheres, planes and rectangles, for ray tracing."""

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.fields.tree import Layout
from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.kernels.rays.solids import COLUMNS, PLANE, RECTANGLE, SPHERE
from taichi_dr.scene import checks
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import GREY
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field

FLATTEST = 1e-6  # sine of the angle between a rectangle's sides below which they are one line


class Solid(FieldOwner):
    """A surface of nine numbers, the array ``shape`` (1, 9) of its group; its fields are columns of it, of shape (1,).

    ``kind`` is ``SPHERE``, ``PLANE`` or ``RECTANGLE`` of ``kernels.rays.solids``, which says what the columns are.
    """

    kind: int
    members: tuple
    name: str
    material: Material

    def _allocate(self, name, values, **others):
        self.name = name
        self.fields = FieldGroup(name, shape=Layout((1,), COLUMNS, self.members), **others)
        self._write(values)

    def _checked(self, values):
        """The numbers of every field as arrays, by name; raises InputError for those that make no surface."""
        return {}

    def _write(self, values):
        """Writes every field anew, once all have been looked at."""
        values, row = self._checked(values), np.zeros((1, COLUMNS))
        for name, first, components in self.members:
            row[0, first : first + max(components, 1)] = values.pop(name)
        shape = self.fields.variable("shape")
        write_array(shape.array, row)
        shape.write()
        for name, numbers in values.items():
            self.fields.set(name, numbers)

    def _change(self, **values):
        """Writes the fields that are given, not None."""
        self._write(self._values() | {name: value for name, value in values.items() if value is not None})

    def _values(self):
        return {name: self.fields.get(name)[0] for name in self._names()}

    def _names(self):
        return [name for layout in self.fields.layouts.values() for name, _, _ in layout.members]

    def numpy(self, name: str) -> Array:
        """The numbers of a field as a NumPy array: (1, 3) of a vector, (1,) of a number.

        Raises:
            InputError: there is no such field.
        """
        return self.fields.get(self.fields.known(name))

    @off_tape
    def check(self) -> None:
        """Validates the fields as they are now.

        Raises:
            InputError: what is wrong with which of them.
        """
        self._checked(self._values())

    def _setting(self, name):
        return f"{self.name}.set({name}=...)" if self.fields.has(name) else None

    def __repr__(self):
        return f"{type(self).__name__}({self.name!r}; fields: {', '.join(self._names())})"


class Round(Solid):
    """A solid with a centre and a radius."""

    kind = SPHERE
    members = (("center", 0, 3), ("radius", 3, 0))

    @property
    def center(self) -> Field:
        """(1,) vec3 field, in world units."""
        return self.fields.field("center")

    @property
    def radius(self) -> Field:
        """(1,) field, in world units."""
        return self.fields.field("radius")

    def _checked(self, values):
        center, radius = values["center"], values["radius"]
        if np.ndim(radius) != 0 or not np.isfinite(radius) or radius <= 0:
            raise InputError(f"{self.name}: expected a finite radius > 0, got {radius!r}")
        center = checks.vector(center, self.name, "center")
        return super()._checked(values) | {"center": center, "radius": radius}


class Flat(Solid):
    """A parallelogram around its centre."""

    kind = RECTANGLE
    members = (("center", 0, 3), ("u", 3, 3), ("v", 6, 3))

    @property
    def center(self) -> Field:
        """(1,) vec3 field, in world units."""
        return self.fields.field("center")

    @property
    def u(self) -> Field:
        """(1,) vec3 field: from the centre to the middle of a side, in world units."""
        return self.fields.field("u")

    @property
    def v(self) -> Field:
        """(1,) vec3 field: from the centre to the middle of the next side."""
        return self.fields.field("v")

    def _checked(self, values):
        center = checks.vector(values["center"], self.name, "center")
        u, v = (checks.direction(values[side], self.name, side, f"half an edge as {side}") for side in ("u", "v"))
        if np.linalg.norm(np.cross(u, v)) < FLATTEST * np.linalg.norm(u) * np.linalg.norm(v):
            raise InputError(f"{self.name}: expected u and v that span a rectangle, got {u.tolist()} and {v.tolist()}")
        return super()._checked(values) | {"center": center, "u": u, "v": v}


class Sphere(Round):
    """A sphere around ``center`` (3,) of the given ``radius``, in world units.

    Fields with gradients, of shape (1,): ``center`` (vec3) and ``radius``.  ``material`` is a ``Material``, whose
    ``albedo`` is the sphere's colour; grey without one.  Its outer side is the outside.

    Raises:
        InputError: a centre that is not three finite numbers, a radius that is not above 0.

    >>> Sphere((0, 1, 0), 0.5).numpy("center").tolist()
    [[0.0, 1.0, 0.0]]
    """

    def __init__(
        self, center: ArrayLike, radius: float = 1.0, *, material: Material | None = None, name: str = "sphere"
    ) -> None:
        self.material = _material(material)
        self._allocate(name, {"center": center, "radius": radius})

    def set(self, center: ArrayLike | None = None, radius: float | None = None) -> None:
        """Writes what is given anew; errors as the constructor's."""
        self._change(center=center, radius=radius)


class Plane(Solid):
    """The plane through ``point`` (3,), at right angles to ``normal`` (3,) of any length; without an end.

    ``Plane(y=-1)`` is the plane at y = -1 whose normal is +y; ``x=`` and ``z=`` likewise.

    Fields with gradients, of shape (1,): ``point`` (vec3) and ``normal`` (vec3, of the length that it was given with).
    ``material`` is a ``Material``, whose ``albedo`` is the plane's colour; grey without one.  Its outer side is that of
    its normal; both are seen.

    Raises:
        InputError: numbers that are not finite, a normal of length zero, not one way of the two.

    >>> Plane(y=-1).numpy("point").tolist()
    [[0.0, -1.0, 0.0]]
    """

    kind = PLANE
    members = (("point", 0, 3), ("normal", 3, 3))

    def __init__(
        self,
        point: ArrayLike | None = None,
        normal: ArrayLike | None = None,
        *,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
        material: Material | None = None,
        name: str = "plane",
    ) -> None:
        self.material = _material(material)
        along = [(axis, place) for axis, place in enumerate((x, y, z)) if place is not None]
        if (point is None) != (normal is None) or len(along) + (point is not None) != 1:
            raise InputError(f"{name}: expected a point and a normal, or one of x, y and z")
        if along:
            (axis, place), unit = along[0], np.eye(3)
            point, normal = [place if k == axis else 0.0 for k in range(3)], unit[axis]
        self._allocate(name, {"point": point, "normal": normal})

    @property
    def point(self) -> Field:
        """(1,) vec3 field: a point of the plane, in world units."""
        return self.fields.field("point")

    @property
    def normal(self) -> Field:
        """(1,) vec3 field, of any length."""
        return self.fields.field("normal")

    def set(self, point: ArrayLike | None = None, normal: ArrayLike | None = None) -> None:
        """Writes what is given anew; errors as the constructor's."""
        self._change(point=point, normal=normal)

    def _checked(self, values):
        point = checks.vector(values["point"], self.name, "point")
        normal = checks.direction(values["normal"], self.name, "normal", "a normal at right angles to the plane")
        return super()._checked(values) | {"point": point, "normal": normal}


class Rectangle(Flat):
    """The rectangle ``center + a u + b v`` of a and b in [-1, 1]: u and v (3,) are half its edges, in world units.

    Edges need not be at right angles (a parallelogram).  Fields with gradients, of shape (1,): ``center``, ``u``, ``v``
    (vec3).  ``material`` is a ``Material``, whose ``albedo`` is the rectangle's colour; grey without one.  Its outer
    side is that of its normal u x v; both are seen.

    Raises:
        InputError: numbers that are not finite, u and v along one line.

    >>> Rectangle((0, 0, -1), u=(2, 0, 0), v=(0, 1, 0))
    Rectangle('rectangle'; fields: center, u, v)
    """

    def __init__(
        self,
        center: ArrayLike,
        u: ArrayLike,
        v: ArrayLike,
        *,
        material: Material | None = None,
        name: str = "rectangle",
    ) -> None:
        self.material = _material(material)
        self._allocate(name, {"center": center, "u": u, "v": v})

    def set(self, center: ArrayLike | None = None, u: ArrayLike | None = None, v: ArrayLike | None = None) -> None:
        """Writes what is given anew; errors as the constructor's."""
        self._change(center=center, u=u, v=v)


def _material(given):
    if given is None:
        return Material(albedo=GREY)
    if not isinstance(given, Material):
        raise InputError(f"material: expected a Material object, got {given!r}")
    return given
