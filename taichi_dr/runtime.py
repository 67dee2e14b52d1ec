"""Backend and precision choice, and the state of Taichi's runtime.

What this file reads below Taichi's documented interface, and why (``compilation``, ``tape``, ``fields.tree``,
``kernels.base.arrays``, ``kernels.base.launch``, ``kernels.base.replay`` and ``kernels.march.packets`` say it of
theirs):

* ``runtime_token``, ``current_tape`` and ``recording_tape`` read ``ti.lang.impl.get_runtime()``: Taichi tells neither
  that a second ``ti.init`` has invalidated every field nor which tape is open and whether it records.  Gone when Taichi
  offers them by name.
* ``python_scope`` puts aside what says that Taichi is compiling a kernel: a field made meanwhile (by the kernel that is
  the first to name it) would break the runtime for good.  Gone when fields may be made there.
* ``_date_fields`` has fields note their runtime and look at it before they look at their memory: reading a field of a
  former runtime ends the process.  Gone when Taichi raises an exception then.
* ``_guard_forks`` has whatever asks for the runtime refuse in a process that was forked from one that has it: Taichi's
  threads are not there, and the first kernel, or another ``ti.init``, waits for them for ever.  Gone when Taichi starts
  them anew in the child.
* ``_guard_tapes`` has ``ti.ad.Tape`` refuse a second thread: two that compile fail with an empty AssertionError, and
  the tape of one records what the other calls.  Gone when Taichi has a tape per thread, or says so itself.
* ``has_computed`` asks whether Taichi has made fields yet: it cannot in another thread than that of ``ti.init``.  Gone
  when it can.
"""

import io
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout
from typing import Any, Literal

import taichi as ti
from taichi.lang import impl
from taichi.lang.field import Field

from taichi_dr.compilation import unlock_cache  # before any kernel is made
from taichi_dr.devices import vulkan_device
from taichi_dr.errors import BackendError, GradientError, InputError, RuntimeStateError
from taichi_dr.types import Backend

ARCHITECTURES = {"cpu": ti.cpu, "cuda": ti.cuda, "vulkan": ti.vulkan}
LOG_LEVELS = (ti.TRACE, ti.DEBUG, ti.INFO, ti.WARN, ti.ERROR, ti.CRITICAL)


def _date_fields():
    """Has every field note the runtime that it is made in, and refuse to be read in another."""
    make = Field.__init__

    def make_and_note(self, *members):
        make(self, *members)
        self.made_in = impl.get_runtime()

    def only_alive(method):
        def check_and_call(self):
            check_field_runtime("field", self)
            return method(self)

        return check_and_call

    Field.__init__ = make_and_note
    Field._snode = property(only_alive(Field._snode.fget))
    Field._initialize_host_accessors = only_alive(Field._initialize_host_accessors)


_date_fields()
_at_import = impl.get_runtime()  # that of fields made before


def _guard_tapes():
    """Has tapes refuse a second thread."""
    enter, leave = ti.ad.Tape.__enter__, ti.ad.Tape.__exit__
    turn = threading.RLock()

    def enter_alone(self):
        if not turn.acquire(blocking=False):
            raise _two_threads()
        self.thread, self.end_turn = threading.get_ident(), turn.release
        try:
            return enter(self)
        except BaseException:
            turn.release()
            raise

    def leave_alone(self, *error):
        try:
            return leave(self, *error)
        finally:
            turn.release()

    ti.ad.Tape.__enter__, ti.ad.Tape.__exit__ = enter_alone, leave_alone


def _two_threads():
    return GradientError(
        "another thread is inside a ti.ad.Tape, and Taichi has one tape and one runtime per process: let one thread do"
        " all work with Taichi, init included (a concurrent.futures.ThreadPoolExecutor(1)), or use a process for each"
    )


_guard_tapes()


def _guard_forks():
    """Has a child that inherits a runtime know that it is of no use."""

    def look():
        global _checked, _is_forked
        _checked, _is_forked = None, is_initialised()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=look)


_is_forked = False
_guard_forks()


def _require_no_fork():
    if _is_forked:
        raise RuntimeStateError(
            "this process was forked from one in which Taichi was initialised, whose threads are not here: start it"
            ' anew, multiprocessing_context="spawn" of a DataLoader or multiprocessing.get_context("spawn"), and call'
            " taichi_dr.init() in it; or fork before taichi_dr.init() is called"
        )


def init(arch: Backend | Literal["auto"] = "auto", *, float64: bool = False, **options: Any) -> Backend:
    """Initialises Taichi for the package: ``ti.init`` with a backend that exists and quiet logs.

    ``arch`` is ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"vulkan"``.  ``"auto"`` takes CUDA, then a Vulkan *hardware*
    device, then the CPU (a software Vulkan driver is slower than the CPU backend, so it must be asked for by name).
    ``float64=True`` makes every kernel compute in double precision, which is what gradient checks want; CUDA and CPU
    only.  Any other keyword goes to ``ti.init``.  A call of ``ti.init`` of your own serves as well.

    Returns the name of the backend in use.

    Raises:
        BackendError: ``arch`` is unknown or not available here, or is Vulkan with ``float64=True``.
        RuntimeStateError: the process was forked from one in which Taichi was initialised.
        InputError: ``default_fp`` is given, which ``float64`` stands for.

    >>> init("cpu")
    'cpu'
    """
    if "default_fp" in options:
        raise InputError(f"default_fp: expected float64=True (or nothing, for float32), got {options['default_fp']}")
    _require_no_fork()
    names = _candidates(arch)
    if float64 and "vulkan" in names:
        names = [name for name in names if name != "vulkan"]
        if not names:
            raise BackendError("float64 on Vulkan is not supported (it has no double-precision exp): use cpu or cuda")
    unlock_cache(options.get("offline_cache_file_path"))
    quiet = {"log_level": ti.ERROR} | options
    for name in names:
        with _quiet_start(verbose="log_level" in options):
            ti.init(arch=ARCHITECTURES[name], default_fp=ti.f64 if float64 else ti.f32, **quiet)
        if backend() == name:
            global _started
            _started = impl.get_runtime(), threading.get_ident()
            return name
    raise BackendError(f"backend {arch!r} could not be started on this machine; available: {available_backends()}")


_started: tuple[Any, Any] = None, None  # the runtime that ``init`` has made, and the thread


def has_computed():
    """Whether a kernel has run since the latest ``ti.init``."""
    return impl.get_runtime().materialized


def require_thread_of_init(what):
    """Raises RuntimeStateError in another thread than that of ``init``, where fields cannot be made.

    The first kernel makes the fields of its runtime, if only of none.  In another thread Taichi fails, and then makes
    no field in any thread.  Where ``ti.init`` was called directly, nobody knows in which thread.
    """
    runtime, thread = _started
    if runtime is impl.get_runtime() and thread != threading.get_ident():
        raise RuntimeStateError(
            f"{what}: Taichi makes fields in the thread that has called taichi_dr.init() alone: do it there once, after"
            " that threads may do it too"
        )


def _candidates(arch):
    if arch != "auto" and arch not in ARCHITECTURES:
        expected = ", ".join(["auto", *ARCHITECTURES])
        raise BackendError(f"unknown backend {arch!r}: expected one of {expected}")
    if arch == "auto":
        return [name for name in available_backends() if name != "vulkan" or vulkan_device().hardware]
    if arch not in available_backends():
        raise BackendError(f"backend {arch!r} is not available on this machine; available: {available_backends()}")
    return [arch]


def available_backends() -> list[Backend]:
    """Names of the backends that this machine has, fastest first; ``"cpu"`` always is among them."""
    with without_messages(ti.ERROR):
        names: list[Backend] = ["cuda"] if ti.lang.misc.is_arch_supported(ti.cuda) else []
        if vulkan_device() is not None and ti.lang.misc.is_arch_supported(ti.vulkan):
            names.append("vulkan")
    return [*names, "cpu"]


@contextmanager
def without_messages(below=ti.CRITICAL):
    """Silences Taichi's messages below a level for a while: looking for CUDA or a display warns where there is none."""
    level = next(level for level in LOG_LEVELS if ti.is_logging_effective(level))
    ti.set_logging_level(below)
    try:
        yield
    finally:
        ti.set_logging_level(level)


@contextmanager
def _quiet_start(verbose):
    """Silences the two banner lines of ``ti.init``, which no option turns off, for the length of the call.

    Both Python's ``sys.stdout``, which a notebook or a test may have replaced, and the process's own output.
    """
    if verbose:
        yield
        return
    sys.stdout.flush()
    saved, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(sink)


def is_initialised():
    """Whether there is a runtime, so that fields can be made."""
    return impl.get_runtime().prog is not None


def require_init():
    """Raises RuntimeStateError unless Taichi has been initialised, BackendError if with types that kernels lack."""
    global _checked
    _require_no_fork()
    runtime = impl.get_runtime()
    if not is_initialised():
        raise RuntimeStateError("Taichi is not initialised: call taichi_dr.init() or ti.init(...) first")
    if runtime is not _checked:
        _check_types(runtime)
        _checked = runtime


_checked = None  # the runtime whose types have been looked at: ti.init makes a new one


def _check_types(runtime):
    name = _backend_name()
    if runtime.default_fp not in (ti.f32, ti.f64) or runtime.default_ip != ti.i32:
        raise BackendError(
            "ti.init: expected default_fp=ti.f32 or ti.f64 and default_ip=ti.i32,"
            f" got {runtime.default_fp.to_string()} and {runtime.default_ip.to_string()}"
        )
    if runtime.default_fp == ti.f64 and name not in ("cpu", "cuda"):
        raise BackendError(f"float64 on {name} is not supported (it has no double-precision exp): use cpu or cuda")


in_python_scope: list[Callable[[], AbstractContextManager]] = []
"""What is set aside within ``python_scope`` beside Taichi's own state, by those who change how kernels compile."""


@contextmanager
def python_scope():
    """Within the block fields can be made and kernels launched, also while Taichi compiles a kernel."""
    runtime = impl.get_runtime()
    compiling = runtime.inside_kernel, runtime.current_kernel, runtime.compiling_callable
    runtime.inside_kernel, runtime.current_kernel, runtime.compiling_callable = False, None, None
    try:
        with ExitStack() as stack:
            for set_aside in in_python_scope:
                stack.enter_context(set_aside())
            yield
    finally:
        runtime.inside_kernel, runtime.current_kernel, runtime.compiling_callable = compiling


def is_compiling():
    """Whether Taichi is compiling a kernel: whoever asks is part of it."""
    return impl.inside_kernel()


def backend() -> Backend:
    """Name of the backend in use: ``"cpu"``, ``"cuda"``, ``"vulkan"`` (or Taichi's name of another)."""
    require_init()
    return _backend_name()


def _backend_name():
    arch = ti.cfg.arch
    return next((name for name, value in ARCHITECTURES.items() if value == arch), ti._lib.core.arch_name(arch))


def float_dtype():
    """``ti.f32`` or ``ti.f64``: the floating-point type of this run's fields, arrays and kernels."""
    require_init()
    return impl.get_runtime().default_fp


def runtime_token():
    """An object that stays the same until the next ``ti.init``; owners of fields and arrays compare it."""
    runtime = impl.get_runtime()
    if runtime is not _checked:
        require_init()
    return runtime


def check_runtime(token, owner):
    """Raises RuntimeStateError if ``owner`` (a word for the message) was made before the latest ``ti.init``."""
    if runtime_token() is not token:
        raise RuntimeStateError(
            f"{owner}: made before the latest ti.init, which frees every field and array; make it again"
        )


def check_field_runtime(name, field):
    """Raises RuntimeStateError if a field or variable, ``name`` in messages, was made before the latest ``ti.init``."""
    made_in = getattr(field, "made_in", _at_import)
    if made_in is not impl.get_runtime():
        check_runtime(made_in, name)


def current_tape():
    """The open ``ti.ad.Tape``, or None.

    Raises:
        GradientError: another thread has opened it.
    """
    tape = impl.get_runtime().target_tape
    if getattr(tape, "thread", threading.get_ident()) != threading.get_ident():
        raise _two_threads()
    return tape


def recording_tape():
    """The open ``ti.ad.Tape`` if it records what is called now; None where that is kept off it."""
    return None if impl.get_runtime().grad_replaced else current_tape()
