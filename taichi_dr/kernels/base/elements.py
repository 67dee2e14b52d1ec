"""Elements of fields of any shape, scalar or vector, by row and component: for kernels over a user's fields.

``n`` is the number of components, 0 for a scalar field (``bridge.components``).  Each function is for kernels in which
one thread owns an element: storing is not atomic.
"""

import taichi as ti


@ti.func
def unflatten(row, shape: ti.template()):
    """Index of the ``row``-th element, in row-major order, of a field of this shape."""
    index = ti.Vector([0 for _ in ti.static(range(max(len(shape), 1)))])
    rest = row
    for d in ti.static(range(len(shape) - 1, -1, -1)):
        index[d] = rest % shape[d]
        rest = rest // shape[d]
    return index


@ti.func
def get_component(field: ti.template(), index, k: ti.template(), n: ti.template()):
    """``field[index][k]``."""
    if ti.static(len(field.shape) == 0):
        if ti.static(n > 0):
            return field[None][k]
        else:
            return field[None]
    else:
        if ti.static(n > 0):
            return field[index][k]
        else:
            return field[index]


@ti.func
def set_component(field: ti.template(), index, k: ti.template(), n: ti.template(), value):
    """``field[index][k] = value``."""
    if ti.static(len(field.shape) == 0):
        if ti.static(n > 0):
            field[None][k] = value
        else:
            field[None] = value
    else:
        if ti.static(n > 0):
            field[index][k] = value
        else:
            field[index] = value
