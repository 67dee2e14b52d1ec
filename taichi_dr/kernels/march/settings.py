"""What marching is told, what it finds, and how it asks how far the surface is."""

from typing import Any, NamedTuple

MISS, OPAQUE, CUT, BAND, BROKEN = range(5)
"""What becomes of a ray: it meets nothing; it goes deep into the surface, or begins inside; it grazes something; the
function's value is NaN.
"""

LAYERS = 4
"""Surfaces that a ray may graze before it is given up."""


class Distance(NamedTuple):
    """How a kernel evaluates a distance: ``at(x, y, z, distance)`` for numbers, or packets of ``lanes`` of them."""

    at: Any  # a ti.func
    data: Any  # whatever it reads: a user's function, arrays
    lanes: Any


class March(NamedTuple):
    """Numbers that marching follows.

    ``scale``: what values are multiplied by before they are trusted as distances; ``width``: of the silhouettes' band,
    in pixels; ``near``, ``far``: depths; ``limit``: evaluations at most; ``relaxation``: what distances are multiplied
    by for steps that the next one shows to have been free, 1 where they are not exact.
    """

    scale: Any
    width: Any
    near: Any
    far: Any
    limit: Any
    relaxation: Any


class Met(NamedTuple):
    """What rays meet: ``status`` (V*H*W,) i32, ``t`` (V*H*W,) where, and the evaluations that it took."""

    status: Any
    t: Any
    evaluations: Any


class Layers(NamedTuple):
    """The layers of rays that graze something: of ray i the rows from ``LAYERS i`` on, ``count[i]`` of them.

    ``surface``: where on the ray the layer is seen; ``closest``: where the ray comes closest to what makes it, or
    deepest into it, ``NEVER`` if it is opaque.
    """

    surface: Any
    closest: Any
    count: Any


class Rays(NamedTuple):
    """Of which rays: ``camera`` (V, 16) packed, ``orthographic`` (static), ``bounds`` (a ``Bounds``), the image, and
    from which depth to which.
    """

    camera: Any
    orthographic: Any
    bounds: Any
    width: Any
    height: Any
    near: Any
    far: Any

    def flat(self):
        """The arguments of kernels from ``camera`` to ``height``."""
        return self.camera, self.orthographic, *self.bounds, self.width, self.height

    def view(self):
        """The first arguments of kernels that find the rays of pixels."""
        return self.camera, self.orthographic, self.width, self.height


class Surface(NamedTuple):
    """Where rows meet the surface: ``points`` and ``gradient`` of the function there (R, 3), ``inverse`` (R,): 1 over
    its slope along the ray, 0 where the surface does not move the point.
    """

    points: Any
    inverse: Any
    gradient: Any
