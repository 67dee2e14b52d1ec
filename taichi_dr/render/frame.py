"""What a renderer returns: images as fields with gradients, made when they are first asked for."""

import math

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.io.images import save_animation, save_image
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.runtime import check_runtime, float_dtype, require_outside_kernels, runtime_token
from taichi_dr.tape import off_tape

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

    def __init__(self, outputs, shape, produce):
        self.outputs, self.shape = outputs, shape
        self._token = runtime_token()
        self._produce = produce
        self._arrays, self._first, self._adjoints, self._fields = {}, {}, {}, {}

    def __getattr__(self, name):
        if name == "outputs":  # a frame that is being copied has none yet
            raise AttributeError(name)
        if name not in self.outputs:
            raise AttributeError(f"no attribute {name!r}; the outputs are {', '.join(self.outputs)}")
        return self.field(name)

    def __setattr__(self, name, value):
        if name in self.__dict__.get("outputs", ()):
            raise AttributeError(f"{name}: expected to be read; to write into the image, frame.{name}.from_numpy(...)")
        super().__setattr__(name, value)

    def __dir__(self):
        return [*super().__dir__(), *self.outputs]

    def field(self, name):
        """The field of an output, made and filled on first use."""
        self._require_known(name)
        check_runtime(self._token, "frame")
        if name not in self._fields:
            require_outside_kernels(f"frame.{name}")
            self._produce(self, name)
            self._fields[name] = self._place(name)
            self._copy(name)
        return self._fields[name]

    def array(self, name):
        """The array behind an output, (V*H*W,) or (V*H*W, components): what the renderer writes."""
        if name not in self._arrays:
            self._arrays[name] = self._allocate(name)
        return self._arrays[name]

    def bind(self, first=0, **arrays):
        """Makes a renderer's own arrays, from column ``first`` on, those behind the outputs of the given names."""
        self._arrays.update(arrays)
        self._first.update(dict.fromkeys(arrays, first))

    def adjoint(self, name):
        """The array of an output's gradient, copied from its field; None if the output is not in use."""
        if name not in self._fields or self._is_index(name):
            return None
        if name not in self._adjoints:
            self._adjoints[name] = self._allocate(name)
        self.copy_adjoints(self._adjoints[name], **{name: 0})
        return self._adjoints[name]

    def copy_adjoints(self, array, **columns):
        """Copies the gradients of those of the named outputs that are in use into an array, each from its column on."""
        names = [name for name in columns if name in self._fields]
        if names:
            gradients = tuple(self._fields[name].grad for name in names)
            bridge.fields_to_array(gradients, array, tuple(columns[name] for name in names))

    def in_use(self, name):
        """Whether an output's field has been asked for."""
        return name in self._fields

    def refresh(self):
        """Copies the arrays into the fields in use; the renderer calls it when it has rendered."""
        by_array = {}
        for name in self._fields:
            self._produce(self, name)
            by_array.setdefault(id(self.array(name)), []).append(name)
        for names in by_array.values():
            self._copy(*names)

    @off_tape
    def numpy(self, name="color"):
        """An output as a new NumPy array (V, H, W) or (V, H, W, components)."""
        self._require_known(name)
        check_runtime(self._token, "frame")
        if name in self._fields:
            return self._fields[name].to_numpy()
        self._produce(self, name)
        values, components, first = self.array(name).to_numpy(), self._components(name), self._first.get(name, 0)
        if values.ndim == 2:
            values = values[:, first : first + max(components, 1)]
        return values.reshape(self.shape + ((components,) if components else ()))

    def save(self, path, fps=12):
        """Writes the views: a GIF or video of them by ``path``'s suffix, else a picture (a contact sheet if V > 1)."""
        images = self.numpy("color")
        if str(path).lower().endswith((".gif", ".mp4")):
            save_animation(path, images, fps=fps)
        else:
            save_image(path, contact_sheet(images))

    def _require_known(self, name):
        if name not in self.outputs:
            raise InputError(f"unknown output {name!r}: expected one of {', '.join(self.outputs)}")

    def _is_index(self, name):
        return self.outputs[name] == INDEX

    def _components(self, name):
        return 0 if self._is_index(name) else self.outputs[name]

    def _place(self, name):
        if self._is_index(name):
            return ti.field(ti.i32, shape=self.shape)
        if self.outputs[name]:
            return ti.Vector.field(self.outputs[name], float_dtype(), shape=self.shape, needs_grad=True)
        return ti.field(float_dtype(), shape=self.shape, needs_grad=True)

    def _allocate(self, name):
        components, rows = self._components(name), math.prod(self.shape)
        return make_array((rows, components) if components else (rows,), ti.i32 if self._is_index(name) else None)

    @off_tape
    def _copy(self, *names):
        """Fills the fields of outputs that share an array."""
        fields, columns = zip(*((self._fields[name], self._first.get(name, 0)) for name in names), strict=True)
        bridge.array_to_fields(self.array(names[0]), fields, columns)


def contact_sheet(images, columns=None):
    """Tiles images (V, H, W, C) into one, as square as can be, row by row.

    >>> contact_sheet(np.zeros((3, 10, 20, 3))).shape
    (20, 40, 3)
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.ones((rows * columns, height, width, channels), images.dtype)
    sheet[:count] = images
    return sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2).reshape(rows * height, -1, channels)
