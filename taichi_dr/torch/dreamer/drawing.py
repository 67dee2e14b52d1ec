"""Pictures that the diffusion model draws of prompts."""

from collections.abc import Sequence

import torch

from taichi_dr.torch.distillation.sampling import sample
from taichi_dr.torch.distillation.schedule import NoiseSchedule
from taichi_dr.torch.dreamer.network import Dreamer
from taichi_dr.types import Array


def draw(network: Dreamer, prompts: Sequence[str], seed: int) -> Array:
    """(B, 32, 32, 3), display values in [0, 1]: a sample of each prompt."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((len(prompts), 3, network.size, network.size), generator=generator)
    schedule = NoiseSchedule(network.alphas_cumprod)
    drawn = sample(network.denoiser, schedule, noise, prompts, [""] * len(prompts))
    return (drawn.permute(0, 2, 3, 1).numpy() + 1) / 2
