"""How a surface reflects light."""

import math
from dataclasses import dataclass

from taichi_dr.errors import InputError

SHADINGS = ("none", "flat", "gouraud", "phong")


@dataclass(frozen=True)
class Material:
    """Reflection of a mesh: Lambert's diffuse term in the mesh's own colour plus a Blinn-Phong highlight.

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
