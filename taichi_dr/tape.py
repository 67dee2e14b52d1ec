"""How the package's kernels join the user's ``ti.ad.Tape``: as one operation with an adjoint of its own.

``off_tape`` reads ``grad_replaced``, the flag by which Taichi's own ``ti.ad.no_grad`` and ``ti.ad.grad_replaced`` keep
kernels off the tape: they reset it on leaving, so that one inside another would put the rest of the outer one back on
the tape.  Gone when ``ti.ad.no_grad`` can be nested.
"""

from functools import wraps

import taichi as ti
from taichi.lang import impl


def off_tape(function):
    """Decorates a function whose kernels an open tape must not record; may be nested."""

    @wraps(function)
    def run(*arguments):
        if impl.get_runtime().grad_replaced:
            return function(*arguments)
        results = []
        ti.ad.no_grad(lambda: results.append(function(*arguments)))()
        return results[0]

    return run


def tape_operation(forward, adjoint):
    """A callable that runs ``forward(request)``; an open tape calls ``adjoint(request)`` on its way back."""
    operation = ti.ad.grad_replaced(forward)
    ti.ad.grad_for(operation)(adjoint)
    return operation
