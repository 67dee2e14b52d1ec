"""Pictures and the latents that a diffusion model works on, there with a gradient and back without.

    z = (mean of E(2 p - 1) - shift) scaling

E is the encoder, p a picture in display values.  Rombach et al., High-Resolution Image Synthesis with Latent Diffusion
Models, 2022, section 3.1 and appendix G (the scaling).
"""

from typing import Any

import torch

from taichi_dr.errors import InputError
from taichi_dr.torch.distillation.checks import check_finite, require


class Autoencoder:
    """A constructed AutoencoderKL or AutoencoderTiny of diffusers, whose parameters never have a gradient.

    They are nobody's to train, frozen or not: the encoder runs with detached ones.

    Raises:
        InputError: an object that lacks what is asked of it (named).
    """

    def __init__(self, vae: Any) -> None:
        require("vae", vae, "config", "encode", "decode", "named_parameters", "dtype", "device")
        require("vae.config", vae.config, "scaling_factor", "block_out_channels", "latent_channels")
        self._vae, self._encoder = vae, _Encoder(vae)
        self._scaling = vae.config.scaling_factor
        self._shift = getattr(vae.config, "shift_factor", None) or 0.0
        self.channels = vae.config.latent_channels
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)

    def encode(self, pictures: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Latents (B, C, H / factor, W / factor) of display pictures (B, 3, H, W), of their type and with their graph.

        Raises:
            InputError: a size that is no multiple of the factor (the nearest that are); an encoder that overflows.
        """
        self._check_size(*pictures.shape[2:])
        weights = {name: parameter.detach() for name, parameter in self._encoder.named_parameters()}
        given = (2 * pictures - 1).to(self._vae.device, self._vae.dtype)
        latents = torch.func.functional_call(self._encoder, weights, (given, generator))
        latents = (latents.to(pictures) - self._shift) * self._scaling
        check_finite("vae: latents", latents, self._advice())
        return latents

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Display pictures (B, 3, H, W) of latents, in [0, 1]."""
        given = (latents / self._scaling + self._shift).to(self._vae.device, self._vae.dtype)
        return (self._vae.decode(given).sample.to(latents) / 2 + 0.5).clamp(0, 1)

    def _check_size(self, height, width):
        wrong = [size for size in (height, width) if size % self.factor or not size]
        if wrong:
            below = wrong[0] // self.factor * self.factor
            nearest = f"{below} or {below + self.factor}" if below else str(self.factor)
            raise InputError(
                f"images: expected sizes that are multiples of {self.factor}, as the VAE halves them, "
                f"got {height} x {width}: instead of {wrong[0]} take {nearest}"
            )

    def _advice(self):
        if self._vae.dtype in (torch.float16, torch.bfloat16):
            kind = str(self._vae.dtype).removeprefix("torch.")
            return f": its encoder overflows in {kind}, take vae.to(torch.float32)"
        return ": look at its weights"


class _Encoder(torch.nn.Module):
    """``encode`` as a module of its own, for ``functional_call``."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, pictures, generator):
        answer = self.vae.encode(pictures)
        if not hasattr(answer, "latent_dist"):
            return answer.latents
        return answer.latent_dist.mode() if generator is None else answer.latent_dist.sample(generator)


class Pixels:
    """The place of an autoencoder in a model that works on pixels: ``z = 2 p - 1``."""

    channels, factor = 3, 1

    def encode(self, pictures: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """(B, 3, H, W) in [-1, 1] of display pictures (B, 3, H, W)."""
        return 2 * pictures - 1

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Display pictures, in [0, 1]."""
        return (latents.detach() / 2 + 0.5).clamp(0, 1)
