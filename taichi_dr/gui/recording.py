"""Files that the viewer writes: pictures, and turns around what is seen."""

from pathlib import Path

import numpy as np

from taichi_dr.io.images import save_animation, save_image

FRAMES, FRAMES_PER_SECOND = 36, 12


def free_path(folder, suffix):
    """The first of ``view-001``, ``view-002``, ... with a suffix that no file in ``folder`` is called yet."""
    number = 1
    while (path := Path(folder) / f"view-{number:03d}{suffix}").exists():
        number += 1
    return path


def save_picture(picture, folder):
    """Writes a linear picture (H, W, 3) as PNG; returns its path."""
    path = free_path(folder, ".png")
    save_image(path, np.clip(picture, 0, 1))
    return path


class Turntable:
    """A full turn about the target, picture by picture; a GIF at the end."""

    def __init__(self, pose, frames=FRAMES):
        self._start, self._frames, self._pictures = pose._replace(roll_deg=0.0), frames, []

    @property
    def pose(self):
        """Where the next picture is to be taken from."""
        return self._start.turned(360 * len(self._pictures) / self._frames, 0.0)

    @property
    def done(self):
        """Whether all pictures have been taken."""
        return len(self._pictures) == self._frames

    def take(self, picture):
        """Keeps a linear picture (H, W, 3)."""
        self._pictures.append(np.clip(picture, 0, 1))

    def save(self, folder):
        """Writes the GIF; returns its path."""
        path = free_path(folder, ".gif")
        save_animation(path, self._pictures, fps=FRAMES_PER_SECOND)
        return path

    def __str__(self):
        return f"turning: {len(self._pictures)} of {self._frames}"
