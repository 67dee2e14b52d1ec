"""The contract of what can be looked at, and what of it is chosen."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from taichi_dr.errors import InputError
from taichi_dr.gui.pose import Pose
from taichi_dr.jobs.view.album import Album

RENDERERS = ("hard", "antialiased", "soft", "ray traced", "sdf", "volume")
LOOKS = ("colour", "normals", "depth", "faces", "alpha")


@dataclass
class Choice:
    """What is shown, and how.

    ``edges``: of faces; ``images``: how opaque posed images are, from 0 to 1; ``current``: the view stepped to.
    """

    renderer: str
    look: str = "colour"
    sigma: float = 1e-4
    gamma: float = 1e-4
    lit: bool = True
    edges: bool = False
    images: float = 1.0
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
    """The views of its cameras."""

    opacity: float = 1.0
    """Of posed images, at first."""

    album: Album = Album((), None)
    """The photographs of these views; what is not there yet is left out of what is drawn."""

    shows_all: bool = False
    """Whether small pictures of all photographs are seen in the first view."""

    @abstractmethod
    def draw(self, camera, size, choice):
        """The picture (H, W, 4) of a camera of one view: linear RGB with straight alpha."""

    def missing_looks(self, renderer):
        """Of each look that a renderer has not: why."""
        return {}

    def switches(self, renderer):
        """The fields of ``Choice`` that can be switched on and off for a renderer, and do something."""
        return ()

    def within(self, posed):
        """PosedImages of the world in the axes of the content.

        Raises:
            InputError: it is none that was made of posed images.
        """
        raise InputError("is posed images: expected a mesh, or what reconstruct has made")

    @property
    def best(self):
        """The renderer that suits it."""
        return next(name for name in ("antialiased", *RENDERERS) if name not in self.missing)
