"""How a surface reflects light, lets it through, and glows."""

import math
from dataclasses import dataclass

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.types import Color

MOSTLY = 0.5  # the share of transmission from which on a surface is clear
SMOOTHEST = 0.2  # roughness: highlights of less would fall between pixels
LEAST_REST = 1e-3
SHADINGS = ("none", "flat", "gouraud", "phong")


@dataclass(frozen=True)
class Material:
    """Reflection of a surface: Lambert's diffuse term in the surface's own colour plus a Blinn-Phong highlight.

        color = own color * (ambient + sum_k light_k max(n.l_k, 0)) + specular * sum_k light_k max(n.h_k, 0)^shininess

    The own colour is that of the vertices, of the faces or of the texture, whichever the mesh has; the highlight has
    the colour of the light.  ``specular`` >= 0 weighs it, ``shininess`` > 0 narrows it.  ``shading`` says where light
    is found, alike for colours of vertices and faces and for textures:

    =============  ==========================================  ==============================
    shading        light is found                              on
    =============  ==========================================  ==============================
    ``"none"``     not at all: the own colours are shown
    ``"flat"``     at the centre of every face                 the side of a face that is seen
    ``"gouraud"``  at the vertices, and is interpolated        the outer side
    ``"phong"``    at every pixel, with interpolated normals   the outer side
    =============  ==========================================  ==============================

    Facets, and both sides of an open surface, need ``"flat"``: under ``"gouraud"`` a mesh of ``face_colors`` is as
    smooth as one of ``colors``, with one own colour over each face.

    The rest is for ray tracing; rasterizers take no notice of it.

    * ``albedo`` in [0, 1]: multiplies the mesh's own colour, is the colour of a ``Sphere``, ``Plane`` or ``Rectangle``.
    * ``reflectivity`` in [0, 1]: the share of light that comes from the mirror's direction; 1 is a perfect mirror.
    * ``index_of_refraction`` > 0: light goes through, bent by Snell's law, and is reflected as Fresnel has it; 1.5 is
      glass, 1.33 water.  Such a surface has no colour, highlight or ``reflectivity`` of its own.  None: it is opaque.
    * ``emission`` >= 0: radiance that the surface sends out by itself, from its outer side.  It is seen, and lights
      nothing: what is to light others is a ``RectangleLight`` or a ``SphereLight``.

    Colours are linear RGB, or one number for a grey.

    Raises:
        InputError: a value outside its domain.

    >>> Material(albedo=0.5, reflectivity=0.2).albedo
    (0.5, 0.5, 0.5)
    """

    shading: str = "gouraud"
    specular: float = 0.0
    shininess: float = 32.0
    albedo: Color = (1.0, 1.0, 1.0)
    reflectivity: float = 0.0
    index_of_refraction: float | None = None
    emission: Color = (0.0, 0.0, 0.0)

    def __post_init__(self):
        if self.shading not in SHADINGS:
            raise InputError(f"Material.shading: expected one of {', '.join(SHADINGS)}; got {self.shading!r}")
        if not (math.isfinite(self.specular) and self.specular >= 0):
            raise InputError(f"Material.specular: expected a finite number >= 0, got {self.specular!r}")
        if not (math.isfinite(self.shininess) and self.shininess > 0):
            raise InputError(f"Material.shininess: expected a finite number > 0, got {self.shininess!r}")
        if not 0 <= self.reflectivity <= 1:
            raise InputError(f"Material.reflectivity: expected a number in [0, 1], got {self.reflectivity!r}")
        index = self.index_of_refraction
        if index is not None and not (math.isfinite(index) and index > 0):
            raise InputError(
                f"Material.index_of_refraction: expected a finite number > 0 (1.5 is glass), or None for what is"
                f" opaque, got {index!r}"
            )
        for name, most in (("albedo", 1.0), ("emission", math.inf)):
            object.__setattr__(self, name, _color(getattr(self, name), name, most))

    @classmethod
    def from_metallic_roughness(
        cls,
        base_color: Color,
        metallic: float = 1.0,
        roughness: float = 1.0,
        *,
        ior: float = 1.5,
        transmission: float = 0.0,
        emission: Color = 0.0,
    ) -> "Material":
        """The material that comes nearest to glTF's metallic-roughness, for what has ``base_color`` as its own colour.

        With metallic m, roughness r and the smallest channel b of the base colour:

            F0 = ((ior - 1) / (ior + 1))^2          what a dielectric reflects, seen from straight above
            f = F0 + m (b - F0)                     what this reflects without a tint
            reflectivity = (1 - r)^2 f
            shininess = 2 / r^4 - 2                 the Blinn-Phong exponent of GGX of alpha = r^2; r at least 0.2
            specular = (1 - r) f (shininess + 2) / 8 / (1 - reflectivity)

        The last is the normalised Blinn-Phong reflection, ``f (shininess + 2) / (8 pi)``, of lights without the ``pi``.
        ``albedo`` is such that a metal reflects the base colour in all: what is tinted about its mirror image is given
        to the diffuse term instead, and so is what rough metals reflect without an image.  More ``transmission`` than
        1/2 makes it clear, with ``ior`` as its index of refraction and no colour.  Reflection does not rise towards
        grazing angles but of clear objects.

        Raises:
            InputError: a value outside its domain: metallic, roughness and transmission in [0, 1], ior >= 1.

        Sources: glTF 2.0, Appendix B (Khronos, 2021); Karis, Specular BRDF Reference, 2013, for the exponent; Akenine-
        Moeller, Haines, Hoffman, Real-Time Rendering, 3rd ed., 2008, 7.6, for the normalisation.

        >>> mirror = Material.from_metallic_roughness((0.9, 0.9, 0.9), metallic=1, roughness=0)
        >>> mirror.reflectivity
        0.9
        >>> plastic = Material.from_metallic_roughness((0.2, 0.4, 0.6), metallic=0, roughness=0.5)
        >>> round(plastic.reflectivity, 3), plastic.shininess, round(plastic.specular, 3)
        (0.01, 30.0, 0.081)
        """
        for name, value in {"metallic": metallic, "roughness": roughness, "transmission": transmission}.items():
            if not 0 <= value <= 1:
                raise InputError(
                    f"Material.from_metallic_roughness: {name}: expected a number in [0, 1], got {value!r}"
                )
        if not (math.isfinite(ior) and ior >= 1):
            raise InputError(f"Material.from_metallic_roughness: ior: expected a finite number >= 1, got {ior!r}")
        base = np.array(_color(base_color, "base_color", 1.0))
        if transmission > MOSTLY:
            return cls(index_of_refraction=ior, emission=emission)
        dielectric = ((ior - 1) / (ior + 1)) ** 2
        plain = dielectric + metallic * (float(base.min()) - dielectric)
        reflectivity = (1 - roughness) ** 2 * plain
        rest = max(1 - reflectivity, LEAST_REST)  # what the diffuse term and the highlight are multiplied by
        shininess = 2 / max(roughness, SMOOTHEST) ** 4 - 2
        of_metal = np.clip((base - reflectivity) / np.maximum(base * rest, LEAST_REST), 0, 1)
        return cls(
            specular=(1 - roughness) * plain * (shininess + 2) / 8 / rest,
            shininess=max(shininess, 1.0),
            albedo=tuple((1 + metallic * (of_metal - 1)).tolist()),
            reflectivity=reflectivity,
            emission=emission,
        )


def _color(given, name, most):
    """A colour as three numbers in [0, most]."""
    try:
        values = np.broadcast_to(np.asarray(given, np.float64), 3)
    except (TypeError, ValueError):
        values = np.full(3, np.nan)
    if not (np.isfinite(values) & (values >= 0) & (values <= most)).all():
        domain = "finite and >= 0" if math.isinf(most) else f"in [0, {most:g}]"
        raise InputError(f"Material.{name}: expected a number or three of linear RGB, {domain}, got {given!r}")
    return tuple(values.tolist())
