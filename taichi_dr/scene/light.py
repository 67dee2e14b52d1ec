"""Lights: ambient, directional, point, spot and area, with gradients for their colours, directions and positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, Literal

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.fields.tree import Layout
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.shading.light import (
    AMBIENT,
    AXIS,
    CONE,
    DIRECTIONAL,
    NARROWEST,
    POINT,
    SPOT,
    VECTOR_COLUMNS,
)
from taichi_dr.runtime import runtime_token
from taichi_dr.scene import checks
from taichi_dr.scene.area_light import AreaLight
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Color, Field

TOWARDS = "direction", "a direction towards the light"
FROM = "direction", "the direction in which the light shines"

PLACED = ("vector", 0, 3), ("axis", AXIS, 3), ("cone", CONE, 2)  # fields of one array, where there are spot lights


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


@dataclass(frozen=True)
class SpotLight:
    """Light from ``position`` into a cone; like a point light's it does not weaken with distance.

    ``direction``: the way that it shines, *from* the lamp into the scene, of any length.  ``inner_deg`` and
    ``outer_deg``: angles between its axis and the light, in degrees, ``0 < inner_deg < outer_deg < 90``: up to the
    inner one a surface receives all of its light, from the outer one on none, and in between the share

        t^2 (3 - 2 t),    t = (cosine - cos outer_deg) / (cos inner_deg - cos outer_deg)

    of it, ``cosine`` that of the angle to the axis.  The share and its slope are continuous: the rim of the cone is no
    edge, and gradients need no boundary terms there.

    Source: the angles are those of glTF's extension KHR_lights_punctual, the smooth step that of three.js.

    >>> SpotLight((0, 3, 0), direction=(0, -1, 0), inner_deg=15, outer_deg=20).intensity
    1.0
    """

    position: ArrayLike
    direction: ArrayLike
    intensity: float = 1.0
    color: Color = (1.0, 1.0, 1.0)
    inner_deg: float = 20.0
    outer_deg: float = 30.0


class Lights(FieldOwner):
    """L lights: row 0 is the ambient light, then the directional lights, then the point lights, then the spot lights.

    Fields with gradients:
        color (L,) vec3: intensity times colour, linear RGB.
        vector (L,) vec3: the direction towards a directional light, the position of a point or spot light, unused for
            ambient.
        axis (L,) vec3: the direction in which a spot light shines, unused for others.
        cone (L,) vec2: the cosines of a spot light's inner and outer angle, unused for others; the derivative by an
            angle is that by its cosine times minus its sine.
    ``axis`` and ``cone`` exist with spot lights only, and share an array with ``vector`` then: optimisers take the
    fields, and ``variable`` has none of the three.
    ``kinds`` (L,) is an int32 array of ``AMBIENT``, ``DIRECTIONAL``, ``POINT``, ``SPOT``.

    ``ambient`` is a grey level or a colour.  Fields of directions keep the length they were given with; shading
    normalises them, so that an optimiser may move them freely.

    ``area`` are ``RectangleLight``s and ``SphereLight``s, which have fields of their own (``lights.area[0].radiance``)
    and are not among the L: a tuple.  They are for ray tracing; other renderers refuse lights that have any.

    Raises:
        InputError: a number that is not finite, a negative intensity, a direction of length zero, angles of a spot
            light that are no cone.

    >>> Lights(ambient=0.3, directional=[DirectionalLight((0, 1, 1), 0.7)]).count
    2
    """

    def __init__(
        self,
        ambient: Color = 0.3,
        directional: DirectionalLight | Sequence[DirectionalLight] = (),
        point: PointLight | Sequence[PointLight] = (),
        area: AreaLight | Sequence[AreaLight] = (),
        spot: SpotLight | Sequence[SpotLight] = (),
    ) -> None:
        kinds, values = _rows(ambient, directional, point, spot)
        self.area: tuple[AreaLight, ...] = _as_tuple(area, AreaLight)
        if len({id(light) for light in self.area}) < len(self.area):
            raise InputError("area: a light is there twice: give each once")
        self.count = len(kinds)
        self.kinds = _kind_array(runtime_token(), kinds)
        vectors = {"vector": Layout.of("vector", (self.count,), 3)}
        if SPOT in kinds:
            vectors = {"placed": Layout((self.count,), VECTOR_COLUMNS, PLACED)}
        self.fields = self._GROUP("lights", color=((self.count,), 3), **vectors)
        self._kinds = kinds
        self._write(values)

    @property
    def color(self) -> Field:
        """(L,) vec3 field: intensity times colour, linear RGB."""
        return self.fields.field("color")

    @property
    def vector(self) -> Field:
        """(L,) vec3 field: the direction towards a directional light, the position of a point or spot light."""
        return self.fields.field("vector")

    @property
    def axis(self) -> Field:
        """(L,) vec3 field: the direction in which a spot light shines.

        Raises:
            InputError: there is no spot light.
        """
        return self.fields.field(self.fields.known("axis"))

    @property
    def cone(self) -> Field:
        """(L,) vec2 field: the cosines of a spot light's inner and outer angle.

        Raises:
            InputError: there is no spot light.
        """
        return self.fields.field(self.fields.known("cone"))

    @property
    def arrays(self) -> tuple[Any, Any]:
        """What kernels take besides ``kinds``: colours (L, 3), and vectors (L, 3), with spot lights (L, 8)."""
        return tuple(self.fields.arrays.values())

    @property
    def adjoints(self) -> tuple[Any, Any]:
        """The adjoints of ``arrays``."""
        return tuple(self.fields.adjoints[name] for name in self.fields.arrays)

    def set(
        self,
        ambient: Color = 0.3,
        directional: DirectionalLight | Sequence[DirectionalLight] = (),
        point: PointLight | Sequence[PointLight] = (),
        spot: SpotLight | Sequence[SpotLight] = (),
    ) -> None:
        """Writes all lights anew: as many of each kind as there are; arguments as the constructor's.

        Area lights are written each by itself: ``lights.area[0].set(radiance=2)``.  One of the fields here alone is
        written by ``lights.fields.set("color", values)`` (``"vector"``, ``"axis"``, ``"cone"``).

        Raises:
            InputError: another number of lights of a kind, or as the constructor does.

        >>> lights = Lights(directional=DirectionalLight((0, 1, 0)))
        >>> lights.set(0.25, directional=DirectionalLight((1, 0, 0), 0.5))
        >>> lights.numpy("color").tolist()
        [[0.25, 0.25, 0.25], [0.5, 0.5, 0.5]]
        """
        kinds, values = _rows(ambient, directional, point, spot)
        if kinds != self._kinds:
            raise InputError(
                f"lights.set: expected {_counts(self._kinds)}, as these lights have, got {_counts(kinds)};"
                " for another number make new Lights"
            )
        self._write(values)

    def numpy(self, name: Literal["color", "vector", "axis", "cone"]) -> Array:
        """The numbers of a field as a NumPy array (L, 3), of ``"cone"`` (L, 2).

        Raises:
            InputError: there is no such field.
        """
        return self.fields.get(self.fields.known(name))

    def _write(self, values):
        for name, numbers in values.items():
            if self.fields.has(name):
                self.fields.set(name, numbers)

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
        spot = f", {self._kinds.count(SPOT)} spot" if SPOT in self._kinds else ""
        area = f", {len(self.area)} area" if self.area else ""
        counts = f"{self._kinds.count(DIRECTIONAL)} directional, {self._kinds.count(POINT)} point{spot}{area}"
        return f"Lights(ambient, {counts}; fields: color, vector{', axis, cone' if spot else ''})"

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
            if kind == SPOT:
                checks.direction(self.fields.get("axis")[i], f"light {i}", *FROM)
                check_cone(self.fields.get("cone")[i], f"light {i}")
        for light in self.area:
            light.check()


@lru_cache(maxsize=32)
def _kind_array(token, kinds):
    """The kinds as an array of the runtime ``token``."""
    return array_from(kinds, ti.i32)


def _rows(ambient, directional, point, spot):
    """Kinds of lights, and what their fields hold: {name: (L, 3) or (L, 2)}."""
    directional, point = _as_tuple(directional, DirectionalLight), _as_tuple(point, PointLight)
    spot = _as_tuple(spot, SpotLight)
    colors = [checks.color(ambient, "ambient light", "color")]
    vectors = [np.zeros(3)]
    for i, light in enumerate(directional):
        name = f"directional light {i}"
        colors.append(_light_color(light, name))
        vectors.append(checks.direction(light.direction, name, *TOWARDS))
    for kind, lights in (("point", point), ("spot", spot)):
        for i, light in enumerate(lights):
            name = f"{kind} light {i}"
            colors.append(_light_color(light, name))
            vectors.append(checks.vector(light.position, name, "position"))
    kinds = (AMBIENT, *[DIRECTIONAL] * len(directional), *[POINT] * len(point), *[SPOT] * len(spot))
    axes, cones = np.zeros((len(kinds), 3)), np.zeros((len(kinds), 2))
    for i, light in enumerate(spot):
        name, row = f"spot light {i}", len(kinds) - len(spot) + i
        axes[row] = checks.direction(light.direction, name, *FROM)
        cones[row] = _cosines(light, name)
    return kinds, {"color": np.stack(colors), "vector": np.stack(vectors), "axis": axes, "cone": cones}


def _cosines(light, name):
    """Of a spot light's inner and outer angle."""
    angles = light.inner_deg, light.outer_deg
    is_cone = all(isinstance(angle, Real) for angle in angles) and 0 < angles[0] < angles[1] < 90
    if not is_cone:
        raise InputError(
            f"{name}: expected degrees 0 < inner_deg < outer_deg < 90, got inner_deg={angles[0]!r} and"
            f" outer_deg={angles[1]!r}"
        )
    cosines = np.cos(np.radians(angles))
    check_cone(cosines, name)
    return cosines


def check_cone(cosines, name):
    """Raises InputError for two cosines that are not those of a cone that single precision can tell from its edge."""
    inner, outer = np.asarray(cosines, np.float32)
    if not 0 < outer < inner <= 1 or inner - outer < NARROWEST:
        raise InputError(
            f"{name}: expected a cone of cosines 1 > inner > outer > 0 that are {NARROWEST} apart, got inner {inner}"
            f" and outer {outer}"
        )


def _counts(kinds):
    """How many lights of each kind there are, for a message."""
    return f"{kinds.count(DIRECTIONAL)} directional, {kinds.count(POINT)} point and {kinds.count(SPOT)} spot lights"


def _as_tuple(lights, kind):
    lights = (lights,) if isinstance(lights, DirectionalLight | PointLight | SpotLight | AreaLight) else tuple(lights)
    for light in lights:
        if not isinstance(light, kind):
            expected = "RectangleLight or SphereLight" if kind is AreaLight else kind.__name__
            raise InputError(f"expected {expected} objects, got {light!r}")
    return lights


def _light_color(light, name):
    if np.ndim(light.intensity) != 0 or not np.isfinite(light.intensity) or light.intensity < 0:
        raise InputError(f"{name}: expected a finite intensity >= 0, got {light.intensity!r}")
    return light.intensity * checks.color(light.color, name, "color")
