"""Functions that are distances, and not only bounds of them."""

from collections.abc import Callable
from typing import Any

from taichi_dr.implicit.inline import InlineDistance


class Exact(InlineDistance):
    """A ``ti.func`` of a point whose values are the distances themselves outside the surface.

    Rays may take longer steps then.  Not for smooth unions, scaled, repeated or twisted space and differences, which
    are bounds only: longer steps go through them.  docs/sdf.md says which functions of ``dr.sdf`` are exact.

    Arguments:
        func: as ``dr.SphereTracer`` takes it.

    Raises:
        GradientError: it has a loop, which Taichi would differentiate wrongly; the message has the line.
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        super().__init__(func, is_exact=True)
