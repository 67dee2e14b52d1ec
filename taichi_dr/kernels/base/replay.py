"""Launches with arguments that a kernel has had before, without Taichi's looking at each of them again.

Before every launch Taichi goes through the arguments in Python: 55 us for 12 arrays and 5 numbers, of which the launch
itself takes 3.  Rendering step by step the arguments are the same arrays and the same numbers each time, so on CPUs
``replayed`` keeps what Taichi makes of them (a launch context, with the addresses of the arrays) and launches by that.
This file reads ``Kernel.compiled_kernels``, ``make_launch_context`` and ``Program.launch_kernel`` below Taichi's
documented interface.  Gone when Taichi's launches take a few microseconds.
"""

import functools
import math
import weakref

import numpy as np
import taichi as ti
from taichi.lang import impl, runtime_ops
from taichi.types import primitive_types
from taichi.types.ndarray_type import NdarrayType

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.runtime import runtime_token

REAL, INTEGER = set(primitive_types.real_type_ids), set(primitive_types.integer_type_ids)
MORTAL = ti.Ndarray, ti.Field
MOST_KEPT = 32  # lists of arguments of a kernel


def replayed(kernel):
    """Has a kernel of arrays, numbers and templates launch faster with arguments that it had before.

    Not on GPUs, where bounds are checked (``ti.init(debug=True)``), with keywords, or on an open tape, which is to
    record it.

    Raises:
        TypeError: a parameter is something else.
    """
    primal, known, seen, runtime = kernel._primal, {}, set(), None
    _require_plain(primal)

    @functools.wraps(kernel)
    def launch(*arguments, **keywords):
        nonlocal runtime
        if keywords or not on_cpu() or not _is_off_tape():
            return kernel(*arguments, **keywords)
        if runtime is not runtime_token():
            runtime = runtime_token()
            known.clear()
        key = tuple(map(_mark, arguments))
        if key in known:
            return known[key]()
        result = kernel(*arguments)
        if key not in seen:  # what is never seen again is not worth it
            if len(seen) >= MOST_KEPT:
                seen.clear()
            seen.add(key)
        elif not ti.cfg.debug and all(map(_lies_in_order, arguments)):
            if len(known) >= MOST_KEPT:
                del known[next(iter(known))]
            known[key] = _Launch(primal, arguments, lambda argument: known.pop(key, None))
        return result

    return launch


def _require_plain(primal):
    for argument in primal.arguments:
        kind = argument.annotation
        if not (_is_template(kind) or isinstance(kind, NdarrayType) or id(kind) in REAL | INTEGER):
            raise TypeError(
                f"{primal.func.__name__}: {argument.name} is a {kind}; expected an array, number or template"
            )


def _is_template(annotation):
    return isinstance(annotation, ti.template) or annotation is ti.template


def _is_off_tape():
    runtime = impl.get_runtime()
    return runtime.grad_replaced or not (runtime.target_tape or runtime.fwd_mode_manager)


def _mark(argument):
    """What an argument is known by: an array of Taichi's or a field is itself, one of NumPy's is a place in memory."""
    if isinstance(argument, MORTAL):
        return id(argument)
    if isinstance(argument, np.ndarray):
        return argument.__array_interface__["data"][0], argument.shape, argument.dtype
    if isinstance(argument, tuple):
        return type(argument), *map(_mark, argument)
    return argument, type(argument)


def _mortal(arguments):
    """The arguments that are known by themselves, those in tuples too."""
    for argument in arguments:
        if isinstance(argument, MORTAL):
            yield argument
        elif isinstance(argument, tuple):
            yield from _mortal(argument)


def _lies_in_order(argument):
    return not isinstance(argument, np.ndarray) or argument.flags.c_contiguous


class _Launch:
    """A launch that can be made again; ``forget(argument)`` is called when an array or field dies.

    The program is not held: it has to die with its runtime.
    """

    def __init__(self, primal, arguments, forget):
        program = impl.get_runtime().prog
        compiled = primal.compiled_kernels[primal.ensure_compiled(*arguments)]
        kinds = [argument.annotation for argument in primal.arguments]
        passed = [(kind, value) for kind, value in zip(kinds, arguments, strict=True) if not _is_template(kind)]
        self._primal, self._context = primal, compiled.make_launch_context()
        for place, (kind, value) in enumerate(passed):
            _set(self._context, place, kind, value)
        self._data = program.compile_kernel(program.config(), program.get_device_caps(), compiled)
        self._arrays = [weakref.ref(argument, forget) for argument in _mortal(arguments)]

    def __call__(self):
        impl.get_runtime().prog.launch_kernel(self._data, self._context)
        if self._primal.return_type is None:
            return None
        runtime_ops.sync()
        returned = [
            self._primal.construct_kernel_ret(self._context, kind, (i,))
            for i, kind in enumerate(self._primal.return_type)
        ]
        return returned[0] if len(returned) == 1 else returned


def _set(context, place, kind, value):
    if isinstance(kind, NdarrayType):
        # as memory of somebody else's: a launch takes addresses for its own arrays and leaves them in their place
        context.set_arg_external_array_with_shape((place,), *_memory(value), value.shape[: kind.ndim], 0)
    elif id(kind) in REAL:
        context.set_arg_float((place,), float(value))
    else:
        context.set_arg_int((place,), int(value))


def _memory(array):
    """(address, size in bytes) of an array."""
    if isinstance(array, np.ndarray):
        return array.ctypes.data, array.nbytes
    size = math.prod((*array.shape, *array.element_shape)) * np.dtype(ti.lang.util.to_numpy_type(array.dtype)).itemsize
    return impl.get_runtime().prog.get_ndarray_data_ptr_as_int(array.arr), size
