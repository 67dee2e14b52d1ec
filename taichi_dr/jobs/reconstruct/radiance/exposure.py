"""A gain for each channel of each photograph: what automatic exposure and white balance change.

    seen in image v = exp(l_v) color

of colours as rays add them up, in display values.  Adjoints, g being that of what is seen: ``exp(l_v) g`` of color,
``sum exp(l_v) color g`` of l_v, over the rays of image v, and ``2 WEIGHT l_v`` of what holds gains near to 1.  After
every step the mean of all l is 0: colours of the field are those of an image with none, by which held-out images are
judged.
"""

import numpy as np

from taichi_dr.jobs.reconstruct.checkpoint import squares

CHANNELS = 3
WEIGHT = 1e-4
"""Of the mean of l^2, beside the mean squared error."""

RATE = 1.0
"""Of the step size that the field has."""

BETAS, EPS = (0.9, 0.99), 1e-10


class Exposure:
    """Logarithms of gains of ``views`` images, (V, 3), and Adam's moments of them."""

    def __init__(self, views):
        self.logarithms, self._moments, self._steps = np.zeros((views, CHANNELS)), np.zeros((2, views, CHANNELS)), 0

    @property
    def gains(self):
        """(V, 3)."""
        return np.exp(self.logarithms)

    def state(self):
        """Named arrays that ``restore`` takes."""
        return {"exposure": self.logarithms, "exposure_moments": self._moments, "exposure_steps": np.array(self._steps)}

    def restore(self, arrays):
        """Begins where ``state`` left off."""
        for name, own in self.state().items():
            if arrays[name].shape != own.shape:
                raise ValueError(f"{name}: expected shape {own.shape}, got {arrays[name].shape}")
        self.logarithms, self._moments = np.array(arrays["exposure"]), np.array(arrays["exposure_moments"])
        squares({"exposure_moments": self._moments[1]}, "exposure_moments")
        self._steps = int(arrays["exposure_steps"])

    def apply(self, seen, views):
        """What images ``views`` (R,) show of ``seen`` (R, 5), which is colour, opacity and distance."""
        changed = seen.copy()
        changed[:, :CHANNELS] *= self.gains[views]
        return changed

    def adjoint(self, seen, views, changed_adjoint):
        """``(seen_adjoint (R, 5), logarithms_adjoint (V, 3))`` of that of ``apply``."""
        seen_adjoint, found = self.apply(changed_adjoint, views), np.zeros_like(self.logarithms)
        np.add.at(found, views, seen[:, :CHANNELS] * seen_adjoint[:, :CHANNELS])
        return seen_adjoint, found

    def step(self, logarithms_adjoint, rate):
        """One step of Adam beside the field's, whose step size is ``rate``."""
        g = logarithms_adjoint + 2 * WEIGHT / self.logarithms.size * self.logarithms
        self._steps += 1
        for moment, beta, seen in zip(self._moments, BETAS, (g, g * g), strict=True):
            moment += (1 - beta) * (seen - moment)
        first, second = (m / (1 - beta**self._steps) for m, beta in zip(self._moments, BETAS, strict=True))
        self.logarithms = self.logarithms - RATE * rate * first / (np.sqrt(second) + EPS)
        self.logarithms -= self.logarithms.mean(axis=0)
