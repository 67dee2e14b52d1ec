"""Lights: ambient, directional, point and area, with gradients for their colours, directions and positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.shading.light import AMBIENT, DIRECTIONAL, POINT
from taichi_dr.runtime import runtime_token
from taichi_dr.scene import checks
from taichi_dr.scene.area_light import AreaLight
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Color, Field

TOWARDS = "direction", "a direction towards the light"


@dataclass(frozen=True)
class DirectionalLight:
    """Parallel light.  ``direction`` points from the scene *towards* the light, and need not be of unit length."""

    direction: ArrayLike
    intensity: float = 1.0
    color: Color = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class PointLight:
    """Light from ``position`` in world space; it does not weaken with distance."""

    position: ArrayLike
    intensity: float = 1.0
    color: Color = (1.0, 1.0, 1.0)


class Lights(FieldOwner):
    """L lights: row 0 is the ambient light, then the directional lights, then the point lights.

    Fields with gradients:
        color (L,) vec3: intensity times colour, linear RGB.
        vector (L,) vec3: the direction towards a directional light, the position of a point light, unused for ambient.
    ``kinds`` (L,) is an int32 array of ``AMBIENT``, ``DIRECTIONAL``, ``POINT``.

    ``ambient`` is a grey level or a colour.  A directional light's field keeps the length it was given with; shading
    normalises it, so that an optimiser may move it freely.

    ``area`` are ``RectangleLight``s and ``SphereLight``s, which have fields of their own (``lights.area[0].radiance``)
    and are not among the L: a tuple.  They are for ray tracing; other renderers refuse lights that have any.

    Raises:
        InputError: a number that is not finite, a negative intensity, a direction of length zero.

    >>> Lights(ambient=0.3, directional=[DirectionalLight((0, 1, 1), 0.7)]).count
    2
    """

    def __init__(
        self,
        ambient: Color = 0.3,
        directional: DirectionalLight | Sequence[DirectionalLight] = (),
        point: PointLight | Sequence[PointLight] = (),
        area: AreaLight | Sequence[AreaLight] = (),
    ) -> None:
        kinds, colors, vectors = _rows(ambient, directional, point)
        self.area: tuple[AreaLight, ...] = _as_tuple(area, AreaLight)
        if len({id(light) for light in self.area}) < len(self.area):
            raise InputError("area: a light is there twice: give each once")
        self.count = len(kinds)
        self.kinds = _kind_array(runtime_token(), kinds)
        self.fields = self._GROUP("lights", color=((self.count,), 3), vector=((self.count,), 3))
        self._kinds = kinds
        self._write(colors, vectors)

    @property
    def color(self) -> Field:
        """(L,) vec3 field: intensity times colour, linear RGB."""
        return self.fields.field("color")

    @property
    def vector(self) -> Field:
        """(L,) vec3 field: the direction towards a directional light, the position of a point light."""
        return self.fields.field("vector")

    def set(
        self,
        ambient: Color = 0.3,
        directional: DirectionalLight | Sequence[DirectionalLight] = (),
        point: PointLight | Sequence[PointLight] = (),
    ) -> None:
        """Writes all lights anew: as many of each kind as there are; arguments as the constructor's.

        Area lights are written each by itself: ``lights.area[0].set(radiance=2)``.  One of the fields here alone is
        written by ``lights.fields.set("color", values)`` and ``"vector"``.

        Raises:
            InputError: another number of lights of a kind, or as the constructor does.

        >>> lights = Lights(directional=DirectionalLight((0, 1, 0)))
        >>> lights.set(0.25, directional=DirectionalLight((1, 0, 0), 0.5))
        >>> lights.numpy("color").tolist()
        [[0.25, 0.25, 0.25], [0.5, 0.5, 0.5]]
        """
        kinds, colors, vectors = _rows(ambient, directional, point)
        if kinds != self._kinds:
            raise InputError(
                f"lights.set: expected {self._kinds.count(DIRECTIONAL)} directional and {self._kinds.count(POINT)}"
                f" point lights, as these lights have, got {kinds.count(DIRECTIONAL)} and {kinds.count(POINT)};"
                " for another number make new Lights"
            )
        self._write(colors, vectors)

    def numpy(self, name: Literal["color", "vector"]) -> Array:
        """The numbers of ``"color"`` or ``"vector"`` as a NumPy array (L, 3).

        Raises:
            InputError: there is no such field.
        """
        return self.fields.get(self.fields.known(name))

    def _write(self, colors, vectors):
        self.fields.set("color", colors)
        self.fields.set("vector", vectors)

    def _setting(self, name):
        return f'lights.fields.set("{name}", values)' if self.fields.has(name) else None

    @classmethod
    def default(cls) -> "Lights":
        """A key light from the upper right, a weaker fill from the left, a rim light from behind, and ambient light."""
        return cls(
            ambient=0.35,
            directional=[
                DirectionalLight((0.6, 0.8, 1.0), 0.55),
                DirectionalLight((-1.0, 0.2, 0.6), 0.2),
                DirectionalLight((0.0, 0.6, -1.0), 0.25),
            ],
        )

    def __repr__(self):
        directional, point = self._kinds.count(DIRECTIONAL), self._kinds.count(POINT)
        area = f", {len(self.area)} area" if self.area else ""
        return f"Lights(ambient, {directional} directional, {point} point{area}; fields: color, vector)"

    @off_tape
    def check(self) -> None:
        """Validates the fields as they are now.

        Raises:
            InputError: which light, and what is wrong with it.
        """
        colors, vectors = self.fields.get("color"), self.fields.get("vector")
        for i, kind in enumerate(self._kinds):
            checks.vector(colors[i], f"light {i}", "color")
            if kind == DIRECTIONAL:
                checks.direction(vectors[i], f"light {i}", *TOWARDS)
            else:
                checks.vector(vectors[i], f"light {i}", "vector")
        for light in self.area:
            light.check()


@lru_cache(maxsize=32)
def _kind_array(token, kinds):
    """The kinds as an array of the runtime ``token``."""
    return array_from(kinds, ti.i32)


def _rows(ambient, directional, point):
    """Kinds, colours (L, 3) and vectors (L, 3) of lights."""
    directional, point = _as_tuple(directional, DirectionalLight), _as_tuple(point, PointLight)
    colors = [checks.color(ambient, "ambient light", "color")]
    vectors = [np.zeros(3)]
    for i, light in enumerate(directional):
        name = f"directional light {i}"
        colors.append(_light_color(light, name))
        vectors.append(checks.direction(light.direction, name, *TOWARDS))
    for i, light in enumerate(point):
        name = f"point light {i}"
        colors.append(_light_color(light, name))
        vectors.append(checks.vector(light.position, name, "position"))
    kinds = (AMBIENT, *[DIRECTIONAL] * len(directional), *[POINT] * len(point))
    return kinds, np.stack(colors), np.stack(vectors)


def _as_tuple(lights, kind):
    lights = (lights,) if isinstance(lights, DirectionalLight | PointLight | AreaLight) else tuple(lights)
    for light in lights:
        if not isinstance(light, kind):
            expected = "RectangleLight or SphereLight" if kind is AreaLight else kind.__name__
            raise InputError(f"expected {expected} objects, got {light!r}")
    return lights


def _light_color(light, name):
    if np.ndim(light.intensity) != 0 or not np.isfinite(light.intensity) or light.intensity < 0:
        raise InputError(f"{name}: expected a finite intensity >= 0, got {light.intensity!r}")
    return light.intensity * checks.color(light.color, name, "color")
