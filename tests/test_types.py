"""Everything public says what it takes and what it gives: type hints, and a docstring for a hover in an editor."""

import inspect
from functools import cached_property

import taichi_dr as dr


def functions_of(name, value):
    """``(dotted name, function)`` of everything that users may call or read in a public name."""
    if inspect.ismodule(value):
        for member, what in vars(value).items():
            if not member.startswith("_") and _is_public(value, member, what):
                yield from functions_of(f"{name}.{member}", what)
    elif inspect.isclass(value):
        for member, what in members_of(value).items():
            if isinstance(what, property):
                yield from ((f"{name}.{member}", part) for part in (what.fget, what.fset) if part)
            elif isinstance(what, classmethod | staticmethod):
                yield f"{name}.{member}", what.__func__
            elif isinstance(what, cached_property):
                yield f"{name}.{member}", what.func
            elif callable(what):
                yield f"{name}.{member}", what
    elif callable(value):
        yield name, value


def members_of(kind):
    """What a class and its bases of this package define that users may name, and how it is made."""
    bases = [base for base in kind.__mro__[::-1] if base.__module__.startswith("taichi_dr")]
    members = {name: value for base in bases for name, value in vars(base).items()}
    made = "__init__" if not getattr(kind, "_is_protocol", False) else None
    return {name: value for name, value in members.items() if name == made or not name.startswith("_")}


def _is_public(module, name, value):
    return name in getattr(module, "__all__", ()) or getattr(value, "__module__", None) == module.__name__


def everything():
    """Functions of the public names but the kernels', and of the package's classes that those return."""
    waiting = {name: getattr(dr, name) for name in dr.__all__ if name != "kernels"}
    met, found = [*waiting.values()], []
    while waiting:
        functions = [*functions_of(*waiting.popitem())]
        found += functions
        for _, function in functions:
            returned = inspect.signature(function).return_annotation
            if getattr(returned, "__module__", "").startswith("taichi_dr") and returned not in met:
                met.append(returned)
                waiting[returned.__name__] = returned
    return found


FUNCTIONS = everything()


def test_functions_methods_and_properties_are_looked_at():
    names = {name for name, _ in FUNCTIONS}
    known = {"init", "Camera.orbit", "Camera.eye", "Camera.__init__", "SoftRasterizer.sigma", "Rasterizer.render"}
    assert known | {"Frame.numpy", "losses.iou", "shapes.car", "schedules.cosine", "Lights.gradient"} <= names
    assert {"Variable.to_numpy", "FieldGroup.set", "Topology.edges", "GradientReport.ok", "Field.grad"} <= names


def test_everything_has_hints():
    missing = []
    for name, function in FUNCTIONS:
        if getattr(function, "_is_taichi_function", False):
            continue  # a ti.func converts to what it is annotated with, or refuses it: packets, tuples, fields' numbers
        signature = inspect.signature(function)
        untyped = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.annotation is inspect.Parameter.empty and parameter.name not in ("self", "cls")
        ]
        if signature.return_annotation is inspect.Signature.empty:
            untyped.append("what it returns")
        missing += [f"{name}: no type of {', '.join(untyped)}"] if untyped else []
    assert not missing, "\n".join(missing)


def test_everything_has_a_docstring():
    explained = {name for name, function in FUNCTIONS if inspect.getdoc(function)}
    missing = sorted({name for name, _ in FUNCTIONS if not name.endswith("__init__")} - explained)
    assert not missing, f"no docstring: {', '.join(missing)}"
