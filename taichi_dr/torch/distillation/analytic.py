"""A denoiser of pictures whose density is known: a mixture of Gaussians, for tests and to learn by."""

import torch

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.torch.distillation.schedule import NoiseSchedule


class MixtureDenoiser:
    """``eps(x_t, t, condition)`` of ``sum_k w_k N(mu_k, s^2)``, whatever shape the pictures have.

        eps = sigma_t sum_k r_k (x_t - alpha_t mu_k) / (alpha_t^2 s^2 + sigma_t^2)
        r_k ~ w_k exp(-|x_t - alpha_t mu_k|^2 / (2 (alpha_t^2 s^2 + sigma_t^2))),  sum_k r_k = 1

    A condition is None, the whole mixture, or a list of the components that it leaves, one list for each picture.

    Arguments:
        means: (K, ...) in the pictures' shape.
        deviation: s.
        alphas_cumprod: (T,).
        weights: (K,), equal by default.

    >>> mixture = MixtureDenoiser([[1.0], [-1.0]], 0.2, [0.9, 0.5, 0.1])
    >>> [round(float(eps), 3) for eps in mixture(torch.tensor([[0.5]]), torch.tensor([1]), [[0]])]
    [-0.282]
    """

    def __init__(self, means, deviation: float, alphas_cumprod, weights=None) -> None:
        self.means = torch.as_tensor(means, dtype=torch.float64)
        self.deviation, self.schedule = float(deviation), NoiseSchedule(alphas_cumprod)
        count = len(self.means)
        self.weights = torch.full((count,), 1 / count) if weights is None else torch.as_tensor(weights)
        if self.weights.shape != (count,):
            raise ShapeError(f"weights: expected shape {(count,)}, got {tuple(self.weights.shape)}")
        if not self.deviation > 0 or not (self.weights > 0).all():
            raise InputError("a mixture: expected a positive deviation and positive weights")

    def __call__(self, x, t, condition=None):
        """The noise (B, ...) in ``x`` (B, ...) at levels ``t`` (B,)."""
        alpha, sigma = (number.to(x).reshape(-1, 1, 1) for number in self.schedule.coefficients(t))
        offset = x.flatten(1)[:, None] - alpha * self.means.to(x).flatten(1)[None]
        variance = alpha**2 * self.deviation**2 + sigma**2
        logits = self._allowed(len(x), condition).to(x) - (offset**2).sum(2) / (2 * variance[..., 0])
        share = torch.softmax(logits, 1)[..., None]
        return (sigma * share * offset / variance).sum(1).reshape(x.shape)

    def _allowed(self, count, condition):
        """(B, K): logarithms of the weights, minus infinity where the condition leaves a component out."""
        logs = self.weights.log().repeat(count, 1)
        if condition is None:
            return logs
        chosen = torch.full_like(logs, -torch.inf)
        for item, components in enumerate(condition):
            chosen[item, components] = logs[item, components]
        return chosen
