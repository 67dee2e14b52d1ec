"""Whether the alpha channels of a data set are silhouettes of an object, before anything is made of them."""

import warnings

import numpy as np

from taichi_dr.errors import DataSetError

COVERED = 0.5
OPAQUE = 0.995  # of an image's pixels: with more of them covered there is no silhouette
ALL_AROUND = 0.9  # of the border that inverted masks cover, at least
NAMES_SHOWN = 5


def has_silhouettes(posed):
    """Whether at least half of the images are not opaque."""
    return posed.has_alpha and 2 * sum(_share_covered(alpha) >= OPAQUE for alpha in posed.alpha) <= len(posed)


def check_silhouettes(posed, where):
    """Checks the alpha channels of ``posed``; ``where`` says which images they are.

    Warns if some images are opaque, and if most silhouettes touch the border: what is cut off there is unknown.

    Raises:
        DataSetError: more than half of the images are opaque.
    """
    opaque = [name for name, alpha in zip(posed.names, posed.alpha, strict=True) if _share_covered(alpha) >= OPAQUE]
    if opaque:
        shown = ", ".join(opaque[:NAMES_SHOWN]) + (", …" if len(opaque) > NAMES_SHOWN else "")
        text = (
            f"{where}: {len(opaque)} of {len(posed)} images are fully opaque ({shown}): alpha is used as the"
            " silhouette; --background COLOR (or auto) keys a background of one colour, else remove it first"
        )
        if 2 * len(opaque) > len(posed):
            raise DataSetError(text)
        warnings.warn(text, stacklevel=3)
    inverted = sum(_surrounds(alpha) for alpha in posed.alpha)
    if 2 * inverted > len(posed):
        warnings.warn(
            f"{where}: in {inverted} of {len(posed)} images the border is covered and the middle is not: are the masks"
            " inverted? They should be white where the object is",
            stacklevel=3,
        )
    cut_off = sum(_touches_border(alpha) for alpha in posed.alpha)
    if 2 * cut_off > len(posed):
        warnings.warn(
            f"{where}: in {cut_off} of {len(posed)} images the silhouette touches the border: what is beyond it cannot"
            " be found, and a background that is left in the alpha channel would look the same",
            stacklevel=3,
        )


def _share_covered(alpha):
    return (alpha >= COVERED).mean()


def _surrounds(alpha):
    """Whether the silhouette covers the border, and less of what is within."""
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return (border >= COVERED).mean() > ALL_AROUND and _share_covered(alpha) < OPAQUE


def _touches_border(alpha):
    return any((edge >= COVERED).any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
