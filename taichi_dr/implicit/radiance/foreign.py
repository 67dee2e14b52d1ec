"""Networks of NeRF that others have trained: which layers they have, by the names that their programs give them."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from taichi_dr.errors import InputError


class Naming(NamedTuple):
    """What a program calls the layers, as regular expressions, and where its network deviates from the paper's.

    ``hidden`` and ``color`` name several layers, in the order of ``_number``.
    """

    program: str
    hidden: str
    density: str
    features: str
    color: str
    rgb: str
    all_at_once: str = "-"
    """Without directions: the one layer that gives red, green, blue and density."""
    point_first: bool = True
    """Whether the encoded point stands before what joins it, or behind."""
    activations: tuple = ()
    """Of the first hidden layers, where they are not ReLU."""
    feature_activation: str = "linear"
    density_of_features: bool = False
    """Whether the density is a layer behind the features, in place of one behind what they are made of."""
    color_layers: int | None = None
    """How many of the colour's hidden layers its program uses, if not all."""
    needed: str | None = None
    """The layer without which it is another of the program's networks."""


NAMINGS = (
    Naming(
        "nerf-pytorch",
        r"pts_linears\.(\d+)",
        "alpha_linear",
        "feature_linear",
        r"views_linears\.(\d+)",
        "rgb_linear",
        "output_linear",
    ),
    Naming(
        "krrish94/nerf-pytorch",
        r"layer1|layers_xyz\.(\d+)",
        "fc_alpha",
        "fc_feat",
        r"layers_dir\.(\d+)",
        "fc_rgb",
        "fc_out",
        point_first=False,
        activations=("linear",),
        feature_activation="relu",
        needed="layer1",
    ),
    Naming(
        "krrish94/nerf-pytorch",
        r"layers_xyz\.(\d+)",
        "fc_alpha",
        "fc_feat",
        r"layers_dir\.(\d+)",
        "fc_rgb",
        density_of_features=True,
        color_layers=3,
    ),
    Naming(
        "nerf_pl",
        r"xyz_encoding_(\d+)\.0",
        "sigma",
        "xyz_encoding_final",
        r"dir_encoding\.(\d+)",
        r"rgb\.0",
    ),
)


class Network(NamedTuple):
    """What ``NeRF`` is made with, and (matrix, biases) of the layers of its trunk and of its colour."""

    settings: dict
    trunk: list
    color: list


def read_networks(arrays: Mapping[str, Any]) -> dict[str, Network]:
    """The networks ``"fine"`` and, if there are two, ``"coarse"`` of arrays by name.

    Raises:
        InputError: there are none, or more; a layer is missing, or does not fit those before it.
    """
    arrays = {name.replace("/", "."): values for name, values in arrays.items()}
    found = {}
    for naming in NAMINGS:
        last = re.compile(rf"(.*?)(?:{naming.rgb}|{naming.all_at_once})\.weight")
        for match in filter(None, map(last.fullmatch, arrays)):
            if naming.needed and f"{match[1]}{naming.needed}.weight" not in arrays:
                continue
            if any(re.fullmatch(rf"({naming.hidden})\.weight", name.removeprefix(match[1])) for name in arrays):
                found.setdefault(match[1], naming)
    if not found:
        programs = ", ".join(dict.fromkeys(naming.program for naming in NAMINGS))
        raise InputError(f"expected layers as {programs} name them, got {', '.join(sorted(arrays)[:8]) or 'none'}")
    if len(found) == 1:
        return {"fine": _network(arrays, *next(iter(found.items())))}
    fine = [prefix for prefix in found if "fine" in prefix]
    if len(found) > 2 or len(fine) != 1:
        raise InputError(f"expected a coarse and a fine network, got those of {', '.join(sorted(found))}")
    return {"fine" if prefix in fine else "coarse": _network(arrays, prefix, found[prefix]) for prefix in found}


def _network(arrays, prefix, naming):
    """The network whose layers' names begin with ``prefix``."""
    mine = {name.removeprefix(prefix): np.asarray(arrays[name]) for name in arrays if name.startswith(prefix)}
    hidden, skips = _hidden(mine, prefix, naming)
    encoded, width = len(hidden[0][0]), hidden[-1][0].shape[1]
    trunk = [
        (_with_numbers(matrix, k and hidden[k - 1][0].shape[1], encoded), biases)
        if k in (0, *skips)
        else (matrix, biases)
        for k, (matrix, biases) in enumerate(hidden)
    ]
    activations = [*naming.activations, *["relu"] * len(hidden)][: len(hidden)]
    settings = {
        "hidden": [matrix.shape[1] for matrix, _ in hidden],
        "skips": skips,
        "position_frequencies": _frequencies(prefix, "a point", encoded),
        "activations": activations,
        "feature_activation": naming.feature_activation,
    }
    if any(re.fullmatch(rf"{naming.all_at_once}\.weight", name) for name in mine):
        matrix, biases = _only(mine, prefix, naming.all_at_once, width, 4)
        trunk.append((np.roll(matrix, 1, axis=1), np.roll(biases, 1)))
        return Network(settings | {"direction_frequencies": None}, trunk, [])
    features = _only(mine, prefix, naming.features, width)
    if naming.density_of_features:
        matrix, biases = _only(mine, prefix, naming.density, features[0].shape[1], 1)
        density = features[0] @ matrix, features[1] @ matrix + biases
    else:
        density = _only(mine, prefix, naming.density, width, 1)
    trunk.append(tuple(np.concatenate(parts, axis=-1) for parts in zip(density, features, strict=True)))
    color = [layer for _, layer in _several(mine, prefix, naming.color)][: naming.color_layers]
    color.append(_only(mine, prefix, naming.rgb, color[-1][0].shape[1], 3))
    width = features[0].shape[1]
    turned = len(color[0][0]) - width
    color[0] = _with_numbers(color[0][0], width, turned), color[0][1]
    settings |= {
        "direction_frequencies": _frequencies(prefix, "a direction", turned),
        "features": width,
        "color_hidden": [matrix.shape[1] for matrix, _ in color[:-1]],
    }
    return Network(settings, trunk, color)


def _hidden(mine, prefix, naming):
    """The hidden layers, their matrices' rows in the order of ``NeRF``, and which of them are given the point again."""
    layers, skips = [], []
    for k, (name, (matrix, biases)) in enumerate(_several(mine, prefix, naming.hidden)):
        if k:
            before, encoded = layers[-1][0].shape[1], len(layers[0][0])
            if len(matrix) == before + encoded:
                skips.append(k)
                if naming.point_first:
                    matrix = np.roll(matrix, -encoded, axis=0)
            elif len(matrix) != before:
                raise InputError(
                    f"{prefix}{name}: expected {before} inputs, or {before + encoded} with the point, got {len(matrix)}"
                )
        layers.append((matrix, biases))
    return layers, skips


def _several(mine, prefix, pattern):
    """(name, layer) of all layers of a pattern, in order."""
    matches = filter(None, (re.fullmatch(rf"({pattern})\.weight", name) for name in mine))
    ordered = sorted(matches, key=lambda match: -1 if match[2] is None else int(match[2]))
    if not ordered:
        raise InputError(f"{prefix or 'the network'}: expected layers {pattern}, got {', '.join(sorted(mine))}")
    return [(match[1], _layer(mine, prefix, match[1])) for match in ordered]


def _only(mine, prefix, pattern, inputs, outputs=None):
    """The layer of a pattern."""
    name = next((name for name in mine if re.fullmatch(rf"{pattern}\.weight", name)), None)
    if name is None:
        raise InputError(f"{prefix or 'the network'}: expected a layer {pattern}, got {', '.join(sorted(mine))}")
    matrix, biases = _layer(mine, prefix, name.removesuffix(".weight"))
    if len(matrix) != inputs or matrix.shape[1] != (outputs or matrix.shape[1]):
        expected = f"({outputs or 'any'}, {inputs})"
        raise InputError(f"{prefix}{name}: expected shape {expected}, got {matrix.T.shape}")
    return matrix, biases


def _layer(mine, prefix, name):
    """The matrix (inputs, outputs) and the biases of a layer, of PyTorch's (outputs, inputs)."""
    weight, bias = mine[f"{name}.weight"], mine.get(f"{name}.bias")
    if weight.ndim != 2 or bias is None or bias.shape != weight.shape[:1]:
        got = f"{weight.shape} and {'none' if bias is None else bias.shape}"
        raise InputError(f"{prefix}{name}: expected a weight (outputs, inputs) and a bias (outputs,), got {got}")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputError(f"{prefix}{name}: expected finite numbers, got others")
    return weight.T, bias


def _frequencies(prefix, what, width):
    """L of an encoding of three numbers that has so many."""
    if width < 3 or width % 3 != 0:
        raise InputError(f"{prefix}: expected 3 + 6 L or 6 L numbers of {what}, got {width}")
    return width // 6


def _with_numbers(matrix, first, width):
    """The matrix with rows for the three numbers themselves, from a row on, if the ``width`` rows there have none."""
    return matrix if width % 6 == 3 else np.insert(matrix, [first] * 3, 0.0, axis=0)
