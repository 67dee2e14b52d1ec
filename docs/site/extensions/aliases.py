"""Types in signatures by the names that ``taichi_dr.types`` has for them: ``ArrayLike``, not all that NumPy takes.

For the site alone, and before the rest of the package is imported: the names become classes that stand for the types.
"""

import ast
import inspect
from itertools import pairwise

from taichi_dr import types

NAMES = ("Array", "ArrayLike", "Color", "PathLike", "Progress", "Schedule", "Size")


def replace():
    """Puts a class in place of every type that has a name."""
    for name in NAMES:
        setattr(types, name, type(name, (), {"__module__": types.__name__}))


def described():
    """``{name: (definition, docstring)}`` of the types, as the file says."""
    body = ast.parse(inspect.getsource(types)).body
    found = {"ArrayLike": ("numpy.typing.ArrayLike", "What NumPy can make an array of.")}
    for node, following in pairwise(body):
        if isinstance(node, ast.AnnAssign) and node.target.id in NAMES:
            found[node.target.id] = ast.unparse(node.value), following.value.value
    return found
