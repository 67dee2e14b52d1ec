"""Who judges dreamt things: a classifier that knows nothing of the dreamer, and the true things themselves.

The classifier is a small network of its own, trained here on pictures of all things in all colours and sizes, those
that the dreamer has never seen included, from views of its own, disturbed as no dreamer is asked about: moved, blurred,
faded towards the grey behind, less or more colourful, lighter or darker, noisy.  A thing is what the mean of the
logarithms of the probabilities over eight views says it is.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from taichi_dr.io.files import atomic_path
from taichi_dr.jobs.dream.solid import OPACITY, seen_solid
from taichi_dr.jobs.single_image.evaluation import voxel_iou
from taichi_dr.measure.volume import voxels
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.torch.dreamer.pictures import SAMPLES, SIZE, Pictures, camera, lights, take_pictures
from taichi_dr.torch.dreamer.things import thing
from taichi_dr.torch.dreamer.words import COLORS, SHAPES, SIZES, is_held_out

TURNS = 24
ELEVATIONS_DEG = 5.0, 40.0
VIEWS = 8
SEEN_FROM = np.arange(VIEWS) % 2 * TURNS + 3 * np.arange(VIEWS)
"""Which of the 48 pictures, of 24 azimuths from 22.5 degrees on at two elevations, are those that a dream is judged by:
every 45 degrees, from low and from high in turn."""

GREY = 0.5  # behind things
FACING_DEG = 60.0
FRONTED = "chair", "car"
"""What has one front, and looks like no other view of itself."""

RESOLUTION = 40  # voxels along a side of the cube [-1, 1]^3
RIM = 2  # voxels at the cube's sides, where no thing reaches

TRAINED_VIEWS, TRAINED_SEED = 160, 1001
HELD_OUT_VIEWS, HELD_OUT_SEED = 16, 1002
STEPS, BATCH, RATE = 1500, 96, 3e-3
MOST_BLURRED = 1.6  # pixels
WIDTHS = 3, 24, 48, 96


class Things(NamedTuple):
    """Numbers (B,) of shapes, colours and sizes, in the order of the words."""

    shapes: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray


def things(held_out_too=True):
    """All things, or those that training has seen."""
    numbers = [
        (i, j, k)
        for i, shape in enumerate(SHAPES)
        for j, color in enumerate(COLORS)
        for k in range(len(SIZES))
        if held_out_too or not is_held_out(shape, color)
    ]
    return Things(*np.array(numbers).T)


class Classifier(nn.Module):
    """Shape and colour of pictures (B, 3, 32, 32) in [0, 1]: log-probabilities (B, 10) and (B, 8)."""

    def __init__(self):
        super().__init__()
        blocks = [
            (nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
            for a, b in pairwise(WIDTHS)
        ]
        self.features = nn.Sequential(*[layer for block in blocks for layer in block], nn.Flatten(), nn.Dropout(0.2))
        self.scores = nn.Linear(WIDTHS[-1] * (SIZE // 2 ** len(blocks)) ** 2, len(SHAPES) + len(COLORS))

    def forward(self, x):
        scores = self.scores(self.features(x - GREY))
        return tuple(F.log_softmax(part, dim=1) for part in scores.split([len(SHAPES), len(COLORS)], dim=1))


def trained():
    """A ``Classifier``, always the same one, and the shares of held-out pictures of which it knows both words."""
    torch.manual_seed(TRAINED_SEED)
    random = np.random.default_rng(TRAINED_SEED)
    pictures = take_pictures(TRAINED_VIEWS, TRAINED_SEED)
    network = Classifier().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS)
    everything = things()
    for _ in range(STEPS):
        which = random.integers(0, len(everything.shapes), BATCH)
        shapes, colors, sizes = (numbers[which] for numbers in everything)
        x = as_tensor(pictures.colored(shapes, colors, sizes, random.integers(0, TRAINED_VIEWS, BATCH), greys(BATCH)))
        of_shape, of_color = network(
            disturbed(x, random.uniform(0, MOST_BLURRED)).to(memory_format=torch.channels_last)
        )
        loss = F.nll_loss(of_shape, torch.from_numpy(shapes)) + F.nll_loss(of_color, torch.from_numpy(colors))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval(), accuracy(network.eval())


@torch.no_grad()
def accuracy(network):
    """By what is done to them: the shares of pictures that training has not seen of which both words are known.

    First of single ones, then of eight together.
    """
    pictures, everything = take_pictures(HELD_OUT_VIEWS, HELD_OUT_SEED), things()
    count = len(everything.shapes)
    torch.manual_seed(HELD_OUT_SEED)
    ways = {
        "as they are": lambda x: x,
        "blurred": lambda x: blurred(x - GREY, MOST_BLURRED) + GREY,
        "disturbed": disturbed_much,
    }
    known = {}
    for name, way in ways.items():
        views = [
            network(way(as_tensor(pictures.colored(*everything, np.full(count, view), greys(count)))))
            for view in range(HELD_OUT_VIEWS)
        ]
        answers = [torch.stack(part) for part in zip(*views, strict=True)]
        together = [part.unflatten(0, (-1, VIEWS)).mean(dim=1) for part in answers]
        known[name] = [_known(answers, everything), _known(together, everything)]
    return known


def _known(answers, everything):
    """The share of both words right, of log-probabilities (N, 160, 10) and (N, 160, 8)."""
    shapes, colors = (part.argmax(dim=2).numpy() for part in answers)
    return float(np.mean((shapes == everything.shapes) & (colors == everything.colors)))


def greys(count):
    """(B,): what is behind things."""
    return np.full(count, GREY, np.float32)


def as_tensor(pictures):
    """(B, 3, 32, 32) of pictures (B, 32, 32, 3)."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32))


def disturbed(x, sigma):
    """Pictures (B, 3, 32, 32) moved, blurred by ``sigma`` pixels, with other colours, contrast and lightness, noisy."""

    def between(low, high):
        return low + (high - low) * torch.rand(len(x), 1, 1, 1)

    scale, shift = between(0.9, 1.1)[:, 0], 2 * (4 / SIZE) * (torch.rand(len(x), 2, 1) - 0.5)
    places = F.affine_grid(torch.cat([scale * torch.eye(2), shift], dim=2), x.shape, align_corners=False)
    x = blurred(F.grid_sample(x - GREY, places, align_corners=False), sigma)
    grey = x.mean(dim=1, keepdim=True)
    x = (grey + between(0.4, 1.2) * (x - grey)) * between(0.5, 1.2) + between(-0.08, 0.08)
    return x + GREY + between(0, 0.06) * torch.randn(x.shape)


def disturbed_much(x):
    """Pictures ``disturbed`` as much as any."""
    return disturbed(x, MOST_BLURRED)


def blurred(x, sigma):
    """Pictures (B, 3, H, W) over 0, blurred by a Gaussian of ``sigma`` pixels."""
    weights = torch.exp(-(torch.arange(-4.0, 5.0) ** 2) / (2 * max(sigma, 1e-3) ** 2))
    weights = (weights / weights.sum())[None, None, None]
    rows = F.conv2d(x.reshape(-1, 1, *x.shape[2:]), weights, padding=(0, 4))
    return F.conv2d(rows, weights.transpose(2, 3), padding=(4, 0)).reshape(x.shape)


class Judge:
    """Compares dreams with what they were to be; ``folder`` keeps the classifier."""

    def __init__(self, folder):
        self._classifier, self.accuracy = _kept(folder / "classifier.pt")
        self._pictures = _turntable()
        self._trained = things(held_out_too=False)
        self._known = np.stack([self._views(*numbers) for numbers in zip(*self._trained, strict=True)])

    def _views(self, shape, color, size):
        """(8, 32, 32, 3): the true thing from where dreams are judged."""
        return self._pictures.colored(
            *(np.full(VIEWS, number) for number in (shape, color, size)), SEEN_FROM, greys(VIEWS)
        )

    def verdict(self, grid, shape, color, size):
        """What a dream of the words is like, as JSON holds it."""
        azimuth, elevation = self._pictures.azimuth_deg[SEEN_FROM], self._pictures.elevation_deg[SEEN_FROM]
        seen = grid.render(camera(azimuth, elevation), (SIZE, SIZE))
        found = dense(grid)
        outside = np.pad(np.zeros([RESOLUTION - 2 * RIM] * 3, bool), RIM, constant_values=True)
        return {
            **self.compared(seen.over(GREY), found, shape, color, size),
            "covered": float(seen.alpha.mean()),
            "solid": float(found.mean()),
            "rim": float(found[outside].mean()),
        }

    def truth(self, shape, color, size):
        """What ``verdict`` would be if the dream were the thing itself."""
        pictures = self._views(*numbers_of(shape, color, size))
        return self.compared(pictures, true_voxels(shape, size)[0], shape, color, size)

    def compared(self, pictures, found, shape, color, size):
        """The verdict on pictures (8, 32, 32, 3) and voxels."""
        truth = true_voxels(shape, size)
        return {
            **self._answers(pictures, shape, color),
            **_overlap(found, truth),
            "facing": self._facing(pictures, shape, color, size) if shape in FRONTED else None,
            "nearest": self._nearest(pictures, truth, shape, color),
        }

    @torch.no_grad()
    def _answers(self, pictures, shape, color):
        """The words that are read off all views together, and the share of views of which both are right."""
        of_shape, of_color = (part.numpy() for part in self._classifier(as_tensor(pictures)))
        i, j, _ = numbers_of(shape, color, "small")
        views = (of_shape.argmax(axis=1) == i) & (of_color.argmax(axis=1) == j)
        words = SHAPES[of_shape.mean(axis=0).argmax()], tuple(COLORS)[of_color.mean(axis=0).argmax()]
        return {"read": words, "shape": words[0] == shape, "color": words[1] == color, "views": float(views.mean())}

    def _facing(self, pictures, shape, color, size):
        """By view, the degrees from where it was seen to where the true thing looks most like that."""
        i, j, k = numbers_of(shape, color, size)
        offsets = []
        for view, picture in enumerate(pictures):
            around = view % 2 * TURNS + (3 * view + np.arange(TURNS)) % TURNS
            true = self._pictures.colored(*(np.full(TURNS, number) for number in (i, j, k)), around, greys(TURNS))
            turn = int(((true - picture) ** 2).mean(axis=(1, 2, 3)).argmin())
            offsets.append((turn * 360 / TURNS + 180) % 360 - 180)
        return offsets

    def _nearest(self, pictures, truth, shape, color):
        """The thing that training has seen whose pictures are nearest to the dream's, against what it was to be."""
        best = int(((self._known - pictures) ** 2).mean(axis=(1, 2, 3, 4)).argmin())
        i, j, k = (int(numbers[best]) for numbers in self._trained)
        words = tuple(SIZES)[k], tuple(COLORS)[j], SHAPES[i]
        right = {"shape": words[2] == shape, "color": words[1] == color}
        return {"thing": words, **right, **_overlap(true_voxels(words[2], words[0])[0], truth)}


def numbers_of(shape, color, size):
    """The words' numbers."""
    return SHAPES.index(shape), tuple(COLORS).index(color), tuple(SIZES).index(size)


def _kept(path):
    """The classifier that the file holds, or a new one that is written there, and its accuracy."""
    if not path.exists():
        network, known = trained()
        with atomic_path(path) as temporary:
            torch.save({"network": network.state_dict(), "accuracy": known}, temporary)
    kept, network = torch.load(path), Classifier()
    network.load_state_dict(kept["network"])
    return network.eval(), kept["accuracy"]


def _turntable():
    """The ``Pictures`` of all things from 24 sides at two elevations."""
    azimuth = np.tile(22.5 + 360 / TURNS * np.arange(TURNS), len(ELEVATIONS_DEG))
    elevation = np.repeat(ELEVATIONS_DEG, TURNS)
    sampler, where, lit = Supersampler(SIZE, SAMPLES), camera(azimuth, elevation), lights()
    seen = np.array([[sampler.render(thing(shape, size), where, lit) for size in SIZES] for shape in SHAPES])
    return Pictures(np.clip(seen[..., 0], 0, 1), seen[..., 3], azimuth, elevation)


def dense(grid):
    """(40, 40, 40): the voxels of the cube that are in the solid that a dream looks like, as its mesh is."""
    middles = 2 * (np.arange(RESOLUTION) + 0.5) / RESOLUTION - 1
    points = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1)
    density, _ = grid.at(points, (0.0, 0.0, 1.0))
    return seen_solid(density, 2 / RESOLUTION) > OPACITY


@cache
def true_voxels(shape, size):
    """(24, 40, 40, 40): the voxels of a thing as it stands, and turned about y by 15 degrees after 15."""
    mesh = thing(shape, size)
    triangles = mesh.numpy("vertices")[0].astype(np.float64)[mesh.topology.faces]
    return np.array([voxels(turned(triangles, turn) / 2, RESOLUTION) for turn in range(TURNS)])


def turned(points, turn):
    """Points (..., 3) turned about y by 24ths of a full turn."""
    angle = 2 * np.pi * turn / TURNS
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])


def _overlap(found, truth):
    ious = [voxel_iou(found, one) for one in truth]
    return {"iou": ious[0], "iou_turned": max(ious)}
