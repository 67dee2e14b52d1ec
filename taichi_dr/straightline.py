"""Refuses functions that Taichi would differentiate wrongly: those with loops that run at run time.

Taichi's reverse mode gives wrong numbers, and no error, for most loops inside a differentiated kernel; it is right for
loop-free code, loops in ``ti.static`` included.  So whoever differentiates a user's function checks it first.
"""

import ast
import builtins
import inspect
import textwrap

import taichi as ti

from taichi_dr.errors import GradientError, InputError

_STATEMENTS = {ast.While: "while", ast.Break: "break", ast.Continue: "continue"}


def require_straight_line(func):
    """Checks a ``ti.func`` or ``ti.kernel``, and every ``ti.func`` that it calls, by reading their source.

    The outermost loops of a kernel, which Taichi runs in parallel, are allowed.  A function that is reached through an
    argument, or through a subscript, is not seen.

    Raises:
        GradientError: a ``for`` that is not ``ti.static``, a ``while``, ``break`` or ``continue``, with the function,
            the file and the line; or a function whose source cannot be read.

    >>> @ti.func
    ... def length(v):
    ...     total = 0.0
    ...     for k in ti.static(range(3)):
    ...         total += v[k] * v[k]
    ...     return ti.sqrt(total)
    >>> require_straight_line(length)
    """
    _require(func, set())


def require_function_of_a_point(func, arguments=("a point",)):
    """Checks what is to be a loop-free ``ti.func`` (or a bound method of an object of Taichi's) of a point.

    ``arguments``: what it is a function of, in words.

    Raises:
        InputError: something else, or a function of more or fewer arguments.
        GradientError: it has a loop, or cannot be read: see ``require_straight_line``.
    """
    expected = f"a ti.func of {' and '.join(arguments)}"
    if not _is_taichi_function(func):
        raise InputError(f"expected {expected} (@ti.func above its def), got {func!r}")
    function, owner = _python_function(func)
    names = list(inspect.signature(function).parameters)[owner is not None :]
    if len(names) != len(arguments):
        raise InputError(f"{function.__qualname__}: expected {expected}, got one of ({', '.join(names)})")
    require_straight_line(func)


def _require(func, seen):
    function, owner = _python_function(func)
    if function.__code__ in seen:
        return
    seen.add(function.__code__)
    tree, names = _source(function), _Names(function, owner)
    outer = [node for node in tree.body if isinstance(node, ast.For)] if _is_kernel(func) else []
    for node in ast.walk(tree):
        for kind, word in _STATEMENTS.items():
            if isinstance(node, kind):
                _refuse(function, node, f"`{word}`")
        if isinstance(node, ast.For) and node not in outer and not names.is_static(node.iter):
            _refuse(function, node, "a loop that is not ti.static")
        if isinstance(node, ast.Call):
            called = names.resolve(node.func)
            if _is_taichi_function(called):
                _require(called, seen)


def _refuse(function, node, what):
    raise GradientError(
        f"{function.__qualname__} has {what} ({inspect.getsourcefile(function)}, line {node.lineno}): Taichi's reverse "
        "mode gives wrong gradients there without an error; unroll the loop with ti.static(range(...)), or turn it "
        "into the kernel's outermost loop"
    )


def _is_kernel(func):
    return hasattr(func, "_primal")


def _is_taichi_function(value):
    return getattr(getattr(value, "__func__", value), "_is_taichi_function", False) is True


def _python_function(func):
    """The Python function under Taichi's decorators, and the object whose method it is, or None."""
    owner = getattr(func, "__self__", getattr(func, "_kernel_owner", None))
    func = getattr(func, "__func__", func)
    if _is_kernel(func):
        return func._primal.func, owner
    function = inspect.unwrap(func)
    if not inspect.isfunction(function):
        raise GradientError(f"expected a ti.func or ti.kernel, got {func!r}")
    return function, owner


def _source(function):
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError):
        tree = None
    if not isinstance(tree, ast.FunctionDef):
        raise GradientError(f"the source of {function.__qualname__} cannot be read: define it with def in a file")
    ast.increment_lineno(tree, first - 1)
    return tree


class _Names:
    """What the names in a function's source mean: its closure, its globals, Python's built-ins and ``self``."""

    def __init__(self, function, owner):
        self._values = vars(builtins) | function.__globals__
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self._values[name] = cell.cell_contents
            except ValueError:  # not assigned yet
                self._values.pop(name, None)
        if owner is not None:
            self._values[function.__code__.co_varnames[0]] = owner

    def resolve(self, node):
        """The value of ``a`` or ``a.b.c``, or None."""
        if isinstance(node, ast.Name):
            return self._values.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self.resolve(node.value), node.attr, None)
        return None

    def is_static(self, node):
        """Whether a loop over ``node`` is unrolled when the kernel is compiled."""
        return isinstance(node, ast.Call) and self.resolve(node.func) is ti.static
