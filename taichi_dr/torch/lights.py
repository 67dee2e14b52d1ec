"""Lights whose colours, directions and positions are tensors."""

from typing import Any

import torch

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.kernels.shading.light import AMBIENT, DIRECTIONAL, POINT, SPOT
from taichi_dr.scene import checks
from taichi_dr.scene import light as scene
from taichi_dr.torch.tensors import number_tensor, run_device


class Lights:
    """Ambient, directional, point and spot lights as ``dr.Lights`` has them, of tensors with gradients, or of numbers.

    ``ambient`` is () or (3,), linear RGB.  ``direction`` (3,) or (D, 3) points *towards* directional lights, and
    ``position`` (3,) or (P, 3) is where point lights are.  Spot lights are at ``spot_position`` (3,) or (S, 3) and
    shine *along* ``spot_direction`` (S, 3) into cones of ``inner_deg`` and ``outer_deg``, () or (S,), in degrees.
    Colours, ``direction_color``, ``position_color`` and ``spot_color``, are () or (3,) or one for each (.., 3).

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
        spot_position: Any = (),
        spot_direction: Any = (),
        spot_color: Any = 1.0,
        inner_deg: Any = 20.0,
        outer_deg: Any = 30.0,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self"}
        for name, value in given.items():
            setattr(self, name, number_tensor(f"lights.{name}", value))
        counts = [len(self._vectors(name)) for name in ("direction", "position", "spot_position")]
        kinds = zip((DIRECTIONAL, POINT, SPOT), counts, strict=True)
        self.kinds = (AMBIENT, *[kind for kind, count in kinds for _ in range(count)])
        self.rows()  # says what does not fit

    @property
    def count(self) -> int:
        """How many lights there are, the ambient one among them."""
        return len(self.kinds)

    def rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Colours (L, 3) and vectors (L, 3), or (L, 8) with spot lights, in the order of ``dr.Lights``; with gradients.

        Raises:
            ShapeError: shapes that do not fit.
        """
        directions, positions, spots = map(self._vectors, ("direction", "position", "spot_position"))
        colors = [
            self._filled("ambient", 1, 3),
            self._filled("direction_color", len(directions), 3),
            self._filled("position_color", len(positions), 3),
            self._filled("spot_color", len(spots), 3),
        ]
        vectors = torch.cat([directions.new_zeros((1, 3)), directions, positions, spots])
        if len(spots):
            cones = torch.cat([self._filled(name, len(spots), 1) for name in ("inner_deg", "outer_deg")], dim=1)
            placed = torch.cat([self._filled("spot_direction", len(spots), 3), torch.cos(torch.deg2rad(cones))], dim=1)
            others = placed.new_zeros((self.count - len(spots), placed.shape[1]))
            vectors = torch.cat([vectors, torch.cat([others, placed])], dim=1)
        return torch.cat(colors), vectors

    def _vectors(self, name):
        value = getattr(self, name)
        if value.numel() == 0:
            return value.reshape(0, 3)
        rows = value[None] if value.ndim == 1 else value
        if rows.ndim != 2 or rows.shape[1] != 3:
            raise ShapeError(f"lights.{name}: expected shape (3,) or (lights, 3), got {tuple(value.shape)}")
        return rows

    def _filled(self, name, count, width):
        """A value for each light, (count, width), of one for all or of as many."""
        value = getattr(self, name)
        one, each = ((width,), (count, width)) if width > 1 else ((1,), (count,))
        if tuple(value.shape) not in ((), one, each):
            raise ShapeError(f"lights.{name}: expected shape (), {one} or {each}, got {tuple(value.shape)}")
        return (value if width > 1 or value.ndim == 0 else value[:, None]).expand(count, width)

    def __repr__(self):
        directional, point, spot = map(self.kinds.count, (DIRECTIONAL, POINT, SPOT))
        return f"Lights(ambient, {directional} directional, {point} point, {spot} spot, of tensors)"


def parameters_of(lights: Lights | scene.Lights) -> tuple[tuple[int, ...], torch.Tensor, torch.Tensor]:
    """Kinds, colours (L, 3) and vectors (L, 3), or (L, 8), of lights; those of ``dr.Lights`` have no gradient.

    Raises:
        InputError: no lights, or some with an area; a number that is not finite, a direction of length 0, no cone.
    """
    if isinstance(lights, Lights):
        color, vector = lights.rows()
        _check_rows(lights.kinds, color.detach().cpu().numpy(), vector.detach().cpu().numpy())
        return lights.kinds, color, vector
    if not isinstance(lights, scene.Lights):
        raise InputError(f"lights: expected dr.Lights, or dr.torch.Lights for gradients; got {lights!r}")
    if lights.area:
        raise InputError("lights: expected lights without an area; area lights are for the RayTracer")
    kinds = tuple(lights.kinds.to_numpy().tolist())
    rows = [lights.fields.variable(name).read().to_numpy() for name in ("color", placed_in(kinds))]
    color, vector = (torch.from_numpy(row).to(run_device()) for row in rows)
    return kinds, color, vector


def placed_in(kinds: tuple[int, ...]) -> str:
    """The name of the array that has where the lights are."""
    return "placed" if SPOT in kinds else "vector"


def _check_rows(kinds, colors, vectors):
    """Names the light that is none: shading would take what is no number for darkness."""
    for i, kind in enumerate(kinds):
        name = f"light {i}"
        checks.vector(colors[i], name, "color")
        if kind == DIRECTIONAL:
            checks.direction(vectors[i, :3], name, *scene.TOWARDS)
        else:
            checks.vector(vectors[i, :3], name, "vector")
        if kind == SPOT:
            checks.direction(vectors[i, 3:6], name, *scene.FROM)
            scene.check_cone(vectors[i, 6:], name)
