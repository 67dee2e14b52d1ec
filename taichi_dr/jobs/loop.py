"""Steps until a budget is spent or Ctrl-C is pressed, with checkpoints on the way."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from taichi_dr.jobs.terminal.progress import progress_bar, say
from taichi_dr.ranks import ALONE, Ranks

SECONDS_BETWEEN_CHECKPOINTS = 60.0
STEPS_PER_ROW = 20  # of the losses' curves, which are means over so many


class Loop:
    """The budget of a run, and what it has spent.

    Arguments:
        settings: whose ``steps`` or ``minutes`` are the budget.
        steps, minutes: the budget of a new run where the settings have neither: one of the two.
        ranks: the processes that make the steps together.

    Attributes: ``steps`` made so far, ``seconds`` spent so far, ``rows`` of ``[step, {name: mean loss}]``.
    """

    def __init__(self, settings: Any, steps: int | None = None, minutes: float | None = None, ranks: Ranks = ALONE):
        self._asked_for = settings.steps is not None or settings.minutes is not None
        if self._asked_for:
            steps, minutes = settings.steps, settings.minutes
        self._in_steps = minutes is None
        self._budget = float((steps or 1) if minutes is None else 60 * minutes)
        self._ranks, self.steps, self.seconds, self.rows = ranks, 0, 0.0, []

    @property
    def fraction(self) -> float:
        """The part of the budget that is spent."""
        return (self.steps if self._in_steps else self.seconds) / self._budget

    def run(
        self, what: str, interrupt: Any, step: Callable[[float], dict[str, float]], save: Callable[[], None]
    ) -> None:
        """Calls ``step(fraction)``, which returns losses by name, and ``save()`` every minute and at the end.

        ``what``: the word in front of the bar.
        """
        if self.fraction >= 1 and self._ranks.leads:
            say("nothing is left to do: more --steps or --minutes, which count from the beginning, go on")
        started = time.monotonic() - self.seconds
        next_save, recent = time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS, []
        with progress_bar(what) as update:
            while (fraction := self._ranks.next_fraction(self.fraction, interrupt.requested)) < 1:
                recent.append(step(fraction))
                self.steps += 1
                self.seconds = time.monotonic() - started
                if self.steps % STEPS_PER_ROW == 0:
                    means = {name: float(np.mean([row[name] for row in recent])) for name in recent[0]}
                    self.rows.append([self.steps, means])
                    recent = []
                    words = " ".join(f"{name} {value:.3g}" for name, value in means.items())
                    update(self.fraction, f"step {self.steps}  {words}")
                if time.monotonic() > next_save and self._ranks.leads:
                    save()
                    next_save = time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS
        if self._ranks.leads:
            save()

    def state(self) -> dict[str, Any]:
        """What ``restore`` begins with, for JSON."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "losses": self.rows,
            "budget": [self._in_steps, self._budget],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Begins where ``state`` left off; its budget is this one's where the settings have none."""
        self.steps, self.seconds, self.rows = state["steps"], state["seconds"], state["losses"]
        if not self._asked_for:
            self._in_steps, self._budget = state["budget"]

    def curves(self) -> dict[str, list]:
        """The rows by name, for ``write_losses``."""
        names = self.rows[0][1] if self.rows else ()
        return {"step": [step for step, _ in self.rows]} | {n: [row[n] for _, row in self.rows] for n in names}
