"""Cameras: batches of views with gradients for every parameter, from look-at points, orbits, matrices or OpenCV."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from taichi_dr.errors import CameraError, InputError
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.fields.tree import Layout
from taichi_dr.kernels.base.arrays import make_array, write_array
from taichi_dr.kernels.camera.pack import (
    EYE,
    LENS,
    ORTHOGRAPHIC,
    PACKED,
    PARAMETERS,
    PERSPECTIVE,
    PINHOLE,
    POSE,
    PRINCIPAL,
    TARGET,
    UP,
    pack_camera,
    pack_camera_adjoint,
)
from taichi_dr.scene import camera_poses
from taichi_dr.scene.camera_check import check_parameters
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field

NEAR, FAR = 0.1, 100.0
"""The visible depths of a camera that was given without a target, in world units."""

NEAR_PER_DISTANCE, FAR_PER_DISTANCE = 0.1, 37.0
"""... of one with a target, per unit of distance to it: 0.27 and 100 at the distance 2.7 of a scene of unit size."""

_LENS_NAMES = {PERSPECTIVE: "fov_y", PINHOLE: "focal", ORTHOGRAPHIC: "half_height"}


class Camera(FieldOwner):
    """V cameras, each looking from ``eye`` to ``target``.

    With ``w = normalise(eye - target)``, ``u = normalise(up x w)``, ``v = w x u``: u points right, v up, and the camera
    looks along -w.  ``pose`` = (omega, t) then moves the camera in its own axes: it turns by the rotation vector omega
    (radians about u, v, w) and moves by t (world units along u, v, w); zero leaves it where it is.

    Fields with gradients, of shape (V,):
        eye, target, up: vec3 in world units.
        fov_y: the full vertical angle in radians; or focal: vec2, focal lengths (x, y) in half image heights;
            or half_height: half the visible height in world units (orthographic).  ``lens`` is whichever it has.
        principal: vec2, where the viewing axis meets the image, in half image heights right and up of its middle.
        pose: 6-vector.
    ``fit_pose`` says which of them to optimise when, and finds its way from far off where none of them does.
    ``near`` and ``far`` are numbers: what lies outside that depth is not seen.

    Fields are made when the first is asked for; ``set``, ``look_from``, ``numpy`` and ``gradient`` write and read
    arrays without any, and a new camera for every render is cheap.

    Every argument may be one value for all views or V of them.  ``near`` and ``far`` default to 0.1 and 37 times the
    distance from eye to target (the least and the greatest of all views).  A larger near hides what comes close; a
    larger far makes the soft rasterizer's gamma, which acts on (far - z)/(far - near), weaker.

    Raises:
        CameraError: a camera that defines no image; the message names the view and what to change.

    >>> Camera(eye=(0, 0, 3), target=(0, 0, 0), fov_y=0.8).views
    1
    """

    def __init__(
        self,
        eye: ArrayLike,
        target: ArrayLike = (0.0, 0.0, 0.0),
        up: ArrayLike = (0.0, 1.0, 0.0),
        *,
        fov_y: ArrayLike | None = None,
        focal: ArrayLike | None = None,
        half_height: ArrayLike | None = None,
        principal: ArrayLike = (0.0, 0.0),
        pose: ArrayLike = (0.0,) * 6,
        near: float | None = None,
        far: float | None = None,
    ) -> None:
        self.kind, lens = _choose_lens(fov_y, focal, half_height)
        rows = _join(_LENS_NAMES[self.kind], lens, eye=eye, target=target, up=up, pose=pose, principal=principal)
        distance = np.linalg.norm(rows[:, EYE : EYE + 3] - rows[:, TARGET : TARGET + 3], axis=1)
        self.near = NEAR_PER_DISTANCE * float(distance.min()) if near is None else _depth(near, "near")
        self.far = FAR_PER_DISTANCE * float(distance.max()) if far is None else _depth(far, "far")
        check_parameters(rows, self.kind, self.near, self.far)
        self._allocate(rows)

    def _allocate(self, rows):
        self.views = len(rows)
        members = tuple((name, *columns) for name, columns in _columns(self.kind).items())
        self.fields = self._GROUP("camera", parameters=Layout((self.views,), PARAMETERS, members))
        self._parameters = self.fields.variable("parameters")
        self._write(rows)

    @classmethod
    def orbit(
        cls,
        azimuth_deg: ArrayLike = 0.0,
        elevation_deg: ArrayLike = 0.0,
        distance: ArrayLike = 2.7,
        fov_y_deg: ArrayLike = 60.0,
        target: ArrayLike = (0, 0, 0),
        *,
        near: float | None = None,
        far: float | None = None,
    ) -> "Camera":
        """Cameras on a sphere around ``target``, y up.

        Azimuth 0 looks from +z, azimuth 90 from +x; a positive elevation looks from above.  Numbers and sequences
        broadcast: ``orbit([0, 90, 180], 20, 2.7)`` is three views.

        Raises:
            CameraError: an elevation outside [-90, 90], a distance that is not positive, lengths that do not match.
        """
        numbers = {"azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg, "distance": distance}
        azimuth, elevation, radius, fov_y = _broadcast(numbers | {"fov_y_deg": fov_y_deg})
        if azimuth.size == 0:
            raise CameraError(
                "orbit: no views: expected at least one azimuth_deg, elevation_deg, distance and fov_y_deg"
            )
        center = _number(target, "target")
        if center.shape[-1:] != (3,) or np.ndim(center) > 2 or 1 != len(np.atleast_2d(center)) != len(azimuth) != 1:
            raise CameraError(f"expected target of shape (3,) or ({len(azimuth)}, 3), got {center.shape}")
        eye, up = camera_poses.orbit_eye(azimuth, elevation, radius, center)
        return cls(eye, center, up, fov_y=np.deg2rad(fov_y), near=near, far=far)

    @classmethod
    def orthographic(
        cls,
        eye: ArrayLike,
        target: ArrayLike = (0, 0, 0),
        up: ArrayLike = (0, 1, 0),
        *,
        half_height: ArrayLike = 1.0,
        near: float | None = None,
        far: float | None = None,
    ) -> "Camera":
        """Parallel projection: the image shows ``half_height`` world units above and below its middle."""
        return cls(eye, target, up, half_height=half_height, near=near, far=far)

    @classmethod
    def from_uvwe(
        cls,
        u: ArrayLike,
        v: ArrayLike,
        w: ArrayLike,
        e: ArrayLike,
        *,
        near: float = NEAR,
        far: float = FAR,
        **lens: ArrayLike,
    ) -> "Camera":
        """Cameras from their axes (right, up, backward) and origins, each (3,) or (V, 3); ``target`` is e - w.

        ``lens`` is what ``Camera`` takes: ``fov_y``, ``focal`` or ``half_height``, and ``principal``.

        Raises:
            CameraError: axes that are not orthonormal or not right-handed.
        """
        u, v, w, e = (np.atleast_2d(np.asarray(axis, dtype=np.float64)) for axis in (u, v, w, e))
        if {axis.shape[-1] for axis in (u, v, w, e)} != {3} or u.shape != v.shape or u.shape != w.shape:
            raise CameraError(f"expected u, v, w, e of shape (V, 3), got {u.shape}, {v.shape}, {w.shape}, {e.shape}")
        camera_poses.require_orthonormal(u, v, w)
        return cls(e, e - w, v, near=near, far=far, **lens)

    @classmethod
    def pinhole(
        cls,
        camera_to_world: ArrayLike,
        fl_x: ArrayLike,
        fl_y: ArrayLike | None = None,
        cx: ArrayLike | None = None,
        cy: ArrayLike | None = None,
        *,
        width: int,
        height: int,
        near: float = NEAR,
        far: float = FAR,
    ) -> "Camera":
        """Cameras with intrinsics in pixels of a ``width`` x ``height`` image; poses as in ``from_blender``.

        ``cx, cy`` run right and down from the upper left corner of the image, whose first pixel has its centre at
        (0.5, 0.5); they default to the middle, ``fl_y`` to ``fl_x``.  The camera may render at any other size.
        """
        focal, principal = camera_poses.pixels_to_half_heights(fl_x, fl_y, cx, cy, width, height)
        axes = camera_poses.axes_of_matrices(camera_to_world)
        return cls.from_uvwe(*axes, focal=focal, principal=principal, near=near, far=far)

    @classmethod
    def from_blender(
        cls,
        camera_to_world: ArrayLike,
        *,
        fov_y: ArrayLike | None = None,
        camera_angle_x: ArrayLike | None = None,
        width: int | None = None,
        height: int | None = None,
        near: float = NEAR,
        far: float = FAR,
    ) -> "Camera":
        """Cameras from camera-to-world matrices (4, 4) or (V, 4, 4) with columns right, up, backward, origin.

        The convention of Blender, OpenGL and NeRF's ``transforms.json``.  The lens is ``fov_y``, or ``camera_angle_x``
        (the full horizontal angle) with the image's ``width`` and ``height``; both in radians.
        """
        if (fov_y is None) == (camera_angle_x is None):
            raise CameraError("from_blender expects one of fov_y and camera_angle_x (pixels go through pinhole)")
        if fov_y is None:
            fov_y = camera_poses.fov_y_of_angle_x(camera_angle_x, width, height)
        return cls.from_uvwe(*camera_poses.axes_of_matrices(camera_to_world), fov_y=fov_y, near=near, far=far)

    @classmethod
    def from_opencv(
        cls,
        rotation: ArrayLike,
        translation: ArrayLike,
        intrinsics: ArrayLike,
        *,
        width: int,
        height: int,
        pixel_center: float = 0.5,
        near: float = NEAR,
        far: float = FAR,
    ) -> "Camera":
        """Cameras from OpenCV's ``x_camera = R x + t`` (axes right, down, forward) and the matrix K.

        Shapes: rotation (V, 3, 3), translation (V, 3), intrinsics (V, 3, 3), or without V.  ``pixel_center`` is the
        coordinate that K gives to the first pixel's centre: 0.5 for COLMAP, 0 for ``cv2.calibrateCamera``.

        Raises:
            CameraError: a rotation that is not orthonormal, a K with skew.
        """
        matrices = np.asarray(intrinsics, dtype=np.float64)
        matrices = matrices[None] if matrices.ndim == 2 else matrices
        if matrices.ndim != 3 or matrices.shape[1:] != (3, 3):
            raise CameraError(f"expected intrinsics of shape (V, 3, 3) or (3, 3), got {np.shape(intrinsics)}")
        if np.abs(matrices[:, 0, 1]).max() > 1e-6 * np.abs(matrices[:, 0, 0]).max():
            raise CameraError(f"expected intrinsics without skew, got {matrices[:, 0, 1].tolist()}; undistort first")
        shift = 0.5 - pixel_center
        fl_x, fl_y = matrices[:, 0, 0], matrices[:, 1, 1]
        cx, cy = matrices[:, 0, 2] + shift, matrices[:, 1, 2] + shift
        focal, principal = camera_poses.pixels_to_half_heights(fl_x, fl_y, cx, cy, width, height)
        axes = camera_poses.axes_of_extrinsics(rotation, translation)
        return cls.from_uvwe(*axes, focal=focal, principal=principal, near=near, far=far)

    @off_tape
    def to_opencv(self, width: int, height: int, *, pixel_center: float = 0.5) -> tuple[Array, Array, Array]:
        """NumPy (R (V, 3, 3), t (V, 3), K (V, 3, 3)) of an image of ``width`` x ``height``; see ``from_opencv``."""
        if self.is_orthographic:
            raise CameraError("an orthographic camera has no intrinsic matrix K")
        packed = self.pack(width, height).to_numpy().astype(np.float64)
        u, v, w, e = np.split(packed[:, :12], 4, axis=1)
        rotation = np.stack([u, -v, -w], axis=1)
        half = min(width, height) / 2
        intrinsics = np.zeros((self.views, 3, 3))
        intrinsics[:, 0, 0], intrinsics[:, 1, 1] = half * packed[:, 12], half * packed[:, 13]
        intrinsics[:, 0, 2] = width / 2 + half * packed[:, 14] + pixel_center - 0.5
        intrinsics[:, 1, 2] = height / 2 - half * packed[:, 15] + pixel_center - 0.5
        intrinsics[:, 2, 2] = 1
        return rotation, -np.einsum("vij,vj->vi", rotation, e), intrinsics

    def set(self, **parameters: ArrayLike) -> None:
        """Writes parameters by name; those that are not named stay as they are.

        ``eye``, ``target``, ``up``, ``pose``, ``principal``, ``near``, ``far`` and the lens that the camera has
        (``fov_y``, ``focal`` or ``half_height``), each one value for all views or V of them, as the constructor takes.

        Raises:
            InputError: a parameter that this camera does not have.
            CameraError: a camera that defines no image; nothing is written then.

        >>> camera = Camera(eye=(0, 0, 3))
        >>> camera.set(eye=(0, 0, 5), far=50.0)
        >>> camera.numpy("eye").tolist()
        [[0.0, 0.0, 5.0]]
        """
        lens = _LENS_NAMES[self.kind]
        known = ("eye", "target", "up", "pose", lens, "principal", "near", "far")
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise InputError(f"camera.set: unknown {', '.join(unknown)}; expected some of {', '.join(known)}")
        near = _depth(parameters.pop("near", self.near), "near")
        far = _depth(parameters.pop("far", self.far), "far")
        rows = self._read().to_numpy().astype(np.float64)
        for name, value in parameters.items():
            column, size = _PLACES[name]
            values = _lens_rows(value, name, self.kind) if name == lens else np.atleast_2d(_number(value, name))
            if values.shape not in ((1, size), (self.views, size)):
                raise CameraError(_wrong_shape(name, size, self.views, values.shape))
            rows[:, column : column + size] = values
        check_parameters(rows, self.kind, near, far)
        self.near, self.far = near, far
        self._write(rows)

    def look_from(self, eye: ArrayLike, target: ArrayLike | None = None, up: ArrayLike | None = None) -> None:
        """Moves the cameras to ``eye``, looking at ``target`` (as before, by default), with ``pose`` zero.

        ``near`` and ``far`` stay as they are.  Each is (3,) or (V, 3).

        Raises:
            CameraError: as the constructor does.
        """
        given = {"eye": eye, "target": target, "up": up, "pose": np.zeros(6)}
        self.set(**{name: value for name, value in given.items() if value is not None})

    def numpy(self, name: str) -> Array:
        """The numbers of ``"eye"`` (V, 3), ``"pose"`` (V, 6), ``"fov_y"`` (V,), ... as a NumPy array.

        Raises:
            InputError: this camera has no such parameter.
        """
        return self.fields.get(self._member(name))

    def _member(self, name):
        return self.fields.known("lens" if name == _LENS_NAMES[self.kind] else name)

    def _setting(self, name):
        has = name in _PLACES and self.fields.has("lens" if name in _LENS_NAMES.values() else name)
        return f"camera.set({name}=values)" if has else None

    @property
    def is_orthographic(self) -> bool:
        """Whether the projection is parallel."""
        return self.kind == ORTHOGRAPHIC

    @property
    def eye(self) -> Field:
        """(V,) vec3 field, world units."""
        return self.fields.field("eye")

    @property
    def target(self) -> Field:
        """(V,) vec3 field, world units."""
        return self.fields.field("target")

    @property
    def up(self) -> Field:
        """(V,) vec3 field."""
        return self.fields.field("up")

    @property
    def pose(self) -> Field:
        """(V,) 6-vector field: rotation vector, translation."""
        return self.fields.field("pose")

    @property
    def lens(self) -> Field:
        """fov_y, focal or half_height: whichever it has."""
        return self.fields.field("lens")

    @property
    def principal(self) -> Field:
        """(V,) vec2 field, half image heights."""
        return self.fields.field("principal")

    @property
    def fov_y(self) -> Field:
        """(V,) field: full vertical angle, radians."""
        return self._lens_field(PERSPECTIVE)

    @property
    def focal(self) -> Field:
        """(V,) vec2 field: focal lengths, half heights."""
        return self._lens_field(PINHOLE)

    @property
    def half_height(self) -> Field:
        """(V,) field, world units."""
        return self._lens_field(ORTHOGRAPHIC)

    def _lens_field(self, kind):
        if self.kind != kind:
            raise AttributeError(f"this camera has {_LENS_NAMES[self.kind]}, not {_LENS_NAMES[kind]}")
        return self.lens

    @off_tape
    def pack(self, width: int, height: int, packed: Any = None) -> Any:
        """The cameras as an array (V, 16) for the kernels (``kernels.camera``), from the numbers as they are now.

        ``packed`` is the array to write to; a new one by default.
        """
        packed = make_array((self.views, PACKED)) if packed is None else packed
        pack_camera(self._read(), packed, self.kind, width, height)
        return packed

    @off_tape
    def add_gradients(self, camera_adjoint: Any, width: int, height: int) -> None:
        """Adds to the fields' gradients what an adjoint (V, 16) of ``pack(width, height)`` implies."""
        self.fields.zero_adjoints()
        adjoint = self.fields.adjoints["parameters"]
        pack_camera_adjoint(self._parameters.array, camera_adjoint, adjoint, self.kind, width, height)
        self.fields.push_gradients()

    @off_tape
    def check(self) -> None:
        """Validates the fields as they are now.

        Raises:
            CameraError: as the constructor does.
        """
        check_parameters(self._read().to_numpy(), self.kind, self.near, self.far)

    @off_tape
    def frames(self) -> tuple[Array, Array, Array, Array]:
        """NumPy (u, v, w, e), each (V, 3): the axes (right, up, backward) and origins, pose included."""
        u, v, w, e = np.split(self.pack(1, 1).to_numpy()[:, :12], 4, axis=1)
        return u, v, w, e

    @off_tape
    def select(self, indices: int | slice | Sequence[int] | Array) -> "Camera":
        """A new camera with copies of the views ``indices`` (a number, a slice or a list), and gradients of its own."""
        rows = np.atleast_2d(self._read().to_numpy()[indices])
        if len(rows) == 0:
            raise CameraError(f"expected at least one view, got indices {indices!r}")
        chosen = object.__new__(type(self))
        chosen.kind, chosen.near, chosen.far = self.kind, self.near, self.far
        chosen._allocate(rows)
        return chosen

    def __getitem__(self, indices: int | slice | Sequence[int] | Array) -> "Camera":
        return self.select(indices)

    def __len__(self) -> int:
        return self.views

    def __repr__(self):
        depths = f"near={self.near:.4g}, far={self.far:.4g}"
        views = f"{self.views} view{'s' * (self.views != 1)}"
        return f"Camera({views}, {depths}; fields: eye, target, up, pose, {_LENS_NAMES[self.kind]}, principal)"

    def _write(self, rows):
        write_array(self._parameters.array, rows)
        self._parameters.write()

    def _read(self):
        """The array of the parameters (V, 19) as they are now."""
        self.fields.check()
        return self._parameters.read()


def _columns(kind):
    """Of each parameter of a camera: its first column and its number of components, 0 for a number."""
    lens = 2 if kind == PINHOLE else 0
    return {
        "eye": (EYE, 3),
        "target": (TARGET, 3),
        "up": (UP, 3),
        "pose": (POSE, 6),
        "lens": (LENS, lens),
        "principal": (PRINCIPAL, 2),
    }


def _choose_lens(fov_y, focal, half_height):
    given = {
        kind: lens
        for kind, lens in ((PERSPECTIVE, fov_y), (PINHOLE, focal), (ORTHOGRAPHIC, half_height))
        if lens is not None
    }
    if len(given) > 1:
        raise CameraError(f"expected one lens, got {' and '.join(_LENS_NAMES[kind] for kind in given)}")
    kind, lens = next(iter(given.items()), (PERSPECTIVE, np.deg2rad(60.0)))
    return kind, _lens_rows(lens, _LENS_NAMES[kind], kind)


def _lens_rows(lens, name, kind):
    """A lens as rows of two columns."""
    lens = _number(lens, name)
    if kind == PINHOLE:
        return np.atleast_2d(np.stack([lens, lens], axis=-1) if lens.ndim == 0 else lens)
    if lens.ndim > 1:
        raise CameraError(f"expected {name} of shape () or (V,), got {lens.shape}")
    return np.atleast_2d(np.stack([lens, np.zeros_like(lens)], axis=-1))


_PLACES = {"eye": (EYE, 3), "target": (TARGET, 3), "up": (UP, 3), "pose": (POSE, 6), "principal": (PRINCIPAL, 2)}
_PLACES |= dict.fromkeys(_LENS_NAMES.values(), (LENS, 2))
"""Of each parameter: its first column in the rows, and how many columns it has there."""


def _join(lens_name, lens, **parts):
    """The rows of parameters (V, 19) of values that are (k,) or (V, k) each; ``lens`` has two columns in any case."""
    parts = parts | {lens_name: lens}
    arrays = {name: np.atleast_2d(_number(value, name)) for name, value in parts.items()}
    views = max(len(array) for array in arrays.values())
    rows = np.zeros((views, PARAMETERS))
    for name, array in arrays.items():
        column, size = _PLACES[name]
        if array.shape not in ((1, size), (views, size)) or views == 0:
            raise CameraError(_wrong_shape(name, size, max(views, 1), array.shape))
        rows[:, column : column + size] = array
    return rows


def _wrong_shape(name, size, views, got):
    if name in ("fov_y", "half_height"):  # numbers, of which the rows keep a second column
        return f"expected {name} of shape () or ({views},), got {got[:1]}"
    return f"expected {name} of shape ({size},) or ({views}, {size}), got {got}"


def _depth(value, name):
    depth = _number(value, name)
    if depth.size != 1:
        raise CameraError(f"expected one number as {name} (for all views), got {value!r}")
    return depth.item()


def _broadcast(numbers):
    arrays = [np.atleast_1d(_number(value, name)) for name, value in numbers.items()]
    try:
        return np.broadcast_arrays(*arrays)
    except ValueError:
        got = ", ".join(f"{name} {array.shape}" for name, array in zip(numbers, arrays, strict=True))
        raise CameraError(f"expected numbers or sequences of one length, got {got}") from None


def _number(value, name):
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise CameraError(f"expected numbers as {name}, got {value!r}") from None
