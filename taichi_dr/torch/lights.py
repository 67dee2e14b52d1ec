"""Lights whose colours, directions and positions are tensors."""

from typing import Any

import torch

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.kernels.shading.light import AMBIENT, DIRECTIONAL, POINT, SPOT
from taichi_dr.scene import checks
from taichi_dr.scene import light as scene
from taichi_dr.torch.tensors import number_tensor, run_device


class Lights:
    """Ambient, directional and point lights as ``dr.Lights`` has them, of tensors with gradients, or of numbers.

    ``ambient`` is () or (3,), linear RGB; ``direction`` (3,) or (D, 3) points towards directional lights, with
    ``direction_color`` () or (3,) or (D, 3); ``position`` (3,) or (P, 3) is where point lights are, with
    ``position_color``.

    Raises:
        InputError: a tensor of another type or device.
        ShapeError: shapes that do not fit (expected and got).

    >>> import taichi_dr as dr
    >>> dr.torch.Lights(0.3, direction=torch.tensor([0.0, 1.0, 1.0]), direction_color=0.7).count
    2
    """

    def __init__(
        self,
        ambient: Any = 0.3,
        *,
        direction: Any = (),
        direction_color: Any = 1.0,
        position: Any = (),
        position_color: Any = 1.0,
    ) -> None:
        given = {
            "ambient": ambient,
            "direction": direction,
            "direction_color": direction_color,
            "position": position,
            "position_color": position_color,
        }
        for name, value in given.items():
            setattr(self, name, number_tensor(f"lights.{name}", value))
        directions, positions = self._vectors("direction"), self._vectors("position")
        self.kinds = (AMBIENT, *[DIRECTIONAL] * len(directions), *[POINT] * len(positions))
        self.rows()  # says what does not fit

    @property
    def count(self) -> int:
        """How many lights there are, the ambient one among them."""
        return len(self.kinds)

    def rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Colours (L, 3) and vectors (L, 3), as ``dr.Lights`` orders them, with gradients for all.

        Raises:
            ShapeError: shapes that do not fit.
        """
        directions, positions = self._vectors("direction"), self._vectors("position")
        colors = [
            self._colors("ambient", 1),
            self._colors("direction_color", len(directions)),
            self._colors("position_color", len(positions)),
        ]
        return torch.cat(colors), torch.cat([directions.new_zeros((1, 3)), directions, positions])

    def _vectors(self, name):
        value = getattr(self, name)
        if value.numel() == 0:
            return value.reshape(0, 3)
        rows = value[None] if value.ndim == 1 else value
        if rows.ndim != 2 or rows.shape[1] != 3:
            raise ShapeError(f"lights.{name}: expected shape (3,) or (lights, 3), got {tuple(value.shape)}")
        return rows

    def _colors(self, name, count):
        value = getattr(self, name)
        if tuple(value.shape) not in ((), (3,), (count, 3)):
            raise ShapeError(f"lights.{name}: expected shape (), (3,) or ({count}, 3), got {tuple(value.shape)}")
        return value.expand(count, 3)

    def __repr__(self):
        directional, point = self.kinds.count(DIRECTIONAL), self.kinds.count(POINT)
        return f"Lights(ambient, {directional} directional, {point} point, of tensors)"


def parameters_of(lights: Lights | scene.Lights) -> tuple[tuple[int, ...], torch.Tensor, torch.Tensor]:
    """Kinds, colours (L, 3) and vectors (L, 3) of lights; those of ``dr.Lights`` have no gradient.

    Raises:
        InputError: no lights; some with an area, or spot lights; a number that is not finite, a direction of length 0.
    """
    if isinstance(lights, Lights):
        color, vector = lights.rows()
        _check_rows(lights.kinds, color.detach().cpu().numpy(), vector.detach().cpu().numpy())
        return lights.kinds, color, vector
    if not isinstance(lights, scene.Lights):
        raise InputError(f"lights: expected dr.Lights, or dr.torch.Lights for gradients; got {lights!r}")
    if lights.area:
        raise InputError("lights: expected ambient, directional and point lights; area lights are for the RayTracer")
    if SPOT in lights.kinds.to_numpy():
        raise InputError("lights: expected ambient, directional and point lights; dr.Rasterizer shows spot lights")
    color, vector = (torch.from_numpy(lights.numpy(name)).to(run_device()) for name in ("color", "vector"))
    return tuple(lights.kinds.to_numpy().tolist()), color, vector


def _check_rows(kinds, colors, vectors):
    """Names the light that is none: shading would take what is no number for darkness."""
    for i, kind in enumerate(kinds):
        checks.vector(colors[i], f"light {i}", "color")
        if kind == DIRECTIONAL:
            checks.direction(vectors[i], f"light {i}", *scene.TOWARDS)
        else:
            checks.vector(vectors[i], f"light {i}", "vector")
