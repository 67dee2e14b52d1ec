"""Score distillation: a volume becomes a red torus, of which the diffusion model has never seen a picture.

    a volume (a radiance grid, at first a grey blob) is rendered from a few random sides
    noise is added to the pictures
    the model, told "a large red torus" and the side, says what of that is noise
    the difference to the true noise is the gradient of the pictures, and so of the volume

The upper rows show one such step at four times: the picture, the picture with noise, and the picture that the model
takes it for (x_0 of its answer).  Below: the volume from all sides, and one that was made without guidance, which is
what the words are followed by at scale 1.

    python demos/dream.py
"""

import numpy as np
import torch
from common import enlarged, finish, quantized, save_movie, save_picture, sheet, start

import taichi_dr as dr

PROMPT = "a large red torus"
VIEWS = 4  # per step
GUIDANCE = 7.5
RATE = 0.1
OPACITY, SMOOTHNESS = 0.006, 0.001
SHOWN = 0.0, 0.25, 0.5, 1.0  # parts of the way
LEVEL = 400  # of the noise that is shown, of 1,000
BEFORE = [60.0], [25.0]  # azimuths and elevations
AROUND = np.arange(4) * 90 + 22.5, [15.0, 40.0, 15.0, 40.0]
GREY = 0.7  # behind what is shown


class Volume:
    """A grid of 40^3 vertices whose numbers are a tensor; a grey blob at first."""

    def __init__(self, size):
        grid = dr.radiance.Grid((-1, 1), 40, degree=0)
        numbers = torch.from_numpy(grid.numpy())
        distance = torch.from_numpy(np.linalg.norm(grid.positions(), axis=1))
        numbers[:, :3] = 0.1 * torch.randn(len(numbers), 3, generator=torch.Generator().manual_seed(1))
        numbers[:, 3] = -5 + 6 * torch.exp(-(distance**2) / (2 * 0.35**2))
        self.numbers, self.grid = numbers.requires_grad_(), grid
        self.at_size = {side: dr.torch.GridRenderer(grid, side) for side in (size, 4 * size)}
        self.size = size

    def seen(self, views, behind=GREY, times=1):
        """Pictures (V, H, W, 3) over grey of views, azimuths and elevations, and the opacity (V, H, W)."""
        color, alpha = self.at_size[times * self.size](self.numbers, dr.torch.dreamer.camera(*views))
        return color + behind * (1 - alpha[..., None]), alpha

    def shown(self, views):
        """Pictures in bytes, larger."""
        with torch.no_grad():
            return quantized(self.seen(views, times=4)[0].numpy())

    def roughness(self):
        """The mean squared difference of the densities of neighbours."""
        inner = tuple(side - 2 for side in self.grid.shape)
        density = self.numbers[:, 3].view(inner)
        return sum((density.diff(dim=axis) ** 2).mean() for axis in range(3))


def dream(model, guidance, steps, watch=lambda part, volume: None):
    """A volume that has followed the model for some steps; ``watch`` sees it before each of them, and at the end."""
    volume, random = Volume(model.size), np.random.default_rng(0)
    distillation = dr.torch.ScoreDistillation(
        model.denoiser, model.alphas_cumprod, guidance=guidance, t_range=(0.2, 0.98), annealing="linear"
    )
    optimizer = torch.optim.Adam([volume.numbers], RATE, betas=(0.9, 0.99), eps=1e-10)
    for step in range(steps):
        watch(step / steps, volume)
        azimuth, elevation = random.uniform(0, 360, VIEWS), random.uniform(-15, 75, VIEWS)
        behind = torch.from_numpy(random.uniform(*dr.torch.dreamer.BACKGROUNDS, (VIEWS, 1, 1, 1))).float()
        pictures, alpha = volume.seen((azimuth, elevation), behind)
        prompts = [dr.torch.dreamer.with_view(PROMPT, *view) for view in zip(azimuth, elevation, strict=True)]
        score = distillation(planes(pictures), prompts, [""] * VIEWS, fraction=step / steps)
        fog = torch.sqrt(alpha**2 + 0.01).mean()
        loss = score / pictures[0].numel() + OPACITY * fog + SMOOTHNESS * volume.roughness()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    watch(1.0, volume)
    return volume


def planes(pictures):
    """Pictures (V, H, W, 3) in [0, 1] as the model takes them: (V, 3, H, W) in [-1, 1]."""
    return (2 * pictures - 1).permute(0, 3, 1, 2)


class Steps:
    """What the model is shown, and what it takes it for, a few times on the way; and a film."""

    def __init__(self, model):
        self.model, self.rows, self.film, self.parts = model, [], [], []

    def __call__(self, part, volume):
        if part >= len(self.film) / 24:
            self.film.append(volume.shown(BEFORE)[0])
        if len(self.rows) < len(SHOWN) and part >= SHOWN[len(self.rows)]:
            self.rows.append(self._row(volume))

    @torch.no_grad()
    def _row(self, volume):
        picture = planes(volume.seen(BEFORE)[0])
        share = float(self.model.alphas_cumprod[LEVEL])
        noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
        noisy = share**0.5 * picture + (1 - share) ** 0.5 * noise
        t, told = torch.tensor([LEVEL]), [dr.torch.dreamer.with_view(PROMPT, 60, 25)]
        anything = self.model.denoiser(noisy, t, None)
        seen = anything + GUIDANCE * (self.model.denoiser(noisy, t, told) - anything)
        meant = (noisy - (1 - share) ** 0.5 * seen) / share**0.5
        return [volume.shown(BEFORE)[0], *(enlarged(pixels(part)[0], 4) for part in (noisy, meant))]


def pixels(planes):
    """The other way round, in bytes."""
    return quantized((planes.permute(0, 2, 3, 1).numpy() + 1) / 2)


def coverage(volume):
    """The mean opacity of the pictures from all around."""
    with torch.no_grad():
        return float(volume.seen(AROUND)[1].mean())


def main(arguments=None):
    """Dreams with and without guidance, and shows both."""
    options = start(__file__, __doc__, steps=400, arguments=arguments)
    torch.set_num_threads(1)  # more of them would wait for Taichi's
    model = dr.torch.dreamer.load_dreamer()
    steps = Steps(model)
    guided = dream(model, GUIDANCE, options.steps, steps)
    plain = dream(model, 1.0, options.steps)
    columns = list(zip(*steps.rows, strict=True))
    rows = [*(list(row) for row in columns), list(guided.shown(AROUND)), list(plain.shown(AROUND))]
    titles = [f"after {part:.0%}" for part in SHOWN]
    names = ("the volume", "with noise", "taken for", f"guidance {GUIDANCE}", "guidance 1")
    save_picture(options.out / "dream.png", sheet(rows, titles, names))
    save_movie(options.out / "dream.gif", steps.film, [0.15] * (len(steps.film) - 1) + [2.0])
    return finish(options, prompt=PROMPT, covered_with_guidance=coverage(guided), covered_without=coverage(plain))


if __name__ == "__main__":
    main()
