"""Taichi fields in a tree of their own, which can be handed on and destroyed."""

from collections import Counter
from typing import NamedTuple

import taichi as ti
from taichi.lang import impl
from taichi.lang.field import ScalarField
from taichi.lang.matrix import MatrixField

from taichi_dr.errors import InputError
from taichi_dr.fields.pool import pool
from taichi_dr.fields.references import ALONE, count_held_by_kernels, references
from taichi_dr.runtime import float_dtype, python_scope, runtime_token

AXES = (ti.i, ti.ij, ti.ijk, ti.ijkl)


class Layout(NamedTuple):
    """An array of rows: one for each element of ``shape``, of ``width`` columns (0: one, and its field is of scalars).

    ``members`` are the fields that show columns of it: ``(name, first column, components)`` of each.  ``has_indices``:
    they are of int32 and have no gradients.
    """

    shape: tuple
    width: int
    members: tuple
    has_indices: bool = False

    @classmethod
    def of(cls, name, shape, components, has_indices=False):
        """The layout of a single field."""
        return cls(tuple(shape), components, ((name, 0, components),), has_indices)


class Tree:
    """Fields by name, made when they are first shown: those of ``layouts``, ``((name, Layout), ...)``.

    ``is_compiled_in``: a kernel that is not to be told from outside reads one of the fields; no other owner may follow.
    ``is_held``: somebody held a part of it when it was last looked at, circles that nobody holds apart.
    """

    def __init__(self, layouts):
        self.token, self.layouts = runtime_token(), layouts
        self.fields, self._shown, self._tree = {}, {}, None
        self.is_compiled_in = self.is_held = False

    def show(self, owner):
        """The fields by name, which say that they are ``owner``'s.

        Also while Taichi compiles a kernel: the one that is the first to name them.
        """
        with python_scope():
            if not self.fields:
                pool.make_room(owner)
                self._place_fields()
            for name, field in self.fields.items():
                field.full_name = f"{owner}.{name}"
        return self.fields

    def renew(self):
        """Begins anew for another owner: fields that there are wait until they are asked for."""

    def is_free(self, held_by_kernels=None):
        """Whether nobody but Taichi's kernels holds anything of it; how often they hold what may be known already."""
        held = (held_by_kernels or count_held_by_kernels()) if self.fields else Counter()
        once, twice = self._handles()
        return all(
            count == ALONE + times - 1 + held[id(handle)]
            for handles, times in ((once, 1), (twice, 2))
            for handle, count in zip(handles, references(handles), strict=True)
        )

    def destroy(self):
        """Gives Taichi the place of the fields back: see ``Pool.make_room``."""
        # not SNodeTree.destroy(), which forgets all compiled kernels: those of these fields run no more, for nobody has
        # them
        self._tree.destroy_snode_tree(impl.get_runtime().prog)

    def _place_fields(self):
        builder, by_shape = ti.FieldsBuilder(), {}
        for name, layout in self.layouts:
            shown = tuple(_new_field(components, layout.has_indices) for _, _, components in layout.members)
            names, columns, _ = zip(*layout.members, strict=True)
            self._shown[name] = shown, columns
            self.fields.update(zip(names, shown, strict=True))
            # one node for a shape: a tape launches a kernel per node to clear gradients
            parts = by_shape.setdefault(layout.shape, [])
            parts.extend(part for field in shown for part in (field, field.grad) if part is not None)
        for shape, parts in by_shape.items():
            builder.dense(AXES[len(shape) - 1], shape).place(*parts)
        # not the SNodeTree itself, which holds the program: dying after ti.init, that frees the arrays of the next
        self._tree = builder.finalize().ptr

    def _handles(self):
        """Every object of it that somebody may hold: those that it holds once itself, and those that it holds twice."""
        once = []
        for field in self.fields.values():
            parts = [part for part in (field, field.grad) if part is not None]
            once += [*parts[1:], *(var for part in parts for var in part.vars)]
            once += [accessor for part in parts for accessor in part.host_accessors or ()]
        return once, [*self.fields.values()]


class NamedVectorField(MatrixField):
    """A field that says what to do where people try to assign whole arrays to it."""

    def _pad_key(self, key):
        _refuse_slices(self, key)
        return super()._pad_key(key)


class NamedScalarField(ScalarField):
    """As ``NamedVectorField``."""

    def _pad_key(self, key):
        _refuse_slices(self, key)
        return super()._pad_key(key)


def _refuse_slices(field, key):
    keys = key if isinstance(key, tuple | list) else (key,)
    if any(isinstance(part, slice) or part is Ellipsis for part in keys):
        owner, _, name = field.full_name.rpartition(".")
        raise InputError(
            f"{field.full_name}[...]: a Taichi field is read and written one element at a time;"
            f' {owner}.set("{name}", values) writes all of it, {field.full_name}.to_numpy() reads it'
        )


def _new_field(components, has_indices):
    dtype = ti.i32 if has_indices else float_dtype()
    if components:
        field = ti.Vector.field(components, dtype, needs_grad=not has_indices)
        field.__class__ = NamedVectorField
    else:
        field = ti.field(dtype, needs_grad=not has_indices)
        field.__class__ = NamedScalarField
    return field
