"""How Taichi compiles kernels: sooner than by itself, timed, and told to those who wait.

Taichi reads the Python of a kernel, and of every ``ti.func`` it calls at every call, in every process; what it makes of
it is kept on disk.  What this file changes below Taichi's documented interface, and why:

* ``_describe_positions_briefly`` replaces ``ASTTransformerContext.get_pos_info``: while Taichi reads a kernel, it draws
  an excerpt of the source for every node, in case of an error, which takes about half of the reading.
* ``_look_sources_up_once`` replaces ``kernel_impl.getsourcelines`` and ``getsourcefile``: a function's source is found
  in its file anew for every call of it, through all modules there are, which takes a fifth of the reading.
* ``_ask_frames_for_classes`` replaces ``kernel_impl._inside_class``: whether ``ti.func`` and ``ti.kernel`` decorate a
  method is found by the text of a line of source, looked for through all modules, which takes a third of the import of
  this package; the namespace of the frame says it as well.  Theirs also swallows Ctrl-C.
* ``unlock_cache`` removes the file with which a process locks the cache on the disk while it reads or writes it, if it
  was killed meanwhile: from then on every process would compile everything, and keep nothing.
* ``_watch_kernels`` wraps ``Kernel.materialize`` and ``Kernel.__call__``: Taichi says neither that it begins to compile
  nor how long it took.

Each is gone when Taichi is hardly slower without it, or tells by itself; the lock when it ends with its process.
"""

import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from taichi._lib import core
from taichi.lang import kernel_impl
from taichi.lang.ast import ast_transformer_utils

LOCK = "ticache.lock"
LOCKED_SECONDS = 60.0  # more than reading or writing the cache takes

_seconds = 0.0
_calling = False  # a kernel that is compiled may be the first to name a field, whose making calls kernels
_watchers = []


def seconds_compiling():
    """Seconds this process has spent on compiling: on the first call of every kernel, for each kind of arguments.

    That is reading its Python, compiling it or loading it from the disk, making machine code of it, and running once.
    """
    return _seconds


def unlock_cache(folder=None):
    """Frees the cache of compiled kernels from a lock that a killed process has left; before ``ti.init``.

    ``folder``: the option ``offline_cache_file_path`` of ``ti.init``, if it is given.
    """
    default = core.default_compile_config().offline_cache_file_path
    lock = Path(folder or os.environ.get("TI_OFFLINE_CACHE_FILE_PATH") or default) / LOCK
    with suppress(OSError):
        if time.time() - lock.stat().st_mtime > LOCKED_SECONDS:
            lock.unlink()


@contextmanager
def watching(tell):
    """Within the block ``tell(name)`` is called before a kernel of that name is compiled; it must not run any."""
    _watchers.append(tell)
    try:
        yield
    finally:
        _watchers.remove(tell)


def _watch_kernels():
    kernel = kernel_impl.Kernel
    materialize, call = kernel.materialize, kernel.__call__

    def tell_and_materialize(self, key=None, args=None, arg_features=None):
        if _watchers and key not in self.compiled_kernels:
            for tell in _watchers:
                tell(self.func.__name__)
        materialize(self, key, args, arg_features)

    def call_and_time(self, *args, **keywords):
        global _seconds, _calling
        started, known = time.perf_counter(), len(self.compiled_kernels)
        outer, _calling = _calling, True
        try:
            return call(self, *args, **keywords)
        finally:
            _calling = outer
            if len(self.compiled_kernels) > known and not outer:
                _seconds += time.perf_counter() - started

    kernel.materialize, kernel.__call__ = tell_and_materialize, call_and_time


def _describe_positions_briefly():
    """Has Taichi draw an excerpt of the source for errors alone; other positions are a file, a line and its text."""
    context = ast_transformer_utils.ASTTransformerContext
    drawn = context.get_pos_info

    def brief_or_drawn(self, node):
        if sys.exc_info()[0] is not None:  # asked by a handler that is about to show it
            return drawn(self, node)
        place = f'File "{self.file}", line {node.lineno + self.lineno_offset}, in {self.func.func.__name__}:'
        return f"{place}\n{self.src[node.lineno - 1].rstrip()}\n"

    context.get_pos_info = brief_or_drawn


def _look_sources_up_once():
    kernel_impl.getsourcelines = _once_per_code(kernel_impl.getsourcelines)
    kernel_impl.getsourcefile = _once_per_code(kernel_impl.getsourcefile)


def _once_per_code(find):
    """``find(function)``, remembered as long as the function lives and has the same code.

    A cell of a notebook that is run again makes another function; what reloads modules in place (IPython's
    ``autoreload``) gives a function other code.
    """
    found = WeakKeyDictionary()

    def find_once(function):
        code, result = found.get(function, (None, None))
        if code is not function.__code__:
            result = find(function)
            found[function] = function.__code__, result
        return result

    return find_once


def _ask_frames_for_classes():
    def inside_class(level_of_class_stackframe):
        # Theirs is told the frame around the class, whose line begins with "class"; the one below is the class body's.
        return "__qualname__" in sys._getframe(level_of_class_stackframe - 1).f_locals

    kernel_impl._inside_class = inside_class


_describe_positions_briefly()
_look_sources_up_once()
_ask_frames_for_classes()
_watch_kernels()
