"""The viewer: what a function draws of the view that mouse and keys have chosen."""

import inspect
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from taichi_dr.errors import Error, InputError, ShapeError
from taichi_dr.gui.fly import fly
from taichi_dr.gui.orbit import orbit
from taichi_dr.gui.pose import Pose, camera_of, pose_of
from taichi_dr.gui.progressive import PASSES, Progressive
from taichi_dr.gui.recording import Turntable, save_picture
from taichi_dr.gui.windows.opening import open_window
from taichi_dr.gui.windows.panel import Controls, NoControls, Text
from taichi_dr.io.images import linear_to_srgb, quantized
from taichi_dr.kernels.camera.pack import PERSPECTIVE
from taichi_dr.render.frame import Frame
from taichi_dr.render.renderer import image_size
from taichi_dr.scene.camera import Camera
from taichi_dr.types import Array, PathLike, Size

HELP = (
    "drag, arrows       turn",
    "Shift + drag       move",
    "right drag         nearer, farther (plain window: wheel)",
    "W S                nearer, farther",
    "A D Q E            left, right, down, up",
    "F                  fly: drag looks around, W S A D Q E walk,",
    "                   Shift faster; or orbit again",
    "B                  back to the first view",
    "P  T               picture as PNG, turntable as GIF",
    "U  O  H            panel: fold or unfold, hide or show; help",
    "Escape             close",
)
SMOOTH = 0.9  # weight of what went before in the frames per second that are shown
LONGEST = 0.2  # s that a key that is held counts for at once, however long the last picture took
COVERED = 1 / 3  # of the window that the panel may cover unfolded, unless it was asked for
IDLE = 1 / 120  # s to sleep when there is nothing to draw
RESTING, AWAKE = 1 / 12, 1.0  # s to sleep when there is nothing to draw, and nothing has happened for as long
LEVELS = 1 << 14  # steps of linear light from black to white that the display's values are looked up by


class Viewer:
    """A window that shows what ``draw`` draws, seen by a camera that mouse and keys move.

        viewer = dr.gui.Viewer(lambda camera: renderer.render(mesh, camera))
        while viewer.running:
            step()                  # a simulation of your own
            viewer.show()

    ``draw(camera)`` gets a ``Camera`` of one view and returns a ``Frame``, or linear RGB, (H, W, 3) or (1, H, W, 3) (a
    fourth channel is straight alpha, over ``background``).  ``draw(camera, size)`` is asked for pictures of ``size``
    (height, width): smaller ones while the camera moves, so that it moves smoothly, and, where ``show(changed=False)``
    says that nothing else does, up to 16 of full size whose mean is shown, which is free of steps at edges.

    Keys: H shows them.  The camera is a perspective one, and upright as soon as one turns it; what ``draw`` renders is
    not on any tape but what is open around ``show``, so call it outside of ``ti.ad.Tape``.

    Arguments:
        draw: see above.
        size: (height, width) of the window in pixels, or one number for a square.
        camera: where to begin, the first view of a perspective ``Camera``; else ``Camera.orbit(30, 20, 2.7, 40)``.
        radius: of what is to be seen, around the camera's target: ``near`` and ``far`` then enclose it; by default they
            are 0.1 and 37 times the distance to the target, as ``Camera`` has them.
        background: linear RGB behind what is transparent.
        title: of the window.
        controls: sliders, switches and keys of your own, see ``dr.gui.Controls``.
        window: ``"vulkan"``: a ``ti.ui.Window``, whatever backend computes; ``"plain"``: a ``ti.GUI``, which needs no
            Vulkan device and has no sliders; ``"auto"``: the former where there is a device.
        folder: where P and T write view-001.png, view-002.gif, ...

    Raises:
        BackendError: there is no display, or no Vulkan device for ``window="vulkan"``.
        RuntimeStateError: Taichi is not initialised.
        InputError: an argument outside its domain.
    """

    def __init__(
        self,
        draw: Callable[..., Any],
        *,
        size: Size = (540, 960),
        camera: Camera | None = None,
        radius: float | None = None,
        background: Any = (0.02, 0.02, 0.025),
        title: str = "taichi_dr",
        controls: Controls | None = None,
        window: str = "auto",
        folder: PathLike = ".",
    ) -> None:
        height_and_width = image_size(size)
        self._draw, self._takes_size = draw, _takes_size(draw)
        self._home = pose_of(_one_perspective(Camera.orbit(30, 20, 2.7, 40) if camera is None else camera))
        self._pose, self._radius = self._home, radius
        self._background = np.asarray(background, np.float32)
        self._controls, self._title, self._folder = controls or NoControls(), title, Path(folder)
        self._progress = Progressive(PASSES)
        self._flies, self._helps, self._has_panel, self._folded = False, False, True, None
        self._turntable, self._message, self._is_shifted = None, "", False
        self._picture, self._bytes, self._moved, self._size = None, None, True, height_and_width
        self._rate, self._rested = 0.0, False
        self._shown = self._ended = self._stirred = time.monotonic()
        self._window = open_window(title, height_and_width, window)

    @property
    def running(self) -> bool:
        """Whether the window is open."""
        return self._window.running

    @property
    def pose(self) -> Pose:
        """Where the camera is; may be set."""
        return self._pose

    @pose.setter
    def pose(self, pose: Pose) -> None:
        self._moved |= pose != self._pose
        self._pose = pose

    @property
    def camera(self) -> Camera:
        """A new ``Camera`` of the view that is shown."""
        return self._camera((0.0, 0.0))

    @property
    def picture(self) -> Array | None:
        """What is shown, linear RGB (H, W, 3), without the panel; None before the first ``show``."""
        return self._picture

    @property
    def is_shifted(self) -> bool:
        """Whether Shift is held."""
        return self._is_shifted

    @property
    def finished(self) -> bool:
        """Whether the picture will not change any more unless the view does."""
        return self._progress.finished and self._picture is not None

    @property
    def frames_per_second(self) -> float:
        """Pictures shown in a second, the mean of the last ones."""
        return self._rate

    def __repr__(self):
        height, width = self._size
        return f"Viewer({self._title!r}, {height} x {width}, {self._window.kind})"

    def show(self, changed: bool = True) -> None:
        """Takes the events, moves the camera, draws, and shows it; once per step of a simulation.

        ``changed``: whether the scene is another one than at the last call.  If not, what was drawn is refined, or left
        as it is once that is done.
        """
        if not self.running:
            return
        if changed:
            self._stirred = time.monotonic()
        self._answer(self._window.events())
        if not self.running:
            return
        before, self._size = self._size, self._window.size
        moved = self._moved or self._size != before or self._picture is None
        self._moved = False
        if self._turntable is not None:
            self._turn()
        elif self._takes_size:
            part = self._progress.next(moved or changed, time.monotonic(), full=changed and not moved)
            self._refine(part)
        elif moved or changed:
            self._look(self._drawn(self._camera((0.0, 0.0)), self._size))
        else:
            self._rest()
        if self.running:  # unless ``draw`` has closed it
            self._present()
        self._ended = time.monotonic()

    def close(self) -> None:
        """Closes the window."""
        self._window.close()

    def _answer(self, events):
        self._is_shifted = "Shift" in events.held and "Shift" not in events.pressed  # before these keys
        if not events.is_idle:
            self._stirred = time.monotonic()
        for key in events.pressed:
            self._is_shifted |= key == "Shift"
            self._press(key)
            if not self.running:
                return
        events = events._replace(seconds=min(events.seconds, LONGEST))
        self.pose = (fly if self._flies else orbit)(self._pose, events)

    def _press(self, key):
        if key == "Escape":
            self.close()
        elif key == "h":
            self._helps = not self._helps
        elif key == "o":
            self._has_panel = not self._has_panel
        elif key == "u" and self._bytes is not None:
            self._folded, self._helps = not (self._is_folded() or self._helps), False
        elif key == "f":
            self._flies = not self._flies
            self._message = "fly" if self._flies else "orbit"
        elif key == "b":
            self.pose = self._home
            self._moved |= self._controls.press(key, self)
        elif key == "p" and self._picture is not None:
            self._write(lambda: save_picture(self._picture, self._folder))
        elif key == "t":
            self._turntable = None if self._turntable else Turntable(self._pose)
            self._moved = True
        elif self._controls.press(key, self):
            self._moved = True

    def _write(self, save):
        try:
            self._message = f"wrote {save()}"
        except Error as error:
            self._message = str(error)
            warnings.warn(str(error), stacklevel=3)

    def _rest(self):
        """Sleeps until some time after the last ``show``: shortly while the user or the scene does something, and
        longer else, so that a still window costs little."""
        now = time.monotonic()
        self._rested = now - self._stirred > AWAKE
        time.sleep(max(0.0, self._ended + (RESTING if self._rested else IDLE) - now))

    def _turn(self):
        """One picture of the turntable."""
        turning = self._turntable
        pose, self._pose = self._pose, turning.pose
        self._look(self._drawn(self._camera((0.0, 0.0)), self._size))
        self._pose = pose
        turning.take(self._picture)
        self._message = str(turning)
        if turning.done:
            self._turntable, self._moved = None, True
            self._write(lambda: turning.save(self._folder))

    def _refine(self, part):
        if part is None:
            self._rest()
            return
        size = tuple(max(1, side // part.shrink) for side in self._size)
        began = time.monotonic()
        picture = self._drawn(self._camera(shift(part.jitter, size)), size)
        self._look(self._progress.drawn(picture, time.monotonic() - began))

    def _camera(self, principal):
        pose = self._pose
        return camera_of(pose, *depths(pose, self._home.target, self._radius), principal)

    def _drawn(self, camera, size):
        """What ``draw`` returns as linear RGB (H, W, 3)."""
        drawn = self._draw(camera, size) if self._takes_size else self._draw(camera)
        picture = drawn.pictures() if isinstance(drawn, Frame) else np.asarray(drawn)
        picture = picture[0] if picture.ndim == 4 else picture
        if picture.ndim != 3 or picture.shape[2] not in (3, 4):
            raise ShapeError(
                f"draw: expected a Frame or linear RGB (H, W, 3), (H, W, 4) or (1, H, W, 3), got {np.shape(drawn)}"
            )
        if picture.shape[2] == 3:
            return picture
        alpha = picture[..., 3:]
        return picture[..., :3] * alpha + self._background * (1 - alpha)

    def _look(self, picture):
        self._picture, self._bytes = picture, display_bytes(picture)

    def _present(self):
        now = time.monotonic()
        rate = 1 / max(now - self._shown, 1e-6)
        if not self._rested:
            self._rate = SMOOTH * self._rate + (1 - SMOOTH) * rate if self._rate else rate
        self._shown, self._rested = now, False
        items = self._items() if self._has_panel else []
        for name, value in self._window.show(self._bytes, self._title, items).items():
            self._controls.set(name, value)
            self._moved = True

    def _items(self):
        """Of the panel: all, or help, or folded the status and the last message alone."""
        if self._helps:
            return list(map(Text, (*HELP, *self._controls.help(), "H                  back to the panel")))
        if not self._is_folded():
            return self._every_item()
        return [Text(self._controls.status() or self._rendering()), Text(self._message or "U: unfold  H: help")]

    def _is_folded(self):
        """Whether it was folded, or covers so much that it is at first."""
        return self._window.covered(self._every_item()) > COVERED if self._folded is None else self._folded

    def _every_item(self):
        status, message = self._controls.status(), self._message or "U: fold  H: help"
        return [*([Text(status)] if status else []), Text(self._rendering()), *self._controls.items(), Text(message)]

    def _rendering(self):
        """The size of what was rendered, how often while there is something to render, and the mean of how many."""
        height, width = self._bytes.shape[:2]
        parts = [f"{width} x {height}"]
        if not self.finished:
            parts.append(f"{self._rate:.0f} fps")
        if self._takes_size and self._progress.count > 1:
            parts.append(f"mean of {self._progress.count}")
        return "  ".join(parts)


def depths(pose, center, radius):
    """(near, far) that enclose a ball as a Pose sees it; of no radius, 0.1 and 37 times the distance to its target."""
    if radius is None:
        return 0.1 * pose.distance, 37.0 * pose.distance
    distance = float(np.linalg.norm(pose.eye - np.asarray(center)))
    return max(0.9 * (distance - radius), 0.02 * radius), distance + 1.1 * radius


def display_bytes(picture):
    """A linear picture (H, W, 3) as sRGB bytes, looked up: 16,384 steps of light, so none is off by more than one."""
    return _TABLE[(np.clip(picture, 0, 1) * (LEVELS - 1) + 0.5).astype(np.uint16)]


_TABLE = quantized(linear_to_srgb(np.arange(LEVELS) / (LEVELS - 1)))


def shift(jitter, size):
    """A part of a pixel in half image heights, as ``Camera.principal`` has it."""
    pixel = 2 / size[0]
    return jitter[0] * pixel, jitter[1] * pixel


def _takes_size(draw):
    """Whether a function has a second argument.

    Raises:
        InputError: it is no function, or not of one or two arguments.
    """
    if not callable(draw):
        raise InputError(f"draw: expected a function of a camera, got {draw!r}")
    try:
        parameters = inspect.signature(draw).parameters.values()
    except ValueError:  # built in
        return False
    needed = [
        one
        for one in parameters
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    if not 1 <= len(needed) <= 2:
        raise InputError(f"draw: expected draw(camera) or draw(camera, size), got {len(needed)} arguments")
    return len(needed) == 2


def _one_perspective(camera):
    if not isinstance(camera, Camera) or camera.kind != PERSPECTIVE:
        raise InputError(f"camera: expected a Camera with fov_y, got {camera!r}")
    return camera
