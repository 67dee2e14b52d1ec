"""Lights with an extent: rectangles and spheres that shine, and throw soft shadows."""

from taichi_dr.scene import checks
from taichi_dr.scene.analytic import Flat, Round, Solid
from taichi_dr.scene.material import Material
from taichi_dr.types import ArrayLike, Color, Field

RADIANCE = ((1,), 3)


class AreaLight(Solid):
    """A solid that shines: ``radiance`` is an array (1, 3) of its own."""

    material = Material(albedo=0.0)

    @property
    def radiance(self) -> Field:
        """(1,) vec3 field, linear RGB: what is seen of it from everywhere."""
        return self.fields.field("radiance")

    def _checked(self, values):
        radiance = checks.color(values["radiance"], self.name, "radiance")
        return super()._checked(values) | {"radiance": radiance}


class RectangleLight(AreaLight, Flat):
    """A rectangle ``center + a u + b v`` of a and b in [-1, 1] that shines with ``radiance`` on the side of u x v.

    u and v (3,) are half its edges, in world units.  Where a surface has the normal n it receives

        E = integral over the light of radiance max(n.l, 0) max(-n_light.l, 0) / r^2,    l the unit direction to it

    which far away and face to face is ``radiance area / r^2``; of that ``albedo / pi`` is sent back.  It is seen
    itself, black from behind, and hides what is behind it.  For ray tracing: other renderers refuse it.

    Fields with gradients, of shape (1,): ``center``, ``u``, ``v`` (vec3, world units) and ``radiance`` (vec3, linear
    RGB; one number is a grey).

    Raises:
        InputError: numbers that are not finite, u and v along one line, a negative radiance.

    >>> lamp = RectangleLight((0, 3, 0), u=(1, 0, 0), v=(0, 0, 0.5), radiance=5)
    >>> lamp.numpy("radiance").tolist()
    [[5.0, 5.0, 5.0]]
    """

    def __init__(
        self, center: ArrayLike, u: ArrayLike, v: ArrayLike, radiance: Color = 1.0, *, name: str = "rectangle_light"
    ) -> None:
        self._allocate(name, {"center": center, "u": u, "v": v, "radiance": radiance}, radiance=RADIANCE)

    def set(
        self,
        center: ArrayLike | None = None,
        u: ArrayLike | None = None,
        v: ArrayLike | None = None,
        radiance: Color | None = None,
    ) -> None:
        """Writes what is given anew; errors as the constructor's."""
        self._change(center=center, u=u, v=v, radiance=radiance)


class SphereLight(AreaLight, Round):
    """A sphere that shines with ``radiance`` all around.

    It is to those outside what a disc of its outline is: a surface whose normal points at it, the whole of it above the
    surface's horizon, receives ``E = pi radiance radius^2 / r^2`` from its centre r away, and sends ``albedo / pi`` of
    that back.  It is seen itself, and hides what is behind it.  For ray tracing: other renderers refuse it.

    Fields with gradients, of shape (1,): ``center`` (vec3), ``radius`` (world units) and ``radiance`` (vec3, linear
    RGB; one number is a grey).

    Raises:
        InputError: numbers that are not finite, a radius that is not above 0, a negative radiance.

    >>> SphereLight((0, 3, 0), radius=0.5, radiance=(5, 4, 3))
    SphereLight('sphere_light'; fields: center, radius, radiance)
    """

    def __init__(
        self, center: ArrayLike, radius: float = 1.0, radiance: Color = 1.0, *, name: str = "sphere_light"
    ) -> None:
        self._allocate(name, {"center": center, "radius": radius, "radiance": radiance}, radiance=RADIANCE)

    def set(self, center: ArrayLike | None = None, radius: float | None = None, radiance: Color | None = None) -> None:
        """Writes what is given anew; errors as the constructor's."""
        self._change(center=center, radius=radius, radiance=radiance)
