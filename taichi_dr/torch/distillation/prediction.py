"""The noise in what a diffusion model was trained to predict.

    epsilon:       eps
    v_prediction:  v = alpha_t eps - sigma_t x_0  =>  eps = alpha_t v + sigma_t x_t
    sample:        x_0                            =>  eps = (x_t - alpha_t x_0) / sigma_t

``x_t = alpha_t x_0 + sigma_t eps``.  Salimans and Ho, Progressive Distillation for Fast Sampling of Diffusion Models,
2022, appendix D, for v.
"""

import torch

from taichi_dr.errors import InputError

PREDICTIONS = {
    "epsilon": lambda answer, x, alpha, sigma: answer,
    "v_prediction": lambda answer, x, alpha, sigma: alpha * answer + sigma * x,
    "sample": lambda answer, x, alpha, sigma: (x - alpha * answer) / sigma,
}
"""eps of (answer, x_t, alpha_t, sigma_t), by the names of diffusers' ``prediction_type``."""


def check_prediction(kind: str) -> str:
    """The name, as it is.

    Raises:
        InputError: none of ``PREDICTIONS``.
    """
    if kind not in PREDICTIONS:
        raise InputError(f"scheduler.config.prediction_type: expected one of {', '.join(PREDICTIONS)}, got {kind!r}")
    return kind


def noise_of(
    kind: str, answer: torch.Tensor, x: torch.Tensor, alpha: torch.Tensor, sigma: torch.Tensor
) -> torch.Tensor:
    """eps (B, ...) of an answer (B, ...) to ``x`` (B, ...), with alpha_t and sigma_t in a shape that multiplies them.

    With x_0 = 2 and eps = 1 at alpha = 0.6, sigma = 0.8, v is 0.6 - 1.6 = -1 and x_t is 2:

    >>> numbers = (torch.tensor(number, dtype=torch.float64) for number in (-1.0, 2.0, 0.6, 0.8))
    >>> round(float(noise_of("v_prediction", *numbers)), 9)
    1.0
    """
    return PREDICTIONS[kind](answer, x, alpha, sigma)
