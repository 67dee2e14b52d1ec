"""Two digits in one volume: a diffusion model that other people have trained says what its two sides should look like.

The model (``ddpm_mnist_starter`` of github.com/Yichizz/hot_vs_cold_diffusion, MIT licence) has learnt to take noise off
pictures of handwritten digits, 28 x 28 pixels.  It has seen no volume, and cannot be told which digit to draw.
Densities on a grid begin as thin random fog; the views from the front and from the right are pictures, and
``dr.torch.ScoreDistillation`` hands on what the model would change of them.

With new noise at every step that leads to a mean of all digits, a blur.  The same noise for each view at every step,
and one falling level for both (``annealing="dreamtime"``), lead to a digit: the one that the model's own walk down the
levels (DDIM) makes of that noise.  So the noise chooses, and another ``--seed`` gives other digits, or none: many of
the model's own samples are no digits either.

    python demos/two_digits.py        needs pip install 'taichi-dr[torch]', and the model's arrays: --model FILE

Sources: Poole et al., DreamFusion, 2023; Huang et al., DreamTime, 2024; Song et al., Denoising Diffusion Implicit
Models, 2021.
"""

import sys
import zipfile
from pathlib import Path

import numpy as np
from common import enlarged, finish, save_movie, save_picture, sheet, start

import taichi_dr as dr

try:
    import torch
    from torch.nn import functional
except ModuleNotFoundError:
    raise SystemExit("two_digits needs PyTorch, which is not installed: pip install 'taichi-dr[torch]'") from None

MODEL = Path(__file__).resolve().parents[2] / "shared" / "data" / "networks" / "ddpm_mnist28_yichizz_starter.npz"
SIZE, LEVELS = 28, 1000  # of the model: pixels a side, noise levels
GRID, SAMPLES = 32, 48  # vertices a side of the volume, samples per ray
FOG, ROUGH = -6.0, 1.0  # mean and deviation of the density numbers at the start
RATE = 0.1
SEED = 5  # of the noise, which chooses the digits
STOPS = 0.25, 0.5, 0.75, 1.0  # parts of the way that are shown
SHOWN, FACTOR = 112, 4  # pixels of the turning volume; of a pixel of the model
JUDGED = 50, 100, 200, 300, 400, 500, 600, 700  # levels of the model's error, and draws of noise at each
DRAWS = 16
MISSING = """two_digits: {}: no such file
  It has the arrays of model/ddpm_mnist_starter.pth of github.com/Yichizz/hot_vs_cold_diffusion (MIT licence),
  under their names and written by numpy.savez; --model FILE says where it is."""
TURN = 15, 30, 45, 60, 75  # degrees from the front to the side


class DigitModel:
    """``eps(x_t (B, 1, 28, 28), t (B,), condition)`` of pictures in [-0.5, 0.5]; there is no condition.

    Four blocks of a convolution of 7 x 7, a norm over channels and pixels and a GELU, and a last convolution of 3 x 3.
    To the first block's answer a number for each channel is added, made by a network of
    ``sin(t f)`` and ``cos(t f) - 1``, ``t`` in [0, 1].

    Raises:
        FileError: a file that is no archive of these arrays.
    """

    def __init__(self, path):
        try:
            with np.load(path) as file:
                arrays = {name.removeprefix("gt."): torch.from_numpy(file[name]) for name in file.files}
            self.alphas_cumprod, self.frequencies = arrays["alpha_t"], arrays["frequencies"]
            pairs = {
                name: (arrays[f"{name}.weight"], arrays[f"{name}.bias"])
                for name in (
                    *(f"time_embed.{layer}" for layer in (0, 2, 4, 6)),
                    *(f"blocks.{block}.net.{part}" for block in range(4) for part in (0, 1)),
                    "blocks.4",
                )
            }
        except (KeyError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise dr.FileError(
                f"{path}: expected the arrays of the digits' diffusion model, got a file without them ({error}): "
                "save its state_dict by np.savez"
            ) from None
        layers = list(pairs.values())
        self.time, self.blocks, self.last = (
            layers[:4],
            list(zip(layers[4:12:2], layers[5:12:2], strict=True)),
            layers[12],
        )

    @torch.no_grad()
    def __call__(self, x, t, condition=None):
        """The noise in ``x``, in its shape."""
        for index, (convolution, norm) in enumerate(self.blocks):
            x = functional.conv2d(x, *convolution, padding=3)
            x = functional.gelu(functional.layer_norm(x, x.shape[1:], *norm))
            if index == 0:
                x = x + self.time_numbers(t)[..., None, None]
        return functional.conv2d(x, *self.last, padding=1)

    def time_numbers(self, t):
        """(B, 16): what is added to the channels at levels t (B,)."""
        phase = t[:, None] / LEVELS * self.frequencies
        x = functional.linear(torch.cat([phase.sin(), phase.cos() - 1], 1), *self.time[0])
        for layer in self.time[1:]:
            x = functional.linear(functional.gelu(x), *layer)
        return x

    def noisy(self, pictures, t, noise):
        """``alpha_t x + sigma_t eps``."""
        share = self.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        return share.sqrt() * pictures + (1 - share).sqrt() * noise

    def samples(self, count, seed, steps=100):
        """Pictures (count, 1, 28, 28) of the model's own, by DDIM: the walk from noise down the levels."""
        x = torch.randn(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        levels = torch.linspace(LEVELS - 1, 1, steps).round().long()
        for t, after in zip(levels, [*levels[1:], None], strict=True):
            noise, share = self(x, t.expand(count)), self.alphas_cumprod[t]
            picture = (x - (1 - share).sqrt() * noise) / share.sqrt()
            x = picture if after is None else self.noisy(picture, after.expand(count), noise)
        return x

    def error(self, picture):
        """The mean of |eps^ - eps|^2 per pixel of a picture (28, 28) in [0, 1], the same levels and noise for all."""
        t = torch.tensor(JUDGED).repeat(DRAWS)
        noise = torch.randn(len(t), 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
        noisy = self.noisy(torch.as_tensor(picture) - 0.5, t, noise)
        return functional.mse_loss(self(noisy, t), noise).item()


class Volume:
    """Densities on a grid, and what is seen of them by parallel rays."""

    def __init__(self, seed):
        grid = dr.radiance.Grid((-1, 1), GRID, degree=0)
        random = torch.Generator().manual_seed(seed)
        self.colors = torch.zeros(grid.count, 3)
        self.density = (FOG + ROUGH * torch.randn(grid.count, 1, generator=random)).requires_grad_()
        self.render = dr.torch.VolumeRenderer(grid, SIZE, samples=SAMPLES, outputs=("alpha",))
        self.closer = dr.torch.VolumeRenderer(grid, SHOWN, samples=2 * SAMPLES, outputs=("alpha",))

    def views(self, *degrees):
        """Alpha (V, 28, 28) as seen from so far round: 0 is the front, 90 the right."""
        return self.render(torch.cat([self.colors, self.density], 1), around(degrees)).alpha

    @torch.no_grad()
    def looks(self, degrees):
        """The same as pictures (V, SHOWN, SHOWN, 3) of bytes, with more pixels."""
        return [
            as_bytes(alpha) for alpha in self.closer(torch.cat([self.colors, self.density], 1), around(degrees)).alpha
        ]


def around(degrees):
    """Parallel cameras on the circle around the y axis."""
    angles = np.deg2rad(degrees)
    return dr.Camera.orthographic(3 * np.stack([np.sin(angles), 0 * angles, np.cos(angles)], axis=-1))


def as_bytes(alpha):
    """Numbers (H, W) in [0, 1] as bytes (H, W, 3), grey."""
    return np.round(255 * np.clip(np.asarray(alpha), 0, 1)).astype(np.uint8)[..., None].repeat(3, axis=-1)


def guide(model, volume, steps, seed, keep_noise=True, watch=None):
    """Adam on the densities, by what the model would change of the front and the side.

    ``sigma / alpha`` as weight makes of ``eps^ - eps`` the difference ``x - x_0^`` from what the model thinks the
    picture is.  A distillation that is made anew draws the same noise again.
    """

    def distillation():
        settings = {"weight": lambda alpha, sigma: sigma / alpha, "annealing": "dreamtime", "seed": seed}
        return dr.torch.ScoreDistillation(model, model.alphas_cumprod, guidance=1, **settings)

    guidance = distillation()
    optimizer = torch.optim.Adam([volume.density], lr=RATE, betas=(0.9, 0.99))
    for step in range(steps):
        if keep_noise:
            guidance = distillation()
        pictures = volume.views(0, 90)
        loss = guidance(pictures[:, None] - 0.5, None, fraction=step / steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if watch:
            watch(step + 1)


class Watch:
    """Keeps what both sides look like along the way, and says how far it is."""

    def __init__(self, volume, steps):
        self.volume, self.steps = volume, steps
        self.stops = {round(part * steps): f"step {round(part * steps)}" for part in STOPS}
        self.every, self.pictures, self.movie = max(1, steps // 12), [], []

    def __call__(self, step):
        if step in self.stops:
            print(f"  step {step} of {self.steps}")
            self.pictures.append(both_sides(self.volume))
        if step % self.every == 0 or step == self.steps:
            self.movie.append(both_sides(self.volume))


@torch.no_grad()
def both_sides(volume):
    """The front and the side, as the model sees them."""
    return [enlarged(as_bytes(alpha), FACTOR) for alpha in volume.views(0, 90)]


def poster(watch, blurred, turned, samples):
    """Both sides along the way and with new noise; what is in between; what the model itself draws."""
    columns = [*watch.pictures, blurred]
    titles = [*watch.stops.values(), "new noise"]
    sides = sheet(list(zip(*columns, strict=True)), titles, ("front", "side"))
    between = sheet([turned], [f"{angle} degrees" for angle in TURN], ("between",))
    own = sheet([[enlarged(as_bytes(sample[0] + 0.5), FACTOR) for sample in samples]], (), ("model's own",))
    return sheet([[sides], [between], [own]])


def film(watch, volume):
    """Frames of the two sides as they come, then of the volume as it turns from one to the other and back."""
    titles = "front", "side", "turning"
    blank = np.zeros((SHOWN, SHOWN, 3), np.uint8)
    forming = [sheet([[*pair, blank]], titles) for pair in watch.movie]
    turning = [
        sheet([[*watch.movie[-1], look]], titles) for look in volume.looks([*range(0, 91, 6), *range(84, 0, -6)])
    ]
    return forming + turning


def main(arguments=None):
    """Guides a volume by kept noise, another one by new noise, and judges both by the model."""
    more = {
        "model": {"type": Path, "default": MODEL, "help": "the arrays of the model's state_dict, an .npz"},
        "seed": {"type": int, "default": SEED, "help": f"of the noise, which chooses the digits ({SEED})"},
    }
    options = start(__file__, __doc__, steps=300, arguments=arguments, **more)
    if not options.model.is_file():
        sys.exit(MISSING.format(options.model))
    model = DigitModel(options.model)
    volume, plain = Volume(options.seed), Volume(options.seed)
    watch = Watch(volume, options.steps)
    print("  the same noise at every step:")
    guide(model, volume, options.steps, options.seed, watch=watch)
    print("  new noise at every step")
    guide(model, plain, options.steps, options.seed, keep_noise=False)
    samples = model.samples(len(STOPS) + 1, options.seed)
    turned = volume.looks(TURN)
    save_picture(options.out / "two_digits.png", poster(watch, both_sides(plain), turned, samples))
    movie = film(watch, volume)
    save_movie(
        options.out / "two_digits.gif", movie, [0.25] * len(watch.movie) + [0.08] * (len(movie) - len(watch.movie))
    )
    with torch.no_grad():
        (front, between, side), blurs = volume.views(0, 45, 90), plain.views(0, 90)
    return finish(
        options,
        error_front=model.error(front),
        error_side=model.error(side),
        error_at_45_degrees=model.error(between),
        error_with_new_noise=float(np.mean([model.error(view) for view in blurs])),
        error_of_own_samples=float(np.mean([model.error(sample[0] + 0.5) for sample in samples])),
        front_like_own_of_same_noise=alike(front, samples[0]),
        side_like_own_of_same_noise=alike(side, samples[1]),
        front_like_side=alike(front, side),
    )


def alike(view, sample):
    """The correlation of two pictures' pixels."""
    return float(np.corrcoef(view.ravel(), sample.ravel())[0, 1])


if __name__ == "__main__":
    torch.set_num_threads(1)  # two pictures are little work, and more threads get in the way of Taichi's
    main()
