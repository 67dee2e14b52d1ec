"""Names that pages and docstrings mention in code font, looked up: no page tells of what is gone."""

import ast
import functools
import importlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "taichi_dr"


def module_files():
    """``{dotted name: path}`` of every module of the package; a room goes by the name of its folder."""
    files = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def rooms():
    """``{dotted name: path of its __init__.py}`` of the package's folders, without the package itself."""
    return {name: path for name, path in module_files().items() if path.name == "__init__.py" and name != "taichi_dr"}


def resolves(name, room="taichi_dr"):
    """Whether a dotted name is a module of ``room``, or something in one: a function, a class, a member of a class.

    A name that begins with ``taichi_dr`` is taken as it is.
    """
    parts = (name if name.startswith("taichi_dr") else f"{room}.{name}").split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        return _has(found, parts[length:])
    return False


def _has(owner, members):
    for member in members:
        if not hasattr(owner, member):
            return False
        owner = getattr(owner, member)
    return True


@functools.cache
def functions_of(path):
    """Names of the functions and classes of a Python file, methods included as ``Class.method``."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{member.name}" for member in node.body if isinstance(member, ast.FunctionDef)}
    return names


def code_spans(text):
    """The code spans of a docstring or a page, in single or double backticks, blocks of code left out."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [double or single for double, single in re.findall(r"``([^`]+)``|`([^`\n]+)`", text)]


@functools.cache
def identifiers():
    """Every name that the package gives to something: functions, classes, arguments, variables, attributes."""
    names = set()
    for path in module_files().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
    return names


def exists(name):
    """Whether a name of a page is something of this repository: a path, an identifier, ``module.name``, ``Class.name``.

    An object goes by the name of its class: ``frame.color`` is ``Frame.color``.
    """
    if "/" in name or re.search(r"\.(py|md|svg|txt)$", name):
        folders = (ROOT, PACKAGE, PACKAGE / "kernels")
        return any((folder / name).exists() for folder in folders) or any(PACKAGE.rglob(name.removeprefix("/")))
    owner, _, member = name.removesuffix(".grad").rpartition(".")
    modules = module_files()
    if not owner:
        return member in identifiers() or resolves(member) or any(module.endswith(f".{member}") for module in modules)
    if any(resolves(member, module) for module in modules if module.endswith(f".{owner}")):
        return True
    owners = {owner, owner.capitalize()}
    defined = [(module, class_name) for module, path in modules.items() for class_name in owners & functions_of(path)]
    return resolves(name) or any(resolves(f"{class_name}.{member}", module) for module, class_name in defined)
