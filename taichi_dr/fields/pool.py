"""The pool that hands on trees of fields from dropped owners to new ones.

Taichi never frees a field, and compiles every kernel that takes a field by template again for every new one.  So the
tree of an owner that is dropped, a group of fields or a frame, goes to the pool and becomes that of the next owner of
the same layouts, with all that was compiled for it; unless somebody still holds one of its fields or variables, or a
kernel has one compiled in.

Taichi has room for so many trees and no more.  Long before they are used up, new fields take the place of those of a
dropped owner of other layouts.
"""

import gc
import weakref
from collections import deque
from contextlib import contextmanager

import taichi as ti
from taichi.lang import impl

from taichi_dr.errors import TooLargeError
from taichi_dr.fields.references import count_held_by_kernels
from taichi_dr.runtime import backend, runtime_token

MOST_TREES = 512  # of fields, that Taichi has room for but with Vulkan; one more writes over its thread pool's address
MANY_TREES = 256  # from here on dropped ones make room for new ones; the rest is for users' own, and for those in use
MOST_TRIED = 4  # trees of a layout that are looked at for one that is free
MOST_WITHOUT_FIELDS = 64  # of all layouts: arrays, other than fields, can be freed


class Pool:
    """Trees of the current runtime that owners have dropped, on a shelf for each kind and layouts."""

    def __init__(self):
        self.token, self._shelves = None, {}

    def take(self, kind, layouts):
        """A ``kind`` of tree of these layouts, ``((name, Layout), ...)``: a dropped one, or else a new one."""
        if self.token is not runtime_token():
            self.token, self._shelves = runtime_token(), {}
        shelf = self._shelves.get((kind, layouts), ())
        tree = self._free_one(shelf)
        if tree is None and not all(kept.is_held for kept in shelf):
            gc.collect()  # compiling leaves circles behind that hold fields
            tree = self._free_one(shelf)
            for kept in shelf:
                kept.is_held = True
        if tree is None:
            return kind(layouts)
        tree.renew()
        return tree

    def lend(self, owner, kind, layouts):
        """What ``take`` gives, until the owner is no more."""
        tree = self.take(kind, layouts)
        weakref.finalize(owner, self.give_back, tree).atexit = False
        return tree

    def _free_one(self, shelf):
        """Takes a free tree off a shelf, or returns None."""
        for _ in range(min(len(shelf), MOST_TRIED)):
            tree = shelf.pop()  # the latest: a cache may still hold it
            if tree.is_free():
                return tree
            shelf.appendleft(tree)
        return None

    def give_back(self, tree):
        """Takes a tree whose owner is no more."""
        if tree.token is not self.token or tree.is_compiled_in:
            return
        key = type(tree), tree.layouts
        shelf = self._shelves.pop(key, None) or deque()
        self._shelves[key] = shelf  # the latest ones last
        shelf.append(tree)
        tree.is_held = False
        plain = [kept for kept in self._kept() if not kept.fields]
        for kept in plain[:-MOST_WITHOUT_FIELDS]:
            self._take_off(kept)

    @contextmanager
    def room(self, owner):
        """Within the block a tree is placed, where a dropped one was that is destroyed if there are many.

        Taichi has a place that stays empty end the process as soon as a tape clears gradients.  Not with Vulkan, which
        has room for any number.

        Raises:
            TooLargeError: there is no room for another tree, the one of ``ti.field`` left aside.
        """
        trees = 0 if backend() == "vulkan" else impl.get_runtime().prog.get_snode_tree_size()
        is_given = trees >= MANY_TREES and (self._given_up() or (gc.collect() > 0 and self._given_up()))
        if trees >= MOST_TREES - 1 and not is_given:
            raise TooLargeError(
                f"{owner}: expected at most {MOST_TREES - 1} groups of fields at a time, for which Taichi has"
                " room in a run: numpy(), set() and gradient() need no fields, or call taichi_dr.init() anew"
            )
        try:
            yield
        except BaseException:
            if is_given:
                _fill_place()
            raise

    def _given_up(self):
        """Whether there was a free tree, the oldest of which is destroyed."""
        held = count_held_by_kernels()
        tree = next((kept for kept in self._kept() if kept.fields and kept.is_free(held)), None)
        if tree is not None:
            self._take_off(tree)
            tree.destroy()
        return tree is not None

    def _take_off(self, tree):
        self._shelves[type(tree), tree.layouts].remove(tree)

    def _kept(self):
        return [tree for shelf in self._shelves.values() for tree in shelf]


def _fill_place():
    builder = ti.FieldsBuilder()
    builder.dense(ti.i, 1).place(ti.field(ti.i32))
    builder.finalize()


pool = Pool()
