"""A radiance field along a batch of rays: sampled, evaluated, added up; and the way back."""

from typing import Any, NamedTuple

from taichi_dr.errors import InputError
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.implicit.radiance.inline import InlineRadiance
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.composite import composite, composite_adjoint
from taichi_dr.kernels.volume.evaluate import count_wrong
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.kernels.volume.rounds import begin, composite_next
from taichi_dr.kernels.volume.sample import place_points, place_points_adjoint
from taichi_dr.kernels.volume.walk import see_evenly
from taichi_dr.render.volume.samplers import EvenSampler, Sampler, Samples

WRONG = ("NaN", "infinite (above 1e30)", "negative")


class RayAdjoints(NamedTuple):
    """What moves rays: adjoints of their ``origins``, ``directions`` (R, 3) and ``ends`` (R, >= 2)."""

    origins: Any
    directions: Any
    ends: Any


class Evaluated(NamedTuple):
    """A batch of rays, its samples, and what the function is there: good until the next batch.

    ``points``, ``directions`` (P, 3); ``values`` (P, 4): density, red, green, blue.
    """

    rays: RayBatch
    samples: Samples
    points: Any
    directions: Any
    values: Any


class RayMarch:
    """Emission and absorption along rays; ``tolerance``: the transmittance at which a ray has seen enough."""

    def __init__(self, buffers: Buffers, function: RadianceFunction, sampler: Sampler, tolerance: float) -> None:
        self.function, self.sampler, self.tolerance = function, sampler, tolerance
        self._buffers = buffers

    def evaluate(self, rays: RayBatch) -> Evaluated:
        """Samples a batch of rays, and the function there."""
        samples = self.sampler.sample(rays, self.function)
        return Evaluated(rays, samples, *self._evaluated(rays, samples))

    def _evaluated(self, rays, samples):
        """Points, directions and the function's values of samples."""
        points, directions = self._rows("points", samples.size, 3), self._rows("turns", samples.size, 3)
        values = self._rows("values", samples.size, 4)
        if samples.size:
            place_points(rays.origins, rays.directions, rays.size, samples.first, samples.t, points, directions)
            self.function.forward(points, directions, values, samples.size)
        return points, directions, values

    @property
    def walks(self) -> bool:
        """Whether ``forward`` goes along rays sample by sample, in one kernel and without an array of samples."""
        return isinstance(self.function, InlineRadiance) and type(self.sampler) is EvenSampler

    def forward(self, rays: RayBatch, seen: Any) -> None:
        """Writes ``seen`` (R, 5), as ``add_up`` of ``evaluate`` does; behind what hides it, little is evaluated."""
        function, sampler = self.function, self.sampler
        if isinstance(function, InlineRadiance) and type(sampler) is EvenSampler:
            along = (*rays[:4], rays.size, sampler.most, sampler.stratified, sampler.seed)
            if see_evenly(function.func, function.packets, *along, self.tolerance, seen) == 0:
                return
        if self.tolerance > 0:
            self._see_in_rounds(rays, seen)
        else:
            self.add_up(self.evaluate(rays), seen)

    def _see_in_rounds(self, rays, seen):
        through = self._buffers.at_least("through", rays.size)
        begin(rays.size, through, seen)
        for samples in self.sampler.rounds(rays, self.function, through, self.tolerance):
            _, _, values = self._evaluated(rays, samples)
            _require_usable(values, samples.size)
            composite_next(*samples[:3], values, rays.size, self.tolerance, through, seen)

    def add_up(self, found: Evaluated, seen: Any) -> None:
        """Writes ``seen`` (R, 5): red, green, blue, opacity, and the sum of weights times distances.

        Raises:
            InputError: densities that are NaN, infinite or negative, or colours that are not finite (how many).
        """
        _require_usable(found.values, found.samples.size)
        composite(*self._places(found), seen)

    def adjoint(self, found: Evaluated, seen: Any, seen_adjoint: Any, moved: RayAdjoints | None) -> None:
        """Adds to the function's gradients, and with ``moved`` to that of the rays, what ``seen_adjoint`` implies.

        Origins and directions of ``moved`` are written, ends are added to.
        """
        rays, samples, points, directions, _ = found
        count = samples.size
        values_adjoint = self._rows("values_adjoint", count, 4)
        t_adjoint, lengths_adjoint = (
            self._buffers.at_least(name, count if moved else 1) for name in ("t_adjoint", "lengths_adjoint")
        )
        composite_adjoint(
            *self._places(found), seen, seen_adjoint, values_adjoint, moved is not None, t_adjoint, lengths_adjoint
        )
        if moved is None:
            self.function.adjoint(points, directions, values_adjoint, None, None, count)
            return
        points_adjoint, turns_adjoint = (self._rows(name, count, 3) for name in ("points_adjoint", "turns_adjoint"))
        points_adjoint.fill(0)
        turns_adjoint.fill(0)
        self.function.adjoint(points, directions, values_adjoint, points_adjoint, turns_adjoint, count)
        at = rays.directions, rays.size, samples.first, samples.t
        place_points_adjoint(*at, points_adjoint, turns_adjoint, t_adjoint, moved.origins, moved.directions)
        self.sampler.adjoint(rays, samples, t_adjoint, lengths_adjoint, moved.ends)

    def _places(self, found):
        samples = found.samples
        return samples.first, samples.t, samples.lengths, found.values, found.rays.size, self.tolerance

    def _rows(self, name, rows, columns):
        return self._buffers.at_least(name, rows, columns=(columns,))


def _require_usable(values, count):
    wrong = count_wrong(values, count)
    kinds = [f"{wrong[k]} of {count} densities are {words}" for k, words in enumerate(WRONG) if wrong[k]]
    if wrong[3]:
        kinds.append(f"{wrong[3]} of {count} colours are not finite")
    if kinds:
        raise InputError(
            f"a radiance field: expected densities >= 0 and finite colours, got {'; '.join(kinds)}; look for 0 / 0,"
            " negative roots and overflows, and at the fields that it reads"
        )
