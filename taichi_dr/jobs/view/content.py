"""The contract of what can be looked at, and what of it is chosen."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from taichi_dr.gui.pose import Pose

RENDERERS = ("hard", "antialiased", "soft", "ray traced", "sdf", "volume")
LOOKS = ("colour", "normals", "depth", "faces", "alpha")


@dataclass
class Choice:
    """What is shown, and how; ``edges``: of faces; ``images``: of posed images; ``current``: the view stepped to."""

    renderer: str
    look: str = "colour"
    sigma: float = 1e-4
    gamma: float = 1e-4
    lit: bool = True
    edges: bool = False
    images: bool = True
    current: int | None = None


class Content(ABC):
    """Something that can be drawn from anywhere."""

    home: Pose
    """Where to begin."""

    radius: float
    """Of all there is, around the target of ``home``."""

    missing: dict[str, str]
    """Of each renderer that it has not: why."""

    poses: tuple[Pose, ...] = ()
    """The views of its own cameras."""

    @abstractmethod
    def draw(self, camera, size, choice):
        """The picture (H, W, 4) of a camera of one view: linear RGB with straight alpha."""

    def missing_looks(self, renderer):
        """Of each look that a renderer has not: why."""
        return {}

    @property
    def best(self):
        """The renderer that suits it."""
        return next(name for name in ("antialiased", *RENDERERS) if name not in self.missing)
