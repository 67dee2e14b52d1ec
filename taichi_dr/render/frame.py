"""What a renderer returns: images as fields with gradients, made when they are first asked for."""

import math
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.pool import pool
from taichi_dr.fields.tree import Layout, Tree
from taichi_dr.fields.variable import Variable
from taichi_dr.io.images import png_bytes, save_animation, save_image, straight
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.screen.blit import blit_array, blit_field
from taichi_dr.render import viewing
from taichi_dr.runtime import check_runtime, is_compiling, python_scope, runtime_token
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, Field, PathLike

INDEX = "index"
"""Stands in a renderer's outputs for an image of int32 indices, which has no gradient."""


class Frame:
    """The outputs of one render of V views: fields of shape (V, H, W), row 0 at the top.

    What outputs there are is the renderer's to say (``MeshRenderer`` for the rasterizers): ``outputs`` has the number
    of components of each, 0 for a scalar image, or ``INDEX``.

    An output costs nothing until it is asked for: ``frame.depth`` makes the field on first use.  The gradients of the
    outputs in use flow back when the renderer's adjoint runs.  A frame belongs to its renderer, which writes the next
    render of the same number of views into the same fields: take ``frame.numpy("color")`` to keep one.
    """

    color: Field
    """(V, H, W) of 3-vectors: linear RGB over the background; these are the outputs of the rasterizers."""
    alpha: Field
    """(V, H, W): coverage in [0, 1]."""
    depth: Field
    """(V, H, W): distance along the viewing axis in world units; the camera's ``far`` where nothing is hit."""
    normal: Field
    """(V, H, W) of 3-vectors: interpolated vertex normals in world space, 0 where nothing is hit."""
    barycentric: Field
    """(V, H, W) of 3-vectors: perspective-correct barycentric coordinates in the face ``face_id``."""
    face_id: Field
    """(V, H, W) of int32, without a gradient: the index of the visible face, -1 where nothing is hit."""

    def __init__(
        self, outputs: Mapping[str, int | str], shape: tuple[int, int, int], produce: Callable[["Frame", str], None]
    ) -> None:
        self.outputs, self.shape = outputs, shape
        self._token = runtime_token()
        self._produce = produce
        self._arrays, self._first, self._adjoints, self._seeds = {}, {}, {}, {}
        self._trees, self._fields, self._variables = {}, {}, {}
        self._premultiplied = False

    def __getattr__(self, name: str) -> Any:
        if name == "outputs":  # a frame that is being copied has none yet
            raise AttributeError(name)
        if name not in self.outputs:
            raise AttributeError(f"no attribute {name!r}; the outputs are {', '.join(self.outputs)}")
        return self.field(name)

    def __setattr__(self, name, value):
        if name in self.__dict__.get("outputs", ()):
            raise AttributeError(f"{name}: expected to be read; to write into the image, frame.{name}.from_numpy(...)")
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.outputs]

    def field(self, name: str) -> Field:
        """The field of an output, made and filled on first use."""
        self._known(name)
        check_runtime(self._token, "frame")
        if name not in self._fields:
            with python_scope():
                self._produce(self, name)
                field = self._fields[name] = self._place(name)
                if name in self._variables:
                    self._variables[name].show((field,), (0,))
                self._copy(name)
        if is_compiling():
            self._trees[name].is_compiled_in = True
        return self._fields[name]

    def variable(self, name: str) -> Variable:
        """An output as a ``Variable``, for losses: its numbers and its gradient without a field, made on first use.

        Raises:
            InputError: an image of indices, which has no gradient.
        """
        self._require_gradient(name)
        check_runtime(self._token, "frame")
        if name not in self._variables:
            fields = (self._fields[name],) if name in self._fields else ()
            self._variables[name] = Variable(f"frame.{name}", self.shape, self._components(name), fields=fields)
            self._produce(self, name)
            self._write_variable(name)
        return self._variables[name]

    def array(self, name: str) -> Any:
        """The array behind an output, (V*H*W,) or (V*H*W, components): what the renderer writes."""
        if name not in self._arrays:
            self._arrays[name] = self._allocate(name)
        return self._arrays[name]

    def bind(self, first: int = 0, **arrays: Any) -> None:
        """Makes a renderer's own arrays, from column ``first`` on, those behind the outputs of the given names."""
        self._arrays.update(arrays)
        self._first.update(dict.fromkeys(arrays, first))

    def columns(self, name: str) -> tuple[Any, int]:
        """The array that has an output's numbers, a row for each pixel, and its first column there; made on demand."""
        check_runtime(self._token, "frame")
        if name not in self._seeds:  # those are made in every render
            self._produce(self, name)
        return self.array(name), self._first.get(name, 0)

    def seed(self, name: str) -> Any:
        """The array for an output's gradient of those who read ``columns``; the output is in use from then on.

        Raises:
            InputError: an image of indices, which has no gradient.
        """
        self._require_gradient(name)
        if name not in self._seeds:
            self._produce(self, name)
            self._seeds[name] = self._allocate(name)
        return self._seeds[name]

    def clear_seeds(self, written: Collection[str] = ()) -> None:
        """Makes the seeds of all outputs zero, but for those that are to be ``written``."""
        for name in self._seeds.keys() - set(written):
            self._seeds[name].fill(0)

    def adjoint(self, name: str) -> Any:
        """The array of an output's gradient, as it is now; None if the output is not in use."""
        if name in self._seeds:
            return self._seeds[name]
        if not self.in_use(name) or self.is_index(name):
            return None
        if name not in self._adjoints:
            self._adjoints[name] = self._allocate(name)
        self.copy_adjoints(self._adjoints[name], **{name: 0})
        return self._adjoints[name]

    def copy_adjoints(self, array: Any, **columns: int) -> None:
        """Copies the gradients of those of the named outputs that are in use into an array, each from its column on."""
        names = [name for name in columns if name in self._fields]
        if names:
            gradients = tuple(self._fields[name].grad for name in names)
            bridge.fields_to_array(gradients, array, tuple(columns[name] for name in names))
        for name, column in columns.items():
            if name in self._seeds:
                bridge.copy_columns(self._seeds[name], array, 0, column, max(self._components(name), 1))
            elif name in self._variables and name not in self._fields:
                gradient = self._variables[name].gradient
                bridge.copy_columns(gradient, array, 0, column, gradient.shape[1])

    def in_use(self, name: str) -> bool:
        """Whether an output's field or variable has been asked for, or its seed."""
        return name in self._fields or name in self._variables or name in self._seeds

    def is_index(self, name: str) -> bool:
        """Whether an output is an image of indices, which has no gradient."""
        return self.outputs[name] == INDEX

    def refresh(self, premultiplied: bool = False) -> None:
        """Copies the arrays into the fields and variables in use; the renderer calls it when it has rendered.

        ``premultiplied``: whether it was over nothing, so that the colours are multiplied by alpha.
        """
        self._premultiplied = premultiplied
        for name in self._seeds:
            self._produce(self, name)
        for name in self._variables.keys() - self._fields.keys():
            self._produce(self, name)
            self._write_variable(name)
        by_array = {}
        for name in self._fields:
            self._produce(self, name)
            by_array.setdefault(id(self.array(name)), []).append(name)
        for names in by_array.values():
            self._copy(*names)

    @off_tape
    def numpy(self, name: str = "color") -> Array:
        """An output as a new NumPy array (V, H, W) or (V, H, W, components)."""
        self._known(name)
        check_runtime(self._token, "frame")
        if name in self._fields:
            return self._fields[name].to_numpy()
        array, first = self.columns(name)
        values, components = array.to_numpy(), self._components(name)
        if values.ndim == 2:
            values = values[:, first : first + max(components, 1)]
        return values.reshape(self.shape + ((components,) if components else ()))

    @off_tape
    def gradient(self, name: str = "color") -> Array:
        """The gradient of an output as a new NumPy array of the output's shape: what a tape has left of its loss.

        Zeros where the output was not asked for before the gradient was there.
        """
        self._require_gradient(name)
        return self.variable(name).gradient_to_numpy()

    def pictures(self) -> Array:
        """What the views show, linear: RGB (V, H, W, 3), or over nothing RGBA (V, H, W, 4) with straight alpha."""
        if not self._premultiplied:
            return self.numpy("color")
        return straight(np.concatenate([self.numpy("color"), self.numpy("alpha")[..., None]], axis=-1))

    def save(self, path: PathLike, fps: float = 12) -> None:
        """Writes the views: a GIF or video of them by ``path``'s suffix, else a picture (a contact sheet if V > 1).

        What was rendered over nothing (``background=None``) has alpha in PNG and TIFF, elsewhere white behind it.
        """
        images = self.pictures()
        if str(path).lower().endswith((".gif", ".mp4")):
            save_animation(path, images, fps=fps)
        else:
            save_image(path, viewing.contact_sheet(images))

    def show(self) -> Path | None:
        """Shows the views, as one picture, enlarged if they are small: in the notebook that this is called from, else
        in a window, until that is closed; without a display it writes a PNG and prints where.

        Returns the ``Path`` of that PNG, otherwise None.
        """
        return viewing.show(viewing.fitted(viewing.contact_sheet(self.pictures())), repr(self))

    @off_tape
    def blit(self, window: Field, view: int = 0) -> None:
        """Writes a view's colours as a window takes them into a field of your own, every frame, without recompiling.

        ``window`` is a field (W, H) of vectors of 3 or 4 floats, x to the right and y up: pixel (row, column) of the
        image goes to ``window[column, H - 1 - row]``, clamped to [0, 1] and turned from linear RGB to sRGB.  That is
        what ``ti.GUI.set_image(window)`` takes, and ``canvas.set_image(window)`` of a ``ti.ui.Window``.

        Raises:
            ShapeError: ``window`` is of another shape or type.
            InputError: there is no such view.
        """
        views, height, width = self.shape
        components, shape = bridge.components(window), tuple(window.shape)
        if shape != (width, height) or components not in (3, 4) or window.dtype not in (ti.f32, ti.f64):
            got = f"a field {shape} of {components or 1} x {window.dtype.to_string()}"
            raise ShapeError(f"blit: expected a field {(width, height)} of vectors of 3 or 4 floats, got {got}")
        if not -views <= view < views:
            raise InputError(f"blit: expected a view from 0 to {views - 1}, got {view!r}")
        self._known("color")
        check_runtime(self._token, "frame")
        if "color" in self._fields:
            blit_field(self._fields["color"], view % views, window, components)
        else:
            self._produce(self, "color")
            blit_array(self.array("color"), self._first.get("color", 0), view % views, window, components)

    def _repr_png_(self) -> bytes | None:
        """The views as a PNG for notebooks; None where they cannot be had, as after another ``ti.init``."""
        with suppress(Exception):
            return png_bytes(viewing.fitted(viewing.contact_sheet(self.pictures())))
        return None

    def __repr__(self):
        views, height, width = self.shape
        return f"Frame({views} view{'s' * (views != 1)} of {height} x {width}: {', '.join(self.outputs)})"

    def _known(self, name):
        if name not in self.outputs:
            raise InputError(f"unknown output {name!r}: expected one of {', '.join(self.outputs)}")
        return name

    def _require_gradient(self, name):
        if self.is_index(self._known(name)):
            raise InputError(f"{name}: an image of indices, which has no gradient")

    def _components(self, name):
        return 0 if self.is_index(name) else self.outputs[name]

    @off_tape
    def _place(self, name):
        layout = Layout.of(name, self.shape, self._components(name), self.is_index(name))
        tree = self._trees[name] = pool.lend(self, Tree, ((name, layout),))
        field = tree.show("frame")[name]
        if field.grad is not None:
            field.grad.fill(0)  # of its last owner
        return field

    def _allocate(self, name):
        components, rows = self._components(name), math.prod(self.shape)
        return make_array((rows, components) if components else (rows,), ti.i32 if self.is_index(name) else None)

    @off_tape
    def _write_variable(self, name):
        variable = self._variables[name]
        if not variable.fields:
            bridge.copy_columns(self.array(name), variable.array, self._first.get(name, 0), 0, max(variable.n, 1))
            variable.write()

    @off_tape
    def _copy(self, *names):
        """Fills the fields of outputs that share an array."""
        fields, columns = zip(*((self._fields[name], self._first.get(name, 0)) for name in names), strict=True)
        bridge.array_to_fields(self.array(names[0]), fields, columns)
