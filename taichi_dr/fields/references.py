"""How one knows that nobody holds a Taichi field any more: Python counts references.

How many a tree itself has to an object is known, those that Taichi's kernels keep (the keys of their template
instances, ``kernel.mapper.mapping``) are looked up, any more are a user's.  Gone when Taichi frees fields, or offers
to.
"""

import sys
from collections import Counter

from taichi.lang import impl


def references(things):
    return [sys.getrefcount(thing) for thing in things]


_something = [object()]
ALONE = references([*_something])[0]  # of a thing that one list holds


def count_held_by_kernels():
    """How often the template instances of all kernels hold each object, by its id."""
    held = Counter()
    for kernel in impl.get_runtime().kernels:
        for key in kernel.mapper.mapping:
            _count_members(key, held)
    return held


def is_compiled_in(ids):
    """Whether the kernel that is being compiled has none of the objects of these ids among its arguments."""
    kernel, held = impl.get_runtime().current_kernel, Counter()
    for key in kernel.mapper.mapping if kernel is not None else ():
        _count_members(key, held)
    return kernel is not None and not any(held[each] for each in ids)


def _count_members(key, held):
    for part in key:
        if isinstance(part, tuple):
            _count_members(part, held)
        else:
            held[id(part)] += 1
