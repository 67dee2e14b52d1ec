"""What a run remembers for its reports: losses and pictures along the way."""

import numpy as np

from taichi_dr.jobs.report import animation_frame

FRAMES = 40
SHOWN_VIEWS = 3
SHOWN_SIZE = 160  # pixels of each view in the animation


class History:
    """Losses by step: ``rows`` of ``[step, {name: value}]``, and ``marks``, steps at which something changed."""

    def __init__(self, rows=(), marks=()):
        self.rows, self.marks = list(rows), list(marks)

    def add(self, step, losses):
        """Notes the losses of a step."""
        self.rows.append([step, losses])

    def latest(self):
        """The last losses as a short text."""
        if not self.rows:
            return ""
        return " ".join(f"{name} {value:.3g}" for name, value in self.rows[-1][1].items())

    def columns(self):
        """``{"step": [...], name: [...]}``; a loss that a step did not have is NaN there."""
        names = list(dict.fromkeys(name for _, losses in self.rows for name in losses))
        columns = {name: [losses.get(name, np.nan) for _, losses in self.rows] for name in names}
        return {"step": [step for step, _ in self.rows]} | columns


class Animation:
    """Pictures of the model in a few views, above them what they should be, at even fractions of the budget."""

    def __init__(self, posed):
        views = np.unique(np.linspace(0, len(posed) - 1, SHOWN_VIEWS).round().astype(int))
        self._posed = posed.subset(views).resized(min(SHOWN_SIZE, max(posed.height, posed.width)))
        self._targets = np.concatenate([self._posed.images, self._posed.alpha[..., None]], axis=-1)
        self._next = 0.0
        self.frames = []

    def due(self, fraction):
        """Whether the next picture should be taken."""
        return fraction >= self._next

    def add(self, model, fraction, caption):
        """Takes a picture of ``model``."""
        self.frames.append(animation_frame(self._targets, model.pictures(self._posed), caption))
        self._schedule(fraction)

    def array(self):
        """All frames (n, h, w, 3) uint8, for the checkpoint."""
        return np.stack(self.frames)

    def restore(self, frames, fraction):
        """Takes up frames taken before."""
        self.frames = list(frames)
        self._schedule(fraction)

    def _schedule(self, fraction):
        # Early on more happens: the k-th picture is due at (k / FRAMES)².
        k = int(np.sqrt(fraction) * FRAMES + 1e-9) + 1
        self._next = (k / FRAMES) ** 2
