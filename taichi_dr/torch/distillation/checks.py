"""What several parts of score distillation ask of what they are given."""

from typing import Any

import torch

from taichi_dr.errors import InputError


def check_finite(name: str, tensor: torch.Tensor, advice: str = "") -> None:
    """Refuses a tensor (B, ...) with numbers that are not finite.

    Raises:
        InputError: which of the items has how many of them.
    """
    if not torch.isfinite(tensor).all():
        item = int(torch.nonzero(~torch.isfinite(tensor.flatten(1)).all(1))[0])
        count = int((~torch.isfinite(tensor[item])).sum())
        raise InputError(f"{name}: item {item} of {len(tensor)} has {count} numbers that are not finite{advice}")


def require(name: str, thing: Any, *attributes: str) -> None:
    """Refuses an object that lacks one of the attributes.

    Raises:
        InputError: which ones it lacks, and of what type it is.

    >>> require("a number", 1.5, "real")
    """
    missing = [attribute for attribute in attributes if not hasattr(thing, attribute)]
    if missing:
        raise InputError(f"{name}: expected an object with {', '.join(missing)}, got {type(thing).__name__}")
