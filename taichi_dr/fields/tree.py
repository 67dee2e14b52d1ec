"""Taichi fields in a tree of their own, which can be handed on and destroyed."""

import weakref
from collections import Counter
from typing import NamedTuple

import taichi as ti
from taichi.lang import impl
from taichi.lang.field import ScalarField
from taichi.lang.matrix import MatrixField

from taichi_dr.errors import InputError
from taichi_dr.fields.pool import pool
from taichi_dr.fields.references import ALONE, count_held_by_kernels, is_compiled_in, references
from taichi_dr.runtime import float_dtype, is_compiling, python_scope, runtime_token

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
                self._place_fields(owner)
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
        """Gives Taichi the place of the fields back: see ``Pool.room``."""
        # not SNodeTree.destroy(), which forgets all compiled kernels: those of these fields run no more, for nobody has
        # them
        self._tree.destroy_snode_tree(impl.get_runtime().prog)

    def _place_fields(self, owner):
        builder, shown, by_shape = ti.FieldsBuilder(), {}, {}
        for name, layout in self.layouts:
            fields = tuple(self._new_field(components, layout.has_indices) for _, _, components in layout.members)
            names, columns, _ = zip(*layout.members, strict=True)
            shown[name] = names, fields, columns
            # one node for a shape: a tape launches a kernel per node to clear gradients
            parts = by_shape.setdefault(layout.shape, [])
            parts.extend(part for field in fields for part in (field, field.grad) if part is not None)
        for shape, parts in by_shape.items():
            builder.dense(AXES[len(shape) - 1], shape).place(*parts)
        try:
            with pool.room(owner):
                # not the SNodeTree, which holds the program: dying after ti.init, that frees the arrays of the next
                self._tree = builder.finalize().ptr
        finally:
            impl.get_runtime().unfinalized_fields_builder.pop(builder, None)  # or no kernel would run any more
        for name, (names, fields, columns) in shown.items():
            self._shown[name] = fields, columns
            self.fields.update(zip(names, fields, strict=True))

    def _new_field(self, components, has_indices):
        dtype = ti.i32 if has_indices else float_dtype()
        if components:
            field, kind = ti.Vector.field(components, dtype, needs_grad=not has_indices), NamedVectorField
        else:
            field, kind = ti.field(dtype, needs_grad=not has_indices), NamedScalarField
        parts = [part for part in (field, field.grad) if part is not None]
        for part in parts:
            part.__class__, part.tree, part.ids = kind, weakref.ref(self), tuple(map(id, parts))
        return field

    def _handles(self):
        """Every object of it that somebody may hold: those that it holds once itself, and those that it holds twice."""
        once = []
        for field in self.fields.values():
            parts = [part for part in (field, field.grad) if part is not None]
            once += [*parts[1:], *(var for part in parts for var in part.vars)]
            once += [accessor for part in parts for accessor in part.host_accessors or ()]
        return once, [*self.fields.values()]


class Named:
    """Has a field say what to do where people try to assign whole arrays to it, and notice kernels that it is part of.

    ``tree``: a weak reference to its Tree; ``ids``: of the field and of its gradient.
    """

    def _pad_key(self, key):
        _refuse_slices(self, key)
        return super()._pad_key(key)

    def _get_field_members(self):
        self._notice()
        return super()._get_field_members()

    def _loop_range(self):
        self._notice()
        return super()._loop_range()

    def _notice(self):
        """A kernel that Taichi is compiling names the field: nobody else may have it if it is no argument of it."""
        tree = self.tree()
        if tree is not None and is_compiling() and is_compiled_in(self.ids):
            tree.is_compiled_in = True


class NamedVectorField(Named, MatrixField):
    """``Named``."""


class NamedScalarField(Named, ScalarField):
    """``Named``."""


def _refuse_slices(field, key):
    keys = key if isinstance(key, tuple | list) else (key,)
    if any(isinstance(part, slice) or part is Ellipsis for part in keys):
        owner, _, name = field.full_name.rpartition(".")
        raise InputError(
            f"{field.full_name}[...]: a Taichi field is read and written one element at a time;"
            f' {owner}.set("{name}", values) writes all of it, {field.full_name}.to_numpy() reads it'
        )
