"""What a ray tracer looks at: objects, lights and what is all around."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.fields.tree import Layout
from taichi_dr.implicit.environment import Environment
from taichi_dr.render.rays.implicit import Implicit
from taichi_dr.scene.analytic import Solid
from taichi_dr.scene.area_light import AreaLight
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, Field, PathLike

MATERIALS = (
    ("albedo", 0, 3),
    ("emission", 3, 3),
    ("specular", 6, 0),
    ("shininess", 7, 0),
    ("reflectivity", 8, 0),
    ("index_of_refraction", 9, 0),
)
"""Fields of the objects' materials: name, first column, components; ``kernels.rays.surface`` reads the columns."""


DOMAINS = {
    "albedo": (0, 1),
    "emission": (0, np.inf),
    "specular": (0, np.inf),
    "shininess": (0, np.inf),
    "reflectivity": (0, 1),
    "index_of_refraction": (0, np.inf),
}
"""Least and largest values that make a material."""

Thing = Mesh | Solid | Implicit


class Scene(FieldOwner):
    """Objects that rays meet, lights, and an environment behind everything.

    ``objects`` are meshes, solids (``Sphere``, ``Plane``, ``Rectangle``) and signed distances (``Implicit``); object i
    of ``frame.object_id`` is ``objects[i]``, and area lights, which are seen too, come behind them.  Each object's
    ``Material`` is what its row of the fields begins with; from then on the fields, (O,), hold them, for kernels and
    optimisers to write to:

    ====================  ======  ==============================================================================
    field                 type    meaning
    ====================  ======  ==============================================================================
    albedo                vec3    what a mesh's own colours are multiplied by; a solid's colour
    emission              vec3    radiance of the outer side
    specular              scalar  weight of the Blinn-Phong highlight
    shininess             scalar  its exponent
    reflectivity          scalar  share of the light from the mirror direction, in [0, 1]
    index_of_refraction   scalar  of clear objects; 0 for opaque ones
    ====================  ======  ==============================================================================

    Without lights and environment, surfaces show their own colours.  ``environment`` may be the path of a picture,
    which ``Environment.load`` reads then.

    Raises:
        InputError: no objects, one of another kind, or one twice; a picture of negative or infinite light.
        FileError: a path of no picture.

    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> dr.Scene([dr.Sphere((0, 0, 0), 1.0), dr.Plane(y=-1)])
    Scene(2 objects, no lights, no environment)
    """

    def __init__(
        self,
        objects: Thing | Sequence[Thing],
        lights: Lights | None = None,
        environment: Environment | PathLike | None = None,
    ) -> None:
        if isinstance(environment, str | os.PathLike):
            environment = Environment.load(environment)
        self._objects = (objects,) if isinstance(objects, Thing) else tuple(objects)
        _check_kinds(self._objects, lights, environment)
        self._lights, self._environment = lights, environment
        things = (*self.objects, *self.area_lights)
        if not things:
            raise InputError("Scene: expected at least one object")
        self._count = len(things)
        self.fields = FieldGroup("scene", materials=Layout((self.count,), 10, MATERIALS))
        materials = [thing.material for thing in things]
        for name, _, _ in MATERIALS:
            self.fields.set(name, np.array([_numbers(material, name) for material in materials], float))

    def __repr__(self):
        lights = "no lights" if self.lights is None else repr(self.lights)
        environment = "no environment" if self.environment is None else repr(self.environment)
        count = len(self.objects)
        return f"Scene({count} object{'s' * (count != 1)}, {lights}, {environment})"

    @property
    def objects(self) -> tuple[Thing, ...]:
        """What rays meet, but for area lights."""
        return self._objects

    @property
    def lights(self) -> Lights | None:
        """As they were given."""
        return self._lights

    @property
    def area_lights(self) -> tuple[AreaLight, ...]:
        """Those of the lights that have an area, and so are met."""
        return () if self._lights is None else self._lights.area

    @property
    def environment(self) -> Environment | None:
        """What is behind everything."""
        return self._environment

    @property
    def count(self) -> int:
        """Rows of the fields: objects, then area lights."""
        return self._count

    def numpy(self, name: str) -> Array:
        """A field's numbers as a NumPy array (O, ...)."""
        return self.fields.get(self.fields.known(name))

    def set(self, name: str, values: Any) -> None:
        """Writes a field: an array (O, ...), broadcast where NumPy can.

        Raises:
            ShapeError: another shape.
            InputError: a number that is not finite, or no value of such a material: whose, and which.
        """
        least, most = DOMAINS[self.fields.known(name)]
        numbers = np.asarray(values, float)
        bad = ~(np.isfinite(numbers) & (numbers >= least) & (numbers <= most))
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InputError(
                f"scene.{name}: expected numbers in [{least:g}, {most:g}], got {numbers[index]} at {index}"
            )
        self.fields.set(name, values)

    @off_tape
    def check(self) -> None:
        """Looks at the fields as they are now.

        Raises:
            InputError: a number that is not finite: whose, and which.
        """
        for name, _, _ in MATERIALS:
            values = self.fields.get(name)
            bad = ~np.isfinite(values.reshape(self.count, -1)).all(axis=1)
            if bad.any():
                thing = bad.argmax()
                raise InputError(f"scene.{name}[{thing}]: expected finite numbers, got {values[thing].tolist()}")

    def _setting(self, name):
        return f'scene.set("{name}", values)' if self.fields.has(name) else None

    @property
    def albedo(self) -> Field:
        """(O,) field of 3-vectors."""
        return self.fields.field("albedo")

    @property
    def emission(self) -> Field:
        """(O,) field of 3-vectors."""
        return self.fields.field("emission")

    @property
    def specular(self) -> Field:
        """(O,) field."""
        return self.fields.field("specular")

    @property
    def shininess(self) -> Field:
        """(O,) field."""
        return self.fields.field("shininess")

    @property
    def reflectivity(self) -> Field:
        """(O,) field."""
        return self.fields.field("reflectivity")

    @property
    def index_of_refraction(self) -> Field:
        """(O,) field."""
        return self.fields.field("index_of_refraction")


def _check_kinds(objects, lights, environment):
    for i, thing in enumerate(objects):
        if not isinstance(thing, Thing):
            raise InputError(f"Scene: object {i}: expected a Mesh, Sphere, Plane, Rectangle or Implicit, got {thing!r}")
        if isinstance(thing, AreaLight):
            raise InputError(f"Scene: object {i}: {thing!r} is a light: give it as Lights(area=...)")
        if any(thing is other for other in objects[:i]):
            raise InputError(f"Scene: object {i} is there before ({thing!r}): give each object once")
    if lights is not None and not isinstance(lights, Lights):
        raise InputError(f"Scene: lights: expected a Lights object, got {lights!r}")
    if environment is not None and not isinstance(environment, Environment):
        raise InputError(f"Scene: environment: expected an Environment object or a path, got {environment!r}")


def _numbers(material, name):
    value = getattr(material, name)
    return 0.0 if value is None else value
