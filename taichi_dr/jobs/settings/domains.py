"""Domains of options: what they take, and errors that name the option."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import arg

from taichi_dr.errors import InputError

Backend = Literal["auto", "cpu", "vulkan", "cuda"]
Texture = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: the mesh file's own)")]


RENAMED = {"kind": "as", "keyed": "background"}
"""Fields whose option has another name."""


def option(name):
    """The option of a field, as it is typed."""
    return "--" + RENAMED.get(name, name).replace("_", "-")


def at_least(least, **values):
    """Raises InputError for a value that is less."""
    for name, value in values.items():
        if value < least:
            raise InputError(f"{option(name)}: expected at least {least}, got {value}")


def positive(**values):
    """Raises InputError for a value that is not a number > 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{option(name)}: expected a number > 0, got {value}")


def budget(steps, minutes, resume, overwrite):
    """Raises InputError if how long a run may take, or what it begins with, makes no sense."""
    if steps is not None and minutes is not None:
        raise InputError("give --steps or --minutes, not both")
    if steps is not None:
        at_least(1, steps=steps)
    if minutes is not None:
        positive(minutes=minutes)
    if resume and overwrite:
        raise InputError("give --resume or --overwrite, not both")


def typed(settings, values):
    """Raises InputError for a value of another type than its field of the class ``settings`` has, as JSON holds it."""
    hints = get_type_hints(settings)
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise InputError(f"{option(name)}: expected a value of {hints[name]}, got {value!r}")


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if kinds := get_args(hint):
        return any(_fits(value, kind) for kind in kinds)
    return type(value) in {float: (int, float), Path: (str,)}.get(hint, (hint,))


def finite(**values):
    """Raises InputError for infinity and NaN."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"{option(name)}: expected a number, got {value}")


def within(low, high, unit, **values):
    """Raises InputError for a value outside ``low`` to ``high``."""
    for name, value in values.items():
        if not low <= value <= high:
            raise InputError(f"{option(name)}: expected {low} to {high} {unit}, got {value}")


def colored(background):
    """Raises InputError for a background that is no colour's name, no ``#rrggbb`` and not ``auto``."""
    if background in (None, "auto"):
        return
    from PIL import ImageColor  # takes a twentieth of a second that a help text needs not

    try:
        ImageColor.getrgb(background)
    except ValueError:
        raise InputError(
            f"--background: expected auto, a colour's name (white, steelblue, ...) or #rrggbb, got {background}"
        ) from None
