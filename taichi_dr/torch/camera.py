"""Cameras whose parameters are tensors."""

from typing import Any

import numpy as np
import torch

from taichi_dr.errors import CameraError, InputError
from taichi_dr.kernels.camera.pack import ORTHOGRAPHIC, PERSPECTIVE, PINHOLE
from taichi_dr.scene import camera as scene
from taichi_dr.scene.camera_check import check_parameters
from taichi_dr.torch.tensors import number_tensor, run_device

LENSES = {"fov_y": PERSPECTIVE, "focal": PINHOLE, "half_height": ORTHOGRAPHIC}


class Camera:
    """V cameras as ``dr.Camera`` has them, whose parameters are tensors with gradients, or numbers.

    ``eye``, ``target`` and ``up`` are (3,) or (V, 3), in world units; ``fov_y`` is () or (V,), the full vertical angle
    in radians (60 degrees by default), or ``focal`` (2,) or (V, 2), or ``half_height`` () or (V,) for a parallel
    projection; ``principal`` is (2,) or (V, 2), ``pose`` (6,) or (V, 6): a turn and a move in the camera's own axes.
    ``near`` and ``far`` are numbers without a gradient; by default 0.1 and 37 times the distance from eye to target.

    A camera is cheap: make a new one of the parameters for every render, or keep one whose attributes are leaves.

    Raises:
        InputError: a tensor of another type or device, more than one lens.
        CameraError: shapes that do not fit (expected and got).

    >>> import taichi_dr as dr
    >>> dr.torch.Camera(eye=torch.tensor([[0.0, 0.0, 3.0], [3.0, 0.0, 0.0]])).views
    2
    """

    eye: torch.Tensor
    target: torch.Tensor
    up: torch.Tensor
    pose: torch.Tensor
    principal: torch.Tensor

    def __init__(
        self,
        eye: Any,
        target: Any = (0.0, 0.0, 0.0),
        up: Any = (0.0, 1.0, 0.0),
        *,
        fov_y: Any = None,
        focal: Any = None,
        half_height: Any = None,
        principal: Any = (0.0, 0.0),
        pose: Any = (0.0,) * 6,
        near: float | None = None,
        far: float | None = None,
    ) -> None:
        lenses = {"fov_y": fov_y, "focal": focal, "half_height": half_height}
        given = {name: lens for name, lens in lenses.items() if lens is not None} or {"fov_y": np.deg2rad(60.0)}
        if len(given) > 1:
            raise InputError(f"camera: expected one lens, got {' and '.join(given)}")
        self._lens = next(iter(given))
        parts = {"eye": eye, "target": target, "up": up, "pose": pose, **given, "principal": principal}
        for name, value in parts.items():
            setattr(self, name, number_tensor(f"camera.{name}", value))
        self._parts, self.near, self.far = tuple(parts), near, far
        self.views = max(len(self._columns(name)) for name in parts)
        self.rows()  # says what does not fit

    @classmethod
    def like(cls, camera: scene.Camera) -> "Camera":
        """The numbers of a ``dr.Camera`` as tensors, to ask gradients of: ``camera.eye.requires_grad_()``.

        >>> import taichi_dr as dr
        >>> dr.torch.Camera.like(dr.Camera.orbit([0, 90], distance=2.0)).eye.shape
        torch.Size([2, 3])
        """
        lens = next(name for name, kind in LENSES.items() if kind == camera.kind)
        names = ("eye", "target", "up", "pose", lens, "principal")
        return cls(**{name: camera.numpy(name) for name in names}, near=camera.near, far=camera.far)

    @property
    def kind(self) -> int:
        """Which lens it has: a number of ``taichi_dr.kernels.camera.pack``."""
        return LENSES[self._lens]

    def rows(self) -> torch.Tensor:
        """(V, 19): the parameters as ``kernels.camera`` takes them, with gradients for each.

        Raises:
            CameraError: shapes that do not fit.
        """
        columns = {name: self._columns(name) for name in self._parts}
        for name, part in columns.items():
            size = scene._PLACES[name][1]
            if part.shape not in ((1, size), (self.views, size)):
                got = tuple(getattr(self, name).shape)
                raise CameraError(f"camera.{name}: expected {size} numbers or ({self.views}, {size}), got shape {got}")
        return torch.cat([part.expand(self.views, -1) for part in columns.values()], dim=1)

    def depths(self) -> tuple[float, float]:
        """``near`` and ``far``, where they were not given by the least and the greatest distance to the target."""
        if self.near is not None and self.far is not None:
            return self.near, self.far
        distance = (self.eye.detach() - self.target.detach()).reshape(-1, 3).norm(dim=1)
        near = scene.NEAR_PER_DISTANCE * float(distance.min()) if self.near is None else self.near
        return near, scene.FAR_PER_DISTANCE * float(distance.max()) if self.far is None else self.far

    def _columns(self, name):
        """A parameter as rows."""
        value = getattr(self, name)
        if name in ("fov_y", "half_height"):
            value = torch.stack([value, torch.zeros_like(value)], dim=-1)
        return value[None] if value.ndim == 1 else value

    def __repr__(self):
        return f"Camera({self.views} view{'s' * (self.views != 1)} of tensors: {', '.join(self._parts)})"


def parameters_of(camera: Camera | scene.Camera) -> tuple[int, torch.Tensor, float, float]:
    """Lens, rows (V, 19), near and far of a camera; those of a ``dr.Camera`` have no gradient.

    Raises:
        InputError: it is no camera.
        CameraError: near and far that are no range of depths.
    """
    if isinstance(camera, Camera):
        rows, (near, far) = camera.rows(), camera.depths()
        if not 0 < near < far:  # says of which view, if it is the fault of one
            check_parameters(rows.detach().cpu().numpy(), camera.kind, near, far)
        return camera.kind, rows, near, far
    if not isinstance(camera, scene.Camera):
        raise InputError(f"camera: expected a dr.Camera, or a dr.torch.Camera for gradients; got {camera!r}")
    rows = torch.from_numpy(camera.fields.variable("parameters").read().to_numpy())
    return camera.kind, rows.to(run_device()), camera.near, camera.far
