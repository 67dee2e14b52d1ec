"""Everything public says what it takes and what it gives: type hints, and a docstring for a hover in an editor."""

import inspect

import taichi_dr as dr

UNTYPED = {"Mesh"}
"""What has no hints yet."""


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
            elif hasattr(what, "func"):  # a cached property
                yield f"{name}.{member}", what.func
            elif callable(what):
                yield f"{name}.{member}", what
    elif callable(value):
        yield name, value


def members_of(kind):
    """What a class and its bases of this package define that users may name, and how it is made."""
    bases = [base for base in kind.__mro__[::-1] if base.__module__.startswith("taichi_dr")]
    members = {name: value for base in bases for name, value in vars(base).items()}
    return {name: value for name, value in members.items() if name == "__init__" or not name.startswith("_")}


def _is_public(module, name, value):
    return name in getattr(module, "__all__", ()) or getattr(value, "__module__", None) == module.__name__


FUNCTIONS = [
    found
    for public in dr.__all__
    if public not in UNTYPED | {"kernels"}
    for found in functions_of(public, getattr(dr, public))
]


def test_functions_methods_and_properties_are_looked_at():
    names = {name for name, _ in FUNCTIONS}
    known = {"init", "Camera.orbit", "Camera.eye", "Camera.__init__", "SoftRasterizer.sigma", "Rasterizer.render"}
    assert known | {"Frame.numpy", "losses.iou", "shapes.car", "schedules.cosine", "Lights.gradient"} <= names
    assert len(FUNCTIONS) > 150


def test_everything_has_hints():
    missing = []
    for name, function in FUNCTIONS:
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
