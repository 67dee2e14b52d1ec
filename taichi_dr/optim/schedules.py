"""Learning-rate schedules: callables ``step -> factor`` that optimisers multiply their learning rates by.

Steps count from 0.  Any function of the step will do in their place.
"""

import math
from collections.abc import Iterable

from taichi_dr.errors import InputError
from taichi_dr.types import Schedule


def constant() -> Schedule:
    """1 at every step."""
    return lambda step: 1.0


def exponential(rate: float, period: float = 1) -> Schedule:
    """``rate^(step / period)``: ``exponential(0.1, 1000)`` falls tenfold every 1,000 steps, smoothly."""
    _positive("rate", rate)
    _positive("period", period)
    return lambda step: rate ** (step / period)


def cosine(steps: float, final: float = 0.0) -> Schedule:
    """Half a cosine from 1 at step 0 to ``final`` at step ``steps``, and ``final`` from there on."""
    _positive("steps", steps)
    return lambda step: final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))


def step_decay(rate: float, milestones: Iterable[int]) -> Schedule:
    """``rate^k`` after k of the ``milestones`` have been reached.

    >>> [step_decay(0.1, [2, 3])(step) for step in (0, 2)]
    [1.0, 0.1]
    """
    _positive("rate", rate)
    milestones = tuple(milestones)
    return lambda step: float(rate ** sum(step >= milestone for milestone in milestones))


def warm_up(steps: float, schedule: Schedule | None = None) -> Schedule:
    """Rises linearly, ``(step + 1) / steps``, through the first ``steps`` steps, times ``schedule(step)`` if given."""
    _positive("steps", steps)
    then = schedule or constant()
    return lambda step: min((step + 1) / steps, 1.0) * then(step)


def _positive(name, value):
    if not value > 0:
        raise InputError(f"{name}: expected a positive number, got {value}")
