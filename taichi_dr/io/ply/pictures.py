"""The textures of a PLY file, and where its faces are on them."""

import warnings
from dataclasses import dataclass

import numpy as np

from taichi_dr.io.images import load_image
from taichi_dr.io.words import find_beside
from taichi_dr.scene.texture import Texture

PER_VERTEX = (
    ("s", "t"),
    ("u", "v"),
    ("texture_u", "texture_v"),
    ("texture_s", "texture_t"),
    ("s0", "t0"),
    ("u0", "v0"),
)
PER_CORNER = ("texcoord", "texcoords", "texture_coordinates", "texture_coords")
NUMBER = ("texnumber", "texture_number")


@dataclass(frozen=True)
class Placement:
    """``uv`` (T, 2); ``of_corner`` (C,), which of them each corner of a polygon has, -1 for none."""

    uv: np.ndarray
    of_corner: np.ndarray


def read_placement(polygons, vertex_columns):
    """The ``Placement`` of the polygons: by their own lists of u and v by turns, else by vertices; None without."""
    lists = next((polygons.columns[name] for name in PER_CORNER if name in polygons.columns), None)
    if lists is not None and lists.counts is not None:
        whole = lists.counts == 2 * polygons.counts
        if whole.any():
            pairs = lists.chosen(whole).values.astype(np.float64).reshape(-1, 2)
            distinct, of_pair = np.unique(pairs[:, 0] + 1j * pairs[:, 1], return_inverse=True)
            of_corner = np.full(len(polygons.corners), -1)
            of_corner[np.repeat(whole, polygons.counts)] = of_pair.reshape(-1)
            return Placement(np.stack([distinct.real, distinct.imag], axis=1), of_corner)
    names = next((pair for pair in PER_VERTEX if all(name in vertex_columns for name in pair)), None)
    if names is None:
        return None
    uv = np.stack([vertex_columns[name].values.astype(np.float64) for name in names], axis=1)
    return Placement(uv, polygons.corners)


def read_textures(path, comments):
    """``(textures, of_number)`` of the lines ``comment TextureFile NAME``: ``of_number[i]`` is the place of the i-th of
    them among the textures, -1, with a warning, where its picture is missing."""
    names = [comment.split(None, 1)[1] for comment in comments if _names_a_picture(comment)]
    textures, of_number = [], []
    for name in names:
        found = find_beside(path, name)
        if found is None:
            warnings.warn(f"{path}: its texture {name} is missing", stacklevel=4)
        else:
            textures.append(Texture(load_image(found)[:, :, :3]))
        of_number.append(-1 if found is None else len(textures) - 1)
    return tuple(textures), np.array(of_number, np.int64)


def polygon_textures(path, polygons, placement, of_number):
    """Which texture each polygon (P,) shows, -1 for none: as it says, else the first."""
    starts = np.cumsum(polygons.counts) - polygons.counts
    column = next((polygons.columns[name] for name in NUMBER if name in polygons.columns), None)
    number = np.zeros(len(starts), np.int64) if column is None else np.nan_to_num(column.values).astype(np.int64)
    known = (number >= 0) & (number < len(of_number))
    if not known.all():
        told = f"{path}: {(~known).sum()} faces show texture {number[~known][0]}, of {len(of_number)}: left out"
        warnings.warn(told, stacklevel=4)
    shown = known & (np.minimum.reduceat(placement.of_corner, starts) >= 0)
    return np.where(shown, of_number[np.where(known, number, 0)], -1)


def _names_a_picture(comment):
    words = comment.split(None, 1)
    return len(words) == 2 and words[0].lower() == "texturefile"
