"""What all renderers share: the frame, the stages' order, and their place on the user's tape."""

import weakref
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from taichi_dr.errors import GradientError, InputError, RuntimeStateError
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.render.frame import Frame
from taichi_dr.render.views import ViewMap, view_map
from taichi_dr.runtime import check_runtime, current_tape, runtime_token
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.tape import off_tape, tape_operation


@dataclass
class Shot:
    """One call of ``render``: what the user gave, and the arrays that the stages hand on."""

    mesh: Any
    camera: Any
    lights: Any
    views: ViewMap
    frame: Frame
    width: int
    height: int
    tape: Any = None  # weak reference to the tape that was open
    camera_array: Any = None  # (V, 16) of kernels.camera
    camera_adjoint: Any = None
    clip: Any = None  # (V*N, 4) of kernels.transform
    surface: Any = None  # render.mesh.surface: what is interpolated over the faces
    normals: Any = None  # render.mesh.surface.normals, once the output ``normal`` is asked for


class Renderer:
    """Base of the renderers: ``render`` runs ``_forward(shot)`` and puts ``_adjoint(shot)`` on an open tape."""

    _on_demand = ("normal",)  # outputs that ``_forward`` leaves to ``_produce``

    def __init__(self, size, background):
        self.height, self.width = image_size(size)
        self.background = background
        self._token = runtime_token()
        self._buffers = Buffers()
        self._frames = {}
        self._operation = tape_operation(self._run, self._run_adjoint)
        self._latest = None  # the latest shot; None while one is half rendered, or after one that raised

    @property
    def background(self):
        """Linear RGB behind everything: three finite numbers; may be changed between renders."""
        return self._background

    @background.setter
    def background(self, color):
        self._background = background_color(color)

    def render(self, mesh, camera, lights=None, *, view_mesh=None):
        """Renders V views and returns their Frame.

        ``camera`` has V views.  View v shows mesh 0 if ``mesh`` is a single one, mesh v if it is a batch of V, else
        mesh ``view_mesh[v]``.  Without ``lights`` the surface shows its own colours.  Inside a ``ti.ad.Tape`` the
        gradients of the frame's outputs flow to the fields of mesh, camera and lights.  These fields must not be
        written to between the render and the end of the tape, as nothing that a tape has read: another renderer that
        shows the same mesh, camera or lights in the tape would read the new values, and this one's gradient with it.

        Raises:
            RuntimeStateError: the renderer or an argument is older than the latest ``ti.init``.
            ShapeError: views and meshes do not match.
            InputError: an argument of another kind than expected, a light that is not finite.
            GeometryError: a vertex, a colour or a texel that is not finite.
            CameraError: a camera that defines no image.
            GradientError: this renderer has rendered within the open tape before: its state would be overwritten.
        """
        check_runtime(self._token, "renderer")
        _require_kind("mesh", mesh, Mesh)
        _require_kind("camera", camera, Camera)
        if lights is not None:
            _require_kind("lights", lights, Lights)
        views = view_map(camera.views, mesh.batch, view_mesh)
        tape = current_tape()
        if tape is not None:
            self._require_first_render(tape)
            tape = weakref.ref(tape)
        shot = Shot(mesh, camera, lights, views, self._frame(camera.views), self.width, self.height, tape)
        self._operation(shot)
        return shot.frame

    @off_tape
    def backward(self):
        """Adds the latest render's gradients by hand, from what the caller wrote into the outputs' ``.grad`` fields.

        For programs without a tape; inside one it happens by itself.

        Raises:
            RuntimeStateError: the renderer is older than the latest ``ti.init``.
            GradientError: there is no render, or the latest one raised an error.
        """
        check_runtime(self._token, "renderer")
        if self._latest is None:
            raise GradientError("backward() before any render(), or after one that raised an error")
        self._run_adjoint(self._latest)

    def _require_first_render(self, tape):
        if self._latest is not None and self._latest.tape is not None and self._latest.tape() is tape:
            raise GradientError(
                "this renderer has rendered within this tape before, and a second render would overwrite what the first"
                " one's gradient needs: render all views in one call (a camera of several views, a batch of meshes), or"
                " use one renderer for each"
            )

    def _frame(self, views):
        if views not in self._frames:
            self._frames[views] = Frame(views, self.height, self.width, off_tape(self._produce_for))
        return self._frames[views]

    def _produce_for(self, frame, name):
        if self._latest is not None and frame is self._latest.frame:
            self._produce(self._latest, name)
        elif name in self._on_demand:
            raise RuntimeStateError(
                "this renderer has rendered another number of views since, or raised an error while rendering: ask for"
                f" frame.{name} before the next render"
            )

    def _adjoint_or_zero(self, frame, name):
        """The adjoint array of an output, zeros if it is not in use."""
        adjoint = frame.adjoint(name)
        return self._buffers.zeroed(f"no_{name}", frame.array(name).shape) if adjoint is None else adjoint

    def _run(self, shot):
        self._latest = None
        shot.mesh.fields.pull()
        if shot.lights is not None:
            shot.lights.fields.pull()
        self._forward(shot)
        self._latest = shot
        shot.frame.refresh()

    def _run_adjoint(self, shot):
        if shot is not self._latest:
            raise GradientError("this renderer has rendered again since the render whose gradient is asked for")
        shot.mesh.fields.zero_adjoints()
        if shot.lights is not None:
            shot.lights.fields.zero_adjoints()
        shot.camera_adjoint = self._buffers.zeroed("camera_adjoint", shot.camera_array.shape)
        self._adjoint(shot)
        shot.mesh.fields.push_gradients()
        if shot.lights is not None:
            shot.lights.fields.push_gradients()
        shot.camera.add_gradients(shot.camera_adjoint, shot.width, shot.height)

    def _forward(self, shot):
        """Renders ``shot`` into the arrays of its frame."""
        raise NotImplementedError

    def _adjoint(self, shot):
        """Takes the adjoints of the frame's outputs back to those of mesh, lights and ``shot.camera_adjoint``."""
        raise NotImplementedError

    def _produce(self, shot, name):
        """Writes the array of an output that ``_forward`` leaves until somebody asks for it."""


def _require_kind(name, value, kind):
    if not isinstance(value, kind):
        raise InputError(f"{name}: expected a {kind.__name__} object, got {value!r}")


def image_size(size):
    """(height, width) from one number (a square image) or from two.

    Raises:
        InputError: not one or two positive integers.
    """
    sides = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(sides) != 2 or not all(isinstance(side, Integral) and side > 0 for side in sides):
        raise InputError(f"size: expected (height, width) in pixels, or one number for a square; got {size!r}")
    return int(sides[0]), int(sides[1])


def background_color(color):
    """Three linear RGB numbers as floats.

    Raises:
        InputError: not three finite numbers.
    """
    try:
        values = np.asarray(color, float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (3,) or not np.isfinite(values).all():
        raise InputError(f"background: expected three finite numbers (linear RGB), got {color!r}")
    return tuple(values.tolist())
