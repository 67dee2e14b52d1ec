"""Training: steps of the network on two views per sample of shapes of which nothing else is known."""

import math
from typing import Any

import numpy as np
import torch

from taichi_dr.errors import InputError
from taichi_dr.io.shape_views import SIZE, VIEWS, ShapeViews, view_camera
from taichi_dr.ranks import ALONE, Ranks
from taichi_dr.torch.mesh_renderers import Rasterizer
from taichi_dr.torch.single_image.losses import WEIGHTS, terms
from taichi_dr.torch.single_image.network import SingleImageNetwork
from taichi_dr.torch.together import add_gradients, share_norms

BATCH = 16
RATE = 1e-3
WARM_UP = 100  # steps
LEAST_RATE = 0.01
MOMENTS = ("exp_avg", "exp_avg_sq")  # of Adam


class Training:
    """A network on its way.

    A step draws ``batch`` shapes and two different views of each.  The network sees each of the two pictures by itself;
    both meshes are rendered from both views, and held to both pictures.  ``ranks``: the processes that share the shapes
    of a step, each of which makes the step that one process would make of all.

    Attributes: ``network``, ``steps`` made so far, ``batch``.

    Raises:
        InputError: fewer shapes in a step than processes.
    """

    def __init__(self, views: ShapeViews, seed: int = 0, batch: int = BATCH, ranks: Ranks = ALONE) -> None:
        _check_batch(batch, ranks)
        torch.manual_seed(seed)
        self.network = SingleImageNetwork()
        self.steps = 0
        if ranks.count > 1:
            share_norms(self.network, ranks)
        self._views, self._seed, self.batch, self._ranks = views, seed, batch, ranks
        self._optimizer = torch.optim.Adam(self.network.parameters(), RATE, betas=(0.9, 0.99), fused=True)
        self._render = Rasterizer(SIZE, antialias=True, background=None)

    def step(self, fraction: float) -> dict[str, float]:
        """Makes a step; ``fraction`` is the part of the budget that is spent.  Returns the losses by name."""
        self.network.train()
        self._optimizer.param_groups[0]["lr"] = RATE * self._pace(fraction)
        images, views = self._draw()
        share = len(images) / (2 * self.batch)
        losses = {name: share * term for name, term in self.losses(images, views).items()}
        loss = torch.stack([WEIGHTS[name] * term for name, term in losses.items()]).sum()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        values = np.array([term.item() for term in losses.values()])
        if self._ranks.count > 1:
            add_gradients(self.network.parameters(), self._ranks)
            self._ranks.add(values)
        self._optimizer.step()
        self.steps += 1
        return dict(zip(losses, values.tolist(), strict=True))

    def losses(self, images: torch.Tensor, views: Any) -> dict[str, torch.Tensor]:
        """The losses of images (2 B, 64, 64, 4), those of the second view last, seen in ``views`` (2 B,)."""
        half = len(images) // 2
        vertices, colors = self.network(images)
        of_view = np.concatenate([views[:half], views[:half], views[half:], views[half:]])
        color, alpha = self._render(
            vertices, self.network.faces, colors, view_camera(of_view), view_mesh=np.tile(np.arange(len(images)), 2)
        )
        wanted = torch.cat([images[:half], images[:half], images[half:], images[half:]])
        return terms(color, alpha, wanted, vertices, self.network.faces)

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Everything that the next steps depend on: a dict that JSON can hold, and named NumPy arrays."""
        arrays = {f"network/{name}": tensor.numpy() for name, tensor in self.network.state_dict().items()}
        for name, moments in zip(self._names(), self._optimizer.state.values(), strict=True):
            arrays |= {f"{kind}/{name}": moments[kind].numpy() for kind in MOMENTS}
        return {"steps": self.steps, "seed": self._seed, "batch": self.batch}, arrays

    def restore(self, header: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Begins where ``state`` left off.

        Contents that are missing or senseless raise what they raise: KeyError, ValueError, RuntimeError.
        """
        network = {name: arrays[f"network/{name}"] for name in self.network.state_dict()}
        self.network.load_state_dict({name: torch.as_tensor(values) for name, values in network.items()})
        self.steps, self._seed, self.batch = header["steps"], header["seed"], header["batch"]
        _check_batch(self.batch, self._ranks)
        for name, parameter in self.network.named_parameters():
            moments = {kind: _like(parameter, arrays, f"{kind}/{name}") for kind in MOMENTS}
            self._optimizer.state[parameter] = {"step": torch.tensor(float(self.steps)), **moments}

    def _names(self):
        return [name for name, _ in self.network.named_parameters()] if self.steps else []

    def _draw(self):
        """Images and views of the next step that are this process's: the same for the same seed and step."""
        random = np.random.default_rng([self._seed, self.steps])
        shapes = random.integers(0, len(self._views), self.batch)
        first = random.integers(0, VIEWS, self.batch)
        second = (first + random.integers(1, VIEWS, self.batch)) % VIEWS
        own = slice(*self._ranks.part(self.batch))
        views = np.concatenate([first[own], second[own]])
        return images_of(self._views, np.tile(shapes[own], 2), views), views

    def _pace(self, fraction):
        """A warm-up, then half a cosine down to a hundredth."""
        warm = min(1.0, (self.steps + 1) / WARM_UP)
        return warm * (LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * min(fraction, 1.0))) / 2)


def _check_batch(batch, ranks):
    if batch < ranks.count:
        raise InputError(f"batch: expected at least a shape for each of {ranks.count} processes, got {batch}")


def _like(parameter, arrays, name):
    """The array of that name as a tensor like a parameter: the optimiser takes its word for how many numbers it has."""
    values = arrays[name]
    if values.shape != tuple(parameter.shape):
        raise ValueError(f"{name}: expected shape {tuple(parameter.shape)}, got {values.shape}")
    return torch.tensor(values, dtype=parameter.dtype)


def images_of(views: ShapeViews, shapes: Any, numbers: Any) -> torch.Tensor:
    """(B, 64, 64, 4) float32 in [0, 1]: pictures of shapes (B,) in views (B,)."""
    return torch.from_numpy(views.images[shapes, numbers].astype(np.float32) / 255)
