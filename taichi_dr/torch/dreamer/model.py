"""Who is asked what a prompt looks like: the package's own diffusion model, another one of it, or a user's program."""

import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from taichi_dr.errors import Error, FileError, GradientError, InputError, ShapeError
from taichi_dr.torch.dreamer.checkpoint import SHIPPED, load_dreamer
from taichi_dr.torch.dreamer.words import SHAPES, known, words_of

EXPECTED = {
    "denoiser": "denoiser(x, t, prompts), which returns the noise in x",
    "alphas_cumprod": "alphas_cumprod, the schedule",
    "size": "size, the pixels on a side",
}


def planes(pictures: torch.Tensor) -> torch.Tensor:
    """Display values (B, H, W, 3) in [0, 1] as (B, 3, H, W) in [-1, 1].

    >>> planes(torch.full((1, 2, 2, 3), 0.75)).unique().tolist()
    [0.5]
    """
    return (2 * pictures - 1).permute(0, 3, 1, 2)


class Model(NamedTuple):
    """``denoiser(x, t, prompts)``, its schedule, pixels on a side, and how x is made of pictures."""

    denoiser: Any
    alphas_cumprod: Any
    size: int
    encode: Callable[[torch.Tensor], torch.Tensor] = planes


def model_of(settings: Any) -> Model:
    """The model that ``settings`` (DreamSettings) name.

    Raises:
        InputError: a prompt that the package's own model does not know the words of, or in which no shape is named; a
            program of the user's that fails, or defines no denoiser.
        FileError: no such file, or no model in it.
    """
    if settings.denoiser is not None:
        return user_model(settings.denoiser)
    if not set(SHAPES) & set(words_of(settings.prompt)):
        raise InputError(f"{settings.prompt!r}: expected one of the shapes among the words\n{known()}")
    dreamer = load_dreamer(model_file(settings.model)).to(memory_format=torch.channels_last)

    def denoiser(x, t, prompts):
        if dreamer.words.device != x.device:  # the backend, and where x is, is known only now
            dreamer.to(x.device)
        return dreamer.denoiser(x, t, prompts)

    return Model(denoiser, dreamer.alphas_cumprod, dreamer.size)


def model_file(model: Path | None) -> Path:
    """The file of a model that was named by it, by its folder, or not at all: then it is the package's own."""
    if model is None:
        return SHIPPED
    return model / "model.npz" if model.is_dir() else model


def user_model(path: Path) -> Model:
    """What a program defines: ``denoiser``, ``alphas_cumprod``, ``size``, and ``encode`` if x is no ``planes``.

    Modules beside it can be imported.  What it defines raises InputError where it fails (in which line), and ``encode``
    ShapeError or GradientError for an x of other pictures, or without their graph.

    Raises:
        FileError: there is no such program.
        InputError: it fails, or lacks one of the three.
    """
    if not path.is_file():
        raise FileError(f"{path}: no such file; expected a Python program that defines {', '.join(EXPECTED)}")
    sys.path.append(str(path.parent.absolute()))
    try:
        names = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        raise InputError(f"{path}: fails with {type(error).__name__}: {error}") from error
    for name, meaning in EXPECTED.items():
        if name not in names:
            raise InputError(f"{path}: expected it to define {meaning}")
    if not isinstance(names["size"], int) or names["size"] < 8:
        raise InputError(f"{path}: size: expected a whole number of pixels, at least 8, got {names['size']!r}")
    functions = {"denoiser": names["denoiser"], "encode": names.get("encode", planes)}
    for name, function in functions.items():
        if not callable(function):
            raise InputError(f"{path}: {name}: expected a function, got {function!r}")
    denoiser, encode = (_named(path, name, function) for name, function in functions.items())
    return Model(denoiser, names["alphas_cumprod"], names["size"], _with_graph(path, encode))


def _named(path, name, function):
    """The function of a program, whose failures say whose they are, and in which line."""

    def asked(*arguments):
        try:
            return function(*arguments)
        except Error:
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            lines = [f" in line {frame.lineno}" for frame in frames if frame.filename == str(path)]
            where = lines[-1] if lines else ""
            raise InputError(f"{path}: {name} fails{where} with {type(error).__name__}: {error}") from error

    return asked


def _with_graph(path, encode):
    """``encode``, held to what score distillation needs: one x for each picture, through which gradients go back."""

    def checked(pictures):
        x = encode(pictures)
        if not isinstance(x, torch.Tensor) or x.shape[:1] != pictures.shape[:1]:
            got = tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
            raise ShapeError(f"{path}: encode: expected a tensor of shape ({len(pictures)}, ...), got {got}")
        if pictures.requires_grad and not x.requires_grad:
            raise GradientError(f"{path}: encode: x has no graph, and pictures no gradient: leave out torch.no_grad()")
        return x

    return checked
