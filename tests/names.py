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

    With ``room`` None the name begins with ``taichi_dr`` itself.
    """
    parts = (f"{room}.{name}" if room else name).split(".")
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
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{member.name}" for member in node.body if isinstance(member, ast.FunctionDef)}
    return names


def code_spans(text):
    """The code spans of a docstring or a page, in single or double backticks, blocks of code left out."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [double or single for double, single in re.findall(r"``([^`]+)``|`([^`\n]+)`", text)]
