"""An image that a small network learns from every second of its pixels: why networks of coordinates want waves.

A network of pixel coordinates (``dr.CoordinateNetwork``, 4 layers of 256) is given them as they are, as one wave along
each axis (basic), as waves of doubling frequencies (positional, as in NeRF), and as 256 waves along random directions
(Gaussian).  Trained on the pixels of one colour of a chessboard, each is asked for the others; the PSNR is of those.

    python demos/fit_image.py                      # a picture of its own
    python demos/fit_image.py --image fox.jpg

Source: Tancik et al., Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains, 2020.
"""

from pathlib import Path

import numpy as np
from common import enlarged, finish, quantized, save_picture, sheet, start

import taichi_dr as dr

HIDDEN = (256,) * 4
LEARNING_RATE = 1e-4
BATCH = 4096
WAVES, SIGMA = 256, 10.0  # of the Gaussian features
FREQUENCIES = 8  # of the positional encoding
SHOWN = 256  # pixels a side
DETAIL, CORNER = 4, (0.3, 0.62)  # its side is a fourth of the image's; where it begins
MAPPINGS = {
    "none": lambda: None,
    "basic": lambda: dr.encodings.Fourier(np.eye(2)),
    "positional": lambda: dr.encodings.Positional(FREQUENCIES),
    "gaussian": lambda: dr.encodings.Fourier.gaussian(2, WAVES, SIGMA),
}


def main(arguments=None):
    """Trains a network with each mapping; returns the PSNRs."""
    options = start(
        __file__,
        __doc__,
        steps=2000,
        arguments=arguments,
        image={"type": Path, "help": "a picture, of which the largest square in its middle is taken"},
        size={"type": int, "default": 512, "help": "pixels along a side (512)"},
        batch={"type": int, "default": BATCH, "help": f"pixels that a step looks at ({BATCH})"},
    )
    image = loaded(options.image, options.size) if options.image else drawn(options.size)
    places = (np.stack(np.mgrid[: options.size, : options.size], axis=-1) + 0.5) / options.size
    known = np.indices(image.shape[:2]).sum(axis=0) % 2 == 0
    pictures, results = [image], {}
    for name, mapping in MAPPINGS.items():
        network = dr.CoordinateNetwork(2, 3, encoding=mapping(), hidden=HIDDEN)
        network.fit(places[known], image[known], steps=options.steps, lr=LEARNING_RATE, batch=options.batch)
        found = network.at(places)
        results[name] = float(-10 * np.log10(np.mean((found[~known] - image[~known]) ** 2)))
        pictures.append(found)
        print(f"  {name}: {results[name]:.2f} dB")
    titles = ["the image", *(f"{name}: {value:.1f} dB" for name, value in results.items())]
    save_picture(options.out / "fit_image.png", sheet([*zip(*map(looked_at, pictures), strict=True)], titles))
    return finish(options, **{f"{name}_psnr": value for name, value in results.items()})


def looked_at(image):
    """The whole image, averaged down to ``SHOWN`` pixels or fewer, and its detail as large: bytes."""
    size = len(image)
    side, length = size // max(1, size // SHOWN), size // DETAIL
    row, column = (int(share * size) for share in CORNER)
    detail = image[row : row + length, column : column + length]
    return quantized(averaged(image, side)), enlarged(quantized(detail), side // length)


def averaged(values, side):
    """An image (side, side, 3): means over square blocks of one that is a multiple of that large."""
    factor = len(values) // side
    return values.reshape(side, factor, side, factor, 3).mean(axis=(1, 3))


def loaded(path, size):
    """The square in the middle of a picture, in its own (sRGB) values; reduced by means over whole blocks of pixels."""
    values = dr.linear_to_srgb(dr.load_image(path)[..., :3])
    factor = max(1, min(values.shape[:2]) // size)
    top, left = ((length - factor * size) // 2 for length in values.shape[:2])
    return averaged(values[top : top + factor * size, left : left + factor * size], size)


def drawn(size):
    """A picture with coarse and fine things in it: rings that become finer outwards, balls, and a soft background."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    rings = 0.5 + 0.5 * np.cos(60 * ((x - 0.3) ** 2 + (y - 0.7) ** 2))
    image = np.stack([0.3 + 0.5 * x, 0.35 + 0.3 * rings, 0.8 - 0.5 * y], axis=-1)
    random = np.random.default_rng(3)
    for _ in range(30):
        (cx, cy), radius, color = random.uniform(0, 1, 2), random.uniform(0.02, 0.1), random.uniform(0.1, 1, 3)
        height = 1 - ((x - cx) ** 2 + (y - cy) ** 2) / radius**2
        light = (0.4 + 0.6 * np.sqrt(np.clip(height, 0, 1)))[..., None]
        image = np.where(height[..., None] > 0, light * color, image)
    return image


if __name__ == "__main__":
    main()
