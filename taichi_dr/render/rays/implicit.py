"""Signed distances among the things that rays meet."""

from collections.abc import Callable
from typing import Any

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.implicit.bounds import Ball, Box
from taichi_dr.implicit.constant import ConstantFunction
from taichi_dr.implicit.function import DistanceFunction, SpaceFunction, slope_step
from taichi_dr.implicit.inline import InlineDistance, InlineFunction
from taichi_dr.kernels.march.wavefront import chunks, compact
from taichi_dr.kernels.rays import implicit as kernels
from taichi_dr.kernels.rays.solids import IMPLICIT
from taichi_dr.render.arguments import positive, require_kind, whole
from taichi_dr.scene.material import Material
from taichi_dr.types import Color

NEAR = 1e-4  # of the bounds' radius: how close to the surface rays step by what the function says
STEP = 2e-3  # ... of normals' differences: what single precision bears
ROUNDS = 3


class Implicit:
    """An object whose surface is where a signed distance is 0, for a ``Scene``.

    Gradients go to every field that ``function`` and ``color`` read: places move by the implicit function theorem.

    Arguments:
        function: a loop-free ``ti.func`` of a point that returns its signed distance, or a bound, reading any of your
            fields; ``dr.sdf.Exact`` of one; ``dr.sdf.Grid``, ``dr.sdf.Latent``.
        bounds: ``dr.Box`` or ``dr.Ball`` outside of which there is nothing of it.
        color: linear RGB, or a loop-free ``ti.func`` of a point that returns it; times the material's ``albedo``.
        material: a ``dr.Material``; normals are the function's gradients, whatever its ``shading``.
        scale: what values are multiplied by before they are trusted as distances.
        max_steps: evaluations for each ray at most; a ray that is not there by then goes by.

    >>> import taichi as ti, taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> @ti.func
    ... def ball(p):
    ...     return p.norm() - 0.5
    >>> scene = dr.Scene(dr.Implicit(ball, dr.Box(-1, 1)))
    >>> frame = dr.RayTracer(size=16).render(scene, dr.Camera(eye=(0, 0, 3), fov_y=0.8))
    >>> round(float(frame.depth[0, 8, 8]), 2)
    2.51
    """

    kind = IMPLICIT

    def __init__(
        self,
        function: Callable[..., Any] | DistanceFunction,
        bounds: Box | Ball,
        *,
        color: Color | Callable[..., Any] | SpaceFunction = (0.7, 0.7, 0.7),
        material: Material | None = None,
        scale: float = 1.0,
        max_steps: int = 256,
        name: str = "implicit",
    ) -> None:
        if not isinstance(bounds, Box | Ball):
            raise InputError(f"Implicit: bounds: expected a dr.Box or a dr.Ball, got {bounds!r}")
        self.function = function if isinstance(function, DistanceFunction) else InlineDistance(function)
        self.bounds, self.name = bounds, name
        self.color = _color_function(color)
        self.material = Material() if material is None else material
        require_kind("material", self.material, Material)
        self.scale, self.max_steps = positive("scale", scale), whole("max_steps", max_steps)

    def __repr__(self):
        return f"Implicit({self.name!r} within {self.bounds!r})"

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since its functions were made."""
        self.function.check()
        self.color.check()

    @property
    def inputs(self) -> tuple:
        """What the functions depend on, but for fields that they read."""
        return (*self.function.inputs, *self.color.inputs)


def _color_function(color):
    if isinstance(color, SpaceFunction):
        return color
    return InlineFunction(color, 3) if callable(color) else ConstantFunction(color)


class ImplicitStage:
    """What rays meet of one ``Implicit``; ``code`` is what they meet then, ``thing`` whose it is."""

    def __init__(self, buffers, given, code, thing):
        self._buffers, self._given, self._code, self._thing = buffers, given, code, thing
        self._near, self._step = NEAR * given.bounds.radius, STEP * given.bounds.radius
        self._nearby = slope_step(self._step)

    def closest(self, level):
        """Has ``level.what`` and ``level.hits`` be the nearer of what is there and of this."""
        rays = level.origins, level.directions, level.ends, level.what, level.hits
        active, count, t = self._march(rays, level.count)
        for _ in range(ROUNDS if count else 0):
            self._polish(level, active, count, t)
        kernels.arrive(active, count, self._code, t, level.what, level.hits)

    def blocked(self, rays, count, met):
        """Sets ``met`` (R,) of the rays that meet it to 1."""
        nothing = self._buffers.at_least("no_hit", count, ti.i32)
        nothing.fill(-1)
        hits = self._buffers.at_least("no_hits", count, columns=(3,))
        active, found, _ = self._march((*rays, nothing, hits), count)
        kernels.block(active, found, met)

    def see(self, level, surfaces):
        """Writes ``level.seen`` of the rays that meet it."""
        active, count = self._those_that_meet(level)
        if count:
            points = self._place(level, active, count)
            colors = self._rows("colors", count, 3)
            self._given.color.forward(points, colors, count)
            seen = colors, self._thing, surfaces.materials, level.seen
            kernels.see(active, count, level.directions, points, self._gradients(points, count), *seen)

    def adjoint(self, level, surfaces):
        """Takes the adjoints of what is seen on to its functions and to the rays; leaves the albedo's for materials."""
        active, count = self._those_that_meet(level)
        if not count:
            return
        function, points = self._given.function, self._place(level, active, count)
        colors, gradients = self._rows("colors", count, 3), self._gradients(points, count)
        self._given.color.forward(points, colors, count)
        names = "points_adjoint", "gradients_adjoint", "colors_adjoint"
        by_point, by_gradient, by_color = (self._rows(name, count, 3) for name in names)
        seen = self._thing, surfaces.materials, level.seen, level.seen_adjoint
        kernels.see_adjoint(active, count, gradients, colors, *seen, by_point, by_gradient, by_color)
        self._given.color.adjoint(points, by_color, by_point, count)
        function.gradients_adjoint(points, by_gradient, by_point, count, self._step)
        by_value, rays = self._rows("values_adjoint", count, 1), (level.origins_adjoint, level.directions_adjoint)
        t = self._buffers.at_least("t", level.count)
        kernels.copy_t(active, count, level.hits, t)
        kernels.arrive_adjoint(
            active, count, level.directions, self._polish(level, active, count, t), by_point, by_value
        )
        function.adjoint(points, by_value, by_point, count)
        kernels.add_to_rays(active, count, level.hits, by_point, *rays)

    def _march(self, rays, count):
        """(active rays that are there, how many, t (R,))."""
        bounds, at_least = self._given.bounds, self._buffers.at_least
        numbers = self._buffers.constant(f"bounds_{self._code}", bounds.numbers)
        state, keep = at_least("state", count, ti.i32), at_least("going", count, ti.i32)
        before, t, last = (at_least(name, count) for name in ("before", "t", "last"))
        kernels.enter(*rays, count, numbers, isinstance(bounds, Ball), state, before, t, last, keep)
        active, going = self._kept(self._buffers.counting("numbers", count), keep, count, "active")
        for step in range(self._given.max_steps):
            if not going:
                break
            points, values = self._rows("points", going, 3), self._rows("values", going, 1)
            kernels.place(active, going, *rays[:2], t, points)
            self._given.function.forward(points, values, going)
            kernels.advance(active, going, values, self._given.scale, self._near, state, before, t, last, keep)
            active, going = self._kept(active, keep, going, ("other", "active")[step % 2])
        kernels.is_there(state, count, keep)
        return *self._kept(self._buffers.counting("numbers", count), keep, count, "there"), t

    def _polish(self, level, active, count, t):
        """Moves active rays closer to the surface; returns the function's slopes along them, (count,)."""
        points, values = self._rows("beside", 3 * count, 3), self._rows("values_beside", 3 * count, 1)
        kernels.place_beside(active, count, level.origins, level.directions, t, self._nearby, points)
        self._given.function.forward(points, values, 3 * count)
        slopes = self._buffers.at_least("slopes", count)
        kernels.polish(active, count, values, self._nearby, self._near, t, slopes)
        return slopes

    def _those_that_meet(self, level):
        keep = self._buffers.at_least("going", level.count, ti.i32)
        kernels.is_code(level.what, level.count, self._code, keep)
        return self._kept(self._buffers.counting("numbers", level.count), keep, level.count, "there")

    def _place(self, level, active, count):
        points = self._rows("points", count, 3)
        kernels.place_hits(active, count, level.origins, level.directions, level.hits, points)
        return points

    def _kept(self, active, keep, count, name):
        block = self._buffers.at_least("block", chunks(count) + 1, ti.i32)
        kept = self._buffers.at_least(name, count, ti.i32)
        return kept, compact(active, keep, count, block, kept)

    def _gradients(self, points, count):
        gradients = self._rows("gradients", count, 3)
        self._given.function.gradients(points, gradients, count, self._step)
        return gradients

    def _rows(self, name, count, columns):
        return self._buffers.at_least(f"implicit_{name}", max(1, count), columns=(columns,))
