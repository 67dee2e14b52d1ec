"""Diffusion models of the library diffusers as denoisers for ``ScoreDistillation``, and pictures as their latents.

Neither diffusers nor transformers is imported: the parts are given as constructed objects, and known by what they have.
"""

import warnings
from typing import Any

import torch

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.torch.distillation.autoencoder import Autoencoder, Pixels
from taichi_dr.torch.distillation.checks import check_finite, require
from taichi_dr.torch.distillation.prediction import check_prediction, noise_of
from taichi_dr.torch.distillation.prompts import Prompts, check_prompts
from taichi_dr.torch.distillation.schedule import NoiseSchedule, per_item
from taichi_dr.torch.distillation.srgb import linear_to_srgb, srgb_to_linear

PURE_NOISE = 0.0, 2.0**-24
"""What alphas_cumprod ends in where the last level has no picture left: of most schedulers, and of Euler's."""

UNNEEDED = None, "text"
"""Values of ``addition_embed_type`` with which a UNet asks for nothing beside the embeddings of the prompt."""

SLACK = 1e-3
"""How far outside [0, 1] rounding may take colours."""


class LatentDiffusion:
    """A diffusion model, in latent space, or of pixels where there is no ``vae``: what ``ScoreDistillation`` asks for.

        diffusion = dr.torch.LatentDiffusion.of_pipeline(pipeline)
        distillation = dr.torch.ScoreDistillation(diffusion.denoiser, diffusion.alphas_cumprod, guidance=100)
        loss = distillation(diffusion.encode(images), "a red torus", "")

    Nothing of the model ever has a gradient, and nothing of it is changed.

    Arguments:
        unet: a UNet2DConditionModel, or a UNet2DModel, which has no conditions.  Of one that also predicts its variance
            (twice as many channels, as DeepFloyd IF) the variance is left out.
        vae: an AutoencoderKL or AutoencoderTiny; None: a pixel is its own latent.
        scheduler: any with ``alphas_cumprod`` (DDPM, DDIM, PNDM, Euler, ...).  Of one that ends in pure noise (zero
            terminal signal-to-noise ratio) the last number is half the one before it, as divisions by 0 are not finite.
        text_encoder, tokenizer: of transformers; None where conditions are given as embeddings, or there are none.

    Raises:
        InputError: an object that lacks what is asked of it; a prediction type, a number of channels or a kind of
            conditions that are not known (named).

    Warns of parts in training mode, whose dropout would be noise of its own.
    """

    def __init__(self, unet: Any, vae: Any, scheduler: Any, text_encoder: Any = None, tokenizer: Any = None) -> None:
        require("unet", unet, "config", "dtype", "device")
        require("unet.config", unet.config, "in_channels", "out_channels")
        require("scheduler", scheduler, "alphas_cumprod", "config")
        require("scheduler.config", scheduler.config, "prediction_type")
        self._unet, self._latents = unet, Pixels() if vae is None else Autoencoder(vae)
        _check_unet(unet.config, self._latents.channels)
        self._kind = check_prediction(scheduler.config.prediction_type)
        self._schedule = NoiseSchedule(_above_zero(scheduler.alphas_cumprod))
        self._prompts = None if text_encoder is None else Prompts(text_encoder, tokenizer)
        self._conditional = getattr(unet.config, "cross_attention_dim", None) is not None
        for name, part in {"unet": unet, "vae": vae, "text_encoder": text_encoder}.items():
            if getattr(part, "training", False):
                warnings.warn(f"{name}: in training mode, where dropout adds noise: call {name}.eval()", stacklevel=2)

    @classmethod
    def of_pipeline(cls, pipeline: Any) -> "LatentDiffusion":
        """That of a constructed pipeline, by its attributes, as of StableDiffusionPipeline, IFPipeline or DDPMPipeline.

        Raises:
            InputError: a pipeline without a UNet or a scheduler, and what the class itself raises.
        """
        require("pipeline", pipeline, "unet", "scheduler")
        names = "unet", "vae", "scheduler", "text_encoder", "tokenizer"
        return cls(**{name: getattr(pipeline, name, None) for name in names})

    @property
    def alphas_cumprod(self) -> torch.Tensor:
        """(T,) in double precision, as ``ScoreDistillation`` takes it."""
        return self._schedule.alphas_cumprod

    @torch.no_grad()
    def denoiser(self, x: torch.Tensor, t: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """The noise (B, C, h, w) in latents ``x`` (B, C, h, w) at levels t (B,), of their type.

        ``condition``: B prompts, one for all, None, which is the empty one, or embeddings (B, L, D), as what a
        pipeline's ``encode_prompt`` returns; prompts go through the text encoder once and are kept.

        Raises:
            ShapeError: latents of other channels than the UNet's, embeddings of another shape.
            InputError: another number of prompts than B; prompts without a text encoder; conditions for a UNet that
                has none; a level outside the schedule.
        """
        unet = self._unet
        if x.ndim != 4 or x.shape[1] != unet.config.in_channels:
            raise ShapeError(f"x: expected shape (B, {unet.config.in_channels}, h, w), got {tuple(x.shape)}")
        alpha, sigma = (per_item(numbers, x) for numbers in self._schedule.coefficients(t.to(x.device)))
        given = x.to(unet.device, unet.dtype), t.to(unet.device)
        answer = unet(*given, **self._conditions(condition, len(x))).sample.to(x)
        return noise_of(self._kind, answer[:, : x.shape[1]], x, alpha, sigma)

    def encode(
        self, images: torch.Tensor, *, display: bool = False, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Latents (B, C, H / f, W / f) of images (B, H, W, 3) in [0, 1], with a gradient through the encoder.

        ``display``: the images are sRGB values already; without, they are linear, as renderers make them, and what the
        model sees are their sRGB values.  The latents are the mean of those that the encoder thinks possible: a sample
        of them, by a ``generator``, is what the model was trained on, and more noise in the gradient.

        The encoder's graph is the larger part of the memory that a step takes.

        Raises:
            ShapeError: images of another shape.
            InputError: sizes that are no multiple of the VAE's factor; numbers that are not finite, in the images or
                of an encoder that overflows in half precision.

        Warns of colours outside [0, 1], and of latents of another size than the UNet was trained on.
        """
        if not isinstance(images, torch.Tensor) or images.ndim != 4 or images.shape[3] != 3 or not len(images):
            got = tuple(images.shape) if isinstance(images, torch.Tensor) else type(images).__name__
            raise ShapeError(f"images: expected shape (B, H, W, 3), a picture or more, got {got}")
        check_finite("images", images)
        low, high = (float(number) for number in images.detach().aminmax())
        if low < -SLACK or high > 1 + SLACK:
            warnings.warn(
                f"images: numbers from {low:.3g} to {high:.3g}, the model knows [0, 1] alone: clamp them", stacklevel=2
            )
        pictures = images if display else linear_to_srgb(images)
        latents = self._latents.encode(pictures.permute(0, 3, 1, 2), generator)
        self._warn_of_size(latents)
        return latents

    def decode(self, latents: torch.Tensor, *, display: bool = False) -> torch.Tensor:
        """Images (B, H, W, 3) of latents, to look at: in [0, 1] and without a gradient; linear, or sRGB (``display``).

        Raises:
            ShapeError: latents of other channels.
        """
        if latents.ndim != 4 or latents.shape[1] != self._latents.channels:
            raise ShapeError(f"latents: expected shape (B, {self._latents.channels}, h, w), got {tuple(latents.shape)}")
        pictures = self._latents.decode(latents).permute(0, 2, 3, 1)
        return pictures if display else srgb_to_linear(pictures)

    def _conditions(self, condition, count):
        """What the UNet is called with beside latents and levels."""
        if not self._conditional:
            if condition is not None:
                raise InputError(f"condition: this UNet has no conditions, expected None, got {condition!r:.60}")
            return {}
        if not isinstance(condition, torch.Tensor):
            prompts = check_prompts(condition, count)
            if self._prompts is None:
                raise InputError(
                    f"condition: there is no text encoder for {prompts[:1]}: give text_encoder and tokenizer, or "
                    "embeddings as a tensor (B, L, D)"
                )
            condition = self._prompts(prompts)
        self._check_embeddings(condition, count)
        return {"encoder_hidden_states": condition.detach().to(self._unet.device, self._unet.dtype)}

    def _check_embeddings(self, embeddings, count):
        config = self._unet.config
        width = getattr(config, "encoder_hid_dim", None) or config.cross_attention_dim
        wrong = embeddings.ndim != 3 or len(embeddings) != count
        if wrong or (isinstance(width, int) and embeddings.shape[2] != width):
            raise ShapeError(f"condition: expected embeddings ({count}, L, {width}), got {tuple(embeddings.shape)}")

    def _warn_of_size(self, latents):
        known = getattr(self._unet.config, "sample_size", None)
        known = (known, known) if isinstance(known, int) else known
        if known is not None and tuple(latents.shape[2:]) != tuple(known):
            factor = self._latents.factor
            (height, width), (h, w) = known, latents.shape[2:]
            warnings.warn(
                f"images: the model knows {height * factor} x {width * factor} pixels and sees things differently in "
                f"{h * factor} x {w * factor}: scale images to that, by torch.nn.functional.interpolate",
                stacklevel=3,
            )


def _check_unet(config, channels):
    if config.in_channels != channels:
        raise InputError(
            f"unet: expected {channels} channels, as latents have, got {config.in_channels}: one for inpainting, depth "
            "or superresolution, or of another VAE"
        )
    if config.out_channels not in (channels, 2 * channels):
        raise InputError(f"unet: expected {channels} or {2 * channels} channels out, got {config.out_channels}")
    addition = getattr(config, "addition_embed_type", None)
    if addition not in UNNEEDED or getattr(config, "class_embed_type", None) is not None:
        raise InputError(
            f"unet: asks for more than prompts (addition_embed_type {addition!r}, class_embed_type "
            f"{getattr(config, 'class_embed_type', None)!r}), as Stable Diffusion XL does: write a function "
            "(x, t, condition) -> eps that calls it, and give that to ScoreDistillation"
        )


def _above_zero(alphas_cumprod):
    """The schedule (T,), half the last number but one in the place of pure noise."""
    numbers = torch.as_tensor(alphas_cumprod, dtype=torch.float64).detach().clone()
    if numbers.ndim == 1 and len(numbers) > 1 and float(numbers[-1]) in PURE_NOISE:
        numbers[-1] = numbers[-2] / 2
    return numbers
