"""What a group of fields keeps its numbers in, and the pool that hands it on from dropped groups to new ones.

Taichi never frees a field, and compiles every kernel that takes a field by template again for every new one.  So the
storage of a group that is dropped goes to the pool and becomes that of the next group of the same layouts, with all
that was compiled for it; unless somebody still holds one of its fields or variables, or a kernel has one compiled in.

How that is known: Python counts references.  How many the storage itself has to an object is known, those that Taichi's
kernels keep (the keys of their template instances, ``kernel.mapper.mapping``) are looked up, any more are a user's.
Gone when Taichi frees fields, or offers to.
"""

import gc
import sys
from collections import Counter, deque
from typing import NamedTuple

import taichi as ti
from taichi.lang import impl
from taichi.lang.field import ScalarField
from taichi.lang.matrix import MatrixField

from taichi_dr.errors import InputError, TooLargeError
from taichi_dr.fields.variable import Variable
from taichi_dr.runtime import backend, float_dtype, python_scope, runtime_token

AXES = (ti.i, ti.ij, ti.ijk, ti.ijkl)
MOST_TREES = 512  # of fields, that Taichi has room for but with Vulkan; one more writes over its thread pool's address
MOST_TRIED = 4  # storages of a layout that are looked at for one that is free
MOST_WITHOUT_FIELDS = 64  # of all layouts: arrays, other than fields, can be freed


class Layout(NamedTuple):
    """An array of rows: one for each element of ``shape``, of ``width`` columns (0: one, and its field is of scalars).

    ``members`` are the fields that show columns of it: ``(name, first column, components)`` of each.
    """

    shape: tuple
    width: int
    members: tuple

    @classmethod
    def of(cls, name, shape, components):
        """The layout of a single field."""
        return cls(tuple(shape), components, ((name, 0, components),))


class Storage:
    """The variables of a group, by the names of its layouts, arrays for their adjoints, and fields once asked for.

    ``is_shown``: the owner has asked for fields, which hold the numbers then.
    ``is_compiled_in``: a kernel that is not to be told from outside reads one of the fields; no other owner may follow.
    ``is_held``: somebody held a part of it when it was last looked at, circles that nobody holds apart.
    """

    def __init__(self, layouts):
        self.token, self.layouts = runtime_token(), layouts
        self.variables = {
            name: Variable(name, layout.shape, layout.width, fields=(), columns=()) for name, layout in layouts
        }
        self.arrays = {name: variable.array for name, variable in self.variables.items()}
        self.adjoints, self.fields, self._shown = {}, {}, {}
        self.is_shown = self.is_compiled_in = self.is_held = False

    def show(self, owner):
        """Has fields hold the numbers, also while Taichi compiles a kernel: the one that is the first to name them."""
        with python_scope():
            if not self.fields:
                _require_room(owner)
                self._place_fields()
            for name, field in self.fields.items():
                field.full_name = f"{owner}.{name}"
            for name, variable in self.variables.items():
                variable.show(*self._shown[name])
        self.is_shown = True

    def renew(self):
        """Begins anew for another owner: fields that there are wait until they are asked for."""
        self.is_shown = False
        for variable in self.variables.values():
            variable.renew()

    def is_free(self):
        """Whether nobody but Taichi's kernels holds anything of it."""
        held = _held_by_kernels() if self.fields else Counter()
        once, twice = self._handles()
        return all(
            count == _ALONE + times - 1 + held[id(handle)]
            for handles, times in ((once, 1), (twice, 2))
            for handle, count in zip(handles, _references(handles), strict=True)
        )

    def _place_fields(self):
        builder, by_shape = ti.FieldsBuilder(), {}
        for name, layout in self.layouts:
            shown = tuple(_new_field(components) for _, _, components in layout.members)
            names, columns, _ = zip(*layout.members, strict=True)
            self._shown[name] = shown, columns
            self.fields.update(zip(names, shown, strict=True))
            # one node for a shape: a tape launches a kernel per node to clear gradients
            by_shape.setdefault(layout.shape, []).extend(part for field in shown for part in (field, field.grad))
        for shape, parts in by_shape.items():
            builder.dense(AXES[len(shape) - 1], shape).place(*parts)
        builder.finalize()

    def _handles(self):
        """Every object of it that somebody may hold: those that it holds once itself, and those that it holds twice."""
        once, twice = [*self.variables.values()], [*self.arrays.values(), *self.fields.values()]
        for field in self.fields.values():
            once += [field.grad, *field.vars, *field.grad.vars]
            once += [accessor for part in (field, field.grad) for accessor in part.host_accessors or ()]
        return once, twice


class Pool:
    """Storages of the current runtime that owners have dropped, by layouts."""

    def __init__(self):
        self.token, self._shelves = None, {}

    def take(self, layouts):
        """A storage for these layouts, ``((name, Layout), ...)``: a dropped one if there is one, else a new one."""
        if self.token is not runtime_token():
            self.token, self._shelves = runtime_token(), {}
        shelf = self._shelves.get(layouts, ())
        storage = self._free_one(shelf)
        if storage is None and not all(kept.is_held for kept in shelf):
            gc.collect()  # compiling leaves circles behind that hold fields
            storage = self._free_one(shelf)
            for kept in shelf:
                kept.is_held = True
        if storage is None:
            return Storage(layouts)
        storage.renew()
        return storage

    def _free_one(self, shelf):
        """Takes a free storage off a shelf, or returns None."""
        for _ in range(min(len(shelf), MOST_TRIED)):
            storage = shelf.pop()  # the latest: a cache may still hold it
            if storage.is_free():
                return storage
            shelf.appendleft(storage)
        return None

    def give_back(self, storage):
        """Takes a storage whose owner is no more."""
        if storage.token is not self.token or storage.is_compiled_in:
            return
        shelf = self._shelves.pop(storage.layouts, None) or deque()
        self._shelves[storage.layouts] = shelf  # the latest ones last
        shelf.append(storage)
        storage.is_held = False
        plain = [(layouts, kept) for layouts, shelf in self._shelves.items() for kept in shelf if not kept.fields]
        for layouts, kept in plain[:-MOST_WITHOUT_FIELDS]:
            self._shelves[layouts].remove(kept)


pool = Pool()


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


def _new_field(components):
    if components:
        field = ti.Vector.field(components, float_dtype(), needs_grad=True)
        field.__class__ = NamedVectorField
    else:
        field = ti.field(float_dtype(), needs_grad=True)
        field.__class__ = NamedScalarField
    return field


def _require_room(owner):
    """Raises TooLargeError if Taichi has no room for another tree of fields, the one of ``ti.field`` left aside."""
    if backend() != "vulkan" and impl.get_runtime().prog.get_snode_tree_size() >= MOST_TREES - 1:
        raise TooLargeError(
            f"{owner}: expected at most {MOST_TREES - 1} groups of fields of all kinds of shapes, for which Taichi has"
            " room in a run: numpy(), set() and gradient() need no fields, or call taichi_dr.init() anew"
        )


def _references(things):
    return [sys.getrefcount(thing) for thing in things]


_something = [object()]
_ALONE = _references([*_something])[0]  # of a thing that one list holds


def _held_by_kernels():
    """How often the template instances of all kernels hold each object, by its id."""
    held = Counter()
    for kernel in impl.get_runtime().kernels:
        for key in kernel.mapper.mapping:
            _count_members(key, held)
    return held


def _count_members(key, held):
    for part in key:
        if isinstance(part, tuple):
            _count_members(part, held)
        else:
            held[id(part)] += 1
