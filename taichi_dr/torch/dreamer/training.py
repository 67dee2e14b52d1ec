"""Training of the diffusion model: noisy pictures of things, told what they show."""

import math
from typing import Any

import numpy as np
import torch

from taichi_dr.torch.dreamer.network import Dreamer, loss
from taichi_dr.torch.dreamer.pictures import Pictures, random_greys
from taichi_dr.torch.dreamer.words import COLORS, KINDS, SHAPES, SIZES, bags, is_held_out, view_words, with_view
from taichi_dr.types import Array

BATCH = 48
RATE = 1.5e-3
WARM_UP = 200  # steps
LEAST_RATE = 0.02
LARGEST_NORM = 1.0  # of a step's gradient
MEMORY = 0.999  # of the mean over steps; less at first
NOTHING_SAID = 0.12  # the share of pictures of which nothing is said
UNSAID = {"sizes": 0.06, "colors": 0.06, "views": 0.1}
"""The share of the others of which a kind of words is not said."""

SEEDS = 1 << 63  # that torch takes
MOMENTS = ("exp_avg", "exp_avg_sq")  # of AdamW


def half_is_fast() -> bool:
    """Whether this CPU multiplies numbers of 16 bits (bfloat16) faster than others."""
    able = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def pairs(held_out: bool) -> Array:
    """(P, 2): numbers of the shapes and colours that training does not show together, or of those that it does."""
    every = ((i, j) for i in range(len(SHAPES)) for j in range(len(COLORS)))
    names = list(COLORS)
    return np.array([(i, j) for i, j in every if is_held_out(SHAPES[i], names[j]) == held_out])


class Training:
    """A diffusion model on its way.

    A step sees ``batch`` pictures of pairs of shape and colour that are not held out, in any size, from any side.

    Attributes: ``network``, whose weights are means over the last steps; ``steps`` made so far, ``batch``.
    """

    def __init__(self, pictures: Pictures, seed: int = 0, batch: int = BATCH) -> None:
        torch.manual_seed(seed % SEEDS)
        self.network, self.steps = Dreamer(), 0
        self._trained = Dreamer().to(memory_format=torch.channels_last)
        self._trained.load_state_dict(self.network.state_dict())
        self._pictures, self._seed, self.batch, self._half = pictures, seed, batch, half_is_fast()
        self._pairs = pairs(held_out=False)
        sides = zip(pictures.azimuth_deg, pictures.elevation_deg, strict=True)
        self._views = np.array([[word in view_words(*side) for word in KINDS["views"]] for side in sides], np.float32)
        self._optimizer = torch.optim.AdamW(self._trained.parameters(), RATE, betas=(0.9, 0.99), fused=True)

    def step(self, fraction: float) -> dict[str, float]:
        """Makes a step; ``fraction`` is the part of the budget that is spent.  Returns the loss by name."""
        self._optimizer.param_groups[0]["lr"] = RATE * self._pace(fraction)
        pictures, words = (torch.from_numpy(numbers) for numbers in self._draw())
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + self.steps) % SEEDS)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
            value = loss(self._trained, pictures, words, self.network.alphas_cumprod, generator)
        self._optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self._trained.parameters(), LARGEST_NORM)
        self._optimizer.step()
        self.steps += 1
        memory = min(MEMORY, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            averages, latest = list(self.network.parameters()), list(self._trained.parameters())
            torch._foreach_lerp_(averages, latest, 1 - memory)
        return {"loss": value.item()}

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Everything that the next steps depend on: a dict that JSON can hold, and named NumPy arrays."""
        arrays = {f"mean/{name}": tensor.numpy() for name, tensor in self.network.state_dict().items()}
        for name, parameter in self._trained.named_parameters():
            arrays[f"latest/{name}"] = parameter.detach().numpy()
            if self.steps:
                moments = self._optimizer.state[parameter]
                arrays |= {f"{kind}/{name}": moments[kind].numpy() for kind in MOMENTS}
        return {"steps": self.steps, "seed": self._seed, "batch": self.batch}, arrays

    def restore(self, header: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Begins where ``state`` left off.

        Contents that are missing or senseless raise what they raise: KeyError, ValueError, RuntimeError.
        """
        self.steps, self._seed, self.batch = header["steps"], header["seed"], header["batch"]
        for network, kind in ((self.network, "mean"), (self._trained, "latest")):
            weights = {name: torch.tensor(arrays[f"{kind}/{name}"]) for name in network.state_dict()}
            network.load_state_dict(weights)
        for name, parameter in self._trained.named_parameters():
            moments = {kind: _like(parameter, arrays[f"{kind}/{name}"]) for kind in MOMENTS if self.steps}
            if moments:
                self._optimizer.state[parameter] = {"step": torch.tensor(float(self.steps)), **moments}

    def _draw(self):
        """Pictures (B, 3, 32, 32) in [-1, 1] and bags (B, W) of the next step: the same for the same seed and step."""
        random = np.random.default_rng([self._seed, self.steps])
        shapes, colors = self._pairs[random.integers(0, len(self._pairs), self.batch)].T
        sizes = random.integers(0, len(SIZES), self.batch)
        views = random.integers(0, len(self._views), self.batch)
        pictures = 2 * self._pictures.colored(shapes, colors, sizes, views, random_greys(random, self.batch)) - 1
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)), self._said(random, shapes, colors, sizes, views)

    def _said(self, random, shapes, colors, sizes, views) -> Array:
        parts = {
            "sizes": np.eye(len(SIZES), dtype=np.float32)[sizes],
            "colors": np.eye(len(COLORS), dtype=np.float32)[colors],
            "shapes": np.eye(len(SHAPES), dtype=np.float32)[shapes],
            "views": self._views[views],
        }
        for kind, share in UNSAID.items():
            parts[kind][random.random(self.batch) < share] = 0
        said = np.concatenate(list(parts.values()), axis=1)
        said[random.random(self.batch) < NOTHING_SAID] = 0
        return said

    def _pace(self, fraction):
        """A warm-up, then half a cosine down to a fiftieth."""
        warm = min(1.0, (self.steps + 1) / WARM_UP)
        return warm * (LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * min(fraction, 1.0))) / 2)


def _like(parameter, values):
    """An array as a tensor with the shape and the strides of a parameter, which the fused optimiser takes for granted.

    Raises:
        ValueError: another shape.
    """
    if values.shape != tuple(parameter.shape):
        raise ValueError(f"expected shape {tuple(parameter.shape)}, got {values.shape}")
    return torch.empty_like(parameter).copy_(torch.tensor(values)).detach()


def held_out_loss(network: Dreamer, pictures: Pictures, held_out: bool, count: int = 512) -> float:
    """The mean loss on pictures that training has not seen, of pairs that it shows or of those that it does not.

    The same pictures and the same noise every time, told everything.
    """
    random, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    chosen = pairs(held_out)[random.integers(0, len(pairs(held_out)), count)]
    sizes, views = random.integers(0, len(SIZES), count), random.integers(0, len(pictures.azimuth_deg), count)
    seen = 2 * pictures.colored(chosen[:, 0], chosen[:, 1], sizes, views, random_greys(random, count)) - 1
    prompts = [
        with_view(f"{size} {color} {shape}", azimuth, elevation)
        for size, color, shape, azimuth, elevation in zip(
            np.array(list(SIZES))[sizes],
            np.array(list(COLORS))[chosen[:, 1]],
            np.array(SHAPES)[chosen[:, 0]],
            pictures.azimuth_deg[views],
            pictures.elevation_deg[views],
            strict=True,
        )
    ]
    planes = torch.from_numpy(np.ascontiguousarray(seen.transpose(0, 3, 1, 2)))
    with torch.no_grad():
        return loss(network, planes, torch.from_numpy(bags(prompts)), network.alphas_cumprod, generator).item()
