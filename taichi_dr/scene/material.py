"""How a surface reflects light."""

import math
from dataclasses import dataclass

from taichi_dr.errors import InputError

SHADINGS = ("none", "flat", "gouraud", "phong")


@dataclass(frozen=True)
class Material:
    """Reflection of a mesh: Lambert's diffuse term in the mesh's own colour plus a Blinn-Phong highlight.

    ``shading`` says where the light is evaluated: ``"none"`` (colours as they are), ``"flat"`` (once per face),
    ``"gouraud"`` (at vertices, interpolated) or ``"phong"`` (at every pixel, with interpolated normals).
    ``specular`` >= 0 weighs the highlight ``max(n.h, 0)^shininess``; ``shininess`` > 0 narrows it.

    Raises:
        InputError: a value outside its domain.
    """

    shading: str = "gouraud"
    specular: float = 0.0
    shininess: float = 32.0

    def __post_init__(self):
        if self.shading not in SHADINGS:
            raise InputError(f"Material.shading: expected one of {', '.join(SHADINGS)}; got {self.shading!r}")
        if not (math.isfinite(self.specular) and self.specular >= 0):
            raise InputError(f"Material.specular: expected a finite number >= 0, got {self.specular!r}")
        if not (math.isfinite(self.shininess) and self.shininess > 0):
            raise InputError(f"Material.shininess: expected a finite number > 0, got {self.shininess!r}")
