"""One directional light and ambient light, told from a surface's colours: those that leave it the fewest.

What images show of a matt surface is its colour times its light, ``I = rho s`` with ``s = a + b max(n.l, 0)``, from
wherever it is seen: any light will do, if the colours make up for it, and gradients of the images' difference cannot
choose.  What can is that most surfaces have few colours.  Of pairs (i, j) of vertices at random many have one colour,
and then ``log I_i - log I_j`` is that of ``log s`` alone; pairs of other colours, and shadows, are outliers:

    min over b/a, l  of  sum over pairs  log(1 + |log(I_i / s_i) - log(I_j / s_j)|^2 / WIDTH^2)

which is Cauchy's loss, and in effect the entropy of the colours' logarithms (Finlayson et al., Intrinsic images by
entropy minimization, 2004).  How bright the light is cannot be told either: it is made 1 in the mean over all
directions, ``a + b/4 = 1`` in every channel, as white light is that leaves colours as they are.
"""

from itertools import product
from typing import NamedTuple

import numpy as np

PAIRS = 20000
STARTS = 4  # of 26 directions
WIDTH = 0.1  # of the colours' logarithms: what counts as one colour
DARKEST = 0.02  # channels below it are left out: what little there is comes from 8 bits and from what is beside
LEAST_KNOWN = 0.005  # of the channels of pairs: with fewer, nothing is told
SMALLEST_NORMAL = 1e-12
LIT = 0.25  # mean of max(n.l, 0) over all directions n


class Light(NamedTuple):
    """``ambient`` and ``color`` (3,), linear RGB, and the unit ``direction`` (3,) towards the directional light."""

    ambient: np.ndarray
    color: np.ndarray
    direction: np.ndarray

    def on(self, normals):
        """What arrives (N, 3) at surfaces with the unit ``normals`` (N, 3)."""
        return self.ambient + self.color * np.maximum(normals @ self.direction, 0)[:, None]


EVEN = Light(np.ones(3), np.zeros(3), np.array([0.0, 1.0, 0.0]))
"""From everywhere alike: of which colours are what images show."""


def described(light):
    """What ``light.json`` says of it, as that of ``taichi-dr dataset`` does."""
    directional = {"direction": light.direction.tolist(), "color": light.color.tolist()}
    return {"ambient": light.ambient.tolist(), "directional": [directional]}


def find_light(shown, normals, seed, white=False):
    """The ``Light`` in what images show (N, 3) of vertices with unit ``normals`` (N, 3); ``EVEN`` if that is too dark.

    ``white``: the directional light has the ambient light's tint, for surfaces of which few colours are clean.

    >>> normals = np.random.default_rng(0).normal(size=(1000, 3))
    >>> normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    >>> light = Light(np.full(3, 0.5), np.full(3, 2.0), np.array([0.0, 0.6, 0.8]))
    >>> shown = light.on(normals) * np.where(normals[:, :1] > 0, 0.2, 0.4)  # of two colours
    >>> found = find_light(shown, normals, 0)
    >>> abs(found.direction).round(2).tolist(), (found.color / found.ambient).round(1).tolist()
    ([0.0, 0.6, 0.8], [4.0, 4.0, 4.0])
    """
    from scipy.optimize import minimize  # here, because it takes a tenth of a second to import

    pairs = np.random.default_rng(seed).integers(len(shown), size=(PAIRS, 2))
    logs, known = np.log(np.maximum(shown, DARKEST)), (shown > DARKEST)[pairs].all(axis=1)
    if known.mean() < LEAST_KNOWN:
        return EVEN
    arguments = logs[pairs], known, normals[pairs]
    starts = [np.array([*axes, 0, 0, 0]) for axes in product((-1.0, 0.0, 1.0), repeat=3) if any(axes)]
    starts = sorted(starts, key=lambda start: _spread(start, *arguments)[0])[:STARTS]
    spread = _white_spread if white else _spread
    found = [minimize(spread, start, arguments, jac=True, method="L-BFGS-B") for start in starts]
    best = min(found, key=lambda result: result.fun).x
    length = np.linalg.norm(best[:3])
    color = length * np.exp(best[3:])  # of the directional light, relative to the ambient light
    ambient = 1 / (1 + LIT * color)
    return Light(ambient, color * ambient, best[:3] / max(length, 1e-9))


def vertex_normals(mesh):
    """Unit normals (N, 3) of vertices: of the faces around them, by their areas."""
    vertices, faces = mesh.numpy("vertices")[0].astype(np.float64), mesh.topology.faces
    of_face = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    rows, count = faces.T.reshape(-1), len(vertices)
    normals = np.stack([np.bincount(rows, np.tile(of_face[:, k], 3), count) for k in range(3)], axis=1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), SMALLEST_NORMAL)


def _spread(parameters, logs, known, normals):
    """The sum above, a mean here, and its gradient; ``parameters``: ``|b/a| l``, and the logarithms of its tint.

    Of channels that are ``known`` (M, 3) in both of a pair."""
    vector, tint = parameters[:3], np.exp(parameters[3:])
    cosine = np.maximum(normals @ vector, 0)[..., None]
    light = 1 + cosine * tint
    left = logs - np.log(light)
    apart = (left[:, 0] - left[:, 1]) * known
    square = (apart**2).sum(axis=1, keepdims=True) + WIDTH**2
    slope = 2 * apart / square
    of_light = -np.stack([slope, -slope], axis=1) / light / len(apart)
    of_vector = np.einsum("pkc,pkv->v", of_light * (cosine > 0) * tint, normals)
    of_tint = (of_light * cosine * tint).sum(axis=(0, 1))
    return float(np.log(square / WIDTH**2).mean()), np.concatenate([of_vector, of_tint])


def _white_spread(parameters, *arguments):
    """``_spread`` with a gradient that leaves the tint as it is."""
    value, gradient = _spread(parameters, *arguments)
    return value, gradient * (1, 1, 1, 0, 0, 0)
