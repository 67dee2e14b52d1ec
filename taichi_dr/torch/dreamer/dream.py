"""A radiance grid that becomes what a diffusion model is told it is: the steps of score distillation."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from taichi_dr.implicit.radiance.grid import EMPTY, Grid
from taichi_dr.torch.distillation.score import ScoreDistillation
from taichi_dr.torch.dreamer.model import Model
from taichi_dr.torch.dreamer.pictures import FOV_Y_DEG, camera, random_greys, random_views
from taichi_dr.torch.dreamer.terms import RAYS, Lattice, opacity
from taichi_dr.torch.dreamer.words import with_view
from taichi_dr.torch.grid_renderer import GridRenderer
from taichi_dr.torch.tensors import run_device

BOUNDS = -1.0, 1.0
BLOB_RADIUS, BLOB_PEAK = 0.35, 6.0
NOTHING, FOG = -5.0, -3.0  # density numbers of what is not the blob: 1 % and 5 % are lost in a cell
COLOR_NOISE = 0.1
LEAST_RATE = 0.1
MEMORY = 0.9, 0.99  # of Adam
MOMENTS = ("exp_avg", "exp_avg_sq")


class Dream:
    """A grid on its way.

    A step renders ``views`` pictures from random sides over random greys, and follows

        score distillation per number of a picture + opacity + orientation + smoothness

    by Adam.  Attributes: ``steps`` made so far, ``numbers`` (N, 4).

    Raises:
        InputError: a denoiser or a schedule that ``ScoreDistillation`` does not take.
    """

    def __init__(self, model: Model, settings: Any) -> None:
        self._settings, self._model, self.steps = settings, model, 0
        self._distillation = ScoreDistillation(
            model.denoiser,
            model.alphas_cumprod,
            guidance=settings.guidance,
            t_range=settings.t_range,
            annealing=settings.annealing,
        )
        self._grid = Grid(BOUNDS, settings.resolution, degree=0)
        self._lattice, self._render = Lattice(self._grid), GridRenderer(self._grid, model.size)
        self.numbers = torch.from_numpy(self._first_numbers()).to(run_device()).requires_grad_()
        self._optimizer = torch.optim.Adam([self.numbers], settings.lr, betas=MEMORY, eps=1e-10)

    def _first_numbers(self):
        random = np.random.default_rng([self._settings.seed, 1])
        numbers = self._grid.numpy()
        numbers[:, :3] = random.normal(0, COLOR_NOISE, (len(numbers), 3))
        squares = (self._grid.positions() ** 2).sum(axis=1)
        blob = NOTHING + BLOB_PEAK * np.exp(-squares / (2 * BLOB_RADIUS**2))
        numbers[:, 3] = blob if self._settings.start == "blob" else FOG
        return numbers

    def step(self, fraction: float) -> dict[str, float]:
        """Makes a step; ``fraction`` is the part of the budget that is spent.  Returns the terms by name."""
        settings = self._settings
        self._optimizer.param_groups[0]["lr"] = settings.lr * (1 - (1 - LEAST_RATE) * min(fraction, 1.0))
        random = np.random.default_rng([settings.seed, 2, self.steps])
        azimuth, elevation = random_views(random, settings.views)
        self._distillation.reseed(int(random.integers(1 << 62)))
        seen = camera(azimuth, elevation)
        color, alpha = self._render(self.numbers, seen)
        behind = torch.from_numpy(random_greys(random, settings.views)).to(color)
        pictures = color + (1 - alpha[..., None]) * behind[:, None, None, None]
        prompts = [self._prompt(*view) for view in zip(azimuth, elevation, strict=True)]
        x = self._model.encode(pictures)
        score = self._distillation(x, prompts, [""] * settings.views, fraction=min(fraction, 1.0))
        terms = {"score": score / x[0].numel()} | self._regularity(alpha, seen, random)
        self._optimizer.zero_grad(set_to_none=True)
        sum(terms.values()).backward()
        self._optimizer.step()
        self.steps += 1
        return {name: term.item() for name, term in terms.items()}

    def _prompt(self, azimuth, elevation):
        prompt = self._settings.prompt
        return with_view(prompt, azimuth, elevation) if self._settings.view_words == "on" else prompt

    def _regularity(self, alpha, seen, random):
        """The weighted terms that are not weighted with 0."""
        settings, terms = self._settings, {}
        if settings.opacity:
            terms["opacity"] = settings.opacity * opacity(alpha)
        if settings.smoothness or settings.orientation:
            density = self._lattice.density(self.numbers, EMPTY)
            if settings.smoothness:
                terms["smoothness"] = settings.smoothness * self._lattice.roughness(density)
            if settings.orientation:
                rays = random_rays(seen, random, RAYS)
                terms["orientation"] = settings.orientation * self._lattice.orientation(density, *rays)
        return terms

    def grid(self) -> Grid:
        """The grid with the numbers as they are."""
        self._grid.set(self.numbers.detach().cpu().numpy())
        return self._grid

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Everything that the next steps depend on: a dict that JSON can hold, and named NumPy arrays."""
        arrays = {"numbers": self.numbers.detach().cpu().numpy()}
        if self.steps:
            arrays |= {name: self._optimizer.state[self.numbers][name].cpu().numpy() for name in MOMENTS}
        return {"steps": self.steps}, arrays

    def restore(self, header: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Begins where ``state`` left off.

        Contents that are missing or senseless raise what they raise: KeyError, ValueError.
        """
        self.steps = header["steps"]
        names = ("numbers", *MOMENTS) if self.steps else ("numbers",)
        tensors = {name: torch.tensor(arrays[name]).to(self.numbers.detach()) for name in names}
        for tensor in tensors.values():
            if tensor.shape != self.numbers.shape:
                raise ValueError(f"expected numbers of shape {tuple(self.numbers.shape)}, got {tuple(tensor.shape)}")
        self.numbers.data.copy_(tensors.pop("numbers"))
        if tensors:
            self._optimizer.state[self.numbers] = {"step": torch.tensor(float(self.steps)), **tensors}


def random_rays(seen: Any, random: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Origins and unit directions (R, 3) of rays through random points of random pictures of a camera."""
    view, reach = random.integers(0, seen.views, count), np.tan(np.deg2rad(FOV_Y_DEG) / 2)
    u, v, w, eye = (part[view] for part in seen.frames())
    x, y = (random.uniform(-reach, reach, (count, 1)) for _ in range(2))
    rays = (torch.from_numpy(part).to(run_device(), torch.float32) for part in (eye, x * u + y * v - w))
    origins, directions = rays
    return origins, F.normalize(directions, dim=1)
